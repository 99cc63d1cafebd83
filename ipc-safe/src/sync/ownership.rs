//! Who holds a robust lock: a futex word with priority inheritance, and what tells a dead owner from another thread with its id.

use super::word::timespec;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::{Identity, namespace};
use crate::wait::Wait;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use rustix::io;
use rustix::thread::futex::{self, Flags, Timespec};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The words of a robust lock. All zero: nobody holds it, nobody ever did.
#[repr(C)]
pub(super) struct Ownership {
    /// The owner's thread id, or 0, with the kernel's bits: somebody waits, the owner died.
    word: AtomicU32,
    /// Whether the data is consistent: [`CONSISTENT`], [`RECOVERING`], [`UNUSABLE`].
    state: AtomicU32,
    /// The owner's [`Mark`], written after the lock is taken and cleared before it is let go.
    mark: AtomicU64,
    /// The pid and time namespaces that the thread ids belong to; 0 before the first lock.
    namespace: AtomicU64,
}

pub(super) const CONSISTENT: u32 = 0;
const RECOVERING: u32 = 1;
const UNUSABLE: u32 = 2;

const SHARED: Flags = Flags::empty();
const ID: u32 = 0x3fff_ffff;

/// How long a waiter sleeps before it looks whether the owner's id belongs to another thread by now.
const SLICE: Duration = Duration::from_millis(100);
/// How long a waiter sleeps that the kernel refuses, because the lock was taken over from a dead owner whose id has come back
/// and others still sleep in its name. They wake up after a slice.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);
/// After so long a refusal, somebody else is at work.
const REFUSED_LIMIT: Duration = Duration::from_secs(2);
const SPINS: u32 = 100;

/// How the lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// From nobody, or from an owner who let go.
    Regular,
    /// From an owner who died, or one who did not finish the repair.
    OwnerDied,
}

/// A thread's id and the lower half of its start time. Both together tell it from others with its id.
///
/// While the word names an owner, the mark is that owner's; or nobody's, for the few instructions in which the lock is taken or
/// let go; or that of somebody who died; or that of one who is just taking the lock over. So a mark of a living thread says who
/// has the lock, or is about to have it, also where the kernel wrote somebody else into the word. Whoever takes a lock over
/// exchanges the mark first: of several who do, one succeeds, and no mark comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(u64);

impl Mark {
    const NONE: Self = Self(0);

    #[inline]
    const fn of(identity: Identity) -> Self {
        Self((identity.id as u64) << 32 | identity.started & 0xffff_ffff)
    }

    const fn id(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// 0 when it is not known.
    const fn started(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    /// Whether this is the mark of that thread. Where it is not known when one of them started, the id has to do.
    const fn is_of(self, identity: Identity) -> bool {
        let other = Self::of(identity);
        self.id() == other.id() && (self.started() == other.started() || self.started() == 0 || other.started() == 0)
    }

    /// Whether the thread of this mark lives. Not known means yes.
    fn is_alive(self) -> bool {
        is_alive_id(self.id()) && Identity::of_id(self.id()).is_none_or(|now| self.is_of(now))
    }

    /// Whether the owner that the word names is dead, and nobody is taking its place.
    fn leaves(self, owner: u32) -> bool {
        (self.id() == owner || !is_alive_id(owner)) && !self.is_alive()
    }
}

/// Whether some thread of this id lives: one that the kernel would let somebody wait for. Unlike `/proc` this takes no
/// descriptor, and it knows who is dead but not yet waited for.
fn is_alive_id(id: u32) -> bool {
    id & ID != 0 && futex::trylock_pi(&AtomicU32::new(id & ID), Flags::PRIVATE) != Err(io::Errno::SRCH)
}

impl Ownership {
    pub(super) const fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            state: AtomicU32::new(CONSISTENT),
            mark: AtomicU64::new(0),
            namespace: AtomicU64::new(0),
        }
    }

    /// Takes the lock.
    #[inline]
    pub(super) fn acquire(&self, wait: Wait) -> Result<Taken> {
        let me = Identity::of_thread();
        if self.namespace.load(Ordering::Relaxed) != namespace() {
            self.enter_namespace()?;
        }
        let taken = match self.word.compare_exchange(0, me.id, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Taken::Regular,
            Err(_) => self.acquire_contended(me, wait)?,
        };
        self.mark.store(Mark::of(me).0, Ordering::Relaxed);
        if taken == Taken::Regular && self.state.load(Ordering::Relaxed) == CONSISTENT {
            return Ok(taken);
        }
        self.settle()
    }

    /// Lets go of the lock. Only by the thread that took it.
    #[inline]
    pub(super) fn release(&self) {
        let me = Identity::of_thread().id;
        self.mark.store(Mark::NONE.0, Ordering::Relaxed);
        if self.word.compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.release_contended();
        }
    }

    /// The repair is done.
    pub(super) fn mark_consistent(&self) {
        self.state.store(CONSISTENT, Ordering::Relaxed);
    }

    /// The repair was given up: nobody gets the lock any more.
    pub(super) fn mark_unusable(&self) {
        self.state.store(UNUSABLE, Ordering::Relaxed);
    }

    /// Whether somebody holds it just now, dead or alive.
    pub(super) fn is_held(&self) -> bool {
        self.word.load(Ordering::Relaxed) & ID != 0
    }

    /// Thread ids mean something in one pid namespace, start times in one time namespace: those of the first who locks.
    #[cold]
    fn enter_namespace(&self) -> Result<()> {
        let ours = namespace();
        match self.namespace.compare_exchange(0, ours, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(theirs) if theirs == ours => Ok(()),
            Err(_) => Err(Error::new("lock", Errno::INVAL)
                .without_errno()
                .kind_of(ErrorKind::Unsupported)
                .because("the lock belongs to another pid or time namespace, where thread ids mean other threads")),
        }
    }

    /// After a death: the next one has to make the data consistent, unless somebody gave that up.
    #[cold]
    fn settle(&self) -> Result<Taken> {
        if self.state.load(Ordering::Relaxed) == UNUSABLE {
            self.release();
            return Err(Error::new("lock", Errno::from_raw(libc::ENOTRECOVERABLE)));
        }
        self.state.store(RECOVERING, Ordering::Relaxed);
        Ok(Taken::OwnerDied)
    }

    #[cold]
    fn acquire_contended(&self, me: Identity, wait: Wait) -> Result<Taken> {
        if self.spin(me, wait) {
            return Ok(Taken::Regular);
        }
        let mut refused_since = None;
        loop {
            let word = self.word.load(Ordering::Acquire);
            if word & ID == me.id {
                if self.inherit(me)? {
                    return Ok(Taken::OwnerDied);
                }
                pause(wait)?;
                continue;
            }
            let Err(errno) = self.ask_kernel(wait) else {
                match self.granted(me) {
                    Some(taken) => return Ok(taken),
                    None => {
                        out_of_time(wait)?;
                        continue;
                    }
                }
            };
            if errno != io::Errno::INVAL {
                refused_since = None;
            }
            match errno {
                // There is no such thread, or it is ending; or after the time of a slice, perhaps it is another one by now.
                io::Errno::SRCH | io::Errno::TIMEDOUT if self.succeed(word, me) => return Ok(Taken::OwnerDied),
                io::Errno::TIMEDOUT => out_of_time(wait)?,
                // Another one takes it over, or the word is another one meanwhile.
                io::Errno::SRCH | io::Errno::AGAIN => pause(wait)?,
                // The kernel's own record of the lock disagrees with the word: see REFUSED_PAUSE.
                io::Errno::INVAL => {
                    if refused_since.get_or_insert_with(Instant::now).elapsed() > REFUSED_LIMIT {
                        return Err(corrupt("the word is not what the kernel left there"));
                    }
                    pause(wait)?;
                }
                io::Errno::PERM => return Err(corrupt("the word names a thread of the kernel as the owner")),
                errno => return Err(Error::new("lock", Errno::from_raw(errno.raw_os_error()))),
            }
        }
    }

    /// Looks a few times whether the owner, on another processor, lets go.
    fn spin(&self, me: Identity, wait: Wait) -> bool {
        for _ in 0..if matches!(wait, Wait::No) { 0 } else { SPINS } {
            match self.word.load(Ordering::Relaxed) {
                0 if self.word.compare_exchange(0, me.id, Ordering::Acquire, Ordering::Relaxed).is_ok() => return true,
                word if word & futex::WAITERS != 0 => return false,
                _ => core::hint::spin_loop(),
            }
        }
        false
    }

    /// The word has the caller's own id: it holds the lock, or a thread that died did, and its id came to the caller. Tells
    /// whether the caller has it now.
    fn inherit(&self, me: Identity) -> Result<bool> {
        let before = Mark(self.mark.load(Ordering::Relaxed));
        if before.is_of(me) {
            return Err(
                Error::new("lock", Errno::from_raw(libc::EDEADLK)).because("this thread holds the lock already")
            );
        }
        // The word stays as it is: who takes the lock over, too, finds another mark.
        Ok((before.id() == me.id || !before.is_alive()) && self.exchange_mark(before, Mark::of(me)))
    }

    /// Waits in the kernel, for a slice at most.
    fn ask_kernel(&self, wait: Wait) -> io::Result<()> {
        let slice = match wait {
            Wait::No => {
                let taken = futex::trylock_pi(&self.word, SHARED)?;
                return if taken { Ok(()) } else { Err(io::Errno::AGAIN) };
            }
            Wait::Until(deadline) => SLICE.min(deadline.saturating_duration_since(Instant::now())),
            Wait::Forever | Wait::Interruptible => SLICE,
        };
        match futex::lock_pi2(&self.word, SHARED, Some(&from_now(ClockId::Monotonic, slice))) {
            // Before Linux 5.14. A step of that clock makes one slice too long or too short.
            Err(io::Errno::NOSYS) => futex::lock_pi(&self.word, SHARED, Some(&from_now(ClockId::Realtime, slice))),
            result => result,
        }
    }

    /// What it means that the kernel gave the lock to the caller; `None` when it was not the kernel's to give.
    ///
    /// The kernel takes whoever has the id of a dead owner for the owner, and gives the lock away when that one ends. It may
    /// have been taken over long ago: then it goes back to who has it.
    fn granted(&self, me: Identity) -> Option<Taken> {
        fence(Ordering::Acquire);
        if self.word.load(Ordering::Relaxed) & futex::OWNER_DIED == 0 {
            return Some(Taken::Regular);
        }
        let holder = Mark(self.mark.load(Ordering::Relaxed));
        if holder.is_of(me) || !holder.is_alive() {
            return Some(Taken::OwnerDied);
        }
        // No other way leads to this word. So it is still there, below, only if who let go meanwhile did not find its id in the
        // word; see `release_contended`.
        let given_back = holder.id() | futex::WAITERS | futex::OWNER_DIED;
        self.exchange_owner(me.id, given_back);
        fence(Ordering::SeqCst);
        let mine = Mark::of(me);
        if !self.exchange_mark(Mark::NONE, mine) {
            return None;
        }
        match self.word.compare_exchange(given_back, me.id | futex::WAITERS, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Some(Taken::Regular),
            Err(_) => {
                self.exchange_mark(mine, Mark::NONE);
                None
            }
        }
    }

    /// Takes the lock from the owner in `word`, if that one is dead.
    fn succeed(&self, word: u32, me: Identity) -> bool {
        let before = Mark(self.mark.load(Ordering::Relaxed));
        word & ID != 0 && before.leaves(word & ID) && self.replace(before, word, me)
    }

    /// Puts the caller in the place of the owner in `word`, who left this mark. Of several who try, one succeeds.
    fn replace(&self, before: Mark, word: u32, me: Identity) -> bool {
        let mine = Mark::of(me);
        if !self.exchange_mark(before, mine) {
            return false;
        }
        if self.exchange_owner(word & ID, me.id | word & futex::WAITERS) {
            return true;
        }
        // The kernel was faster, and gave it to another one; who gives it back to whom the mark names.
        self.exchange_mark(mine, Mark::NONE);
        fence(Ordering::SeqCst);
        self.word.load(Ordering::Relaxed) & ID == me.id && self.exchange_mark(Mark::NONE, mine)
    }

    fn exchange_mark(&self, before: Mark, after: Mark) -> bool {
        self.mark.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Writes another word where `owner` is the owner, whoever waits.
    fn exchange_owner(&self, owner: u32, after: u32) -> bool {
        let mut now = self.word.load(Ordering::Relaxed);
        while now & ID == owner {
            // That somebody may wait stays noted, unless nobody is to be the owner.
            let waiters = if after == 0 { 0 } else { now & futex::WAITERS };
            match self.word.compare_exchange(now, after | waiters, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    #[cold]
    fn release_contended(&self) {
        fence(Ordering::Release);
        if futex::unlock_pi(&self.word, SHARED).is_ok() {
            return;
        }
        // The kernel's record names another owner (see REFUSED_PAUSE): who sleeps in that one's name looks again after a slice. Who begins
        // to sleep in ours just now does, too; should this thread end before that, the kernel tells them of a death that was none.
        // Or the word does: the kernel gave the lock away meanwhile (see `granted`), and who got it keeps it, or has just given
        // it back.
        fence(Ordering::SeqCst);
        self.exchange_owner(Identity::of_thread().id, 0);
    }
}

fn corrupt(reason: &'static str) -> Error {
    Error::new("lock", Errno::INVAL).kind_of(ErrorKind::Corrupt).because(reason)
}

/// Fails when the deadline has passed.
fn out_of_time(wait: Wait) -> Result<()> {
    match wait {
        Wait::Until(deadline) if Instant::now() >= deadline => Err(Error::new("lock", Errno::TIMEDOUT)),
        Wait::No => Err(Error::new("lock", Errno::AGAIN)),
        _ => Ok(()),
    }
}

/// Waits a moment for something that nobody wakes us for.
fn pause(wait: Wait) -> Result<()> {
    out_of_time(wait)?;
    std::thread::sleep(REFUSED_PAUSE);
    Ok(())
}

/// The time of `clock` that is so far away.
fn from_now(clock: ClockId, time: Duration) -> Timespec {
    clock_gettime(clock).checked_add(timespec(time)).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who lives, and is not the caller, for as long as `body` runs.
    fn with_another(body: impl FnOnce(Identity)) {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (say, said) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                say.send(Identity::of_thread()).unwrap();
                ended.recv().unwrap_err();
            });
            body(said.recv().unwrap());
            drop(end);
        });
    }

    /// A lock whose owner died and had the id that is now the caller's.
    fn left_behind(me: Identity) -> (Ownership, Mark) {
        let lock = Ownership::new();
        let mark = Mark::of(Identity { started: me.started - 1, ..me });
        lock.word.store(me.id, Ordering::Relaxed);
        lock.mark.store(mark.0, Ordering::Relaxed);
        (lock, mark)
    }

    /// Another one found out that the owner is dead, and is stopped before it acts; the one who has its id is faster.
    #[test]
    fn who_has_the_dead_owners_id_keeps_the_lock_that_it_inherited() {
        let me = Identity::of_thread();
        with_another(|other| {
            let (lock, before) = left_behind(me);
            assert!(before.leaves(me.id));
            assert!(lock.inherit(me).unwrap());
            assert!(!lock.replace(before, me.id, other));
            assert!(!lock.succeed(me.id, other));
            assert_eq!(lock.word.load(Ordering::Relaxed), me.id);
            assert_eq!(lock.inherit(me).unwrap_err().kind(), ErrorKind::Deadlock);
        });
    }

    /// The other way round, and stopped half way.
    #[test]
    fn who_has_the_dead_owners_id_does_not_take_what_another_one_takes_over() {
        let me = Identity::of_thread();
        with_another(|other| {
            let (lock, before) = left_behind(me);
            assert!(lock.exchange_mark(before, Mark::of(other)));
            assert!(!lock.inherit(me).unwrap());
            assert!(lock.acquire(Wait::No).unwrap_err().is_would_block());
            assert!(lock.exchange_owner(me.id, other.id));
            assert!(lock.acquire(Wait::No).unwrap_err().is_would_block());
        });
    }

    /// Stopped before it acts, it finds the same word again, of one who has the id now and got the lock in the meantime.
    #[test]
    fn what_was_found_out_does_not_hold_for_the_next_owner_with_the_id() {
        let me = Identity::of_thread();
        with_another(|other| {
            let (lock, before) = left_behind(me);
            assert!(lock.inherit(me).unwrap());
            lock.release();
            assert_eq!(lock.acquire(Wait::No).unwrap(), Taken::Regular);
            assert!(!lock.replace(before, me.id, other));
            assert_eq!(lock.word.load(Ordering::Relaxed), me.id);
        });
    }

    /// The kernel gives the lock to one who is not to have it: it goes back, also when it was let go of meanwhile.
    #[test]
    fn what_the_kernel_gives_away_goes_back() {
        let me = Identity::of_thread();
        with_another(|other| {
            let lock = Ownership::new();
            let given = me.id | futex::WAITERS | futex::OWNER_DIED;
            lock.word.store(given, Ordering::Relaxed);
            lock.mark.store(Mark::of(other).0, Ordering::Relaxed);
            assert_eq!(lock.granted(me), None);
            assert_eq!(lock.word.load(Ordering::Relaxed) & ID, other.id);
            // Of a dead owner it is the kernel's to give.
            lock.word.store(given, Ordering::Relaxed);
            lock.mark.store(Mark::of(Identity { started: other.started - 1, ..other }).0, Ordering::Relaxed);
            assert_eq!(lock.granted(me), Some(Taken::OwnerDied));
        });
    }
}
