//! Pending signals: sent to the thread and to the process, taken by waiting and from descriptors.

use crate::alone::alone;
use crate::model::pending::{Pending, Sent};
use crate::run::machine;
use crate::support::fork;
use ipc_safe::error::ErrorKind;
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, Information, MaskGuard, Origin, Signal, SignalSet, Value};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::time::Duration;

/// Standard ones, among them one of a fault, and real-time ones.
fn signals() -> Vec<Signal> {
    let real_time = [0, 1, 30].map(|number| Signal::real_time(number).unwrap());
    [Signal::HUP, Signal::USR1, Signal::SEGV, Signal::CHLD].into_iter().chain(real_time).collect()
}

#[derive(Clone, Copy, Debug)]
enum Send {
    Raise,
    Thread,
    Process,
    Queue(i32),
}

#[derive(Clone, Copy, Debug)]
enum Take {
    Try,
    NoTime,
    Wait,
    Read,
    ReadNoTime,
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        signal: Signal,
        how: Send,
    },
    Take {
        of: SignalSet,
        how: Take,
    },
    /// A forked child has none of the signals, and takes none of them.
    Fork,
}

#[derive(Clone, Debug, Default)]
struct State {
    pending: Pending,
    taken: Option<(Signal, Sent)>,
}

struct Model;

impl ReferenceStateMachine for Model {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::default()).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let how = prop_oneof![
            1 => Just(Send::Raise),
            1 => Just(Send::Thread),
            1 => Just(Send::Process),
            3 => any::<i32>().prop_map(Send::Queue),
        ];
        let of = proptest::sample::subsequence(signals(), 1..=7).prop_map(SignalSet::from_iter);
        let take = select(&[Take::Try, Take::NoTime, Take::Wait, Take::Read, Take::ReadNoTime][..]);
        prop_oneof![
            10 => (select(signals()), how).prop_map(|(signal, how)| Step::Send { signal, how }),
            8 => (of, take).prop_map(|(of, how)| Step::Take { of, how }),
            1 => Just(Step::Fork),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            // It would wait for ever.
            Step::Take { of, how: Take::Wait } => !(state.pending.signals() & *of).is_empty(),
            // The child's end is a signal as well.
            Step::Fork => !state.pending.signals().contains(Signal::CHLD),
            _ => true,
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        match step {
            Step::Send { signal, how } => {
                let value = if let Send::Queue(value) = how { Some(*value) } else { None };
                let to_thread = matches!(how, Send::Raise | Send::Thread);
                state.pending.send(*signal, Sent { value, to_thread });
            }
            Step::Take { of, .. } => state.taken = state.pending.take(*of),
            Step::Fork => {}
        }
        state
    }
}

fn send(signal: Signal, how: Send) -> ipc_safe::Result<()> {
    match how {
        Send::Raise => signal::raise(signal),
        // This thread is the first of its process.
        Send::Thread => signal::to_thread(getpid(), getpid(), signal),
        Send::Process => signal::to_process(getpid(), signal),
        Send::Queue(value) => signal::queue(getpid(), signal, value),
    }
}

fn take(of: SignalSet, how: Take) -> ipc_safe::Result<Information> {
    let guard = of.block()?;
    match how {
        Take::Try => guard.try_wait(),
        Take::NoTime => guard.wait_timeout(Duration::ZERO),
        Take::Wait => guard.wait(),
        Take::Read => guard.descriptor()?.try_read(),
        Take::ReadNoTime => guard.descriptor()?.read_timeout(Duration::ZERO),
    }
}

/// What was taken, as the model has it.
fn told(taken: Information) -> (Signal, Sent) {
    assert_eq!(taken.sender().and_then(|sender| sender.pid), Some(getpid()));
    let sent = match taken.origin {
        Origin::Thread(_) => Sent { value: None, to_thread: true },
        Origin::Kill(_) => Sent { value: None, to_thread: false },
        Origin::Queue(_, value) => Sent { value: Some(Value::as_i32(value)), to_thread: false },
        other => panic!("nobody sent {other:?}"),
    };
    (taken.signal, sent)
}

/// Blocks everything while the machine runs.
struct Kernel {
    all: MaskGuard,
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Kernel;
    type Reference = Model;

    fn init_test(_: &State) -> Kernel {
        let all = SignalSet::all().block().unwrap();
        // What a failed run before this one left.
        while all.try_wait().is_ok() {}
        Kernel { all }
    }

    fn apply(kernel: Kernel, state: &State, step: Step) -> Kernel {
        match step {
            Step::Send { signal, how } => send(signal, how).unwrap(),
            Step::Take { of, how } => match (take(of, how), state.taken) {
                (Ok(taken), expected) => assert_eq!(Some(told(taken)), expected, "taken, and expected"),
                (Err(error), None) => {
                    let timed = matches!(how, Take::NoTime | Take::ReadNoTime);
                    let kind = if timed { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };
                    assert_eq!(error.kind(), kind);
                }
                (Err(error), expected) => panic!("{error}, expected {expected:?}"),
            },
            Step::Fork => {
                let guard = &kernel.all;
                fork(|| i32::from(guard.try_wait().is_ok())).succeed();
                let end = SignalSet::from(Signal::CHLD).block().unwrap().wait().unwrap();
                assert!(matches!(end.origin, Origin::Child { .. }));
            }
        }
        kernel
    }

    fn check_invariants(_: &Kernel, state: &State) {
        assert_eq!(signal::pending().unwrap(), state.pending.signals(), "pending, and expected");
    }

    fn teardown(kernel: Kernel, mut state: State) {
        while let Some(expected) = state.pending.take(SignalSet::all()) {
            assert_eq!(told(kernel.all.try_wait().unwrap()), expected, "left, and expected");
        }
        assert_eq!(kernel.all.try_wait().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// Standard signals are a bit, real-time signals a queue, for the thread and for the process; they come in the kernel's order.
///
/// R-SIG-10
#[test]
fn pending_signals_are_those_of_the_model() {
    alone(|| {
        // The threads that watch over the runs block everything, too.
        let guard = SignalSet::all().block().unwrap();
        machine::<Machine>(1000);
        drop(guard);
    });
}
