//! A file, and up to four mappings of it, shared or private, whole or in parts.

use crate::model::mapping::{Files, Rights};
use crate::model::{Answer, Fault};
use crate::run::machine;
use ipc_safe::error::{Error, Rejected, Result};
use ipc_safe::memory::{CopyOnWrite, FileMapping, MapOptions, NoAccess, ReadOnly, ReadWrite};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::param::page_size;
use std::fs::File;
use std::os::unix::fs::FileExt;

const MAPPINGS: usize = 4;
const SIZES: [usize; 9] = [0, 1, 100, 4095, 4096, 4097, 8192, 10_000, 16_384];
const STARTS: [usize; 8] = [0, 1, 100, 4095, 4096, 4097, 8192, 20_000];
const LENGTHS: [usize; 7] = [0, 1, 4096, 4097, 8192, 12_288, 16_384];
const OFFSETS: [usize; 9] = [0, 1, 99, 4095, 4096, 4097, 8192, 12_287, usize::MAX];
const COUNTS: [usize; 6] = [0, 1, 2, 100, 4096, 5000];
/// Where a mapping is cut: some at a page, whatever its offset is.
const CUTS: [usize; 7] = [0, 1, 3996, 4095, 4096, 8192, 12_188];

/// One call.
#[derive(Clone, Debug)]
enum Step {
    Map { rights: Rights, offset: usize, len: Option<usize>, beyond_end: bool },
    SetSize { size: usize },
    WriteFile { offset: usize, len: usize, byte: u8 },
    Punch { offset: usize, len: usize },
    Write { mapping: usize, offset: usize, len: usize, byte: u8 },
    Read { mapping: usize, offset: usize, len: usize },
    Flush { mapping: usize },
    Protect { mapping: usize, rights: Rights },
    Split { mapping: usize, at: usize },
    Resize { mapping: usize, len: usize },
    Unmap { mapping: usize },
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to compare but the state.
    None,
    Done(Answer<()>),
    Bytes(Answer<Vec<u8>>),
}

#[derive(Clone, Debug)]
struct State {
    files: Files,
    /// Whether the file is in memory: file systems differ at the end of a file.
    in_memory: bool,
    outcome: Outcome,
}

impl State {
    fn perform(&mut self, step: &Step) -> Outcome {
        let files = &mut self.files;
        match *step {
            Step::Map { rights, offset, len, beyond_end } => Outcome::Done(files.map(rights, offset, len, beyond_end)),
            Step::SetSize { size } => {
                files.set_size(size);
                Outcome::None
            }
            Step::WriteFile { offset, len, byte } => {
                files.write_file(offset, &vec![byte; len]);
                Outcome::None
            }
            Step::Punch { offset, len } => {
                files.punch(offset, len);
                Outcome::None
            }
            Step::Write { mapping, offset, len, byte } => Outcome::Done(files.write(mapping, offset, &vec![byte; len])),
            Step::Read { mapping, offset, len } => Outcome::Bytes(files.read(mapping, offset, len)),
            Step::Flush { .. } => Outcome::Done(Ok(())),
            Step::Protect { mapping, rights } => {
                files.mappings[mapping].rights = rights;
                Outcome::Done(Ok(()))
            }
            Step::Split { mapping, at } => Outcome::Done(files.split(mapping, at)),
            Step::Resize { mapping, len } => Outcome::Done(files.resize(mapping, len)),
            Step::Unmap { mapping } => {
                files.mappings.remove(mapping);
                Outcome::None
            }
        }
    }
}

struct MappingModel;

impl ReferenceStateMachine for MappingModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        let state = |in_memory| State { files: Files::new(page_size()), in_memory, outcome: Outcome::None };
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

    fn preconditions(state: &State, step: &Step) -> bool {
        let mappings = &state.files.mappings;
        let rights = |mapping: usize| mappings.get(mapping).map(|mapping| mapping.rights);
        match *step {
            Step::Map { .. } => mappings.len() < MAPPINGS,
            Step::SetSize { .. } | Step::WriteFile { .. } | Step::Punch { .. } => true,
            Step::Write { mapping, .. } => rights(mapping).is_some_and(Rights::can_write),
            Step::Read { mapping, .. } => rights(mapping).is_some_and(Rights::can_read),
            Step::Protect { mapping, .. } => rights(mapping).is_some_and(|rights| rights != Rights::CopyOnWrite),
            Step::Split { mapping, .. } => mapping < mappings.len() && mappings.len() < MAPPINGS,
            Step::Flush { mapping } | Step::Resize { mapping, .. } | Step::Unmap { mapping } => {
                mapping < mappings.len()
            }
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        state
    }
}

/// A mapping of any type.
enum Held {
    ReadWrite(FileMapping<ReadWrite>),
    ReadOnly(FileMapping<ReadOnly>),
    NoAccess(FileMapping<NoAccess>),
    CopyOnWrite(FileMapping<CopyOnWrite>),
}

/// Does the same with a mapping of any type.
macro_rules! with_any {
    ($held:expr, $mapping:ident => $body:expr) => {
        match $held {
            Held::ReadWrite($mapping) => $body,
            Held::ReadOnly($mapping) => $body,
            Held::NoAccess($mapping) => $body,
            Held::CopyOnWrite($mapping) => $body,
        }
    };
}

/// Consumes a mapping of any type, which becomes others of its type, or comes back.
macro_rules! change_any {
    ($held:expr, $mapping:ident => $body:expr, $then:expr) => {
        match $held {
            Held::ReadWrite($mapping) => settle($body, Held::ReadWrite, $then),
            Held::ReadOnly($mapping) => settle($body, Held::ReadOnly, $then),
            Held::NoAccess($mapping) => settle($body, Held::NoAccess, $then),
            Held::CopyOnWrite($mapping) => settle($body, Held::CopyOnWrite, $then),
        }
    };
}

/// What is left of a mapping that was changed or not, and how that went.
fn settle<T, M>(
    changed: Result<T, Rejected<M>>,
    hold: impl Fn(M) -> Held,
    then: impl FnOnce(T, &dyn Fn(M) -> Held) -> Vec<Held>,
) -> (Vec<Held>, Result<()>) {
    match changed {
        Ok(changed) => (then(changed, &hold), Ok(())),
        Err(rejected) => {
            let (mapping, error) = rejected.into_parts();
            (vec![hold(mapping)], Err(error))
        }
    }
}

impl Held {
    fn protect(self, rights: Rights) -> Result<Self> {
        Ok(match (self, rights) {
            (Self::ReadWrite(mapping), Rights::ReadWrite) => Self::ReadWrite(mapping.protect()?),
            (Self::ReadWrite(mapping), Rights::ReadOnly) => Self::ReadOnly(mapping.protect()?),
            (Self::ReadWrite(mapping), _) => Self::NoAccess(mapping.protect()?),
            (Self::ReadOnly(mapping), Rights::ReadWrite) => Self::ReadWrite(mapping.protect()?),
            (Self::ReadOnly(mapping), Rights::ReadOnly) => Self::ReadOnly(mapping.protect()?),
            (Self::ReadOnly(mapping), _) => Self::NoAccess(mapping.protect()?),
            (Self::NoAccess(mapping), Rights::ReadWrite) => Self::ReadWrite(mapping.protect()?),
            (Self::NoAccess(mapping), Rights::ReadOnly) => Self::ReadOnly(mapping.protect()?),
            (Self::NoAccess(mapping), _) => Self::NoAccess(mapping.protect()?),
            (Self::CopyOnWrite(_), _) => unreachable!("the model protects shared mappings only"),
        })
    }

    fn split(self, at: usize) -> (Vec<Self>, Result<()>) {
        change_any!(self, mapping => mapping.split_at(at), |(low, high), hold| vec![hold(low), hold(high)])
    }

    fn resize(self, len: usize) -> (Vec<Self>, Result<()>) {
        change_any!(self, mapping => mapping.resize(len), |mapping, hold| vec![hold(mapping)])
    }

    fn read(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        match self {
            Self::ReadWrite(mapping) => mapping.read(offset, target),
            Self::ReadOnly(mapping) => mapping.read(offset, target),
            Self::CopyOnWrite(mapping) => mapping.read(offset, target),
            Self::NoAccess(_) => unreachable!("the model reads what can be read only"),
        }
    }

    fn write(&self, offset: usize, source: &[u8]) -> Result<()> {
        match self {
            Self::ReadWrite(mapping) => mapping.write(offset, source),
            Self::CopyOnWrite(mapping) => mapping.write(offset, source),
            Self::ReadOnly(_) | Self::NoAccess(_) => unreachable!("the model writes what can be written only"),
        }
    }
}

/// The kernel's file and mappings.
struct Kernel {
    file: File,
    mappings: Vec<Held>,
}

impl Kernel {
    fn map(&mut self, rights: Rights, options: MapOptions) -> Result<()> {
        self.mappings.push(match rights {
            Rights::ReadOnly => Held::ReadOnly(options.file_read_only(&self.file)?),
            Rights::CopyOnWrite => Held::CopyOnWrite(options.file_copy_on_write(&self.file)?),
            _ => Held::ReadWrite(options.file(&self.file)?),
        });
        Ok(())
    }

    /// Puts what became of a mapping in its place; a second part goes to the end.
    fn put(&mut self, mapping: usize, (mut parts, result): (Vec<Held>, Result<()>)) -> Outcome {
        self.mappings.extend(parts.drain(1..));
        self.mappings.extend(parts);
        let last = self.mappings.len() - 1;
        // The first part was pushed last: back to its place, in front of those behind it.
        self.mappings[mapping..=last].rotate_right(1);
        Outcome::Done(result.map_err(Fault::from))
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        let done = |result: Result<(), Error>| Outcome::Done(result.map_err(Fault::from));
        match *step {
            Step::Map { rights, offset, len, beyond_end } => {
                let options = MapOptions::new().offset(offset as u64).beyond_end(beyond_end);
                done(self.map(rights, len.map_or(options, |len| options.len(len))))
            }
            Step::SetSize { size } => {
                self.file.set_len(size as u64).unwrap();
                Outcome::None
            }
            Step::WriteFile { offset, len, byte } => {
                self.file.write_all_at(&vec![byte; len], offset as u64).unwrap();
                Outcome::None
            }
            Step::Punch { offset, len } => {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fallocate(&self.file, flags, offset as u64, len as u64).unwrap();
                Outcome::None
            }
            Step::Write { mapping, offset, len, byte } => done(self.mappings[mapping].write(offset, &vec![byte; len])),
            Step::Read { mapping, offset, len } => {
                let mut target = vec![0; len];
                let read = self.mappings[mapping].read(offset, &mut target);
                Outcome::Bytes(read.map(|()| target).map_err(Fault::from))
            }
            Step::Flush { mapping } => done(with_any!(&self.mappings[mapping], mapping => mapping.flush())),
            Step::Protect { mapping, rights } => {
                let protected = self.mappings.remove(mapping).protect(rights);
                done(protected.map(|protected| self.mappings.insert(mapping, protected)))
            }
            Step::Split { mapping, at } => {
                let parts = self.mappings.remove(mapping).split(at);
                self.put(mapping, parts)
            }
            Step::Resize { mapping, len } => {
                let parts = self.mappings.remove(mapping).resize(len);
                self.put(mapping, parts)
            }
            Step::Unmap { mapping } => {
                drop(self.mappings.remove(mapping));
                Outcome::None
            }
        }
    }
}

struct MappingMachine;

impl StateMachineTest for MappingMachine {
    type SystemUnderTest = Kernel;
    type Reference = MappingModel;

    fn init_test(state: &State) -> Kernel {
        let file = if state.in_memory { tempfile::tempfile_in("/dev/shm") } else { tempfile::tempfile() };
        Kernel { file: file.unwrap(), mappings: Vec::new() }
    }

    fn apply(mut kernel: Kernel, state: &State, step: Step) -> Kernel {
        let outcome = kernel.perform(&step);
        assert!(outcome == state.outcome, "the kernel {outcome:?} and the model {:?} for {step:?}", state.outcome);
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        let files = &state.files;
        let mut bytes = vec![0; files.bytes.len()];
        kernel.file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(kernel.file.metadata().unwrap().len(), bytes.len() as u64, "the size of the file");
        assert!(bytes == files.bytes, "the bytes of the file differ");
        assert_eq!(kernel.mappings.len(), files.mappings.len());
        for (i, (held, model)) in kernel.mappings.iter().zip(&files.mappings).enumerate() {
            let (len, available) = with_any!(held, mapping => (mapping.len(), mapping.available().unwrap()));
            assert_eq!((len, available), (model.len, files.available(i)), "length and what is there, of mapping {i}");
            if model.rights.can_read() {
                let mut bytes = vec![0; available];
                held.read(0, &mut bytes).unwrap();
                assert!(bytes == files.read(i, 0, available).unwrap(), "the bytes of mapping {i} differ");
            }
        }
    }
}

/// A file and its mappings do what the model does, whatever is called in whatever order.
///
/// R-MAP-01 R-MAP-04 R-MAP-06 R-MAP-07 R-MAP-08
#[test]
fn mappings_do_what_the_model_does() {
    machine::<MappingMachine>(800);
}
