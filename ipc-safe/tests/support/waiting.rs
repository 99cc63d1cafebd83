//! Threads that wait in a system call, and signals that interrupt them.

use super::eventually;
use std::cell::Cell;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread that sleeps in a system call.
pub struct Waiting<T> {
    thread: JoinHandle<T>,
    tid: i32,
    handled: Arc<AtomicU32>,
}

impl<T: Send + 'static> Waiting<T> {
    /// Runs `body` in a thread and returns when that sleeps in the system call of this number.
    pub fn in_call(call: libc::c_long, body: impl FnOnce() -> T + Send + 'static) -> Self {
        count_signals();
        let (say, said) = mpsc::channel();
        let handled = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&handled);
        let thread = std::thread::spawn(move || {
            COUNTER.set(Arc::as_ptr(&counter));
            // SAFETY: takes no argument and cannot fail.
            say.send(unsafe { libc::gettid() }).expect("the test waits for it");
            let result = body();
            COUNTER.set(std::ptr::null());
            result
        });
        let tid = said.recv().expect("a thread id");
        let waiting = Self { thread, tid, handled };
        waiting.sleeps_in(call);
        waiting
    }

    /// Returns when the thread sleeps in the system call of this number.
    pub fn sleeps_in(&self, call: libc::c_long) {
        eventually("the thread waits in the call", || {
            assert!(!self.thread.is_finished(), "the call did not wait");
            sleeps_in(self.tid, call)
        });
    }

    /// Signals the thread and returns when its handler ran.
    pub fn signal(&self, signal: i32) {
        let before = self.handled.load(Ordering::SeqCst);
        self.send(signal);
        eventually("the handler ran", || self.handled.load(Ordering::SeqCst) > before || self.thread.is_finished());
    }

    fn send(&self, signal: i32) {
        // SAFETY: the thread is not joined yet, so that its handle is good; the signals are those with a handler.
        unsafe { libc::pthread_kill(self.thread.as_pthread_t(), signal) };
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// The result of `body`.
    pub fn finish(self) -> T {
        self.thread.join().expect("the thread did not panic")
    }

    /// Interrupts the thread a hundred times while it waits, then calls `act`, which is to end the wait, while signals go on
    /// coming. Returns the result of the body.
    pub fn finish_in_storm(self, act: impl FnOnce()) -> T {
        for round in 0..100 {
            self.signal(if round % 2 == 0 { RESTARTING } else { PLAIN });
            assert!(!self.thread.is_finished(), "a signal ended the wait");
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !self.thread.is_finished() {
                    self.send(RESTARTING);
                    // A pause: a thread that gets signals faster than it leaves their handler never gets further.
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
            act();
        });
        self.finish()
    }
}

/// Whether a thread, of this process or a forked child, sleeps in the system call of this number.
pub fn sleeps_in(tid: i32, call: libc::c_long) -> bool {
    let own = std::fs::read_to_string(format!("/proc/{tid}/syscall"));
    own.is_ok_and(|text| text.split_whitespace().next() == Some(&call.to_string()))
}

/// A signal whose handler has `SA_RESTART`.
pub const RESTARTING: i32 = libc::SIGUSR1;
/// A signal whose handler has not.
pub const PLAIN: i32 = libc::SIGUSR2;

thread_local! {
    /// Where the handler counts for this thread.
    static COUNTER: Cell<*const AtomicU32> = const { Cell::new(std::ptr::null()) };
}

extern "C" fn count(_signal: i32) {
    let counter = COUNTER.get();
    if !counter.is_null() {
        // SAFETY: the thread that this runs in keeps the counter for as long as the pointer is set.
        unsafe { (*counter).fetch_add(1, Ordering::SeqCst) };
    }
}

/// Installs a handler for both signals, once and for all threads.
fn count_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, flags) in [(RESTARTING, libc::SA_RESTART), (PLAIN, 0)] {
            // SAFETY: an all-zero `sigaction` is a valid one; the handler does nothing but count in an atomic.
            let installed = unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = count as *const () as usize;
                action.sa_flags = flags;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut())
            };
            assert_eq!(installed, 0);
        }
    });
}
