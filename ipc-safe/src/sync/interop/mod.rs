//! Locks of the C library in shared memory, for programs in C that have them there already.
//!
//! Where both sides are yours, use [`Mutex`](super::Mutex), [`RobustMutex`](super::RobustMutex) and
//! [`Semaphore`](super::Semaphore): a foe who writes into those does no harm. The C library's mutex keeps pointers in the
//! shared bytes, which it follows and writes through when it is unlocked: whoever can write the memory can make this process
//! write anywhere. So the constructors here are unsafe, and say what the caller answers for.
//!
//! ```
//! use ipc_safe::memory::MapOptions;
//! use ipc_safe::shared::Region;
//! use ipc_safe::sync::interop::PosixSemaphore;
//!
//! let memory = MapOptions::new().shared(4096)?;
//! // SAFETY: the memory is shared with forked children only, which use the semaphore by its functions.
//! let semaphore = unsafe { PosixSemaphore::init(memory.bytes(), 1)? };
//! semaphore.acquire()?;
//! assert_eq!(semaphore.value()?, 0);
//! semaphore.post()?;
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! The timed forms of the C library count on the clock of the day: where that is set while a call waits, the call waits
//! longer or looks again.

mod mutex;
mod raw;
mod semaphore;

pub use mutex::{PosixLocked, PosixMutex, PosixMutexGuard, PosixOwnerDied};
pub use semaphore::PosixSemaphore;

use crate::error::{Errno, Error, Result};
use crate::shared::SharedBytes;
use crate::wait::Wait;
use core::ptr::NonNull;
use std::time::Instant;

/// The place of an object of type `T` at the start of `bytes`.
fn place<T>(call: &'static str, bytes: SharedBytes<'_>) -> Result<NonNull<T>> {
    let start = NonNull::new(bytes.as_mut_ptr()).filter(|_| bytes.len() >= size_of::<T>());
    let Some(start) = start else {
        return Err(Error::invalid(call, format!("it takes {} bytes, there are {}", size_of::<T>(), bytes.len())));
    };
    if !start.addr().get().is_multiple_of(align_of::<T>()) {
        return Err(Error::invalid(call, format!("it has to lie at a multiple of {} bytes", align_of::<T>())));
    }
    Ok(start.cast())
}

/// Makes a call with a deadline on the clock of the day until the time is over on the monotonic clock.
fn timed(
    call: &'static str,
    deadline: Instant,
    mut attempt: impl FnMut(&libc::timespec) -> core::result::Result<(), Errno>,
) -> core::result::Result<(), Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match attempt(&raw::from_now(left)) {
            Err(Errno::TIMEDOUT) if Instant::now() < deadline => {}
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::new(call, errno)),
            Ok(()) => return Ok(()),
        }
    }
}

/// The deadline of a wait that has one.
const fn deadline(wait: Wait) -> Option<Instant> {
    match wait {
        Wait::Until(deadline) => Some(deadline),
        _ => None,
    }
}
