//! The C library's mutex and semaphore in a segment.

use crate::peer::{sync, waits_in};
use crate::support::{eventually, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::{ReadWrite, SharedBytes};
use ipc_safe::sync::interop::{PosixMutex, PosixSemaphore};
use ipc_safe::sysv::{Attachment, Owned, Segment};
use std::time::Duration;

/// Where things lie in the segment, as in `tests/peers/sync_peer.c`.
const COUNT: usize = 64;
const SEMAPHORE: usize = 128;

struct Place {
    segment: Owned<Segment>,
    attachment: Attachment<ReadWrite>,
}

impl Place {
    fn new() -> Self {
        let segment = Segment::private(4096).unwrap();
        let attachment = segment.attach().unwrap();
        assert_eq!(attachment.len(), 4096);
        Self { segment, attachment }
    }

    fn bytes(&self) -> SharedBytes<'_> {
        self.attachment.bytes()
    }

    /// The mutex that the C program made.
    fn mutex(&self, kind: &str) -> PosixMutex<'_> {
        sync(&format!("make-mutex {} {kind}", self.segment.id())).succeed();
        // SAFETY: the C program just made it; it and this test use its functions, and forget no guard.
        unsafe { PosixMutex::at(self.bytes()).unwrap() }
    }

    /// A mutex of ours for the C program.
    fn robust_mutex(&self) -> PosixMutex<'_> {
        // SAFETY: the segment is new; the C program and this test use the functions, and forget no guard.
        unsafe { PosixMutex::init(self.bytes(), true).unwrap() }
    }

    fn words(&self, command: &str) -> String {
        format!("{command} {}", self.segment.id())
    }

    fn count(&self, mutex: PosixMutex<'_>, rounds: u64) {
        for _ in 0..rounds {
            let _guard = mutex.lock().unwrap().recover(|| panic!("nobody died")).unwrap();
            let count: u64 = self.bytes().load(COUNT).unwrap();
            self.bytes().store(COUNT, &(count + 1)).unwrap();
        }
    }
}

#[test]
fn sizes_are_those_of_c() {
    assert_eq!(sync("layout").succeed(), format!("{} {}\n", PosixMutex::SIZE, PosixSemaphore::SIZE));
}

#[test]
fn both_sides_count_under_a_mutex_that_either_made() {
    let _watchdog = watchdog();
    for kind in ["plain", "checked", "robust", "ours"] {
        let place = Place::new();
        let mutex = if kind == "ours" { place.robust_mutex() } else { place.mutex(kind) };
        let peers = [(); 2].map(|()| sync(&format!("{} 20000", place.words("count"))));
        place.count(mutex, 20_000);
        for peer in peers {
            peer.succeed();
        }
        assert_eq!(place.bytes().load::<u64>(COUNT).unwrap(), 60_000, "{kind}");
        // SAFETY: the C programs have ended; nobody uses it any more.
        unsafe { mutex.destroy().unwrap() };
    }
}

#[test]
fn the_death_of_an_owner_in_c_is_told_here() {
    let _watchdog = watchdog();
    let place = Place::new();
    let mutex = place.robust_mutex();
    let mut holder = sync(&place.words("hold"));
    assert_eq!(holder.line(), "locked");
    assert!(mutex.try_lock().unwrap_err().is_would_block());
    assert!(mutex.lock_timeout(Duration::from_millis(5)).unwrap_err().is_timed_out());
    holder.close_input(); // ends with the lock
    holder.succeed();
    let locked = mutex.lock().unwrap();
    assert!(locked.is_owner_died());
    let mut repaired = false;
    drop(locked.recover(|| repaired = true).unwrap());
    assert!(repaired);
    assert_eq!(sync(&place.words("lock")).succeed(), "locked\n");
}

#[test]
fn a_death_here_is_told_to_c() {
    let _watchdog = watchdog();
    let place = Place::new();
    let mutex = place.robust_mutex();
    crate::support::fork(|| {
        std::mem::forget(mutex.lock().unwrap()); // the memory stays mapped until the process ends
        0
    })
    .succeed();
    assert_eq!(sync(&place.words("lock")).succeed(), "died\n");
    assert!(!mutex.lock().unwrap().is_owner_died());
}

#[test]
fn who_gives_the_repair_up_makes_it_unusable_on_both_sides() {
    let _watchdog = watchdog();
    for in_c in [true, false] {
        let place = Place::new();
        let mutex = place.robust_mutex();
        let mut holder = sync(&place.words("hold"));
        assert_eq!(holder.line(), "locked");
        holder.close_input();
        holder.succeed();
        if in_c {
            assert_eq!(sync(&place.words("give-up")).succeed(), "died\n");
        } else {
            assert!(mutex.lock().unwrap().is_owner_died());
        }
        assert_eq!(mutex.lock().unwrap_err().kind(), ErrorKind::NotRecoverable);
        assert_eq!(sync(&place.words("lock")).fail(), "pthread_mutex_lock: ENOTRECOVERABLE\n");
    }
}

#[test]
fn a_checked_mutex_tells_of_a_deadlock() {
    let place = Place::new();
    let mutex = place.mutex("checked");
    let _guard = mutex.lock().unwrap();
    assert_eq!(mutex.lock().unwrap_err().kind(), ErrorKind::Deadlock);
}

#[test]
fn a_forked_child_does_not_unlock_for_its_parent() {
    let place = Place::new();
    let mutex = place.robust_mutex();
    let mut locked = Some(mutex.lock().unwrap());
    crate::support::fork(|| {
        drop(locked.take());
        i32::from(!mutex.try_lock().unwrap_err().is_would_block())
    })
    .succeed();
    drop(locked);
    drop(mutex.try_lock().unwrap());
}

#[test]
fn units_go_both_ways() {
    let _watchdog = watchdog();
    let place = Place::new();
    sync(&format!("{} 2", place.words("make-semaphore"))).succeed();
    let bytes = place.bytes().slice(SEMAPHORE..).unwrap();
    // SAFETY: the C program just made it; it and this test use its functions.
    let semaphore = unsafe { PosixSemaphore::at(bytes).unwrap() };
    assert_eq!(semaphore.value().unwrap(), 2);
    semaphore.acquire().unwrap();
    semaphore.try_acquire().unwrap();
    assert!(semaphore.try_acquire().unwrap_err().is_would_block());
    assert!(semaphore.acquire_timeout(Duration::from_millis(5)).unwrap_err().is_timed_out());

    let mut taker = sync(&format!("{} 3", place.words("take")));
    eventually("the C program waits", || waits_in(&taker, libc::SYS_futex));
    for _ in 0..3 {
        semaphore.post().unwrap();
    }
    assert_eq!(taker.line(), "taken");
    taker.succeed();

    let poster = sync(&format!("{} 3", place.words("post")));
    semaphore.acquire().unwrap();
    semaphore.acquire_timeout(Duration::from_secs(20)).unwrap();
    semaphore.acquire_interruptible().unwrap();
    poster.succeed();
    assert_eq!(format!("{semaphore:?}"), "PosixSemaphore { value: Some(0), .. }");
    // SAFETY: the C programs have ended; nobody uses it any more.
    unsafe { semaphore.destroy().unwrap() };
}

#[test]
fn a_signal_handler_ends_the_interruptible_form_only() {
    use ipc_safe::signal::{HandlerOptions, Signal};
    let _watchdog = watchdog();
    let place = Place::new();
    // SAFETY: the segment is new, and this test uses the functions.
    let semaphore = unsafe { PosixSemaphore::init(place.bytes(), 0).unwrap() };
    let child = crate::support::fork(|| {
        let handler = HandlerOptions::new().restart(true).count(Signal::USR1).unwrap();
        assert!(semaphore.acquire_interruptible().unwrap_err().is_interrupted());
        let before = handler.count();
        semaphore.acquire().unwrap();
        i32::from(handler.count() == before)
    });
    // Until it has the handler, the signal would end it.
    let handled = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() & 1 << (libc::SIGUSR1 - 1) != 0
    };
    let asleep = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.pid())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('S')
    };
    eventually("the child waits", || handled() && asleep());
    let sleeps = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
        status.lines().find(|line| line.starts_with("voluntary")).unwrap().to_owned()
    };
    let before = sleeps();
    child.signal(libc::SIGUSR1);
    eventually("the child waits again", || asleep() && sleeps() != before);
    // The handler runs before the child goes on, whichever of the two ends its sleep.
    child.signal(libc::SIGUSR1);
    semaphore.post().unwrap();
    child.succeed();
}

#[test]
fn bytes_that_do_not_serve_are_refused() {
    let place = Place::new();
    // SAFETY: all of them fail.
    let errors = unsafe {
        [
            PosixMutex::init(place.bytes().slice(..PosixMutex::SIZE - 1).unwrap(), false).unwrap_err(),
            PosixMutex::at(place.bytes().slice(1..).unwrap()).unwrap_err(),
            PosixSemaphore::init(place.bytes().slice(4..).unwrap(), 1).unwrap_err(),
            PosixSemaphore::init(place.bytes(), u32::MAX).unwrap_err(),
        ]
    };
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::InvalidInput), "{errors:?}");
    assert_eq!(errors[0].to_string(), "pthread_mutex_init: EINVAL: it takes 40 bytes, there are 39");
    assert_eq!(errors[1].to_string(), "pthread_mutex_lock: EINVAL: it has to lie at a multiple of 8 bytes");
}

#[test]
fn a_full_semaphore_says_so() {
    let place = Place::new();
    // SAFETY: the segment is new, and this test uses the functions.
    let semaphore = unsafe { PosixSemaphore::init(place.bytes(), 0x7fff_ffff).unwrap() };
    assert_eq!(semaphore.post().unwrap_err().kind(), ErrorKind::OutOfRange);
}
