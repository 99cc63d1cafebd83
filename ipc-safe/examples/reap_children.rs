//! Twenty children that end together: every one is reaped, and none of them begins with a signal blocked.
//!
//! Twenty ends may be a single `SIGCHLD`, because standard signals merge: the reaper asks the children, not the signals. The
//! parent blocks signals while it works; a child that inherited that could not be ended by Ctrl-C, so each gets the mask that
//! was there before. A child is this program again, and waits until its standard input ends.
//!
//! ```text
//! $ cargo run --example reap_children
//! 20 children wait
//! 20 children ended, each with its own status
//! no child began with a signal blocked
//! ```
#![forbid(unsafe_code)]

use ipc_safe::process::{ChildStatus, Pid};
use ipc_safe::signal::{self, CommandMask, Reaper, Signal, SignalSet};
use std::collections::HashMap;
use std::error::Error;
use std::io::{PipeReader, Read};
use std::process::{Command, ExitCode, Stdio};

const CHILDREN: u8 = 20;
/// The status of a child that begins with a signal blocked.
const BLOCKED: u8 = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent().map(|()| 0),
        ["child", number] => child(number),
        _ => Err("usage: reap_children".into()),
    };
    result.map_or_else(
        |error| {
            eprintln!("reap_children: {error}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

fn parent() -> Result<(), Box<dyn Error>> {
    let _guard = SignalSet::from([Signal::CHLD, Signal::USR1]).block()?;
    let (reader, writer) = std::io::pipe()?;
    let mut reaper = Reaper::new()?;
    let mut expected = HashMap::new();
    for number in 0..CHILDREN {
        let pid = start(number, &reader)?;
        reaper.add(pid)?;
        expected.insert(pid, ChildStatus::Exited(number.into()));
    }
    println!("{} children wait", reaper.len());
    drop((reader, writer)); // all of them read the end of the pipe now

    let ended = reaper.map(|end| end.map(|end| (end.pid, end.status))).collect::<Result<HashMap<_, _>, _>>()?;
    if ended.values().any(|&status| status == ChildStatus::Exited(BLOCKED.into())) {
        return Err("a child began with a signal blocked".into());
    }
    if ended != expected {
        return Err(format!("the children ended otherwise: {ended:?}").into());
    }
    println!("{} children ended, each with its own status", ended.len());
    println!("no child began with a signal blocked");
    Ok(())
}

fn start(number: u8, input: &PipeReader) -> Result<Pid, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", &number.to_string()]).stdin(Stdio::from(input.try_clone()?));
    // Not kept: the reaper waits for it.
    Ok(Pid::from_child(&command.original_mask()?.spawn()?))
}

fn child(number: &str) -> Result<u8, Box<dyn Error>> {
    let number = number.parse()?;
    let blocked = !signal::blocked()?.is_empty();
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(if blocked { BLOCKED } else { number })
}
