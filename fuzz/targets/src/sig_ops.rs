//! The signals of a thread: guards and scopes of its mask in any order, signals sent with and without values, taken by waiting and
//! from descriptors, handled or ignored by guards that come and go; and timers. At the end all is as it was.

use crate::steps::{Look, steps};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{
    self, Counter, DispositionGuard, Handler, HandlerOptions, MaskGuard, Origin, Signal, SignalSet, Value,
};
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::signals::{self, Signals};
use ipc_safe::timer::{Alarm, Clock, Notification, PosixTimer, Schedule};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

const GUARDS: usize = 4;
const SCOPES: usize = 3;
const HANDLERS: usize = 4;
/// A timer's signal that does not come by then never does.
const LATE: Duration = Duration::from_secs(10);

fn real_time(number: u8) -> Signal {
    Signal::real_time(number).unwrap_or_else(|error| panic!("{error}"))
}

/// Those of the model.
fn sent() -> [Signal; 4] {
    [Signal::USR1, Signal::USR2, real_time(0), real_time(1)]
}

#[derive(Arbitrary, Debug)]
enum Step {
    Thread(signals::Step),
    ThreadAgain(signals::Step),
    ThreadOnceMore(signals::Step),
    Handle { signal: u8, ignore: bool },
    Unhandle { which: u8, restore: bool },
    Timer { tenths: u8, value: i32, how: Timed },
    Alarms { seconds: [u16; 2] },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Timed {
    Once,
    Twice,
    Cancelled,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        /// What is delivered meanwhile ends nothing.
        static COUNTERS: [Handler<Counter>; 4] = sent().map(|signal| done(HandlerOptions::new().count(signal)));
    }
    COUNTERS.with(|counters| {
        let watched = Resources::MASK | Resources::PENDING | Resources::DISPOSITIONS | Resources::TIMERS;
        let look = Look::at(watched | Resources::DESCRIPTORS);
        let mut u = Unstructured::new(data);
        let mut run = Run { thread: Signals::new(), guards: Vec::new(), handled: Vec::new(), counters, counts: [0; 4] };
        for counter in counters {
            counter.take();
        }
        run.obey(&mut steps(&mut u));
        run.end();
        look.end();
    });
}

fn done<T>(result: ipc_safe::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// A guard over what is done about a signal, and what that was good for.
struct Handled {
    signal: Signal,
    how: How,
    delivered: u64,
}

enum How {
    Counted(Handler<Counter>),
    Ignored(DispositionGuard),
}

struct Run<'c> {
    thread: Signals,
    guards: Vec<MaskGuard>,
    handled: Vec<Handled>,
    counters: &'c [Handler<Counter>; 4],
    counts: [u64; 4],
}

/// A panic on purpose.
struct OnPurpose;

impl Run<'_> {
    /// Until the input ends, or the scope.
    fn obey(&mut self, steps: &mut dyn Iterator<Item = Step>) {
        while let Some(step) = steps.next() {
            match step {
                Step::Thread(step) | Step::ThreadAgain(step) | Step::ThreadOnceMore(step) => {
                    if !self.thread.is_possible(&step, GUARDS, SCOPES) {
                        continue;
                    }
                    match step {
                        signals::Step::Unblocked { signals } => {
                            self.in_scope(&step, |body| done(signals.unblocked(body)), steps)
                        }
                        signals::Step::AsMask { signals } => {
                            self.in_scope(&step, |body| done(signals.as_mask(body)), steps)
                        }
                        signals::Step::Leave { panicking: true } => resume_unwind(Box::new(OnPurpose)),
                        signals::Step::Leave { panicking: false } => return,
                        step => self.perform(&step),
                    }
                }
                Step::Handle { signal, ignore } => self.handle(sent()[usize::from(signal % 4)], ignore),
                Step::Unhandle { which, restore } => self.unhandle(which, restore),
                Step::Timer { tenths, value, how } => timer(tenths, value, how),
                Step::Alarms { seconds } => alarms(seconds),
            }
            self.check();
        }
    }

    fn in_scope(
        &mut self,
        step: &signals::Step,
        scope: impl FnOnce(&mut dyn FnMut()),
        steps: &mut dyn Iterator<Item = Step>,
    ) {
        let left = catch_unwind(AssertUnwindSafe(|| {
            scope(&mut || {
                self.thread.perform(step);
                self.check();
                self.obey(steps);
            });
        }));
        if let Err(panic) = left
            && !panic.is::<OnPurpose>()
        {
            resume_unwind(panic);
        }
        self.thread.perform(&signals::Step::Leave { panicking: false });
    }

    fn perform(&mut self, step: &signals::Step) {
        let expected = self.thread.perform(step);
        assert_eq!(signals::perform(&mut self.guards, step), expected, "taken, and expected, for {step:?}");
        if let signals::Step::Send { signal, .. } = *step
            && self.is_ignored(signal)
            && !self.thread.blocked().contains(signal)
        {
            self.thread.pending.discard(signal);
        }
    }

    fn is_ignored(&self, signal: Signal) -> bool {
        let last = self.handled.iter().rfind(|handled| handled.signal == signal);
        last.is_some_and(|handled| matches!(handled.how, How::Ignored(_)))
    }

    fn handle(&mut self, signal: Signal, ignore: bool) {
        if self.handled.len() == HANDLERS {
            return;
        }
        let how = if ignore {
            // What waits is thrown away, even where it is blocked.
            self.thread.pending.discard(signal);
            How::Ignored(done(signal.ignore()))
        } else {
            How::Counted(done(HandlerOptions::new().count(signal)))
        };
        self.handled.push(Handled { signal, how, delivered: 0 });
    }

    fn unhandle(&mut self, which: u8, restore: bool) {
        let Some(which) = usize::from(which).checked_rem(self.handled.len()) else { return };
        let Handled { signal, how, .. } = self.handled.remove(which);
        match how {
            How::Counted(handler) if restore => done(handler.restore()),
            How::Ignored(guard) if restore => done(guard.restore()),
            how => drop(how),
        }
        // What was under the last one is put back. To ignore throws away then, too.
        let was_last = self.handled[which..].iter().all(|handled| handled.signal != signal);
        if was_last && self.is_ignored(signal) {
            self.thread.pending.discard(signal);
        }
    }

    /// Handlers have run for what is not blocked, the last of each signal; and the kernel and the crate know of the same signals
    /// as the model.
    fn check(&mut self) {
        for signal in self.thread.deliver() {
            match self.handled.iter_mut().rfind(|handled| handled.signal == signal) {
                Some(handled) => handled.delivered += 1,
                None => self.counts[sent().iter().position(|of| *of == signal).expect("a signal of the model")] += 1,
            }
        }
        let blocked = self.thread.blocked();
        assert_eq!(done(signal::blocked()), blocked, "blocked");
        assert_eq!(done(signal::pending()), self.thread.pending.signals(), "pending");
        assert_eq!(done(signal::original()), self.thread.mask.original(), "blocked without the guards");
        assert_eq!(self.counters.each_ref().map(|counter| counter.count()), self.counts, "delivered");
        for Handled { signal, how, delivered } in &self.handled {
            match how {
                How::Counted(handler) => assert_eq!(handler.count(), *delivered, "delivered {signal}"),
                How::Ignored(guard) => assert_eq!(guard.signal(), *signal),
            }
        }
    }

    /// All guards go, in the order in which they were made.
    fn end(mut self) {
        while !self.handled.is_empty() {
            self.unhandle(0, false);
            self.check();
        }
        while !self.thread.guards.is_empty() {
            self.perform(&signals::Step::End { guard: 0, how: signals::Ending::Drop });
            self.check();
        }
        assert!(self.thread.pending.signals().is_empty());
    }
}

/// A timer that runs out soon, and tells this thread by a signal that nobody else sends.
fn timer(tenths: u8, value: i32, how: Timed) {
    let signal = real_time(2);
    let guard = done(SignalSet::from(signal).block());
    let notification = done(Notification::this_thread(signal, value));
    let timer = done(PosixTimer::new(Clock::Monotonic, notification));
    // Seldom later.
    let tenths = if tenths < 240 { tenths % 3 } else { tenths % 30 };
    let soon = Duration::from_micros(100) * u32::from(tenths + 1);
    match how {
        Timed::Once => {
            assert_eq!(done(timer.set(Schedule::once(soon))), None);
            expect(&guard, &timer, value);
            assert_eq!(done(timer.remaining()), None, "it ran out");
        }
        Timed::Twice => {
            assert_eq!(done(timer.set(Schedule::every(soon))), None);
            expect(&guard, &timer, value);
            expect(&guard, &timer, value);
            let left = done(timer.remaining()).expect("it runs on");
            assert!(left.interval() == Some(soon) && left.first() <= soon, "{left:?} of {soon:?}");
        }
        Timed::Cancelled => {
            assert_eq!(done(timer.set(Schedule::once(LATE * 100 + soon))), None);
            let left = done(timer.cancel()).expect("it had not run out");
            assert!(left.interval().is_none() && left.first() <= LATE * 100 + soon && left.first() > LATE);
            assert_eq!(done(timer.remaining()), None);
            assert_eq!(guard.try_wait().map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        }
    }
    done(timer.stop());
    // One that had just run out.
    while guard.try_wait().is_ok() {}
}

fn expect(guard: &MaskGuard, timer: &PosixTimer, value: i32) {
    let came = done(guard.wait_timeout(LATE));
    let Origin::Timer { timer: number, value: with, .. } = came.origin else { panic!("{came:?} is of no timer") };
    assert_eq!((number, with, came.value()), (timer.number(), Value::from(value), Some(Value::from(value))));
}

/// Alarms, one within the other: each has its own time, and gives back what was left. None of them ends here.
fn alarms([outer, inner]: [u16; 2]) {
    let [outer, inner] = [outer, inner].map(|seconds| Duration::from_secs(u64::from(seconds) + 1000));
    let near = |left: Option<Duration>, all: Duration| left.is_some_and(|left| left <= all && left + LATE > all);
    let mut alarm = done(Alarm::after(outer));
    assert_eq!(Alarm::after(inner).map(drop).map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists));
    let mut nested = done(alarm.nested(inner));
    assert!(near(nested.previous().map(Schedule::first), outer), "{:?} of {outer:?}", nested.previous());
    assert!(near(done(nested.remaining()), inner));
    assert!(near(done(nested.set(outer)), inner));
    assert!(near(done(nested.stop()), outer));
    assert!(near(done(alarm.remaining()), outer), "the outer one goes on");
    assert!(near(done(alarm.stop()), outer));
}
