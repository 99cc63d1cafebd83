//! Locks in shared memory, and channels.

use crate::driver::{Outcome, dropped, folder, or_timed_out, or_would_block, scenarios};
use ipc_safe::channel::{Bells, Channel, Messages, Offer, SharedMessages, Values, pair, typed_pair};
use ipc_safe::memory::{Memfd, SharedMemory};
use ipc_safe::shared::{Sequenced, Shared};
use ipc_safe::socket::LocalAddress;
use ipc_safe::sync::{
    AutoResetEvent, Barrier, Condvar, ManualResetEvent, Mutex, Once, RobustMutex, RwLock, Semaphore, SequenceLock,
};
use ipc_safe::sysv::Key;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

scenarios! {
    bytes
    record
    record_with_header
    robust_mutex
    mutex
    rwlock
    condvar
    events
    semaphore
    barrier_and_once
    sequence_lock
    messages
    messages_in_vain
    values
    shared_sender
    bells
    channel_of_a_memfd
    channel_by_key
    channel_offered
}

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(2);

fn bytes() -> Outcome {
    let memory = SharedMemory::new(4096)?;
    let (reader, writer) = std::io::pipe()?;
    memory.bytes().write(0, b"0123")?;
    assert_eq!(memory.bytes().slice(..4)?.write_to(&writer)?, 4);
    assert_eq!(memory.bytes().slice(4..8)?.read_from(&reader)?, 4);
    assert_eq!(memory.bytes().slice(4..8)?.to_vec(), b"0123");
    Ok(())
}

fn record() -> Outcome {
    let shared = Shared::<AtomicU64, _>::bare(SharedMemory::new(4096)?)?;
    shared.store(7, Ordering::Relaxed);
    dropped(shared);
    Ok(())
}

fn record_with_header() -> Outcome {
    let fixed = Memfd::options().create(4096)?.fix()?;
    let made = Shared::<Sequenced<u64>, _>::create(fixed.map()?, |cell| cell.write(&7))?;
    let opened = Shared::<Sequenced<u64>, _>::open(fixed.map_read_only()?, LONG)?;
    assert_eq!(opened.read().expect("no writer"), 7);
    dropped((made, opened));
    Ok(())
}

/// It works without a mapping, too: the words are the same.
fn robust_mutex() -> Outcome {
    let mutex = RobustMutex::new(AtomicU64::new(0));
    for form in 0..3 {
        let locked = match form {
            0 => mutex.lock()?,
            1 => mutex.try_lock()?,
            _ => mutex.lock_timeout(LONG)?,
        };
        assert!(!locked.is_owner_died());
        dropped(locked);
    }
    assert!(!mutex.is_locked());
    Ok(())
}

fn mutex() -> Outcome {
    let mutex = Mutex::new(AtomicU64::new(0));
    dropped(mutex.lock());
    dropped(mutex.try_lock()?);
    let guard = mutex.lock_timeout(LONG)?;
    or_timed_out(mutex.lock_timeout(SHORT).map(drop))?;
    dropped(guard);
    assert!(!mutex.is_locked());
    Ok(())
}

fn rwlock() -> Outcome {
    let lock = RwLock::new(AtomicU64::new(0));
    let readers = (lock.read(), lock.try_read()?);
    or_timed_out(lock.write_timeout(SHORT).map(drop))?;
    dropped(readers);
    let writer = lock.write();
    or_timed_out(lock.read_timeout(SHORT).map(drop))?;
    dropped(writer);
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, false));
    Ok(())
}

fn condvar() -> Outcome {
    let (mutex, condvar) = (Mutex::new(AtomicU64::new(0)), Condvar::new());
    condvar.notify_one();
    condvar.notify_all();
    match condvar.wait_timeout(mutex.lock(), SHORT) {
        Ok(guard) => dropped(guard),
        Err(rejected) => {
            let (guard, error) = rejected.into_parts();
            dropped(guard);
            or_timed_out(Err::<(), _>(error))?;
        }
    }
    assert!(!mutex.is_locked());
    Ok(())
}

fn events() -> Outcome {
    let event = AutoResetEvent::new();
    or_timed_out(event.wait_timeout(SHORT))?;
    event.set();
    event.wait();
    assert!(!event.is_set());
    let event = ManualResetEvent::new();
    or_timed_out(event.wait_timeout(SHORT))?;
    event.set();
    event.wait();
    event.wait_timeout(LONG)?;
    Ok(())
}

fn semaphore() -> Outcome {
    let semaphore = Semaphore::new(2);
    let permits = (semaphore.acquire(), semaphore.try_acquire()?);
    or_timed_out(semaphore.acquire_timeout(SHORT).map(drop))?;
    dropped(permits);
    semaphore.acquire_timeout(LONG)?.release()?;
    semaphore.post()?;
    assert_eq!(semaphore.value(), 3);
    Ok(())
}

fn barrier_and_once() -> Outcome {
    let barrier = Barrier::new();
    let two = NonZeroU32::new(2).expect("not 0");
    or_timed_out(barrier.wait_timeout(two, SHORT).map(drop))?;
    assert!(barrier.wait(NonZeroU32::MIN).is_leader());
    let once = Once::new();
    once.call_once(|| ())?;
    once.call_once_timeout(LONG, || ())?;
    assert!(once.is_completed());
    Ok(())
}

fn sequence_lock() -> Outcome {
    let lock = SequenceLock::new([1_u64; 4]);
    lock.write(&[2; 4])?;
    let guard = lock.lock_timeout(LONG)?;
    guard.set(&[3; 4]);
    dropped(guard);
    assert_eq!(lock.read().expect("no writer"), [3; 4]);
    Ok(())
}

fn messages() -> Outcome {
    let (mut sender, mut receiver) = pair(256)?;
    sender.send(b"one")?;
    sender.send_timeout(b"two", LONG)?;
    let mut reservation = sender.reserve(10)?;
    reservation.bytes().write(0, b"three")?;
    reservation.truncate(5);
    reservation.commit();
    assert_eq!(sender.send_many(&["four", "five"])?, 2);
    let mut message = Vec::new();
    receiver.receive(&mut message)?;
    assert_eq!(message, b"one");
    receiver.receive_timeout(&mut message, LONG)?;
    assert_eq!(message, b"two");
    assert_eq!(receiver.peek()?.bytes().to_vec(), b"three");
    let mut batch = receiver.batch()?;
    while batch.next()?.is_some() {}
    drop(batch);
    dropped(sender);
    dropped(receiver);
    Ok(())
}

fn messages_in_vain() -> Outcome {
    let (mut sender, mut receiver) = pair(64)?;
    let mut message = Vec::new();
    or_timed_out(receiver.receive_timeout(&mut message, SHORT * 3))?;
    or_would_block(receiver.try_receive(&mut message))?;
    while sender.try_send(b"full").is_ok() {}
    or_timed_out(sender.send_timeout(b"full", SHORT * 3))?;
    dropped((sender, receiver));
    Ok(())
}

fn values() -> Outcome {
    let (mut sender, mut receiver) = typed_pair::<u64>(16)?;
    sender.send(&1)?;
    sender.send_many(&[2, 3])?;
    assert_eq!(receiver.receive()?, 1);
    assert_eq!(receiver.drain()?.collect::<Vec<_>>(), [2, 3]);
    or_timed_out(receiver.receive_timeout(SHORT * 3).map(drop))?;
    dropped((sender, receiver));
    Ok(())
}

fn shared_sender() -> Outcome {
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256)?;
    let mut receiver = channel.receiver()?;
    let mut one = Channel::<_, SharedMessages>::from_memfd(&memfd)?.sender()?;
    let mut other = Channel::<_, SharedMessages>::from_memfd(&memfd)?.sender()?;
    one.send(b"one")?;
    other.send_timeout(b"two", LONG)?;
    let mut message = Vec::new();
    receiver.receive(&mut message)?;
    assert_eq!(message, b"one");
    dropped((one, other));
    receiver.receive(&mut message)?;
    assert_eq!(message, b"two");
    dropped(receiver);
    Ok(())
}

fn bells() -> Outcome {
    let bells = Bells::new()?;
    let (memfd, channel) = Channel::<_, Messages>::memfd(256)?;
    let mut sender = channel.with_bells(bells.try_clone()?).sender()?;
    let mut receiver = Channel::<_, Messages>::from_memfd(&memfd)?.with_bells(bells).receiver()?;
    receiver.arm()?;
    sender.send(b"one")?;
    let mut message = Vec::new();
    receiver.receive(&mut message)?;
    sender.arm(1)?;
    dropped((sender, receiver));
    Ok(())
}

fn channel_of_a_memfd() -> Outcome {
    let (memfd, channel) = Channel::<_, Values<u64>>::memfd(16)?;
    let mut sender = channel.sender()?;
    sender.send(&7)?;
    // Somebody else has the seat.
    assert!(Channel::<_, Values<u64>>::from_memfd(&memfd)?.sender().is_err());
    dropped(sender);
    let mut receiver = Channel::<_, Values<u64>>::from_memfd(&memfd)?.receiver()?;
    assert_eq!(receiver.try_receive()?, 7);
    dropped(receiver);
    Ok(())
}

fn channel_by_key() -> Outcome {
    let key = Key::new(0x5eed);
    let (segment, channel) = Channel::<_, Messages>::keyed(key, 256)?;
    let mut sender = channel.sender()?;
    let mut receiver = Channel::<_, Messages>::from_key(key, LONG)?.receiver()?;
    sender.send(b"one")?;
    receiver.receive(&mut Vec::new())?;
    dropped((sender, receiver));
    dropped(segment);
    Ok(())
}

/// One process on both sides: the kernel takes the connection before anybody accepts it.
fn channel_offered() -> Outcome {
    let address = LocalAddress::path(folder().join("offer"))?;
    let (memfd, channel) = Channel::<_, Messages>::memfd(256)?;
    let offer = Offer::new(&address, memfd)?.with_bells(Bells::new()?);
    let mut receiver = channel.receiver()?;
    or_would_block(offer.try_hand_over(|_| true))?;
    or_timed_out(offer.hand_over_timeout(SHORT, |_| true))?;
    or_timed_out(Channel::<_, Messages>::connect(&address, SHORT).map(drop))?;
    // Whoever gave up is still in the queue.
    while offer.try_hand_over(|_| true).is_ok() {}
    or_would_block(receiver.try_receive(&mut Vec::new()))?;
    dropped(offer);
    dropped(receiver);
    Ok(())
}
