//! The C library's calls.
#![expect(unsafe_code, reason = "calls into the C library")]

use crate::error::Errno;
use core::ffi::{c_int, c_uint};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use libc::{pthread_mutex_t, pthread_mutexattr_t, sem_t};
use std::time::{Duration, SystemTime};

pub(super) type Raw = Result<(), Errno>;

/// What the `pthread_` functions return.
const fn code(code: c_int) -> Raw {
    if code == 0 { Ok(()) } else { Err(Errno::from_raw(code)) }
}

/// What the `sem_` functions return.
fn errno(result: c_int) -> Raw {
    if result == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// The time on the clock of the day that is so far away; one that is too far is the last there is.
pub(super) fn from_now(time: Duration) -> libc::timespec {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    crate::wait::timespec(now.saturating_add(time))
}

/// A mutex that its owner answers for: initialised, mapped, and accessed by these functions only.
#[derive(Clone, Copy)]
pub(super) struct Mutex(NonNull<pthread_mutex_t>);

impl Mutex {
    /// # Safety
    ///
    /// For as long as the value or a copy is used, the memory is mapped and writable, and holds a process-shared mutex that
    /// nobody accesses other than by the C library's functions.
    pub(super) const unsafe fn new(place: NonNull<pthread_mutex_t>) -> Self {
        Self(place)
    }

    /// Makes a process-shared mutex.
    ///
    /// # Safety
    ///
    /// The memory is mapped and writable, and nobody uses it yet.
    pub(super) unsafe fn init(place: NonNull<pthread_mutex_t>, robust: bool) -> Raw {
        let mut attributes = MaybeUninit::<pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: initialises the attributes, which are ours.
        code(unsafe { libc::pthread_mutexattr_init(attributes) })?;
        // SAFETY: the attributes are initialised.
        let shared = code(unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) });
        let kind = if robust { libc::PTHREAD_MUTEX_ROBUST } else { libc::PTHREAD_MUTEX_STALLED };
        // SAFETY: the attributes are initialised.
        let robust = shared.and_then(|()| code(unsafe { libc::pthread_mutexattr_setrobust(attributes, kind) }));
        // SAFETY: the memory is writable and nobody's yet, the caller says; the attributes are initialised.
        let made = robust.and_then(|()| code(unsafe { libc::pthread_mutex_init(place.as_ptr(), attributes) }));
        // SAFETY: the attributes are initialised and not used afterwards.
        unsafe { libc::pthread_mutexattr_destroy(attributes) };
        made
    }

    pub(super) fn lock(self) -> Raw {
        // SAFETY: a mutex that is mapped and accessed by such functions only (`new`).
        code(unsafe { libc::pthread_mutex_lock(self.0.as_ptr()) })
    }

    pub(super) fn try_lock(self) -> Raw {
        // SAFETY: a mutex that is mapped and accessed by such functions only (`new`).
        code(unsafe { libc::pthread_mutex_trylock(self.0.as_ptr()) })
    }

    pub(super) fn lock_until(self, time: &libc::timespec) -> Raw {
        // SAFETY: a mutex that is mapped and accessed by such functions only (`new`); the time is borrowed.
        code(unsafe { libc::pthread_mutex_timedlock(self.0.as_ptr(), time) })
    }

    pub(super) fn mark_consistent(self) -> Raw {
        // SAFETY: a mutex that is mapped and accessed by such functions only (`new`).
        code(unsafe { libc::pthread_mutex_consistent(self.0.as_ptr()) })
    }

    /// # Safety
    ///
    /// The calling thread holds it.
    pub(super) unsafe fn unlock(self) -> Raw {
        // SAFETY: a mutex that is mapped and accessed by such functions only (`new`), and held by this thread, the caller
        // says.
        code(unsafe { libc::pthread_mutex_unlock(self.0.as_ptr()) })
    }

    /// # Safety
    ///
    /// Nobody holds it, waits for it or uses it afterwards.
    pub(super) unsafe fn destroy(self) -> Raw {
        // SAFETY: a mutex (`new`) that nobody uses any more, the caller says.
        code(unsafe { libc::pthread_mutex_destroy(self.0.as_ptr()) })
    }
}

/// A semaphore that its owner answers for: initialised, mapped, and accessed by these functions only.
#[derive(Clone, Copy)]
pub(super) struct Semaphore(NonNull<sem_t>);

impl Semaphore {
    /// # Safety
    ///
    /// For as long as the value or a copy is used, the memory is mapped and writable, and holds a process-shared semaphore
    /// that nobody accesses other than by the C library's functions.
    pub(super) const unsafe fn new(place: NonNull<sem_t>) -> Self {
        Self(place)
    }

    /// # Safety
    ///
    /// The memory is mapped and writable, and nobody uses it yet.
    pub(super) unsafe fn init(place: NonNull<sem_t>, value: c_uint) -> Raw {
        // SAFETY: the memory is writable and nobody's yet, the caller says.
        errno(unsafe { libc::sem_init(place.as_ptr(), 1, value) })
    }

    pub(super) fn wait(self) -> Raw {
        // SAFETY: a semaphore that is mapped and accessed by such functions only (`new`).
        errno(unsafe { libc::sem_wait(self.0.as_ptr()) })
    }

    pub(super) fn try_wait(self) -> Raw {
        // SAFETY: a semaphore that is mapped and accessed by such functions only (`new`).
        errno(unsafe { libc::sem_trywait(self.0.as_ptr()) })
    }

    pub(super) fn wait_until(self, time: &libc::timespec) -> Raw {
        // SAFETY: a semaphore that is mapped and accessed by such functions only (`new`); the time is borrowed.
        errno(unsafe { libc::sem_timedwait(self.0.as_ptr(), time) })
    }

    pub(super) fn post(self) -> Raw {
        // SAFETY: a semaphore that is mapped and accessed by such functions only (`new`).
        errno(unsafe { libc::sem_post(self.0.as_ptr()) })
    }

    pub(super) fn value(self) -> Result<c_int, Errno> {
        let mut value = 0;
        // SAFETY: a semaphore that is mapped and accessed by such functions only (`new`); the value is ours.
        errno(unsafe { libc::sem_getvalue(self.0.as_ptr(), &raw mut value) })?;
        Ok(value)
    }

    /// # Safety
    ///
    /// Nobody waits for it or uses it afterwards.
    pub(super) unsafe fn destroy(self) -> Raw {
        // SAFETY: a semaphore (`new`) that nobody uses any more, the caller says.
        errno(unsafe { libc::sem_destroy(self.0.as_ptr()) })
    }
}

// Both are a place in memory that any thread of any process may use by these functions.
// SAFETY: a process-shared mutex is used from any thread; who holds it is the guard's business.
unsafe impl Send for Mutex {}
// SAFETY: as above.
unsafe impl Sync for Mutex {}
// SAFETY: a process-shared semaphore is used from any thread.
unsafe impl Send for Semaphore {}
// SAFETY: as above.
unsafe impl Sync for Semaphore {}
