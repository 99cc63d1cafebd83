//! Queues, semaphore sets and segments.

use crate::driver::{Outcome, dropped, folder, or_timed_out, or_would_block, scenarios};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{
    AttachOptions, HugePages, Key, MessageBuffer, MessageQueue, MessageType, Operations, Segment, SegmentOptions,
    Selector, SemaphoreEvent, SemaphoreMutex, SemaphoreSet,
};
use std::num::NonZeroU8;
use std::time::Duration;

scenarios! {
    key
    queue_by_key
    queue_messages
    queue_waits
    queue_values
    queue_control
    queue_reports
    set_by_key
    set_of_many
    set_operations
    set_waits
    semaphore_guards
    semaphore_control
    set_control
    set_reports
    segment_by_key
    segment_attached
    segment_attached_twice
    segment_at_an_address
    segment_of_huge_pages
    segment_control
    segment_reports
}

/// Shorter than anything that is waited for.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(2);
const KEY: Key = Key::new(0x5eed);
const ONE: MessageType = MessageType::MIN;

fn key() -> Outcome {
    Key::from_path(folder(), NonZeroU8::MIN)?;
    Key::random()?;
    Ok(())
}

fn queue_by_key() -> Outcome {
    let queue = MessageQueue::options().mode(0o600).create_new(true).open(KEY)?.into_owned();
    assert_eq!(MessageQueue::open(KEY)?.id(), queue.id());
    let again = MessageQueue::options().create(true).open(KEY)?;
    MessageQueue::from_id(again.id())?;
    dropped(queue);
    let queue = MessageQueue::options().create(true).open(KEY)?.into_owned();
    queue.remove()?;
    Ok(())
}

fn queue_messages() -> Outcome {
    let queue = MessageQueue::private()?;
    // What is in the queue is what was said to be sent, once; what failed to be received is still there.
    queue.send(ONE, "one")?;
    queue.try_send(ONE, "two")?;
    let mut buffer = MessageBuffer::with_capacity(5);
    buffer.set(ONE, b"three")?;
    queue.send_buffer(&buffer)?;
    queue.try_send_buffer(&buffer)?;
    let mut text = Vec::new();
    // None is the answer to ENOMSG.
    if queue.peek(1, &mut text)?.is_some() {
        assert_eq!(text, b"two");
    }
    assert_eq!(queue.status()?.messages, 4);
    queue.receive(Selector::First, &mut text)?;
    assert_eq!(text, b"one");
    queue.try_receive(ONE, &mut text)?;
    assert_eq!(text, b"two");
    queue.receive_interruptible(Selector::First, &mut buffer)?;
    assert_eq!(buffer.bytes(), b"three");
    // Larger than what a vector begins with.
    queue.send(ONE, &[7_u8; 5000])?;
    // The end is the answer to EIDRM.
    for (len, message) in [5, 5000].into_iter().zip(queue.messages(ONE)) {
        assert_eq!(message?.bytes.len(), len);
    }
    dropped(queue);
    Ok(())
}

fn queue_waits() -> Outcome {
    let queue = MessageQueue::private()?;
    let mut text = Vec::new();
    or_timed_out(queue.receive_timeout(Selector::First, &mut text, SHORT))?;
    or_would_block(queue.try_receive(Selector::First, &mut text))?;
    queue.send_timeout(ONE, "x", LONG)?;
    queue.send_interruptible(ONE, "y")?;
    queue.receive_timeout(Selector::First, &mut text, LONG)?;
    assert_eq!(text, b"x");
    queue.receive_timeout(Selector::First, &mut text, LONG)?;
    assert_eq!(text, b"y");
    // Full.
    queue.set_byte_limit(10)?;
    queue.send(ONE, &[0_u8; 10])?;
    or_timed_out(queue.send_timeout(ONE, "x", SHORT))?;
    or_would_block(queue.try_send(ONE, "x"))?;
    let mut full = MessageBuffer::with_capacity(8);
    full.set(ONE, b"too much")?;
    or_timed_out(queue.send_buffer_timeout(&full, SHORT))?;
    assert_eq!(queue.status()?.messages, 1);
    Ok(())
}

fn queue_values() -> Outcome {
    let queue = MessageQueue::private()?;
    queue.send(ONE, &[7_u64])?;
    queue.send(ONE, &[8_u64])?;
    queue.send(ONE, &[9_u64])?;
    assert_eq!(queue.receive_value::<u64>(Selector::First)?.1, 7);
    assert_eq!(queue.try_receive_value::<u64>(Selector::First)?.1, 8);
    assert_eq!(queue.receive_value_timeout::<u64>(Selector::First, LONG)?.1, 9);
    Ok(())
}

fn queue_control() -> Outcome {
    let queue = MessageQueue::private()?;
    let status = queue.status()?;
    queue.set_owner(status.permissions.uid, status.permissions.gid)?;
    queue.set_mode(0o640)?;
    queue.set_byte_limit(100)?;
    assert_eq!(queue.status()?.byte_limit, 100);
    queue.remove()?;
    Ok(())
}

fn queue_reports() -> Outcome {
    let queue = MessageQueue::private()?;
    MessageQueue::list()?;
    queue.status()?;
    MessageQueue::limits()?;
    MessageQueue::usage()?;
    Ok(())
}

fn set_by_key() -> Outcome {
    let set = SemaphoreSet::options().create_new(true).open(KEY, &[1, 2, 0])?.into_owned();
    assert_eq!(SemaphoreSet::open(KEY)?.values()?, [1, 2, 0]);
    assert_eq!(SemaphoreSet::open_initialised(KEY, LONG)?.id(), set.id());
    SemaphoreSet::options().create(true).initialised_within(LONG).open(KEY, &[1, 2, 0])?;
    set.wait_initialised(LONG)?;
    SemaphoreSet::from_id(set.id())?;
    assert!(!set.is_orphaned()?);
    dropped(set);
    // Another key: the set that was dropped may have stayed.
    let set = SemaphoreSet::options().create(true).open(Key::new(0x5eee), &[4])?.into_owned();
    assert_eq!(set.len()?, 1);
    set.remove()?;
    Ok(())
}

/// More than one call of `semop` may change: the values come by SETALL.
fn set_of_many() -> Outcome {
    let values: Vec<u16> = (0..600).collect();
    let set = SemaphoreSet::private(&values)?;
    assert_eq!(set.values()?, values);
    dropped(set);
    Ok(())
}

fn set_operations() -> Outcome {
    let set = SemaphoreSet::private(&[5, 0])?;
    set.semaphore(0).subtract(1)?;
    set.semaphore(0).try_subtract(1)?;
    set.semaphore(0).add(1)?;
    set.semaphore(1).wait_zero()?;
    set.semaphore(1).try_wait_zero()?;
    set.apply(&Operations::new().subtract(0, 2).add(1, 3))?;
    set.try_apply(&Operations::new().subtract(1, 1).no_wait())?;
    set.apply_timeout(&Operations::new().subtract(1, 1), LONG)?;
    assert_eq!(set.values()?, [2, 1]);
    set.apply(&Operations::new().subtract(0, 1).undo())?;
    set.apply(&Operations::new().add(0, 1).undo())?;
    assert_eq!(set.values()?, [2, 1]);
    Ok(())
}

fn set_waits() -> Outcome {
    let set = SemaphoreSet::private(&[0, 1])?;
    or_timed_out(set.semaphore(0).subtract_timeout(1, SHORT))?;
    or_would_block(set.semaphore(0).try_subtract(1))?;
    or_timed_out(set.semaphore(1).wait_zero_timeout(SHORT))?;
    or_timed_out(set.semaphore(0).acquire_timeout(1, SHORT))?;
    set.semaphore(1).subtract_timeout(1, LONG)?;
    set.semaphore(1).add(1)?;
    set.semaphore(1).subtract_interruptible(1)?;
    assert_eq!((set.semaphore(0).waiters()?, set.semaphore(1).zero_waiters()?), (0, 0));
    assert_eq!(set.values()?, [0, 0]);
    Ok(())
}

fn semaphore_guards() -> Outcome {
    let set = SemaphoreSet::private(&[3])?;
    let semaphore = set.semaphore(0);
    let guard = semaphore.acquire(1)?;
    let second = semaphore.try_acquire(2)?;
    assert_eq!(semaphore.value()?, 0);
    dropped(second);
    guard.release()?;
    let third = semaphore.acquire_timeout(1, LONG)?;
    dropped(third);
    let mutex = SemaphoreMutex::new(semaphore);
    dropped(mutex.lock()?);
    dropped(mutex.try_lock()?);
    dropped(mutex.lock_timeout(LONG)?);
    let event = SemaphoreEvent::new(semaphore);
    for _ in 0..4 {
        event.signal()?;
    }
    event.wait()?;
    event.try_wait()?;
    event.wait_timeout(LONG)?;
    // Its set is gone before it.
    let late = semaphore.acquire_interruptible(1);
    dropped(set);
    dropped(late);
    Ok(())
}

fn semaphore_control() -> Outcome {
    let set = SemaphoreSet::private(&[3, 4])?;
    set.semaphore(1).set_value(9)?;
    assert_eq!(set.semaphore(1).value()?, 9);
    set.semaphore(1).last_pid()?;
    set.set_values(&[6, 7])?;
    assert_eq!(set.values()?, [6, 7]);
    Ok(())
}

fn set_control() -> Outcome {
    let set = SemaphoreSet::private(&[3])?;
    let status = set.status()?;
    set.set_owner(status.permissions.uid, status.permissions.gid)?;
    set.set_mode(0o640)?;
    set.remove()?;
    Ok(())
}

fn set_reports() -> Outcome {
    let set = SemaphoreSet::private(&[1])?;
    // One that is removed while the list is made is not on it.
    SemaphoreSet::list()?;
    set.status()?;
    SemaphoreSet::limits()?;
    SemaphoreSet::usage()?;
    Ok(())
}

fn segment_by_key() -> Outcome {
    let segment = Segment::options().create_new(true).open(KEY, 5000)?.into_owned();
    assert_eq!(Segment::open(KEY)?.id(), segment.id());
    Segment::options().create(true).open(KEY, 5000)?;
    Segment::from_id(segment.id())?;
    dropped(segment);
    let segment = Segment::options().create(true).open(KEY, 1)?.into_owned();
    segment.remove()?;
    Ok(())
}

fn segment_attached() -> Outcome {
    let segment = Segment::private(5000)?;
    let attachment = segment.attach()?;
    attachment.bytes().write(4990, b"0123456789")?;
    let reader = segment.attach_read_only()?;
    let mut bytes = [0; 10];
    reader.bytes().read(4990, &mut bytes)?;
    assert_eq!(&bytes, b"0123456789");
    reader.detach()?;
    dropped(attachment);
    // Removed while attached.
    let last = segment.attach()?;
    dropped(segment);
    last.bytes().fill(1);
    dropped(last);
    Ok(())
}

/// When the second fails, the first is as it was, and is detached.
fn segment_attached_twice() -> Outcome {
    let segment = Segment::private(100)?;
    let first = segment.attach()?;
    first.bytes().fill(3);
    let second = segment.attach();
    assert_eq!(first.bytes().to_vec(), [3; 100]);
    let second = second?;
    assert_eq!(second.bytes().to_vec(), [3; 100]);
    dropped((first, second));
    Ok(())
}

fn segment_at_an_address() -> Outcome {
    let segment = Segment::private(100)?;
    let attachment = segment.attach()?;
    let address = attachment.bytes().as_ptr().addr();
    attachment.detach()?;
    let options = AttachOptions::new().address(address + 5).round(true);
    dropped(options.attach(*segment)?);
    dropped(options.attach_read_only(*segment)?);
    Ok(())
}

/// The pool may be empty, or the right missing: then there is nothing to sweep but the constructor.
fn segment_of_huge_pages() -> Outcome {
    let huge = |options: SegmentOptions| options.create_new(true).open(KEY, 1 << 21);
    match huge(Segment::options().huge_pages(Some(HugePages::Default)).no_reserve(true)) {
        Ok(segment) => dropped(segment.into_owned()),
        Err(error) if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::PermissionDenied) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn segment_control() -> Outcome {
    let segment = Segment::private(100)?;
    let status = segment.status()?;
    segment.set_owner(status.permissions.uid, status.permissions.gid)?;
    segment.set_mode(0o640)?;
    match segment.lock() {
        Ok(()) => segment.unlock()?,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error.into()),
    }
    segment.remove()?;
    Ok(())
}

fn segment_reports() -> Outcome {
    let segment = Segment::private(100)?;
    Segment::list()?;
    segment.status()?;
    Segment::limits()?;
    Segment::usage()?;
    Ok(())
}
