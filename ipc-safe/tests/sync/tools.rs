//! What the modules have in common: records in shared memory, threads and processes that sleep on them, garbage.

use crate::support::waiting::sleeps_in;
pub(crate) use crate::support::waiting::{PLAIN, RESTARTING, Waiting};
use crate::support::{Forked, eventually, fork, watchdog};
use ipc_safe::error::{Error, ErrorKind, Rejected, Result};
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Shared, ShmSafe};
use ipc_safe::sysv::{Attachment, Owned, Segment};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Long enough that running out means a fault.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// A record of zero bytes, shared with the children that are forked.
pub(crate) fn shared<T: ShmSafe>() -> Shared<T, SharedMemory> {
    Shared::bare(MapOptions::new().shared(4096).unwrap()).unwrap()
}

/// The same for threads that outlive the borrow checker's patience.
pub(crate) fn shared_by_threads<T: ShmSafe>() -> Arc<Shared<T, SharedMemory>> {
    Arc::new(shared())
}

/// A pipe: the child says with [`Gate::open`] that it has come so far, the parent waits for it with [`Gate::pass`].
pub(crate) struct Gate {
    reader: std::io::PipeReader,
    writer: std::io::PipeWriter,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self { reader, writer }
    }

    pub(crate) fn open(&self) {
        (&self.writer).write_all(&[1]).unwrap();
    }

    pub(crate) fn pass(&self) {
        (&self.reader).read_exact(&mut [0]).unwrap();
    }
}

/// The state of a thread as `/proc` has it: `S` sleeps.
pub(crate) fn state(thread: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|fields| fields.chars().next()).unwrap_or(' ')
}

/// The id of the calling thread.
pub(crate) fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

/// Runs `count` in two threads of each of eight processes at once; it counts up by `rounds`. Returns the sum.
pub(crate) fn in_processes_and_threads(rounds: u64, count: impl Fn() + Sync) -> u64 {
    const PROCESSES: u64 = 8;
    const THREADS: u64 = 2;
    let threads = || {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(&count);
            }
        });
        0
    };
    let children: Vec<_> = (0..PROCESSES).map(|_| fork(threads)).collect();
    children.into_iter().for_each(Forked::succeed);
    PROCESSES * THREADS * rounds
}

/// Expects a failure of this kind.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: ErrorKind) {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!(error.kind(), kind, "{error}");
}

/// Expects that it takes a short time, all of it, and then times out.
#[track_caller]
pub(crate) fn times_out<T>(call: impl FnOnce(Duration) -> Result<T>) {
    let start = Instant::now();
    fails(call(SHORT), ErrorKind::TimedOut);
    assert!(start.elapsed() >= SHORT);
}

/// The error of a call that gives its guard back, without the guard.
pub(crate) fn without_guard<T>(result: Result<T, Rejected<T>>) -> Result<()> {
    result.map(drop).map_err(Error::from)
}

/// Runs `body` in a thread and returns when that sleeps on a word.
pub(crate) fn waiting<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Waiting<T> {
    Waiting::in_call(libc::SYS_futex, body)
}

/// Signals a thread that sleeps on a word, and expects that it sleeps on.
pub(crate) fn sleeps_on<T: Send + 'static>(waiting: &Waiting<T>) {
    for signal in [RESTARTING, PLAIN, RESTARTING] {
        waiting.signal(signal);
        waiting.sleeps_in(libc::SYS_futex);
    }
}

/// Expects that a signal handler ends `interruptible`, whatever its flags, and that `plain` sleeps on.
pub(crate) fn only_the_interruptible_form_is_interrupted<T: Send + 'static>(
    interruptible: impl Fn() -> Result<()> + Clone + Send + 'static,
    plain: impl FnOnce() -> T + Send + 'static,
    release: impl FnOnce(),
) {
    for signal in [RESTARTING, PLAIN] {
        let waiting = waiting(interruptible.clone());
        waiting.signal(signal);
        fails(waiting.finish(), ErrorKind::Interrupted);
    }
    let waiting = waiting(plain);
    sleeps_on(&waiting);
    release();
    waiting.finish();
}

/// Whether a thread, of this process or of a child, sleeps on a word.
pub(crate) fn sleeps(tid: i32) -> bool {
    sleeps_in(tid, libc::SYS_futex)
}

/// Runs `body` in a forked child and returns when that sleeps.
pub(crate) fn sleeping_child(body: impl FnOnce() -> i32) -> Forked {
    let child = fork(body);
    eventually("the child sleeps", || sleeps(child.pid()));
    child
}

/// The segment that a test of unrelated processes takes place in.
const SEGMENT: &str = "IPC_SAFE_TEST_SEGMENT";

/// A process that is no relation but runs the same program: the test of this name again, with the record of the segment.
pub(crate) struct Unrelated(Child);

impl Unrelated {
    pub(crate) fn succeed(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "the other process ended with {status}");
    }
}

/// Runs `ours` here and `theirs` in a process of its own, both on the record in one segment. Must be called by the test
/// function itself: its name is that of the thread.
pub(crate) fn with_unrelated<T: ShmSafe>(
    ours: impl FnOnce(&Shared<T, Attachment>, Unrelated),
    theirs: impl FnOnce(&Shared<T, Attachment>),
) {
    if let Ok(id) = std::env::var(SEGMENT) {
        let segment = Segment::from_id(id.parse().unwrap()).unwrap();
        return theirs(&Shared::bare(segment.attach().unwrap()).unwrap());
    }
    let _watchdog = watchdog();
    let name = std::thread::current().name().expect("the test harness names its threads").to_owned();
    let segment: Owned<Segment> = Segment::private(4096).unwrap();
    let record = Shared::bare(segment.attach().unwrap()).unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(SEGMENT, segment.id().to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    ours(&record, Unrelated(other));
}

/// What a word may hold that nobody sane has written: about every bit and border that some record gives a meaning to.
pub(crate) const GARBAGE: [u32; 16] = [
    0,
    1,
    2,
    3,
    4,
    7,
    0x003f_ffff,
    0x0040_0000,
    0x3fff_fffe,
    0x3fff_ffff,
    0x4000_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xbfff_ffff,
    0xc000_0000,
    0xffff_ffff,
];

/// A call on a record.
pub(crate) type Call<T> = (&'static str, fn(&T));

/// Makes each call on records whose `WORDS` words are garbage, all combinations, and while another process writes garbage.
///
/// `calls` have to return in time, whatever they find. Those that wait for ever, `waits`, are made in a child, which has to end
/// well or to sleep.
pub(crate) fn survives_garbage<T: ShmSafe, const WORDS: usize>(calls: &[Call<T>], waits: &[Call<T>]) {
    let _watchdog = watchdog();
    assert_eq!(size_of::<T>(), 4 * WORDS);
    let segment = Segment::private(4096).unwrap();
    let record = Shared::<T, _>::bare(segment.attach().unwrap()).unwrap();
    let words = Shared::<[AtomicU32; WORDS], _>::bare(segment.attach().unwrap()).unwrap();
    let combinations = GARBAGE.len().pow(WORDS as u32);
    let fill = |combination: usize| {
        for (index, word) in words.iter().enumerate() {
            word.store(GARBAGE[combination / GARBAGE.len().pow(index as u32) % GARBAGE.len()], Ordering::SeqCst);
        }
    };
    for combination in 0..combinations {
        for (name, call) in calls {
            fill(combination);
            let start = Instant::now();
            call(&record);
            assert!(start.elapsed() < LONG, "{name} on combination {combination}");
        }
    }
    // Three of the words' values in four do: children take time.
    for combination in (0..combinations).step_by(combinations.div_ceil(24)) {
        for (_, call) in waits {
            fill(combination);
            let child = fork(|| {
                call(&record);
                0
            });
            eventually("the child sleeps or has ended", || sleeps(child.pid()) || has_ended(child.pid()));
            if has_ended(child.pid()) {
                child.succeed();
            }
        }
    }
    scribbled(&*record, &words, calls);
}

/// Makes the calls while another process writes garbage all the time.
fn scribbled<T: ShmSafe, const WORDS: usize>(
    record: &T,
    words: &Shared<[AtomicU32; WORDS], Attachment>,
    calls: &[Call<T>],
) {
    let scribbler = fork(|| {
        let mut random = 0x2545_f491_u32;
        loop {
            for word in words.iter() {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                let value = if random & 0x100 == 0 { random } else { GARBAGE[random as usize % GARBAGE.len()] };
                word.store(value, Ordering::Relaxed);
            }
        }
    });
    let end = Instant::now() + Duration::from_millis(200);
    while Instant::now() < end {
        for (name, call) in calls {
            let start = Instant::now();
            call(record);
            assert!(start.elapsed() < LONG, "{name} while another process scribbles");
        }
    }
    drop(scribbler);
}

/// Whether a child that is not reaped yet has ended.
fn has_ended(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a child that is not reaped");
    stat.rsplit(')').next().is_some_and(|fields| fields.trim_start().starts_with('Z'))
}

/// How many processes take part in a stress.
pub(crate) const PROCESSES: u32 = 8;

/// Runs `body` in so many forked children at once, with their numbers, and expects them all to succeed.
pub(crate) fn stress(body: impl Fn(u32)) {
    let _watchdog = watchdog();
    let children: Vec<Forked> = (0..PROCESSES)
        .map(|number| {
            fork(|| {
                body(number);
                0
            })
        })
        .collect();
    for child in children {
        child.succeed();
    }
}
