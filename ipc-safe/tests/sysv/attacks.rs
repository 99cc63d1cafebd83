//! Others who remove, replace and scribble at the worst moment: each call ends in a result, and inside its memory.

use crate::intercept::{OPERATE, before_each, command};
use crate::support::{Forked, fork, in_namespace, set_sysctl, watchdog};
use crate::tools::{LONG, SHORT, alone, alone_in_namespace, fails, kind, page};
use ipc_safe::error::{ErrorKind, Result};
use ipc_safe::memory::MapOptions;
use ipc_safe::shared::{Sequenced, Shared, SharedBytes};
use ipc_safe::sys::sem::{GETALL, SETALL, semget};
use ipc_safe::sysv::{
    Attachment, Handle, Key, MessageBuffer, MessageQueue, Operations, Owned, ReceiveError, Segment, Selector,
    SemaphoreSet,
};
use ipc_safe::testing::Call;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The set under `id` is removed, and a new one with these values is there in its place.
fn replace_set(id: i32, values: &[u16]) {
    let _ = SemaphoreSet::from_id(id).unwrap().remove();
    set_sysctl("sem_next_id", &id.to_string());
    let set = SemaphoreSet::private(values).unwrap().keep();
    assert_eq!(set.id(), id);
}

/// The same with a set that nobody has operated on.
fn replace_set_without_values(id: i32, len: i32) {
    let _ = SemaphoreSet::from_id(id).unwrap().remove();
    set_sysctl("sem_next_id", &id.to_string());
    // SAFETY: integers only.
    assert_eq!(unsafe { semget(0, len, 0o600) }, id);
}

/// Runs `body` and `attack` just before the first call with this command.
fn before_first<T: Send>(first: i32, mut attack: impl FnMut(), body: impl FnOnce() -> T + Send) -> T {
    let mut attacked = 0;
    let watch = |_: usize, call: &Call| {
        if command(call) == Some(first) {
            if attacked == 0 {
                attack();
            }
            attacked += 1;
        }
    };
    let (result, _) = before_each(&[libc::SYS_semctl], watch, body);
    assert!(attacked > 0, "the moment never came");
    result
}

/// A `get_all` that trusts a count from before writes past its vector.
///
/// R-KEY-12 R-SEM-11
#[test]
fn a_get_all_into_a_vector_for_fewer_values_is_made_again_with_room() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let handle = SemaphoreSet::private(&[1, 2]).unwrap().keep();
        let large = vec![7; 5000];
        let grow = || replace_set(handle.id(), &large);
        let values = before_first(GETALL, grow, || handle.values()).unwrap();
        assert_eq!(values, large);

        // And back: fewer than there is room for.
        let shrink = || replace_set(handle.id(), &[4, 5]);
        let values = before_first(GETALL, shrink, || handle.values()).unwrap();
        assert_eq!(values, [4, 5]);
        handle.remove().unwrap();
    });
}

/// The same in the other direction: values from past the vector would end up in the set.
///
/// R-KEY-12 R-SEM-11
#[test]
fn a_set_all_on_a_set_that_grew_changes_nothing() {
    let _watchdog = watchdog();
    in_namespace(|| {
        for large in [3, 2049, 5000, 30_000] {
            let handle = SemaphoreSet::private(&[1, 2]).unwrap().keep();
            let grow = || replace_set(handle.id(), &vec![7; large]);
            let result = before_first(SETALL, grow, || handle.set_values(&[8, 9]));
            let error = fails(result, ErrorKind::Removed, libc::EIDRM);
            assert!(error.to_string().ends_with("another set, of another length, has its id now"), "{error}");
            assert_eq!(handle.values().unwrap(), vec![7; large]);

            // One that shrank takes the first ones.
            let shrink = || replace_set(handle.id(), &[4, 5]);
            before_first(SETALL, shrink, || handle.set_values(&vec![6; large])).unwrap();
            assert_eq!(handle.values().unwrap(), [6, 6]);
            handle.remove().unwrap();
        }
    });
}

/// R-KEY-12 R-SEM-13
#[test]
fn waiting_for_values_of_a_set_that_is_replaced_is_about_the_one_there_is() {
    use ipc_safe::sys::ipc::IPC_STAT;
    let _watchdog = watchdog();
    in_namespace(|| {
        replace_set_without_values(0, 2);
        let handle = SemaphoreSet::from_id(0).unwrap();
        let initialised = || replace_set(0, &vec![1; 5000]);
        before_first(IPC_STAT, initialised, || handle.wait_initialised(LONG)).unwrap();
        assert_eq!(handle.len().unwrap(), 5000);
        let without = || replace_set_without_values(0, 5000);
        let result = before_first(IPC_STAT, without, || handle.wait_initialised(SHORT));
        fails(result, ErrorKind::NotInitialised, libc::ETIMEDOUT);
        let removed = || handle.remove().unwrap();
        fails(before_first(IPC_STAT, removed, || handle.wait_initialised(LONG)), ErrorKind::Removed, libc::EINVAL);
    });
}

/// A process that replaces the set under an id by one of another length, again and again.
fn replacing_sets(id: i32) -> Forked {
    fork(move || {
        let mut random = Random(7);
        loop {
            let len = [1, 2, 2, 3, 2047, 2049, 5000, 31_000][random.below(8)];
            let _ = SemaphoreSet::from_id(id).unwrap().remove();
            set_sysctl("sem_next_id", &id.to_string());
            // Not through values, which somebody else may have set meanwhile.
            // SAFETY: integers only.
            unsafe { semget(0, len, 0o600) };
        }
    })
}

/// Expects the error of an id without an object. Where there is one again when that is looked into, it stays `EINVAL`.
#[track_caller]
fn was_replaced(error: &ipc_safe::Error) {
    assert!(matches!(error.kind(), ErrorKind::Removed | ErrorKind::InvalidInput), "{error}");
}

/// R-KEY-12 R-SEM-11
#[test]
fn sets_that_another_process_replaces_all_the_time_stay_in_their_buffers() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let handle = SemaphoreSet::private(&[3, 3]).unwrap().keep();
        let attacker = replacing_sets(handle.id());
        let (mut read, mut written) = (0, 0);
        while read < 50 || written < 10 {
            match handle.values() {
                Ok(values) => {
                    assert!(values.iter().all(|value| [0, 3].contains(value)), "{values:?}");
                    read += 1;
                }
                Err(error) => was_replaced(&error),
            }
            match handle.set_values(&[3, 3]) {
                Ok(()) => written += 1,
                Err(error) => was_replaced(&error),
            }
        }
        drop(attacker);
        for status in SemaphoreSet::list().unwrap() {
            SemaphoreSet::from_id(status.id).unwrap().remove().unwrap();
        }
    });
}

/// A segment that is replaced by a smaller one between two steps of attaching: what is attached has its own size.
///
/// R-KEY-12 R-SHM-01
#[test]
fn a_segment_replaced_between_the_steps_of_attaching_has_its_own_size() {
    let _watchdog = watchdog();
    in_namespace(|| {
        alone(|| {
            for at in [libc::SYS_shmat, libc::SYS_shmctl] {
                let large = Segment::private(1 << 20).unwrap().keep();
                let mut other = None;
                let replace = |times: usize, _: &Call| {
                    if times == 0 {
                        large.remove().unwrap();
                        set_sysctl("shm_next_id", &large.id().to_string());
                        other = Some(Segment::private(1).unwrap());
                    }
                };
                let (attached, _) = before_each(&[at], replace, || large.attach());
                let (attachment, other) = (attached.unwrap(), other.unwrap());
                // Once it is attached, its id is its own.
                let expected = if at == libc::SYS_shmat { 1 } else { 1 << 20 };
                assert_eq!((attachment.len(), other.id() == large.id()), (expected, expected == 1));
                attachment.bytes().fill(9);
                assert_eq!(attachment.bytes().load::<u8>(attachment.len() - 1).unwrap(), 9);
                drop((attachment, other));
            }
        });
    });
}

/// R-KEY-12 R-SHM-12
#[test]
fn segments_that_another_process_replaces_all_the_time_are_attached_with_their_size() {
    let _watchdog = watchdog();
    in_namespace(|| {
        alone(|| {
            let handle = Segment::private(100).unwrap().keep();
            let attacker = fork(move || {
                let mut random = Random(3);
                loop {
                    let _ = handle.remove();
                    set_sysctl("shm_next_id", &handle.id().to_string());
                    let size = [1, 100, page(), page() + 1, 100 * page()][random.below(5)];
                    // While it is attached, its id is taken, and the next one gets another.
                    match Segment::private(size) {
                        Ok(next) if next.id() == handle.id() => drop(next.keep()),
                        _ => {}
                    }
                }
            });
            let mut attached = 0;
            while attached < 60 {
                match handle.attach() {
                    Ok(attachment) => {
                        // All of it is there: a byte more could be a signal.
                        attachment.bytes().fill(1);
                        assert!(attachment.bytes().write(attachment.len(), b"x").is_err());
                        attached += 1;
                    }
                    Err(error) => was_replaced(&error),
                }
            }
            drop(attacker);
            for status in Segment::list().unwrap() {
                Segment::from_id(status.id).unwrap().remove().unwrap();
            }
        });
    });
}

/// A queue that is replaced between two attempts with more room: the message is that of the queue there is.
///
/// R-KEY-12 R-MSG-07
#[test]
fn a_queue_replaced_while_a_vector_grows_gives_its_own_message() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let replacements: [(&str, Option<&[u8]>); 4] =
            [("longer", Some(&[2; 5000])), ("shorter", Some(b"short")), ("empty", None), ("gone", None)];
        for (what, message) in replacements {
            let handle = MessageQueue::private().unwrap().keep();
            handle.send(kind(1), &[1_u8; 300]).unwrap();
            let replace = |times: usize, _: &Call| {
                if times != 1 {
                    return;
                }
                handle.remove().unwrap();
                set_sysctl("msg_next_id", &handle.id().to_string());
                if what != "gone" {
                    let other = MessageQueue::private().unwrap().keep();
                    assert_eq!(other, handle);
                    if let Some(message) = message {
                        other.send(kind(2), message).unwrap();
                    }
                }
            };
            let mut text = Vec::new();
            let (result, times) =
                before_each(&[libc::SYS_msgrcv], replace, || handle.try_receive(Selector::First, &mut text));
            assert!(times > 1, "the moment never came");
            match message {
                Some(message) => assert_eq!((result.unwrap(), &text[..]), (kind(2), message)),
                None if what == "empty" => drop(fails(result, ErrorKind::WouldBlock, libc::ENOMSG)),
                None => drop(fails(result, ErrorKind::Removed, libc::EINVAL)),
            }
            let _ = handle.remove();
        }
    });
}

/// A small generator of numbers, the same ones in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A process that writes random bytes at random places of a segment, and sometimes the header of a record.
fn scribbler(segment: Segment, seed: u64) -> Forked {
    fork(move || {
        let header = header();
        let attachment = segment.attach().unwrap();
        let (bytes, mut random) = (attachment.bytes(), Random(seed));
        loop {
            let noise: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
            let start = random.below(bytes.len() - 40);
            match random.below(20) {
                0 => bytes.write(0, b"ipc-safe").unwrap(),
                3..9 => bytes.write(0, &header).unwrap(),
                1 => bytes.slice(..64).unwrap().fill(0),
                2 => bytes.write(random.below(64), &noise).unwrap(),
                _ => bytes.write(start, &noise).unwrap(),
            }
        }
    })
}

/// What stands before a record that is ready.
fn header() -> [u8; 64] {
    let own = Segment::private(4096).unwrap();
    let record = Shared::<Record, _>::create(own.attach().unwrap(), |_| {}).unwrap();
    record.into_region().bytes().load(0).unwrap()
}

ipc_safe::shm_safe! {
    pub struct Record {
        pub number: AtomicU64,
        pub words: [AtomicU32; 6],
        pub value: Sequenced<[u64; 9]>,
    }
}

/// R-SHM-12
#[test]
fn a_scribbler_makes_garbage_and_no_harm() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let scribblers = [scribbler(*segment, 11), scribbler(*segment, 23)];
    let (mut round, mut opened, mut refused, mut read) = (0_u64, 0, 0, 0);
    while round < 3000 || opened == 0 || refused == 0 || read == 0 {
        round += 1;
        match Shared::<Record, Attachment>::open(segment.attach().unwrap(), Duration::ZERO) {
            Ok(record) => {
                opened += 1;
                use_record(&record, round);
            }
            Err(rejected) => {
                let kind = rejected.error().kind();
                assert!(matches!(kind, ErrorKind::InvalidInput | ErrorKind::NotInitialised), "{kind:?}");
                refused += 1;
                // What comes back is whole.
                let bare = Shared::<Record, _>::bare(rejected.into_inner()).unwrap();
                use_record(&bare, round);
            }
        }
        let made = Shared::<Record, Attachment>::create(segment.attach().unwrap(), |record| {
            record.number.store(round, Ordering::Relaxed);
        });
        let made = made.unwrap();
        use_record(&made, round);
        read += u32::from(made.value.read().is_ok());
        use_bytes(made.into_region().bytes());
        let reading =
            Shared::<Sequenced<[u64; 9]>, _>::bare(segment.attach_read_only().unwrap()).expect("fits and is aligned");
        let _ = (reading.read(), reading.version(), reading.tail().to_vec());
    }
    drop(scribblers);
    // When they are gone, all is as it should be.
    let record = Shared::<Record, _>::create(segment.attach().unwrap(), |_| {}).unwrap();
    record.value.write(&[5; 9]);
    assert_eq!((record.value.read(), record.number.load(Ordering::Relaxed)), (Ok([5; 9]), 0));
}

fn use_record(record: &Shared<Record, Attachment>, round: u64) {
    record.number.fetch_add(round, Ordering::Relaxed);
    for word in &record.words {
        let seen = word.load(Ordering::Acquire);
        let _ = word.compare_exchange(seen, seen.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed);
    }
    let _ = record.value.read();
    record.value.write(&[round; 9]);
    assert_eq!(record.tail().to_vec().len(), record.tail().len());
}

fn use_bytes(bytes: SharedBytes<'_>) {
    let copy = bytes.to_vec();
    assert_eq!(copy.len(), 4096);
    let (low, high) = bytes.split_at(2000).unwrap();
    low.slice(..500).unwrap().copy_from(high.slice(77..577).unwrap()).unwrap();
    bytes.store(3000, &[1_u64; 4]).unwrap();
    let length = bytes.load::<u64>(3000).unwrap();
    // A length that others may write is no bound, and an error at worst.
    let part = bytes.slice(..usize::try_from(length).unwrap_or(usize::MAX));
    assert!(part.is_ok_and(|part| part.len() <= 4096) || length > 4096);
    bytes.slice(1000..1100).unwrap().fill(3);
}

/// What a call ends in when its object goes at one of its steps.
fn ends_well<T>(what: &str, result: Result<T>) {
    if let Err(error) = result {
        let kinds = [ErrorKind::Removed, ErrorKind::NotFound, ErrorKind::WouldBlock, ErrorKind::NotInitialised];
        assert!(kinds.contains(&error.kind()), "{what}: {error}");
    }
}

/// Runs `call` on new objects, again and again, while `object` makes and removes: each time the object goes one step later,
/// until the call is done before that.
fn goes_at_every_step<H: Handle + Send + Sync>(
    what: &str,
    make: impl Fn() -> Owned<H>,
    call: impl Fn(H) -> Result<()> + Sync,
) {
    let calls = [
        libc::SYS_msgsnd,
        libc::SYS_msgrcv,
        libc::SYS_msgctl,
        OPERATE[0],
        OPERATE[1],
        libc::SYS_semctl,
        libc::SYS_semget,
        libc::SYS_shmat,
        libc::SYS_shmdt,
        libc::SYS_shmctl,
    ];
    for step in 0.. {
        let owner = make();
        let handle = *owner;
        let remove = |times: usize, _: &Call| {
            if times == step {
                handle.remove().unwrap();
            }
        };
        let (result, steps) = before_each(&calls, remove, || call(handle));
        ends_well(what, result);
        if steps <= step {
            assert!(step > 0, "{what} made no call");
            return;
        }
    }
}

/// R-KEY-12 R-MSG-10 R-SEM-04 R-SHM-07
#[test]
fn an_object_that_goes_at_any_step_of_any_call_is_an_outcome() {
    let _watchdog = watchdog();
    let set = || SemaphoreSet::private(&[5, 5, 5]).unwrap();
    goes_at_every_step("values", set, |set| set.values().map(drop));
    goes_at_every_step("set_values", set, |set| set.set_values(&[1, 2, 3]));
    goes_at_every_step("is_orphaned", set, |set| set.is_orphaned().map(drop));
    goes_at_every_step("wait_initialised", set, |set| set.wait_initialised(LONG));
    goes_at_every_step("set_mode", set, |set| set.set_mode(0o640));
    goes_at_every_step("acquire", set, |set| set.semaphore(2).acquire(1)?.release());
    goes_at_every_step("drop", set, |set| set.semaphore(2).acquire(1).map(drop));
    goes_at_every_step("apply", set, |set| set.apply(&Operations::new().add(0, 1).subtract(1, 1)));
    goes_at_every_step("control", set, |set| {
        let semaphore = set.semaphore(1);
        semaphore.set_value(semaphore.value()? + semaphore.waiters()? + semaphore.zero_waiters()?)?;
        semaphore.last_pid().map(drop)
    });

    let segment = || Segment::private(100).unwrap();
    goes_at_every_step("attach", segment, |segment| segment.attach()?.detach());
    goes_at_every_step("attach_read_only", segment, |segment| segment.attach_read_only().map(drop));
    goes_at_every_step("status", segment, |segment| segment.status().map(drop));
    goes_at_every_step("owner", segment, |segment| segment.set_mode(0o640));

    let queue = || {
        let queue = MessageQueue::private().unwrap();
        queue.send(kind(1), &[1_u8; 700]).unwrap();
        queue
    };
    goes_at_every_step("receive", queue, |queue| queue.receive(Selector::First, &mut Vec::new()).map(drop));
    goes_at_every_step("peek", queue, |queue| queue.peek(0, MessageBuffer::with_capacity(9).truncating()).map(drop));
    goes_at_every_step("send", queue, |queue| queue.send(kind(1), "x"));
    goes_at_every_step("limit", queue, |queue| queue.set_byte_limit(9000));
    goes_at_every_step("timeout", queue, |queue| {
        queue
            .receive_timeout(kind(7), &mut Vec::new(), SHORT / 4)
            .map(drop)
            .or_else(|error| if error.is_timed_out() { Ok(()) } else { Err(error) })
    });
    goes_at_every_step("messages", queue, |queue| queue.messages(Selector::First).next().transpose().map(drop));
}

/// A buffer that ends where a page without access begins.
fn at_the_edge(memory: &mut [u8], room: usize) -> MessageBuffer<&mut [u8]> {
    let start = memory.len() - room;
    MessageBuffer::new(&mut memory[start..]).unwrap()
}

/// A receive that gives the kernel the whole slice for the text forgets the type in front of it: eight bytes past the slice.
///
/// R-MSG-09
#[test]
fn a_receive_writes_no_eight_bytes_past_its_slice() {
    let queue = MessageQueue::private().unwrap();
    let mut memory = MapOptions::new().guard_pages(true).private(page()).unwrap();
    for room in [8, 9, 16, 24, 100, 1000] {
        let capacity: usize = room - 8;
        for len in [0, 1, capacity.saturating_sub(1), capacity] {
            queue.send(kind(4), &vec![6_u8; len.min(capacity)][..]).unwrap();
            memory.fill(0xee);
            let mut buffer = at_the_edge(&mut memory, room);
            queue.try_receive(Selector::First, &mut buffer).unwrap();
            assert_eq!((buffer.capacity(), buffer.bytes()), (capacity, &vec![6; len.min(capacity)][..]));
            let before = page() - room;
            assert!(memory[..before].iter().all(|&byte| byte == 0xee), "nor in front of it");
        }
        // What does not fit stays, or is cut.
        queue.send(kind(4), &vec![6_u8; capacity + 8][..]).unwrap();
        let mut buffer = at_the_edge(&mut memory, room);
        fails(queue.try_receive(Selector::First, &mut buffer), ErrorKind::TooBig, libc::E2BIG);
        queue.peek(0, buffer.truncating()).unwrap();
        queue.try_receive(Selector::First, buffer.truncating()).unwrap();
        assert_eq!(buffer.bytes(), vec![6; capacity]);
        queue.send_buffer(&buffer).unwrap();
        queue.try_receive(Selector::First, &mut buffer).unwrap();
    }
}

/// An index that is checked with `<=` sets a value behind the last one.
///
/// R-SEM-11
#[test]
fn a_set_value_takes_no_index_one_past_the_last() {
    for len in [1_u16, 2, 3, 250, 2048] {
        let set = SemaphoreSet::private(&vec![1; len.into()]).unwrap();
        let past = set.semaphore(len);
        fails(past.set_value(9), ErrorKind::InvalidInput, libc::EINVAL);
        fails(past.value(), ErrorKind::InvalidInput, libc::EINVAL);
        fails(past.add(1), ErrorKind::OutOfRange, libc::EFBIG);
        assert_eq!(set.values().unwrap(), vec![1; len.into()]);
        set.semaphore(len - 1).set_value(9).unwrap();
        let mut expected = vec![1; len.into()];
        expected[usize::from(len) - 1] = 9;
        assert_eq!(set.values().unwrap(), expected);
    }
}

/// A length from a peer that is shorter than a header, taken off the header's, is a huge one.
///
/// R-MSG-09 R-SHM-12
#[test]
fn a_received_length_does_not_underflow() {
    let queue = MessageQueue::private().unwrap();
    for len in 0..16_usize {
        let sent = vec![0xff_u8; len];
        let send = || queue.send(kind(1), &sent[..]).unwrap();
        send();
        match queue.try_receive_value::<[u64; 2]>(Selector::First).unwrap_err() {
            ReceiveError::WrongLength { message, expected } => {
                assert_eq!((message.bytes, expected), (sent.clone(), 16))
            }
            other => panic!("{other}"),
        }
        send();
        let mut buffer = MessageBuffer::with_capacity(16);
        buffer.set(kind(9), &[1; 16]).unwrap();
        queue.try_receive(Selector::First, &mut buffer).unwrap();
        assert_eq!((buffer.len(), buffer.bytes()), (len, &sent[..]));
        assert_eq!(buffer.value::<[u64; 2]>(), None);
        // What a peer says is its length, and a header is taken off.
        let claimed = buffer.bytes().first().map_or(0, |&byte| usize::from(byte)).wrapping_sub(256);
        fails(buffer.set_len(claimed), ErrorKind::TooBig, libc::E2BIG);
        assert_eq!(buffer.len(), len);
    }
}

/// A segment, set or queue that was somebody else's before has nothing of theirs.
///
/// R-KEY-12 R-SHM-01
#[test]
fn what_comes_back_under_an_old_id_is_new() {
    alone_in_namespace(|| {
        let key = Key::new(99);
        let old = Segment::options().create_new(true).open(key, 5000).unwrap();
        old.attach().unwrap().bytes().fill(0xee);
        let queue = MessageQueue::options().create_new(true).open(key).unwrap();
        queue.send(kind(1), "secret").unwrap();
        old.remove().unwrap();
        queue.remove().unwrap();
        set_sysctl("shm_next_id", &old.id().to_string());
        set_sysctl("msg_next_id", &queue.id().to_string());
        let (segment, other) = (Segment::private(5000).unwrap(), MessageQueue::private().unwrap());
        assert_eq!((segment.id(), other.id()), (old.id(), queue.id()));
        assert!(old.attach().unwrap().bytes().to_vec().iter().all(|&byte| byte == 0));
        fails(queue.try_receive(Selector::First, &mut Vec::new()), ErrorKind::WouldBlock, libc::ENOMSG);
        fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
    });
}
