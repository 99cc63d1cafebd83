//! Sets of signals.

use super::Signal;
use core::fmt;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Not, Sub, SubAssign};

/// A set of signals: 64 bits, one a signal, as the kernel has them.
///
/// ```
/// use ipc_safe::signal::{Signal, SignalSet};
///
/// let ends = SignalSet::from([Signal::INT, Signal::TERM, Signal::HUP]);
/// assert!(ends.contains(Signal::TERM));
/// assert_eq!((ends - Signal::INT.into()).to_string(), "{SIGHUP, SIGTERM}");
/// assert_eq!(ends & !ends, SignalSet::empty());
/// ```
///
/// [sigsetops(3)](https://man7.org/linux/man-pages/man3/sigsetops.3.html)
#[doc(alias = "sigset_t")]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SignalSet(u64);

/// The bits of the signals 32 and 33, which belong to the C library.
const RESERVED: u64 = 0b11 << 31;

impl SignalSet {
    /// No signal.
    #[doc(alias = "sigemptyset")]
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// All signals that a program may use: 32 and 33 are not among them.
    #[doc(alias = "sigfillset")]
    #[must_use]
    pub const fn all() -> Self {
        Self(!RESERVED)
    }

    /// The standard signals, 1 to 31.
    #[must_use]
    pub const fn standard() -> Self {
        Self((RESERVED & RESERVED.wrapping_neg()) - 1)
    }

    /// The real-time signals.
    #[must_use]
    pub const fn real_time() -> Self {
        Self(Self::all().0 & !Self::standard().0)
    }

    /// The set of a mask as the kernel has it, where bit 0 stands for signal 1: `/proc/PID/status` prints such masks. Bits of
    /// 32 and 33 are kept, and count in comparisons, although no [`Signal`] stands for them.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The mask as the kernel has it, where bit 0 stands for signal 1.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    const fn bit(signal: Signal) -> u64 {
        1 << (signal.as_raw() - 1)
    }

    /// Adds a signal; whether it was not there before.
    #[doc(alias = "sigaddset")]
    pub const fn insert(&mut self, signal: Signal) -> bool {
        let is_new = !self.contains(signal);
        self.0 |= Self::bit(signal);
        is_new
    }

    /// Takes a signal out; whether it was there.
    #[doc(alias = "sigdelset")]
    pub const fn remove(&mut self, signal: Signal) -> bool {
        let was_there = self.contains(signal);
        self.0 &= !Self::bit(signal);
        was_there
    }

    /// Whether the signal is in the set.
    #[doc(alias = "sigismember")]
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// Whether all signals of `other` are in this set.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The number of signals.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    #[doc(alias = "sigisemptyset")]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The signals in the order of their numbers.
    pub const fn iter(self) -> Signals {
        Signals(self.0)
    }

    /// Without those that no mask can hold, and those that are not the program's.
    pub(super) const fn maskable(self) -> Self {
        Self(self.0 & !(RESERVED | Self::bit(Signal::KILL) | Self::bit(Signal::STOP)))
    }
}

/// The signals of a [`SignalSet`], in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Signals(u64);

impl Iterator for Signals {
    type Item = Signal;

    #[inline]
    fn next(&mut self) -> Option<Signal> {
        while self.0 != 0 {
            let raw = self.0.trailing_zeros() + 1;
            self.0 &= self.0 - 1;
            // 32 and 33 are passed over.
            if let Some(signal) = raw.try_into().ok().and_then(Signal::try_from_raw) {
                return Some(signal);
            }
        }
        None
    }
}

impl core::iter::FusedIterator for Signals {}

impl IntoIterator for SignalSet {
    type Item = Signal;
    type IntoIter = Signals;

    fn into_iter(self) -> Signals {
        self.iter()
    }
}

impl Extend<Signal> for SignalSet {
    fn extend<I: IntoIterator<Item = Signal>>(&mut self, signals: I) {
        for signal in signals {
            self.insert(signal);
        }
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        let mut set = Self::empty();
        set.extend(signals);
        set
    }
}

impl<const N: usize> From<[Signal; N]> for SignalSet {
    fn from(signals: [Signal; N]) -> Self {
        signals.into_iter().collect()
    }
}

impl From<Signal> for SignalSet {
    fn from(signal: Signal) -> Self {
        Self(Self::bit(signal))
    }
}

/// The union.
impl BitOr for SignalSet {
    type Output = Self;

    #[doc(alias = "sigorset")]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The intersection.
impl BitAnd for SignalSet {
    type Output = Self;

    #[doc(alias = "sigandset")]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What is in one of the two only.
impl BitXor for SignalSet {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

/// What is in this set and not in the other.
impl Sub for SignalSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// All other signals that a program may use.
impl Not for SignalSet {
    type Output = Self;

    fn not(self) -> Self {
        Self::all() - self
    }
}

impl BitOrAssign for SignalSet {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAndAssign for SignalSet {
    fn bitand_assign(&mut self, other: Self) {
        *self = *self & other;
    }
}

impl BitXorAssign for SignalSet {
    fn bitxor_assign(&mut self, other: Self) {
        *self = *self ^ other;
    }
}

impl SubAssign for SignalSet {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// The names: `{SIGINT, SIGTERM}`.
impl fmt::Display for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        f.write_str("{")?;
        for signal in self.iter() {
            write!(f, "{separator}{signal}")?;
            separator = ", ";
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_and_real_time_make_up_all() {
        assert_eq!(SignalSet::standard().len(), 31);
        assert_eq!(SignalSet::real_time().len(), 31);
        assert_eq!(SignalSet::standard() | SignalSet::real_time(), SignalSet::all());
        assert!(SignalSet::all().iter().all(|signal| signal.is_real_time() == SignalSet::real_time().contains(signal)));
    }

    #[test]
    fn all_64_bits_count_in_comparisons() {
        assert_ne!(SignalSet::from_bits(1 << 31), SignalSet::empty());
        assert_ne!(SignalSet::from_bits(1 << 63), SignalSet::empty());
        assert_eq!(SignalSet::from_bits(1 << 31).iter().next(), None);
    }
}
