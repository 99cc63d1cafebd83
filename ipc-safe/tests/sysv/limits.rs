//! What the system allows and what is in use, as the kernel says, as `/proc/sys` says, and as calls meet it.

use crate::support::{fork, in_namespace, set_sysctl, unshare_ipc, watchdog};
use crate::tools::{alone_in_namespace, as_ordinary_user, fails, kind, page};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, MessageQueue, Operations, Owned, Segment, SemaphoreSet};

/// The numbers in `/proc/sys/kernel/NAME`.
fn sysctl(name: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).expect("a limit");
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// Expects the limits that the kernel tells to be those in `/proc/sys`.
fn agree() {
    let queues = MessageQueue::limits().unwrap();
    assert_eq!([u64::from(queues.queues)], *sysctl("msgmni"));
    assert_eq!([u64::from(queues.message_bytes)], *sysctl("msgmax"));
    assert_eq!([u64::from(queues.queue_bytes)], *sysctl("msgmnb"));
    let sets = SemaphoreSet::limits().unwrap();
    assert_eq!([sets.set_semaphores, sets.semaphores, sets.operations, sets.sets].map(u64::from), *sysctl("sem"));
    assert_eq!(sets.value, u32::from(SemaphoreSet::MAX_VALUE));
    let segments = Segment::limits().unwrap();
    assert_eq!([segments.segments], *sysctl("shmmni"));
    assert_eq!([segments.segment_bytes], *sysctl("shmmax"));
    assert_eq!([segments.pages], *sysctl("shmall"));
    assert_eq!(segments.removed_when_detached, Some(sysctl("shm_rmid_forced") != [0]));
    assert_eq!(segments.min_segment_bytes, 1);
}

/// R-MSG-12 R-SEM-11 R-SHM-09
#[test]
fn the_limits_are_those_of_the_system() {
    agree();
    as_ordinary_user(|| {
        agree();
        0
    });
}

/// R-MSG-12 R-SEM-11 R-SHM-02 R-SHM-09
#[test]
fn the_limits_are_those_of_the_moment_and_the_namespace() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let all = || (MessageQueue::limits().unwrap(), SemaphoreSet::limits().unwrap(), Segment::limits().unwrap());
        let changes = [
            ("msgmni", "7"),
            ("msgmax", "123"),
            ("msgmnb", "4567"),
            ("sem", "8\t90\t10\t11"),
            ("shmmni", "12"),
            ("shmmax", "1314"),
            ("shmall", "15"),
            ("shm_rmid_forced", "1"),
        ];
        for (name, value) in changes {
            set_sysctl(name, value);
            agree();
        }
        assert_eq!(MessageQueue::limits().unwrap().queue_bytes, 4567);
        assert_eq!(SemaphoreSet::limits().unwrap().operations, 10);
        assert_eq!(Segment::limits().unwrap().removed_when_detached, Some(true));

        // Another namespace has its own.
        let changed = all();
        fork(|| {
            assert!(unshare_ipc());
            agree();
            let own = all();
            assert_ne!((own.0, own.1.sets, own.2.segments), (changed.0, changed.1.sets, changed.2.segments));
            set_sysctl("msgmni", "8");
            0
        })
        .succeed();
        assert_eq!(all(), changed);
    });
}

/// R-MSG-12 R-SEM-11 R-SHM-09
#[test]
fn usage_rises_and_falls_with_what_is_made_and_removed() {
    alone_in_namespace(|| {
        let queues = || {
            let usage = MessageQueue::usage().unwrap();
            [usage.queues, usage.messages, usage.bytes]
        };
        let sets = || {
            let usage = SemaphoreSet::usage().unwrap();
            [usage.sets, usage.semaphores]
        };
        let segments = || {
            let usage = Segment::usage().unwrap();
            [u64::from(usage.segments), usage.pages, usage.resident_pages, usage.swapped_pages]
        };
        assert_eq!((queues(), sets(), segments()), ([0; 3], [0; 2], [0; 4]));

        let queue = MessageQueue::private().unwrap();
        let second = MessageQueue::private().unwrap();
        queue.send(kind(1), "abc").unwrap();
        second.send(kind(1), "").unwrap();
        let (set, other) = (SemaphoreSet::private(&[0; 7]).unwrap(), SemaphoreSet::private(&[1]).unwrap());
        let segment = Segment::private(3 * page()).unwrap();
        let tiny = Segment::private(1).unwrap();
        assert_eq!((queues(), sets()), ([2, 2, 3], [2, 8]));
        assert_eq!(segments(), [2, 4, 0, 0], "no page is there before it is used");
        segment.attach().unwrap().bytes().slice(..2 * page()).unwrap().fill(1);
        let [_, pages, resident, swapped] = segments();
        assert_eq!((pages, resident + swapped), (4, 2));

        drop((second, other, tiny));
        assert_eq!((queues(), sets()), ([1, 1, 3], [1, 7]));
        assert_eq!(segments()[..2], [1, 3]);
        drop((queue, set, segment));
        assert_eq!((queues(), sets(), segments()), ([0; 3], [0; 2], [0; 4]));
    });
}

/// R-MSG-01 R-MSG-12
#[test]
fn the_most_queues_are_msgmni() {
    in_namespace(|| {
        set_sysctl("msgmni", "3");
        let mut queues = [(); 3].map(|()| Some(MessageQueue::private().unwrap()));
        let key = Key::new(0x77);
        for result in [
            MessageQueue::private().map(Owned::keep),
            MessageQueue::options().create(true).open(key),
            MessageQueue::options().create_new(true).open(key),
        ] {
            let error = fails(result, ErrorKind::LimitReached, libc::ENOSPC);
            let reason = ": ENOSPC: the system's 3 queues are in use (kernel.msgmni); \"ipc list\" shows them";
            assert!(error.to_string().ends_with(reason), "{error}");
        }
        fails(MessageQueue::open(key), ErrorKind::NotFound, libc::ENOENT);
        queues[1] = None;
        drop(MessageQueue::private().unwrap());
    });
}

/// R-SEM-01
#[test]
fn the_most_sets_are_semmni_and_the_most_semaphores_semmns() {
    in_namespace(|| {
        set_sysctl("sem", "100 10 500 3");
        let three = [(); 3].map(|()| SemaphoreSet::private(&[1]).unwrap());
        let error = fails(SemaphoreSet::private(&[1]), ErrorKind::LimitReached, libc::ENOSPC);
        let reason = "the system's 3 sets are in use (kernel.sem, fourth number); \"ipc list\" shows them";
        assert_eq!(error.to_string(), format!("semget of a private object: ENOSPC: {reason}"));
        drop(three);

        let eight = SemaphoreSet::private(&[1; 8]).unwrap();
        let error = fails(SemaphoreSet::private(&[1; 3]), ErrorKind::LimitReached, libc::ENOSPC);
        let reason = "the system's 10 semaphores are in use (kernel.sem, second number); \"ipc list\" shows them";
        assert_eq!(error.to_string(), format!("semget of a private object: ENOSPC: {reason}"));
        drop(SemaphoreSet::private(&[1; 2]).unwrap());
        drop(eight);

        set_sysctl("sem", "2 10 500 3");
        let error = fails(SemaphoreSet::private(&[1; 3]), ErrorKind::InvalidInput, libc::EINVAL);
        let reason = "a set has at most 2 semaphores (first number of kernel.sem)";
        assert!(error.to_string().ends_with(&format!("3 semaphores: EINVAL: {reason}")), "{error}");
    });
}

/// R-SEM-07
#[test]
fn the_most_operations_of_a_call_are_semopm() {
    fn of(count: usize) -> Operations {
        (0..count).fold(Operations::new(), |operations, _| operations.add(0, 1))
    }
    let set = SemaphoreSet::private(&[0]).unwrap();
    let limit = SemaphoreSet::limits().unwrap().operations as usize;
    set.apply(&of(limit)).unwrap();
    for result in [set.apply(&of(limit + 1)), set.try_apply(&of(limit + 1)), set.apply_interruptible(&of(limit + 1))] {
        let error = fails(result, ErrorKind::TooBig, libc::E2BIG);
        let reason = format!("one call takes at most {limit} operations (third number of kernel.sem)");
        let text = format!("semop on set {}, {} operations: E2BIG: {reason}", set.id(), limit + 1);
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(usize::from(set.semaphore(0).value().unwrap()), limit, "nothing was applied");
    drop(set);

    in_namespace(|| {
        set_sysctl("sem", "100 100 2 10");
        let set = SemaphoreSet::private(&[0]).unwrap();
        set.apply(&of(2)).unwrap();
        fails(set.apply(&of(3)), ErrorKind::TooBig, libc::E2BIG);
    });
}

/// R-MSG-02 R-MSG-11
#[test]
fn the_limits_of_messages_are_those_when_they_are_sent_and_of_queues_those_when_they_are_made() {
    in_namespace(|| {
        set_sysctl("msgmnb", "100");
        set_sysctl("msgmax", "20");
        let queue = MessageQueue::private().unwrap();
        assert_eq!(queue.status().unwrap().byte_limit, 100);
        queue.try_send(kind(1), &[0_u8; 20]).unwrap();
        let error = fails(queue.try_send(kind(1), &[0_u8; 21]), ErrorKind::TooBig, libc::EINVAL);
        let text = "21 bytes: EINVAL: a message has at most 20 bytes (kernel.msgmax)";
        assert!(error.to_string().ends_with(text), "{error}");

        set_sysctl("msgmnb", "200");
        set_sysctl("msgmax", "90");
        assert_eq!(queue.status().unwrap().byte_limit, 100, "that of its making");
        assert_eq!(MessageQueue::private().unwrap().status().unwrap().byte_limit, 200);
        fails(queue.try_send(kind(1), &[0_u8; 90]), ErrorKind::WouldBlock, libc::EAGAIN);
        queue.try_send(kind(1), &[0_u8; 80]).unwrap();
        queue.set_byte_limit(200).unwrap();
        queue.try_send(kind(1), &[0_u8; 90]).unwrap();
        // Longer than what may be sent now is received all the same.
        set_sysctl("msgmax", "10");
        let mut text = Vec::new();
        for len in [20, 80, 90] {
            queue.try_receive(ipc_safe::sysv::Selector::First, &mut text).unwrap();
            assert_eq!(text.len(), len);
        }
    });
}

/// R-MSG-11
#[test]
fn a_message_longer_than_its_queue_waits_for_ever_or_would_block() {
    let queue = MessageQueue::private().unwrap();
    queue.set_byte_limit(4).unwrap();
    fails(queue.try_send(kind(1), "12345"), ErrorKind::WouldBlock, libc::EAGAIN);
    fails(queue.send_timeout(kind(1), "12345", crate::tools::SHORT), ErrorKind::TimedOut, libc::ETIMEDOUT);
    queue.try_send(kind(1), "1234").unwrap();
    // One that is lowered below what is in the queue keeps it.
    queue.set_byte_limit(1).unwrap();
    let status = queue.status().unwrap();
    assert_eq!((status.byte_limit, status.bytes, status.messages), (1, 4, 1));
    fails(queue.try_send(kind(1), ""), ErrorKind::WouldBlock, libc::EAGAIN);
}

/// Limits that are lowered leave what there is, and what is full is full for every process.
///
/// R-KEY-08
#[test]
fn limits_below_what_is_in_use_leave_it_alone() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let queues = [(); 3].map(|()| MessageQueue::private().unwrap());
        let sets = [(); 3].map(|()| SemaphoreSet::private(&[1; 5]).unwrap());
        set_sysctl("msgmni", "1");
        set_sysctl("sem", "2 2 500 1");
        for (queue, set) in queues.iter().zip(&sets) {
            queue.send(kind(1), "x").unwrap();
            set.semaphore(4).subtract(1).unwrap();
            assert_eq!(set.values().unwrap(), [1, 1, 1, 1, 0]);
            set.set_values(&[2; 5]).unwrap();
        }
        fork(|| {
            fails(MessageQueue::private(), ErrorKind::LimitReached, libc::ENOSPC);
            fails(SemaphoreSet::private(&[1]), ErrorKind::LimitReached, libc::ENOSPC);
            0
        })
        .succeed();
        assert_eq!(MessageQueue::list().unwrap().len(), 3);
        assert_eq!(SemaphoreSet::list().unwrap().len(), 3);
    });
}
