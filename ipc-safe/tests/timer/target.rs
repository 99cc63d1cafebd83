//! POSIX timers that tell one thread.

use crate::support::eventually;
use crate::tools::{LONG, alone, fails, pass};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::Pid;
use ipc_safe::signal::{Signal, SignalSet, Value};
use ipc_safe::timer::{Clock, Notification, PosixTimer, Schedule};
use std::sync::mpsc;
use std::time::Duration;

fn thread_of(notification: Notification) -> Pid {
    let Notification::Thread(thread, ..) = notification else { panic!("{notification:?}") };
    thread
}

/// Whether the signal waits for this thread alone.
fn waits_for(thread: Pid, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/self/task/{}/status", thread.as_raw_pid())).unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("SigPnd:")).unwrap();
    SignalSet::from_bits(u64::from_str_radix(pending.trim(), 16).unwrap()).contains(signal)
}

/// R-SIG-17
#[test]
fn the_signal_comes_to_that_thread_and_to_no_other() {
    alone(|| {
        let signal = Signal::real_time(1).unwrap();
        let signals = SignalSet::from(signal).block().unwrap(); // and in the thread, which inherits it
        let (tell, told) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let signals = SignalSet::from(signal).block().unwrap();
            tell.send(Notification::this_thread(signal, 11).unwrap()).unwrap();
            wait.recv().unwrap();
            signals.wait_timeout(LONG).unwrap()
        });
        let notification = told.recv().unwrap();
        let target = thread_of(notification);
        let timer = PosixTimer::new(Clock::Monotonic, notification).unwrap();
        timer.set(Schedule::once(Duration::from_nanos(1))).unwrap();

        eventually("it waits for the thread", || waits_for(target, signal));
        assert!(signals.try_wait().unwrap_err().is_would_block(), "it came to the other thread");
        go_on.send(()).unwrap();
        let taken = thread.join().unwrap();
        assert_eq!((taken.signal, taken.value()), (signal, Some(Value::from(11))));
    });
}

/// R-SIG-17: the kernel knows its threads.
#[test]
fn a_thread_of_another_process_or_of_none_is_refused() {
    alone(|| {
        let parent = Pid::from_raw(std::os::unix::process::parent_id().cast_signed()).unwrap();
        let none = Pid::from_raw(i32::MAX).unwrap();
        for thread in [Pid::INIT, parent, none] {
            let notification = Notification::thread(thread, Signal::USR1, 0);
            let error = fails(PosixTimer::new(Clock::Monotonic, notification), ErrorKind::InvalidInput, libc::EINVAL);
            assert!(error.to_string().ends_with("this process has no such thread"), "{error}");
        }
    });
}

/// R-SIG-17: not to the process, whose default action would end it.
#[test]
fn the_signal_for_a_thread_that_has_ended_comes_to_nobody() {
    alone(|| {
        let signal = Signal::real_time(1).unwrap();
        let notification = std::thread::spawn(move || Notification::this_thread(signal, 1).unwrap());
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let own = Notification::this_thread(signal, 1).unwrap();
            tell.send(PosixTimer::new(Clock::Monotonic, own).unwrap()).unwrap();
        });
        let timer = told.recv().unwrap();
        thread.join().unwrap();
        let ended = thread_of(timer.notification());
        eventually("the thread is gone", || {
            !std::path::Path::new(&format!("/proc/self/task/{}", ended.as_raw_pid())).exists()
        });
        timer.set(Schedule::every(Duration::from_millis(1))).unwrap();
        pass(Duration::from_millis(20));
        timer.stop().unwrap();

        // One that ended before the timer is made is none of the process.
        let notification = notification.join().unwrap();
        let gone = thread_of(notification);
        eventually("the thread is gone", || {
            !std::path::Path::new(&format!("/proc/self/task/{}", gone.as_raw_pid())).exists()
        });
        fails(PosixTimer::new(Clock::Monotonic, notification), ErrorKind::InvalidInput, libc::EINVAL);
    });
}
