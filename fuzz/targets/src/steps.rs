//! What the targets have in common: steps out of bytes, and a look at what is left behind.

use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::signal::Signal;
use ipc_safe::testing::{Resources, Snapshot};
use std::cell::Cell;
use std::fmt::Debug;
use std::time::{Duration, Instant};

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
pub(crate) struct Look {
    open: Vec<bool>,
    all: Option<Snapshot>,
}

/// To look at everything takes longer than most inputs: a fuzzer does so at every so manieth. At others it looks which
/// descriptors are open.
const SELDOM: u64 = if cfg!(fuzzing) { 64 } else { 1 };

impl Look {
    /// At these, where that takes no longer than the input.
    pub(crate) fn at(resources: Resources) -> Self {
        thread_local! {
            static RUNS: Cell<u64> = const { Cell::new(0) };
        }
        let runs = RUNS.replace(RUNS.get() + 1);
        if runs.is_multiple_of(SELDOM) { Self::always_at(resources) } else { Self { open: open(), all: None } }
    }

    /// At these, however long it takes.
    pub(crate) fn always_at(resources: Resources) -> Self {
        let all = Snapshot::options().only(resources).take().unwrap_or_else(|error| panic!("{error}"));
        Self { open: open(), all: Some(all) }
    }

    /// Panics when anything is there that was not, or is not what it was.
    pub(crate) fn end(self) {
        if let Some(all) = self.all {
            let changes = all.changes().unwrap_or_else(|error| panic!("{error}"));
            assert!(changes.is_empty(), "left behind:\n{changes}");
        }
        let changed = self.open.iter().zip(open()).position(|(before, now)| *before != now);
        assert_eq!(changed, None, "a descriptor is left open, or closed");
    }

    /// As [`end`](Self::end), when all that goes by itself has gone, or after this time.
    pub(crate) fn end_within(self, time: Duration) {
        let deadline = Instant::now() + time;
        let is_there = |all: &Snapshot| all.changes().is_ok_and(|changes| !changes.is_empty());
        while self.all.as_ref().is_some_and(is_there) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.end();
    }
}

/// Which of the first descriptors are open: by one call.
#[expect(unsafe_code, reason = "asks about numbers that may be no descriptors")]
fn open() -> Vec<bool> {
    const MOST: libc::c_int = 256;
    let mut all: Vec<_> = (0..MOST).map(|fd| libc::pollfd { fd, events: 0, revents: 0 }).collect();
    // SAFETY: writes as many of these as it is told there are.
    let answer = unsafe { libc::poll(all.as_mut_ptr(), all.len() as libc::nfds_t, 0) };
    assert!(answer >= 0, "descriptors cannot be looked at");
    all.iter().map(|polled| polled.revents & libc::POLLNVAL == 0).collect()
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
