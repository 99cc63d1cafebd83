//! Runs a scenario again and again, each time with one of its system calls made to fail.

use crate::table;
use ipc_safe::error::{Errno, ErrorKind, Rejected};
use ipc_safe::memory::PosixObject;
use ipc_safe::sysv::{MessageQueue, ReceiveError, Segment, SemaphoreSet};
use ipc_safe::testing::{Answer, Call, Occurrence, Snapshot, SystemCall, Watchdog, intercept};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, OnceLock};
use std::time::{Duration, Instant};

/// What a scenario comes to: it worked, or an operation failed.
pub(crate) type Outcome = Result<(), Failure>;

/// A use of the crate that works, and that a fault may end at any call. On its own it leaves nothing.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) body: fn() -> Outcome,
}

/// The scenarios of an area, named as their functions are.
macro_rules! scenarios {
    ($($name:ident)*) => {
        pub(crate) const SCENARIOS: &[$crate::driver::Scenario] =
            &[$($crate::driver::Scenario { name: stringify!($name), body: $name }),*];
    };
}
pub(crate) use scenarios;

/// An operation that failed: of this crate, or of std on what this crate gave.
#[derive(Debug)]
pub(crate) enum Failure {
    Ipc(ipc_safe::Error),
    Io(std::io::Error),
}

impl Failure {
    /// The number, where there is one.
    pub(crate) fn number(&self) -> Option<i32> {
        match self {
            Self::Ipc(error) => error.raw_os_error(),
            Self::Io(error) => error.raw_os_error(),
        }
    }

    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Ipc(error) => Some(error.kind()),
            Self::Io(_) => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipc(error) => write!(f, "{error} ({:?})", error.kind()),
            Self::Io(error) => write!(f, "{error} (io::{:?})", error.kind()),
        }
    }
}

impl From<ipc_safe::Error> for Failure {
    fn from(error: ipc_safe::Error) -> Self {
        Self::Ipc(error)
    }
}

impl<T> From<Rejected<T>> for Failure {
    fn from(rejected: Rejected<T>) -> Self {
        Self::Ipc(rejected.into())
    }
}

impl From<ReceiveError> for Failure {
    fn from(error: ReceiveError) -> Self {
        Self::Ipc(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Drops a value, and looks whether `errno` is what it was.
#[track_caller]
pub(crate) fn dropped<T>(value: T) {
    const MARK: i32 = 3999;
    // SAFETY: the address of this thread's errno, which is always valid.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { errno.write(MARK) };
    drop(value);
    // SAFETY: as above.
    let now = unsafe { errno.read() };
    // Descriptors are closed by std, which keeps no errno when that fails.
    if !CLOSES.load(Ordering::Relaxed) {
        assert_eq!(now, MARK, "Drop changed errno");
    }
}

/// Whether the calls that fail are those by which std closes a descriptor.
static CLOSES: AtomicBool = AtomicBool::new(false);

/// As the error of an operation that may find that the time ran out: that is what the scenario waits for.
pub(crate) fn or_timed_out<T>(result: ipc_safe::Result<T>) -> Outcome {
    match result {
        Err(error) if error.is_timed_out() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// As the error of an operation that may find that it would have to wait.
pub(crate) fn or_would_block<T>(result: ipc_safe::Result<T>) -> Outcome {
    match result {
        Err(error) if error.is_would_block() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// How long a scenario may take with a fault. Far more than the longest wait in one, so that a busy machine is no hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// A case that is watched over, by one thread for all: those that come and go would be seen among what is left.
pub(crate) struct Watch;

static WATCHED: Mutex<Option<(String, Instant)>> = Mutex::new(None);

impl Watch {
    pub(crate) fn over(case: String) -> Self {
        static WATCHDOG: Once = Once::new();
        WATCHDOG.call_once(|| {
            std::thread::spawn(|| {
                loop {
                    std::thread::sleep(PATIENCE / 20);
                    let watched = WATCHED.lock().expect("nobody panics with it");
                    if let Some((case, since)) = &*watched
                        && since.elapsed() > PATIENCE
                    {
                        // Says what hangs, and ends the process.
                        let _watchdog = Watchdog::named(case.clone(), Duration::ZERO);
                        std::thread::sleep(PATIENCE);
                    }
                }
            });
        });
        *WATCHED.lock().expect("nobody panics with it") = Some((case, Instant::now()));
        Self
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *WATCHED.lock().expect("nobody panics with it") = None;
    }
}

/// One fault.
#[derive(Clone, Copy)]
struct Fault {
    call: SystemCall,
    number: i32,
    occurrence: Occurrence,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} of {}", table::name(self.number), self.occurrence, self.call)
    }
}

/// What a sweep came to, in numbers and in words.
#[derive(Default)]
pub(crate) struct Tally {
    /// How many cases there were.
    pub(crate) injected: u64,
    /// How many more there would have been, had a wait lasted as long as the one before.
    pub(crate) unreached: u64,
    /// How many calls failed on purpose, by call and number.
    pub(crate) fired: BTreeMap<(u32, i32), u64>,
    /// In how many cases all was as it must be.
    pub(crate) survived: u64,
    pub(crate) failures: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.injected += other.injected;
        self.survived += other.survived;
        self.unreached += other.unreached;
        self.failures.extend(other.failures);
        for (key, count) in other.fired {
            *self.fired.entry(key).or_default() += count;
        }
    }

    /// Hands over the figures, and fails when a case failed.
    pub(crate) fn report(&self, name: &str) {
        let mut by_number = BTreeMap::<String, u64>::new();
        for ((_, number), count) in &self.fired {
            *by_number.entry(format!("fired {}", table::name(*number))).or_default() += count;
        }
        let fired = by_number.values().sum();
        let leaks = self.failures.iter().filter(|failure| failure.contains("left:")).count() as u64;
        let totals = [("injected", self.injected), ("fired", fired), ("survived", self.survived), ("leaks", leaks)];
        let numbers = by_number.iter().map(|(number, count)| (number.as_str(), *count));
        crate::support::figures(name, totals.into_iter().chain(numbers));
        let Self { injected, survived, unreached, failures, .. } = self;
        println!("{injected} injected, {fired} fired, {survived} survived, {unreached} not reached");
        assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
        assert!(unreached * 20 <= *injected, "most of the faults that were not reached are no matter of time");
    }

    /// For the way from one process to another.
    pub(crate) fn to_parts(&self) -> (Vec<u64>, Vec<String>) {
        let mut numbers = vec![self.injected, self.survived, self.unreached];
        for ((call, number), count) in &self.fired {
            numbers.extend([u64::from(*call), u64::from(number.unsigned_abs()), *count]);
        }
        (numbers, self.failures.clone())
    }

    pub(crate) fn from_parts((numbers, failures): (Vec<u64>, Vec<String>)) -> Self {
        let (injected, survived, unreached) = (numbers[0], numbers[1], numbers[2]);
        let mut tally = Self { injected, survived, unreached, failures, ..Self::default() };
        for triple in numbers[3..].chunks_exact(3) {
            tally.fired.insert((triple[0] as u32, triple[1] as i32), triple[2]);
        }
        tally
    }
}

/// Whether everything is asked for, and not only the share that fits into an ordinary run of the tests.
pub(crate) fn is_complete() -> bool {
    std::env::var_os("IPC_SAFE_SWEEP").is_some_and(|share| share == "all")
}

/// Injects each fault into each scenario. The process must be the caller's alone, and its IPC namespace, too.
pub(crate) fn sweep(area: &str, scenarios: &[Scenario], folder: &Path) -> Tally {
    prepare(folder);
    let only = std::env::var("IPC_SAFE_SWEEP_ONLY").unwrap_or_default();
    let mut tally = Tally::default();
    for scenario in scenarios {
        let name = format!("{area}::{}", scenario.name);
        if name.contains(&only) {
            let start = Instant::now();
            let before = tally.injected;
            Sweep { name: &name, scenario, folder }.run(&mut tally);
            println!("{name}: {} cases in {:?}", tally.injected - before, start.elapsed());
        }
    }
    tally
}

/// Makes this process, which is a sweep's alone, one that a sweep can look at.
pub(crate) fn prepare(folder: &Path) {
    quiet();
    one_heap();
    FOLDER.set(folder.to_owned()).expect("one sweep a process");
    survive_signals();
    keep_dispositions();
}

/// Whether a call may be AddressSanitizer's, which maps memory and blocks signals for each new thread, and ends the program when it
/// cannot; its locks wake nobody when that fails.
fn is_sanitizers(scenario: &str, call: SystemCall) -> bool {
    let may_be = matches!(call.name(), Some("mmap" | "munmap" | "mprotect" | "madvise" | "rt_sigprocmask" | "futex"));
    cfg!(ipc_safe_asan) && may_be && !scenario.starts_with("memory::")
}

struct Sweep<'a> {
    name: &'a str,
    scenario: &'a Scenario,
    folder: &'a Path,
}

impl Sweep<'_> {
    fn run(&self, tally: &mut Tally) {
        let _watch = Watch::over(format!("{}, without a fault", self.name));
        // Once for what a process makes once and keeps, and to see that it works.
        for _ in 0..2 {
            if let Err(failure) = self.attempt(|| (self.scenario.body)()) {
                tally.failures.push(format!("{}: fails without a fault: {failure}", self.name));
                return;
            }
        }
        // A scenario that waits makes some calls more or less often: as often as it always does.
        let (mut counts, again) = (self.record(), self.record());
        for (call, count) in &mut counts {
            let other = again.iter().find(|(other, _)| other == call).map_or(0, |(_, count)| *count);
            *count = (*count).min(other);
        }
        settle();
        let mut before = self.look();
        for (call, count) in counts.into_iter().filter(|(call, _)| !is_sanitizers(self.name, *call)) {
            for fault in faults(self.name, call, count) {
                tally.injected += 1;
                match self.inject(fault, &before) {
                    // A later turn of a wait that was over sooner this time.
                    Ok(0) => {
                        tally.injected -= 1;
                        tally.unreached += 1;
                    }
                    Ok(fired) => {
                        tally.survived += 1;
                        *tally.fired.entry((call.as_raw(), fault.number)).or_default() += u64::from(fired);
                    }
                    Err(failure) => {
                        tally.failures.push(format!("{}, {fault}: {failure}", self.name));
                        // What is left now is not the next one's.
                        clean_up(self.folder);
                        before = self.look();
                    }
                }
            }
        }
    }

    /// How often the scenario makes which call.
    fn record(&self) -> Vec<(SystemCall, u32)> {
        let calls = table::calls();
        let mut counts = vec![0_u32; calls.len()];
        let body = self.scenario.body;
        let note = |call: &Call| {
            if counts_as_its_own(call)
                && let Ok(index) = calls.binary_search(&call.call())
            {
                counts[index] += 1;
            }
            Answer::Proceed
        };
        let _watch = Watch::over(format!("{}, recorded", self.name));
        intercept(&calls, note, move || {
            body().map_err(|failure| failure.to_string()).expect("it works without a fault");
        })
        .expect("system calls can be intercepted");
        calls.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    /// One case: how often it fired, or what is wrong.
    fn inject(&self, fault: Fault, before: &Snapshot) -> Result<u32, String> {
        // A scenario that waits may make a call less once in a while.
        for _ in 0..5 {
            let fired = self.inject_once(fault, before)?;
            if fired > 0 {
                return self.again(before).map(|()| fired);
            }
        }
        match fault.occurrence {
            Occurrence::Nth(3..) => Ok(0),
            // A child that had always ended by the first look.
            Occurrence::Nth(2) if fault.call.name() == Some("waitid") => Ok(0),
            // A wait that never got as far as a sleep.
            _ if matches!(fault.call.name(), Some("clock_nanosleep" | "futex")) => Ok(0),
            _ => Err("never fired".to_owned()),
        }
    }

    fn inject_once(&self, fault: Fault, before: &Snapshot) -> Result<u32, String> {
        let _watch = Watch::over(format!("{}, {fault}", self.name));
        let (mut seen, mut fired) = (0, 0);
        let mut failed = Failed::default();
        let body = self.scenario.body;
        let is_close = fault.call.name() == Some("close");
        // With its checks for debugging, std asks by fcntl first.
        CLOSES.store(is_close || fault.call.name() == Some("fcntl"), Ordering::Relaxed);
        let answer = |call: &Call| {
            if !counts_as_its_own(call) {
                return Answer::Proceed;
            }
            seen += 1;
            if !contains(fault.occurrence, seen) {
                return Answer::Proceed;
            }
            fired += 1;
            failed.note(call);
            if is_close {
                // Whatever it returns, the descriptor is gone: that is how Linux closes.
                // SAFETY: what the body, a thread of this process that has the same descriptors, is about to do.
                unsafe { libc::close(call.integer(0)) };
            }
            Answer::Fail(Errno::from_raw(fault.number))
        };
        let outcome = self.attempt(|| intercept(&[fault.call], answer, body).expect("system calls can be intercepted"));
        match &outcome {
            Err(Trouble::Panic(message)) => return Err(format!("panic {message}")),
            Err(Trouble::Failed(failure)) if fired > 0 && !is_allowed(self.name, fault, failure) => {
                return Err(format!("not documented: {failure}"));
            }
            Err(Trouble::Failed(failure)) if fired == 0 => return Err(format!("failed, and nothing fired: {failure}")),
            Ok(()) | Err(Trouble::Failed(_)) => {}
        }
        failed.in_the_end = match &outcome {
            Err(Trouble::Failed(Failure::Ipc(error))) => {
                matches!(error.call(), "unlink" | "shm_unlink") || error.kind() == ErrorKind::AlreadyExists
            }
            _ => true,
        };
        self.compare(before, &failed)?;
        Ok(fired)
    }

    /// Whether all is there as before; what a failed call should have released is released now.
    fn compare(&self, before: &Snapshot, failed: &Failed) -> Result<(), String> {
        let object = Path::new("/dev/shm").join(object_name().trim_start_matches('/'));
        let difference = before.difference(&self.look());
        if difference.is_empty() && !object.exists() {
            return Ok(());
        }
        failed.make_up_for();
        let difference = before.lasting_changes(Duration::from_secs(2)).map_err(|error| error.to_string())?;
        match (difference.is_empty(), object.exists()) {
            (true, false) => Ok(()),
            (false, _) => Err(format!("left:\n{difference}")),
            (_, true) => Err(format!("left: {}", object.display())),
        }
    }

    /// The same without a fault works, and leaves nothing.
    fn again(&self, before: &Snapshot) -> Result<(), String> {
        let _watch = Watch::over(format!("{}, again", self.name));
        let body = self.scenario.body;
        self.attempt(|| std::thread::scope(|scope| named(scope, body)))
            .map_err(|trouble| format!("afterwards, without a fault: {trouble}"))?;
        self.compare(before, &Failed::default()).map_err(|left| format!("afterwards, without a fault: {left}"))
    }

    fn attempt(&self, body: impl FnOnce() -> Outcome) -> Result<(), Trouble> {
        match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(Trouble::Failed(failure)),
            Err(_) => Err(Trouble::Panic(last_panic())),
        }
    }

    fn look(&self) -> Snapshot {
        Snapshot::options().folder(self.folder).take().expect("a look at this process")
    }
}

/// Waits until the children that scenarios left to a thread have ended, and the threads.
fn settle() {
    let quiet = || {
        // SAFETY: takes numbers; nobody needs the status of a child that is left.
        let reaped = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        reaped == -1 && std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == threads_of_sweep())
    };
    let deadline = Instant::now() + PATIENCE;
    while !quiet() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The child's only thread, that in the namespace, and the one that watches.
const fn threads_of_sweep() -> usize {
    3
}

fn named<'s>(scope: &'s std::thread::Scope<'s, '_>, body: fn() -> Outcome) -> Outcome {
    let thread = std::thread::Builder::new().name("intercepted".to_owned()).spawn_scoped(scope, body);
    thread.expect("a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

enum Trouble {
    Failed(Failure),
    Panic(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Panic(message) => write!(f, "panic {message}"),
        }
    }
}

fn is_allowed(scenario: &str, fault: Fault, failure: &Failure) -> bool {
    match failure.kind() {
        Some(kind) => table::is_documented(scenario, fault.call, fault.number, kind),
        // glibc says that there is no thread, and not why.
        None if is_clone(fault.call) => {
            failure.number() == Some(libc::EAGAIN) || failure.number() == Some(fault.number)
        }
        None => failure.number().is_none_or(|number| number == fault.number),
    }
}

/// Whether it is a call of the scenario's thread. Not that by which std closes a directory: it panics when that fails, which it cannot.
fn counts_as_its_own(call: &Call) -> bool {
    call.is_by_body() && !(call.call().name() == Some("close") && is_directory(call.integer(0)))
}

fn is_directory(descriptor: i32) -> bool {
    // SAFETY: zeros are a value; the call writes one structure.
    unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        libc::fstat(descriptor, &raw mut status) == 0 && status.st_mode & libc::S_IFMT == libc::S_IFDIR
    }
}

fn is_clone(call: SystemCall) -> bool {
    matches!(call.name(), Some("clone" | "clone3"))
}

/// The faults for a call that is made so often.
fn faults(scenario: &str, call: SystemCall, count: u32) -> Vec<Fault> {
    const MOST: u32 = 20;
    let mut faults = Vec::new();
    for number in table::numbers_in(scenario, call) {
        for nth in 1..=count.min(MOST) {
            // The share of an ordinary run: the first, the second, the last. A disposition that cannot be put back takes one of a few
            // places for good: no more of that.
            if is_complete() && call.name() != Some("rt_sigaction") || nth <= 2 || nth == count {
                faults.push(Fault { call, number, occurrence: Occurrence::Nth(nth) });
            }
        }
        if number == libc::EINTR {
            faults.push(Fault { call, number, occurrence: Occurrence::First(3) });
            if count >= 2 {
                faults.push(Fault { call, number, occurrence: Occurrence::EveryNth(2) });
            }
        }
    }
    faults
}

fn contains(occurrence: Occurrence, number: u32) -> bool {
    match occurrence {
        Occurrence::Nth(nth) => number == nth,
        Occurrence::First(last) => number <= last,
        Occurrence::EveryNth(step) => number.is_multiple_of(step),
        _ => unreachable!("not used here"),
    }
}

/// A call that failed on purpose and would have released something. What it would have released is left, through nobody's
/// fault.
#[derive(Default)]
struct Failed {
    call: Option<Call>,
    path: Option<(i32, [u8; 256])>,
    /// Whether it was in a `Drop` or its explicit form, and not half way through a constructor.
    in_the_end: bool,
}

impl Failed {
    /// Allocates nothing: the caller may hold the allocator's lock.
    fn note(&mut self, call: &Call) {
        self.call = Some(*call);
        let (folder, path_at) = match call.call().name() {
            Some("unlinkat") => (call.integer(0), 1),
            Some("unlink") => (libc::AT_FDCWD, 0),
            _ => return,
        };
        {
            let mut path = [0; 256];
            let from = call.argument(path_at) as *const libc::c_char;
            // SAFETY: the caller, a thread of this process, waits in a call that reads this path, which is shorter and ends with 0.
            unsafe { libc::strncpy(path.as_mut_ptr().cast(), from, 255) };
            self.path = Some((folder, path));
        }
    }

    /// Does what the call would have done.
    fn make_up_for(&self) {
        let Some(call) = self.call else { return };
        let releases = match call.call().name().unwrap_or("") {
            "munmap" | "shmdt" | "munlock" | "munlockall" | "timer_delete" | "pkey_free" => true,
            "msgctl" | "shmctl" => call.integer(1) & 0xff == libc::IPC_RMID || call.integer(1) == libc::SHM_UNLOCK,
            "semctl" => call.integer(2) & 0xff == libc::IPC_RMID,
            "unlinkat" | "unlink" => return self.unlink(),
            "setitimer" | "getitimer" => return stop_intervals(),
            "rt_sigaction" => return restore_dispositions(),
            // Whoever cannot wait for a child, nor have a thread that does, leaves it to the end of the process.
            "waitid" | "wait4" | "pidfd_send_signal" | "kill" | "pidfd_open" | "clone" | "clone3"
            | "rt_sigprocmask" | "mmap" | "mprotect" => {
                end_children();
                return;
            }
            // What a name means now cannot be told: then it is left alone.
            "newfstatat" | "statx" | "fstat" | "renameat2" if self.in_the_end => return remove_files(&folder()),
            _ => false,
        };
        if releases {
            let argument = |index| call.argument(index);
            // SAFETY: the call that a value of the crate, which is gone, wanted to make: what it releases is in nobody's use.
            unsafe {
                libc::syscall(call.call().as_raw().into(), argument(0), argument(1), argument(2), argument(3));
            }
        }
    }

    fn unlink(&self) {
        if let Some((place, path)) = &self.path {
            // SAFETY: a path that ends with 0. A relative one is below a descriptor that is closed by now: then below the folder.
            unsafe {
                if libc::unlinkat(*place, path.as_ptr().cast(), 0) != 0 {
                    let file = std::ffi::CStr::from_bytes_until_nul(path).expect("a zero").to_string_lossy();
                    let _ = std::fs::remove_file(folder().join(&*file));
                }
            }
        }
    }
}

/// What the process did about each signal when the sweep began.
static DISPOSITIONS: OnceLock<Vec<(i32, libc::sigaction)>> = OnceLock::new();

/// A scenario that a fault ends early may leave a signal that waits for its thread, and is delivered with the end of the mask.
fn survive_signals() {
    extern "C" fn nothing(_: i32) {}
    for signal in [libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(signal, nothing as extern "C" fn(i32) as libc::sighandler_t) };
    }
}

fn keep_dispositions() {
    let dispositions = (1..=64).filter_map(|signal| {
        // SAFETY: zeros are a value; the call writes one structure.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            (libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0).then_some((signal, action))
        }
    });
    let _ = DISPOSITIONS.set(dispositions.collect());
}

fn restore_dispositions() {
    for (signal, action) in DISPOSITIONS.get().into_iter().flatten() {
        // SAFETY: what the process did before; the handlers are functions of this program.
        unsafe { libc::sigaction(*signal, action, std::ptr::null_mut()) };
    }
}

fn stop_intervals() {
    for which in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF] {
        // SAFETY: zeros are a value; they stop the timer.
        unsafe {
            let none: libc::itimerval = std::mem::zeroed();
            libc::setitimer(which, &raw const none, std::ptr::null_mut());
        }
    }
}

/// Kills and reaps all children of this process; how many there were.
pub(crate) fn end_children() -> usize {
    let mut ended = 0;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            // SAFETY: a child of this process that is not reaped yet.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, std::ptr::null_mut(), 0);
            }
            ended += 1;
        }
    }
    ended
}

/// What the next case must not find: children, timers, objects of the namespace, files of the folder.
pub(crate) fn clean_up(folder: &Path) {
    end_children();
    stop_intervals();
    restore_dispositions();
    remove_files(folder);
    for queue in MessageQueue::list().unwrap_or_default() {
        let _ = MessageQueue::from_id(queue.id).map(|queue| queue.remove());
    }
    for set in SemaphoreSet::list().unwrap_or_default() {
        let _ = SemaphoreSet::from_id(set.id).map(|set| set.remove());
    }
    for segment in Segment::list().unwrap_or_default() {
        let _ = Segment::from_id(segment.id).map(|segment| segment.remove());
    }
}

fn remove_files(folder: &Path) {
    let _ = PosixObject::unlink(&object_name());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// The name of the POSIX object of the scenarios.
pub(crate) fn object_name() -> String {
    format!("/ipc-safe-sweep-{}", std::process::id())
}

/// The folder for files of the scenarios.
pub(crate) fn folder() -> PathBuf {
    FOLDER.get().cloned().expect("a sweep runs")
}

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// What the last panic said, and where.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

pub(crate) fn last_panic() -> String {
    LAST_PANIC.lock().map(|mut last| std::mem::take(&mut *last)).unwrap_or_default()
}

/// Panics are told in the report of the case, not printed.
fn quiet() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            // The first one: what follows from it, like a thread that could not be joined, says less.
            if last.is_empty() {
                *last = format!("at {place}: {message}");
            }
        }
    }));
}

/// Lets all threads allocate from one heap, which never maps memory: the mappings that the sweep sees are the crate's.
fn one_heap() {
    // SAFETY: takes numbers.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
