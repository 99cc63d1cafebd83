//! Random programs of nested guards, against a model: a stack of schedules, of which the topmost runs.

use crate::support::watchdog;
use crate::tools::{CLOCKS, assert_near, child, fails_here, hours, set_by_others};
use ipc_safe::error::ErrorKind;
use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The seed unless `PROPTEST_RNG_SEED` has another one.
const SEED: u64 = 20_240_229;

/// What is done with a guard. Times are hours apart, so that the time that the test takes does not matter.
#[derive(Clone, Debug)]
enum Step {
    Read,
    Set(Schedule),
    Refused(Schedule),
    Cancel,
    Second,
    Fork,
    Foreign(Option<Schedule>),
    Nested(Schedule, Vec<Step>, End),
}

/// How a guard ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Drop,
    Stop,
    Panic,
    /// In a forked child first.
    Child,
}

/// A payload, so that a panic that is on purpose is told from one that is a failure.
struct OnPurpose;

fn schedule() -> impl Strategy<Value = Schedule> {
    let times = (1..1000_u64, prop::option::of(1..1000_u64));
    times.prop_map(|(first, interval)| match interval {
        Some(interval) => Schedule::first_then(hours(first), hours(interval)),
        None => Schedule::once(hours(first)),
    })
}

/// What other code sets: never what a guard sets.
fn foreign() -> impl Strategy<Value = Option<Schedule>> {
    let half = hours(1) / 2;
    let between = schedule().prop_map(move |schedule| match schedule.interval() {
        Some(interval) => Schedule::first_then(schedule.first() + half, interval + half),
        None => Schedule::once(schedule.first() + half),
    });
    prop::option::of(between)
}

fn refused() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(Schedule::every(std::time::Duration::ZERO)),
        Just(Schedule::once(std::time::Duration::MAX)),
        Just(Schedule::first_then(hours(1), std::time::Duration::ZERO)),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![4 => Just(End::Drop), 4 => Just(End::Stop), 1 => Just(End::Panic), 1 => Just(End::Child)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let flat = prop_oneof![
        4 => Just(Step::Read),
        4 => schedule().prop_map(Step::Set),
        1 => refused().prop_map(Step::Refused),
        2 => Just(Step::Cancel),
        1 => Just(Step::Second),
        1 => Just(Step::Fork),
        1 => foreign().prop_map(Step::Foreign),
    ];
    let step = flat.prop_recursive(4, 24, 6, |inner| {
        (schedule(), prop::collection::vec(inner, 0..6), end())
            .prop_map(|(schedule, steps, end)| Step::Nested(schedule, steps, end))
    });
    prop::collection::vec(step, 1..8)
}

/// What runs in the kernel should be: the topmost of the stack, or what other code set on top of all.
struct Model {
    clock: IntervalClock,
    stack: Vec<Option<Schedule>>,
    lost: Option<Option<Schedule>>,
}

impl Model {
    fn top(&mut self) -> &mut Option<Schedule> {
        self.stack.last_mut().unwrap()
    }

    /// That the kernel has what it should have.
    fn check(&mut self) {
        let expected = self.lost.unwrap_or(*self.top());
        assert_near(self.clock.remaining().unwrap(), expected);
    }

    /// Whether the innermost guard has lost the timer. When it is cancelled, one that stands is as it left it.
    fn is_lost(&mut self) -> bool {
        if self.lost == Some(None) && self.top().is_none() {
            self.lost = None;
        }
        self.lost.is_some()
    }

    /// The result of a call, which is what was left, unless the timer is lost.
    #[track_caller]
    fn returned(&mut self, result: ipc_safe::Result<Option<Schedule>>) -> bool {
        if self.is_lost() {
            fails_here(result, ErrorKind::Removed);
            return false;
        }
        assert_near(result.unwrap(), *self.top());
        true
    }

    fn run(&mut self, guard: &mut IntervalTimer<'_>, steps: &[Step]) {
        for step in steps {
            self.step(guard, step);
            self.check();
        }
    }

    fn step(&mut self, guard: &mut IntervalTimer<'_>, step: &Step) {
        match step {
            Step::Read => drop(self.returned(guard.remaining())),
            Step::Set(schedule) => {
                if self.returned(guard.set(*schedule)) {
                    *self.top() = Some(*schedule);
                }
            }
            Step::Refused(schedule) => assert!(guard.set(*schedule).is_err() && guard.nested(*schedule).is_err()),
            Step::Cancel => {
                if self.returned(guard.cancel()) {
                    *self.top() = None;
                }
            }
            Step::Second => {
                let second = IntervalTimer::start(self.clock, Schedule::once(hours(1)));
                fails_here(second, ErrorKind::AlreadyExists);
            }
            Step::Fork => child(|| assert_eq!(guard.cancel().unwrap(), None)).succeed(),
            Step::Foreign(theirs) => self.foreign(*theirs),
            Step::Nested(schedule, steps, end) => match guard.nested(*schedule) {
                Ok(inner) => self.nested(inner, *schedule, steps, *end),
                Err(error) => assert!(self.is_lost() && error.is_removed(), "{error}"),
            },
        }
    }

    fn foreign(&mut self, theirs: Option<Schedule>) {
        // Of the timers of processor time a guard only knows the interval.
        if self.clock != IntervalClock::Real && theirs.and_then(Schedule::interval).is_none() {
            return;
        }
        set_by_others(self.clock, theirs);
        // To stop what stands changes nothing.
        if self.lost.is_some() || theirs.is_some() || self.top().is_some() {
            self.lost = Some(theirs);
        }
    }

    fn nested(&mut self, inner: IntervalTimer<'_>, schedule: Schedule, steps: &[Step], end: End) {
        assert!(!self.is_lost(), "nested in a guard without a timer");
        assert_near(inner.previous(), *self.top());
        self.scope(inner, schedule, steps, end);
    }

    /// The life of a guard that was just made.
    fn scope(&mut self, mut guard: IntervalTimer<'_>, schedule: Schedule, steps: &[Step], end: End) {
        self.stack.push(Some(schedule));
        self.check();
        match end {
            End::Panic => {
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    let mut guard = guard;
                    self.run(&mut guard, steps);
                    resume_unwind(Box::new(OnPurpose));
                }));
                let payload = panicked.unwrap_err();
                if !payload.is::<OnPurpose>() {
                    resume_unwind(payload);
                }
            }
            End::Drop => {
                self.run(&mut guard, steps);
                drop(guard);
            }
            End::Stop => {
                self.run(&mut guard, steps);
                self.returned(guard.stop());
            }
            End::Child => {
                self.run(&mut guard, steps);
                // The closure, and with it the guard, ends in both processes.
                child(move || drop(guard)).succeed();
            }
        }
        self.is_lost();
        self.stack.pop();
    }
}

fn program(clock: IntervalClock, before: Option<Schedule>, schedule: Schedule, steps: &[Step], end: End) {
    set_by_others(clock, before);
    let mut model = Model { clock, stack: vec![before], lost: None };
    let guard = IntervalTimer::start(clock, schedule).unwrap();
    model.nested(guard, schedule, steps, end);
    model.check();
    set_by_others(clock, None);
}

fn config() -> Config {
    let given = |name| std::env::var_os(name).is_some();
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if !given("PROPTEST_CASES") {
        config.cases = 300;
    }
    if !given("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    config
}

/// R-SIG-05, R-SIG-06, R-SIG-17: whatever is done with them in whatever order, what runs is what the innermost guard set,
/// and in the end what was there before, or what other code put there.
#[test]
fn nested_guards_do_what_the_model_does() {
    // The watchdog is for each program: how many there are is for whoever runs the test to say.
    child(|| {
        let strategy = (prop::sample::select(&CLOCKS[..]), foreign(), schedule(), steps(), end());
        let outcome = TestRunner::new(config()).run(&strategy, |(clock, before, schedule, steps, end)| {
            let _watchdog = watchdog();
            program(clock, before, schedule, &steps, end);
            Ok(())
        });
        for clock in CLOCKS {
            set_by_others(clock, None);
        }
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, shortest)) => {
                panic!("{reason}\nwith the shortest input that fails: {shortest:?}")
            }
            Err(error) => panic!("{error}"),
        }
    })
    .succeed();
}
