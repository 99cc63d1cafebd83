//! Waiting: for messages and for room, with deadlines, through signals, and for somebody who died.

use crate::support::{eventually, fork, watchdog};
use ipc_safe::channel::{self, Channel, Messages, Waiting};
use ipc_safe::error::ErrorKind;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(20);
const BOTH: [Waiting; 2] = [Waiting::Blocking, Waiting::Spinning];

/// Whether the thread sleeps in the kernel.
fn sleeps(thread: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|fields| fields.starts_with('S'))
}

fn thread_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// Nothing there, and no room: the deadline ends the wait, not before, and nothing happened.
#[test]
fn a_deadline_ends_the_wait() {
    let _watchdog = watchdog();
    for waiting in BOTH {
        let (mut sender, mut receiver) = channel::pair(64).unwrap();
        sender.set_waiting(waiting);
        receiver.set_waiting(waiting);
        assert_eq!((sender.waiting(), receiver.waiting()), (waiting, waiting));
        let begun = Instant::now();
        assert!(receiver.receive_timeout(&mut Vec::new(), SHORT).unwrap_err().is_timed_out());
        assert!(receiver.peek_timeout(SHORT).unwrap_err().is_timed_out());
        while sender.try_send(b"full").is_ok() {}
        assert!(sender.send_timeout(b"more", SHORT).unwrap_err().is_timed_out());
        assert!(sender.send_many_timeout(&[b"more"], SHORT).unwrap_err().is_timed_out());
        assert!(begun.elapsed() >= 4 * SHORT);
        assert_eq!(receiver.batch().map(|mut batch| batch.next().unwrap().unwrap().to_vec()).unwrap(), b"full");
        // A time beyond the clock is for ever, and no time is one look.
        sender.send_timeout(b"more", Duration::MAX).unwrap();
        receiver.receive_timeout(&mut Vec::new(), Duration::ZERO).unwrap();
    }
}

/// Who sleeps for a message is woken by it, and who sleeps for room by room.
#[test]
fn sleepers_are_woken() {
    let _watchdog = watchdog();
    let (mut sender, mut receiver) = channel::typed_pair::<u64>(4).unwrap();
    let (told, thread) = mpsc::channel();
    let (done, received) = mpsc::channel();
    let receiving = std::thread::spawn(move || {
        told.send(thread_id()).unwrap();
        for _ in 0..50 {
            done.send(receiver.receive().unwrap()).unwrap();
        }
        receiver
    });
    let thread = thread.recv().unwrap();
    for number in 0..50 {
        eventually("the receiver sleeps", || sleeps(thread));
        sender.send(&number).unwrap();
        assert_eq!(received.recv().unwrap(), number);
    }
    let mut receiver = receiving.join().unwrap();
    assert_eq!(sender.send_many(&[0, 1, 2, 3]).unwrap(), 4);
    let (told, thread) = mpsc::channel();
    let sending = std::thread::spawn(move || {
        told.send(thread_id()).unwrap();
        for number in 4..50 {
            sender.send(&number).unwrap();
        }
    });
    let thread = thread.recv().unwrap();
    for number in 0..50 {
        if number < 46 {
            eventually("the sender sleeps", || sleeps(thread));
        }
        assert_eq!(receiver.receive().unwrap(), number);
    }
    sending.join().unwrap();
}

/// Both ways, so that each side sleeps all the time: no wake-up is lost, or each would cost a tenth of a second.
#[test]
fn no_wake_up_is_lost() {
    const ROUNDS: u32 = 20_000;
    let _watchdog = watchdog();
    let (mut there, mut at_other) = channel::typed_pair::<u32>(1).unwrap();
    let (mut back, mut replies) = channel::typed_pair::<u32>(1).unwrap();
    let other = std::thread::spawn(move || {
        while let Ok(number) = at_other.receive() {
            back.send(&(number + 1)).unwrap();
        }
    });
    let mut late = 0;
    for number in 0..ROUNDS {
        let begun = Instant::now();
        there.send(&number).unwrap();
        assert_eq!(replies.receive().unwrap(), number + 1);
        late += u32::from(begun.elapsed() > Duration::from_millis(95));
    }
    drop(there);
    other.join().unwrap();
    // A machine that is busy with other things may be late, too, but not often.
    assert!(late < 20, "{late} of {ROUNDS} came by the clock");
}

/// Only the interruptible forms show a signal handler; what waits in another way goes on.
#[test]
fn a_signal_ends_only_the_interruptible_form() {
    let _watchdog = watchdog();
    // The signal is the child's alone.
    fork(|| {
        extern "C" fn nothing(_: i32) {}
        // SAFETY: the handler does nothing. It restarts calls, where the kernel would.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
        }
        let (mut sender, mut receiver) = channel::pair(64).unwrap();
        while sender.try_send(b"full").is_ok() {}
        let (_other_sender, mut empty) = channel::pair(64).unwrap();
        for waiting in BOTH {
            empty.set_waiting(waiting);
            sender.set_waiting(waiting);
            let thread = thread_id();
            let stop = std::sync::atomic::AtomicBool::new(false);
            let process = std::process::id().cast_signed();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        // SAFETY: a signal to a thread of this process, which handles it.
                        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                assert!(empty.receive_interruptible(&mut Vec::new()).unwrap_err().is_interrupted());
                assert!(sender.send_interruptible(b"more").unwrap_err().is_interrupted());
                assert!(empty.receive_timeout(&mut Vec::new(), SHORT).unwrap_err().is_timed_out());
                assert!(sender.send_timeout(b"more", SHORT).unwrap_err().is_timed_out());
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            });
        }
        receiver.receive(&mut Vec::new()).unwrap();
        0
    })
    .succeed();
}

/// A side that was killed is missed: what it sent is received, and then the wait ends; also for who only tries.
#[test]
fn the_death_of_the_other_side_ends_the_wait() {
    let _watchdog = watchdog();
    for waiting in BOTH {
        let (memfd, channel) = Channel::<_, Messages>::memfd(64).unwrap();
        let open = || Channel::<_, Messages>::from_memfd(&memfd).unwrap();
        let child = fork(|| {
            let mut sender = open().sender().unwrap();
            sender.send(b"last words").unwrap();
            loop {
                std::thread::park();
            }
        });
        let mut receiver = channel.receiver().unwrap();
        receiver.set_waiting(waiting);
        let mut message = Vec::new();
        receiver.receive(&mut message).unwrap();
        assert_eq!(receiver.peer().map(|pid| pid.as_raw_nonzero().get()), Some(child.pid()));
        assert!(receiver.receive_timeout(&mut message, SHORT).unwrap_err().is_timed_out());
        let killer = std::thread::spawn(move || drop(child));
        assert_eq!(receiver.receive(&mut message).unwrap_err().kind(), ErrorKind::Closed);
        killer.join().unwrap();
        eventually("trying shows it too", || {
            receiver.try_receive(&mut message).unwrap_err().kind() == ErrorKind::Closed
        });

        // Now a receiver that dies: the sender learns of it when there is no room.
        drop(receiver);
        let mut sender = open().sender().unwrap();
        sender.set_waiting(waiting);
        let (ready, written) = ipc_safe::pipe::pipe().unwrap();
        let child = fork(|| {
            let _receiver = open().receiver().unwrap();
            std::io::Write::write_all(&mut &written, b"!").unwrap();
            loop {
                std::thread::park();
            }
        });
        std::io::Read::read_exact(&mut &ready, &mut [0]).unwrap();
        while sender.try_send(b"full").is_ok() {}
        let killer = std::thread::spawn(move || drop(child));
        assert_eq!(sender.send(b"more").unwrap_err().kind(), ErrorKind::Closed);
        killer.join().unwrap();
        // Its place is taken over, with all that it left.
        let mut receiver = open().receiver().unwrap();
        receiver.receive(&mut message).unwrap();
        assert_eq!(message, b"full");
        sender.send(b"more").unwrap();
    }
}

/// Signals that come faster than the looks at the other side do not keep a wait from learning that it died.
#[test]
fn signals_do_not_hide_the_death_of_the_other_side() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Messages>::memfd(64).unwrap();
    let open = || Channel::<_, Messages>::from_memfd(&memfd).unwrap();
    let (ready, there) = ipc_safe::pipe::pipe().unwrap();
    let sending = fork(|| {
        let _sender = open().sender().unwrap();
        std::io::Write::write_all(&mut &there, b"!").unwrap();
        loop {
            std::thread::park();
        }
    });
    let receiving = fork(|| {
        extern "C" fn nothing(_: i32) {}
        let mut receiver = open().receiver().unwrap();
        let often = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
        let often = libc::itimerval { it_interval: often, it_value: often };
        // SAFETY: a handler that does nothing, and a timer of this child, for its only thread.
        unsafe {
            libc::signal(libc::SIGALRM, nothing as extern "C" fn(i32) as libc::sighandler_t);
            libc::setitimer(libc::ITIMER_REAL, &raw const often, std::ptr::null_mut());
        }
        i32::from(receiver.receive(&mut Vec::new()).unwrap_err().kind() != ErrorKind::Closed)
    });
    std::io::Read::read_exact(&mut &ready, &mut [0]).unwrap();
    drop((channel, sending));
    receiving.succeed();
}
