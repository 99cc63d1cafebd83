//! Several semaphore operations that happen as one.

use ipc_sys::ipc::IPC_NOWAIT;
use ipc_sys::sem::{SEM_UNDO, sembuf};

/// Operations on the semaphores of one set, applied in order and as one: all of them or none.
///
/// Built once, applied any number of times with [`SemaphoreSet::apply`](super::SemaphoreSet::apply); at most
/// `kernel.sem`'s third number (500) of them.
///
/// ```
/// use ipc_safe::sysv::{Operations, SemaphoreSet};
///
/// let set = SemaphoreSet::private(&[2, 0])?;
/// let transfer = Operations::new().subtract(0, 1).add(1, 1);
/// set.apply(&transfer)?;
/// set.apply(&transfer)?;
/// assert_eq!(set.values()?, [0, 2]);
/// assert!(set.try_apply(&transfer).unwrap_err().is_would_block());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [semop(2)](https://man7.org/linux/man-pages/man2/semop.2.html)
#[doc(alias = "sembuf")]
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Operations {
    list: Vec<sembuf>,
    /// The units of the first operation that cannot be: 0, or more than one operation moves.
    refused: Option<u16>,
}

impl Operations {
    /// No operations yet.
    pub const fn new() -> Self {
        Self { list: Vec::new(), refused: None }
    }

    /// Adds units to a semaphore and wakes who waits for them. From 1 to 32767; anything else makes the whole fail.
    pub fn add(self, index: u16, units: u16) -> Self {
        self.with_units(index, units, 1)
    }

    /// Waits until the semaphore has so many units and takes them. From 1 to 32767; anything else makes the whole fail.
    pub fn subtract(self, index: u16, units: u16) -> Self {
        self.with_units(index, units, -1)
    }

    /// Waits until the semaphore is zero.
    pub fn wait_zero(mut self, index: u16) -> Self {
        self.list.push(sembuf { sem_num: index, sem_op: 0, sem_flg: 0 });
        self
    }

    /// The operation added last is undone when the process ends.
    #[doc(alias = "SEM_UNDO")]
    pub fn undo(self) -> Self {
        self.with_flag(SEM_UNDO)
    }

    /// When the operation added last would have to wait, the whole fails with
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock).
    #[doc(alias = "IPC_NOWAIT")]
    pub fn no_wait(self) -> Self {
        self.with_flag(IPC_NOWAIT)
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn as_raw(&self) -> &[sembuf] {
        &self.list
    }

    /// Lends `body` the same, none of them waiting: on the stack up to a few, on the heap beyond.
    pub(super) fn without_waiting<T>(&self, body: impl FnOnce(&[sembuf]) -> T) -> T {
        const FEW: usize = 16;
        let mut few = [sembuf { sem_num: 0, sem_op: 0, sem_flg: 0 }; FEW];
        match few.get_mut(..self.list.len()) {
            Some(same) => {
                same.copy_from_slice(&self.list);
                same.iter_mut().for_each(|operation| *operation = no_wait(*operation));
                body(same)
            }
            None => body(&self.list.iter().map(|operation| no_wait(*operation)).collect::<Vec<_>>()),
        }
    }

    /// The units of the first operation that cannot be: 0, or more than one operation moves.
    pub(super) const fn refused(&self) -> Option<u16> {
        self.refused
    }

    fn with_units(mut self, index: u16, units: u16, sign: i16) -> Self {
        match change(index, units, sign, 0) {
            Some(operation) => self.list.push(operation),
            None => self.refused = self.refused.or(Some(units)),
        }
        self
    }

    fn with_flag(mut self, flag: i32) -> Self {
        if let Some(last) = self.list.last_mut() {
            *last = with_flag(*last, flag);
        }
        self
    }
}

/// The operation that moves units up (1) or down (-1); none for 0 units, which to the kernel is a wait for zero, and for more
/// than 32767.
#[inline]
pub(super) fn change(index: u16, units: u16, sign: i16, flag: i32) -> Option<sembuf> {
    let units = i16::try_from(units).ok().filter(|&units| units > 0)?;
    Some(with_flag(sembuf { sem_num: index, sem_op: sign * units, sem_flg: 0 }, flag))
}

/// `operation` with `flag`; the flags of a `sembuf` are a short.
pub(super) const fn with_flag(mut operation: sembuf, flag: i32) -> sembuf {
    operation.sem_flg |= flag as i16;
    operation
}

pub(super) const fn no_wait(operation: sembuf) -> sembuf {
    with_flag(operation, IPC_NOWAIT)
}
