//! Closures in forked children.

use super::raw;
use super::transfer::Transfer;
use crate::error::{Errno, Error, Result, keeping_errno};
use crate::process::{ChildStatus, Children, Pid};
use core::cell::{Cell, RefCell};
use core::fmt;
use core::marker::PhantomData;
use std::any::Any;
use std::io::{PipeReader, Read, Write};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

/// Why a child brought nothing back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildFailure {
    /// It panicked.
    Panicked {
        /// Where, where that is known, and the message.
        message: String,
    },
    /// It ended before its body did: a signal killed it, or somebody called `exit`.
    Ended(ChildStatus),
    /// Somebody else waited for it, or `SIGCHLD` is ignored: how it ended cannot be known.
    Lost,
}

/// `the child panicked at tests/a.rs:5:9: message`, `the child ended early: killed by signal 9`.
impl fmt::Display for ChildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { message } => write!(f, "the child panicked {message}"),
            Self::Ended(status) => write!(f, "the child ended early: {status}"),
            Self::Lost => f.write_str("somebody else waited for the child, or SIGCHLD is ignored"),
        }
    }
}

impl core::error::Error for ChildFailure {}

/// A forked child that runs a closure. Killed and waited for when dropped, and killed when the thread that forked it ends.
#[derive(Debug)]
#[must_use = "dropping it kills the child"]
pub struct Forked<T> {
    pid: Pid,
    answer: PipeReader,
    is_waited_for: bool,
    /// The end of the thread that forked would kill the child.
    stays: PhantomData<*const T>,
}

/// Runs `body` in a forked child of the calling thread, which has a copy of everything; what it returns, or its panic, is brought back
/// by [`Forked::wait`].
///
/// The child ends without running destructors of what it has copies of, except for what `body` itself drops.
///
/// ```
/// use ipc_safe::sysv::SemaphoreSet;
/// use ipc_safe::testing::fork;
///
/// let set = SemaphoreSet::private(&[0])?;
/// // SAFETY: the child makes system calls on numbers, and allocates by the C library only.
/// let child = unsafe { fork(|| set.semaphore(0).add(2).is_ok()) }?;
/// assert_eq!(child.wait(), Ok(true));
/// assert_eq!(set.values()?, [2]);
///
/// // SAFETY: as above.
/// let child = unsafe { fork(|| assert_eq!(set.values().unwrap(), [3])) }?;
/// assert!(child.wait().unwrap_err().to_string().contains("left: [2]"));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [fork(2)](https://man7.org/linux/man-pages/man2/fork.2.html)
///
/// # Safety
///
/// The child has the calling thread only; everything else is as it was in the middle of what other threads did.
///
/// - `body` calls nothing that another thread may have been in the middle of, unless that was made for forks. glibc's allocator and
///   standard streams were, std waits for its own locks at worst; other C libraries are not.
/// - Nothing that `body` reaches is memory shared with the parent to which the program has exclusive or plain references, such as a
///   `&mut [u8]` of a shared mapping. (The views of this crate are safe to use in both.)
///
/// A program with one thread, and a body that uses this crate, std and its own values, meet this. [`in_process`](super::in_process)
/// needs no such care.
///
/// # Errors
///
/// [`LimitReached`](crate::error::ErrorKind::LimitReached) or what else `fork` and `pipe` fail with.
#[expect(unsafe_code, reason = "the caller has to see to what a child of a fork may do")]
pub unsafe fn fork<T: Transfer>(body: impl FnOnce() -> T) -> Result<Forked<T>> {
    note_panics();
    let failed =
        |call| move |error: std::io::Error| Error::new(call, Errno::from_raw(error.raw_os_error().unwrap_or(0)));
    let (answer, mut writer) = std::io::pipe().map_err(failed("pipe"))?;
    // SAFETY: the caller sees to it.
    let pid = unsafe { raw::fork() }.map_err(|errno| Error::new("fork", errno))?;
    match pid {
        Some(pid) => Ok(Forked { pid, answer, is_waited_for: false, stays: PhantomData }),
        None => {
            raw::end_with_parent();
            drop(answer);
            let bytes = run(body);
            let written = writer.write_all(&bytes);
            raw::exit_now(i32::from(written.is_err()))
        }
    }
}

/// The first byte of what a child writes.
const RETURNED: u8 = 0;
const PANICKED: u8 = 1;

/// Runs the body in the child; what there is to write.
fn run<T: Transfer>(body: impl FnOnce() -> T) -> Vec<u8> {
    IN_CHILD.set(true);
    let mut bytes = vec![RETURNED];
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value.write(&mut bytes),
        Err(panic) => {
            bytes[0] = PANICKED;
            bytes.extend_from_slice(message(&*panic).as_bytes());
        }
    }
    bytes
}

thread_local! {
    /// Whether this is a child's thread, whose panics are brought back and not printed.
    static IN_CHILD: Cell<bool> = const { Cell::new(false) };
    /// Where its last panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Has panics in children note where they were. What the hook that was there prints in a child would be lost, or mixed with what
/// the parent prints.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            if IN_CHILD.get() {
                PLACE.set(panic.location().map_or_else(String::new, |place| format!("at {place}: ")));
            } else {
                before(panic);
            }
        }));
    });
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("{}{}", PLACE.take(), text.unwrap_or("with something that is no text"))
}

impl<T> Forked<T> {
    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Kills it, and waits for its end.
    ///
    /// # Errors
    ///
    /// As [`Children::wait`].
    pub fn kill(mut self) -> Result<ChildStatus> {
        self.end()
    }

    fn end(&mut self) -> Result<ChildStatus> {
        // It is not waited for yet, so that its number is its own. That it has ended already is no failure.
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
        self.status()
    }

    fn status(&mut self) -> Result<ChildStatus> {
        self.is_waited_for = true;
        Children::pid(self.pid).wait().map(|event| event.status)
    }
}

impl<T: Transfer> Forked<T> {
    /// Waits for its end; what the body returned. Also waits for processes that the child forked and left, which have copies of
    /// what it answers by.
    ///
    /// # Errors
    ///
    /// [`ChildFailure`]: its panic, or how it ended before its body did.
    pub fn wait(mut self) -> core::result::Result<T, ChildFailure> {
        let mut bytes = Vec::new();
        // What was not read is not there; then the status tells.
        let _ = self.answer.read_to_end(&mut bytes);
        let status = self.status().map_err(|_| ChildFailure::Lost)?;
        match bytes.split_first() {
            Some((&RETURNED, mut rest)) if status.is_success() => {
                T::read(&mut rest).filter(|_| rest.is_empty()).ok_or(ChildFailure::Ended(status))
            }
            Some((&PANICKED, text)) => {
                Err(ChildFailure::Panicked { message: String::from_utf8_lossy(text).into_owned() })
            }
            _ => Err(ChildFailure::Ended(status)),
        }
    }
}

impl<T> Drop for Forked<T> {
    fn drop(&mut self) {
        if !self.is_waited_for {
            // An error: somebody else waited for it.
            let _ = keeping_errno(|| self.end());
        }
    }
}
