//! Blocks SIGINT (Ctrl-C) and SIGQUIT (Ctrl-\\) for ten seconds, and shows each second which signals wait: one digit for each of
//! the signals 1 to 31. Then it lets them through, and the first one ends the program.
//!
//! Press Ctrl-C as often as you like: a signal that waits already is not counted again.
//!
//! ```text
//! $ cargo run --example signal_pending
//! 0000000000000000000000000000000
//! 0000000000000000000000000000000
//! ^C0100000000000000000000000000000
//! ^\0110000000000000000000000000000
//! ...
//! ```
//!
//! With a number it waits so many milliseconds between the lines. Nothing comes too early or is lost: the signals are blocked
//! before the first line, and in a program with one thread the mask of that thread is all there is; with more, each has its
//! own.
#![forbid(unsafe_code)]

use ipc_safe::Result;
use ipc_safe::signal::{Signal, SignalSet, pending};
use std::process::ExitCode;
use std::time::Duration;

const ROUNDS: u32 = 10;

fn main() -> ExitCode {
    let pause = match std::env::args().nth(1).map(|pause| pause.parse()) {
        None => 1000,
        Some(Ok(pause)) => pause,
        Some(Err(_)) => {
            eprintln!("signal_pending: usage: signal_pending [MILLISECONDS]");
            return ExitCode::FAILURE;
        }
    };
    match show(Duration::from_millis(pause)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signal_pending: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(pause: Duration) -> Result<()> {
    let guard = SignalSet::from([Signal::INT, Signal::QUIT]).block()?;
    for _ in 0..ROUNDS {
        println!("{}", bits(pending()?));
        std::thread::sleep(pause);
    }
    guard.restore()?;
    println!("nothing came");
    Ok(())
}

/// The signals 1 to 31.
fn bits(set: SignalSet) -> String {
    SignalSet::standard().iter().map(|signal| if set.contains(signal) { '1' } else { '0' }).collect()
}
