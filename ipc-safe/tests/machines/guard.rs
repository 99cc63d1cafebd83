//! Guards of all kinds: taken and dropped in any order, moved to other threads, dropped by panics, copied by forks.

use crate::run::machine;
use crate::support::fork;
use ipc_safe::memory::{MapOptions, PrivateMemory, SharedMemory};
use ipc_safe::pipe::{PipeReader, PipeWriter, pipe};
use ipc_safe::signal::{self, Disposition, DispositionGuard, MaskGuard, Signal, SignalSet};
use ipc_safe::sysv::{Attachment, MessageQueue, Owned, Segment, SemaphoreGuard, SemaphoreSet};
use ipc_safe::testing::{Resources, Snapshot, in_process, isolated};
use ipc_safe::timer::{Clock, Notification, PosixTimer};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Places for guards.
const SLOTS: usize = 6;
/// Units of the semaphore: more than there are guards.
const UNITS: u16 = 10;
/// The signal whose disposition guards change.
const DISPOSED: Signal = Signal::USR1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unit,
    Queue,
    Attachment,
    Shared,
    Private,
    Timer,
    Pipe,
    Ignores,
    Defaults,
    Blocks(Signal),
}

const KINDS: [Kind; 11] = [
    Kind::Unit,
    Kind::Queue,
    Kind::Attachment,
    Kind::Shared,
    Kind::Private,
    Kind::Timer,
    Kind::Pipe,
    Kind::Ignores,
    Kind::Defaults,
    Kind::Blocks(Signal::USR2),
    Kind::Blocks(Signal::WINCH),
];

#[derive(Clone, Debug)]
enum Step {
    Take {
        slot: usize,
        kind: Kind,
    },
    Drop {
        slot: usize,
    },
    Swap {
        one: usize,
        other: usize,
    },
    DropInThread {
        slot: usize,
    },
    ThroughThread {
        slot: usize,
    },
    Panic {
        slot: usize,
    },
    /// A child drops its copies of all guards.
    ForkAndDrop,
    /// A child ends without dropping any.
    ForkAndExit,
}

/// The model: which guard is where, and in which order they were made.
#[derive(Clone, Debug)]
struct State {
    slots: [Option<(u32, Kind)>; SLOTS],
    made: u32,
}

impl State {
    fn count(&self, wanted: Kind) -> usize {
        self.slots.iter().flatten().filter(|(_, kind)| *kind == wanted).count()
    }

    fn blocked(&self) -> SignalSet {
        let signals = self.slots.iter().flatten().filter_map(|(_, kind)| match kind {
            Kind::Blocks(signal) => Some(*signal),
            _ => None,
        });
        signals.collect()
    }

    /// The guard made last is in effect.
    fn disposition(&self) -> Disposition {
        let of_kind = |kind: Kind| [Kind::Ignores, Kind::Defaults].contains(&kind);
        let last = self.slots.iter().flatten().filter(|(_, kind)| of_kind(*kind)).max_by_key(|(number, _)| *number);
        match last {
            Some((_, Kind::Ignores)) => Disposition::Ignore,
            _ => Disposition::Default,
        }
    }
}

struct GuardModel;

impl ReferenceStateMachine for GuardModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State { slots: [None; SLOTS], made: 0 }).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let slot = || 0..SLOTS;
        prop_oneof![
            10 => (slot(), select(&KINDS[..])).prop_map(|(slot, kind)| Step::Take { slot, kind }),
            5 => slot().prop_map(|slot| Step::Drop { slot }),
            2 => (slot(), slot()).prop_map(|(one, other)| Step::Swap { one, other }),
            2 => slot().prop_map(|slot| Step::DropInThread { slot }),
            1 => slot().prop_map(|slot| Step::ThroughThread { slot }),
            2 => slot().prop_map(|slot| Step::Panic { slot }),
            1 => Just(Step::ForkAndDrop),
            1 => Just(Step::ForkAndExit),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            Step::Take { slot, .. } => state.slots[*slot].is_none(),
            Step::Drop { slot } | Step::Panic { slot } => state.slots[*slot].is_some(),
            // A guard of the mask belongs to its thread.
            Step::DropInThread { slot } | Step::ThroughThread { slot } => {
                state.slots[*slot].is_some_and(|(_, kind)| !matches!(kind, Kind::Blocks(_)))
            }
            Step::Swap { .. } | Step::ForkAndDrop | Step::ForkAndExit => true,
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        match *step {
            Step::Take { slot, kind } => {
                state.made += 1;
                state.slots[slot] = Some((state.made, kind));
            }
            Step::Drop { slot } | Step::Panic { slot } | Step::DropInThread { slot } => state.slots[slot] = None,
            Step::Swap { one, other } => state.slots.swap(one, other),
            Step::ThroughThread { .. } | Step::ForkAndDrop | Step::ForkAndExit => {}
        }
        state
    }
}

/// A guard that may go to another thread.
#[expect(dead_code, reason = "held for what dropping them does")]
enum Free {
    Unit(SemaphoreGuard),
    Queue(Owned<MessageQueue>),
    Attachment(Attachment),
    Shared(SharedMemory),
    Private(PrivateMemory),
    Timer(PosixTimer),
    Pipe(PipeReader, PipeWriter),
    Disposition(DispositionGuard),
}

#[expect(dead_code, reason = "held for what dropping them does")]
enum Held {
    Free(Free),
    Mask(MaskGuard),
}

impl Held {
    fn into_free(self) -> Free {
        match self {
            Self::Free(free) => free,
            Self::Mask(_) => unreachable!("a guard of the mask stays in its thread"),
        }
    }
}

struct Kernel {
    before: Snapshot,
    set: Owned<SemaphoreSet>,
    segment: Owned<Segment>,
    slots: [Option<Held>; SLOTS],
}

impl Kernel {
    fn take(&self, kind: Kind) -> Held {
        Held::Free(match kind {
            Kind::Unit => Free::Unit(self.set.semaphore(0).try_acquire(1).unwrap()),
            Kind::Queue => Free::Queue(MessageQueue::private().unwrap()),
            Kind::Attachment => Free::Attachment(self.segment.attach().unwrap()),
            Kind::Shared => Free::Shared(MapOptions::new().shared(100).unwrap()),
            Kind::Private => Free::Private(PrivateMemory::new(5000).unwrap()),
            Kind::Timer => Free::Timer(PosixTimer::new(Clock::Monotonic, Notification::process(DISPOSED, 0)).unwrap()),
            Kind::Pipe => {
                let (reader, writer) = pipe().unwrap();
                Free::Pipe(reader, writer)
            }
            Kind::Ignores => Free::Disposition(DISPOSED.ignore().unwrap()),
            Kind::Defaults => Free::Disposition(DISPOSED.set_default().unwrap()),
            Kind::Blocks(signal) => return Held::Mask(SignalSet::from(signal).block().unwrap()),
        })
    }

    /// Units and queues: what a child has no copy of.
    fn shared(&self) -> (u16, usize) {
        (self.set.semaphore(0).value().unwrap(), MessageQueue::list().unwrap().len())
    }

    fn perform(&mut self, step: &Step) {
        match *step {
            Step::Take { slot, kind } => self.slots[slot] = Some(self.take(kind)),
            Step::Drop { slot } => self.slots[slot] = None,
            Step::Swap { one, other } => self.slots.swap(one, other),
            Step::DropInThread { slot } => {
                let free = self.slots[slot].take().unwrap().into_free();
                thread::spawn(move || drop(free)).join().unwrap();
            }
            Step::ThroughThread { slot } => {
                let free = self.slots[slot].take().unwrap().into_free();
                self.slots[slot] = Some(Held::Free(thread::spawn(move || free).join().unwrap()));
            }
            Step::Panic { slot } => {
                let guard = self.slots[slot].take();
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    let _guard = guard;
                    resume_unwind(Box::new("on purpose"));
                }));
                assert!(panicked.is_err());
            }
            Step::ForkAndDrop => fork(|| {
                let before = self.shared();
                self.slots.iter_mut().for_each(|slot| *slot = None);
                // What is shared stays as it is. To be seen only here: at the end of the child the kernel takes back what it gave.
                assert_eq!(self.shared(), before);
                // Of what the child has a copy of, nothing is left.
                assert_eq!(signal::blocked().unwrap(), SignalSet::empty());
                assert_eq!(DISPOSED.disposition().unwrap(), Disposition::Default);
                0
            })
            .succeed(),
            Step::ForkAndExit => fork(|| 0).succeed(),
        }
    }
}

struct GuardMachine;

impl StateMachineTest for GuardMachine {
    type SystemUnderTest = Kernel;
    type Reference = GuardModel;

    fn init_test(_: &State) -> Kernel {
        let before = snapshot();
        let set = SemaphoreSet::private(&[UNITS]).unwrap();
        let segment = Segment::private(100).unwrap();
        Kernel { before, set, segment, slots: Default::default() }
    }

    fn apply(mut kernel: Kernel, _: &State, step: Step) -> Kernel {
        kernel.perform(&step);
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        let held = |kind| state.count(kind);
        let (units, queues) = kernel.shared();
        assert_eq!(usize::from(units), usize::from(UNITS) - held(Kind::Unit), "units");
        assert_eq!(queues, held(Kind::Queue), "queues");
        assert_eq!(kernel.segment.status().unwrap().attachments, held(Kind::Attachment) as u64, "attachments");
        assert_eq!(signal::blocked().unwrap(), state.blocked(), "the mask");
        assert_eq!(DISPOSED.disposition().unwrap(), state.disposition(), "the disposition");
    }

    fn teardown(kernel: Kernel, _: State) {
        let Kernel { before, set, segment, mut slots } = kernel;
        slots.iter_mut().for_each(|slot| drop(mem::take(slot)));
        set.remove().unwrap();
        segment.remove().unwrap();
        let left = before.changes().unwrap();
        assert!(left.is_empty(), "left behind:\n{left}");
    }
}

/// All but threads: the watchdog's comes and goes.
fn snapshot() -> Snapshot {
    Snapshot::options().only(Resources::ALL - Resources::THREADS).take().unwrap()
}

/// Whatever guards are held, and wherever and however they end: the kernel has what the guards that live stand for, and in the end
/// what it had in the beginning.
#[test]
fn guards_undo_what_they_stand_for_and_nothing_else() {
    in_process(|| println!("{}", isolated(|| machine::<GuardMachine>(300))));
}
