//! Who has an end of a channel.

use crate::error::Result;
use crate::process::{Identity, State};

/// Who has an end, in one word that can be compared and exchanged: the process id in the upper 22 bits, which is all that Linux
/// uses, and the clock tick at which it started (a hundred a second) in the lower 42.
///
/// Not by `exec`: a program that is replaced while it has an end still counts as its holder until the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim(u64);

const TICKS: u32 = 42;

/// What is known of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody had this end yet.
    Nobody,
    /// Who had it let go of it.
    Left,
    /// Who had it died.
    Died,
    /// A process that lives.
    Present,
}

impl Claim {
    /// Nobody had it yet: what zeroed memory says.
    pub(super) const NOBODY: Self = Self(0);
    /// Who had it let go.
    pub(super) const LEFT: Self = Self(1);

    /// The calling process. Fails when it cannot find out when it started, for want of a descriptor.
    pub(super) fn of_process() -> Result<Self> {
        let Identity { id, started } = Identity::of_process()?;
        Ok(Self(u64::from(id) << TICKS | started & ((1 << TICKS) - 1)))
    }

    #[inline]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(super) const fn word(self) -> u64 {
        self.0
    }

    /// The process id; 0 when it is no process.
    pub(super) const fn id(self) -> u32 {
        (self.0 >> TICKS) as u32
    }

    /// Whether that is a process, which may have died.
    pub(super) const fn is_process(self) -> bool {
        self.0 > Self::LEFT.0
    }

    /// Who that is, and whether it lives: a system call or two for a process.
    pub(super) fn holder(self) -> Holder {
        match self {
            Self::NOBODY => Holder::Nobody,
            Self::LEFT => Holder::Left,
            Self(word) => match (Identity { id: self.id(), started: word & ((1 << TICKS) - 1) }).process_state() {
                State::Alive => Holder::Present,
                State::Ended => Holder::Died,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_says_who_has_it() {
        let mine = Claim::of_process().unwrap();
        assert_eq!(mine.id(), std::process::id());
        assert_eq!(mine.holder(), Holder::Present);
        assert_eq!(Claim::from_word(mine.word() + 1).holder(), Holder::Died, "another start, another process");
        assert_eq!(Claim::NOBODY.holder(), Holder::Nobody);
        assert_eq!(Claim::LEFT.holder(), Holder::Left);
    }

    #[test]
    fn garbage_is_somebody_who_died() {
        for word in [2, 77, 1 << 41, u64::MAX, 0xffff_f000_0000_0001] {
            assert_eq!(Claim::from_word(word).holder(), Holder::Died, "{word:#x}");
        }
    }
}
