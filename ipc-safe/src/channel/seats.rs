//! Who the senders are, where several share a channel.

use super::claim::{Claim, Holder};
use super::end::take;
use super::header::Senders;
use core::sync::atomic::Ordering;

/// Takes a seat that no living process has, and tells which. `None` when there is none.
pub(super) fn sit(senders: &Senders, mine: Claim) -> Option<usize> {
    // First those that nobody has, which takes no look at a process.
    let found = |seat: usize| Claim::from_word(senders.seats[seat].load(Ordering::Acquire));
    let all = 0..senders.seats.len();
    let free =
        all.clone().find(|&seat| !found(seat).is_process() && take(&senders.seats[seat], found(seat), mine).is_ok());
    free.or_else(|| all.into_iter().find(|&seat| take(&senders.seats[seat], found(seat), mine).is_ok()))
}

/// Gives a seat back.
pub(super) fn rise(senders: &Senders, seat: usize, mine: Claim) {
    // When it is another one's, a foe wrote there.
    let (mine, left) = (mine.word(), Claim::LEFT.word());
    let _ = senders.seats[seat].compare_exchange(mine, left, Ordering::AcqRel, Ordering::Relaxed);
}

/// Whether there were senders and none is there any more. That they left shows at once, that they died only when asked.
pub(super) fn are_left(senders: &Senders, ask: bool) -> bool {
    let mut some = false;
    for seat in &senders.seats {
        let claim = Claim::from_word(seat.load(Ordering::Acquire));
        match claim {
            Claim::NOBODY => {}
            claim if claim.is_process() && !(ask && claim.holder() == Holder::Died) => return false,
            _ => some = true,
        }
    }
    some
}
