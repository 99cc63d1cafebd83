//! Locks, events and semaphores in shared memory that nobody else uses: none of it makes a system call, on either side.
//!
//! The C side is process-shared, too. It has no event; its semaphore stands in for one.

use crate::{Bar, Case};
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Shared, ShmSafe};
use ipc_safe::sync::{AutoResetEvent, Locked, Mutex, RobustMutex, RwLock, Semaphore};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::mem::{MaybeUninit, zeroed};
use std::sync::atomic::AtomicU32;

/// The C library's locks are other algorithms, not what these are made of: what they take is told and not a bar.
const BAR: Bar = Bar::None;

pub(crate) fn cases() -> Vec<Case> {
    vec![mutex(), robust_mutex(), read_lock(), write_lock(), event(), semaphore()]
}

/// A record of zero bytes.
fn record<T: ShmSafe>() -> Shared<T, SharedMemory> {
    Shared::bare(MapOptions::new().shared(4096).expect("a page")).expect("it fits")
}

/// An object of the C library in memory of its own, which stays until the program ends.
fn object<T>(initialise: impl FnOnce(*mut T) -> i32) -> *mut T {
    let object = Box::leak(Box::new(UnsafeCell::new(MaybeUninit::<T>::zeroed()))).get().cast::<T>();
    assert_eq!(initialise(object), 0);
    object
}

/// A process-shared mutex, robust or not.
fn c_mutex(robust: bool) -> *mut libc::pthread_mutex_t {
    // SAFETY: attributes and mutex are initialised before they are used; the mutex stays where it is.
    object(|mutex| unsafe {
        let mut attributes: libc::pthread_mutexattr_t = zeroed();
        libc::pthread_mutexattr_init(&raw mut attributes);
        libc::pthread_mutexattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED);
        if robust {
            libc::pthread_mutexattr_setrobust(&raw mut attributes, libc::PTHREAD_MUTEX_ROBUST);
        }
        libc::pthread_mutex_init(mutex, &raw const attributes)
    })
}

fn c_lock(robust: bool) -> impl FnMut() {
    let mutex = c_mutex(robust);
    move || {
        let mutex = black_box(mutex);
        // SAFETY: an initialised mutex, locked and unlocked by one thread.
        unsafe {
            assert_eq!(libc::pthread_mutex_lock(mutex), 0);
            assert_eq!(libc::pthread_mutex_unlock(mutex), 0);
        }
    }
}

fn mutex() -> Case {
    let ours = record::<Mutex<AtomicU32>>();
    Case::new("Mutex: lock + unlock", BAR, || c_lock(false), move || drop(black_box(&*ours).lock()))
}

fn robust_mutex() -> Case {
    let ours = record::<RobustMutex<AtomicU32>>();
    let ours = move || match black_box(&*ours).lock().unwrap() {
        Locked::Consistent(guard) => drop(guard),
        Locked::OwnerDied(_) => panic!("nobody died"),
    };
    Case::new("RobustMutex: lock + unlock", BAR, || c_lock(true), ours)
}

fn c_rwlock() -> *mut libc::pthread_rwlock_t {
    // SAFETY: attributes and lock are initialised before they are used; the lock stays where it is.
    object(|lock| unsafe {
        let mut attributes: libc::pthread_rwlockattr_t = zeroed();
        libc::pthread_rwlockattr_init(&raw mut attributes);
        libc::pthread_rwlockattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_rwlock_init(lock, &raw const attributes)
    })
}

fn read_lock() -> Case {
    let raw = || {
        let lock = c_rwlock();
        move || {
            let lock = black_box(lock);
            // SAFETY: an initialised lock, locked and unlocked by one thread.
            unsafe {
                assert_eq!(libc::pthread_rwlock_rdlock(lock), 0);
                assert_eq!(libc::pthread_rwlock_unlock(lock), 0);
            }
        }
    };
    let ours = record::<RwLock<AtomicU32>>();
    Case::new("RwLock: read + unlock", BAR, raw, move || drop(black_box(&*ours).read()))
}

fn write_lock() -> Case {
    let raw = || {
        let lock = c_rwlock();
        move || {
            let lock = black_box(lock);
            // SAFETY: an initialised lock, locked and unlocked by one thread.
            unsafe {
                assert_eq!(libc::pthread_rwlock_wrlock(lock), 0);
                assert_eq!(libc::pthread_rwlock_unlock(lock), 0);
            }
        }
    };
    let ours = record::<RwLock<AtomicU32>>();
    Case::new("RwLock: write + unlock", BAR, raw, move || drop(black_box(&*ours).write()))
}

/// Posts and takes.
fn c_semaphore() -> impl FnMut() {
    // SAFETY: the semaphore stays where it is.
    let semaphore = object(|semaphore| unsafe { libc::sem_init(semaphore, 1, 0) });
    move || {
        let semaphore = black_box(semaphore);
        // SAFETY: an initialised semaphore.
        unsafe {
            assert_eq!(libc::sem_post(semaphore), 0);
            assert_eq!(libc::sem_wait(semaphore), 0);
        }
    }
}

fn event() -> Case {
    let ours = record::<AutoResetEvent>();
    let ours = move || {
        let event = black_box(&*ours);
        event.set();
        event.wait();
    };
    Case::new("AutoResetEvent: set + wait", BAR, c_semaphore, ours)
}

fn semaphore() -> Case {
    let ours = record::<Semaphore>();
    let ours = move || {
        let semaphore = black_box(&*ours);
        semaphore.post().unwrap();
        semaphore.acquire().forget();
    };
    Case::new("Semaphore: post + acquire", BAR, c_semaphore, ours)
}
