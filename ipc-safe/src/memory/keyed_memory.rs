//! Memory with a protection key.

use super::mapping::Mapping;
use super::protection::{Protection, Readable, Rights, Writable};
use super::protection_key::{Keyable, ProtectionKey};
use crate::error::{Error, Rejected, Result};
use crate::shared::{Access, Plain, ReadOnly, ReadWrite, SharedBytes};
use core::fmt;
use core::marker::PhantomData;

/// The key of memory that nobody gave one: every thread has all rights to it.
const NO_KEY: i32 = 0;

/// Memory that has a [`ProtectionKey`], unmapped when dropped: out of reach but for who holds a [`KeyedAccess`].
#[must_use = "the memory is unmapped when this value is dropped"]
pub struct KeyedMemory<B: Keyable, P: Protection> {
    // The order in which they go: the key is given back when no memory has it.
    memory: Mapping<B, P>,
    key: ProtectionKey,
}

impl<B: Keyable, P: Protection> KeyedMemory<B, P> {
    pub(super) fn new(memory: Mapping<B, P>, key: ProtectionKey) -> Result<Self, Rejected<Mapping<B, P>>> {
        match switch_key(&memory, NO_KEY, key.number()) {
            Ok(()) => Ok(Self { memory, key }),
            Err(error) => Err(Rejected::new(memory, error)),
        }
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.memory.len()
    }

    /// Never: a mapping has at least one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// The address of the first byte, for calls that take raw pointers.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.memory.as_ptr()
    }

    /// The key it has.
    #[must_use]
    pub const fn key(&self) -> &ProtectionKey {
        &self.key
    }

    /// Takes the key away: the memory is as it was before, with what was written.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory) with too many mappings; the memory comes back with the key.
    #[doc(alias = "pkey_mprotect")]
    pub fn release(self) -> Result<Mapping<B, P>, Rejected<Self>> {
        match switch_key(&self.memory, self.key.number(), NO_KEY) {
            Ok(()) => Ok(self.memory),
            Err(error) => Err(Rejected::new(self, error)),
        }
    }

    /// The guard, with the rights of its kind.
    #[expect(unsafe_code, reason = "makes a view of the memory")]
    fn access<A: Access + Rights>(&self) -> Result<KeyedAccess<'_, A>> {
        self.key.hold(KeyedAccess::<A>::WRITES)?;
        // SAFETY: the bytes are mapped, and stay so while `self` is borrowed, with a protection that allows what `A` does
        // (the callers' bounds), and are accessed as atomic bytes only. The key lets this thread do it from here until the
        // guard is dropped; the view stays in the guard, and the guard in the thread.
        let bytes = unsafe { SharedBytes::from_raw(self.memory.mapped().start(), self.len()) };
        Ok(KeyedAccess { bytes, key: &self.key, thread: PhantomData })
    }
}

impl<B: Keyable, P: Protection + Readable> KeyedMemory<B, P> {
    /// Lets this thread read the memory, and all other memory with the key, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// That of the call, which has no reason to fail.
    #[doc(alias = "pkey_set")]
    pub fn read_access(&self) -> Result<KeyedAccess<'_, ReadOnly>> {
        self.access()
    }
}

impl<B: Keyable, P: Protection + Writable> KeyedMemory<B, P> {
    /// Lets this thread read and write the memory, and all other memory with the key, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// As [`read_access`](Self::read_access).
    #[doc(alias = "pkey_set")]
    pub fn write_access(&self) -> Result<KeyedAccess<'_, ReadWrite>> {
        self.access()
    }
}

/// Gives memory that has one key another, with the same protection.
#[expect(unsafe_code, reason = "changes the access to the memory")]
fn switch_key<B: Keyable, P: Protection>(memory: &Mapping<B, P>, from: i32, to: i32) -> Result<()> {
    let mapped = memory.mapped();
    // SAFETY: the caller owns the mapping, and no guard borrows it: no reference into the memory is left.
    let result = unsafe { mapped.protect_with_key(P::PROTECTION, to) };
    result.map_err(|errno| {
        // SAFETY: as above. A range that changed in part gets back what it had; should that fail, accesses fault where the
        // type allows them, which no kernel does: the old key needs no more mappings than the new one.
        let _ = unsafe { mapped.protect_with_key(P::PROTECTION, from) };
        Error::new("pkey_mprotect", errno).about(format!("{} bytes, key {to}", memory.len()))
    })
}

impl<B: Keyable, P: Protection> fmt::Debug for KeyedMemory<B, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedMemory").field("memory", &self.memory).field("key", &self.key).finish()
    }
}

/// The right of this thread to the memory of a [`ProtectionKey`], until it is dropped, and the way to one piece of it.
///
/// Guards may be nested and dropped in any order: the thread has the rights of the strongest one left. A guard stays in its
/// thread, since no other has its rights, and what it reads and writes are the caller's own buffers: a slice of the memory
/// would be a `&[u8]` like others, which may be lent to any thread.
#[must_use = "the rights are gone when this value is dropped"]
pub struct KeyedAccess<'a, A: Access + Rights> {
    bytes: SharedBytes<'a, A>,
    key: &'a ProtectionKey,
    /// Neither `Send` nor `Sync`.
    thread: PhantomData<*const ()>,
}

impl<A: Access + Rights> KeyedAccess<'_, A> {
    const WRITES: bool = A::PROTECTION & ipc_sys::mman::PROT_WRITE != 0;

    /// The length of the memory in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a mapping has at least one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Copies `target.len()` bytes from `offset` into `target`.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when the range leaves the memory; nothing is copied.
    pub fn read(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        self.bytes.read(offset, target)
    }

    /// A copy of the value whose bytes start at `offset`.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when the value leaves the memory.
    pub fn load<V: Plain>(&self, offset: usize) -> Result<V> {
        self.bytes.load(offset)
    }

    /// A copy of all bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// The bytes as a slice.
    ///
    /// # Safety
    ///
    /// While the slice lives, nobody writes the bytes, and no other thread and no signal handler of this one uses it: without
    /// the rights, an access is a signal.
    #[must_use]
    #[expect(unsafe_code, reason = "a door for those who know who uses the slice")]
    pub const unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: nobody writes the bytes while the slice lives, the caller says.
        unsafe { self.bytes.as_slice() }
    }
}

impl KeyedAccess<'_, ReadWrite> {
    /// Copies `source` to `offset`.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when the range leaves the memory; nothing is written.
    pub fn write(&self, offset: usize, source: &[u8]) -> Result<()> {
        self.bytes.write(offset, source)
    }

    /// Copies the bytes of `value` to `offset`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn store<V: Plain>(&self, offset: usize, value: &V) -> Result<()> {
        self.bytes.store(offset, value)
    }

    /// Sets every byte to `value`.
    pub fn fill(&self, value: u8) {
        self.bytes.fill(value);
    }

    /// The bytes as a slice that may be written.
    ///
    /// # Safety
    ///
    /// While the slice lives, nobody else accesses the bytes, through other guards or in other processes, and no other thread
    /// and no signal handler of this one uses it: without the rights, an access is a signal.
    #[must_use]
    #[expect(unsafe_code, reason = "a door for those who know who uses the slice")]
    pub const unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: nobody else accesses the bytes while the slice lives, the caller says.
        unsafe { self.bytes.as_mut_slice() }
    }
}

impl<A: Access + Rights> Drop for KeyedAccess<'_, A> {
    fn drop(&mut self) {
        self.key.let_go(Self::WRITES);
    }
}

impl<A: Access + Rights> fmt::Debug for KeyedAccess<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedAccess").field("bytes", &self.bytes).field("key", self.key).finish()
    }
}
