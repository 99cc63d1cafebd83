//! What the targets have in common: steps out of bytes, and a look at what is left behind.

use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::signal::Signal;
use ipc_safe::testing::{Resources, Snapshot};
use std::cell::Cell;
use std::fmt::Debug;

/// The most steps that an input has.
const STEPS: usize = 64;

/// The steps of an input.
pub(crate) fn steps<'a, S: Arbitrary<'a> + Debug>(u: &mut Unstructured<'a>) -> impl Iterator<Item = S> {
    let next = move || if u.is_empty() { None } else { u.arbitrary().ok() };
    std::iter::from_fn(next).take(STEPS).inspect(say())
}

/// Prints what is going to happen, with `IPC_FUZZ_SAY` in the environment: to see what an input does.
pub(crate) fn say<S: Debug>() -> impl Fn(&S) {
    let says = std::env::var_os("IPC_FUZZ_SAY").is_some();
    move |step| {
        if says {
            eprintln!("{step:?}");
        }
    }
}

/// What was there before an input: nothing else may be there after it.
#[must_use = "it compares at `end`"]
pub(crate) struct Look(Snapshot);

/// To read what a process has mapped takes longer than most inputs: a fuzzer looks at every so manieth.
const SELDOM: u64 = if cfg!(fuzzing) { 64 } else { 1 };

impl Look {
    /// At these.
    pub(crate) fn at(resources: Resources) -> Self {
        Self(Snapshot::options().only(resources).take().unwrap_or_else(|error| panic!("{error}")))
    }

    /// At these, now and then.
    pub(crate) fn seldom_at(resources: Resources) -> Option<Self> {
        thread_local! {
            static RUNS: Cell<u64> = const { Cell::new(0) };
        }
        let runs = RUNS.replace(RUNS.get() + 1);
        runs.is_multiple_of(SELDOM).then(|| Self::at(resources))
    }

    /// Panics when anything is there that was not, or is not what it was.
    pub(crate) fn end(self) {
        let changes = self.0.changes().unwrap_or_else(|error| panic!("{error}"));
        assert!(changes.is_empty(), "left behind:\n{changes}");
    }
}

/// Without Rust's `main`, writing to what nobody reads would end the process.
pub(crate) fn without_broken_pipes() {
    thread_local! {
        static IGNORED: Cell<bool> = const { Cell::new(false) };
    }
    if !IGNORED.replace(true) {
        std::mem::forget(Signal::PIPE.ignore().unwrap_or_else(|error| panic!("{error}")));
    }
}
