//! A pipe, or a FIFO and its name, with several ends for reading and writing.

use crate::alone::alone;
use crate::model::Answer;
use crate::model::pipe::{Ends, FifoStep, NamedEnds, Outcome, Pipes, Step};
use crate::run::machine;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use rustix::param::page_size;
use std::marker::PhantomData;
use tempfile::TempDir;

const ENDS: usize = 3;
const LENGTHS: [usize; 13] = [0, 1, 7, 100, 904, 4095, 4096, 4097, 5000, 8192, 12_288, 20_000, 70_000];
const CAPACITIES: [usize; 6] = [0, 4096, 4097, 10_000, 65_536, 131_072];

#[derive(Clone, Debug)]
struct State {
    pipes: Pipes,
    packets: bool,
    outcome: Answer<Outcome>,
}

impl State {
    const fn new(pipes: Pipes, packets: bool) -> Self {
        Self { pipes, packets, outcome: Ok(Outcome::Done) }
    }
}

/// What a machine begins with.
trait Beginning: Clone + std::fmt::Debug {
    fn begin() -> BoxedStrategy<State>;
    const IS_FIFO: bool;
}

/// A pipe with both ends.
#[derive(Clone, Debug)]
struct OfPipe;

impl Beginning for OfPipe {
    const IS_FIFO: bool = false;

    fn begin() -> BoxedStrategy<State> {
        any::<bool>().prop_map(|packets| State::new(Pipes::pipe(page_size(), packets), packets)).boxed()
    }
}

/// A name that means nothing yet.
#[derive(Clone, Debug)]
struct OfFifo;

impl Beginning for OfFifo {
    const IS_FIFO: bool = true;

    fn begin() -> BoxedStrategy<State> {
        Just(State::new(Pipes::nothing(page_size()), false)).boxed()
    }
}

struct Model<B>(PhantomData<B>);

impl<B: Beginning + 'static> ReferenceStateMachine for Model<B> {
    type State = State;
    type Transition = FifoStep;

    fn init_state() -> BoxedStrategy<State> {
        B::begin()
    }

    fn transitions(_: &State) -> BoxedStrategy<FifoStep> {
        let (end, len, on) = (|| 0..ENDS, || select(&LENGTHS[..]), any::<bool>);
        let ends = prop_oneof![
            10 => (end(), len(), any::<u8>(), on(), on())
                .prop_map(|(writer, len, byte, atomic, timed)| Step::Write { writer, len, byte, atomic, timed }),
            8 => (end(), len(), on()).prop_map(|(reader, len, timed)| Step::Read { reader, len, timed }),
            2 => (end(), select(&CAPACITIES[..])).prop_map(|(writer, bytes)| Step::SetCapacity { writer, bytes }),
            1 => (end(), on()).prop_map(|(reader, on)| Step::SetReaderNonblocking { reader, on }),
            1 => (end(), on()).prop_map(|(writer, on)| Step::SetWriterNonblocking { writer, on }),
            1 => end().prop_map(|reader| Step::CloneReader { reader }),
            1 => end().prop_map(|writer| Step::CloneWriter { writer }),
            2 => end().prop_map(|reader| Step::CloseReader { reader }),
            2 => end().prop_map(|writer| Step::CloseWriter { writer }),
        ]
        .prop_map(FifoStep::End);
        if !B::IS_FIFO {
            return ends.boxed();
        }
        prop_oneof![
            12 => ends,
            2 => any::<bool>().prop_map(|new| FifoStep::Create { new }),
            1 => Just(FifoStep::Unlink),
            1 => Just(FifoStep::Replace),
            3 => any::<bool>().prop_map(|lasting| FifoStep::OpenReader { lasting }),
            3 => Just(FifoStep::OpenWriter),
            1 => Just(FifoStep::MeetWriter),
            1 => Just(FifoStep::MeetReader),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &FifoStep) -> bool {
        // Without any end there is nothing left to do with a pipe.
        let may_close = B::IS_FIFO || state.pipes.readers.len() + state.pipes.writers.len() > 1;
        let closes = matches!(step, FifoStep::End(Step::CloseReader { .. } | Step::CloseWriter { .. }));
        state.pipes.is_possible_on_fifo(step, ENDS) && (may_close || !closes)
    }

    fn apply(mut state: State, step: &FifoStep) -> State {
        state.outcome = state.pipes.perform_on_fifo(step);
        state
    }
}

/// The kernel's ends, and the name.
struct Kernel {
    named: NamedEnds,
    _folder: TempDir,
}

struct Machine<B>(PhantomData<B>);

impl<B: Beginning + 'static> StateMachineTest for Machine<B> {
    type SystemUnderTest = Kernel;
    type Reference = Model<B>;

    fn init_test(state: &State) -> Kernel {
        let folder = tempfile::tempdir().unwrap();
        let mut named = NamedEnds::nothing(folder.path().join("fifo"));
        if !B::IS_FIFO {
            named.ends = Ends::pipe(state.packets).unwrap();
        }
        Kernel { named, _folder: folder }
    }

    fn apply(mut kernel: Kernel, state: &State, step: FifoStep) -> Kernel {
        let outcome = kernel.named.perform(&step);
        assert!(outcome == state.outcome, "the kernel {outcome:?} and the model {:?} for {step:?}", state.outcome);
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        kernel.named.ends.check(&state.pipes);
    }
}

/// A pipe, of bytes or packets, does what the model does: every byte written is read once and in order, the end is there when
/// no writer is, and writing fails when no reader is.
///
/// R-PIPE-02 R-PIPE-03 R-PIPE-04 R-PIPE-05 R-PIPE-06 R-PIPE-07 R-PIPE-08 R-PIPE-09
#[test]
fn pipes_do_what_the_model_does() {
    alone(|| machine::<Machine<OfPipe>>(600));
}

/// A FIFO does, whatever ends come and go, and whatever its name means meanwhile.
///
/// R-FIFO-01 R-FIFO-04 R-FIFO-05 R-FIFO-06 R-FIFO-07 R-FIFO-08 R-FIFO-10 R-FIFO-11
#[test]
fn fifos_do_what_the_model_does() {
    alone(|| machine::<Machine<OfFifo>>(600));
}
