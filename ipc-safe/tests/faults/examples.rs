//! The sweep over the examples: each of their system calls is made to fail.

use crate::driver::{Tally, end_children, is_complete};
use crate::stage::{Ended, PLAYS, Play, Stage};
use crate::table;
use ipc_safe::error::Errno;
use ipc_safe::testing::{Answer, Call, SystemCall, intercept};
use rustix::process::{Signal, kill_process};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Calls that are left alone in the examples, though they are made to fail in the crate.
///
/// A `close` that fails leaves the descriptor open when nobody closes it in its place; std panics when it finds no random numbers.
const EXEMPT: &[&str] = &["close", "getrandom", "clock_gettime"];

/// Calls of libraries that the kernel never lets fail, and the examples with them. signal-hook sends to itself in its handler, and does
/// not do so again when that is interrupted: it does not wait. std waits for a child that it cannot hear from, and that one for us.
const LIBRARIES: [(&[&str], &[&str]); 2] = [
    (&["msg", "blackboard", "sem_parent_child", "interval_timer_handler"], &["sendto", "recvfrom"]),
    (&["reap_children"], &["recvfrom"]),
];

/// Runs all plays of this process's share with all their faults.
pub(crate) fn sweep(folder: &Path, share: impl Fn(usize) -> bool) -> Tally {
    // Whoever is left by its parent becomes a child of this process, and is seen.
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let only = std::env::var("IPC_SAFE_SWEEP_ONLY").unwrap_or_default();
    let mut tally = Tally::default();
    for (_, play) in PLAYS.iter().enumerate().filter(|(index, play)| share(*index) && play.name.contains(&only)) {
        let start = Instant::now();
        let before = tally.injected;
        run(play, folder, &mut tally);
        println!("example {}: {} cases in {:?}", play.name, tally.injected - before, start.elapsed());
    }
    tally
}

fn run(play: &Play, folder: &Path, tally: &mut Tally) {
    let of_library = |name| LIBRARIES.iter().any(|(plays, calls)| plays.contains(&play.name) && calls.contains(&name));
    let is_exempt = |name| EXEMPT.contains(&name) || of_library(name);
    let calls: Vec<_> = table::calls().into_iter().filter(|call| !is_exempt(call.name().unwrap_or(""))).collect();
    let mut counts = vec![0_u32; calls.len()];
    let recorded = perform(play, folder, &calls, |call| {
        if let Ok(index) = calls.binary_search(&call.call()) {
            counts[index] += 1;
        }
        None
    });
    if let Err(trouble) = recorded {
        tally.failures.push(format!("{}, without a fault: {trouble}", play.name));
        return;
    }
    for (call, count) in calls.iter().zip(counts) {
        for (number, nth) in faults(*call, count) {
            let (mut seen, mut fired, mut released) = (0, 0, false);
            let outcome = perform(play, folder, &[*call], |made| {
                seen += 1;
                (seen == nth).then(|| {
                    fired += 1;
                    released = releases(made);
                    Errno::from_raw(number)
                })
            });
            let outcome = outcome.and_then(|left| if released { Ok(()) } else { left });
            match outcome {
                // Several processes do not always do the same. How seldom that may be is looked at in the end.
                Ok(()) if fired == 0 => tally.unreached += 1,
                Ok(()) => {
                    tally.injected += 1;
                    tally.survived += 1;
                    *tally.fired.entry((call.as_raw(), number)).or_default() += 1;
                }
                Err(trouble) => {
                    tally.injected += 1;
                    let number = table::name(number);
                    tally.failures.push(format!("{}, {number} for call {nth} of {call}: {trouble}", play.name));
                }
            }
        }
    }
}

/// Which faults there are for a call that is made so often.
fn faults(call: SystemCall, count: u32) -> impl Iterator<Item = (i32, u32)> {
    const MOST: u32 = 5;
    // Of an object that is there, nobody but the sweep says that it is gone; and glibc ends a process that cannot wait for a thread.
    let is_exempt =
        move |number: &i32| *number == libc::EIDRM || *number == libc::ENOMEM && call.name() == Some("futex");
    let numbers = table::numbers(call).into_iter().filter(move |number| !is_exempt(number)).enumerate();
    numbers.flat_map(move |(index, number)| {
        let is_wanted = move |nth: &u32| is_complete() || index == 0 && (*nth == 1 || *nth == count);
        (1..=count.min(MOST)).filter(is_wanted).map(move |nth| (number, nth))
    })
}

/// Whether it would have taken away something that stays now, or told what a name means.
fn releases(call: &Call) -> bool {
    match call.call().name().unwrap_or("") {
        "msgctl" | "shmctl" => call.integer(1) & 0xff == libc::IPC_RMID,
        "semctl" => call.integer(2) & 0xff == libc::IPC_RMID,
        "unlink" | "unlinkat" | "newfstatat" | "statx" | "fstat" | "rename" | "renameat2" => true,
        _ => false,
    }
}

/// Plays once, while `fail` is asked about these calls of the programs, from when their `main` has begun. What is wrong with how they
/// ended; if nothing, what is wrong with what they left.
fn perform(
    play: &Play,
    folder: &Path,
    calls: &[SystemCall],
    mut fail: impl FnMut(&Call) -> Option<Errno>,
) -> Result<Result<(), String>, String> {
    let (ended, children, left) =
        play_once(play, folder, calls, |call| fail(call).map_or(Answer::Proceed, Answer::Fail));
    let troubles: Vec<_> = ended.iter().filter_map(|ended| ended.trouble(false)).collect();
    if !troubles.is_empty() {
        return Err(troubles.join("; "));
    }
    if children > 0 {
        return Err(format!("{children} processes are left"));
    }
    // Whoever is ended by a signal takes nothing away.
    if ended.iter().any(|ended| ended.status.is_some_and(|status| status.signal() == Some(libc::SIGTERM))) {
        return Ok(Ok(()));
    }
    Ok(left)
}

/// How the programs ended, how many processes did not, and whether anything else is left; then all is taken away.
fn play_once(
    play: &Play,
    folder: &Path,
    calls: &[SystemCall],
    mut decide: impl FnMut(&Call) -> Answer,
) -> (Vec<Ended>, usize, Result<(), String>) {
    let own = folder.join("own");
    std::fs::create_dir_all(&own).expect("a folder");
    let [execute, stack] = ["execve", "sigaltstack"].map(|name| SystemCall::named(name).expect("a call"));
    let mut asked = calls.to_vec();
    asked.extend([execute, stack]);
    asked.sort_unstable();
    asked.dedup();
    // The body may hold the lock of the allocator when it asks.
    let mut begun: Vec<u32> = Vec::with_capacity(4096);
    let answer = |call: &Call| {
        let Some(thread) = call.thread().filter(|_| !call.is_by_body()) else { return Answer::Proceed };
        let thread = thread.as_raw_nonzero().get().cast_unsigned();
        let place = begun.iter().position(|known| *known == thread);
        if call.call() == execute || call.call() == stack && call.argument(0) != 0 {
            // A thread of std makes its stack for signals just before its own code runs, and gives it back after that.
            match place {
                Some(place) => {
                    begun.swap_remove(place);
                }
                None if call.call() == stack && begun.len() < begun.capacity() => begun.push(thread),
                None => {}
            }
        }
        // What std prints with panics when it cannot.
        let prints = call.call().name() == Some("write") && matches!(call.integer(0), 1 | 2);
        if place.is_none() || prints || calls.binary_search(&call.call()).is_err() {
            return Answer::Proceed;
        }
        decide(call)
    };
    let ended = intercept(&asked, answer, || {
        let mut stage = Stage::new(folder);
        (play.script)(&mut stage);
        // Nobody is left when this ends, or there would be nobody to ask any more.
        (stage.finish(), children_left())
    });
    let (ended, children) = ended.expect("system calls can be intercepted");
    let left = what_is_left(&own);
    crate::driver::clean_up(&own);
    (ended, children, left)
}

/// The plays in which several processes have to do with each other.
const PAIRS: &[&str] = &[
    "blackboard",
    "channel_pair",
    "coprocess_add",
    "fifo",
    "mmap_anonymous",
    "msg",
    "pipe_parent_child",
    "rpc",
    "sem_parent_child",
    "shared_producer_consumer",
    "shm_record",
    "signal_send",
    "tcp",
    "unix_echo",
];

/// Those in which somebody waits for seconds before it gives the other one up.
const PATIENT: &[&str] =
    &["blackboard", "channel_pair", "fifo", "msg", "sem_parent_child", "shared_producer_consumer", "signal_send"];

/// Plays the pairs again and again, and kills one of the programs at each of its system calls: how many points there were, and what
/// was wrong.
pub(crate) fn kills(folder: &Path, share: &dyn Fn(usize) -> bool) -> (u64, Vec<String>) {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let only = std::env::var("IPC_SAFE_SWEEP_ONLY").unwrap_or_default();
    let calls = table::calls();
    let (mut points, mut failures) = (0, Vec::new());
    let pairs = PLAYS.iter().filter(|play| PAIRS.contains(&play.name)).enumerate();
    for (_, play) in pairs.filter(|(index, play)| share(*index) && play.name.contains(&only)) {
        let (start, before) = (Instant::now(), points);
        let mut count = 0_u32;
        let _ = play_once(play, folder, &calls, |_| {
            count += 1;
            Answer::Proceed
        });
        // One of them copies by thousands of calls: there, every so manieth. Of the patient ones, in an
        // ordinary run, a few all over it.
        let all = is_complete() || !PATIENT.contains(&play.name);
        let step = if all { count.div_ceil(200) } else { (count / 3_u32).max(1) };
        for nth in (1..=count).step_by(step as usize) {
            let (mut seen, mut killed) = (0, false);
            let (ended, children, _) = play_once(play, folder, &calls, |call| {
                seen += 1;
                if seen == nth
                    && let Some(thread) = call.thread()
                {
                    // The program: a thread of it is named, and the signal is for all.
                    killed = kill_process(thread, Signal::KILL).is_ok();
                }
                Answer::Proceed
            });
            if !killed {
                continue;
            }
            points += 1;
            let mut troubles: Vec<_> = ended.iter().filter_map(|ended| ended.trouble(true)).collect();
            if children > 0 {
                troubles.push(format!("{children} processes are left"));
            }
            // What it left is gone by now, as after a cleanup by hand: the next one works.
            if let Err(trouble) = perform(play, folder, &[], |_| None) {
                troubles.push(format!("the next one: {trouble}"));
            }
            if !troubles.is_empty() {
                failures.push(format!("{}, killed at call {nth} of {count}: {}", play.name, troubles.join("; ")));
            }
        }
        println!("kills, example {}: {} points of {count} in {:?}", play.name, points - before, start.elapsed());
    }
    (points, failures)
}

/// Waits for those whose parents have gone; how many do not end.
fn children_left() -> usize {
    // Longer than any of them waits for somebody who was killed.
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        // SAFETY: takes numbers; the programs of the play have been waited for.
        match unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } {
            -1 => return 0,
            0 if Instant::now() >= deadline => return end_children(),
            0 => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
    }
}

fn what_is_left(folder: &Path) -> Result<(), String> {
    let names: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    let counts = ["msg", "sem", "shm"].map(|table| {
        std::fs::read_to_string(format!("/proc/sysvipc/{table}")).map_or(0, |text| text.lines().count() - 1)
    });
    if names.is_empty() && counts == [0; 3] { Ok(()) } else { Err(format!("left: {names:?}, objects {counts:?}")) }
}
