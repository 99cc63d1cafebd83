//! Where several wait for each other.

use super::word::Word;
use crate::error::{Errno, Error, Result};
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A place where so many threads, of one process or of several, wait until all of them are there; then it begins anew.
///
/// How many that are, each of them says when it comes: it is not read from memory that others write. What each has written
/// before is seen by all behind the barrier.
///
/// One futex word: 0 is a barrier that nobody has come to, so that all-zero memory is one. (The word counts up to
/// 4194303 who have come, about as many as Linux can have threads, and the rounds up to 1024. Who slept while exactly 1024
/// rounds were made without it would sleep on.)
///
/// **Who dies while it waits has come**: the others go on without it. Who dies before makes them wait for ever; give them a
/// deadline. A wait that ends without the others (deadline, signal) is taken back, and the barrier is as if that one had never
/// come.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sync::Barrier;
/// use std::num::NonZeroU32;
///
/// let barrier = Shared::<Barrier, _>::bare(MapOptions::new().shared(4096)?)?;
/// let parties = NonZeroU32::new(3).unwrap();
/// let leaders = std::thread::scope(|scope| {
///     let threads = [(); 3].map(|()| scope.spawn(|| barrier.wait(parties).is_leader()));
///     threads.map(|thread| thread.join().unwrap()).into_iter().filter(|&leader| leader).count()
/// });
/// assert_eq!(leaders, 1);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html),
/// [pthread_barrier_wait(3)](https://man7.org/linux/man-pages/man3/pthread_barrier_wait.3p.html)
#[doc(alias("futex", "pthread_barrier_t"))]
#[repr(transparent)]
pub struct Barrier {
    word: AtomicU32,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: transparent over an atomic integer.
unsafe impl ShmSafe for Barrier {
    const LAYOUT: u64 = layout_of_field(4, "Barrier", size_of::<Self>() as u64);
}

impl Default for Barrier {
    fn default() -> Self {
        Self::new()
    }
}

/// What somebody learns at a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    leader: bool,
}

impl BarrierWaitResult {
    /// Whether this is the one of the round that came last.
    #[must_use]
    #[doc(alias = "PTHREAD_BARRIER_SERIAL_THREAD")]
    pub const fn is_leader(&self) -> bool {
        self.leader
    }
}

impl Barrier {
    /// A barrier that nobody has come to, in private memory.
    #[must_use]
    #[doc(alias = "pthread_barrier_init")]
    pub const fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// Waits until `parties` have come, this one included.
    #[doc(alias = "pthread_barrier_wait")]
    pub fn wait(&self, parties: NonZeroU32) -> BarrierWaitResult {
        // Without a deadline, and not interruptible: it only ends with the round.
        let leader = meet(&self.word, parties, Wait::Forever).unwrap_or(false);
        BarrierWaitResult { leader }
    }

    /// [`wait`](Self::wait) without waiting: comes only as the last one.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when others are still to come.
    pub fn try_wait(&self, parties: NonZeroU32) -> Result<BarrierWaitResult> {
        self.wait_as(parties, Wait::No)
    }

    /// [`wait`](Self::wait) for at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when the others did not come in that time. This one then has not come
    /// either.
    pub fn wait_timeout(&self, parties: NonZeroU32, timeout: Duration) -> Result<BarrierWaitResult> {
        self.wait_as(parties, Wait::at_most(timeout))
    }

    /// [`wait`](Self::wait) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this waited. This one then has not come.
    pub fn wait_interruptible(&self, parties: NonZeroU32) -> Result<BarrierWaitResult> {
        self.wait_as(parties, Wait::Interruptible)
    }

    /// How many wait just now.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.word.load(Ordering::Relaxed) & COME
    }

    fn wait_as(&self, parties: NonZeroU32, wait: Wait) -> Result<BarrierWaitResult> {
        match meet(&self.word, parties, wait) {
            Ok(leader) => Ok(BarrierWaitResult { leader }),
            Err(errno) => Err(Error::new("wait", errno)),
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("waiting", &self.waiting()).finish()
    }
}

/// How many have come. No system has more threads: the kernel's limit is 2²².
const COME: u32 = (1 << 22) - 1;
/// The upper bits count the rounds.
const ROUND: u32 = COME + 1;

const fn round(word: u32) -> u32 {
    word / ROUND
}

/// Comes, and waits until so many have. Tells whether this was the last one.
pub(super) fn meet<W: Word>(word: &W, parties: NonZeroU32, wait: Wait) -> Result<bool, Errno> {
    // A count that is too high, which only a foe writes or who says another number, ends the round.
    let missing_one = (parties.get() - 1).min(COME);
    let mut now = word.load(Ordering::Relaxed);
    loop {
        let last = now & COME >= missing_one;
        if !last && matches!(wait, Wait::No) {
            return Err(Errno::AGAIN);
        }
        let next = if last { (now & !COME).wrapping_add(ROUND) } else { now + 1 };
        match word.compare_exchange(now, next, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) if last => {
                if now & COME > 0 {
                    word.wake_all();
                }
                return Ok(true);
            }
            Ok(_) => return wait_for_the_others(word, next, wait).map(|()| false),
            Err(other) => now = other,
        }
    }
}

/// Waits for the end of the round in which the word became `now`.
fn wait_for_the_others<W: Word>(word: &W, mut now: u32, wait: Wait) -> Result<(), Errno> {
    let came = round(now);
    while round(now) == came {
        if let Err(errno) = word.wait(now, wait) {
            return leave(word, came).map_or(Ok(()), |()| Err(errno));
        }
        now = word.load(Ordering::Acquire);
    }
    Ok(())
}

/// Takes it back that one has come; `None` when it is too late for that, because the others are there.
fn leave<W: Word>(word: &W, came: u32) -> Option<()> {
    let mut now = word.load(Ordering::Acquire);
    while round(now) == came {
        // A foe may have written that nobody is here.
        let without = now - (now & COME).min(1);
        match word.compare_exchange(now, without, Ordering::Relaxed, Ordering::Acquire) {
            Ok(_) => return Some(()),
            Err(other) => now = other,
        }
    }
    None
}
