//! What a channel costs over the ring that a C programmer would write, between two pinned processes, in one run.
//!
//! `cargo bench -p ipc-safe --bench channel`, with a part of a row's name after `--` for fewer rows. Each row is the best median of
//! several passes; the raw ring comes first and last, so that what differs between the two is noise.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "the raw side is written as a C program would be")]

mod raw;

use ipc_safe::channel::{Channel, Messages, Receiver, Sender, TypedReceiver, TypedSender, Values, Waiting};
use ipc_safe::memory::SharedMemory;
use std::time::Instant;

const RING: usize = 1 << 16;

/// The two ways between the processes, before the fork: there and back.
struct Ways {
    raw: SharedMemory,
    messages: [SharedMemory; 2],
    small: [SharedMemory; 2],
    large: [SharedMemory; 2],
}

type Small = [u8; 64];
type Large = [u8; 4096];

fn messages() -> SharedMemory {
    let channel = Channel::<SharedMemory, Messages>::anonymous(RING).expect("a channel");
    channel.into_region()
}

fn values<P: ipc_safe::shared::Plain>() -> SharedMemory {
    Channel::<SharedMemory, Values<P>>::anonymous(RING / size_of::<P>()).expect("a channel").into_region()
}

impl Ways {
    fn new() -> Self {
        Self {
            raw: SharedMemory::new(2 * (RING + raw::HEADER)).expect("memory"),
            messages: [messages(), messages()],
            small: [values::<Small>(), values::<Small>()],
            large: [values::<Large>(), values::<Large>()],
        }
    }
}

/// One process's end of both ways.
trait Link {
    fn send(&mut self, message: &[u8]);
    fn receive(&mut self, message: &mut [u8]);
}

#[derive(Clone, Copy, PartialEq)]
enum Row {
    RawSlots,
    RawMessages,
    Typed(Waiting),
    Messages(Waiting),
    InPlace(Waiting),
}

impl Row {
    fn name(self) -> String {
        match self {
            Self::RawSlots => "raw ring of slots".into(),
            Self::RawMessages => "raw ring of messages".into(),
            Self::Typed(waiting) => format!("values, {waiting:?}"),
            Self::Messages(waiting) => format!("messages, {waiting:?}"),
            Self::InPlace(waiting) => format!("messages in place, {waiting:?}"),
        }
    }
}

struct RawSlots(raw::Side, raw::Side);
impl Link for RawSlots {
    #[inline]
    fn send(&mut self, message: &[u8]) {
        self.0.send_slot(message);
    }
    #[inline]
    fn receive(&mut self, message: &mut [u8]) {
        self.1.receive_slot(message);
    }
}

struct RawMessages(raw::Side, raw::Side);
impl Link for RawMessages {
    #[inline]
    fn send(&mut self, message: &[u8]) {
        self.0.send_message(message);
    }
    #[inline]
    fn receive(&mut self, message: &mut [u8]) {
        self.1.receive_message(message);
    }
}

struct Typed<P: ipc_safe::shared::Plain>(TypedSender<P, SharedMemory>, TypedReceiver<P, SharedMemory>);
impl<const N: usize> Link for Typed<[u8; N]> {
    #[inline]
    fn send(&mut self, message: &[u8]) {
        self.0.send(message.try_into().expect("its length")).expect("sent");
    }
    #[inline]
    fn receive(&mut self, message: &mut [u8]) {
        let target: &mut [u8; N] = message.try_into().expect("its length");
        self.1.receive_into(target).expect("received");
    }
}

struct Bytes(Sender<SharedMemory>, Receiver<SharedMemory>);
impl Link for Bytes {
    #[inline]
    fn send(&mut self, message: &[u8]) {
        self.0.send(message).expect("sent");
    }
    #[inline]
    fn receive(&mut self, message: &mut [u8]) {
        self.1.receive_into(message).expect("received");
    }
}

struct InPlace(Sender<SharedMemory>, Receiver<SharedMemory>);
impl Link for InPlace {
    #[inline]
    fn send(&mut self, message: &[u8]) {
        let room = self.0.reserve(message.len()).expect("room");
        room.bytes().write(0, message).expect("its length");
        room.commit();
    }
    #[inline]
    fn receive(&mut self, message: &mut [u8]) {
        let peeked = self.1.peek().expect("received");
        peeked.bytes().read(0, message).expect("its length");
        peeked.release();
    }
}

/// The latency of one way, or the time a message of a stream takes.
#[derive(Clone, Copy)]
enum What {
    Latency,
    Throughput,
}

/// Measures in the parent what the child answers. Nanoseconds a message, the median of batches.
fn measure(mut link: impl Link, len: usize, what: What, parent: bool, count: usize) -> f64 {
    let mut message = vec![7; len];
    match (what, parent) {
        (What::Latency, true) => {
            const ROUNDS: usize = 16;
            let mut times: Vec<f64> = (0..count / ROUNDS)
                .map(|_| {
                    let begun = Instant::now();
                    for _ in 0..ROUNDS {
                        link.send(&message);
                        link.receive(&mut message);
                    }
                    begun.elapsed().as_nanos() as f64 / (2 * ROUNDS) as f64
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        }
        (What::Latency, false) => {
            for _ in 0..count / 16 * 16 {
                link.receive(&mut message);
                link.send(&message);
            }
            0.0
        }
        (What::Throughput, true) => {
            link.receive(&mut message); // the other one is ready
            const BATCH: usize = 10_000;
            let mut times: Vec<f64> = (0..count / BATCH)
                .map(|_| {
                    let begun = Instant::now();
                    for _ in 0..BATCH {
                        link.send(&message);
                    }
                    begun.elapsed().as_nanos() as f64 / BATCH as f64
                })
                .collect();
            link.receive(&mut message); // all is received
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        }
        (What::Throughput, false) => {
            link.send(&message);
            for _ in 0..count / 10_000 * 10_000 {
                link.receive(&mut message);
            }
            link.send(&message);
            0.0
        }
    }
}

fn pin(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("a processor of that number");
}

/// Runs one row: forks, measures, waits for the child.
fn run(row: Row, len: usize, what: What, same: bool, count: usize) -> f64 {
    let ways = Ways::new();
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    let parent = child != 0;
    pin(if parent || same { 0 } else { 1 });
    let out = usize::from(!parent);
    let Ways { raw, messages, small, large } = ways;
    let raw_side = |way: usize| {
        let memory = raw.as_ptr().cast_mut().wrapping_add(way * (RING + raw::HEADER));
        // SAFETY: the memory has room for two.
        unsafe { raw::Side::new(memory, RING as u32) }
    };
    let bytes = |waiting, [there, back]: [SharedMemory; 2]| {
        let [tx, rx] = if parent { [there, back] } else { [back, there] };
        let open = |memory| Channel::<_, Messages>::open(memory, Default::default()).expect("a channel");
        let (mut tx, mut rx) = (open(tx).sender().expect("an end"), open(rx).receiver().expect("an end"));
        tx.set_waiting(waiting);
        rx.set_waiting(waiting);
        (tx, rx)
    };
    fn typed<P: ipc_safe::shared::Plain>(
        waiting: Waiting,
        [there, back]: [SharedMemory; 2],
        parent: bool,
    ) -> (TypedSender<P, SharedMemory>, TypedReceiver<P, SharedMemory>) {
        let [tx, rx] = if parent { [there, back] } else { [back, there] };
        let open = |memory| Channel::<_, Values<P>>::open(memory, Default::default()).expect("a channel");
        let (mut tx, mut rx) = (open(tx).sender().expect("an end"), open(rx).receiver().expect("an end"));
        tx.set_waiting(waiting);
        rx.set_waiting(waiting);
        (tx, rx)
    }
    let time = match row {
        Row::RawSlots => measure(RawSlots(raw_side(out), raw_side(1 - out)), len, what, parent, count),
        Row::RawMessages => measure(RawMessages(raw_side(out), raw_side(1 - out)), len, what, parent, count),
        Row::Messages(waiting) => {
            let (tx, rx) = bytes(waiting, messages);
            measure(Bytes(tx, rx), len, what, parent, count)
        }
        Row::InPlace(waiting) => {
            let (tx, rx) = bytes(waiting, messages);
            measure(InPlace(tx, rx), len, what, parent, count)
        }
        Row::Typed(waiting) if len == size_of::<Small>() => {
            let (tx, rx) = typed::<Small>(waiting, small, parent);
            measure(Typed(tx, rx), len, what, parent, count)
        }
        Row::Typed(waiting) => {
            let (tx, rx) = typed::<Large>(waiting, large, parent);
            measure(Typed(tx, rx), len, what, parent, count)
        }
    };
    if !parent {
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: reaps the child.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
    time
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let filter: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let (passes, scale) = if full { (7, 1) } else { (1, 50) };
    let (spinning, blocking) = (Waiting::Spinning, Waiting::Blocking);
    let rows = [
        Row::RawSlots,
        Row::Typed(spinning),
        Row::Typed(blocking),
        Row::RawMessages,
        Row::Messages(spinning),
        Row::Messages(blocking),
        Row::InPlace(spinning),
        Row::RawSlots,
    ];
    for (title, what, len, same, count) in [
        ("latency, 64 B, across", What::Latency, 64, false, 100_000),
        ("throughput, 64 B, across", What::Throughput, 64, false, 4_000_000),
        ("latency, 4 KiB, across", What::Latency, 4096, false, 40_000),
        ("throughput, 4 KiB, across", What::Throughput, 4096, false, 400_000),
        ("latency, 64 B, one processor", What::Latency, 64, true, 50_000),
        ("throughput, 64 B, one processor", What::Throughput, 64, true, 1_000_000),
    ] {
        if !filter.is_empty() && !filter.iter().any(|part| title.contains(part.as_str())) {
            continue;
        }
        println!("{title}, ns a message");
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| !same || matches!(row, Row::Typed(w) | Row::Messages(w) if *w == blocking))
            .collect();
        let mut best = vec![f64::MAX; rows.len()];
        for _ in 0..passes {
            for (best, &row) in best.iter_mut().zip(&rows) {
                // At least one batch.
                *best = best.min(run(row, len, what, same, (count / scale).max(10_000)));
            }
        }
        for (row, time) in rows.iter().zip(&best) {
            let ratio = if same { String::new() } else { format!("  x{:.2}", time / best[0]) };
            println!("    {:32} {time:8.1}{ratio}", row.name());
        }
    }
}
