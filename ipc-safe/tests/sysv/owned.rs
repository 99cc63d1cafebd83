//! Objects that go with their value.

use crate::support::{as_nobody, fork, in_namespace, set_sysctl, watchdog};
use crate::tools::{Noun, alone, errno, fails, is_root};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Handle, Key, MessageQueue, Owned, Segment, SemaphoreSet};

/// Runs a check for each kind of object.
macro_rules! for_each_kind {
    ($check:ident) => {
        $check::<MessageQueue>();
        $check::<SemaphoreSet>();
        $check::<Segment>();
    };
}

/// Expects that the object is gone.
#[track_caller]
fn gone<T: Noun>(handle: T) {
    fails(handle.permissions(), ErrorKind::Removed, libc::EINVAL);
}

/// R-KEY-08
#[test]
fn dropping_removes() {
    fn check<T: Noun>() {
        let key = Key::random().unwrap();
        let owned = T::new(key);
        let handle = *owned;

        drop(owned);

        gone(handle);
        fails(T::find(key), ErrorKind::NotFound, libc::ENOENT);
    }
    for_each_kind!(check);
}

/// R-KEY-08
#[test]
fn a_panic_removes() {
    let _watchdog = watchdog();
    fn check<T: Noun>() {
        let owned = T::new(Key::PRIVATE);
        let handle = *owned;
        let panic = std::thread::spawn(move || {
            let _owned = owned;
            std::panic::resume_unwind(Box::new("with an object"));
        });
        assert!(panic.join().is_err());
        gone(handle);
    }
    for_each_kind!(check);
}

#[test]
fn a_handle_removes_nothing_when_it_is_dropped() {
    fn check<T: Noun>() {
        let owned = T::new(Key::PRIVATE);
        {
            let _copy = *owned;
            let _by_id = T::of_id(Handle::id(*owned)).unwrap();
        }
        assert!(owned.permissions().is_ok());
    }
    for_each_kind!(check);
}

/// R-KEY-08
#[test]
fn what_is_kept_stays_until_somebody_removes_it() {
    fn check<T: Noun>() {
        let kept = T::new(Key::PRIVATE).keep();
        assert!(kept.permissions().is_ok());

        drop(Owned::new(kept));

        gone(kept);
    }
    for_each_kind!(check);
}

#[test]
fn removing_tells_how_it_went() {
    fn check<T: Noun>() {
        let owned = T::new(Key::PRIVATE);
        let handle = *owned;
        owned.remove().unwrap();
        gone(handle);

        let twice = T::new(Key::PRIVATE);
        twice.keep_handle().remove().unwrap();
        let error = fails(twice.remove(), ErrorKind::Removed, libc::EINVAL);
        assert_eq!(error.call(), T::CONTROL);
        assert!(error.to_string().ends_with(": EINVAL: no object has this id: it was removed"), "{error}");
    }
    for_each_kind!(check);
}

/// A copy of the handle, in words that tell it from `Owned`'s own methods.
trait KeepHandle<T> {
    fn keep_handle(&self) -> T;
}

impl<T: Handle> KeepHandle<T> for Owned<T> {
    fn keep_handle(&self) -> T {
        **self
    }
}

#[test]
fn dropping_what_somebody_else_removed_is_silent_and_keeps_the_error_number() {
    fn check<T: Noun>() {
        let owned = T::new(Key::PRIVATE);
        owned.keep_handle().remove().unwrap();
        // SAFETY: the address of this thread's error number.
        unsafe { *libc::__errno_location() = 77 };
        drop(owned);
        assert_eq!(errno(), 77);
    }
    for_each_kind!(check);
}

#[test]
fn dropping_what_we_may_not_remove_is_silent_and_removes_nothing() {
    fn check<T: Noun>() {
        let ours = T::new(Key::PRIVATE);
        let handle = *ours;
        as_nobody(|| {
            // SAFETY: the address of this thread's error number.
            unsafe { *libc::__errno_location() = 77 };
            drop(Owned::new(handle));
            i32::from(errno() != 77)
        });
        assert!(ours.permissions().is_ok());
    }
    let _watchdog = watchdog();
    if is_root() {
        for_each_kind!(check);
    }
}

#[test]
fn a_forked_childs_copy_does_nothing_and_the_parents_still_removes() {
    let _watchdog = watchdog();
    fn check<T: Noun>() {
        let mut owned = Some(T::new(Key::PRIVATE));
        let handle = **owned.as_ref().unwrap();
        fork(|| {
            drop(owned.take());
            i32::from(handle.permissions().is_err())
        })
        .succeed();
        assert!(handle.permissions().is_ok());
        drop(owned);
        gone(handle);
    }
    for_each_kind!(check);
}

/// Only dropping is held back in a child: who asks for the removal gets it, as with any handle.
#[test]
fn a_forked_child_that_asks_for_removal_removes() {
    let _watchdog = watchdog();
    fn check<T: Noun>() {
        let mut owned = Some(T::new(Key::PRIVATE));
        let handle = **owned.as_ref().unwrap();
        fork(|| i32::from(owned.take().unwrap().remove().is_err())).succeed();
        gone(handle);
        drop(owned);
    }
    for_each_kind!(check);
}

#[test]
fn an_object_may_be_dropped_in_another_thread() {
    let _watchdog = watchdog();
    fn check<T: Noun>() {
        let owned = T::new(Key::PRIVATE);
        let handle = *owned;
        std::thread::spawn(move || drop(owned)).join().unwrap();
        gone(handle);
    }
    for_each_kind!(check);
}

#[test]
fn a_process_that_ends_without_dropping_leaves_its_objects() {
    let _watchdog = watchdog();
    fn check<T: Noun>() {
        let key = Key::random().unwrap();
        fork(|| {
            std::mem::forget(T::new(key));
            0
        })
        .succeed();
        let left = Owned::new(T::find(key).expect("left behind"));
        assert_eq!(left.permissions().unwrap().key, key);
    }
    for_each_kind!(check);
}

/// What the documentation says of ids that come back: a stale owner removes whatever has its id then.
///
/// R-KEY-12
#[test]
fn an_owner_whose_id_came_back_removes_the_other_object() {
    fn check<T: Noun>(next_id: &str) {
        let owner = T::new(Key::PRIVATE);
        owner.keep_handle().remove().unwrap();
        set_sysctl(next_id, &Handle::id(*owner).to_string());
        let other = T::new(Key::PRIVATE);
        assert_eq!(*other, *owner);
        let handle = other.keep_handle();

        drop(owner);

        gone(handle);
        fails(other.remove(), ErrorKind::Removed, libc::EINVAL);
    }
    in_namespace(|| {
        check::<MessageQueue>("msg_next_id");
        check::<SemaphoreSet>("sem_next_id");
        check::<Segment>("shm_next_id");
    });
}

/// R-SHM-07
#[test]
fn dropping_an_attached_segment_removes_its_key_and_leaves_the_memory_to_who_has_it() {
    alone(|| {
        let key = Key::random().unwrap();
        let owned = Segment::new(key);
        let attachment = owned.attach().unwrap();
        drop(owned);
        fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
        attachment.bytes().fill(1);
        assert_eq!(attachment.bytes().load::<u8>(99).unwrap(), 1);
        let handle = attachment.segment();
        drop(attachment);
        gone(handle);
    });
}

#[test]
fn an_owner_does_what_its_handle_does_and_prints_it() {
    let queue = MessageQueue::new(Key::PRIVATE);
    let handle: &MessageQueue = &queue;
    assert_eq!((handle.id(), handle.id() >= 0), (queue.id(), true));
    assert_eq!(format!("{queue:?}"), format!("Owned(MessageQueue {{ id: {} }})", queue.id()));
    let set = SemaphoreSet::new(Key::PRIVATE);
    assert_eq!(format!("{set:?}"), format!("Owned(SemaphoreSet {{ id: {} }})", set.id()));
    let segment = Segment::new(Key::PRIVATE).keep().into_owned();
    assert_eq!(format!("{segment:?}"), format!("Owned(Segment {{ id: {} }})", segment.id()));
}
