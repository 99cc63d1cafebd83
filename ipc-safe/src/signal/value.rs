//! The value that goes with a signal.

use core::fmt;

/// What a sender gives along with a signal: an `int` or an address, as C has it. To this crate it is 64 bits.
///
/// A sender that gives an `int` leaves the upper half as it happens to be: [`as_i32`](Self::as_i32) reads the part that
/// counts. An address is of use within one process only, and never trusted here.
///
/// ```
/// use ipc_safe::signal::Value;
///
/// assert_eq!(Value::from(-7).as_i32(), -7);
/// assert_eq!(Value::from(1_u64 << 40).as_u64(), 1 << 40);
/// ```
///
/// [sigqueue(3)](https://man7.org/linux/man-pages/man3/sigqueue.3.html)
#[doc(alias = "sigval")]
#[doc(alias = "sigval_t")]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Value(u64);

impl Value {
    /// The value as `int`: `sival_int`.
    #[doc(alias = "sival_int")]
    #[doc(alias = "si_int")]
    #[must_use]
    pub const fn as_i32(self) -> i32 {
        // The lower half: the targets of this crate are little endian.
        (self.0 as u32).cast_signed()
    }

    /// All 64 bits, where C has an address: `sival_ptr`.
    #[doc(alias = "sival_ptr")]
    #[doc(alias = "si_ptr")]
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self(number.cast_unsigned().into())
    }
}

impl From<u64> for Value {
    fn from(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:#x})", self.0)
    }
}
