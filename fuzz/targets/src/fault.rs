//! One system call of a program that fails though the kernel could make it.

use crate::leaks;
use arbitrary::Unstructured;
use ipc_safe::error::Errno;
use ipc_safe::testing::model::Fault;
use ipc_safe::testing::{Answer, Call, SystemCall, intercept};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A call that may fail: its C name, with which numbers, and which of those of this name are meant.
pub(crate) struct Fallible {
    pub(crate) name: &'static str,
    pub(crate) errnos: &'static [i32],
    pub(crate) is_meant: fn(&Call) -> bool,
}

impl Fallible {
    /// Every call of this name.
    pub(crate) const fn of(name: &'static str, errnos: &'static [i32]) -> Self {
        Self { name, errnos, is_meant: |_| true }
    }
}

/// Runs an input of a target with a fault: a plan, and a program of calls on what the model has. Nothing may be left afterwards.
pub(crate) fn run<M: Send>(
    data: &[u8],
    fallible: &'static [Fallible],
    model: M,
    program: impl FnOnce(M, &Injection, &mut Unstructured<'_>) + Send,
) {
    let mut u = Unstructured::new(data);
    let Ok(plan) = Plan::of(&mut u, fallible) else { return };
    plan.run(|injection| program(model, injection, &mut u));
    leaks::check();
}

/// What fails: the `nth` call of this name.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    fallible: &'static Fallible,
    errno: Errno,
    nth: u32,
}

/// How far into a program a fault may be.
const LATEST: u32 = 24;

impl Plan {
    /// The plan that an input begins with.
    pub(crate) fn of(u: &mut Unstructured<'_>, fallible: &'static [Fallible]) -> arbitrary::Result<Self> {
        let fallible = u.choose(fallible)?;
        let errno = Errno::from_raw(*u.choose(fallible.errnos)?);
        Ok(Self { fallible, errno, nth: 1 + u32::from(u.arbitrary::<u8>()?) % LATEST })
    }

    /// Runs a program with the fault, on a thread of its own.
    pub(crate) fn run(self, program: impl FnOnce(&Injection) + Send) {
        let injection = Injection { errno: self.errno, is_over: AtomicBool::new(false), fired: AtomicU32::new(0) };
        let calls = SystemCall::behind(self.fallible.name).expect("a call of this name");
        let mut seen = 0;
        let answer = |call: &Call| {
            if injection.is_over.load(Ordering::SeqCst) || !(self.fallible.is_meant)(call) {
                return Answer::Proceed;
            }
            seen += 1;
            if seen != self.nth {
                return Answer::Proceed;
            }
            injection.fired.fetch_add(1, Ordering::SeqCst);
            Answer::Fail(self.errno)
        };
        intercept(&calls, answer, || program(&injection)).expect("a filter");
    }
}

/// What the program knows of the fault.
pub(crate) struct Injection {
    pub(crate) errno: Errno,
    fired: AtomicU32,
    is_over: AtomicBool,
}

impl Injection {
    /// Runs one operation; what it returned, and whether the fault fired in it. A fault that fires makes the operation fail with
    /// its number, or shows not at all.
    pub(crate) fn during<T>(&self, operation: impl FnOnce() -> T) -> (T, bool) {
        let before = self.fired.load(Ordering::SeqCst);
        let result = operation();
        (result, self.fired.load(Ordering::SeqCst) > before)
    }

    /// No fault from here on.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Whether a fault that fired explains that an operation was refused with `fault` where the model expected something else: by
    /// its number, or by what the crate could not find out about a refusal of the kernel's own. A call that a signal interrupted is
    /// made again: that never shows.
    pub(crate) fn explains(&self, fault: Option<Fault>, expected: Option<Fault>) -> bool {
        let errno = fault.and_then(|fault| fault.errno);
        let of_kernel = expected.is_some_and(|expected| expected.errno == errno);
        errno.is_some() && self.errno != Errno::INTR && (errno == Some(self.errno) || of_kernel)
    }
}

/// Runs an operation that drops something, and looks that it keeps the thread's error number.
#[expect(unsafe_code, reason = "the C library's error number")]
pub(crate) fn keeping_errno<T>(operation: impl FnOnce() -> T) -> T {
    const MARK: i32 = 4095; // none that a call leaves
    // SAFETY: takes nothing.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own.
    unsafe { place.write(MARK) };
    let result = operation();
    // SAFETY: as above.
    let now = unsafe { place.read() };
    assert_eq!(now, MARK, "dropping changed errno");
    result
}
