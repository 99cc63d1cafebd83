//! Sets: what is in them, and that they are values only.

use crate::alone::alone;
use crate::tools::{blocked, real_time};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Signal, SignalSet};

/// The C library's set, as the witness.
struct Witness(libc::sigset_t);

impl Witness {
    fn empty() -> Self {
        // SAFETY: an all-zero set is one; the call writes it.
        unsafe {
            let mut set = std::mem::zeroed();
            assert_eq!(libc::sigemptyset(&raw mut set), 0);
            Self(set)
        }
    }

    fn full() -> Self {
        let mut witness = Self::empty();
        // SAFETY: writes the set.
        assert_eq!(unsafe { libc::sigfillset(&raw mut witness.0) }, 0);
        witness
    }

    fn has(&self, raw: i32) -> bool {
        // SAFETY: reads the set.
        unsafe { libc::sigismember(&raw const self.0, raw) == 1 }
    }

    fn add(&mut self, raw: i32) -> bool {
        // SAFETY: writes the set.
        unsafe { libc::sigaddset(&raw mut self.0, raw) == 0 }
    }
}

fn agree(set: SignalSet, witness: &Witness) -> bool {
    SignalSet::all().into_iter().all(|signal| set.contains(signal) == witness.has(signal.as_raw()))
}

/// R-SIG-08
#[test]
fn empty_and_full_are_those_of_the_c_library() {
    assert!(agree(SignalSet::empty(), &Witness::empty()));
    let full = Witness::full();
    assert!(agree(SignalSet::all(), &full));
    assert_eq!((full.has(32), full.has(33)), (false, false));
    assert_eq!(SignalSet::all().bits() >> 31 & 0b11, 0, "32 and 33 are left out");
    assert_eq!(SignalSet::all().len(), 62);
    assert!(SignalSet::empty().is_empty() && !SignalSet::all().is_empty());
}

/// R-SIG-08
#[test]
fn numbers_that_the_c_library_refuses_are_no_signals() {
    for raw in [-1, 0, 32, 33, 65, 66, i32::MAX, i32::MIN] {
        assert!(!Witness::empty().add(raw), "{raw}");
        let error = Signal::from_raw(raw).expect_err("no signal");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    for signal in SignalSet::all() {
        assert!(Witness::empty().add(signal.as_raw()), "{signal}");
    }
    let error = Signal::from_raw(65).expect_err("no signal").to_string();
    assert_eq!(error, "Signal::from_raw of number 65: EINVAL: signals are 1 to 31 and 34 to 64");
    let error = Signal::from_raw(32).expect_err("no signal").to_string();
    assert_eq!(error, "Signal::from_raw of number 32: EINVAL: signals 32 and 33 belong to the C library");
}

/// R-SIG-08
#[test]
fn insert_and_remove_change_one_signal_and_tell_whether_they_did() {
    for signal in SignalSet::all() {
        let mut set = SignalSet::empty();
        assert!(set.insert(signal) && !set.insert(signal));
        assert_eq!(set, SignalSet::from(signal));
        assert_eq!((set.len(), set.iter().collect::<Vec<_>>()), (1, vec![signal]));
        assert_eq!(set.bits(), 1 << (signal.as_raw() - 1));
        assert!(set.remove(signal) && !set.remove(signal));
        assert_eq!(set, SignalSet::empty());

        let mut set = SignalSet::all();
        assert!(set.remove(signal));
        assert_eq!((set, set.len()), (!SignalSet::from(signal), 61));
    }
}

/// R-SIG-08
#[test]
fn set_operations_are_those_of_their_members() {
    let low = SignalSet::from([Signal::HUP, Signal::INT, real_time(30)]);
    let high = SignalSet::from([Signal::INT, real_time(0), real_time(30)]);
    for signal in SignalSet::all() {
        let (in_low, in_high) = (low.contains(signal), high.contains(signal));
        assert_eq!((low | high).contains(signal), in_low || in_high);
        assert_eq!((low & high).contains(signal), in_low && in_high);
        assert_eq!((low ^ high).contains(signal), in_low != in_high);
        assert_eq!((low - high).contains(signal), in_low && !in_high);
        assert_eq!((!low).contains(signal), !in_low);
    }
    let mut changed = low;
    changed |= high;
    assert_eq!(changed, low | high);
    changed -= low;
    assert_eq!(changed, high - low);
    changed ^= low;
    assert_eq!(changed, low | high);
    changed &= high;
    assert_eq!(changed, high);
    assert!((low | high).contains_all(low) && !low.contains_all(high) && low.contains_all(SignalSet::empty()));
    assert_eq!(low.to_string(), "{SIGHUP, SIGINT, SIGRTMIN+30}");
    assert_eq!(format!("{:?}", SignalSet::empty()), "{}");
}

/// Adding a signal to a set does not block it: the text that said so meant `sigprocmask`.
///
/// R-SIG-08
#[test]
fn changing_a_set_blocks_nothing() {
    alone(|| {
        let before = blocked();
        let mut set = SignalSet::all();
        set.remove(Signal::USR1);
        set.insert(Signal::USR1);
        assert!(set.contains(Signal::TERM) && !blocked().contains(Signal::TERM));
        assert_eq!(blocked(), before);

        // And a set that became a guard is a copy.
        let guard = set.block().expect("a guard");
        set.remove(Signal::TERM);
        assert!(!set.contains(Signal::TERM) && blocked().contains(Signal::TERM));
        drop(guard);
    });
}
