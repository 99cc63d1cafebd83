//! Many real-time signals: none is lost, none comes twice, and the limit is told.

use crate::alone::{alone, end_with_parent};
use crate::descriptor::set_limit;
use crate::mask::{block, set};
use crate::support::fork;
use crate::tools::{fails, gettid, is_empty, pending, real_time};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, Information, Origin, Signal, SignalSet, Value};

const SIGNALS: i32 = 100_000;

/// Sends so many with their numbers; where the queue is full it waits until the receiver has taken some.
fn send_all(receiver: Pid) {
    for number in 0..SIGNALS {
        loop {
            match signal::queue(receiver, real_time(0), number) {
                Ok(()) => break,
                Err(error) if error.is_would_block() => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Expects all of them, in order, from a child that sends as fast as it can.
fn receive_all(mut take: impl FnMut() -> Information) {
    let receiver = getpid();
    let sender = fork(|| {
        end_with_parent();
        send_all(receiver);
        0
    });
    for number in 0..SIGNALS {
        let taken = take();
        assert_eq!(taken.value(), Some(Value::from(number)));
        assert_eq!(
            taken.sender().and_then(|sender| sender.pid).map(|pid| pid.as_raw_nonzero().get()),
            Some(sender.pid())
        );
    }
    sender.succeed();
}

/// R-SIG-10
#[test]
fn none_of_a_hundred_thousand_signals_is_lost_by_waiting() {
    alone(|| {
        let guard = block(real_time(0).into());
        receive_all(|| guard.wait().expect("a signal"));
        is_empty(guard.try_wait());
    });
}

/// R-SIG-10
#[test]
fn none_of_a_hundred_thousand_signals_is_lost_by_reading() {
    alone(|| {
        let guard = block(real_time(0).into());
        let signals = guard.descriptor().expect("a descriptor");
        receive_all(|| signals.read().expect("a signal"));
        is_empty(signals.try_read());
    });
}

/// Both ways at once, in turn: the order is one.
///
/// R-SIG-10
#[test]
fn none_of_a_hundred_thousand_signals_is_lost_by_both() {
    alone(|| {
        let guard = block(real_time(0).into());
        let signals = guard.descriptor().expect("a descriptor");
        let mut turn = 0;
        receive_all(|| {
            turn += 1;
            if turn % 3 == 0 { guard.wait().expect("a signal") } else { signals.read().expect("a signal") }
        });
    });
}

/// The limit of pending signals, lowered.
const LIMIT: i32 = 50;

/// Whether this process is now alone with its count of pending signals, which is otherwise shared with all processes of the
/// user.
fn has_own_count() -> bool {
    // SAFETY: changes the identity of this process, which has one thread.
    let own = unsafe { libc::unshare(libc::CLONE_NEWUSER) } == 0;
    if !own {
        eprintln!("skipped a part: no user namespace to be had, the limit is compared with <=");
    }
    own
}

/// R-SIG-16
#[test]
fn at_the_limit_the_sender_is_told() {
    alone(|| {
        let guard = block(real_time(0).into());
        let exact = has_own_count();
        let before = set_limit(libc::RLIMIT_SIGPENDING, LIMIT as u64);
        let accepted = (0..=LIMIT).take_while(|number| signal::queue(getpid(), real_time(0), *number).is_ok()).count();
        let accepted = i32::try_from(accepted).expect("a small number");
        assert!(accepted <= LIMIT && (accepted == LIMIT || !exact), "{accepted}");

        let error = fails(signal::queue(getpid(), real_time(0), 99), ErrorKind::WouldBlock, libc::EAGAIN);
        assert_eq!(error.to_string(), "sigqueue: EAGAIN: the call would have to wait");
        fails(signal::raise(real_time(0)), ErrorKind::WouldBlock, libc::EAGAIN);
        fails(signal::to_thread(getpid(), gettid(), real_time(0)), ErrorKind::WouldBlock, libc::EAGAIN);

        // One place more, and one signal more.
        if exact {
            assert_eq!(guard.wait().expect("a signal").value(), Some(Value::from(0)));
            signal::queue(getpid(), real_time(0), accepted).expect("a place");
            fails(signal::queue(getpid(), real_time(0), 99), ErrorKind::WouldBlock, libc::EAGAIN);
            for number in 1..=accepted {
                assert_eq!(guard.wait().expect("a signal").value(), Some(Value::from(number)));
            }
        }
        while guard.try_wait().is_ok() {}
        set_limit(libc::RLIMIT_SIGPENDING, before);
    });
}

/// Beyond the limit the kernel delivers some signals without a word of who sent them: as from nobody, and not as from root.
///
/// R-SIG-16
#[test]
fn beyond_the_limit_the_sender_is_unknown() {
    alone(|| {
        let guard = block(set(&[Signal::USR1, Signal::USR2, real_time(1)]));
        has_own_count();
        let before = set_limit(libc::RLIMIT_SIGPENDING, 0);
        signal::queue(getpid(), Signal::USR1, 5).expect("sent, without its value");
        signal::to_process(getpid(), real_time(1)).expect("sent, once");
        signal::to_process(getpid(), real_time(1)).expect("sent, and merged");
        fails(signal::queue(getpid(), real_time(1), 5), ErrorKind::WouldBlock, libc::EAGAIN);
        let signals = guard.descriptor().expect("a descriptor");
        for (signal, taken) in [(Signal::USR1, guard.try_wait()), (real_time(1), signals.try_read())] {
            let taken = taken.expect("a signal");
            let Origin::Kill(sender) = taken.origin else { panic!("{taken:?}") };
            assert_eq!((taken.signal, sender.pid, sender.uid, taken.value()), (signal, None, 0, None));
        }
        is_empty(guard.try_wait());
        assert_eq!(pending(), SignalSet::empty());
        set_limit(libc::RLIMIT_SIGPENDING, before);
    });
}
