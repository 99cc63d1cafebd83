//! Waiting for signals, and for what handlers write.

use crate::support::fork;
use crate::weather::{LONG, SHORT, at_last, in_storm, is_interrupted, times_out};
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, HandlerOptions, Information, Signal, SignalSet, Value};

const COUNT: i32 = 3000;

fn queued() -> Signal {
    Signal::real_time(2).unwrap()
}

/// Sends the numbers with a signal, as fast as the receiver's limit allows.
fn numbers(signal: Signal) -> crate::support::Forked {
    let target = getpid();
    fork(move || {
        for number in 0..COUNT {
            while signal::queue(target, signal, number).is_err_and(|error| error.is_would_block()) {
                std::thread::yield_now();
            }
        }
        0
    })
}

fn number(information: Information) -> i32 {
    information.value().map_or(-1, Value::as_i32)
}

/// R-SIG-10 R-SIG-16: each once, in order.
#[test]
fn taking_signals_by_every_form() {
    in_storm(|_| {
        let guard = SignalSet::from(queued()).block().unwrap();
        let descriptor = guard.descriptor().unwrap();
        let sender = numbers(queued());
        for expected in 0..COUNT {
            let taken = match expected % 6 {
                0 => guard.wait().unwrap(),
                1 => guard.wait_timeout(LONG).unwrap(),
                2 => at_last(|| guard.wait_interruptible()),
                3 => descriptor.read().unwrap(),
                4 => descriptor.read_timeout(LONG).unwrap(),
                _ => at_last(|| descriptor.read_interruptible()),
            };
            assert_eq!(number(taken), expected);
        }
        sender.succeed();
        is_interrupted(|| guard.wait_interruptible());
        is_interrupted(|| descriptor.read_interruptible());
        times_out(|| guard.wait_timeout(SHORT));
        times_out(|| descriptor.read_timeout(SHORT));
    });
}

/// R-SIG-14 R-SIG-16: what handlers write comes out, all of it.
#[test]
fn wakeups_and_pipes() {
    in_storm(|_| {
        let wakeup = HandlerOptions::new().wakeup(queued()).unwrap();
        times_out(|| wakeup.wait_timeout(SHORT));
        let sender = numbers(queued());
        let mut came = 0;
        while came < COUNT as u64 {
            came += if came % 2 == 0 { wakeup.wait().unwrap() } else { wakeup.wait_timeout(LONG).unwrap() };
        }
        assert_eq!(came, COUNT as u64);
        sender.succeed();

        let pipe = HandlerOptions::new().pipe(queued()).unwrap();
        times_out(|| pipe.read_timeout(SHORT));
        let sender = numbers(queued());
        for expected in 0..COUNT {
            let read = if expected % 2 == 0 { pipe.read() } else { pipe.read_timeout(LONG) };
            assert_eq!(read.unwrap(), queued());
        }
        assert!(pipe.try_read().unwrap_err().is_would_block());
        assert_eq!(pipe.lost(), 0);
        sender.succeed();
    });
}

/// R-SIG-14 R-SIG-16: a thread that runs closures blocks the storm, and loses nothing.
#[test]
fn threads_for_signals() {
    in_storm(|_| {
        let guard = SignalSet::from(queued()).block().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = guard.handle_in_thread(move |information| sender.send(number(information)).unwrap()).unwrap();
        let peer = numbers(queued());
        assert!(receiver.iter().take(COUNT as usize).eq(0..COUNT));
        peer.succeed();
        thread.stop().unwrap();
    });
}
