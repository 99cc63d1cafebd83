//! Locks, semaphores, barriers and events in shared memory: against what they promise while their words are their own; woken across
//! threads; and with words that a foe wrote, where they may refuse or let anybody in, but neither hang nor panic.

use crate::steps::steps;
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::memory::{FixedMemfd, Memfd, SharedMemory};
use ipc_safe::shared::Shared;
use ipc_safe::sync::{
    AutoResetEvent, Barrier, Condvar, ManualResetEvent, Mutex, MutexGuard, Once, RobustMutex, RobustMutexGuard, RwLock,
    RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit, SequenceLock, SequenceLockGuard,
};
use ipc_safe::testing::model::{Answer, Fault};
use std::mem::offset_of;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

ipc_safe::shm_safe! {
    struct Words {
        mutex: Mutex<AtomicU32>,
        rwlock: RwLock<AtomicU64>,
        robust: RobustMutex<AtomicU64>,
        sequence: SequenceLock<u64>,
        once: Once,
        condvar: Condvar,
        semaphore: Semaphore,
        barrier: Barrier,
        auto: AutoResetEvent,
        manual: ManualResetEvent,
    }
}

/// So many guards of a kind at a time.
const GUARDS: usize = 4;
/// What nothing takes that may wait a millisecond, however much the machine has to do.
const HANG: Duration = Duration::from_secs(10);
/// How long a thread waits for what the other does. It is woken, or it would not be ready by then.
const HANDOVER: Duration = Duration::from_secs(10);
const TIMED_OUT: Fault = Fault::new(Errno::TIMEDOUT, ErrorKind::TimedOut);

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Patience {
    Try,
    NoTime,
    /// Seldom: it takes its time.
    Short(u8),
}

impl Patience {
    const fn time(self) -> Option<Duration> {
        match self {
            Self::Try => None,
            Self::Short(0..8) => Some(Duration::from_millis(1)),
            Self::NoTime | Self::Short(_) => Some(Duration::ZERO),
        }
    }

    /// What a wait ends with that is in vain.
    const fn in_vain(self) -> Fault {
        match self {
            Self::Try => Fault::WOULD_BLOCK,
            Self::NoTime | Self::Short(_) => TIMED_OUT,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Handover {
    Mutex,
    Robust,
    Read,
    Write,
    Semaphore,
    Condvar { all: bool },
    Barrier,
    Auto,
    Manual,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Lock(Patience),
    Unlock,
    LockRobust(Patience),
    UnlockRobust,
    Read(Patience),
    Write(Patience),
    EndReading,
    EndWriting,
    Acquire(Patience),
    Release { forget: bool },
    Post { units: u8, many: bool },
    WaitForNotice { some: bool },
    Meet { parties: u8, patience: Patience },
    CallOnce(Patience),
    LockSequence(Patience),
    SetSequence { value: u64, unlock: bool },
    Set { manual: bool },
    Reset { manual: bool },
    WaitForEvent { manual: bool, patience: Patience },
    Hand(Handover),
    Scribble { at: u8, what: What },
    ScribbleAgain { at: u8, what: What },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum What {
    Table(u8),
    Any(u32),
    /// To what is there.
    Add(i8),
    /// The number of a thread of this process, with marks of the kernel's.
    Thread {
        own: bool,
        marks: u8,
    },
}

const TABLE: [u32; 14] = [
    0,
    1,
    2,
    3,
    4,
    (1 << 22) - 1,
    1 << 22,
    (1 << 30) - 2,
    (1 << 30) - 1,
    1 << 30,
    i32::MAX.cast_unsigned(),
    1 << 31,
    u32::MAX - 1,
    u32::MAX,
];

/// The memory, what the foe sees of it, and a thread to wait for and to be waited for.
struct Stage {
    words: Shared<Words, SharedMemory>,
    foe: SharedMemory,
    tell: Sender<Handover>,
    told: Receiver<bool>,
    other: u32,
}

impl Stage {
    fn new() -> Self {
        let len = Shared::<Words, SharedMemory>::SIZE as u64;
        let memfd = Memfd::options().create(len).and_then(|memfd| Ok(memfd.fix()?)).expect("memory");
        let record = |memfd: &FixedMemfd| Shared::bare(memfd.map().expect("memory")).expect("room for the record");
        let (words, others, foe) = (record(&memfd), record(&memfd), memfd.map().expect("memory"));
        let ((tell, hear), (answer, told), (say, number)) = (channel(), channel(), channel());
        thread::spawn(move || {
            let _ = say.send(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned());
            for what in hear {
                let _ = answer.send(take(&others, what));
            }
        });
        let other = number.recv().expect("the thread says its number");
        Self { words, foe, tell, told, other }
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        static STAGE: Stage = Stage::new();
    }
    STAGE.with(|stage| {
        stage.foe.bytes().fill(0);
        let mut run = Run::new(stage);
        for step in steps::<Step>(&mut Unstructured::new(data)) {
            let begun = Instant::now();
            run.step(step);
            let hands = matches!(step, Step::Hand(_));
            assert!(hands || begun.elapsed() < HANG, "{step:?} took {:?}", begun.elapsed());
        }
    });
}

/// What the other thread waits for, and whether it came.
fn take(words: &Words, what: Handover) -> bool {
    match what {
        Handover::Mutex => words.mutex.lock_timeout(HANDOVER).is_ok(),
        Handover::Robust => words.robust.lock_timeout(HANDOVER).is_ok_and(|locked| !locked.is_owner_died()),
        Handover::Read => words.rwlock.read_timeout(HANDOVER).is_ok(),
        Handover::Write => words.rwlock.write_timeout(HANDOVER).is_ok(),
        Handover::Semaphore => words.semaphore.acquire_timeout(HANDOVER).map(SemaphorePermit::forget).is_ok(),
        Handover::Condvar { .. } => {
            let guard = words.mutex.lock();
            let none = |units: &AtomicU32| units.load(Ordering::Relaxed) == 0;
            words.condvar.wait_timeout_while(guard, HANDOVER, none).is_ok()
        }
        Handover::Barrier => words.barrier.wait_timeout(TWO, HANDOVER).is_ok_and(|result| !result.is_leader()),
        Handover::Auto => words.auto.wait_timeout(HANDOVER).is_ok(),
        Handover::Manual => words.manual.wait_timeout(HANDOVER).is_ok(),
    }
}

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

struct Run<'w> {
    stage: &'w Stage,
    words: &'w Words,
    mutex: Option<MutexGuard<'w, AtomicU32>>,
    robust: Option<RobustMutexGuard<'w, AtomicU64>>,
    readers: Vec<RwLockReadGuard<'w, AtomicU64>>,
    writer: Option<RwLockWriteGuard<'w, AtomicU64>>,
    permits: Vec<SemaphorePermit<'w>>,
    sequence: Option<SequenceLockGuard<'w, u64>>,
    units: u32,
    once: bool,
    value: (u64, u64),
    /// The one that resets itself, and the other.
    set: [bool; 2],
    hostile: bool,
}

impl<'w> Run<'w> {
    fn new(stage: &'w Stage) -> Self {
        Self {
            stage,
            words: &stage.words,
            mutex: None,
            robust: None,
            readers: Vec::new(),
            writer: None,
            permits: Vec::new(),
            sequence: None,
            units: 0,
            once: false,
            value: (0, 0),
            set: [false; 2],
            hostile: false,
        }
    }

    /// What came of a call is what was expected, or one of the documented refusals where a foe wrote.
    fn compare<T>(&self, step: Step, answer: ipc_safe::Result<T>, expected: Answer<()>) -> Option<T> {
        use ErrorKind::{Corrupt, Deadlock, NotRecoverable, OutOfRange, TimedOut, Unsupported, WouldBlock};
        let answer = answer.map_err(Fault::from);
        let told = answer.as_ref().map(drop).map_err(|fault| *fault);
        match told {
            _ if !self.hostile => assert_eq!(told, expected, "{step:?}"),
            Err(Fault { kind: WouldBlock | TimedOut | OutOfRange, .. }) | Ok(()) => {}
            Err(Fault { kind: Corrupt | Deadlock | NotRecoverable | Unsupported, .. }) if is_owned(step) => {}
            Err(fault) => panic!("{step:?} said {fault:?}"),
        }
        answer.ok()
    }

    fn step(&mut self, step: Step) {
        let words = self.words;
        match step {
            Step::Lock(patience) => self.lock(step, patience),
            Step::Unlock => drop(self.mutex.take()),
            Step::LockRobust(patience) => self.lock_robust(step, patience),
            Step::UnlockRobust => drop(self.robust.take()),
            Step::Read(patience) => self.read(step, patience),
            Step::Write(patience) => self.write(step, patience),
            Step::EndReading => drop(self.readers.pop()),
            Step::EndWriting => drop(self.writer.take()),
            Step::Acquire(patience) => self.acquire(step, patience),
            Step::Release { forget } => self.release(forget),
            Step::Post { units, many } => self.post(step, units, many),
            Step::WaitForNotice { some } => self.wait_for_notice(some),
            Step::Meet { parties, patience } => self.meet(step, parties, patience),
            Step::CallOnce(patience) => self.call_once(step, patience),
            Step::LockSequence(patience) => self.lock_sequence(step, patience),
            Step::SetSequence { value, unlock } => self.set_sequence(value, unlock),
            Step::Set { manual } => {
                if manual {
                    words.manual.set()
                } else {
                    words.auto.set()
                };
                self.set[usize::from(manual)] = true;
            }
            Step::Reset { manual } => {
                if manual {
                    words.manual.reset()
                } else {
                    words.auto.reset()
                };
                self.set[usize::from(manual)] = false;
            }
            Step::WaitForEvent { manual, patience } => self.wait_for_event(step, manual, patience),
            Step::Hand(what) => self.hand(what),
            Step::Scribble { at, what } | Step::ScribbleAgain { at, what } => self.scribble(at, what),
        }
        if !self.hostile {
            self.check();
        }
    }

    fn check(&self) {
        let words = self.words;
        assert_eq!(words.mutex.is_locked(), self.mutex.is_some(), "the mutex is locked");
        assert_eq!(words.robust.is_locked(), self.robust.is_some(), "the robust mutex is locked");
        assert_eq!(words.rwlock.readers() as usize, self.readers.len(), "readers");
        assert_eq!(words.rwlock.is_write_locked(), self.writer.is_some(), "there is a writer");
        assert_eq!(words.semaphore.value(), self.units, "units");
        assert_eq!(words.barrier.waiting(), 0, "nobody waits at the barrier");
        assert_eq!(words.once.is_completed(), self.once);
        assert_eq!((words.sequence.read(), words.sequence.version()), (Ok(self.value.0), self.value.1));
        assert_eq!(words.sequence.is_locked(), self.sequence.is_some());
        assert_eq!([words.auto.is_set(), words.manual.is_set()], self.set, "events");
    }

    fn lock(&mut self, step: Step, patience: Patience) {
        let expected = if self.mutex.is_none() { Ok(()) } else { Err(patience.in_vain()) };
        let mutex = &self.words.mutex;
        let locked = patience.time().map_or_else(|| mutex.try_lock(), |time| mutex.lock_timeout(time));
        // Of two guards of a mutex that a foe opened, the first goes first.
        if let Some(guard) = self.compare(step, locked, expected) {
            self.mutex = Some(guard);
        }
    }

    fn lock_robust(&mut self, step: Step, patience: Patience) {
        let held = Err(Fault::new(Errno::from_raw(libc::EDEADLK), ErrorKind::Deadlock));
        let expected = if self.robust.is_none() { Ok(()) } else { held };
        let robust = &self.words.robust;
        let locked = patience.time().map_or_else(|| robust.try_lock(), |time| robust.lock_timeout(time));
        if let Some(locked) = self.compare(step, locked, expected) {
            assert!(self.hostile || !locked.is_owner_died(), "nobody died");
            self.robust = Some(locked.recover(|_| {}));
        }
    }

    fn read(&mut self, step: Step, patience: Patience) {
        if self.readers.len() == GUARDS {
            return;
        }
        let expected = if self.writer.is_none() { Ok(()) } else { Err(patience.in_vain()) };
        let rwlock = &self.words.rwlock;
        let locked = patience.time().map_or_else(|| rwlock.try_read(), |time| rwlock.read_timeout(time));
        let guard = self.compare(step, locked, expected);
        self.readers.extend(guard);
    }

    fn write(&mut self, step: Step, patience: Patience) {
        let free = self.writer.is_none() && self.readers.is_empty();
        let expected = if free { Ok(()) } else { Err(patience.in_vain()) };
        let rwlock = &self.words.rwlock;
        let locked = patience.time().map_or_else(|| rwlock.try_write(), |time| rwlock.write_timeout(time));
        if let Some(guard) = self.compare(step, locked, expected) {
            self.writer = Some(guard);
        }
    }

    fn acquire(&mut self, step: Step, patience: Patience) {
        if self.permits.len() == GUARDS {
            return;
        }
        let expected = if self.units > 0 { Ok(()) } else { Err(patience.in_vain()) };
        let semaphore = &self.words.semaphore;
        let acquired = patience.time().map_or_else(|| semaphore.try_acquire(), |time| semaphore.acquire_timeout(time));
        if let Some(permit) = self.compare(step, acquired, expected) {
            self.permits.push(permit);
            self.units = self.units.wrapping_sub(1);
        }
    }

    fn release(&mut self, forget: bool) {
        match self.permits.pop() {
            None => {}
            Some(permit) if forget => permit.forget(),
            Some(permit) => {
                let released = permit.release().map_err(Fault::from);
                let full = self.units == Semaphore::MAX;
                assert!(self.hostile || released.is_ok() != full, "{released:?}");
                self.units = self.units.wrapping_add(u32::from(!full));
            }
        }
    }

    fn post(&mut self, step: Step, units: u8, many: bool) {
        let units = if many { Semaphore::MAX - u32::from(units) } else { u32::from(units % 4) };
        let sum = self.units.checked_add(units).filter(|&sum| sum <= Semaphore::MAX);
        let full = Fault::new(Errno::from_raw(libc::EOVERFLOW), ErrorKind::OutOfRange);
        let posted = self.words.semaphore.post_many(units);
        let posted = self.compare(step, posted, sum.map(drop).ok_or(full));
        self.units = posted.and(sum).unwrap_or(self.units);
    }

    /// Nobody will notify, unless there is nothing to wait for.
    fn wait_for_notice(&mut self, some: bool) {
        let Some(guard) = self.mutex.take() else { return };
        self.words.condvar.notify_one();
        let waited = self.words.condvar.wait_timeout_while(guard, Duration::ZERO, |_| some);
        assert_eq!(waited.as_ref().map(drop).map_err(|rejected| rejected.error().kind()), {
            if some { Err(ErrorKind::TimedOut) } else { Ok(()) }
        });
        // The mutex is locked again, however it ended.
        self.mutex = Some(waited.unwrap_or_else(ipc_safe::error::Rejected::into_inner));
    }

    fn meet(&mut self, step: Step, parties: u8, patience: Patience) {
        let parties = NonZeroU32::new(u32::from(parties % 3) + 1).expect("one at least");
        let expected = if parties.get() == 1 { Ok(()) } else { Err(patience.in_vain()) };
        let barrier = &self.words.barrier;
        let met = match patience.time() {
            None => barrier.try_wait(parties),
            Some(time) => barrier.wait_timeout(parties, time),
        };
        let met = self.compare(step, met, expected);
        assert!(self.hostile || met.is_none_or(|result| result.is_leader()));
    }

    fn call_once(&mut self, step: Step, patience: Patience) {
        let (mut called, once) = (0, &self.words.once);
        let done = match patience.time() {
            None => once.try_call_once(|| called += 1),
            Some(time) => once.call_once_timeout(time, || called += 1),
        };
        self.compare(step, done, Ok(()));
        assert!(self.hostile || called == u32::from(!self.once), "called {called} times");
        assert!(called <= 1);
        self.once = true;
    }

    fn lock_sequence(&mut self, step: Step, patience: Patience) {
        let held = Err(Fault::new(Errno::from_raw(libc::EDEADLK), ErrorKind::Deadlock));
        let expected = if self.sequence.is_none() { Ok(()) } else { held };
        let lock = &self.words.sequence;
        let locked = patience.time().map_or_else(|| lock.try_lock(), |time| lock.lock_timeout(time));
        if let Some(guard) = self.compare(step, locked, expected) {
            self.sequence = Some(guard);
        }
    }

    fn set_sequence(&mut self, value: u64, unlock: bool) {
        if let Some(guard) = &self.sequence {
            guard.set(&value);
            self.value = (value, self.value.1.wrapping_add(1));
        }
        if unlock {
            self.sequence = None;
        }
        let _ = self.words.sequence.read();
    }

    fn wait_for_event(&mut self, step: Step, manual: bool, patience: Patience) {
        let (words, set) = (self.words, self.set[usize::from(manual)]);
        let expected = if set { Ok(()) } else { Err(patience.in_vain()) };
        let waited = match (manual, patience.time()) {
            (true, None) => words.manual.try_wait(),
            (true, Some(time)) => words.manual.wait_timeout(time),
            (false, None) => words.auto.try_wait(),
            (false, Some(time)) => words.auto.wait_timeout(time),
        };
        self.compare(step, waited, expected);
        self.set[0] &= manual;
    }

    /// The other thread waits, this one does what it waits for, and it is woken.
    fn hand(&mut self, what: Handover) {
        if self.hostile {
            return;
        }
        let words = self.words;
        let waits: fn(&Self) -> bool = match what {
            Handover::Mutex => |run| run.word(offset_of!(Words, mutex)) == 2,
            Handover::Robust => |run| run.word(offset_of!(Words, robust)) & 1 << 31 != 0,
            Handover::Read | Handover::Write => |run| run.word(offset_of!(Words, rwlock)) >> 30 != 0,
            Handover::Semaphore => |run| run.word(offset_of!(Words, semaphore)) >> 31 != 0,
            Handover::Condvar { .. } => |run| run.word(offset_of!(Words, condvar) + 4) != 0,
            Handover::Barrier => |run| run.words.barrier.waiting() == 1,
            Handover::Auto => |run| run.word(offset_of!(Words, auto)) == 2,
            Handover::Manual => |run| run.word(offset_of!(Words, manual)) & 2 != 0,
        };
        // What it waits for is not there.
        match what {
            Handover::Mutex => self.mutex = Some(self.mutex.take().unwrap_or_else(|| words.mutex.lock())),
            Handover::Robust if self.robust.is_none() => {
                self.robust = Some(words.robust.lock().expect("nobody has it").recover(|_| {}));
            }
            Handover::Read | Handover::Write if self.writer.is_none() => {
                self.readers.clear();
                self.writer = Some(words.rwlock.write());
            }
            Handover::Semaphore => {
                while let Ok(permit) = words.semaphore.try_acquire() {
                    if self.units > 1000 {
                        return; // to take them all takes too long
                    }
                    permit.forget();
                    self.units -= 1;
                }
                self.permits.drain(..).for_each(SemaphorePermit::forget);
            }
            Handover::Condvar { .. } => {
                self.mutex = None;
                words.mutex.lock().store(0, Ordering::Relaxed);
            }
            Handover::Auto => words.auto.reset(),
            Handover::Manual => words.manual.reset(),
            _ => {}
        }
        self.stage.tell.send(what).expect("the thread waits");
        let begun = Instant::now();
        while !waits(self) {
            assert!(begun.elapsed() < HANDOVER, "{what:?}: the other thread does not wait");
            thread::yield_now();
        }
        // From the mark to the sleep it is not far.
        thread::sleep(Duration::from_micros(50));
        match what {
            Handover::Mutex => self.mutex = None,
            Handover::Robust => self.robust = None,
            Handover::Read | Handover::Write => self.writer = None,
            Handover::Semaphore => words.semaphore.post().expect("room for a unit"),
            Handover::Condvar { all } => {
                let guard = words.mutex.lock();
                guard.store(1, Ordering::Relaxed);
                drop(guard);
                if all { words.condvar.notify_all() } else { words.condvar.notify_one() }
            }
            Handover::Barrier => {
                let met = words.barrier.wait_timeout(TWO, HANDOVER).map(|result| result.is_leader());
                assert_eq!(met.map_err(Fault::from), Ok(true), "who comes last leads");
            }
            Handover::Auto => words.auto.set(),
            Handover::Manual => words.manual.set(),
        }
        assert_eq!(self.stage.told.recv(), Ok(true), "{what:?}: what the other thread waited for came");
        match what {
            Handover::Auto => self.set[0] = false,
            Handover::Manual => self.set[1] = true,
            _ => {}
        }
    }

    fn word(&self, offset: usize) -> u32 {
        self.stage.foe.bytes().load(offset).expect("a word of the record")
    }

    fn scribble(&mut self, at: u8, what: What) {
        let offset = usize::from(at) * 4 % size_of::<Words>();
        let word = match what {
            What::Table(at) => TABLE[usize::from(at) % TABLE.len()],
            What::Any(word) => word,
            What::Add(delta) => self.word(offset).wrapping_add_signed(delta.into()),
            What::Thread { own, marks } => {
                let own_number = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
                (if own { own_number } else { self.stage.other }) | u32::from(marks & 3) << 30
            }
        };
        self.stage.foe.bytes().store(offset, &word).expect("a word of the record");
        self.hostile = true;
    }
}

/// Whether this is about a lock that knows its owner.
const fn is_owned(step: Step) -> bool {
    matches!(step, Step::LockRobust(_) | Step::CallOnce(_) | Step::LockSequence(_))
}
