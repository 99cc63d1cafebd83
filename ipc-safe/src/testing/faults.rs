//! System calls that fail when a test wants them to.

use super::filter::{Verdict, filter};
use super::intercept::{Answer, Call, intercept, is_error, no_thread, refused};
use super::{CallRule, SystemCall, raw};
use crate::error::{Errno, Error, Result};
use core::fmt;
use std::sync::Arc;
use std::thread::Builder;

/// Which of the calls fail, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Occurrence {
    /// All.
    Every,
    /// One.
    Nth(u32),
    /// This one and all after it.
    From(u32),
    /// The first so many.
    First(u32),
    /// Every so manieth: 2 is the second, the fourth, ...
    EveryNth(u32),
}

impl Occurrence {
    const fn contains(self, number: u32) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(nth) => number == nth,
            Self::From(first) => number >= first,
            Self::First(last) => number <= last,
            Self::EveryNth(step) => step != 0 && number.is_multiple_of(step),
        }
    }
}

/// `every call`, `call 3`, `call 3 and all after it`, `the first 3 calls`, `every 2nd call`.
impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("every call"),
            Self::Nth(nth) => write!(f, "call {nth}"),
            Self::From(first) => write!(f, "call {first} and all after it"),
            Self::First(last) => write!(f, "the first {last} calls"),
            Self::EveryNth(step) => write!(f, "each call number that {step} divides"),
        }
    }
}

type Condition = Arc<dyn Fn(&Call) -> bool + Send + Sync>;

/// One fault.
#[derive(Clone)]
struct Fault {
    name: String,
    calls: Vec<SystemCall>,
    errno: Errno,
    occurrence: Occurrence,
    condition: Option<Condition>,
}

impl Fault {
    fn is_for(&self, call: &Call) -> bool {
        self.calls.contains(&call.call()) && self.condition.as_ref().is_none_or(|condition| condition(call))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `semop: EINTR for call 1`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, errno, occurrence, .. } = self;
        write!(f, "{name}: {errno} for {occurrence}")
    }
}

/// System calls that fail though the kernel could make them: which, how, and when.
///
/// A fault that did not fire proves nothing: [`Injected::into_value`] panics then.
///
/// ```
/// use ipc_safe::error::Errno;
/// use ipc_safe::sysv::SemaphoreSet;
/// use ipc_safe::testing::{Faults, Occurrence};
///
/// let set = SemaphoreSet::private(&[3])?;
/// let faults = Faults::new().fail("semop", Errno::INTR, Occurrence::First(2))?;
/// let injected = faults.run(|| set.semaphore(0).subtract(1))?;
///
/// assert_eq!((injected.seen(), injected.fired()), (3, 2)); // interrupted twice, then made
/// injected.into_value()?;
/// assert_eq!(set.values()?, [2]); // and only once
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing fails until `run`"]
pub struct Faults {
    faults: Vec<Fault>,
    only_others: bool,
}

impl Faults {
    /// No faults yet.
    pub const fn new() -> Self {
        Self { faults: Vec::new(), only_others: false }
    }

    /// The calls that the C function of this name makes ([`SystemCall::behind`]) fail with `errno`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for a name that stands for no call, and for a number outside 1
    /// to 4095, which is no error number.
    pub fn fail(self, c_name: &str, errno: Errno, occurrence: Occurrence) -> Result<Self> {
        self.add(c_name, errno, occurrence, None)
    }

    /// As [`fail`](Self::fail), only for those calls of which `condition` holds; others are not counted. It runs while the call
    /// waits, under the rules of [`intercept`].
    ///
    /// ```
    /// use ipc_safe::error::Errno;
    /// use ipc_safe::sysv::MessageQueue;
    /// use ipc_safe::sys::ipc::IPC_STAT;
    /// use ipc_safe::testing::{Faults, Occurrence};
    ///
    /// let queue = MessageQueue::private()?;
    /// let no_status = Faults::new().fail_if("msgctl", Errno::ACCES, Occurrence::Every, |call| call.integer(1) & 0xff == IPC_STAT)?;
    /// assert!(no_status.run(|| queue.status().is_err())?.into_value());
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`fail`](Self::fail).
    pub fn fail_if(
        self,
        c_name: &str,
        errno: Errno,
        occurrence: Occurrence,
        condition: impl Fn(&Call) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        self.add(c_name, errno, occurrence, Some(Arc::new(condition)))
    }

    fn add(mut self, c_name: &str, errno: Errno, occurrence: Occurrence, condition: Option<Condition>) -> Result<Self> {
        check(errno)?;
        let calls = SystemCall::behind(c_name)?;
        self.faults.push(Fault { name: c_name.to_owned(), calls, errno, occurrence, condition });
        Ok(self)
    }

    /// Leaves the body's own calls alone: only the threads and children that it starts are meant.
    pub const fn only_others(mut self, only_others: bool) -> Self {
        self.only_others = only_others;
        self
    }

    /// Runs `body` on a fresh thread while the calls fail: its own, and those of the threads and children that it starts, all
    /// counted together. Where several faults are for one call, each counts it, and the first that is due fires.
    ///
    /// # Errors
    ///
    /// As [`intercept`].
    ///
    /// # Panics
    ///
    /// When `body` does.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> Result<Injected<T>> {
        let mut counts = vec![Count::default(); self.faults.len()];
        let mut calls: Vec<_> = self.faults.iter().flat_map(|fault| fault.calls.iter().copied()).collect();
        calls.sort_unstable();
        calls.dedup();
        let value = intercept(&calls, |call| self.answer(call, &mut counts), body)?;
        let faults = self.faults.iter().map(ToString::to_string).collect();
        Ok(Injected { value, faults, counts })
    }

    /// Allocates nothing: whoever makes the call may hold the allocator's lock.
    fn answer(&self, call: &Call, counts: &mut [Count]) -> Answer {
        if self.only_others && call.is_by_body() {
            return Answer::Proceed;
        }
        let mut answer = Answer::Proceed;
        for (fault, count) in self.faults.iter().zip(counts).filter(|(fault, _)| fault.is_for(call)) {
            count.seen = count.seen.saturating_add(1);
            if answer == Answer::Proceed && fault.occurrence.contains(count.seen) {
                count.fired = count.fired.saturating_add(1);
                answer = Answer::Fail(fault.errno);
            }
        }
        answer
    }
}

fn check(errno: Errno) -> Result<()> {
    if is_error(errno) {
        return Ok(());
    }
    Err(Error::invalid("seccomp", "an error number is from 1 to 4095").without_errno().about(errno.to_string()))
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    seen: u32,
    fired: u32,
}

/// What came of a body that ran with [`Faults`].
#[derive(Clone, Debug)]
#[must_use = "a fault that did not fire proves nothing: `into_value` looks"]
pub struct Injected<T> {
    value: T,
    faults: Vec<String>,
    counts: Vec<Count>,
}

impl<T> Injected<T> {
    /// How many calls failed on purpose, by all faults together.
    #[must_use]
    pub fn fired(&self) -> u32 {
        self.counts.iter().map(|count| count.fired).sum()
    }

    /// How many calls failed by one fault, in the order in which they were given. 0 for one that is not there.
    #[must_use]
    pub fn fired_by(&self, fault: usize) -> u32 {
        self.counts.get(fault).map_or(0, |count| count.fired)
    }

    /// How many calls the faults were for, failed or not. A call that two faults are for counts twice.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.counts.iter().map(|count| count.seen).sum()
    }

    /// What the body returned, whether anything fired or not.
    #[must_use]
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// What the body returned, and whether every fault fired.
    #[must_use]
    pub fn into_parts(self) -> (T, bool) {
        let all_fired = self.counts.iter().all(|count| count.fired > 0);
        (self.value, all_fired)
    }

    /// What the body returned.
    ///
    /// # Panics
    ///
    /// When a fault never fired, naming it and how many calls it saw.
    #[track_caller]
    pub fn into_value(self) -> T {
        for (fault, count) in self.faults.iter().zip(&self.counts) {
            assert!(count.fired > 0, "never fired: {fault}; calls seen: {}", count.seen);
        }
        self.value
    }
}

/// Runs `body` on a fresh thread where each of these calls fails with `errno`, its own and those of what it starts.
///
/// Costs nothing a call, needs no second thread and works in places where [`Faults`] cannot be (within another one's body, Linux
/// before 5.5), but nobody counts: let the body's outcome show that the fault fired.
///
/// ```
/// use ipc_safe::error::{Errno, ErrorKind};
/// use ipc_safe::sysv::MessageQueue;
/// use ipc_safe::testing::{SystemCall, refuse};
///
/// // As in a sandbox that has no System V queues.
/// let error = refuse(&SystemCall::behind("msgget")?, Errno::NOSYS, || MessageQueue::private().unwrap_err())?;
/// assert_eq!(error.kind(), ErrorKind::Unsupported);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # Errors
///
/// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for a number that is no error number, otherwise as [`intercept`]. The
/// body is not run then.
///
/// # Panics
///
/// When `body` does.
pub fn refuse<T: Send>(calls: &[SystemCall], errno: Errno, body: impl FnOnce() -> T + Send) -> Result<T> {
    check(errno)?;
    let program = filter(calls.iter().map(|&call| CallRule::from(call)), Verdict::Fail(errno));
    std::thread::scope(|scope| {
        let name = std::thread::current().name().unwrap_or("refused").to_owned();
        let run = || raw::install_filter(&program).map(|()| body());
        let thread = Builder::new().name(name).spawn_scoped(scope, run).map_err(no_thread)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(refused)
    })
}
