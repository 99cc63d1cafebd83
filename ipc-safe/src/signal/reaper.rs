//! Looking after children.

use super::{Handler, HandlerOptions, Signal, Wakeup};
use crate::error::{Errno, Error, Result, keeping_errno};
use crate::process::{ChildEvent, Children, Generation, Pid};
use crate::wait::{Wait, uninterrupted};
use core::fmt;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{PidfdFlags, pidfd_open};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Turns the ends of children, and on demand their stops, into a stream of [`ChildEvent`]s.
///
/// It waits only for the children that it was given, so that those of [`std::process::Child`] or of other parts of the program
/// keep their statuses. No event is lost when children end together. Each child has a pid descriptor; when the process has
/// no more descriptors, the others are asked when a `SIGCHLD` comes, by a handler that passes it on to the one that was
/// there before, and every 50 ms in case that all threads block it.
///
/// The stream ends when no child is left. Children that are still there when the reaper is dropped are nobody's: they stay
/// zombies when they end, as those of a dropped [`std::process::Child`] do. In a forked child all calls are errors.
///
/// ```
/// use ipc_safe::process::Pid;
/// use ipc_safe::signal::Reaper;
/// use std::process::Command;
///
/// let mut reaper = Reaper::new()?;
/// for _ in 0..3 {
///     let child = Command::new("true").spawn().unwrap();
///     reaper.add(Pid::from_child(&child))?;
/// }
/// let ends = reaper.by_ref().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(ends.len(), 3);
/// assert!(ends.iter().all(|end| end.status.is_success()));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [waitid(2)](https://man7.org/linux/man-pages/man2/waitid.2.html),
/// [pidfd_open(2)](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
#[doc(alias = "SIGCHLD")]
#[doc(alias = "waitpid")]
pub struct Reaper {
    /// Readable when a child with a descriptor has ended, or the handler ran.
    ready: OwnedFd,
    /// Each child, with its descriptor when it has one.
    children: BTreeMap<i32, Option<OwnedFd>>,
    /// Events that were found and not given out yet.
    found: VecDeque<Result<ChildEvent>>,
    /// Once a child needs it.
    handler: Option<Handler<Wakeup>>,
    stops: bool,
    made_in: Generation,
}

/// How many ready descriptors are taken at once.
const BATCH: usize = 64;
/// What the handler is called among the descriptors; children are called by their pid.
const HANDLER: u64 = 0;
/// How often children without a descriptor are asked when no `SIGCHLD` comes.
const TICK: Duration = Duration::from_millis(50);

impl Reaper {
    /// For the ends of children.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when the process has too many descriptors.
    pub fn new() -> Result<Self> {
        Self::make(false)
    }

    /// For the ends of children, and when they stop and go on. Needs the handler of `SIGCHLD` from the start.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_stops() -> Result<Self> {
        let mut reaper = Self::make(true)?;
        reaper.listen()?;
        Ok(reaper)
    }

    fn make(stops: bool) -> Result<Self> {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| failed("epoll_create1", errno))?;
        let made_in = Generation::current();
        Ok(Self { ready, children: BTreeMap::new(), found: VecDeque::new(), handler: None, stops, made_in })
    }

    /// Adds a child, which may have ended already.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when it is no child of this process, or was waited for already;
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) when it was added before;
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when there is no descriptor left even for the handler.
    pub fn add(&mut self, child: Pid) -> Result<()> {
        self.made_in.check("waitid")?;
        match Children::pid(child).keep(true).try_wait() {
            Ok(_) => {}
            Err(error) if error.is_would_block() => {}
            Err(error) => return Err(error),
        }
        let number = child.as_raw_nonzero().get();
        if self.children.contains_key(&number) {
            let error = Error::new("waitid", Errno::EXIST).about(format!("child {number}"));
            return Err(error.because("the reaper has this child already"));
        }
        let descriptor = pidfd_open(child, PidfdFlags::empty()).ok();
        let descriptor = descriptor.filter(|descriptor| self.watch(descriptor, number.unsigned_abs().into()));
        if descriptor.is_none() {
            self.listen()?;
        }
        self.children.insert(number, descriptor);
        Ok(())
    }

    /// Gives a child up; whether it was there. It can be waited for otherwise then.
    pub fn remove(&mut self, child: Pid) -> bool {
        self.forget(child.as_raw_nonzero().get())
    }

    fn forget(&mut self, number: i32) -> bool {
        let child = self.children.remove(&number);
        if let Some(Some(descriptor)) = &child {
            // Closing it is not enough where a forked process has a copy. It is in the set: nothing can go wrong.
            let _ = epoll::delete(&self.ready, descriptor);
        }
        child.is_some()
    }

    /// The children that have not ended, as far as the reaper knows.
    pub fn children(&self) -> impl Iterator<Item = Pid> {
        self.children.keys().filter_map(|&number| Pid::from_raw(number))
    }

    /// The number of children that have not ended, as far as the reaper knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether no child is left, and no event to be given out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.is_empty() && self.found.is_empty()
    }

    /// Waits for the next event; `None` when no child is left.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when somebody else waited for a child, or `SIGCHLD` is ignored: its status is lost, and
    /// the reaper goes on with the others. [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    pub fn wait(&mut self) -> Result<Option<ChildEvent>> {
        self.wait_as(Wait::Forever)
    }

    /// The next event that happened already; `None` when no child is left.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when nothing happened, otherwise as [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<Option<ChildEvent>> {
        self.wait_as(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<ChildEvent>> {
        self.wait_as(Wait::at_most(timeout))
    }

    /// As [`wait`](Self::wait), until the handler of another signal has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`wait`](Self::wait).
    pub fn wait_interruptible(&mut self) -> Result<Option<ChildEvent>> {
        self.wait_as(Wait::Interruptible)
    }

    fn wait_as(&mut self, wait: Wait) -> Result<Option<ChildEvent>> {
        self.made_in.check("waitid")?;
        loop {
            if let Some(event) = self.found.pop_front() {
                return event.map(Some);
            }
            if self.children.is_empty() {
                return Ok(None);
            }
            self.look()?;
            if self.found.is_empty() {
                self.sleep(wait)?;
            }
        }
    }

    /// Asks the children that may have something to tell.
    fn look(&mut self) -> Result<()> {
        let mut events =
            [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; BATCH];
        let ready = uninterrupted(Wait::No, || {
            epoll::wait(&self.ready, &mut events, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
                .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
        });
        let ready = ready.map_err(|errno| Error::new("epoll_wait", errno))?;
        for event in &events[..ready] {
            // Copied out: the structure is packed.
            let data = event.data;
            match i32::try_from(data.u64()) {
                Ok(0) | Err(_) => drop(self.handler.as_ref().map(|handler| handler.try_wait())),
                Ok(number) => self.ask(number),
            }
        }
        let others =
            |(&number, descriptor): (&i32, &Option<OwnedFd>)| (self.stops || descriptor.is_none()).then_some(number);
        let others: Vec<_> = self.children.iter().filter_map(others).collect();
        others.into_iter().for_each(|number| self.ask(number));
        Ok(())
    }

    /// Asks one child, and takes it out when it has ended.
    fn ask(&mut self, number: i32) {
        let Some(pid) = Pid::from_raw(number).filter(|_| self.children.contains_key(&number)) else { return };
        match Children::pid(pid).stopped(self.stops).continued(self.stops).try_wait() {
            Err(error) if error.is_would_block() => {}
            event => {
                if event.as_ref().map_or(true, |event| event.status.is_end()) {
                    self.forget(number);
                }
                self.found.push_back(event);
            }
        }
    }

    /// Waits until a look may be worth while.
    fn sleep(&self, wait: Wait) -> Result<()> {
        let mut tick = None;
        if self.stops || self.children.values().any(Option::is_none) {
            tick = Some(TICK);
        }
        let until = match wait {
            Wait::No => return Err(Error::new("waitid", Errno::AGAIN)),
            Wait::Until(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            Wait::Forever | Wait::Interruptible => None,
        };
        if until.is_some_and(|until| until.is_zero()) {
            return Err(Error::new("waitid", Errno::TIMEDOUT));
        }
        let longest = tick.into_iter().chain(until).min();
        let timeout = longest.and_then(|longest| Timespec::try_from(longest).ok());
        let mut descriptors = [PollFd::new(&self.ready, PollFlags::IN)];
        match poll(&mut descriptors, timeout.as_ref()) {
            Err(errno) if errno == rustix::io::Errno::INTR && wait.retries() => Ok(()),
            other => other.map(drop).map_err(|errno| failed("poll", errno)),
        }
    }

    /// Listens to `SIGCHLD`.
    fn listen(&mut self) -> Result<()> {
        if self.handler.is_none() {
            let handler = HandlerOptions::new().chain(true).wakeup(Signal::CHLD)?;
            if !self.watch(&handler.as_fd(), HANDLER) {
                return Err(Error::new("epoll_ctl", Errno::NOSPC));
            }
            self.handler = Some(handler);
        }
        Ok(())
    }

    /// Makes the set ready when the descriptor is. `false` where a limit is reached.
    fn watch(&self, descriptor: &impl AsFd, name: u64) -> bool {
        epoll::add(&self.ready, descriptor, epoll::EventData::new_u64(name), epoll::EventFlags::IN).is_ok()
    }
}

/// Each step waits for an event. Ends when no child is left.
impl Iterator for Reaper {
    type Item = Result<ChildEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.wait().transpose()
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        keeping_errno(|| {
            self.children.clear();
            self.handler.take();
        });
    }
}

impl fmt::Debug for Reaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaper")
            .field("children", &self.children.keys())
            .field("stops", &self.stops)
            .finish_non_exhaustive()
    }
}

fn failed(call: &'static str, errno: rustix::io::Errno) -> Error {
    Error::new(call, Errno::from_raw(errno.raw_os_error()))
}
