//! Runs a machine.

use crate::support::{figures, watchdog};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The seed unless `PROPTEST_RNG_SEED` has another one.
const SEED: u64 = 20_240_229;

/// The longest program.
const STEPS: usize = 40;

/// Runs random programs of machine `M`, on the calling thread. `cases` is how many unless `PROPTEST_CASES` says otherwise.
pub(crate) fn machine<M: StateMachineTest>(cases: u32) {
    let programs = <M::Reference as ReferenceStateMachine>::sequential_strategy(1..STEPS);
    let config = config(cases);
    property(cases, &programs, |(initial, steps, seen)| {
        let transitions = steps.len();
        M::test_sequential(config.clone(), initial, steps, seen);
        Ok(transitions)
    });
}

/// Runs `check`, which tells how many transitions it made, on values of `strategy`, on the calling thread.
pub(crate) fn property<S: Strategy>(
    cases: u32,
    strategy: &S,
    check: impl Fn(S::Value) -> Result<usize, TestCaseError>,
) {
    let mut runner = TestRunner::new(config(cases));
    let (done, made) = (Cell::new(0), Cell::new(0));
    let outcome = runner.run(strategy, |value| {
        let _watchdog = watchdog();
        let transitions = check(value)?;
        done.set(done.get() + 1);
        made.set(made.get() + transitions as u64);
        Ok(())
    });
    let test = std::thread::current().name().unwrap_or("a machine").replace("::", ".");
    figures(&test, [("cases", done.get()), ("transitions", made.get())]);
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, shortest)) => panic!("{reason}\nwith the shortest input that fails: {shortest:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn config(cases: u32) -> Config {
    let given = |name| std::env::var_os(name).is_some();
    // A step that makes no sense in its state is drawn again, which is no reason to give up.
    let mut config = Config { failure_persistence: None, max_local_rejects: u32::MAX, ..Config::default() };
    if !given("PROPTEST_CASES") {
        config.cases = cases;
    }
    if !given("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    config
}

/// Lowers a limit of the calling thread's IPC namespace, where it may; the models ask the kernel what the limits are.
pub(crate) fn lower_limit(name: &str, value: &str) {
    if let Err(error) = std::fs::write(format!("/proc/sys/kernel/{name}"), value) {
        println!("kernel.{name} stays as it is: {error}");
    }
}

/// Held by a machine that forks or attaches: a child forked by one would hold the other's attachments and pipes.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
