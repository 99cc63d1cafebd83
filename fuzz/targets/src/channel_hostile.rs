//! A channel whose memory somebody else scribbles on between the calls: positions, claims, lengths, the lock, the header.
//!
//! Whatever stands there, a call is done or refused in one of the documented ways, in time, and nothing is read or written
//! outside of the ring; and no call says that the memory is corrupt before anybody scribbled.

use crate::steps::{Look, steps};
use crate::way::{Into, Value, Way};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::channel::{Bells, Channel, Messages, SharedMessages, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FixedMemfd, SharedMemory};
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::{Answer, Fault};
use std::time::{Duration, Instant};

const CAPACITY: usize = 256;
/// Before the ring: what is there, what it is for, the positions, who has the ends, the lock and the seats of shared senders.
const HEADER: usize = 1792;
/// Where the receiver is, as it says.
const HEAD: usize = 256;
const PLACES: [usize; 26] = [
    128, 256, 384, 388, 392, 512, 516, 520, 640, 644, 648, 652, 656, 660, 768, 772, 776, 0, 8, 16, 64, 68, 72, 76, 80,
    84,
];
const WORDS: [u32; 18] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    CAPACITY as u32 / 2 - 4,
    CAPACITY as u32 / 2 - 3,
    CAPACITY as u32,
    CAPACITY as u32 + 8,
    1 << 30,
    1 << 31,
    0x4000_0001,
    0x8000_0001,
    u32::MAX - 7,
    u32::MAX - 1,
    u32::MAX,
];
/// Lengths around the longest one, what fits into a quarter, and the mark of what is left out.
const LENGTHS: [u32; 8] =
    [0, 60, 61, CAPACITY as u32 / 2 - 4, CAPACITY as u32 / 2 - 3, CAPACITY as u32, u32::MAX - 3, u32::MAX];
/// What nothing takes that is told to be done at once, however much the machine has to do.
const HANG: Duration = Duration::from_secs(10);

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Where {
    Header(u8),
    /// A word of the ring.
    Ring(u8),
    /// The word that the next record begins with, if the positions make sense.
    Next,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum What {
    Table(u8),
    Any(u32),
    /// To what is there.
    Add(i8),
    /// The number of this thread, with a mark of the kernel's.
    ThisThread(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Scribble {
        at: Where,
        what: What,
    },
    /// About the length of the next record, if the positions make sense.
    Lie {
        len: u8,
    },
    Fill {
        at: u8,
        len: u8,
        byte: u8,
    },
    Send {
        len: u8,
        timed: bool,
    },
    SendMany {
        len: u8,
    },
    Reserve {
        len: u8,
        commit: bool,
    },
    Receive {
        into: Into,
    },
    ReceiveAgain {
        into: Into,
    },
    Arm,
    CloseSender,
    CloseReceiver,
    Open,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(what) = u.int_in_range(0..=11_u8) else { return };
    let look = Look::at(Resources::DESCRIPTORS | Resources::MAPPINGS);
    let ahead = what / 3;
    match what % 3 {
        0 => Run::<Messages>::new(CAPACITY).ahead(ahead).all(&mut u),
        1 => Run::<SharedMessages>::new(CAPACITY).ahead(ahead).all(&mut u),
        _ => Run::<Values<Value>>::new(CAPACITY / 16).ahead(ahead).all(&mut u),
    }
    look.end();
}

struct Run<F: Way> {
    memfd: FixedMemfd,
    /// The foe's.
    memory: SharedMemory,
    bells: Bells,
    sender: Option<F::Sends>,
    receiver: Option<F::Receives>,
    scribbled: bool,
}

impl<F: Way> Run<F> {
    fn new(capacity: usize) -> Self {
        let (memfd, channel) = Channel::<_, F>::memfd(capacity).expect("memory");
        let memory = memfd.map().expect("memory");
        assert_eq!(memory.len(), HEADER + CAPACITY, "where the ring begins");
        let bells = Bells::new().expect("descriptors");
        let sender = F::open_sender(channel.with_bells(bells.try_clone().expect("descriptors"))).ok();
        let mut run = Self { memfd, memory, bells, sender, receiver: None, scribbled: false };
        let opened = run.open();
        assert_eq!(opened, Ok(()));
        run
    }

    /// So many quarters of a ring of messages further than the beginning: what goes wrong there goes out of the ring.
    fn ahead(mut self, quarters: u8) -> Self {
        for _ in 0..quarters {
            assert_eq!(self.send((CAPACITY / 4 - 8) as u8, false), Ok(()));
            assert_eq!(self.receive(Into::Vec), Ok(()));
        }
        self
    }

    fn all(mut self, u: &mut Unstructured<'_>) {
        for step in steps::<Step>(u) {
            let begun = Instant::now();
            let answer = self.step(step);
            assert!(begun.elapsed() < HANG, "{step:?} took {:?}", begun.elapsed());
            if let Err(fault) = answer {
                self.check(step, fault);
            }
        }
    }

    /// That a refusal is one of those that are documented.
    fn check(&self, step: Step, fault: Fault) {
        use ErrorKind::{
            AlreadyExists, Closed, Corrupt, Deadlock, InvalidInput, LimitReached, NotInitialised, NotRecoverable,
            TimedOut, TooBig, Unsupported, WouldBlock,
        };
        let opens = matches!(step, Step::Open);
        let documented = match fault.kind {
            WouldBlock | TimedOut | Closed | TooBig => !opens,
            AlreadyExists => opens,
            Corrupt => self.scribbled,
            InvalidInput | NotInitialised | LimitReached => opens && self.scribbled,
            // Also those of the lock.
            Unsupported => self.scribbled && (opens || F::SHARED),
            Deadlock | NotRecoverable => self.scribbled && F::SHARED && !opens,
            _ => false,
        };
        assert!(documented, "{step:?} said {fault:?}");
    }

    fn step(&mut self, step: Step) -> Answer<()> {
        match step {
            Step::Scribble { at, what } => self.scribble(at, what),
            Step::Lie { len } => self.store(self.next(), LENGTHS[usize::from(len) % LENGTHS.len()]),
            Step::Fill { at, len, byte } => self.fill(at, len, byte),
            Step::Send { len, timed } => return self.send(len, timed),
            Step::SendMany { len } => return self.send_many(len),
            Step::Reserve { len, commit } => return self.reserve(len, commit),
            Step::Receive { into } | Step::ReceiveAgain { into } => return self.receive(into),
            Step::Arm => return self.arm(),
            Step::CloseSender => drop(self.sender.take()),
            Step::CloseReceiver => drop(self.receiver.take()),
            Step::Open => return self.open(),
        }
        Ok(())
    }

    fn scribble(&mut self, at: Where, what: What) {
        let offset = match at {
            Where::Header(place) => PLACES[usize::from(place) % PLACES.len()],
            Where::Ring(word) => HEADER + usize::from(word) * 4 % CAPACITY,
            Where::Next => self.next(),
        };
        let word = match what {
            What::Table(place) => WORDS[usize::from(place) % WORDS.len()],
            What::Any(word) => word,
            What::Add(delta) => self.word(offset).wrapping_add_signed(delta.into()),
            What::ThisThread(marks) => {
                rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned() | u32::from(marks & 3) << 30
            }
        };
        self.store(offset, word);
    }

    fn store(&mut self, offset: usize, word: u32) {
        self.memory.bytes().store(offset, &word).expect("a place in the memory");
        self.scribbled = true;
    }

    /// Where the next record begins.
    fn next(&self) -> usize {
        HEADER + self.word(HEAD) as usize % CAPACITY / 8 * 8
    }

    fn word(&self, offset: usize) -> u32 {
        self.memory.bytes().load(offset).expect("a place in the memory")
    }

    fn fill(&mut self, at: u8, len: u8, byte: u8) {
        let at = PLACES[usize::from(at) % PLACES.len()];
        let to = (at + usize::from(len)).min(HEADER + CAPACITY);
        self.memory.bytes().slice(at..to).expect("a part of the memory").fill(byte);
        self.scribbled = true;
    }

    fn send(&mut self, len: u8, timed: bool) -> Answer<()> {
        let bytes = F::bytes(len.into(), len);
        self.sender.as_mut().map_or(Ok(()), |sender| F::send(sender, &bytes, timed))
    }

    fn send_many(&mut self, len: u8) -> Answer<()> {
        let messages = [0, 1, 2].map(|more| F::bytes((len / 2).saturating_add(more).into(), len));
        let Some(sender) = &mut self.sender else { return Ok(()) };
        F::send_many(sender, &messages).map(|sent| assert!((1..=3).contains(&sent), "{sent} of three were sent"))
    }

    fn reserve(&mut self, len: u8, commit: bool) -> Answer<()> {
        let bytes = F::bytes(len.into(), len);
        let Some(sender) = &mut self.sender else { return Ok(()) };
        F::reserve(sender, len.into(), commit.then_some(&bytes)).unwrap_or(Ok(()))
    }

    fn receive(&mut self, into: Into) -> Answer<()> {
        let Some(receiver) = &mut self.receiver else { return Ok(()) };
        for message in F::receive(receiver, into)? {
            assert!(message.len() <= CAPACITY / 2 - 4, "a message of {} bytes", message.len());
        }
        Ok(())
    }

    fn arm(&mut self) -> Answer<()> {
        if let Some(sender) = &mut self.sender {
            F::arm_sender(sender, 20).unwrap_or(Ok(true))?;
        }
        self.receiver.as_mut().map_or(Ok(()), |receiver| F::arm_receiver(receiver).map(drop))
    }

    fn channel(&self) -> Answer<Channel<SharedMemory, F>> {
        let bells = self.bells.try_clone().expect("descriptors");
        Ok(Channel::from_memfd(&self.memfd)?.with_bells(bells))
    }

    /// Takes the ends that are not there.
    fn open(&mut self) -> Answer<()> {
        if self.sender.is_none() {
            self.sender = Some(F::open_sender(self.channel()?)?);
        }
        if self.receiver.is_none() {
            self.receiver = Some(F::open_receiver(self.channel()?)?);
        }
        Ok(())
    }
}
