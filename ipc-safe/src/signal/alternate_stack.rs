//! A stack for handlers.

use super::raw;
use crate::error::{Errno, Error, Result, keeping_errno};
use crate::memory::{MapOptions, PrivateMemory};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// A stack of its own for the handlers of this thread that ask for it
/// ([`HandlerOptions::on_stack`](super::HandlerOptions::on_stack)): so that one can run when the ordinary stack is full.
///
/// With a page without access on either side. When the guard is dropped, the stack before it is back, unless another one was
/// set meanwhile, or a handler is running on this one: then that stays, and the memory is never freed. In a forked child the
/// copy of the guard undoes the copy.
///
/// std gives each thread such a stack, of the [least](Self::least) size, for its message about stack overflow.
///
/// ```
/// use ipc_safe::signal::AlternateStack;
///
/// let stack = AlternateStack::new(64 * 1024)?;
/// assert!(stack.len() >= 64 * 1024);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [sigaltstack(2)](https://man7.org/linux/man-pages/man2/sigaltstack.2.html)
#[doc(alias = "sigaltstack")]
#[derive(Debug)]
#[must_use = "the stack before is back when the guard is dropped"]
pub struct AlternateStack {
    memory: ManuallyDrop<PrivateMemory>,
    previous: raw::Stack,
    /// It belongs to the thread.
    thread: PhantomData<*const ()>,
}

impl AlternateStack {
    /// A stack of `size` bytes, rounded up to whole pages.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for less than [`least`](Self::least) bytes, with which the
    /// kernel would end the process at the first signal; [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory);
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) while a handler runs on the present alternate stack.
    pub fn new(size: usize) -> Result<Self> {
        let least = Self::least();
        if size < least {
            let reason = format!("handlers need at least {least} bytes on this processor");
            return Err(Error::invalid("sigaltstack", reason).about(format!("{size} bytes")));
        }
        let mut memory = MapOptions::new().stack(true).guard_pages(true).private(size)?;
        let previous = raw::set_alternate_stack(&mut memory).map_err(|errno| Error::new("sigaltstack", errno))?;
        Ok(Self { memory: ManuallyDrop::new(memory), previous, thread: PhantomData })
    }

    /// Puts the stack before back, as dropping does.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when another stack was set meanwhile, which then stays;
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) while a handler runs on this one. In both cases the
    /// memory is never freed.
    pub fn restore(self) -> Result<()> {
        let mut this = ManuallyDrop::new(self);
        let previous = this.previous;
        raw::free_alternate_stack(&mut this.memory, previous).map_err(|errno| {
            let error = Error::new("sigaltstack", errno);
            match errno {
                Errno::INVAL => error.because("another stack was set meanwhile"),
                Errno::PERM => error.because("a handler runs on it"),
                _ => error,
            }
        })
    }

    /// The size that a handler needs on this processor for itself and for what the kernel saves.
    #[doc(alias = "MINSIGSTKSZ")]
    #[doc(alias = "SIGSTKSZ")]
    #[must_use]
    pub fn least() -> usize {
        ipc_sys::signal::MINSIGSTKSZ().try_into().unwrap_or(64 * 1024)
    }

    /// The size, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        // What could not be freed stays, as the type says.
        let _ = keeping_errno(|| raw::free_alternate_stack(&mut self.memory, self.previous));
    }
}
