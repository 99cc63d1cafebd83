//! Ordinary closures for signals, in a thread of their own.

use crate::support::{eventually, fork};
use crate::tools::{alone, descriptors, queue, real_time, refused};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, MaskGuard, Signal, SignalSet, SignalThread};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Runs `body` in a process with one thread, so that all its threads block what the first one blocks.
fn with_one_thread(body: impl FnOnce()) {
    let child = fork(|| {
        body();
        0
    });
    child.succeed();
}

fn blocked(signals: impl Into<SignalSet>) -> MaskGuard {
    signals.into().block().unwrap()
}

/// R-SIG-14: code that may allocate, lock and print.
#[test]
fn many_signals_arrive_in_order_with_their_values() {
    const COUNT: i32 = 2000;
    alone(|| {
        with_one_thread(|| {
            let signal = real_time(1);
            let guard = blocked(signal);
            let (sender, receiver) = mpsc::channel();
            let thread = guard
                .handle_in_thread(move |information| sender.send(information.value().unwrap().as_i32()).unwrap())
                .unwrap();
            assert_eq!(thread.signals(), signal.into());
            for value in 0..COUNT {
                while signal::queue(getpid(), signal, value).is_err_and(|error| error.is_would_block()) {
                    std::thread::yield_now();
                }
            }
            assert!(receiver.iter().take(COUNT as usize).eq(0..COUNT));
            thread.stop().unwrap();
            // It does not take what comes later.
            queue(signal, -1);
            assert_eq!(guard.wait().unwrap().value().unwrap().as_i32(), -1);
        });
    });
}

#[test]
fn a_thread_that_is_stopped_or_dropped_leaves_nothing() {
    alone(|| {
        with_one_thread(|| {
            let guard = blocked(Signal::HUP);
            let before = descriptors();
            let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
            guard.handle_in_thread(|_| {}).unwrap().stop().unwrap();
            drop(guard.handle_in_thread(|_| {}).unwrap());
            eventually("the threads are gone", || threads() == 1);
            assert_eq!(descriptors(), before);
            assert!(format!("{:?}", guard.handle_in_thread(|_| {}).unwrap()).contains("SIGHUP"));
        });
    });
}

/// Dropping never waits without bound, also when the closure does.
#[test]
fn dropping_does_not_wait_for_the_closure_and_stopping_does() {
    alone(|| {
        with_one_thread(|| {
            let guard = blocked(Signal::HUP);
            let (enter, entered) = mpsc::channel();
            let (leave, left) = mpsc::channel::<()>();
            let thread = guard
                .handle_in_thread(move |_| {
                    enter.send(()).unwrap();
                    left.recv().unwrap();
                })
                .unwrap();
            signal::to_process(getpid(), Signal::HUP).unwrap();
            entered.recv().unwrap();
            let start = Instant::now();
            drop(thread);
            assert!(start.elapsed() < Duration::from_secs(5));
            leave.send(()).unwrap();
            // The closure is gone, and with it its end of the channel.
            assert!(entered.recv().is_err());

            let ended = Arc::new(AtomicBool::new(false));
            let ends = Arc::clone(&ended);
            let (enter, entered) = mpsc::channel();
            let thread = guard
                .handle_in_thread(move |_| {
                    enter.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(20));
                    ends.store(true, Ordering::SeqCst);
                })
                .unwrap();
            signal::to_process(getpid(), Signal::HUP).unwrap();
            entered.recv().unwrap();
            thread.stop().unwrap();
            assert!(ended.load(Ordering::SeqCst));
        });
    });
}

#[test]
fn a_closure_may_drop_or_stop_its_own_thread() {
    alone(|| {
        with_one_thread(|| {
            let guard = blocked(Signal::HUP);
            for stops in [false, true] {
                let own: Arc<Mutex<Option<SignalThread>>> = Arc::default();
                let inner = Arc::clone(&own);
                let (done, is_done) = mpsc::channel();
                let thread = guard.handle_in_thread(move |_| {
                    let thread = inner.lock().unwrap().take().unwrap();
                    if stops {
                        thread.stop().unwrap()
                    } else {
                        drop(thread)
                    }
                    done.send(()).unwrap();
                });
                *own.lock().unwrap() = Some(thread.unwrap());
                signal::to_process(getpid(), Signal::HUP).unwrap();
                is_done.recv().unwrap();
                assert!(is_done.recv().is_err(), "the thread ends, and drops its closure");
            }
        });
    });
}

#[test]
fn stopping_tells_that_the_closure_panicked() {
    alone(|| {
        with_one_thread(|| {
            let guard = blocked(Signal::HUP);
            let (sender, receiver) = mpsc::channel::<()>();
            let thread = guard.handle_in_thread(move |_| {
                let _sender = &sender;
                std::panic::resume_unwind(Box::new("the reason"));
            });
            let thread = thread.unwrap();
            signal::to_process(getpid(), Signal::HUP).unwrap();
            assert!(receiver.recv().is_err());
            assert_eq!(*thread.stop().unwrap_err().downcast::<&str>().unwrap(), "the reason");
            // The signals wait again.
            signal::to_process(getpid(), Signal::HUP).unwrap();
            assert_eq!(guard.wait().unwrap().signal, Signal::HUP);
        });
    });
}

/// A forked child has no such thread, and leaves the parent's alone.
#[test]
fn a_forked_child_does_not_stop_the_thread_of_its_parent() {
    alone(|| {
        with_one_thread(|| {
            let guard = blocked(Signal::HUP);
            for stops in [false, true] {
                let (sender, receiver) = mpsc::channel();
                let thread = guard.handle_in_thread(move |_| sender.send(()).unwrap()).unwrap();
                let mut thread = Some(thread);
                let child = fork(|| {
                    let thread = thread.take().unwrap();
                    if stops {
                        thread.stop().unwrap()
                    } else {
                        drop(thread)
                    }
                    0
                });
                child.succeed();
                signal::to_process(getpid(), Signal::HUP).unwrap();
                receiver.recv().unwrap();
                thread.take().unwrap().stop().unwrap();
            }
        });
    });
}

/// All that the thread needs is there before it starts, or nothing is.
#[test]
fn without_descriptors_there_is_no_thread_and_an_error() {
    alone(|| {
        with_one_thread(|| {
            let guard = blocked(Signal::HUP);
            let unused = blocked(SignalSet::empty());
            refused(unused.handle_in_thread(|_| {}), ErrorKind::InvalidInput);
            for room in [0, 1] {
                let highest = std::fs::File::open("/").unwrap();
                let limit = std::os::fd::AsRawFd::as_raw_fd(&highest) as u64 + 1 + room;
                let limit = libc::rlimit { rlim_cur: limit, rlim_max: 4096 };
                // SAFETY: reads one `rlimit`.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
                refused(guard.handle_in_thread(|_| {}), ErrorKind::LimitReached);
                drop(highest);
            }
        });
    });
}
