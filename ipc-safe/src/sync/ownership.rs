//! Who holds a robust lock: a futex word with priority inheritance, and what tells a dead owner from another thread with its id.

use super::word::timespec;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::{Identity, State, namespace};
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

/// A thread's id and the lower half of its start time. Both together tell it from others with its id; the id tells whether
/// the mark belongs to the present owner at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(u64);

impl Mark {
    const NONE: Self = Self(0);

    #[inline]
    const fn of(identity: Identity) -> Self {
        Self((identity.id as u64) << 32 | identity.started & 0xffff_ffff)
    }

    /// Whether the owner of this mark is another thread than the one that has the id now. Not known means no.
    fn is_stale(self, owner: u32) -> bool {
        let started = self.0 & 0xffff_ffff;
        if self.0 >> 32 != u64::from(owner) || started == 0 {
            return false;
        }
        match Identity::of_id(owner) {
            Some(now) => now.started & 0xffff_ffff != started,
            None => !is_alive_id(owner),
        }
    }
}

fn is_alive_id(id: u32) -> bool {
    Identity { id, started: 0 }.state() == State::Alive
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
                return self.own_id(me);
            }
            let errno = match self.ask_kernel(wait) {
                Ok(()) => {
                    fence(Ordering::Acquire);
                    let died = self.word.load(Ordering::Relaxed) & futex::OWNER_DIED != 0;
                    return Ok(if died { Taken::OwnerDied } else { Taken::Regular });
                }
                Err(errno) => errno,
            };
            match errno {
                io::Errno::SRCH => {
                    if self.take_over(word, me) {
                        return Ok(Taken::OwnerDied);
                    }
                    std::thread::yield_now();
                }
                io::Errno::TIMEDOUT => {
                    let mark = Mark(self.mark.load(Ordering::Relaxed));
                    if mark.is_stale(word & ID) && self.replace(word, me) {
                        return Ok(Taken::OwnerDied);
                    }
                    out_of_time(wait)?;
                }
                // The kernel's own record of the lock disagrees with the word: see REFUSED_PAUSE.
                io::Errno::INVAL => {
                    if refused_since.get_or_insert_with(Instant::now).elapsed() > REFUSED_LIMIT {
                        return Err(corrupt("the word is not what the kernel left there"));
                    }
                    out_of_time(wait)?;
                    std::thread::sleep(REFUSED_PAUSE);
                }
                io::Errno::AGAIN if matches!(wait, Wait::No) => return Err(Error::new("lock", Errno::AGAIN)),
                io::Errno::AGAIN => std::thread::yield_now(),
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

    /// The word has the caller's own id: it holds the lock, or a thread that died did, and its id came to the caller.
    fn own_id(&self, me: Identity) -> Result<Taken> {
        let mark = self.mark.load(Ordering::Relaxed);
        if mark == Mark::of(me).0 {
            return Err(
                Error::new("lock", Errno::from_raw(libc::EDEADLK)).because("this thread holds the lock already")
            );
        }
        Ok(Taken::OwnerDied)
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

    /// Takes the lock from the owner in `word`, of whom the kernel says that there is no such thread, or none that returns.
    ///
    /// The word may have changed meanwhile, and even changed back: so the owner is looked at once more.
    fn take_over(&self, word: u32, me: Identity) -> bool {
        let owner = word & ID;
        let mark = Mark(self.mark.load(Ordering::Relaxed));
        (mark.is_stale(owner) || !is_alive_id(owner)) && self.replace(word, me)
    }

    /// Puts the caller in the place of a dead owner. That somebody may wait stays noted.
    fn replace(&self, word: u32, me: Identity) -> bool {
        let ours = me.id | word & futex::WAITERS;
        self.word.compare_exchange(word, ours, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn release_contended(&self) {
        fence(Ordering::Release);
        match futex::unlock_pi(&self.word, SHARED) {
            Ok(()) => {}
            // Not ours: somebody wrote the word, and has what he wanted.
            Err(io::Errno::PERM) => {}
            // See REFUSED_PAUSE: who sleeps in the dead owner's name looks again after a slice.
            Err(_) => self.word.store(0, Ordering::Release),
        }
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

/// The time of `clock` that is so far away.
fn from_now(clock: ClockId, time: Duration) -> Timespec {
    clock_gettime(clock).checked_add(timespec(time)).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}
