//! What the two ends say to each other while they measure.

use crate::fact::Numbers;
use crate::mechanism::{Channel, End, Ends, Result, Seat};
use crate::samples::{Samples, shape};
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::process::{Pid, getpid};
use ipc_safe::shared::Shared;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Round trips, and messages in one direction, that are not measured but tell how long the others will take.
const WARM_UP: u64 = 200;
/// So many times messages go in one direction; the median counts.
const RUNS: u64 = 5;

/// Round trips are announced in so many slices: where others keep the two from running at the same time, each takes a
/// thousand times as long as before, and some must do.
const SLICES: u64 = 20;
/// Times what was meant.
const TOO_LONG: u32 = 10;

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Bytes of a message.
    pub(crate) bytes: usize,
    /// For how long latency is measured, and for how long throughput.
    pub(crate) time: Duration,
    /// Whether throughput is.
    pub(crate) throughput: bool,
}

ipc_safe::shm_safe! {
    /// What the near end tells the far one beside the messages. Each word is 0 until it is known.
    pub struct Words {
        near: AtomicU32,
        far: AtomicU32,
        near_is_ready: AtomicU32,
        far_is_ready: AtomicU32,
        /// Round trips so far announced.
        rounds: AtomicU64,
        /// 1 when there are no more.
        enough: AtomicU64,
        messages: AtomicU64,
    }
}

/// Words beside the messages, in memory that both ends have.
pub(crate) struct Agreement(Shared<Words, SharedMemory>);

impl Agreement {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Shared::bare(MapOptions::new().shared(4096)?).map_err(ipc_safe::Error::from)?))
    }

    /// Learns who is at the other end.
    fn seat(&self, end: End) -> Result<Seat> {
        let (own, other) = match end {
            End::Near => (&self.0.near, &self.0.far),
            End::Far => (&self.0.far, &self.0.near),
        };
        own.store(getpid().as_raw_pid().cast_unsigned(), Ordering::Release);
        let peer = awaited(|| u64::from(other.load(Ordering::Acquire)));
        let peer = i32::try_from(peer).ok().and_then(Pid::from_raw).ok_or("the other end has no process id")?;
        Ok(Seat { end, peer })
    }

    /// Waits until both ends are there.
    fn meet(&self, end: End) {
        let (own, other) = match end {
            End::Near => (&self.0.near_is_ready, &self.0.far_is_ready),
            End::Far => (&self.0.far_is_ready, &self.0.near_is_ready),
        };
        own.store(1, Ordering::Release);
        awaited(|| u64::from(other.load(Ordering::Acquire)));
    }
}

impl Agreement {
    /// How many round trips are announced, once there are more than those that are done; none when there will not be.
    fn more_than(&self, done: u64) -> Option<u64> {
        loop {
            let enough = self.0.enough.load(Ordering::Acquire) != 0;
            match self.0.rounds.load(Ordering::Acquire) {
                announced if announced > done => return Some(announced),
                _ if enough => return None,
                _ => std::thread::yield_now(),
            }
        }
    }
}

/// The word, once it is not 0.
fn awaited(word: impl Fn() -> u64) -> u64 {
    loop {
        match word() {
            0 => std::thread::yield_now(),
            known => return known,
        }
    }
}

/// Both parts, compiled for one row's channel: the loops call it directly.
pub(crate) trait Pair: Sync {
    /// The near end's part.
    fn measure(&self, agreement: &Agreement, plan: Plan) -> Result<Numbers>;

    /// The far end's part.
    fn answer(&self, agreement: &Agreement, plan: Plan) -> Result;
}

impl<E: Ends> Pair for E {
    fn measure(&self, agreement: &Agreement, plan: Plan) -> Result<Numbers> {
        let mut channel = self.connect(agreement.seat(End::Near)?)?;
        agreement.meet(End::Near);
        let mut near = Near { channel: &mut channel, agreement, plan, buffers: Buffers::new(plan.bytes) };
        let (p50, p99) = near.latency()?;
        let per_message = if plan.throughput { Some(near.throughput()?) } else { None };
        Ok(Numbers { p50, p99, per_message })
    }

    fn answer(&self, agreement: &Agreement, plan: Plan) -> Result {
        let mut channel = self.connect(agreement.seat(End::Far)?)?;
        agreement.meet(End::Far);
        let mut buffers = Buffers::new(plan.bytes);
        echo(&mut channel, &mut buffers, WARM_UP)?;
        let mut done = 0;
        while let Some(announced) = agreement.more_than(done) {
            echo(&mut channel, &mut buffers, announced - done)?;
            done = announced;
        }
        if plan.throughput {
            drain(&mut channel, &mut buffers, WARM_UP)?;
            let messages = awaited(|| agreement.0.messages.load(Ordering::Acquire));
            (0..RUNS).try_for_each(|_| drain(&mut channel, &mut buffers, messages))?;
        }
        Ok(())
    }
}

struct Buffers {
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

impl Buffers {
    fn new(bytes: usize) -> Self {
        Self { outgoing: vec![7; bytes], incoming: vec![0; bytes] }
    }
}

struct Near<'c, C> {
    channel: &'c mut C,
    agreement: &'c Agreement,
    plan: Plan,
    buffers: Buffers,
}

impl<C: Channel> Near<'_, C> {
    fn round_trips(&mut self, count: u64) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..count {
            self.channel.send(black_box(&self.buffers.outgoing))?;
            self.channel.receive(&mut self.buffers.incoming)?;
            black_box(&self.buffers.incoming);
        }
        Ok(start.elapsed())
    }

    fn latency(&mut self) -> Result<(f64, f64)> {
        self.round_trips(WARM_UP / 2)?;
        let one = self.round_trips(WARM_UP / 2)? / (WARM_UP / 2) as u32;
        let (batch, count) = shape(one, self.plan.time);
        let slice = count.div_ceil(SLICES);
        // A round trip is two messages.
        let mut samples = Samples::new(slice * SLICES, 2 * batch);
        let start = Instant::now();
        for _ in 0..SLICES {
            self.agreement.0.rounds.fetch_add(batch * slice, Ordering::Release);
            for _ in 0..slice {
                samples.add(self.round_trips(batch)?);
            }
            if start.elapsed() > TOO_LONG * self.plan.time {
                break;
            }
        }
        self.agreement.0.enough.store(1, Ordering::Release);
        self.check()?;
        Ok((samples.percentile(0.5), samples.percentile(0.99)))
    }

    /// That what came back is what was sent.
    fn check(&self) -> Result {
        let Buffers { outgoing, incoming } = &self.buffers;
        if outgoing == incoming { Ok(()) } else { Err("a message did not come back as it was sent".into()) }
    }

    /// Sends so many, and waits for the answer to the last.
    fn one_way(&mut self, count: u64) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..count {
            self.channel.send(black_box(&self.buffers.outgoing))?;
        }
        self.channel.receive(&mut self.buffers.incoming)?;
        Ok(start.elapsed())
    }

    fn throughput(&mut self) -> Result<f64> {
        let one = self.one_way(WARM_UP)? / WARM_UP as u32;
        let count = (self.plan.time / RUNS as u32).as_nanos() / one.as_nanos().max(1);
        let count = u64::try_from(count).unwrap_or(WARM_UP).max(WARM_UP);
        self.agreement.0.messages.store(count, Ordering::Release);
        let mut samples = Samples::new(RUNS, count);
        for _ in 0..RUNS {
            samples.add(self.one_way(count)?);
        }
        Ok(samples.percentile(0.5))
    }
}

fn echo<C: Channel>(channel: &mut C, buffers: &mut Buffers, count: u64) -> Result {
    for _ in 0..count {
        channel.receive(&mut buffers.incoming)?;
        channel.send(black_box(&buffers.incoming))?;
    }
    Ok(())
}

fn drain<C: Channel>(channel: &mut C, buffers: &mut Buffers, count: u64) -> Result {
    for _ in 0..count {
        channel.receive(&mut buffers.incoming)?;
        black_box(&buffers.incoming);
    }
    channel.send(&buffers.incoming)
}

/// Repeats what one thread does by itself, so many times; how long an operation takes.
pub(crate) fn repeat(operation: &mut dyn FnMut(u64) -> Result, time: Duration, operations: f64) -> Result<Numbers> {
    let mut timed = |count| -> Result<Duration> {
        let start = Instant::now();
        operation(count)?;
        Ok(start.elapsed())
    };
    timed(WARM_UP)?;
    let one = timed(WARM_UP)? / WARM_UP as u32;
    let (batch, count) = shape(one, time);
    let mut samples = Samples::new(count, batch);
    for _ in 0..count {
        samples.add(timed(batch)?);
    }
    Ok(Numbers {
        p50: samples.percentile(0.5) / operations,
        p99: samples.percentile(0.99) / operations,
        per_message: None,
    })
}
