//! Protection keys: access to memory that each thread switches on and off for itself.

use super::backing::{Backing, Fixed, Private, Wiped};
use super::keyed_memory::KeyedMemory;
use super::mapping::Mapping;
use super::protection::Protection;
use super::raw;
use crate::error::{Errno, Error, ErrorKind, Rejected, Result, keeping_errno};
use core::cell::Cell;
use core::ffi::{c_int, c_uint};
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use ipc_sys::mman::{PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE, PKEY_UNRESTRICTED};
use std::sync::Arc;

/// A protection key of the processor. Memory that has it is out of reach, also for the rest of the program, but for threads
/// that hold a [`KeyedAccess`](super::KeyedAccess) to it. Getting one takes no system call: a register of the thread says
/// what it may do with the memory of each key.
///
/// It keeps wild writes from memory, and what is read past the end of a buffer from secrets. It is no wall against code that
/// means harm and runs in this process: everybody may write the register, and `/proc/self/mem`, `process_vm_readv` and a
/// debugger do not ask it.
///
/// A process has 15 of them on x86-64, and needs a processor that has them (`ospke` in `/proc/cpuinfo`). Clones are the same
/// key; it is given back when the last clone and the last memory with it are gone, because the kernel would give it out again
/// while memory still has it.
///
/// ```
/// use ipc_safe::error::ErrorKind;
/// use ipc_safe::memory::{PrivateMemory, ProtectionKey};
///
/// let key = match ProtectionKey::new() {
///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()), // not with this processor
///     other => other?,
/// };
/// let secret = key.protect(PrivateMemory::new(4096)?)?;
/// secret.write_access()?.write(0, b"hunter2")?; // and out of reach again
///
/// let access = secret.read_access()?;
/// assert_eq!(access.load::<[u8; 7]>(0)?, *b"hunter2");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # Threads, signal handlers, processes
///
/// - The rights are the thread's. A thread starts with those that the thread which starts it has at that moment; one started
///   while an access is held keeps them until it holds an access itself and drops it, or calls
///   [`revoke_inherited`](Self::revoke_inherited). Threads that ran before a key was made have no rights to it, unless they
///   inherited some to an earlier key of the same number.
/// - A signal handler runs with the rights that a process starts with: none to any key. What it interrupts has its own
///   again afterwards. A system call that is to read or write the memory obeys the rights too: it fails with `EFAULT`.
/// - A forked child has the keys, the memory and the rights of the thread that forked, each a copy; dropping its copies gives
///   back its own. After `exec` nothing is left.
///
/// # Memory that can only be executed
///
/// Fetching instructions needs no rights to a key. Private memory that was filled, made
/// [`ReadExecute`](super::ReadExecute) and given a key can be executed by every thread and read by none that holds no
/// access. (The kernel itself uses one more key for memory mapped with `PROT_EXEC` alone.)
///
/// [pkeys(7)](https://man7.org/linux/man-pages/man7/pkeys.7.html),
/// [pkey_alloc(2)](https://man7.org/linux/man-pages/man2/pkey_alloc.2.html)
#[doc(alias = "pkey_alloc")]
#[doc(alias = "pkey_free")]
#[derive(Clone)]
pub struct ProtectionKey(Arc<Allocated>);

/// What a thread may do with memory that has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyRights {
    /// Nothing.
    #[doc(alias = "PKEY_DISABLE_ACCESS")]
    Nothing,
    /// Reading, as far as the protection of the memory allows it.
    #[doc(alias = "PKEY_DISABLE_WRITE")]
    Reading,
    /// Reading and writing, as far as the protection of the memory allows it.
    #[doc(alias = "PKEY_UNRESTRICTED")]
    Writing,
}

/// What is under memory that can have a key: that which is read and written by loads and stores.
pub trait Keyable: Backing {}

impl Keyable for Private {}
impl Keyable for Fixed {}
impl Keyable for Wiped {}

/// A key of this process, given back when dropped.
struct Allocated {
    number: c_int,
    /// Tells keys apart that had the same number one after the other.
    serial: u64,
}

impl ProtectionKey {
    /// A key, to whose memory no thread has access.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without the help of processor, kernel and C library;
    /// [`LimitReached`](ErrorKind::LimitReached) when all keys are in use.
    pub fn new() -> Result<Self> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let number = raw::pkey_alloc().map_err(allocation_fault)?;
        let key = Allocated { number, serial: SERIAL.fetch_add(1, Ordering::Relaxed) };
        // Setting the rights shows whether the C library can: some that can allocate cannot.
        key.change_held(|_| ())
            .map_err(|errno| unsupported("pkey_set", errno, "this C library cannot set the rights of a thread"))?;
        Ok(Self(Arc::new(key)))
    }

    /// Gives memory the key: from here on it is used through [`KeyedMemory`], or after
    /// [`release`](KeyedMemory::release).
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) with too many mappings; the memory comes back as it was.
    ///
    /// [pkey_mprotect(2)](https://man7.org/linux/man-pages/man2/pkey_mprotect.2.html)
    #[doc(alias = "pkey_mprotect")]
    pub fn protect<B: Keyable, P: Protection>(
        &self,
        memory: Mapping<B, P>,
    ) -> Result<KeyedMemory<B, P>, Rejected<Mapping<B, P>>> {
        KeyedMemory::new(memory, self.clone())
    }

    /// What the calling thread may do with memory that has the key.
    #[doc(alias = "pkey_get")]
    #[expect(unsafe_code, reason = "asks a register")]
    pub fn rights(&self) -> KeyRights {
        // SAFETY: the key is allocated while this value lives.
        match unsafe { raw::pkey_get(self.number()) } {
            Ok(rights) if rights & PKEY_DISABLE_ACCESS != 0 => KeyRights::Nothing,
            Ok(rights) if rights & PKEY_DISABLE_WRITE != 0 => KeyRights::Reading,
            Ok(_) => KeyRights::Writing,
            // Not for a number that the C library has accepted in `new`.
            Err(_) => KeyRights::Nothing,
        }
    }

    /// Takes from the calling thread what it inherited: it keeps the rights for which it holds an access, which for a new
    /// thread are none.
    ///
    /// # Errors
    ///
    /// That of the call, which has no reason to fail.
    #[doc(alias = "pkey_set")]
    pub fn revoke_inherited(&self) -> Result<()> {
        self.change_held(|_| ())
    }

    /// The number that the kernel knows it by, as in `si_pkey` of a SIGSEGV.
    #[must_use]
    pub fn as_raw(&self) -> i32 {
        self.number()
    }

    pub(super) fn number(&self) -> c_int {
        self.0.number
    }

    /// One more access of the calling thread.
    pub(super) fn hold(&self, writing: bool) -> Result<()> {
        self.change_held(|held| *held.count(writing) += 1)
    }

    /// One access less. Of the thread that called [`hold`](Self::hold).
    pub(super) fn let_go(&self, writing: bool) {
        // It has no reason to fail; the thread would keep rights that it had.
        let _ = keeping_errno(|| self.change_held(|held| *held.count(writing) -= 1));
    }

    fn change_held(&self, change: impl FnOnce(&mut Held)) -> Result<()> {
        self.0.change_held(change).map_err(|errno| Error::new("pkey_set", errno))
    }
}

impl PartialEq for ProtectionKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ProtectionKey {}

impl fmt::Debug for ProtectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProtectionKey").field(&self.number()).finish()
    }
}

impl Allocated {
    /// Changes what the calling thread holds, and its rights with it. An error leaves both as they were.
    #[expect(unsafe_code, reason = "sets a register")]
    fn change_held(&self, change: impl FnOnce(&mut Held)) -> raw::Raw<()> {
        let number = usize::try_from(self.number).map_err(|_| Errno::INVAL)?;
        HELD.with(|keys| {
            let cell = keys.get(number).ok_or(Errno::INVAL)?;
            let mut held = cell.get();
            if held.serial != self.serial {
                held = Held { serial: self.serial, ..Held::NOTHING };
            }
            change(&mut held);
            // SAFETY: the key is allocated while this value lives. The rights are those that the accesses of this thread
            // need, and nobody else has references into the memory.
            unsafe { raw::pkey_set(self.number, held.rights()) }?;
            cell.set(held);
            Ok(())
        })
    }
}

impl Drop for Allocated {
    #[expect(unsafe_code, reason = "gives the key back")]
    fn drop(&mut self) {
        // SAFETY: the key is this value's, and everything that has it holds this value: it is unmapped or released. Memory
        // that could not be unmapped (see `Mapped`) is used by nobody.
        let _ = keeping_errno(|| unsafe { raw::pkey_free(self.number) });
    }
}

/// The accesses of a thread to the memory of one key. Counted, so that they may be dropped in any order.
#[derive(Clone, Copy)]
struct Held {
    serial: u64,
    readers: u64,
    writers: u64,
}

/// More than any processor has: 16 on x86-64, 8 on aarch64.
const MOST_KEYS: usize = 16;

thread_local! {
    /// By the number of the key. Nothing here is dropped, so that it can be used as long as the thread runs.
    static HELD: [Cell<Held>; MOST_KEYS] = const { [const { Cell::new(Held::NOTHING) }; MOST_KEYS] };
}

impl Held {
    /// Serial numbers start with 1.
    const NOTHING: Self = Self { serial: 0, readers: 0, writers: 0 };

    fn count(&mut self, writing: bool) -> &mut u64 {
        if writing { &mut self.writers } else { &mut self.readers }
    }

    fn rights(self) -> c_uint {
        match self {
            Self { writers: 1.., .. } => PKEY_UNRESTRICTED,
            Self { readers: 1.., .. } => PKEY_DISABLE_WRITE,
            _ => PKEY_DISABLE_ACCESS,
        }
    }
}

/// The kernel says `ENOSPC` when there are no more keys, and some kernels also when there are none at all.
#[cold]
fn allocation_fault(errno: Errno) -> Error {
    match errno {
        Errno::NOSPC if processor_has_keys() => {
            Error::new("pkey_alloc", errno).because("all protection keys of the process are in use")
        }
        Errno::NOSPC | Errno::INVAL | Errno::NOSYS => {
            unsupported("pkey_alloc", errno, "this processor, or this kernel on it, has no protection keys")
        }
        _ => Error::new("pkey_alloc", errno),
    }
}

#[cold]
fn unsupported(call: &'static str, errno: Errno, reason: &'static str) -> Error {
    Error::new(call, errno).kind_of(ErrorKind::Unsupported).because(reason)
}

/// Whether the kernel shows that it uses the feature: `ospke` on x86-64, `poe` on aarch64.
fn processor_has_keys() -> bool {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.split_ascii_whitespace().any(|feature| matches!(feature, "ospke" | "poe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_access_held_decides() {
        let rights = |readers, writers| Held { serial: 1, readers, writers }.rights();
        assert_eq!(rights(0, 0), PKEY_DISABLE_ACCESS);
        assert_eq!(rights(2, 0), PKEY_DISABLE_WRITE);
        assert_eq!(rights(0, 1), PKEY_UNRESTRICTED);
        assert_eq!(rights(1, 1), PKEY_UNRESTRICTED);
    }

    #[test]
    fn what_the_kernel_refuses_is_said_in_words() {
        for errno in [Errno::INVAL, Errno::NOSYS] {
            let error = allocation_fault(errno);
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Unsupported, Some(errno)));
            assert!(error.to_string().ends_with("this processor, or this kernel on it, has no protection keys"));
        }
        let full = allocation_fault(Errno::NOSPC);
        let expected = if processor_has_keys() { ErrorKind::LimitReached } else { ErrorKind::Unsupported };
        assert_eq!(full.kind(), expected);
    }
}
