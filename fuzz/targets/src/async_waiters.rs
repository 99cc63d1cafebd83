//! Two threads that really wait, on a queue or on a set, and a third that sends, receives, adds and takes units, sends signals, and
//! removes the object: each wait ends, with an outcome that there can be, and nothing is lost or done twice.

use crate::{leaks, namespace};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::{ErrorKind, Result};
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Operations, Selector, SemaphoreSet};
use std::cell::RefCell;
use std::process::abort;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread::{scope, yield_now};
use std::time::{Duration, Instant};

/// How a waiter waits.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Form {
    Forever,
    /// At most so many eighths of a millisecond.
    Timeout(u8),
    Interruptible,
}

impl Form {
    fn time(self) -> Option<Duration> {
        if let Self::Timeout(eighths) = self {
            Some(Duration::from_micros(u64::from(eighths % 16) * 125))
        } else {
            None
        }
    }
}

/// What the third thread does meanwhile.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Act {
    /// Lets the others run.
    Yield,
    /// Sends a message, or adds units.
    Give(u8),
    /// Receives a message, or takes units.
    Take(u8),
    /// Interrupts a waiter.
    Signal(bool),
    Remove,
}

#[derive(Arbitrary, Debug)]
struct Input {
    of_queue: bool,
    /// What is there at first.
    filled: u8,
    waits: [(u8, Form); 2],
    acts: [Act; 6],
}

/// Longer than any wait of these programs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs one input.
pub fn run(data: &[u8]) {
    namespace::enter();
    leaks::begin();
    handle_signals();
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else { return };
    if input.of_queue {
        with_queue(&input)
    } else {
        with_set(&input)
    }
    leaks::check();
}

/// A handler that does nothing, so that a signal interrupts.
#[expect(unsafe_code, reason = "the crate's handlers all do something")]
fn handle_signals() {
    extern "C" fn nothing(_: libc::c_int) {}
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: zero is a value of all fields.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        // SAFETY: the handler does nothing, and nobody else in this process uses the signal.
        let done = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        assert_eq!(done, 0);
    });
}

/// A thread that waits.
#[derive(Default)]
struct Waiter {
    thread: AtomicI32,
    is_done: AtomicBool,
}

impl Waiter {
    fn run<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.thread.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::SeqCst);
        let outcome = wait();
        self.is_done.store(true, Ordering::SeqCst);
        outcome
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::SeqCst)
    }

    #[expect(unsafe_code, reason = "a signal to a thread that the crate has no handle of")]
    fn signal(&self) {
        let thread = self.thread.load(Ordering::SeqCst);
        if thread != 0 {
            // SAFETY: takes numbers; the thread is one of this process, which is not waited for yet.
            unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, libc::SIGUSR1) };
        }
    }
}

/// Does the acts, and then `help` until both waiters are done.
fn conduct(acts: &[Act], waiters: &[Waiter; 2], mut act: impl FnMut(Act), mut help: impl FnMut()) {
    for step in acts {
        match *step {
            Act::Yield => (0..20).for_each(|_| yield_now()),
            Act::Signal(second) => waiters[usize::from(second)].signal(),
            other => act(other),
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while !waiters.iter().all(Waiter::is_done) {
        help();
        yield_now();
        if Instant::now() > deadline {
            eprintln!("a waiter does not end");
            abort(); // nobody could wait for it
        }
    }
}

/// Whether an outcome is one that there can be.
fn check(outcome: &Result<()>, form: Form, acts: &[Act]) {
    let Err(error) = outcome else { return };
    let removed = acts.iter().any(|act| matches!(act, Act::Remove));
    let signalled = acts.iter().any(|act| matches!(act, Act::Signal(_)));
    let possible = match error.kind() {
        ErrorKind::Removed => removed,
        ErrorKind::TimedOut => form.time().is_some(),
        ErrorKind::Interrupted => signalled && matches!(form, Form::Interruptible),
        _ => false,
    };
    assert!(possible, "{error} for a wait {form:?} with {acts:?}");
}

/// Messages that the queue holds.
const ROOM: u64 = 2;

/// A message of one of three types.
fn kind(number: u8) -> MessageType {
    MessageType::new(i64::from(number % 3) + 1).expect("positive")
}

/// A queue, and how many messages went in and out by the third thread.
struct Messages {
    queue: MessageQueue,
    sent: u64,
    received: u64,
}

impl Messages {
    fn send(&mut self, number: u8) {
        self.sent += u64::from(self.queue.try_send(kind(number), b"").is_ok());
    }

    fn receive(&mut self) {
        self.received += u64::from(self.queue.try_receive(Selector::First, &mut Vec::new()).is_ok());
    }
}

fn with_queue(input: &Input) {
    let owned = MessageQueue::private().expect("a queue");
    owned.set_byte_limit(ROOM).expect("a lower limit");
    let queue = *owned;
    let messages = RefCell::new(Messages { queue, sent: 0, received: 0 });
    (0..u64::from(input.filled) % (ROOM + 1)).for_each(|_| messages.borrow_mut().send(0));
    let act = |act| match act {
        Act::Give(number) => messages.borrow_mut().send(number),
        Act::Take(_) => messages.borrow_mut().receive(),
        _ => _ = queue.remove(),
    };
    // What each waits for comes, sooner or later: a place, or a message of each type.
    let mut round = 0_u8;
    let help = || {
        round = round.wrapping_add(1);
        if round.is_multiple_of(2) { messages.borrow_mut().receive() } else { messages.borrow_mut().send(round / 2) }
    };
    let outcomes = wait(input, act, help, |what, form| wait_on_queue(queue, what, form));
    let Messages { mut sent, mut received, .. } = messages.into_inner();
    for ((what, _), outcome) in input.waits.iter().zip(&outcomes) {
        *(if is_sender(*what) { &mut sent } else { &mut received }) += u64::from(outcome.is_ok());
    }
    if let Ok(status) = queue.status() {
        assert_eq!(status.messages, sent - received, "{sent} sent, {received} received");
    }
}

/// Runs the waiters and the third thread; how the waits ended.
fn wait(
    input: &Input,
    act: impl FnMut(Act),
    help: impl FnMut(),
    wait: impl Fn(u8, Form) -> Result<()> + Sync,
) -> [Result<()>; 2] {
    let waiters: [Waiter; 2] = Default::default();
    let outcomes = scope(|scope| {
        let wait = &wait;
        let threads = [0, 1].map(|which| {
            let (waiter, (what, form)) = (&waiters[which], input.waits[which]);
            scope.spawn(move || waiter.run(|| wait(what, form)))
        });
        conduct(&input.acts, &waiters, act, help);
        threads.map(|thread| thread.join().expect("no panic"))
    });
    for ((_, form), outcome) in input.waits.iter().zip(&outcomes) {
        check(outcome, *form, &input.acts);
    }
    outcomes
}

const fn is_sender(what: u8) -> bool {
    what & 1 == 1
}

fn wait_on_queue(queue: MessageQueue, what: u8, form: Form) -> Result<()> {
    let number = what >> 1;
    if is_sender(what) {
        return match form {
            Form::Forever => queue.send(kind(number), b""),
            Form::Timeout(_) => queue.send_timeout(kind(number), b"", form.time().unwrap_or_default()),
            Form::Interruptible => queue.send_interruptible(kind(number), b""),
        };
    }
    let selector = match number % 4 {
        0 => Selector::First,
        1 => Selector::Exactly(kind(number >> 2)),
        2 => Selector::AtMost(kind(number >> 2)),
        _ => Selector::Except(kind(number >> 2)),
    };
    let mut buffer = MessageBuffer::with_capacity(0);
    let received = match form {
        Form::Forever => queue.receive(selector, &mut buffer),
        Form::Timeout(_) => queue.receive_timeout(selector, &mut buffer, form.time().unwrap_or_default()),
        Form::Interruptible => queue.receive_interruptible(selector, &mut buffer),
    };
    received.map(drop)
}

/// Semaphores of the set.
const SEMAPHORES: u16 = 2;

/// What a waiter does to a semaphore.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Subtract {
        index: u16,
        units: u16,
    },
    WaitZero {
        index: u16,
    },
    /// Takes units, and gives them back at once.
    Hold {
        index: u16,
        units: u16,
    },
    /// A unit of each, or nothing.
    Both,
}

impl Wish {
    fn of(what: u8) -> Self {
        let (index, units) = (u16::from(what >> 2) % SEMAPHORES, u16::from(what >> 4) % 3 + 1);
        match what % 4 {
            0 => Self::Subtract { index, units },
            1 => Self::WaitZero { index },
            2 => Self::Hold { index, units },
            _ => Self::Both,
        }
    }

    /// The units that it takes from each semaphore.
    fn taken(self) -> [i64; SEMAPHORES as usize] {
        match self {
            Self::Subtract { index: 0, units } => [units.into(), 0],
            Self::Subtract { units, .. } => [0, units.into()],
            Self::WaitZero { .. } | Self::Hold { .. } => [0, 0],
            Self::Both => [1, 1],
        }
    }
}

/// A set, and what its values are by what the third thread did.
struct Units {
    set: SemaphoreSet,
    values: [i64; SEMAPHORES as usize],
}

impl Units {
    fn add(&mut self, index: u16, units: u16) {
        if self.set.semaphore(index).add(units).is_ok() {
            self.values[usize::from(index)] += i64::from(units);
        }
    }

    fn take(&mut self, index: u16) {
        if self.set.semaphore(index).try_subtract(1).is_ok() {
            self.values[usize::from(index)] -= 1;
        }
    }
}

fn with_set(input: &Input) {
    let filled = u16::from(input.filled % 3);
    let owned = SemaphoreSet::private(&[filled, 0]).expect("a set");
    let set = *owned;
    let units = RefCell::new(Units { set, values: [filled.into(), 0] });
    let index = |number: u8| u16::from(number) % SEMAPHORES;
    let act = |act| match act {
        Act::Give(number) => units.borrow_mut().add(index(number), u16::from(number >> 1) % 3 + 1),
        Act::Take(number) => units.borrow_mut().take(index(number)),
        _ => _ = set.remove(),
    };
    // What each waits for comes, sooner or later: enough units of each, and none.
    let mut round = 0_u8;
    let help = || {
        round = round.wrapping_add(1);
        for index in 0..SEMAPHORES {
            if round % 32 < 8 { units.borrow_mut().add(index, 1) } else { units.borrow_mut().take(index) }
        }
    };
    let outcomes = wait(input, act, help, |what, form| wait_on_set(set, Wish::of(what), form));
    let mut values = units.into_inner().values;
    for ((what, _), outcome) in input.waits.iter().zip(&outcomes) {
        if outcome.is_ok() {
            let taken = Wish::of(*what).taken();
            values = [values[0] - taken[0], values[1] - taken[1]];
        }
    }
    let Ok(now) = set.values() else { return }; // removed
    assert_eq!([i64::from(now[0]), i64::from(now[1])], values, "values, for {input:?}");
    for semaphore in (0..SEMAPHORES).map(|index| set.semaphore(index)) {
        let waiters = (semaphore.waiters().expect("a number"), semaphore.zero_waiters().expect("a number"));
        assert_eq!(waiters, (0, 0), "waiters");
    }
}

fn wait_on_set(set: SemaphoreSet, wish: Wish, form: Form) -> Result<()> {
    let time = form.time().unwrap_or_default();
    match wish {
        Wish::Subtract { index, units } => match (set.semaphore(index), form) {
            (semaphore, Form::Forever) => semaphore.subtract(units),
            (semaphore, Form::Timeout(_)) => semaphore.subtract_timeout(units, time),
            (semaphore, Form::Interruptible) => semaphore.subtract_interruptible(units),
        },
        Wish::WaitZero { index } => match (set.semaphore(index), form) {
            (semaphore, Form::Forever) => semaphore.wait_zero(),
            (semaphore, Form::Timeout(_)) => semaphore.wait_zero_timeout(time),
            (semaphore, Form::Interruptible) => semaphore.wait_zero_interruptible(),
        },
        Wish::Hold { index, units } => match (set.semaphore(index), form) {
            (semaphore, Form::Forever) => semaphore.acquire(units).map(drop),
            (semaphore, Form::Timeout(_)) => semaphore.acquire_timeout(units, time).map(drop),
            (semaphore, Form::Interruptible) => semaphore.acquire_interruptible(units).map(drop),
        },
        Wish::Both => {
            let both = Operations::new().subtract(0, 1).subtract(1, 1);
            match form {
                Form::Forever => set.apply(&both),
                Form::Timeout(_) => set.apply_timeout(&both, time),
                Form::Interruptible => set.apply_interruptible(&both),
            }
        }
    }
}
