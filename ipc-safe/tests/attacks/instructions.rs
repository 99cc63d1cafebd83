//! A process is killed, or stopped for long, between any two instructions: in a lock, in a message, in taking an end. The others
//! go on, and nothing is lost, torn, twice or had by two.
//!
//! What a process that is killed leaves to the others is the memory (and what the kernel knows of a waiter). So it is run one
//! instruction at a time, and what matters is each state of the memory that it passes through.

use crate::stepper::Stepped;
use crate::support::{eventually, fork, watchdog};
use ipc_safe::channel::{Channel, Format, Messages, Receiver, SharedMessages, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FixedMemfd, Memfd, SharedMemory};
use ipc_safe::shared::{Shared, SharedCell};
use ipc_safe::sync::{Locked, RobustMutex};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

ipc_safe::shm_safe! {
    /// Two numbers that are always equal where nobody is in between.
    struct Pair {
        one: SharedCell<u64>,
        other: SharedCell<u64>,
    }
}

impl Pair {
    fn add(&self) {
        self.one.update(|number| number + 1);
        self.other.update(|number| number + 1);
    }

    fn get(&self) -> (u64, u64) {
        (self.one.get(), self.other.get())
    }

    fn repair(&self) {
        self.other.set(&self.one.get());
    }
}

type Lock = Shared<RobustMutex<Pair>, SharedMemory>;

/// Memory, and a second view of it to watch.
fn watched() -> (Memory, SharedMemory) {
    let memfd = Memfd::options().create(4096).unwrap().fix().unwrap();
    let watched = memfd.map().unwrap();
    (Memory(memfd), watched)
}

struct Memory(FixedMemfd);

impl Memory {
    fn lock(&self) -> Lock {
        Shared::bare(self.0.map().unwrap()).unwrap()
    }
}

/// What the one who comes after says of the pair, and that the lock is good for the next one.
fn look_after(lock: &Lock) -> (u64, u64) {
    let locked = lock.lock_timeout(LONG).unwrap();
    let found = locked_pair(&locked);
    drop(locked.recover(Pair::repair));
    let Locked::Consistent(guard) = lock.try_lock().unwrap() else { panic!("nobody died since") };
    assert_eq!(guard.one.get(), guard.other.get());
    found
}

fn locked_pair(locked: &Locked<'_, Pair>) -> (u64, u64) {
    match locked {
        Locked::Consistent(guard) => {
            let (one, other) = guard.get();
            assert_eq!(one, other, "half done, and nobody said so");
            (one, other)
        }
        Locked::OwnerDied(guard) => guard.get(),
    }
}

/// What a thread looks up when it locks for the first time.
fn look_up() {
    drop(RobustMutex::new(AtomicU64::new(0)).lock().unwrap());
}

/// A child that stands before it locks and adds.
fn adder(lock: &Lock) -> Option<Stepped> {
    Stepped::before(look_up, |()| lock.lock().unwrap().recover(|_| unreachable!("nobody died")).add())
}

/// Steps a child to so many changes of the memory. `Err` with their number when it ended before.
fn steps(mut child: Stepped, changes: usize, watched: &SharedMemory) -> Result<Stepped, usize> {
    let mut last = watched.bytes().to_vec();
    for number in 0..changes {
        child = child.until_change(watched.bytes(), &mut last).ok_or(number)?;
    }
    Ok(child)
}

#[test]
fn a_lock_outlives_a_holder_that_is_killed_after_any_instruction() {
    let _watchdog = watchdog();
    let mut found = Vec::new();
    for changes in 0.. {
        let (memory, watched) = watched();
        let lock = memory.lock();
        let Some(child) = adder(&lock) else { return };
        match steps(child, changes, &watched) {
            Ok(child) => assert!(!child.kill().success()),
            Err(_) => break,
        }
        found.push(look_after(&lock));
    }
    // Before, with the lock, with the mark, half way, done, without the mark, without the lock.
    assert!(found.len() >= 7, "{found:?}");
    for expected in [(0, 0), (1, 0), (1, 1)] {
        assert!(found.contains(&expected), "{expected:?} not in {found:?}");
    }
}

/// The next one is killed while it takes over what a dead one has left half done, or repairs it.
#[test]
fn a_lock_outlives_one_that_is_killed_after_any_instruction_of_the_repair() {
    let _watchdog = watchdog();
    let mut found = Vec::new();
    for changes in 0.. {
        let (memory, watched) = watched();
        let lock = memory.lock();
        fork(|| {
            let guard = lock.lock().unwrap().recover(|_| ());
            guard.one.set(&1);
            std::mem::forget(guard);
            0
        })
        .succeed();
        let child = Stepped::before(look_up, |()| drop(lock.lock().unwrap().recover(Pair::repair)));
        let Some(child) = child else { return };
        match steps(child, changes, &watched) {
            Ok(child) => assert!(!child.kill().success()),
            Err(_) => break,
        }
        found.push(look_after(&lock));
    }
    // Before, with the mark, with the lock, in the repair, repaired, consistent, without the mark, without the lock.
    assert!(found.len() >= 8, "{found:?}");
    for expected in [(1, 0), (1, 1)] {
        assert!(found.contains(&expected), "{expected:?} not in {found:?}");
    }
}

/// The same while another thread sleeps for the lock.
#[test]
fn a_waiter_gets_the_lock_of_a_holder_that_is_killed_after_any_instruction() {
    let _watchdog = watchdog();
    for changes in 0.. {
        let (memory, watched) = watched();
        let (lock, waiting) = (memory.lock(), memory.lock());
        let Some(child) = adder(&lock) else { return };
        // It has the lock, and has not said so yet.
        let child = steps(child, 2, &watched).unwrap();
        let waiter = std::thread::spawn(move || look_after(&waiting));
        wait_for_waiter(&watched);
        let ended = steps(child, changes, &watched).map(Stepped::kill).err();
        let found = waiter.join().unwrap();
        assert!([(0, 0), (1, 0), (1, 1)].contains(&found), "{found:?}");
        if let Some(all) = ended {
            // Half way, done, and without the mark; what follows is the waiter's, too.
            assert!(all >= 3, "{all}");
            return;
        }
    }
}

/// Until the kernel notes in the word that somebody waits.
fn wait_for_waiter(watched: &SharedMemory) {
    const WAITERS: u32 = 1 << 31;
    eventually("somebody waits", || watched.bytes().load::<u32>(0).unwrap() & WAITERS != 0);
}

/// Stopped between two instructions, for longer than others wait until they look whether it lives, it is still the one that has
/// the lock, or not yet, or no more.
#[test]
fn a_lock_is_had_by_one_however_long_another_one_stands_still() {
    let _watchdog = watchdog();
    for changes in 0.. {
        let (memory, watched) = watched();
        let lock = memory.lock();
        let Some(child) = adder(&lock) else { return };
        match steps(child, changes, &watched) {
            Ok(child) => one_of_two(&lock, child, Duration::from_millis(120)),
            Err(_) => return,
        }
    }
}

/// The same after more instructions, and without the patience.
#[test]
fn a_lock_is_had_by_one_wherever_another_one_stands() {
    const RUNS: usize = 80;
    let _watchdog = watchdog();
    let mut instructions = 0;
    for run in 0.. {
        let (memory, _watched) = watched();
        let lock = memory.lock();
        let Some(mut child) = adder(&lock) else { return };
        if instructions == 0 {
            while let Some(stepped) = child.step() {
                instructions += 1;
                child = stepped;
            }
            continue;
        }
        let Some(steps) = (run * instructions / RUNS).checked_sub(run % 7) else { continue };
        for _ in 0..steps {
            match child.step() {
                Some(stepped) => child = stepped,
                None => return,
            }
        }
        one_of_two(&lock, child, Duration::ZERO);
    }
}

/// A child that stands still, on the way to add or on the way from there, and this process add; one after the other.
fn one_of_two(lock: &Lock, child: Stepped, patience: Duration) {
    match lock.lock_timeout(patience) {
        Ok(locked) => {
            let guard = locked.recover(|_| unreachable!("nobody died"));
            let (one, other) = guard.get();
            let child = child.run();
            std::thread::sleep(Duration::from_millis(2)); // it would have the time to break in
            guard.one.set(&(one + 1));
            guard.other.set(&(other + 1));
            drop(guard);
            child.succeed();
        }
        Err(error) => {
            assert!(error.is_timed_out(), "{error}");
            child.run().succeed();
            lock.lock().unwrap().recover(|_| unreachable!("nobody died")).add();
        }
    }
    assert_eq!(look_after(lock), (2, 2));
}

/// A channel that a child uses, every state that its memory passes through, and what the child said in each that it had done.
struct Passed {
    memfd: FixedMemfd,
    watched: SharedMemory,
    states: Vec<(Vec<u8>, u64)>,
}

impl Passed {
    /// `None`, after saying so, where nobody may trace.
    fn by(memfd: FixedMemfd, body: impl FnOnce(&FixedMemfd, &AtomicU64)) -> Option<Self> {
        let watched = memfd.map().unwrap();
        let done = Shared::<AtomicU64, _>::bare(SharedMemory::new(4096).unwrap()).unwrap();
        let mut child = Stepped::before(|| (), |()| body(&memfd, &done));
        child.as_ref()?;
        let mut states = Vec::new();
        let mut now = (vec![0; watched.len()], 0);
        while let Some(stepped) = child {
            watched.bytes().read(0, &mut now.0).unwrap();
            now.1 = done.load(Ordering::Relaxed);
            if states.last() != Some(&now) {
                states.push(now.clone());
            }
            child = stepped.step();
        }
        Some(Self { memfd, watched, states })
    }

    /// In each state: what those find who come after the child was killed there. It is dead by now.
    fn each(&self, least: usize, mut look: impl FnMut(&FixedMemfd, u64)) {
        assert!(self.states.len() >= least, "only {} states", self.states.len());
        for (memory, done) in &self.states {
            self.watched.bytes().write(0, memory).unwrap();
            look(&self.memfd, *done);
        }
    }
}

/// Where the receiver's word says that it sleeps.
const RECEIVER_WAITS: usize = 520;

fn open<F: Format>(memfd: &FixedMemfd) -> Channel<SharedMemory, F> {
    Channel::from_memfd(memfd).unwrap()
}

/// Receives until the message is `last`.
fn receive_until(receiver: &mut Receiver<SharedMemory>, last: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut message = Vec::new();
        receiver.receive(&mut message).unwrap();
        if message == last {
            return all;
        }
        all.push(message);
    }
}

/// A sender takes the end, sends two messages, of which the first has to wake somebody, and leaves; killed after any instruction.
/// The next sender goes on.
#[test]
fn a_channel_outlives_a_sender_that_is_killed_after_any_instruction() {
    const FROM_CHILD: [&[u8]; 2] = [b"the first message", b"the other message"];
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Messages>::memfd(64).unwrap();
    drop(channel);
    memfd.map().unwrap().bytes().store(RECEIVER_WAITS, &1_u32).unwrap();
    let passed = Passed::by(memfd, |memfd, sent| {
        let mut sender = open::<Messages>(memfd).sender().unwrap();
        for message in FROM_CHILD {
            sender.send(message).unwrap();
            sent.fetch_add(1, Ordering::Relaxed);
        }
    });
    let Some(passed) = passed else { return };
    // Nothing, taken; twice: length, bytes, position, said; woken, left.
    passed.each(10, |memfd, sent| {
        let mut sender = open::<Messages>(memfd).sender().unwrap();
        let mut receiver = open::<Messages>(memfd).receiver().unwrap();
        sender.send_timeout(b"last", LONG).unwrap_or_else(|_| {
            // The ring is small.
            let mut first = Vec::new();
            receiver.receive(&mut first).unwrap();
            assert_eq!(first, FROM_CHILD[0]);
            sender.send_timeout(b"last", LONG).unwrap();
        });
        let all = receive_until(&mut receiver, b"last");
        let sent = usize::try_from(sent).unwrap();
        assert!((sent..=FROM_CHILD.len().min(sent + 1)).contains(&all.len()), "{sent} sent, {} received", all.len());
        assert!(all.iter().zip(FROM_CHILD).all(|(message, expected)| message == expected), "{all:?}");
    });
}

/// The receiver is killed; the next one begins with the first message that was not released.
#[test]
fn a_channel_outlives_a_receiver_that_is_killed_after_any_instruction() {
    const ALL: u64 = 4;
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Messages>::memfd(128).unwrap();
    let mut sender = channel.sender().unwrap();
    for number in 0..ALL {
        sender.send(&[number as u8; 20]).unwrap();
    }
    drop(sender);
    let passed = Passed::by(memfd, |memfd, got| {
        let mut receiver = open::<Messages>(memfd).receiver().unwrap();
        let mut message = Vec::new();
        for number in 0..2 {
            receiver.receive(&mut message).unwrap();
            assert_eq!(message, [number; 20]);
            got.fetch_add(1, Ordering::Relaxed);
        }
    });
    let Some(passed) = passed else { return };
    // Nothing, taken; twice: position, said; left.
    passed.each(7, |memfd, got| {
        let mut receiver = open::<Messages>(memfd).receiver().unwrap();
        let mut sender = open::<Messages>(memfd).sender().unwrap();
        let mut message = Vec::new();
        receiver.receive(&mut message).unwrap();
        let first = u64::from(message[0]);
        assert!(first == got || first == got + 1, "{got} received, then number {first}");
        for number in first + 1..ALL {
            receiver.receive(&mut message).unwrap();
            assert_eq!(message, [number as u8; 20]);
        }
        // All room is given back, and nothing else is there.
        for _ in 0..20 {
            sender.send_timeout(&[7; 50], LONG).unwrap();
            receiver.receive(&mut message).unwrap();
            assert_eq!(message, [7; 50]);
        }
    });
}

/// One of several senders is killed while it sends, with the lock of the channel or without.
#[test]
fn several_senders_outlive_one_that_is_killed_after_any_instruction() {
    const FROM_CHILD: &[u8] = b"from the child";
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    drop(channel);
    let passed = Passed::by(memfd, |memfd, sent| {
        let mut sender = open::<SharedMessages>(memfd).sender().unwrap();
        sender.send(FROM_CHILD).unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
    });
    let Some(passed) = passed else { return };
    // Nothing, seat; namespace, lock, mark; length, bytes, position; no mark, no lock; said, left.
    passed.each(12, |memfd, sent| {
        // Its seat is free, too: there are as many as there can be.
        let mut seats: Vec<_> = (0..128).map(|_| open::<SharedMessages>(memfd).sender().unwrap()).collect();
        assert!(open::<SharedMessages>(memfd).sender().is_err());
        let mut receiver = open::<SharedMessages>(memfd).receiver().unwrap();
        seats[77].send_timeout(b"last", LONG).unwrap();
        let all = receive_until(&mut receiver, b"last");
        assert!(all.len() as u64 == sent || all.len() == 1, "{sent} sent, {} received", all.len());
        assert!(all.iter().all(|message| message == FROM_CHILD), "{all:?}");
        drop(seats);
        assert_eq!(receiver.receive(&mut Vec::new()).unwrap_err().kind(), ErrorKind::Closed);
    });
}

/// An end is had by one: nobody else gets it, wherever its holder stands, until that one is done with it.
#[test]
fn an_end_is_had_by_one_wherever_another_one_stands() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Values<u64>>::memfd(8).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let watched = memfd.map().unwrap();
    let child = Stepped::before(
        || open::<Values<u64>>(&memfd),
        |channel| {
            let mut sender = channel.sender().unwrap();
            sender.send(&1).unwrap();
            sender.send(&2).unwrap();
        },
    );
    let Some(mut child) = child else { return };
    let mut last = watched.bytes().to_vec();
    let mut refused = 0;
    let mut sender = loop {
        child = child.until_change(watched.bytes(), &mut last).expect("it leaves before it ends");
        match open::<Values<u64>>(&memfd).sender() {
            Ok(sender) => break sender,
            Err(rejected) => {
                assert_eq!(rejected.into_parts().1.kind(), ErrorKind::AlreadyExists);
                refused += 1;
            }
        }
    };
    // Taken; twice: value, position. And now it left.
    assert!(refused >= 5, "{refused}");
    sender.send(&3).unwrap();
    child.run().succeed();
    assert_eq!(receiver.drain().unwrap().collect::<Vec<_>>(), [1, 2, 3]);
}
