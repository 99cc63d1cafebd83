//! Handlers that run on one thread while their guard is dropped on another.

use crate::support::eventually;
use crate::tools::{Action, Over, Ran, alone, descriptors, raise, snapshot, thread_id};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, HandlerOptions, Signal, SignalSet};
use std::any::Any;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

fn options() -> HandlerOptions {
    HandlerOptions::new()
}

/// Far longer than a guard waits, far shorter than for ever.
const BOUND: Duration = Duration::from_secs(5);

/// Reads one byte in a handler.
fn read_byte(pipe: &PipeReader) {
    let mut byte = 0_u8;
    // SAFETY: writes at most one byte into one.
    while unsafe { libc::read(pipe.as_raw_fd(), (&raw mut byte).cast(), 1) } != 1 {}
}

/// Writes one byte in a handler.
fn write_byte(pipe: &PipeWriter) {
    // SAFETY: reads one byte.
    while unsafe { libc::write(pipe.as_raw_fd(), b"x".as_ptr().cast(), 1) } != 1 {}
}

/// What a handler uses before and after it waits, and that says when it is freed.
struct Used {
    words: Vec<u64>,
    is_freed: Arc<AtomicBool>,
}

impl Used {
    const WORD: u64 = 0x5afe_5afe_5afe_5afe;

    fn new() -> (Self, Arc<AtomicBool>) {
        let is_freed = Arc::new(AtomicBool::new(false));
        (Self { words: vec![Self::WORD; 100], is_freed: Arc::clone(&is_freed) }, is_freed)
    }

    fn is_whole(&self) -> bool {
        self.words.iter().all(|word| *word == Self::WORD)
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        self.words.fill(0);
        self.is_freed.store(true, Ordering::SeqCst);
    }
}

/// A thread that a signal can be sent to, for as long as this lives.
struct Target {
    id: Pid,
    _end: mpsc::Sender<()>,
}

impl Target {
    fn start<'scope>(scope: &'scope std::thread::Scope<'scope, '_>) -> Self {
        let (say, said) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            say.send(thread_id()).unwrap();
            let _ = ended.recv();
        });
        Self { id: said.recv().unwrap(), _end: end }
    }

    fn signal(&self, signal: Signal) {
        signal::to_thread(getpid(), self.id, signal).unwrap();
    }
}

/// R-SIG-17: dropping waits a bounded time, frees nothing that the handler uses, and what was kept goes with a later guard.
#[test]
fn a_guard_that_is_dropped_under_its_handler_frees_nothing() {
    const ROUNDS: usize = 60;
    alone(|| {
        let before = (snapshot(), descriptors());
        let wrong = Arc::new(AtomicU64::new(0));
        for _ in 0..ROUNDS {
            let (mut entered, enter) = pipe().unwrap();
            let (leaving, mut leave) = pipe().unwrap();
            let (used, is_freed) = Used::new();
            let (broken, left) = (Arc::clone(&wrong), Arc::new(AtomicBool::new(false)));
            let leaves = Arc::clone(&left);
            let body = move |_: &_| {
                write_byte(&enter);
                read_byte(&leaving);
                broken.fetch_add(u64::from(!used.is_whole()), Ordering::SeqCst);
                leaves.store(true, Ordering::SeqCst);
            };
            // SAFETY: `read`, `write` and atomics.
            let handler = unsafe { options().function(Signal::USR1, body) }.unwrap();
            std::thread::scope(|scope| {
                let target = Target::start(scope);
                target.signal(Signal::USR1);
                entered.read_exact(&mut [0]).unwrap();

                let start = Instant::now();
                drop(handler);
                assert!(start.elapsed() < BOUND);
                assert_eq!(Action::of(Signal::USR1), Action::DEFAULT);
                assert!(!is_freed.load(Ordering::SeqCst), "freed under its handler");

                leave.write_all(b"x").unwrap();
                eventually("the handler ends", || left.load(Ordering::SeqCst));
            });
            drop(options().flag(Signal::USR1).unwrap());
            assert!(is_freed.load(Ordering::SeqCst), "kept although nobody uses it");
        }
        assert_eq!(wrong.load(Ordering::SeqCst), 0);
        assert_eq!((snapshot(), descriptors()), before);
    });
}

/// The handler before is found through what is kept, too.
#[test]
fn a_level_that_passes_on_is_not_freed_under_its_function() {
    static BELOW: Ran = Ran::new();
    static ENTERED: AtomicBool = AtomicBool::new(false);
    static LEAVE: AtomicBool = AtomicBool::new(false);
    extern "C" fn below(_signal: i32) {
        BELOW.add();
        ENTERED.store(true, Ordering::SeqCst);
        while !LEAVE.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
    }
    alone(|| {
        let below = Action::plain(below, 0);
        below.set(Signal::USR1);
        let chained = options().chain(true).count(Signal::USR1).unwrap();
        let counter = chained.share();
        std::thread::scope(|scope| {
            let target = Target::start(scope);
            target.signal(Signal::USR1);
            eventually("the handler below runs", || ENTERED.load(Ordering::SeqCst));
            let start = Instant::now();
            drop(chained);
            // Its place is used again meanwhile.
            for _ in 0..10 {
                drop(options().flag(Signal::USR1).unwrap());
            }
            assert!(start.elapsed() < BOUND);
            LEAVE.store(true, Ordering::SeqCst);
        });
        assert_eq!((counter.count(), BELOW.take()), (1, 1));
        assert_eq!(Action::of(Signal::USR1), below);
    });
}

/// A handler that waits on a thread that is just changing a disposition does not hold up other threads that want to.
#[test]
fn a_handler_does_not_run_while_its_thread_changes_dispositions() {
    const ROUNDS: usize = 300;
    alone(|| {
        let (mut entered, enter) = pipe().unwrap();
        let (leaving, mut leave) = pipe().unwrap();
        let body = move |_: &_| {
            write_byte(&enter);
            read_byte(&leaving);
        };
        // SAFETY: `read` and `write`.
        let _handler = unsafe { options().function(Signal::USR1, body) }.unwrap();
        let (say, said) = mpsc::channel();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                say.send(thread_id()).unwrap();
                while !done.load(Ordering::Acquire) {
                    drop(Signal::USR2.ignore().unwrap());
                }
            });
            let _over = Over(&done);
            let changing = said.recv().unwrap();
            for _ in 0..ROUNDS {
                signal::to_thread(getpid(), changing, Signal::USR1).unwrap();
                entered.read_exact(&mut [0]).unwrap();
                drop(Signal::HUP.ignore().unwrap());
                leave.write_all(b"x").unwrap();
            }
        });
    });
}

/// What a function captured may be a guard itself: it is dropped when nothing is locked.
#[test]
fn a_function_may_own_guards() {
    alone(|| {
        let before = snapshot();
        for inner in [Signal::USR1, Signal::USR2] {
            let flag = options().flag(inner).unwrap();
            // SAFETY: an atomic.
            let handler = unsafe { options().function(Signal::USR1, move |_| _ = flag.take()) }.unwrap();
            raise(Signal::USR1);
            drop(handler);
            assert_eq!(snapshot(), before);
        }
    });
}

/// R-SIG-14 R-SIG-17: signals of all kinds from several threads, guards of all kinds from several others.
#[test]
fn hammering() {
    const SENDERS: usize = 2;
    const CHANGERS: usize = 3;
    const ROUNDS: usize = 1500;
    alone(|| {
        // All have an effect that does no harm when no guard is there.
        let signals = [Signal::URG, Signal::WINCH, Signal::CHLD];
        static BELOW: Ran = Ran::new();
        extern "C" fn below(_signal: i32) {
            BELOW.add();
        }
        Action::plain(below, 0).set(Signal::WINCH);
        let before = (snapshot(), descriptors());
        let working = Arc::new(());
        std::thread::scope(|scope| {
            for changer in 0..CHANGERS {
                let working = Arc::clone(&working);
                scope.spawn(move || {
                    let _working = working;
                    let mut kept = Vec::new();
                    for round in 0..ROUNDS {
                        let signal = signals[(round + changer) % 3];
                        // Two a thread at most, so that eight places are enough.
                        if kept.len() == 2 {
                            drop(kept.swap_remove(round / 7 % 2));
                        }
                        kept.push(some_guard(signal, round * 5 + changer));
                    }
                });
            }
            for sender in 0..SENDERS {
                let working = &working;
                scope.spawn(move || {
                    // The changers have the others.
                    for signal in signals.into_iter().cycle().skip(sender) {
                        if Arc::strong_count(working) == 1 {
                            break;
                        }
                        raise(signal);
                    }
                });
            }
        });
        // What was kept for handlers in flight goes now.
        signals.into_iter().for_each(|signal| drop(signal.ignore().unwrap()));
        assert_eq!((snapshot(), descriptors()), before);
        for signal in signals {
            let all: Vec<_> = (0..8).map(|_| options().count(signal).unwrap()).collect();
            raise(signal);
            assert_eq!(all[7].count(), 1);
            assert!(all[..7].iter().all(|counter| counter.count() == 0));
        }
        assert_eq!((snapshot(), descriptors()), before);
    });
}

/// One of the guards that there are; none where a handler for one time cannot be chained.
fn some_guard(signal: Signal, number: usize) -> Option<Box<dyn Any>> {
    let options = options()
        .chain(number.is_multiple_of(2))
        .mask(SignalSet::from(Signal::USR1))
        .reentrant(number.is_multiple_of(3));
    match number % 9 {
        0 => made(signal.set_default()),
        1 => made(signal.ignore()),
        2 => made(options.flag(signal)),
        3 => made(options.count(signal)),
        4 => made(options.last(signal)),
        5 => made(options.wakeup(signal)),
        6 => made(options.pipe(signal)),
        7 => {
            let words = [number; 10];
            let check = move |_: &_| assert!(words.iter().all(|word| *word == number));
            // SAFETY: reads memory of its own; when that is not as it was, the process is to end.
            made(unsafe { options.function(signal, check) })
        }
        _ => made(options.chain(false).reset(true).count(signal)),
    }
}

fn made<T: 'static>(guard: ipc_safe::Result<T>) -> Option<Box<dyn Any>> {
    match guard {
        Ok(guard) => Some(Box::new(guard)),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            None
        }
    }
}
