//! Objects that come and go behind the back of their handles.

use crate::support::{in_namespace, set_sysctl};
use crate::tools::before_each;
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, MessageBuffer, MessageQueue, MessageType, Segment, Selector, SemaphoreSet};
use ipc_safe::testing::in_process;

/// In a process of its own, too: in this one, forked children of other tests have a copy of every attachment there is.
fn alone(body: impl FnOnce() + Send) {
    in_process(|| in_namespace(body));
}

/// A new set, with this id.
fn set_with_id(id: i32, values: &[u16]) -> ipc_safe::sysv::Owned<SemaphoreSet> {
    set_sysctl("sem_next_id", &id.to_string());
    let set = SemaphoreSet::private(values).unwrap();
    assert_eq!(set.id(), id);
    set
}

/// A set that is larger than its predecessor of the same id is read and set within bounds.
///
/// R-SEM-11
#[test]
fn a_set_that_grew_behind_its_handle_stays_in_its_buffer() {
    in_namespace(|| {
        let small = SemaphoreSet::private(&[1]).unwrap();
        let handle = *small;
        small.remove().unwrap();
        let large = set_with_id(handle.id(), &vec![7; 20_000]);
        assert_eq!(handle.values().unwrap(), vec![7; 20_000]);
        let error = handle.set_values(&[1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(large.values().unwrap().iter().all(|&value| value == 7));
    });
}

/// Nor does it when it grows between the question for its length and the values.
#[test]
fn a_set_that_grows_between_two_calls_stays_in_its_buffer() {
    in_namespace(|| {
        let small = SemaphoreSet::private(&[1]).unwrap();
        let handle = *small;
        let mut now = Some(small);
        let grow = |times: usize| {
            now.take();
            now = Some(set_with_id(handle.id(), &vec![3; 1 + times % 4 * 2100]));
        };
        let values = before_each(&[libc::SYS_semctl], grow, || (0..8).map(|_| handle.values()).collect::<Vec<_>>());
        for result in values {
            match result {
                Ok(values) => assert!(values.iter().all(|&value| value == 3), "{values:?}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Removed, "{error}"),
            }
        }
    });
}

/// A segment that is removed, or loses its rights, between the two calls of attaching is not left attached.
#[test]
fn a_segment_that_changes_between_two_calls_is_attached_or_not_at_all() {
    in_process(|| {
        let segment = Segment::private(4096).unwrap();
        let handle = *segment;
        let attached = before_each(&[libc::SYS_shmctl], |_| drop(handle.remove()), || handle.attach()).unwrap();
        attached.bytes().fill(1);
        assert_eq!(attached.len(), 4096);
        drop(attached);
        assert!(handle.status().unwrap_err().is_removed());
    });
}

/// Values of semaphores that no operation can name, because their index is too high for one, are set where they belong.
#[test]
fn a_set_with_more_semaphores_than_an_operation_can_name_has_its_values() {
    in_namespace(|| {
        let Ok(()) = std::fs::write("/proc/sys/kernel/sem", "70000 1000000 500 128") else {
            println!("skipped: such sets are not to be had");
            return;
        };
        let mut values = vec![0; 65_540];
        values[65_537] = 9;
        match SemaphoreSet::private(&values) {
            Ok(set) => assert_eq!(set.values().unwrap(), values),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
        }
    });
}

/// A segment of another size under an old id is attached with the size that it has.
///
/// R-KEY-12
#[test]
fn a_segment_that_was_replaced_is_attached_with_its_own_size() {
    alone(|| {
        let large = Segment::private(1 << 20).unwrap();
        let handle = *large;
        let old = handle.attach().unwrap();
        large.remove().unwrap();
        // The id is pinned by the attachment: the next segment has another one.
        set_sysctl("shm_next_id", &handle.id().to_string());
        let other = Segment::private(1).unwrap();
        assert_ne!(other.id(), handle.id());
        assert_eq!((old.len(), handle.attach().unwrap().len()), (1 << 20, 1 << 20));
        drop(old);

        set_sysctl("shm_next_id", &handle.id().to_string());
        let small = Segment::private(1).unwrap();
        assert_eq!(small.id(), handle.id());
        let attachment = handle.attach().unwrap();
        assert_eq!(attachment.len(), 1);
        assert!(attachment.bytes().write(1, b"x").is_err());
    });
}

/// Under `shm_rmid_forced` a segment goes with its last attachment, and what is attached stays whole.
///
/// R-SHM-14
#[test]
fn a_segment_that_is_removed_by_force_stays_while_it_is_attached() {
    alone(|| {
        set_sysctl("shm_rmid_forced", "1");
        let segment = Segment::options().create_new(true).open(Key::PRIVATE, 4096).unwrap();
        let attachment = segment.attach().unwrap();
        let second = segment.attach().unwrap();
        drop(attachment);
        second.bytes().fill(3);
        assert_eq!(second.bytes().load::<u8>(4095).unwrap(), 3);
        drop(second);
        if let Ok(()) = segment.remove() {
            println!("the segment outlived its last attachment");
        }
        set_sysctl("shm_rmid_forced", "0");
    });
}

/// Storage that has another length every time it is asked makes no message overrun it.
#[test]
fn storage_that_changes_its_length_is_not_overrun() {
    use std::cell::Cell;
    struct Liar {
        bytes: [u8; 64],
        calls: Cell<usize>,
    }
    impl Liar {
        fn len(&self) -> usize {
            self.calls.set(self.calls.get() + 1);
            [64, 8, 64, 9, 0, 33][self.calls.get() % 6]
        }
    }
    impl AsRef<[u8]> for Liar {
        fn as_ref(&self) -> &[u8] {
            &self.bytes[..self.len()]
        }
    }
    impl AsMut<[u8]> for Liar {
        fn as_mut(&mut self) -> &mut [u8] {
            let len = self.len();
            &mut self.bytes[..len]
        }
    }

    let queue = MessageQueue::private().unwrap();
    for start in 0..6 {
        let attempt = || {
            let mut buffer = MessageBuffer::new(Liar { bytes: [0; 64], calls: Cell::new(start) })?;
            let _ = buffer.set(MessageType::MIN, &[5; 40]);
            let _ = buffer.set_len(56);
            let _ = queue.try_send_buffer(&buffer);
            let _ = queue.try_receive(Selector::First, &mut buffer);
            let _ = queue.try_receive(Selector::First, buffer.truncating());
            let _ = queue.peek(0, buffer.truncating());
            let _ = (buffer.message_type(), buffer.bytes().len(), buffer.value::<[u8; 5]>());
            ipc_safe::Result::<()>::Ok(())
        };
        // A panic is what such storage deserves.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempt));
    }
}
