//! Sets of signals, and what becomes of them: adding a signal to a set blocks nothing; blocking the set does, in this thread.
//!
//! ```text
//! $ cargo run --example signal_sets
//! empty: {}
//! all: 62 signals, without 32 and 33 of the C library
//! filled: {SIGINT, SIGQUIT, SIGTERM}
//! SIGINT is in the set: true
//! SIGINT is blocked: false
//! without SIGTERM: {SIGINT, SIGQUIT}
//! union with {SIGHUP}: {SIGHUP, SIGINT, SIGQUIT}
//! intersection with {SIGINT}: {SIGINT}
//! no signals: number 0, number 32, number 65
//! the set is blocked: {SIGINT, SIGQUIT}
//! a guard within adds SIGTERM: {SIGINT, SIGQUIT, SIGTERM}
//! the guard is gone: {SIGINT, SIGQUIT}
//! for a while, SIGINT is not blocked: {SIGQUIT}
//! for a while, nothing but SIGHUP is: {SIGHUP}
//! then again: {SIGINT, SIGQUIT}
//! SIGKILL and SIGSTOP cannot be: {SIGINT, SIGQUIT}
//! another thread begins with the mask of this one: {SIGINT, SIGQUIT}
//! and changes its own only: {SIGINT, SIGQUIT}
//! in the end: {}
//! ```
#![forbid(unsafe_code)]

use ipc_safe::Result;
use ipc_safe::signal::{Signal, SignalSet, blocked};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match sets().map_err(Into::into).and_then(mask) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signal_sets: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a set is by itself.
fn sets() -> Result<SignalSet> {
    let mut set = SignalSet::empty();
    println!("empty: {set}");
    println!("all: {} signals, without 32 and 33 of the C library", SignalSet::all().len());
    set.extend([Signal::TERM, Signal::INT, Signal::QUIT]);
    println!("filled: {set}");
    println!("SIGINT is in the set: {}", set.contains(Signal::INT));
    println!("SIGINT is blocked: {}", blocked()?.contains(Signal::INT));
    set.remove(Signal::TERM);
    println!("without SIGTERM: {set}");
    let (hangup, interrupt) = (SignalSet::from(Signal::HUP), SignalSet::from(Signal::INT));
    println!("union with {hangup}: {}", set | hangup);
    println!("intersection with {interrupt}: {}", set & interrupt);
    let no_signals = [0, 32, 65].into_iter().filter(|number| Signal::from_raw(*number).is_err());
    println!("no signals: {}", no_signals.map(|number| format!("number {number}")).collect::<Vec<_>>().join(", "));
    Ok(set)
}

/// What the mask of the thread makes of it.
fn mask(set: SignalSet) -> Result<(), Box<dyn Error>> {
    let before = blocked()?;
    // What was blocked before this program began is not looked at.
    let added = || blocked().map(|blocked| blocked - before);
    let guard = set.block()?;
    println!("the set is blocked: {}", added()?);
    let inner = SignalSet::from(Signal::TERM).block()?;
    println!("a guard within adds SIGTERM: {}", added()?);
    drop(inner);
    println!("the guard is gone: {}", added()?);
    println!("for a while, SIGINT is not blocked: {}", SignalSet::from(Signal::INT).unblocked(added)??);
    println!("for a while, nothing but SIGHUP is: {}", SignalSet::from(Signal::HUP).as_mask(added)??);
    println!("then again: {}", added()?);
    let forced = SignalSet::from([Signal::KILL, Signal::STOP]).block()?;
    println!("SIGKILL and SIGSTOP cannot be: {}", added()?);
    drop(forced);
    let other = || -> Result<()> {
        println!("another thread begins with the mask of this one: {}", added()?);
        let _all = SignalSet::all().block()?;
        Ok(())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, other)?;
        Ok::<_, Box<dyn Error>>(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })?;
    println!("and changes its own only: {}", added()?);
    drop(guard);
    println!("in the end: {}", added()?);
    Ok(())
}
