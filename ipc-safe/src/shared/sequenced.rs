//! A plain value that readers always see whole.

use super::copy;
use super::plain::Plain;
use super::shm_safe::{ShmSafe, layout_of_field};
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering, fence};

/// One plain value in shared memory that is read and replaced as a whole: a sequence number and two slots.
///
/// The number says which slot holds the value; a writer fills the other one and then counts up. So a writer that is killed
/// half way leaves the last value readable, and a reader never waits for a writer: it takes another look when the number
/// changed, and gives up with [`Busy`] after [`ATTEMPTS`](Self::ATTEMPTS) looks.
///
/// One writer at a time: several agree through a lock. Writers that do not may leave a mixed value, which is garbage and not
/// undefined (every bit pattern of a [`Plain`] value is one). All-zero memory holds the value whose bytes are zero.
///
/// ```
/// use ipc_safe::shared::{Sequenced, Shared};
/// use ipc_safe::sysv::Segment;
///
/// let attachment = Segment::private(4096)?.attach()?;
/// let position = Shared::<Sequenced<[f64; 2]>, _>::bare(attachment)?;
/// position.write(&[1.0, 2.0]);
/// assert_eq!(position.read().unwrap(), [1.0, 2.0]);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[repr(C, align(8))]
pub struct Sequenced<P: Plain> {
    version: AtomicU64,
    slots: [UnsafeCell<MaybeUninit<P>>; 2],
}

/// The value changed under each of a reader's looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value changed during every one of the reader's looks; read again")]
pub struct Busy;

#[expect(unsafe_code, reason = "the slots are accessed as atomic bytes only")]
// SAFETY: the slots are only accessed by `copy`, as relaxed atomic bytes, from any number of threads; `P` is nothing but
// bytes.
unsafe impl<P: Plain> Sync for Sequenced<P> {}
#[expect(unsafe_code, reason = "the slots are accessed as atomic bytes only")]
// SAFETY: `P` is nothing but bytes.
unsafe impl<P: Plain> Send for Sequenced<P> {}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)`; no pointers, no `Drop` (`P` is `FromBytes`, checked by `LAYOUT`); every bit pattern valid; every byte of
// the version is in an atomic; the slots and the padding are never accessed other than by `copy`: through `&Sequenced` the
// compiler may assume nothing about them, because the slots are `UnsafeCell`s, and for padding it never does.
unsafe impl<P: Plain + 'static> ShmSafe for Sequenced<P> {
    const LAYOUT: u64 = {
        assert!(align_of::<P>() <= 64, "a value in shared memory is aligned to at most 64");
        assert!(!core::mem::needs_drop::<P>(), "a value in shared memory has no Drop");
        layout_of_field(layout_of_field(1, "Sequenced", size_of::<P>() as u64), "align", align_of::<P>() as u64)
    };
}

impl<P: Plain + Default> Default for Sequenced<P> {
    fn default() -> Self {
        Self::new(P::default())
    }
}

impl<P: Plain> Sequenced<P> {
    /// How often a reader looks before it gives up.
    pub const ATTEMPTS: u32 = 64;

    /// A cell that holds `value`, in private memory.
    #[must_use]
    pub const fn new(value: P) -> Self {
        Self {
            version: AtomicU64::new(0),
            slots: [UnsafeCell::new(MaybeUninit::new(value)), UnsafeCell::new(MaybeUninit::zeroed())],
        }
    }

    /// A copy of the value.
    ///
    /// # Errors
    ///
    /// [`Busy`] when writers replaced it during each of [`ATTEMPTS`](Self::ATTEMPTS) looks.
    pub fn read(&self) -> Result<P, Busy> {
        for _ in 0..Self::ATTEMPTS {
            if let Some(value) = self.look() {
                return Ok(value);
            }
            core::hint::spin_loop();
        }
        Err(Busy)
    }

    /// One look: the value, unless the version changed meanwhile.
    #[expect(unsafe_code, reason = "copies the slot out")]
    fn look(&self) -> Option<P> {
        let before = self.version();
        let mut value = MaybeUninit::<P>::uninit();
        // SAFETY: the slot is inside `self`, readable as atomic bytes; `value` has its size.
        unsafe { copy::read(self.slot(before).cast(), value.as_mut_ptr().cast(), size_of::<P>()) };
        // `copy::read` ends with an acquire fence, so this load comes after the copy.
        if self.version.load(Ordering::Relaxed) != before {
            return None;
        }
        // SAFETY: all bytes are written, and for a `FromBytes` type any bytes are a value.
        Some(unsafe { value.assume_init() })
    }

    /// Replaces the value. Never waits.
    #[expect(unsafe_code, reason = "copies the slot in")]
    pub fn write(&self, value: &P) {
        let next = self.version.load(Ordering::Relaxed).wrapping_add(1);
        // The slot of `next` was last in use under the version before the present one. A reader that sees our bytes there
        // must see the present version too: `copy::write` begins with a release fence.
        // SAFETY: the slot is inside `self`, writable as atomic bytes; `value` is borrowed and has its size.
        unsafe { copy::write(value.as_bytes().as_ptr(), self.slot(next).cast(), size_of::<P>()) };
        self.version.store(next, Ordering::Release);
    }

    /// How often the value was replaced.
    #[must_use]
    pub fn version(&self) -> u64 {
        // Not an acquire load: of loads from read-only memory, where such a cell may lie, std promises only the relaxed ones.
        let version = self.version.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        version
    }

    /// The slot that a version picks.
    fn slot(&self, version: u64) -> *mut MaybeUninit<P> {
        self.slots[usize::from(version & 1 == 1)].get()
    }
}

impl<P: Plain> fmt::Debug for Sequenced<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequenced").field("version", &self.version()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn zero_bytes_are_the_zero_value() {
        let cell = Sequenced::new(0_u64);
        assert_eq!(cell.read(), Ok(0));
        assert_eq!(cell.version(), 0);
    }

    #[test]
    fn a_half_written_value_is_never_seen() {
        let cell = Sequenced::new([0_u64; 32]);
        cell.write(&[7; 32]);
        // What a writer killed half way leaves: the other slot scribbled, the version not counted up.
        #[expect(unsafe_code, reason = "scribbles as a dying writer does")]
        // SAFETY: the slot is ours, and no other thread looks at it here.
        unsafe {
            copy::fill(cell.slot(0).cast(), 0xff, 100);
        }
        assert_eq!(cell.read(), Ok([7; 32]));
        cell.write(&[8; 32]);
        assert_eq!(cell.read(), Ok([8; 32]));
    }

    #[test]
    fn readers_see_whole_values_while_a_writer_writes() {
        const ROUNDS: u64 = if cfg!(miri) { 50 } else { 200_000 };
        let cell = Sequenced::new([0_u64; 16]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    cell.write(&[round; 16]);
                }
                done.store(true, Ordering::Release);
            });
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                if let Ok(value) = cell.read() {
                    assert!(value.iter().all(|&word| word == value[0]), "torn: {value:?}");
                    assert!(value[0] >= last, "went back from {last} to {}", value[0]);
                    last = value[0];
                }
            }
        });
        assert_eq!(cell.read(), Ok([ROUNDS; 16]));
    }
}
