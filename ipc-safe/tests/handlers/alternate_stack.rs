//! Handlers on a stack of their own.

use crate::support::fork;
use crate::tools::{alone, queue_to_thread, raise, real_time, refused, thread_id};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::ChildStatus;
use ipc_safe::signal::{AlternateStack, HandlerOptions, Signal};
use ipc_safe::sys::signal as c;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const SIZE: usize = 64 * 1024;

fn options() -> HandlerOptions {
    HandlerOptions::new()
}

/// The alternate stack of this thread as the kernel has it: address, size, flags.
fn current() -> (usize, usize, i32) {
    let mut stack = c::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: null changes nothing; writes one `stack_t`.
    assert_eq!(unsafe { c::sigaltstack(std::ptr::null(), &raw mut stack) }, 0);
    (stack.ss_sp.addr(), stack.ss_size, stack.ss_flags)
}

/// Whether there is memory at an address.
fn is_mapped(address: usize) -> bool {
    let mut resident = 0_u8;
    let page = address & !4095;
    // SAFETY: writes one byte; the address is looked at by the kernel only.
    unsafe { libc::mincore(std::ptr::without_provenance_mut(page), 1, &raw mut resident) == 0 }
}

/// Where a local variable of the last handler was.
static LOCAL: AtomicUsize = AtomicUsize::new(0);

fn note(_: &ipc_safe::signal::Information) {
    let local = 0_u8;
    LOCAL.store((&raw const local).addr(), Ordering::SeqCst);
}

/// R-SIG-11: SA_ONSTACK
#[test]
fn a_handler_runs_on_it_only_when_it_asks_for_it() {
    alone(|| {
        let stack = AlternateStack::new(SIZE).unwrap();
        assert!(stack.len() >= SIZE && !stack.is_empty());
        let (address, size, _) = current();
        assert_eq!(size, stack.len());
        for on_stack in [true, false] {
            // SAFETY: stores an address.
            let _handler = unsafe { options().on_stack(on_stack).function(Signal::USR1, note) }.unwrap();
            raise(Signal::USR1);
            assert_eq!((address..address + size).contains(&LOCAL.load(Ordering::SeqCst)), on_stack);
        }
    });
}

#[test]
fn less_than_a_handler_needs_is_refused() {
    alone(|| {
        let least = AlternateStack::least();
        // SAFETY: takes an integer.
        let kernel = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        assert!(least >= kernel && least > 2048, "{least} {kernel}");
        let before = current();
        for size in [0, 1, 2048, least - 1] {
            let words = refused(AlternateStack::new(size), ErrorKind::InvalidInput).to_string();
            let expected =
                format!("sigaltstack of {size} bytes: EINVAL: handlers need at least {least} bytes on this processor");
            assert_eq!(words, expected);
        }
        refused(AlternateStack::new(usize::MAX), ErrorKind::OutOfMemory);
        assert_eq!(current(), before);
    });
}

/// R-SIG-14: each action of this crate, with all of the processor's registers in use.
#[test]
fn the_least_size_is_enough_for_every_action() {
    alone(|| {
        let _stack = AlternateStack::new(AlternateStack::least()).unwrap();
        let options = options().on_stack(true);
        let below = options.count(real_time(5)).unwrap();
        let guards = (
            options.flag(real_time(0)).unwrap(),
            options.count(real_time(1)).unwrap(),
            options.last(real_time(2)).unwrap(),
            options.wakeup(real_time(3)).unwrap(),
            options.pipe(real_time(4)).unwrap(),
            options.chain(true).last(real_time(5)).unwrap(),
        );
        for number in 0..6 {
            queue_to_thread(thread_id(), real_time(number), 7);
        }
        assert!(guards.0.is_set() && guards.2.take().is_some() && guards.5.take().is_some());
        assert_eq!((guards.1.take(), guards.3.try_wait().unwrap(), below.take()), (1, 1, 1));
        assert_eq!(guards.4.try_read().unwrap(), real_time(4));
    });
}

/// R-SIG-17
#[test]
fn the_stack_before_is_back_after_the_guard() {
    alone(|| {
        let before = current();
        let outer = AlternateStack::new(SIZE).unwrap();
        let first = current();
        let inner = AlternateStack::new(SIZE).unwrap();
        assert_ne!(current(), first);
        let address = current().0;
        drop(inner);
        assert_eq!(current(), first);
        assert!(!is_mapped(address));
        drop(outer);
        assert_eq!(current(), before);
        assert!(!is_mapped(first.0));
    });
}

/// In any other order nothing is freed that the kernel has.
#[test]
fn guards_dropped_in_any_order_leave_a_stack_that_is_there() {
    alone(|| {
        // SAFETY: stores an address.
        let _handler = unsafe { options().on_stack(true).function(Signal::USR1, note) }.unwrap();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let thread = std::thread::spawn(move || {
                let mut guards: Vec<_> = (0..3).map(|_| AlternateStack::new(SIZE).ok()).collect();
                for index in order {
                    guards[index] = None;
                    let (address, size, flags) = current();
                    raise(Signal::USR1);
                    // std has none where another handler of SIGSEGV is there.
                    if flags & libc::SS_DISABLE == 0 {
                        assert!(is_mapped(address) && is_mapped(address + size - 1));
                        assert!((address..address + size).contains(&LOCAL.load(Ordering::SeqCst)));
                    }
                }
            });
            thread.join().unwrap();
        }
    });
}

#[test]
fn what_other_code_set_stays() {
    alone(|| {
        let guard = AlternateStack::new(SIZE).unwrap();
        let ours = current();
        let none = c::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: reads one `stack_t`.
        assert_eq!(unsafe { c::sigaltstack(&raw const none, std::ptr::null_mut()) }, 0);
        drop(guard);
        assert_eq!(current().2, libc::SS_DISABLE);
        assert!(is_mapped(ours.0), "other code may have kept it, and put it back");
    });
}

thread_local! {
    static KEPT: RefCell<Option<AlternateStack>> = const { RefCell::new(None) };
}

/// std frees its own stack before the thread's locals are dropped: it must not be put back.
#[test]
fn a_guard_that_lives_as_long_as_its_thread_does_no_harm() {
    alone(|| {
        for _ in 0..200 {
            std::thread::spawn(|| {
                // Made first, so that it is dropped last, and looks at what the guard left.
                AFTER.with(|_| {});
                KEPT.set(Some(AlternateStack::new(SIZE).unwrap()));
            })
            .join()
            .unwrap();
        }
        assert_eq!(LOOKS.load(Ordering::SeqCst), 200);
    });
}

static LOOKS: AtomicUsize = AtomicUsize::new(0);

struct After;

impl Drop for After {
    fn drop(&mut self) {
        let (address, _, flags) = current();
        if flags & libc::SS_DISABLE != 0 || is_mapped(address) {
            LOOKS.fetch_add(1, Ordering::SeqCst);
        }
    }
}

thread_local! {
    static AFTER: After = const { After };
}

/// The kernel refuses to change a stack that a handler runs on; the memory stays.
#[test]
fn a_guard_dropped_by_a_handler_on_its_stack_frees_nothing() {
    static RAN: AtomicBool = AtomicBool::new(false);
    alone(|| {
        KEPT.set(Some(AlternateStack::new(SIZE).unwrap()));
        let (address, ..) = current();
        let body = |_: &_| {
            let words = black_box([7_u64; 100]);
            drop(KEPT.take());
            refused(AlternateStack::new(SIZE), ErrorKind::PermissionDenied);
            assert!(words.iter().all(|word| *word == 7));
            RAN.store(true, Ordering::SeqCst);
        };
        // SAFETY: raised between two statements, where nothing is held.
        let _handler = unsafe { options().on_stack(true).function(Signal::USR1, body) }.unwrap();
        raise(Signal::USR1);
        assert!(RAN.load(Ordering::SeqCst) && KEPT.take().is_none());
        assert!(is_mapped(address));
        assert_eq!(current().0, address);
        raise(Signal::USR1);
    });
}

/// R-SIG-17: each has a copy.
#[test]
fn a_forked_child_undoes_its_copy() {
    alone(|| {
        let before = current();
        let mut stack = Some(AlternateStack::new(SIZE).unwrap());
        let ours = current();
        let child = fork(|| {
            drop(stack.take());
            i32::from(current() != before || is_mapped(ours.0))
        });
        child.succeed();
        assert_eq!(current(), ours);
        assert!(is_mapped(ours.0));
    });
}

/// The last words of a process whose stack is full.
const WORDS: &[u8] = b"the stack is full\n";

fn overflow(depth: u64) -> u64 {
    let room = black_box([depth; 512]);
    if depth == u64::MAX {
        return 0;
    }
    overflow(depth + 1).wrapping_add(room[(depth % 512) as usize])
}

/// R-SIG-11 R-SIG-14: a function that handles the fault of a full stack; it ends the process.
#[test]
fn a_full_stack_is_reported_by_a_handler() {
    alone(|| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let child = fork(move || {
            let _stack = AlternateStack::new(SIZE).unwrap();
            let body = move |information: &ipc_safe::signal::Information| {
                let is_fault =
                    matches!(information.origin, ipc_safe::signal::Origin::Fault { address } if address != 0);
                // SAFETY: reads the words; ends the process.
                unsafe {
                    let pipe = std::os::fd::AsRawFd::as_raw_fd(&writer);
                    while libc::write(pipe, WORDS.as_ptr().cast(), WORDS.len()) == -1 {}
                    libc::_exit(if is_fault { 42 } else { 43 });
                }
            };
            // SAFETY: `write` and `_exit`.
            let _handler = unsafe { options().on_stack(true).function([Signal::SEGV, Signal::BUS], body) }.unwrap();
            // On a thread too, which has a stack of its own size and needs an alternate one of its own.
            std::thread::spawn(|| {
                let _stack = AlternateStack::new(SIZE).unwrap();
                black_box(overflow(0));
            })
            .join()
            .unwrap();
            1
        });
        let status = child.wait();
        assert_eq!(ChildStatus::from(status), ChildStatus::Exited(42));
        let mut said = String::new();
        std::io::Read::read_to_string(&mut reader, &mut said).unwrap();
        assert_eq!(said.as_bytes(), WORDS);
    });
}

#[test]
fn restoring_says_when_it_is_not_possible() {
    alone(|| {
        let before = current();
        AlternateStack::new(SIZE).unwrap().restore().unwrap();
        assert_eq!(current(), before);

        let below = AlternateStack::new(SIZE).unwrap();
        let above = AlternateStack::new(SIZE).unwrap();
        let error = below.restore().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("another stack was set meanwhile"), "{error}");
        above.restore().unwrap();
        assert!(is_mapped(current().0), "the stack that is back is still there");
    });
}
