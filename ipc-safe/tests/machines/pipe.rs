//! A pipe, or a FIFO and its name, with several ends for reading and writing.

use crate::alone::alone;
use crate::model::pipe::Pipes;
use crate::model::{Answer, Fault};
use crate::run::machine;
use ipc_safe::error::Result;
use ipc_safe::pipe::{Fifo, PipeOptions, PipeReader, PipeWriter};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use rustix::param::page_size;
use std::marker::PhantomData;
use tempfile::TempDir;

const ENDS: usize = 3;
const LENGTHS: [usize; 13] = [0, 1, 7, 100, 904, 4095, 4096, 4097, 5000, 8192, 12_288, 20_000, 70_000];
const CAPACITIES: [usize; 6] = [0, 4096, 4097, 10_000, 65_536, 131_072];

/// One call. Those on ends never wait.
#[derive(Clone, Debug)]
enum Step {
    Write {
        writer: usize,
        len: usize,
        byte: u8,
        atomic: bool,
    },
    Read {
        reader: usize,
        len: usize,
    },
    SetCapacity {
        writer: usize,
        bytes: usize,
    },
    CloneReader {
        reader: usize,
    },
    CloneWriter {
        writer: usize,
    },
    CloseReader {
        reader: usize,
    },
    CloseWriter {
        writer: usize,
    },
    /// The name of a FIFO, from here on.
    Create {
        new: bool,
    },
    Unlink,
    OpenReader {
        lasting: bool,
    },
    OpenWriter,
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to compare but the state.
    None,
    Done(Answer<()>),
    Count(Answer<usize>),
    Bytes(Answer<Vec<u8>>),
    IsNew(Answer<bool>),
}

#[derive(Clone, Debug)]
struct State {
    pipes: Pipes,
    packets: bool,
    outcome: Outcome,
}

impl State {
    const fn new(pipes: Pipes, packets: bool) -> Self {
        Self { pipes, packets, outcome: Outcome::None }
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        let pipes = &mut self.pipes;
        match *step {
            Step::Write { writer, len, byte, atomic } => {
                return Outcome::Count(pipes.write(writer, &text(len, byte), atomic));
            }
            Step::Read { reader, len } => return Outcome::Bytes(pipes.read(reader, len)),
            Step::SetCapacity { writer, bytes } => return Outcome::Count(pipes.set_capacity(writer, bytes)),
            Step::CloneReader { reader } => pipes.clone_reader(reader),
            Step::CloneWriter { writer } => pipes.clone_writer(writer),
            Step::CloseReader { reader } => pipes.close_reader(reader),
            Step::CloseWriter { writer } => pipes.close_writer(writer),
            Step::Create { new } => return Outcome::IsNew(pipes.create(new)),
            Step::Unlink => return Outcome::Done(pipes.unlink()),
            Step::OpenReader { lasting } => return Outcome::Done(pipes.open_reader(lasting)),
            Step::OpenWriter => return Outcome::Done(pipes.open_writer()),
        }
        Outcome::None
    }
}

/// Bytes that tell where they are.
fn text(len: usize, byte: u8) -> Vec<u8> {
    let round: Vec<u8> = (0..251).map(|at| byte.wrapping_add(at)).collect();
    let mut text = round.repeat(len / round.len() + 1);
    text.truncate(len);
    text
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
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        B::begin()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let (end, len) = (|| 0..ENDS, || select(&LENGTHS[..]));
        let ends = prop_oneof![
            10 => (end(), len(), any::<u8>(), any::<bool>())
                .prop_map(|(writer, len, byte, atomic)| Step::Write { writer, len, byte, atomic }),
            8 => (end(), len()).prop_map(|(reader, len)| Step::Read { reader, len }),
            2 => (end(), select(&CAPACITIES[..])).prop_map(|(writer, bytes)| Step::SetCapacity { writer, bytes }),
            1 => end().prop_map(|reader| Step::CloneReader { reader }),
            1 => end().prop_map(|writer| Step::CloneWriter { writer }),
            2 => end().prop_map(|reader| Step::CloseReader { reader }),
            2 => end().prop_map(|writer| Step::CloseWriter { writer }),
        ];
        if !B::IS_FIFO {
            return ends.boxed();
        }
        prop_oneof![
            12 => ends,
            2 => any::<bool>().prop_map(|new| Step::Create { new }),
            1 => Just(Step::Unlink),
            3 => any::<bool>().prop_map(|lasting| Step::OpenReader { lasting }),
            3 => Just(Step::OpenWriter),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        let (readers, writers) = (state.pipes.readers.len(), state.pipes.writers.len());
        // Without any end there is nothing left to do with a pipe.
        let may_close = B::IS_FIFO || readers + writers > 1;
        match *step {
            Step::Write { writer, .. } | Step::SetCapacity { writer, .. } => writer < writers,
            Step::Read { reader, .. } => reader < readers,
            Step::CloseReader { reader } => reader < readers && may_close,
            Step::CloseWriter { writer } => writer < writers && may_close,
            Step::CloneReader { reader } => reader < readers && readers < ENDS,
            Step::CloneWriter { writer } => writer < writers && writers < ENDS,
            Step::Create { .. } => true,
            Step::Unlink => state.pipes.has_handle(),
            Step::OpenReader { .. } => state.pipes.has_handle() && readers < ENDS,
            Step::OpenWriter => state.pipes.has_handle() && writers < ENDS,
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        state
    }
}

/// The kernel's ends, and the name.
struct Kernel {
    readers: Vec<PipeReader>,
    writers: Vec<PipeWriter>,
    folder: TempDir,
    fifo: Option<Fifo>,
}

impl Kernel {
    fn fifo(&self) -> &Fifo {
        self.fifo.as_ref().expect("the model asks for one that there is")
    }

    fn open_reader(&mut self, lasting: bool) -> Result<()> {
        let fifo = self.fifo();
        let reader = if lasting { fifo.open_lasting_reader()? } else { fifo.try_open_reader()? };
        self.readers.push(reader);
        Ok(())
    }

    fn open_writer(&mut self) -> Result<()> {
        let writer = self.fifo().try_open_writer()?;
        self.writers.push(writer);
        Ok(())
    }

    fn create(&mut self, new: bool) -> Result<bool> {
        let fifo = Fifo::options().create(true).create_new(new).open(self.folder.path().join("fifo"))?;
        let is_new = fifo.is_new();
        self.fifo = Some(fifo);
        Ok(is_new)
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        let done = |result: Result<()>| Outcome::Done(result.map_err(Fault::from));
        match *step {
            Step::Write { writer, len, byte, atomic } => {
                let (writer, bytes) = (&self.writers[writer], text(len, byte));
                let whole = |()| len;
                let written =
                    if atomic { writer.try_write_atomic(&bytes).map(whole) } else { writer.try_write(&bytes) };
                return Outcome::Count(written.map_err(Fault::from));
            }
            Step::Read { reader, len } => {
                let mut bytes = vec![0; len];
                let read = self.readers[reader].try_read(&mut bytes);
                return Outcome::Bytes(read.map_err(Fault::from).map(|len| bytes[..len].to_vec()));
            }
            Step::SetCapacity { writer, bytes } => {
                return Outcome::Count(self.writers[writer].set_capacity(bytes).map_err(Fault::from));
            }
            Step::CloneReader { reader } => self.readers.push(self.readers[reader].try_clone().unwrap()),
            Step::CloneWriter { writer } => self.writers.push(self.writers[writer].try_clone().unwrap()),
            Step::CloseReader { reader } => drop(self.readers.remove(reader)),
            Step::CloseWriter { writer } => drop(self.writers.remove(writer)),
            Step::Create { new } => return Outcome::IsNew(self.create(new).map_err(Fault::from)),
            Step::Unlink => return done(self.fifo().clone().into_owned().unlink()),
            Step::OpenReader { lasting } => return done(self.open_reader(lasting)),
            Step::OpenWriter => return done(self.open_writer()),
        }
        Outcome::None
    }
}

struct Machine<B>(PhantomData<B>);

impl<B: Beginning + 'static> StateMachineTest for Machine<B> {
    type SystemUnderTest = Kernel;
    type Reference = Model<B>;

    fn init_test(state: &State) -> Kernel {
        let folder = tempfile::tempdir().unwrap();
        let mut kernel = Kernel { readers: Vec::new(), writers: Vec::new(), folder, fifo: None };
        if !B::IS_FIFO {
            let (reader, writer) = PipeOptions::new().packets(state.packets).create().unwrap();
            kernel.readers.push(reader);
            kernel.writers.push(writer);
        }
        kernel
    }

    fn apply(mut kernel: Kernel, state: &State, step: Step) -> Kernel {
        let outcome = kernel.perform(&step);
        assert!(outcome == state.outcome, "the kernel {outcome:?} and the model {:?} for {step:?}", state.outcome);
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        let pipes = &state.pipes;
        assert_eq!((kernel.readers.len(), kernel.writers.len()), (pipes.readers.len(), pipes.writers.len()));
        for (at, reader) in kernel.readers.iter().enumerate() {
            let sizes = (reader.available().unwrap(), reader.capacity().unwrap());
            assert_eq!(sizes, pipes.sizes(pipes.readers[at]), "bytes and capacity, of reader {at}");
            assert_eq!(reader.try_wait().map_err(Fault::from), pipes.readable(at), "reader {at}");
        }
        for (at, writer) in kernel.writers.iter().enumerate() {
            let sizes = (writer.available().unwrap(), writer.capacity().unwrap());
            assert_eq!(sizes, pipes.sizes(pipes.writers[at]), "bytes and capacity, of writer {at}");
            assert_eq!(writer.try_wait().map_err(Fault::from), pipes.writable(at), "writer {at}");
        }
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
