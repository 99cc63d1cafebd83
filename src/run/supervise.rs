//! Running a child: signals are passed on, every process that ends is reaped, and the result is an exit status.

use crate::failure::{Failure, Result, complain, reason};
use crate::people;
use crate::stop;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, set_child_subreaper, wait};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

/// The signals that are passed on.
const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM];

/// Not found, and found but not to be run: as shells and env(1) have it.
const NOT_FOUND: u8 = 127;
const CANNOT_RUN: u8 = 126;

/// Runs the init of the namespaces from outside.
pub(super) fn outside(init: &mut Command) -> Result<u8> {
    let mut signals = listen()?;
    let child =
        init.spawn().map_err(|error| Failure::new(format!("starting the first process: {}", reason(&error))))?;
    let init = Pid::from_child(&child);
    Ok(follow(&mut signals, init, pass_to_init))
}

/// Passes a signal to the init. One from the terminal reached the command too, as a member of the foreground process group,
/// unless the init was not yet listening. The kernel drops signals for an init that does not listen.
fn pass_to_init(init: Pid, origin: &Origin) {
    const ATTEMPTS: usize = 2000;
    let is_ready = || stop::is_handled(init.as_raw_nonzero().get(), origin.signal);
    if is_from_terminal(origin) && is_ready() {
        return;
    }
    for _ in 0..ATTEMPTS {
        if is_ready() {
            return send(init, origin.signal);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs the command as the init does, or instead of one. Says why when it cannot be run.
pub(super) fn command(words: &[OsString]) -> Result<u8> {
    let [program, arguments @ ..] = words else { return Err(Failure::usage("which command?")) };
    let mut signals = listen()?;
    // What came before there is a command to pass it on to ends the attempt.
    if let Some(origin) = signals.pending().find(|origin| origin.signal != SIGCHLD) {
        return Ok(128_u8.saturating_add(u8::try_from(origin.signal).unwrap_or(0)));
    }
    let child = match Command::new(program).args(arguments).spawn() {
        Ok(child) => child,
        Err(error) => {
            complain(format!("running {}: {}", program.display(), reason(&error)));
            return Ok(if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN });
        }
    };
    Ok(follow(&mut signals, Pid::from_child(&child), |command, origin| {
        if !is_from_terminal(origin) {
            send(command, origin.signal);
        }
    }))
}

/// Runs the command without namespaces. Processes that it leaves running become children of this one, and are killed.
pub(super) fn with_subreaper(words: &[OsString]) -> Result<u8> {
    let this = rustix::process::getpid();
    set_child_subreaper(Some(this))
        .map_err(|errno| Failure::new(format!("becoming a subreaper: {}", reason(&errno))))?;
    let status = command(words)?;
    let mut ended = Vec::new();
    end(|| {
        let strays = children(this);
        ended.extend(strays.iter().map(|pid| people::long(Some(*pid))));
        strays
    });
    say_ended(&ended);
    Ok(status)
}

/// Kills processes that are children of this one, or become so, until there are no more.
pub(super) fn end(mut strays: impl FnMut() -> Vec<Pid>) {
    loop {
        strays().into_iter().for_each(|pid| send(pid, Signal::KILL.as_raw()));
        // The children of those that end now become ours before this returns.
        if wait(WaitOptions::empty()).is_err() {
            break;
        }
    }
}

/// Tells of processes that the command left running.
pub(super) fn say_ended(processes: &[String]) {
    if !processes.is_empty() {
        let count = crate::kind::plural(processes.len(), "process").replace("processs", "processes");
        complain(format!("{count} left running, and ended now: {}", processes.join(", ")));
    }
}

/// The children of a process that still run.
fn children(of: Pid) -> Vec<Pid> {
    let parent = |pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
        let runs = !field("State:")?.starts_with('Z');
        (runs && field("PPid:")?.parse() == Ok(of.as_raw_nonzero().get())).then(|| Pid::from_raw(*pid))?
    };
    people::processes().iter().filter_map(parent).collect()
}

fn listen() -> Result<SignalsInfo<WithOrigin>> {
    let mut all = stop::not_ignored(&PASSED_ON);
    all.push(SIGCHLD);
    SignalsInfo::new(all).map_err(|error| Failure::new(format!("listening for signals: {}", reason(&error))))
}

fn is_from_terminal(origin: &Origin) -> bool {
    matches!(origin.cause, Cause::Kernel)
}

/// Sends a signal. A process that is gone does not need it any more.
fn send(pid: Pid, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = kill_process(pid, signal);
    }
}

/// Waits for the end of `child`, reaping everybody else, and passes signals on meanwhile.
fn follow(signals: &mut SignalsInfo<WithOrigin>, child: Pid, pass_on: impl Fn(Pid, &Origin)) -> u8 {
    for origin in signals.forever() {
        if origin.signal != SIGCHLD {
            pass_on(child, &origin);
        } else if let Some(status) = reap(child) {
            return status;
        }
    }
    super::OWN_FAILURE
}

/// Reaps all children that have ended; the exit status of `child` when it is among them.
fn reap(child: Pid) -> Option<u8> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            ended = Some(exit_status(status));
        }
    }
    ended
}

/// The status as a shell has it.
fn exit_status(status: WaitStatus) -> u8 {
    let signaled = status.terminating_signal().map(|signal| 128 + signal);
    let number = status.exit_status().or(signaled);
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(super::OWN_FAILURE)
}
