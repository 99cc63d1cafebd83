//! A file, and up to four mappings of it, shared or private, whole or in parts.

use crate::model::Answer;
use crate::model::mapping::{Files, Rights, Step};
use crate::model::program::mappings::{Kernel, MAPPINGS};
use crate::run::machine;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use rustix::param::page_size;

const SIZES: [usize; 9] = [0, 1, 100, 4095, 4096, 4097, 8192, 10_000, 16_384];
const STARTS: [usize; 8] = [0, 1, 100, 4095, 4096, 4097, 8192, 20_000];
const LENGTHS: [usize; 7] = [0, 1, 4096, 4097, 8192, 12_288, 16_384];
const OFFSETS: [usize; 9] = [0, 1, 99, 4095, 4096, 4097, 8192, 12_287, usize::MAX];
const COUNTS: [usize; 6] = [0, 1, 2, 100, 4096, 5000];
/// Where a mapping is cut: some at a page, whatever its offset is.
const CUTS: [usize; 7] = [0, 1, 3996, 4095, 4096, 8192, 12_188];

/// The model, and what it said of the last step.
#[derive(Clone, Debug)]
struct State {
    files: Files,
    /// Whether the file is in memory: file systems differ at the end of a file.
    in_memory: bool,
    answer: Answer<Vec<u8>>,
}

struct MappingModel;

impl ReferenceStateMachine for MappingModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        let state = |in_memory| State { files: Files::new(page_size()), in_memory, answer: Ok(Vec::new()) };
        any::<bool>().prop_map(state).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let mapping = || 0..MAPPINGS;
        let (offset, count) = (|| select(&OFFSETS[..]), || select(&COUNTS[..]));
        let (start, len) = (|| select(&STARTS[..]), || select(&LENGTHS[..]));
        let rights = || select(&[Rights::ReadWrite, Rights::ReadOnly, Rights::CopyOnWrite][..]);
        let protection = || select(&[Rights::ReadWrite, Rights::ReadOnly, Rights::NoAccess][..]);
        prop_oneof![
            6 => (rights(), start(), prop::option::of(len()), any::<bool>())
                .prop_map(|(rights, offset, len, beyond_end)| Step::Map { rights, offset, len, beyond_end }),
            5 => select(&SIZES[..]).prop_map(|size| Step::SetSize { size }),
            2 => (start(), count(), any::<u8>())
                .prop_map(|(offset, len, byte)| Step::WriteFile { offset, len, byte }),
            1 => (start(), 1..9000_usize).prop_map(|(offset, len)| Step::Punch { offset, len }),
            8 => (mapping(), offset(), count(), any::<u8>())
                .prop_map(|(mapping, offset, len, byte)| Step::Write { mapping, offset, len, byte }),
            4 => (mapping(), offset(), count()).prop_map(|(mapping, offset, len)| Step::Read { mapping, offset, len }),
            1 => mapping().prop_map(|mapping| Step::Flush { mapping }),
            2 => (mapping(), protection()).prop_map(|(mapping, rights)| Step::Protect { mapping, rights }),
            4 => (mapping(), select(&CUTS[..])).prop_map(|(mapping, at)| Step::Split { mapping, at }),
            4 => (mapping(), len()).prop_map(|(mapping, len)| Step::Resize { mapping, len }),
            2 => mapping().prop_map(|mapping| Step::Unmap { mapping }),
        ]
        .boxed()
    }

    fn preconditions(State { files, .. }: &State, step: &Step) -> bool {
        let makes_one = matches!(step, Step::Map { .. } | Step::Split { .. });
        files.is_possible(step) && !(makes_one && files.mappings.len() == MAPPINGS)
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.answer = state.files.perform(step);
        state
    }
}

struct MappingMachine;

impl StateMachineTest for MappingMachine {
    type SystemUnderTest = Kernel;
    type Reference = MappingModel;

    fn init_test(state: &State) -> Kernel {
        let file = if state.in_memory { tempfile::tempfile_in("/dev/shm") } else { tempfile::tempfile() };
        Kernel::new(file.unwrap())
    }

    fn apply(mut kernel: Kernel, state: &State, step: Step) -> Kernel {
        let answer = kernel.perform(&step);
        assert!(answer == state.answer, "the kernel {answer:?} and the model {:?} for {step:?}", state.answer);
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        kernel.check(&state.files);
    }
}

/// A file and its mappings do what the model does, whatever is called in whatever order.
///
/// R-MAP-01 R-MAP-04 R-MAP-06 R-MAP-07 R-MAP-08
#[test]
fn mappings_do_what_the_model_does() {
    machine::<MappingMachine>(800);
}
