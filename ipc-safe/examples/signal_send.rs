//! A parent that lets its child work, and then sends it signals, one way after the other.
//!
//! The child blocks the signals before it says that it is ready, and takes them one by one: none comes too early, and none ends
//! it but the one that is meant to. A process id may belong to another process by the time it is used, so the parent signals
//! its child through a descriptor of it where it can. To send to every process (`kill(-1, ...)`) is nothing to try out: it
//! spares only process 1 and, on Linux, the caller.
//!
//! ```text
//! $ cargo run --example signal_send
//! parent: the child is ready and works
//! child: SIGUSR1 by kill from the parent
//! child: SIGUSR2 by kill from the parent
//! child: SIGRTMIN by sigqueue from the parent, value 42
//! child: SIGRTMIN by sigqueue from the parent, value -7
//! child: SIGHUP by raise from itself
//! parent: the child is there
//! parent: the child was killed by signal 15
//! parent: the next child aborts, although it ignores and blocks that: killed by signal 6
//! parent: the child is gone
//! ```
#![forbid(unsafe_code)]

#[path = "common/helper.rs"]
mod helper;

use helper::Helper;
use ipc_safe::error::Errno;
use ipc_safe::process::{ChildStatus, Pid, getpid};
use ipc_safe::signal::{self, Information, Origin, Signal, SignalSet};
use rustix::process::{PidfdFlags, pidfd_open};
use std::error::Error;
use std::io::{BufRead, BufReader, Write, stdout};
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

/// How long the child waits for a signal: its parent may have been killed.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent(),
        ["child", parent] => child(parent),
        ["abort"] => abort(),
        _ => Err("usage: signal_send".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signal_send: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    let (mut child, mut output) = start(&["child", &getpid().to_string()])?;
    let pid = Pid::from_child(&child);
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    if line(&mut output)? != "ready" {
        return Err("the child is not ready".into());
    }
    println!("parent: the child is ready and works");

    signal::to_process(pid, Signal::USR1)?;
    print_line(&mut output)?;
    signal::to_pidfd(&process, Signal::USR2)?;
    print_line(&mut output)?;
    let queued = Signal::real_time(0)?;
    signal::queue(pid, queued, 42)?;
    signal::queue(pid, queued, -7)?;
    print_line(&mut output)?;
    print_line(&mut output)?;
    print_line(&mut output)?;

    signal::check(pid)?;
    println!("parent: the child is there");
    signal::to_pidfd(&process, Signal::TERM)?;
    println!("parent: the child was {}", end(child.wait()?.into()));

    let (mut aborting, _) = start(&["abort"])?;
    let status = end(aborting.wait()?.into());
    println!("parent: the next child aborts, although it ignores and blocks that: {status}");

    match signal::to_pidfd(&process, Signal::TERM) {
        Ok(()) => Err("a child that ended was signalled".into()),
        Err(error) if error.errno().and_then(Errno::name) == Some("ESRCH") => {
            println!("parent: the child is gone");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Starts this program again; what it prints is read here.
fn start(arguments: &[&str]) -> Result<(Helper, BufReader<ChildStdout>), Box<dyn Error>> {
    let mut child = Helper(Command::new(std::env::current_exe()?).args(arguments).stdout(Stdio::piped()).spawn()?);
    let output = child.stdout.take().ok_or("the child's output is a pipe")?;
    Ok((child, BufReader::new(output)))
}

/// Reads a line of the child.
fn line(output: &mut impl BufRead) -> Result<String, Box<dyn Error>> {
    let mut line = String::new();
    match output.read_line(&mut line)? {
        0 => Err("the child ended".into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

fn print_line(output: &mut impl BufRead) -> Result<(), Box<dyn Error>> {
    println!("child: {}", line(output)?);
    Ok(())
}

/// How a child ended, without whether there is a core dump: that is for the system to decide.
fn end(status: ChildStatus) -> ChildStatus {
    match status {
        ChildStatus::Killed { signal, .. } => ChildStatus::Killed { signal, core_dumped: false },
        other => other,
    }
}

/// The child: takes the signals as they come, until one that it does not block ends it.
fn child(parent: &str) -> Result<(), Box<dyn Error>> {
    let parent = Pid::from_raw(parent.parse()?);
    let guard = SignalSet::from([Signal::USR1, Signal::USR2, Signal::HUP, Signal::real_time(0)?]).block()?;
    // `guard.wait()` would do, but there the C library says `kill` where it was `raise`.
    let signals = guard.descriptor()?;
    say("ready")?;
    for _ in 0..4 {
        say(&describe(&signals.read_timeout(PATIENCE)?, parent))?;
    }
    signal::raise(Signal::HUP)?;
    loop {
        say(&describe(&signals.read_timeout(PATIENCE)?, parent))?;
    }
}

/// Prints a line at once, although nobody may look at it on a screen, and the parent may be gone.
fn say(line: &str) -> std::io::Result<()> {
    let mut output = stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

fn describe(information: &Information, parent: Option<Pid>) -> String {
    let way = match information.origin {
        Origin::Kill(_) => "kill",
        Origin::Thread(_) => "raise",
        Origin::Queue(..) => "sigqueue",
        _ => "something else",
    };
    let sender = match information.sender().and_then(|sender| sender.pid) {
        pid if pid == parent => "the parent",
        pid if pid == Some(getpid()) => "itself",
        _ => "somebody else",
    };
    let value = information.value().map_or(String::new(), |value| format!(", value {}", value.as_i32()));
    format!("{} by {way} from {sender}{value}", information.signal)
}

/// A child that does what it can against SIGABRT.
fn abort() -> Result<(), Box<dyn Error>> {
    let _ignored = Signal::ABRT.ignore()?;
    let _blocked = SignalSet::from(Signal::ABRT).block()?;
    signal::raise(Signal::ABRT)?; // Waits.
    signal::abort()
}
