//! What both ends have in common: the claim, the wait, the wake-up, and the way to go.

use super::barrier::{Barrier, Membarrier};
use super::bells::{self, Bells};
use super::claim::{Claim, Holder};
use super::header::{Desk, Header};
use super::raw::Area;
use super::ring::{Nonsense, SLEEPS};
use super::ring::{POLLS, Reading, Writing, receiver_is_due, sender_is_due, waits_for, wake};
use super::seats;
use super::waiting::{Fault, Patience, Sleeper, Waiting};
use crate::error::{Errno, Error, ErrorKind, Rejected, Result, keeping_errno};
use crate::process::{Generation, Pid};
use crate::shared::{ReadWrite, Region, SharedBytes};
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering, fence};
use rustix::fd::BorrowedFd;

/// Which side of a channel.
pub(super) trait Side {
    const NAME: &'static str;
    fn own(header: &Header) -> &Desk;
    fn peer(header: &Header) -> &Desk;
    fn own_bell(bells: &Bells) -> BorrowedFd<'_>;
    fn peer_bell(bells: &Bells) -> BorrowedFd<'_>;
    /// Whether the other side is not there any more. That it let go shows at once, that it died only when asked.
    fn is_peer_gone(header: &Header, ask: bool) -> bool;
}

#[derive(Debug)]
pub(super) enum Sending {}
#[derive(Debug)]
pub(super) enum Receiving {}

impl Side for Sending {
    const NAME: &'static str = "sending";
    #[inline]
    fn own(header: &Header) -> &Desk {
        &header.sender
    }
    #[inline]
    fn peer(header: &Header) -> &Desk {
        &header.receiver
    }
    fn own_bell(bells: &Bells) -> BorrowedFd<'_> {
        bells.of_sender()
    }
    fn peer_bell(bells: &Bells) -> BorrowedFd<'_> {
        bells.of_receiver()
    }
    #[inline]
    fn is_peer_gone(header: &Header, ask: bool) -> bool {
        is_gone(&header.receiver, ask)
    }
}

impl Side for Receiving {
    const NAME: &'static str = "receiving";
    #[inline]
    fn own(header: &Header) -> &Desk {
        &header.receiver
    }
    #[inline]
    fn peer(header: &Header) -> &Desk {
        &header.sender
    }
    fn own_bell(bells: &Bells) -> BorrowedFd<'_> {
        bells.of_receiver()
    }
    fn peer_bell(bells: &Bells) -> BorrowedFd<'_> {
        bells.of_sender()
    }
    #[inline]
    fn is_peer_gone(header: &Header, ask: bool) -> bool {
        if header.shared.load(Ordering::Relaxed) == 0 {
            is_gone(&header.sender, ask)
        } else {
            seats::are_left(&header.senders, ask)
        }
    }
}

/// One end of a channel, which this process has claimed; given back when dropped, in the process that claimed it.
pub(super) struct End<R: Region<Access = ReadWrite>, S: Side> {
    area: Area<R>,
    claim: Claim,
    generation: Generation,
    barrier: Membarrier,
    patience: Patience,
    /// The other side wrote nonsense.
    corrupt: bool,
    side: PhantomData<fn() -> S>,
}

impl<R: Region<Access = ReadWrite>, S: Side> End<R, S> {
    /// Claims an end that no living process has, and finds out where it stands.
    pub(super) fn claim<T>(
        call: &'static str,
        area: Area<R>,
        resume: impl FnOnce(&Header) -> Result<T, Nonsense>,
    ) -> Result<(Self, T), Rejected<Area<R>>> {
        let desk = S::own(area.header());
        let claimed = Claim::of_process().and_then(|mine| Ok((mine, claim(call, desk, mine, S::NAME)?)));
        let (mine, before) = match claimed {
            Ok(claims) => claims,
            Err(error) => return Err(Rejected::new(area, error)),
        };
        let ring = match resume(area.header()) {
            Ok(ring) => ring,
            Err(nonsense) => {
                // As it was. It is no matter when a foe was faster.
                let _ = desk.claim.compare_exchange(mine.word(), before.word(), Ordering::AcqRel, Ordering::Relaxed);
                return Err(Rejected::new(area, error(call, nonsense.into())));
            }
        };
        let end = Self {
            area,
            claim: mine,
            generation: Generation::current(),
            barrier: Membarrier::new(),
            patience: Patience::new(),
            corrupt: false,
            side: PhantomData,
        };
        Ok((end, ring))
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        self.area.header()
    }

    /// The ring, and whatever the region has behind it.
    #[inline]
    pub(super) fn bytes(&self) -> SharedBytes<'_> {
        self.area.bytes()
    }

    /// That this process claimed the end, and that the other side was never caught writing nonsense.
    #[inline]
    pub(super) fn check(&self, call: &'static str) -> Result<()> {
        if self.corrupt || !self.is_ours() { Err(self.refusal(call)) } else { Ok(()) }
    }

    #[cold]
    fn refusal(&self, call: &'static str) -> Error {
        self.generation.check(call).err().unwrap_or_else(|| error(call, Fault::Corrupt))
    }

    /// Whether this process claimed the end, and did not inherit it.
    #[inline]
    pub(super) fn is_ours(&self) -> bool {
        self.generation.is_current()
    }

    /// The error of a fault, which is remembered when it is for good.
    #[cold]
    pub(super) fn fault(&mut self, call: &'static str, fault: impl Into<Fault>) -> Error {
        let fault = fault.into();
        self.corrupt |= fault == Fault::Corrupt;
        error(call, fault)
    }

    pub(super) const fn waiting(&self) -> Waiting {
        self.patience.waiting
    }

    pub(super) const fn set_waiting(&mut self, waiting: Waiting) {
        self.patience.waiting = waiting;
    }

    /// The process that has the other end, if a living one has it.
    pub(super) fn peer(&self) -> Option<Pid> {
        let claim = Claim::from_word(S::peer(self.header()).claim.load(Ordering::Acquire));
        let id = i32::try_from(claim.id()).ok()?;
        if claim.holder() == Holder::Present { Pid::from_raw(id) } else { None }
    }

    /// Whether the other side let go of its end.
    #[inline]
    pub(super) fn peer_left(&self) -> bool {
        S::is_peer_gone(self.header(), false)
    }

    /// Wakes the other side, which said that it waits.
    #[cold]
    fn wake_peer(&self) {
        wake_peer::<R, S>(&self.area);
    }

    /// The descriptor that becomes readable after [`arm`](Self::arm).
    pub(super) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.area.bells.as_ref().map(S::own_bell)
    }

    /// Says that this side waits on its descriptor, until it is woken that way.
    fn arm(&self, call: &'static str, mark: u32) -> Result<()> {
        let Some(bell) = self.bell() else {
            return Err(Error::invalid(call, "the channel was opened without bells").without_errno());
        };
        bells::silence(bell);
        S::own(self.header()).waits.store(mark | POLLS, Ordering::Relaxed);
        if self.barrier.before_sleep() {
            return Ok(());
        }
        let error = Error::new(call, Errno::from_raw(libc::EOPNOTSUPP)).without_errno();
        Err(error.kind_of(ErrorKind::Unsupported).because("without membarrier(2) the other side could miss it"))
    }

    /// Takes that back.
    fn disarm(&self) {
        S::own(self.header()).waits.store(0, Ordering::Relaxed);
    }
}

impl<R: Region<Access = ReadWrite>> End<R, Sending> {
    /// Waits until there is room for so much.
    #[inline]
    pub(super) fn room(&mut self, ring: &mut Writing, wanted: u32, wait: Wait) -> Result<(), Fault> {
        if ring.has_room(&self.header().head.word, wanted)? { Ok(()) } else { self.wait_for_room(ring, wanted, wait) }
    }

    #[cold]
    fn wait_for_room(&mut self, ring: &mut Writing, wanted: u32, wait: Wait) -> Result<(), Fault> {
        let Self { area, patience, barrier, .. } = self;
        let header = area.header();
        let mark = waits_for(wanted, ring.geometry());
        let sleeper = Sleeper { waits: &header.sender.waits, mark, barrier, patience };
        let room = || Ok(ring.has_room(&header.head.word, wanted)?.then_some(()));
        sleeper.wait(wait, room, |ask| Sending::is_peer_gone(header, ask))
    }

    /// Makes the descriptor tell when there is room for so much. False when there is, or the receiver left.
    pub(super) fn arm_for(&mut self, ring: &mut Writing, wanted: u32, call: &'static str) -> Result<bool> {
        self.arm(call, waits_for(wanted, ring.geometry()) & !SLEEPS)?;
        match ring.has_room(&self.header().head.word, wanted) {
            Ok(false) if !self.peer_left() => return Ok(true),
            Ok(_) => self.disarm(),
            Err(nonsense) => return Err(self.fault(call, nonsense)),
        }
        Ok(false)
    }

    /// Shows the receiver what is written.
    #[inline]
    pub(super) fn publish(&self, ring: &Writing) {
        let header = self.header();
        ring.publish(&header.tail.word);
        if receiver_is_due(&header.receiver.waits, &self.barrier) {
            self.wake_peer();
        }
    }
}

impl<R: Region<Access = ReadWrite>> End<R, Receiving> {
    /// Waits until there is something.
    #[inline]
    pub(super) fn something(&mut self, ring: &mut Reading, wait: Wait) -> Result<u32, Fault> {
        match ring.look(&self.header().tail.word)? {
            0 => self.wait_for_something(ring, wait),
            ready => Ok(ready),
        }
    }

    #[cold]
    fn wait_for_something(&mut self, ring: &mut Reading, wait: Wait) -> Result<u32, Fault> {
        let Self { area, patience, barrier, .. } = self;
        let header = area.header();
        let sleeper = Sleeper { waits: &header.receiver.waits, mark: SLEEPS, barrier, patience };
        let something = || Ok(Some(ring.look(&header.tail.word)?).filter(|&ready| ready > 0));
        sleeper.wait(wait, something, |ask| Receiving::is_peer_gone(header, ask))
    }

    /// Makes the descriptor tell when there is something. False when there is, or the sender left.
    pub(super) fn arm_for(&mut self, ring: &mut Reading, call: &'static str) -> Result<bool> {
        self.arm(call, 0)?;
        match ring.look(&self.header().tail.word) {
            Ok(0) if !self.peer_left() => return Ok(true),
            Ok(_) => self.disarm(),
            Err(nonsense) => return Err(self.fault(call, nonsense)),
        }
        Ok(false)
    }

    /// Gives the sender the room of what is read.
    #[inline]
    pub(super) fn publish(&self, ring: &Reading) {
        let header = self.header();
        ring.publish(&header.head.word);
        if sender_is_due(&header.sender.waits, ring, &header.tail.word, &self.barrier) {
            self.wake_peer();
        }
    }
}

impl<R: Region<Access = ReadWrite>, S: Side> Drop for End<R, S> {
    fn drop(&mut self) {
        // In a forked child this is a copy of the parent's end.
        if !self.generation.is_current() {
            return;
        }
        let (mine, left) = (self.claim.word(), Claim::LEFT.word());
        let claim = &S::own(self.header()).claim;
        if claim.compare_exchange(mine, left, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            fence(Ordering::SeqCst);
            keeping_errno(|| self.wake_peer());
        }
    }
}

impl<R: Region<Access = ReadWrite>, S: Side> fmt::Debug for End<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(S::NAME)
            .field("waiting", &self.patience.waiting)
            .field("corrupt", &self.corrupt)
            .finish_non_exhaustive()
    }
}

impl From<Nonsense> for Fault {
    fn from(_: Nonsense) -> Self {
        Self::Corrupt
    }
}

/// Claims a desk that no living process has, and tells who had it.
fn claim(call: &'static str, desk: &Desk, mine: Claim, side: &'static str) -> Result<Claim> {
    /// How often others may be faster; then one of them has it, or the memory is written by a foe.
    const ATTEMPTS: usize = 64;
    let mut found = Claim::from_word(desk.claim.load(Ordering::Acquire));
    for _ in 0..ATTEMPTS {
        match take(&desk.claim, found, mine) {
            Ok(()) => {
                desk.waits.store(0, Ordering::Relaxed);
                return Ok(found);
            }
            Err(other) if other == found => break,
            Err(other) => found = other,
        }
    }
    let reason = format!("process {} has the {side} end", found.id());
    Err(Error::new(call, Errno::from_raw(libc::EBUSY))
        .without_errno()
        .kind_of(ErrorKind::AlreadyExists)
        .because(reason))
}

/// Exchanges the claim that was found for another one, when it is nobody's who lives; or tells which one is there.
pub(super) fn take(word: &AtomicU64, found: Claim, mine: Claim) -> Result<(), Claim> {
    if found.holder() == Holder::Present {
        return Err(found);
    }
    match word.compare_exchange(found.word(), mine.word(), Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(()),
        Err(other) => Err(Claim::from_word(other)),
    }
}

/// Whether the holder of this desk is not there any more. That it let go shows at once, that it died only when asked.
#[inline]
fn is_gone(desk: &Desk, ask: bool) -> bool {
    match Claim::from_word(desk.claim.load(Ordering::Acquire)) {
        Claim::LEFT => true,
        claim => ask && claim.holder() == Holder::Died,
    }
}

/// Wakes the other side, which said that it waits.
#[cold]
pub(super) fn wake_peer<R: Region<Access = ReadWrite>, S: Side>(area: &Area<R>) {
    let waited = wake(&S::peer(area.header()).waits);
    if waited & POLLS != 0
        && let Some(bells) = &area.bells
    {
        bells::ring(S::peer_bell(bells));
    }
}

/// What a fault is called.
#[cold]
pub(super) fn error(call: &'static str, fault: Fault) -> Error {
    match fault {
        Fault::Waited(errno) => Error::new(call, errno),
        Fault::Closed => Error::new(call, Errno::from_raw(libc::EPIPE)).without_errno(),
        Fault::Corrupt => Error::new(call, Errno::from_raw(0)).without_errno().kind_of(ErrorKind::Corrupt),
    }
}
