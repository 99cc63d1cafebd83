//! Several producers and a consumer, each a process, with a buffer in shared memory: a lock and two condition variables.
//!
//! A lock and a condition variable are no semaphores, though texts call them so: the lock says who may touch the buffer, the
//! conditions say when it is worth it. Both lie in the memory itself. A producer that dies with the lock does not stop the
//! others: the next one is told, and has nothing to repair here, because the last step of putting an item in is what makes it
//! count. This one kills itself half way through that, to show it.
//!
//! ```text
//! $ cargo run --example shared_producer_consumer
//! 3 producers put 3000 items in, and each was taken once
//! a producer that died with the lock left the buffer as it was
//! ```
#![forbid(unsafe_code)]

#[path = "common/helper.rs"]
mod helper;

use helper::Helper;
use ipc_safe::shared::Shared;
use ipc_safe::signal::{Signal, raise};
use ipc_safe::sync::{Condvar, Locked, RobustMutex, RobustMutexGuard};
use ipc_safe::sysv::{Attachment, Segment};
use std::error::Error;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

const PRODUCERS: u64 = 3;
const ITEMS: u64 = 1000;
const ROOM: u32 = 8;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);

ipc_safe::shm_safe! {
    /// What the processes share. Zero bytes are an empty buffer that nobody uses.
    struct Buffer {
        ring: RobustMutex<Ring>,
        not_empty: Condvar,
        not_full: Condvar,
    }
}

ipc_safe::shm_safe! {
    /// The items, from `first` on.
    struct Ring {
        items: [AtomicU64; ROOM as usize],
        first: AtomicU32,
        len: AtomicU32,
        deaths: AtomicU64,
    }
}

impl Ring {
    /// The place of the item so far behind the first. Whatever others write there, it is one of the ring's.
    fn item(&self, number: u32) -> &AtomicU64 {
        &self.items[(self.first.load(Relaxed).wrapping_add(number) % ROOM) as usize]
    }

    fn put(&self, item: u64) {
        self.item(self.len.load(Relaxed)).store(item, Relaxed);
        self.len.fetch_add(1, Relaxed); // until here, it is not there
    }

    fn take(&self) -> u64 {
        let item = self.item(0).load(Relaxed);
        self.first.fetch_add(1, Relaxed);
        self.len.fetch_sub(1, Relaxed);
        item
    }
}

impl Buffer {
    fn put(&self, item: u64) -> Result<(), Box<dyn Error>> {
        let ring = self.when(&self.not_full, |ring| ring.len.load(Relaxed) < ROOM)?;
        ring.put(item);
        self.not_empty.notify_one();
        Ok(())
    }

    fn take(&self) -> Result<u64, Box<dyn Error>> {
        let ring = self.when(&self.not_empty, |ring| ring.len.load(Relaxed) > 0)?;
        let item = ring.take();
        self.not_full.notify_one();
        Ok(item)
    }

    /// The lock, when `ready`.
    fn when(
        &self,
        changed: &Condvar,
        ready: impl Fn(&Ring) -> bool,
    ) -> Result<RobustMutexGuard<'_, Ring>, Box<dyn Error>> {
        /// Who dies between a change and its notification has told nobody: so the waiter looks again now and then.
        const LOOK: Duration = Duration::from_millis(100);
        let begun = Instant::now();
        let mut ring = look_after(self.ring.lock()?);
        while !ready(&ring) {
            if begun.elapsed() > PATIENCE {
                return Err("the others do nothing any more".into());
            }
            let locked = changed.wait_timeout(ring, LOOK).unwrap_or_else(|late| late.into_inner());
            ring = look_after(locked?);
        }
        Ok(ring)
    }
}

/// After the death of a holder, nothing is to be done: an item that was half put does not count, and one that was half taken,
/// which only this consumer does, died with it. It is counted.
fn look_after(locked: Locked<'_, Ring>) -> RobustMutexGuard<'_, Ring> {
    locked.recover(|ring| {
        ring.deaths.fetch_add(1, Relaxed);
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => consume(),
        ["produce", segment, number] => produce(segment, number),
        ["die", segment] => die(segment),
        _ => Err("usage: shared_producer_consumer".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shared_producer_consumer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn consume() -> Result<(), Box<dyn Error>> {
    let segment = Segment::private(4096)?; // removed at the end
    let buffer = attach(*segment)?;
    let start = |words: &[&str]| -> std::io::Result<_> {
        Command::new(std::env::current_exe()?).args(words).spawn().map(Helper)
    };
    let id = segment.id().to_string();
    let mut dying = start(&["die", &id])?;
    let mut producers = Vec::new();
    for number in 0..PRODUCERS {
        producers.push(start(&["produce", &id, &number.to_string()])?);
    }

    let mut next = [0; PRODUCERS as usize];
    for _ in 0..PRODUCERS * ITEMS {
        let item = buffer.take()?;
        // The items of a producer come in the order in which it put them.
        let next = next.get_mut((item / ITEMS) as usize).ok_or("an item of nobody")?;
        if item % ITEMS != *next {
            return Err(format!("item {item} came out of order").into());
        }
        *next += 1;
    }
    for mut producer in producers {
        if !producer.wait()?.success() {
            return Err("a producer failed".into());
        }
    }
    dying.wait()?;
    let ring = look_after(buffer.ring.lock()?);
    if ring.len.load(Relaxed) != 0 {
        return Err("something is left in the buffer".into());
    }
    println!("{PRODUCERS} producers put {} items in, and each was taken once", PRODUCERS * ITEMS);
    if ring.deaths.load(Relaxed) == 1 {
        println!("a producer that died with the lock left the buffer as it was");
    }
    Ok(())
}

fn attach(segment: Segment) -> Result<Shared<Buffer, Attachment>, Box<dyn Error>> {
    Ok(Shared::bare(segment.attach()?)?)
}

fn produce(segment: &str, number: &str) -> Result<(), Box<dyn Error>> {
    let buffer = attach(Segment::from_id(segment.parse()?)?)?;
    let number: u64 = number.parse()?;
    for item in 0..ITEMS {
        buffer.put(number * ITEMS + item)?;
    }
    Ok(())
}

fn die(segment: &str) -> Result<(), Box<dyn Error>> {
    let buffer = attach(Segment::from_id(segment.parse()?)?)?;
    let ring = buffer.when(&buffer.not_full, |ring| ring.len.load(Relaxed) < ROOM)?;
    ring.item(ring.len.load(Relaxed)).store(u64::MAX, Relaxed);
    raise(Signal::KILL)?;
    Err("still alive".into())
}
