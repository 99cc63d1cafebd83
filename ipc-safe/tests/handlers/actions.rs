//! What handlers do: flags, counters, the last signal, descriptors.

use crate::support::eventually;
use crate::tools::{Over, alone, errno, queue, queue_to_thread, raise, real_time, refused, set_errno, thread_id};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::getpid;
use ipc_safe::signal::{HandlerOptions, Origin, Signal, SignalSet, Value};
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

fn options() -> HandlerOptions {
    HandlerOptions::new()
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut both = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    poll(&mut both, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

/// R-SIG-14
#[test]
fn a_flag_is_set_and_taken() {
    alone(|| {
        let flag = options().flag([Signal::USR1, Signal::USR2]).unwrap();
        assert!(!flag.is_set() && !flag.take());
        for signal in [Signal::USR1, Signal::USR2] {
            raise(signal);
            assert!(flag.is_set() && flag.is_set() && flag.take() && !flag.is_set());
        }
    });
}

/// R-SIG-14 R-SIG-10: deliveries are counted; standard signals merge while they wait, real-time signals do not.
#[test]
fn a_counter_counts_deliveries() {
    alone(|| {
        let queued = real_time(1);
        let counter = options().count([Signal::USR1, queued]).unwrap();
        let guard = SignalSet::from([Signal::USR1, queued]).block().unwrap();
        for value in 0..5 {
            raise(Signal::USR1);
            queue_to_thread(thread_id(), queued, value);
        }
        assert_eq!(counter.count(), 0);
        drop(guard);
        assert_eq!(counter.count(), 6);
        assert_eq!((counter.take(), counter.take()), (6, 0));
    });
}

/// R-SIG-14
#[test]
fn the_last_signal_is_kept_with_all_about_it() {
    alone(|| {
        let signal = real_time(2);
        let last = options().last([Signal::USR1, signal]).unwrap();
        assert_eq!((last.get(), last.take()), (None, None));
        raise(Signal::USR1);
        let information = last.get().unwrap();
        assert_eq!(information.signal, Signal::USR1);
        assert!(matches!(information.origin, Origin::Thread(sender) if sender.pid == Some(getpid())));

        queue(signal, -7);
        let mut taken = None;
        eventually("it came", || {
            taken = last.take();
            taken.is_some_and(|taken| taken.signal == signal)
        });
        assert_eq!(taken.unwrap().value(), Some(Value::from(-7)));
        assert_eq!((last.take(), last.get()), (None, taken), "taken once, and still known");
        assert!(format!("{:?}", *last).contains("Queue"));
    });
}

/// A value whose halves agree, so that a mixture shows.
fn pattern(number: u32) -> u64 {
    u64::from(number) << 32 | u64::from(!number)
}

fn is_pattern(value: u64) -> bool {
    value as u32 == !((value >> 32) as u32)
}

/// R-SIG-14: handlers on several threads at once, and readers; never torn, and each taken at most once.
#[test]
fn the_last_signal_is_never_torn_and_never_taken_twice() {
    const ROUNDS: u32 = 20_000;
    alone(|| {
        let signals = [real_time(3), real_time(4), real_time(5)];
        let last = options().last(signals).unwrap();
        let done = AtomicBool::new(false);
        let mut taken: Vec<u64> = std::thread::scope(|scope| {
            let senders = signals.map(|signal| {
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let number = u32::try_from(signal.as_raw()).unwrap() << 24 | round;
                        queue_to_thread(thread_id(), signal, pattern(number));
                    }
                })
            });
            let take = || {
                let mut taken = Vec::new();
                while !done.load(Ordering::Acquire) {
                    taken.extend(last.take().map(|taken| taken.value().unwrap().as_u64()));
                }
                taken
            };
            let takers = [scope.spawn(take), scope.spawn(take)];
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            done.store(true, Ordering::Release);
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        });
        taken.extend(last.take().map(|taken| taken.value().unwrap().as_u64()));
        assert!(taken.iter().all(|&value| is_pattern(value)));
        let count = taken.len();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), count, "taken twice");
        assert!(count > 0);
    });
}

/// R-SIG-14, mistake 70: a handler that changes `errno` breaks the code that it interrupts.
#[test]
fn errno_is_kept_by_each_action() {
    alone(|| {
        let guards = (
            options().flag(real_time(0)).unwrap(),
            options().count(real_time(1)).unwrap(),
            options().last(real_time(2)).unwrap(),
            options().wakeup(real_time(3)).unwrap(),
            options().pipe(real_time(4)).unwrap(),
            // SAFETY: sets `errno`, which is what this crate keeps.
            unsafe { options().function(real_time(5), |_| set_errno(libc::ENOTTY)) }.unwrap(),
        );
        // The pipe is full: `write` fails.
        while guards.4.lost() == 0 {
            raise(real_time(4));
        }
        for number in 0..6 {
            for expected in [libc::EXDEV, 0] {
                set_errno(expected);
                // SAFETY: takes an integer.
                unsafe { libc::raise(real_time(number).as_raw()) };
                assert_eq!(errno(), expected, "action {number}");
            }
        }
        set_errno(libc::EXDEV);
        drop(guards);
        assert_eq!(errno(), libc::EXDEV);
    });
}

/// R-SIG-14
#[test]
fn a_wakeup_is_readable_while_signals_were_not_taken() {
    alone(|| {
        let wakeup = options().wakeup(Signal::USR1).unwrap();
        assert!(!is_readable(wakeup.as_fd()));
        refused(wakeup.try_wait(), ErrorKind::WouldBlock);
        refused(wakeup.wait_timeout(Duration::from_millis(5)), ErrorKind::TimedOut);
        for _ in 0..3 {
            raise(Signal::USR1);
        }
        assert!(is_readable(wakeup.as_fd()));
        assert_eq!(wakeup.wait().unwrap(), 3);
        assert!(!is_readable(wakeup.as_fd()));
        raise(Signal::USR1);
        assert_eq!(wakeup.wait_timeout(Duration::MAX).unwrap(), 1);
    });
}

/// R-SIG-14
#[test]
fn a_pipe_gives_the_signals_in_the_order_of_their_delivery() {
    alone(|| {
        let signals = [Signal::USR2, Signal::USR1, real_time(30), Signal::USR2, Signal::HUP];
        let pipe = options().pipe(signals).unwrap();
        refused(pipe.try_read(), ErrorKind::WouldBlock);
        refused(pipe.read_timeout(Duration::from_millis(5)), ErrorKind::TimedOut);
        signals.into_iter().for_each(raise);
        assert!(is_readable(pipe.as_fd()));
        let read: Vec<_> = (0..5).map(|_| pipe.read().unwrap()).collect();
        assert_eq!(read, signals);
        assert!(!is_readable(pipe.as_fd()));
        assert_eq!(pipe.lost(), 0);
    });
}

/// R-SIG-14: a handler never waits; what does not go into a full pipe is counted.
#[test]
fn what_a_full_pipe_loses_is_counted() {
    alone(|| {
        let pipe = options().pipe(Signal::USR1).unwrap();
        let room = rustix::pipe::fcntl_getpipe_size(&*pipe).unwrap() as u64;
        for _ in 0..room + 10 {
            raise(Signal::USR1);
        }
        assert_eq!(pipe.lost(), 10);
        let held = std::iter::from_fn(|| pipe.try_read().ok()).count() as u64;
        assert_eq!(held, room);
        raise(Signal::USR1);
        assert_eq!((pipe.read().unwrap(), pipe.lost()), (Signal::USR1, 10));
    });
}

/// R-SIG-14: descriptors close with the guard, and with what was shared.
#[test]
fn descriptors_are_closed_with_the_last_who_has_them() {
    alone(|| {
        let before = crate::tools::descriptors();
        let (wakeup, pipe) = (options().wakeup(Signal::USR1).unwrap(), options().pipe(Signal::USR2).unwrap());
        assert_eq!(crate::tools::descriptors(), before + 3);
        for descriptor in [wakeup.as_fd(), pipe.as_fd()] {
            assert!(rustix::io::fcntl_getfd(descriptor).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
            assert!(rustix::fs::fcntl_getfl(descriptor).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        }
        let shared = pipe.share();
        drop((wakeup, pipe));
        assert_eq!(crate::tools::descriptors(), before + 2);
        refused(shared.try_read(), ErrorKind::WouldBlock);
        drop(shared);
        assert_eq!(crate::tools::descriptors(), before);
    });
}

/// A descriptor in the event loop.
fn watched(descriptor: BorrowedFd<'_>) -> AsyncFd<BorrowedFd<'_>> {
    // SAFETY: borrowed, so that the descriptor stays what it is.
    unsafe { AsyncFd::register(descriptor) }.unwrap()
}

/// R-SIG-14: the event loop of another crate.
#[test]
fn tokio_waits_for_wakeups_and_pipes() {
    alone(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let (wakeup, pipe) = (options().wakeup(Signal::USR1).unwrap(), options().pipe(Signal::USR2).unwrap());
        runtime.block_on(async {
            let (woken, piped) = (watched(wakeup.as_fd()), watched(pipe.as_fd()));
            for _ in 0..3 {
                std::thread::spawn(|| [Signal::USR2, Signal::USR1].into_iter().for_each(raise));
                let mut ready = woken.readable().await.unwrap();
                assert_eq!(wakeup.try_wait().unwrap(), 1);
                ready.clear_ready();
                let mut ready = piped.readable().await.unwrap();
                assert_eq!(pipe.try_read().unwrap(), Signal::USR2);
                ready.clear_ready();
            }
        });
    });
}

/// R-SIG-14, mistake 70: a handler that prints, allocates or locks deadlocks when it interrupts one who does.
#[test]
fn storms_while_memory_is_allocated_and_lines_are_printed() {
    const ROUNDS: usize = 3000;
    alone(|| {
        let signals: Vec<_> = (0..5).map(real_time).collect();
        let _guards = (
            options().flag(signals[0]).unwrap(),
            options().count(signals[1]).unwrap(),
            options().last(signals[2]).unwrap(),
            options().wakeup(signals[3]).unwrap(),
            options().pipe(signals[4]).unwrap(),
        );
        let (main, done) = (thread_id(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for signal in signals.iter().cycle() {
                    if done.load(Ordering::Acquire) {
                        break;
                    }
                    let _ = ipc_safe::signal::to_thread(getpid(), main, *signal);
                    // A pause: a thread that gets signals faster than it leaves their handlers never gets further.
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
            let _over = Over(&done);
            let mut kept = Vec::new();
            for round in 0..ROUNDS {
                kept.push(vec![round; round % 200]);
                if round % 7 == 0 {
                    kept.clear();
                }
                println!("line {round}");
                // Our own locked section.
                drop(options().flag(Signal::USR1).unwrap());
            }
        });
    });
}
