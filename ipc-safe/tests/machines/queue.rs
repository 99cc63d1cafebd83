//! Message queues: up to four, found by three keys or none, everything without waiting.

use crate::model::program::queues::{Call, Kernel, Model};
use crate::model::program::{Outcome, PLACES};
use crate::model::queue::{Message, Room, Step};
use crate::model::table::Get;
use crate::run::{lower_limit, machine};
use crate::support::in_namespace;
use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

/// Lengths around which something changes.
const SIZES: [usize; 11] = [0, 1, 7, 8, 255, 256, 4095, 4096, 8191, 8192, 8193];
const LIMITS: [u64; 8] = [0, 1, 2, 8, 256, 8192, 16384, 16385];

/// The model, and what it said of the last call.
#[derive(Clone, Debug)]
struct State {
    model: Model,
    outcome: Outcome<Option<Message>>,
}

struct QueueModel;

impl ReferenceStateMachine for QueueModel {
    type State = State;
    type Transition = Call;

    fn init_state() -> BoxedStrategy<State> {
        Just(State { model: Model::new().unwrap(), outcome: Outcome::Silent }).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Call> {
        let place = || 0..PLACES;
        prop_oneof![
            5 => (place(), get()).prop_map(|(place, get)| Call::Get { place, get }),
            27 => (place(), step()).prop_map(|(place, step)| Call::On { place, step }),
            1 => place().prop_map(|place| Call::Remove { place }),
        ]
        .boxed()
    }

    fn preconditions(state: &State, call: &Call) -> bool {
        state.model.is_possible(call)
    }

    fn apply(mut state: State, call: &Call) -> State {
        state.outcome = state.model.perform(call);
        state
    }
}

fn step() -> impl Strategy<Value = Step> {
    let room = || {
        prop_oneof![
            3 => select(&SIZES[..]).prop_map(Room::Bytes),
            2 => select(&SIZES[..]).prop_map(Room::Cut),
            2 => Just(Room::Any),
        ]
    };
    let sent = || (0..=5_i64, select(&SIZES[..]), any::<u8>());
    let index = prop_oneof![8 => 0..4_usize, 1 => Just(usize::MAX)];
    prop_oneof![
        6 => sent().prop_map(|(kind, len, byte)| Step::Send { kind, len, byte }),
        6 => sent().prop_map(|(kind, len, byte)| Step::SendBuffer { kind, len, byte }),
        8 => (selector(), room()).prop_map(|(selector, room)| Step::Receive { selector, room }),
        1 => selector().prop_map(|selector| Step::ReceiveValue { selector }),
        3 => (index, room()).prop_map(|(index, room)| Step::Peek { index, room }),
        2 => select(&LIMITS[..]).prop_map(|bytes| Step::SetByteLimit { bytes }),
    ]
}

/// Key 0 is the private one.
pub(crate) fn get() -> impl Strategy<Value = Get> {
    let flags = prop_oneof![3 => Just((true, false)), 3 => Just((false, true)), 2 => Just((false, false))];
    (0..4, flags).prop_map(|(key, (create, create_new))| Get { key, create, create_new })
}

fn selector() -> impl Strategy<Value = Selector> {
    let kind = || prop_oneof![9 => 1..=5_i64, 1 => Just(i64::MAX)].prop_map(|kind| MessageType::new(kind).unwrap());
    prop_oneof![
        Just(Selector::First),
        kind().prop_map(Selector::Exactly),
        kind().prop_map(Selector::Except),
        kind().prop_map(Selector::AtMost),
    ]
}

struct QueueMachine;

impl StateMachineTest for QueueMachine {
    type SystemUnderTest = Kernel;
    type Reference = QueueModel;

    fn init_test(_: &State) -> Kernel {
        // What a failed run before this one left.
        for status in MessageQueue::list().unwrap() {
            MessageQueue::from_id(status.id).unwrap().remove().unwrap();
        }
        Kernel::default()
    }

    fn apply(mut kernel: Kernel, state: &State, call: Call) -> Kernel {
        let outcome = kernel.perform(&call, &state.outcome);
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {call:?}");
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        kernel.check(&state.model);
    }

    fn teardown(mut kernel: Kernel, _: State) {
        kernel.clear();
        assert_eq!(MessageQueue::list().unwrap(), [], "left behind");
    }
}

/// Queues do what the model does, whatever is called in whatever order.
///
/// R-KEY-05 R-KEY-12 R-MSG-01 R-MSG-02 R-MSG-03 R-MSG-05 R-MSG-06 R-MSG-07 R-MSG-08 R-MSG-09 R-MSG-10 R-MSG-11 R-MSG-16
#[test]
fn queues_do_what_the_model_does() {
    in_namespace(|| {
        lower_limit("msgmni", "4");
        machine::<QueueMachine>(1000);
    });
}
