//! Objects that are removed with the value.

use crate::error::{Result, keeping_errno};
use crate::process::Generation;
use core::fmt;
use core::ops::Deref;

/// A handle to a System V object: [`MessageQueue`](super::MessageQueue), [`SemaphoreSet`](super::SemaphoreSet) or
/// [`Segment`](super::Segment). Sealed.
///
/// A handle is the object's id and nothing more: cheap to copy, good in any thread, passed to other processes as a number.
/// It does not keep the object alive, and dropping it does nothing; see [`Owned`] for that.
///
/// Ids carry a sequence number, so that an id rarely comes back for another object; rarely is not never. What a handle
/// finds is then the other object: calls do to it what its permissions allow, without harm to this process's memory.
pub trait Handle: Copy + fmt::Debug + sealed::Sealed {
    /// The id.
    fn id(self) -> i32;

    /// Removes the object.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when it is gone already,
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) for others than owner, creator and `CAP_SYS_ADMIN`.
    fn remove(self) -> Result<()>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// An object that is removed when this value is dropped, in the process that made it: a forked child's copy does nothing.
///
/// Everything that the handle can do, this can. Dropping is silent when the object is gone already; who wants to know calls
/// [`remove`](Self::remove).
///
/// ```
/// use ipc_safe::sysv::{MessageQueue, Owned};
///
/// let queue: Owned<MessageQueue> = MessageQueue::private()?;
/// let handle = *queue; // for others: does not remove
/// drop(queue);
/// assert!(handle.status().unwrap_err().is_removed());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// The ids of an IPC namespace mean nothing in another one: drop it in a thread of the namespace where it was made.
#[must_use = "the object is removed when this value is dropped"]
pub struct Owned<H: Handle> {
    handle: H,
    made_in: Generation,
}

impl<H: Handle> Owned<H> {
    /// Takes over an object: from now on it goes with this value.
    pub fn new(handle: H) -> Self {
        Self { handle, made_in: Generation::current() }
    }

    /// Removes the object now.
    ///
    /// # Errors
    ///
    /// As [`Handle::remove`].
    pub fn remove(self) -> Result<()> {
        self.keep().remove()
    }

    /// Gives the object up: it stays until somebody removes it.
    pub fn keep(self) -> H {
        let handle = self.handle;
        core::mem::forget(self);
        handle
    }
}

impl<H: Handle> Deref for Owned<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H: Handle> Drop for Owned<H> {
    fn drop(&mut self) {
        if self.made_in.is_current() {
            // An error means that the object is gone, or no longer ours to remove: nothing is left to do about it here.
            let _ = keeping_errno(|| self.handle.remove());
        }
    }
}

impl<H: Handle> fmt::Debug for Owned<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owned").field(&self.handle).finish()
    }
}
