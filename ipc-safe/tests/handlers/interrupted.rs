//! What a handler does to the call that it interrupts.

use crate::support::eventually;
use crate::tools::{alone, errno, thread_id};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, Counter, Handler, HandlerOptions, Signal, SignalSet};
use ipc_safe::sysv::{MessageQueue, MessageType, Selector, SemaphoreSet};
use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::thread::JoinHandle;

/// A thread that waits in a system call.
struct Waiting<T> {
    thread: JoinHandle<T>,
    id: Pid,
}

impl<T: Send + 'static> Waiting<T> {
    fn start(call: libc::c_long, body: impl FnOnce() -> T + Send + 'static) -> Self {
        let (say, said) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            say.send(thread_id()).unwrap();
            body()
        });
        let waiting = Self { thread, id: said.recv().unwrap() };
        waiting.sleeps_in(call);
        waiting
    }

    fn sleeps_in(&self, call: libc::c_long) {
        let path = format!("/proc/self/task/{}/syscall", self.id.as_raw_nonzero());
        eventually("the thread waits in the call", || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            text.split_whitespace().next() == Some(&call.to_string())
        });
    }

    /// Has the handler run in it.
    fn interrupt(&self, counter: &Handler<Counter>) {
        signal::to_thread(getpid(), self.id, Signal::USR1).unwrap();
        eventually("the handler ran", || counter.take() > 0);
    }

    fn finish(self) -> T {
        self.thread.join().unwrap()
    }
}

fn counter(restart: bool) -> Handler<Counter> {
    HandlerOptions::new().restart(restart).count(Signal::USR1).unwrap()
}

/// R-SIG-16, mistake 71: a program that waits in `getchar` goes on waiting under SA_RESTART, and gets EINTR without.
#[test]
fn a_read_goes_on_only_with_restart() {
    alone(|| {
        for restart in [true, false] {
            let (reader, mut writer) = pipe().unwrap();
            let counter = counter(restart);
            let waiting = Waiting::start(libc::SYS_read, move || {
                let mut byte = 0_u8;
                // SAFETY: writes at most one byte into one.
                let read = unsafe { libc::read(reader.as_raw_fd(), (&raw mut byte).cast(), 1) };
                if read == -1 { Err(errno()) } else { Ok(byte) }
            });
            waiting.interrupt(&counter);
            if restart {
                waiting.sleeps_in(libc::SYS_read);
            }
            // Without restart nobody reads any more.
            let _ = writer.write_all(b"x");
            assert_eq!(waiting.finish(), if restart { Ok(b'x') } else { Err(libc::EINTR) });
        }
    });
}

/// R-SIG-16: std reads again by itself.
#[test]
fn the_standard_library_goes_on_in_both_cases() {
    alone(|| {
        for restart in [true, false] {
            let (mut reader, mut writer) = pipe().unwrap();
            let counter = counter(restart);
            let waiting = Waiting::start(libc::SYS_read, move || {
                let mut bytes = [0; 3];
                reader.read_exact(&mut bytes).unwrap();
                bytes
            });
            for byte in *b"abc" {
                waiting.interrupt(&counter);
                writer.write_all(&[byte]).unwrap();
            }
            assert_eq!(waiting.finish(), *b"abc");
        }
    });
}

/// R-SIG-16 R-MSG-04 R-SEM-04: the calls of System V never go on by themselves; those of this crate do.
#[test]
fn system_v_calls_are_interrupted_with_and_without_restart() {
    alone(|| {
        for restart in [true, false] {
            let counter = counter(restart);
            let (queue, set) = (MessageQueue::private().unwrap(), SemaphoreSet::private(&[0]).unwrap());
            let (messages, semaphore) = (*queue, set.semaphore(0));

            let receive = move || {
                messages
                    .receive_value_interruptible::<u32>(Selector::First)
                    .map_err(|error| ipc_safe::Error::from(error).kind())
            };
            let waiting = Waiting::start(libc::SYS_msgrcv, receive);
            waiting.interrupt(&counter);
            assert_eq!(waiting.finish(), Err(ErrorKind::Interrupted));

            let receive = move || messages.receive_value::<u32>(Selector::First).map(|(_, value)| value).unwrap();
            let waiting = Waiting::start(libc::SYS_msgrcv, receive);
            waiting.interrupt(&counter);
            waiting.sleeps_in(libc::SYS_msgrcv);
            queue.send(MessageType::MIN, &7_u32.to_ne_bytes()[..]).unwrap();
            assert_eq!(waiting.finish(), 7);

            let waiting = Waiting::start(libc::SYS_semtimedop, move || {
                semaphore.subtract_interruptible(1).map_err(|error| error.kind())
            });
            waiting.interrupt(&counter);
            assert_eq!(waiting.finish(), Err(ErrorKind::Interrupted));

            let waiting = Waiting::start(libc::SYS_semtimedop, move || semaphore.subtract(1));
            waiting.interrupt(&counter);
            waiting.sleeps_in(libc::SYS_semtimedop);
            semaphore.add(1).unwrap();
            waiting.finish().unwrap();
        }
    });
}

/// R-SIG-16: waiting for signals, and for what handlers write.
#[test]
fn waits_for_signals_are_interrupted_only_where_that_is_asked_for() {
    alone(|| {
        for restart in [true, false] {
            let counter = counter(restart);
            let set = SignalSet::from(Signal::USR2);
            let call = libc::SYS_rt_sigtimedwait;
            let interruptible = move || set.block().unwrap().wait_interruptible().map_err(|error| error.kind());
            let waiting = Waiting::start(call, interruptible);
            waiting.interrupt(&counter);
            assert_eq!(waiting.finish(), Err(ErrorKind::Interrupted));

            let waiting = Waiting::start(call, move || set.block().unwrap().wait().map(|taken| taken.signal));
            waiting.interrupt(&counter);
            waiting.sleeps_in(call);
            signal::to_thread(getpid(), waiting.id, Signal::USR2).unwrap();
            assert_eq!(waiting.finish().unwrap(), Signal::USR2);

            let waiting = Waiting::start(libc::SYS_ppoll, move || {
                let guard = set.block().unwrap();
                guard.descriptor().unwrap().read_interruptible().map_err(|error| error.kind())
            });
            waiting.interrupt(&counter);
            assert_eq!(waiting.finish(), Err(ErrorKind::Interrupted));

            let wakeup = HandlerOptions::new().wakeup(Signal::HUP).unwrap();
            let shared = wakeup.share();
            let waiting = Waiting::start(libc::SYS_ppoll, move || shared.wait());
            waiting.interrupt(&counter);
            waiting.sleeps_in(libc::SYS_ppoll);
            signal::raise(Signal::HUP).unwrap();
            assert_eq!(waiting.finish().unwrap(), 1);

            let pipe = HandlerOptions::new().pipe(Signal::HUP).unwrap();
            let shared = pipe.share();
            let waiting = Waiting::start(libc::SYS_ppoll, move || shared.read());
            waiting.interrupt(&counter);
            waiting.sleeps_in(libc::SYS_ppoll);
            signal::raise(Signal::HUP).unwrap();
            assert_eq!(waiting.finish().unwrap(), Signal::HUP);
        }
    });
}

/// R-SIG-11: without a gap in which the signal could be missed.
#[test]
fn suspending_ends_when_a_handler_has_run() {
    alone(|| {
        let counter = counter(true);
        let guard = SignalSet::from(Signal::USR1).block().unwrap();
        for round in 1..=1000 {
            let this = thread_id();
            let sender = std::thread::spawn(move || signal::to_thread(getpid(), this, Signal::USR1).unwrap());
            guard.suspend().unwrap();
            assert_eq!(counter.count(), round);
            sender.join().unwrap();
        }
    });
}
