//! System calls seen just before the kernel makes them.

use super::filter::{Verdict, filter};
use super::raw::{self, Notification, Raw};
use super::{CallRule, SystemCall};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::Pid;
use crate::signal::SignalSet;
use core::sync::atomic::{AtomicBool, Ordering};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::thread::{Builder, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// A system call that somebody is about to make.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    told: Notification,
    /// Whom to ask whether the call still waits. A number: an answer that keeps the call may outlive the descriptor.
    listener: RawFd,
    by_body: bool,
}

impl Call {
    /// Which call it is.
    #[must_use]
    pub const fn call(&self) -> SystemCall {
        SystemCall::from_raw(self.told.number.cast_unsigned())
    }

    /// The thread that makes it. `None` for one outside of the caller's pid namespace.
    #[must_use]
    pub fn thread(&self) -> Option<Pid> {
        Pid::from_raw(self.told.thread.cast_signed())
    }

    /// Whether the body itself makes it, on its thread; otherwise a thread or child does that it started.
    #[must_use]
    pub const fn is_by_body(&self) -> bool {
        self.by_body
    }

    /// An argument, counted from 0, as the kernel gets it: an address, a length. 0 for those beyond the sixth.
    #[must_use]
    pub fn argument(&self, index: usize) -> u64 {
        self.told.arguments.get(index).copied().unwrap_or(0)
    }

    /// An argument, counted from 0, as the C `int` that it is: an id, a descriptor, a command like `IPC_STAT`.
    #[must_use]
    pub fn integer(&self, index: usize) -> i32 {
        self.argument(index) as i32
    }

    /// Copies bytes from the memory of whoever makes the call, from an address on, as many as there are room for and can be read; how
    /// many. They are what was there just now: other threads may change them before the kernel looks.
    ///
    /// ```
    /// use ipc_safe::sysv::{MessageQueue, MessageType};
    /// use ipc_safe::testing::{Answer, SystemCall, intercept};
    ///
    /// let queue = MessageQueue::private()?;
    /// let mut message_type = [0; 8];
    /// let look = |call: &ipc_safe::testing::Call| {
    ///     call.read_memory(call.argument(1), &mut message_type).unwrap();
    ///     Answer::Proceed
    /// };
    /// intercept(&SystemCall::behind("msgsnd")?, look, || queue.send(MessageType::new(5).unwrap(), "hello"))??;
    /// assert_eq!(i64::from_ne_bytes(message_type), 5);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// [process_vm_readv(2)](https://man7.org/linux/man-pages/man2/process_vm_readv.2.html)
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for a process that the caller may not trace, `EFAULT` when not even the first
    /// byte can be read, and [`NotFound`](ErrorKind::NotFound) when nobody waits for the answer any more.
    #[doc(alias = "process_vm_readv")]
    pub fn read_memory(&self, address: u64, buffer: &mut [u8]) -> Result<usize> {
        let failed = |errno| Error::new("process_vm_readv", errno);
        let gone = || failed(NOBODY).kind_of(ErrorKind::NotFound).because("nobody waits for an answer any more");
        let thread = self.thread().ok_or_else(gone)?;
        let mut len = 0;
        while len < buffer.len() {
            let Some(from) = address.checked_add(len as u64) else { break };
            // The kernel copies all of a range or reports nothing of it: a page can be read or not, a range in part.
            let to_border = PAGE - (from % PAGE as u64) as usize;
            let end = buffer.len().min(len + to_border);
            match raw::read_memory(thread, from, &mut buffer[len..end]) {
                Ok(count) if count == end - len => len = end,
                Ok(count) => {
                    len += count;
                    break;
                }
                Err(NOBODY) => return Err(gone()),
                Err(errno) if len == 0 => return Err(failed(errno)),
                Err(_) => break,
            }
        }
        // While the call waits, the number of its thread is nobody else's.
        raw::is_waiting(self.listener, &self.told).map_err(|_| gone())?;
        Ok(len)
    }
}

/// There is no such process.
const NOBODY: Errno = Errno::from_raw(libc::ESRCH);

/// What divides the size of the pages of every machine.
const PAGE: usize = 4096;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel makes it.
    Proceed,
    /// The kernel does nothing, and it fails with this number. One outside 1 to 4095 is no error number: the call proceeds.
    Fail(Errno),
}

/// Runs `body` on a fresh thread and asks `answer` before each of these system calls of it (or [some](SystemCall::with_bits) of them), and of the threads and children that
/// it starts: to count them, to let them fail, or to do just before them what another process could.
///
/// A system call filter cannot be taken off again. It ends with the thread, and with the children, whose programs cannot gain
/// rights by set-user-ID bits.
///
/// `answer` runs on the calling thread, which blocks all signals meanwhile, so that they reach the body. Whoever makes the call
/// waits until it has answered: it must not wait for the body, and where calls for memory are among those asked about (`mmap`,
/// `brk`, `munmap`, `mprotect`, `madvise`, `futex`) it must not allocate.
///
/// Threads and children that outlive the body are looked after for another second; after that, these calls of theirs fail with
/// `ENOSYS`.
///
/// ```
/// use ipc_safe::sysv::{MessageQueue, MessageType};
/// use ipc_safe::testing::{Answer, SystemCall, intercept};
///
/// let owner = MessageQueue::private()?;
/// let queue = *owner;
/// let mut seen = 0;
/// let result = intercept(
///     &SystemCall::behind("msgsnd")?,
///     |call| {
///         assert_eq!(call.integer(0), queue.id());
///         seen += 1;
///         queue.remove().unwrap(); // just before it is sent to
///         Answer::Proceed
///     },
///     || queue.send(MessageType::MIN, "late"),
/// )?;
/// assert!(result.unwrap_err().is_removed());
/// assert_eq!(seen, 1);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [seccomp_unotify(2)](https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html)
///
/// # Errors
///
/// [`Unsupported`](ErrorKind::Unsupported) where the kernel lacks this (it came with Linux 5.5),
/// [`PermissionDenied`](ErrorKind::PermissionDenied) where a filter of the system forbids it, and
/// [`Other`](ErrorKind::Other) (`EBUSY`) within the body of another `intercept`. The body is not run then.
///
/// # Panics
///
/// When `body` or `answer` does.
pub fn intercept<T: Send, R: Copy + Into<CallRule>>(
    rules: &[R],
    mut answer: impl FnMut(&Call) -> Answer,
    body: impl FnOnce() -> T + Send,
) -> Result<T> {
    raw::check_notification_sizes().map_err(refused)?;
    let program = filter(rules.iter().map(|&rule| rule.into()), Verdict::Ask);
    let link = Link::default();
    std::thread::scope(|scope| {
        let name = std::thread::current().name().unwrap_or("intercepted").to_owned();
        let run = || link.run(&program, body);
        let thread = Builder::new().name(name).spawn_scoped(scope, run).map_err(no_thread)?;
        // Only once the thread is there: it has the mask that the caller has.
        let _mask = SignalSet::all().block()?;
        let mut panic = None;
        if let Some(listener) = link.listener(&thread) {
            // The calls that follow a panic proceed: somebody waits for an answer, and the scope for him.
            let mut guarded = |call: &Call| match &panic {
                Some(_) => Answer::Proceed,
                None => catch_unwind(AssertUnwindSafe(|| answer(call))).unwrap_or_else(|cause| {
                    panic = Some(cause);
                    Answer::Proceed
                }),
            };
            link.supervise(listener, &thread, &mut guarded);
        }
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        thread.join().unwrap_or_else(|panic| resume_unwind(panic)).map_err(refused)
    })
}

/// How long threads and children that outlive the body are looked after.
const GRACE: Duration = Duration::from_secs(1);

/// How long one wait lasts: after it, somebody looks whether the body has ended.
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What the two threads know of each other.
#[derive(Debug, Default)]
struct Link {
    /// The thread of the body, and its listener.
    filtered: OnceLock<(u32, OwnedFd)>,
    /// Whether the body has ended. What its thread does then is none of its calls.
    is_over: AtomicBool,
}

impl Link {
    /// On the thread of the body. From the filter to the end of the body it makes no call of its own: the filter may be for it.
    fn run<T>(&self, program: &[libc::sock_filter], body: impl FnOnce() -> T) -> Raw<T> {
        struct End<'l>(&'l AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let thread = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
        let listener = raw::install_supervised_filter(program)?;
        let _end = End(&self.is_over);
        // Nobody waits on the cell, so that there is nobody to wake by a call.
        let _ = self.filtered.set((thread, listener));
        Ok(body())
    }

    /// The listener, once it is there; `None` when there will be none.
    fn listener<T>(&self, thread: &ScopedJoinHandle<'_, T>) -> Option<&(u32, OwnedFd)> {
        loop {
            // In this order: the thread may have set it just before its end.
            let is_finished = thread.is_finished();
            match self.filtered.get() {
                None if !is_finished => std::thread::yield_now(),
                filtered => return filtered,
            }
        }
    }

    /// Answers calls until nobody is left who could make one.
    fn supervise<T>(
        &self,
        (body, listener): &(u32, OwnedFd),
        thread: &ScopedJoinHandle<'_, T>,
        answer: &mut impl FnMut(&Call) -> Answer,
    ) {
        let mut deadline = None;
        loop {
            match wait(listener.as_fd()) {
                Event::None if thread.is_finished() => {
                    if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + GRACE) {
                        return;
                    }
                }
                Event::None => {}
                Event::Call => self.tell(*body, listener.as_fd(), answer),
                Event::End => return,
            }
        }
    }

    fn tell(&self, body: u32, listener: BorrowedFd<'_>, answer: &mut impl FnMut(&Call) -> Answer) {
        // An error: whoever made the call was killed meanwhile, or a signal handler ran here.
        let Ok(told) = raw::take(listener) else { return };
        let by_body = told.thread == body;
        let failure = if by_body && self.is_over.load(Ordering::SeqCst) {
            None
        } else {
            match answer(&Call { told, listener: listener.as_raw_fd(), by_body }) {
                Answer::Fail(errno) if is_error(errno) => Some(errno),
                Answer::Fail(_) | Answer::Proceed => None,
            }
        };
        // An error: it was killed meanwhile.
        let _ = raw::answer(listener, &told, failure);
    }
}

/// Whether the number is one that a system call can fail with.
pub(super) fn is_error(errno: Errno) -> bool {
    (1..=4095).contains(&errno.as_raw())
}

enum Event {
    None,
    Call,
    /// Nobody is left.
    End,
}

fn wait(listener: BorrowedFd<'_>) -> Event {
    let mut ready = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
    match poll(&mut ready, Some(&TURN)) {
        Ok(1..) if ready[0].revents().contains(PollFlags::IN) => Event::Call,
        Ok(1..) => Event::End,
        // Nothing came in time, or a signal did that cannot be blocked.
        Ok(0) | Err(_) => Event::None,
    }
}

pub(super) fn refused(errno: Errno) -> Error {
    let error = Error::new("seccomp", errno);
    match errno {
        Errno::NOSYS | Errno::INVAL => error
            .kind_of(ErrorKind::Unsupported)
            .because("this kernel cannot leave a system call to another thread (Linux 5.5 can)"),
        Errno::ACCES | Errno::PERM => error
            .kind_of(ErrorKind::PermissionDenied)
            .because("a system call filter of this system, perhaps a container's, forbids to install another"),
        busy if busy.as_raw() == libc::EBUSY => {
            error.because("the calls of this thread are intercepted already, by a thread or process that started it")
        }
        _ => error,
    }
}

pub(super) fn no_thread(error: std::io::Error) -> Error {
    Error::new("pthread_create", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN)))
}
