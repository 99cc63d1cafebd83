//! A periodic timer in the three ways to meet its signal: default action, handler, waiting.
//!
//! - `default`: nobody says anything about SIGALRM, and it ends the process. A shell says "Alarm clock".
//! - `handler`: a handler runs while the program reads its input. The handler only writes a byte into a pipe, because nearly
//!   nothing may be called in a handler, and no printing; a thread reads the pipe and prints. The reading goes on: the handler
//!   is installed with `SA_RESTART`, and std reads again after an interruption.
//! - `wait`: the signals are blocked and taken by waiting. A process has three interval timers, each with a signal of its own:
//!   of real time, of the time that it runs, and of the time that it or the kernel for it runs.
//!
//! ```text
//! $ cargo run --example interval_timer -- wait
//! 3 times SIGALRM from the real timer
//! 3 times SIGVTALRM from the virtual timer
//! 3 times SIGPROF from the profile timer
//! all three at once: SIGALRM SIGVTALRM SIGPROF
//! ```
//!
//! A second argument is the period in milliseconds (20).
#![forbid(unsafe_code)]

use ipc_safe::signal::{MaskGuard, Signal, SignalSet};
use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
use signal_hook::consts::SIGALRM;
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CLOCKS: [IntervalClock; 3] = [IntervalClock::Real, IntervalClock::Virtual, IntervalClock::Profile];

/// How long a signal may take that comes every few milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interval_timer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let way = arguments.next().unwrap_or_else(|| "wait".into());
    let period = arguments.next().map_or(Ok(20), |period| period.parse())?;
    let schedule = Schedule::every(Duration::from_millis(period));
    match way.as_str() {
        "default" => default_action(schedule),
        "handler" => handler(schedule),
        "wait" => wait(schedule),
        _ => Err("usage: interval_timer default|handler|wait [MILLISECONDS]".into()),
    }
}

fn default_action(schedule: Schedule) -> Result<(), Box<dyn Error>> {
    println!("the first SIGALRM ends this process");
    let _timer = IntervalTimer::start(IntervalClock::Real, schedule)?;
    std::thread::sleep(PATIENCE);
    Err("it did not".into())
}

fn handler(schedule: Schedule) -> Result<(), Box<dyn Error>> {
    // Before the timer is set: the default action ends the process.
    let mut signals = Signals::new([SIGALRM])?;
    std::thread::Builder::new().spawn(move || {
        for (number, _) in (1..).zip(signals.forever()) {
            println!("tick {number}");
        }
    })?;
    let timer = IntervalTimer::start(IntervalClock::Real, schedule)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    timer.stop()?;
    println!("read {:?}", line.trim_end());
    Ok(())
}

fn wait(schedule: Schedule) -> Result<(), Box<dyn Error>> {
    // Before any thread is started, so that none of them gets a signal.
    let signals = SignalSet::from_iter(CLOCKS.map(IntervalClock::signal)).block()?;
    let taken =
        CLOCKS.into_iter().try_for_each(|clock| one(clock, schedule, &signals)).and_then(|()| all(schedule, &signals));
    // The last ones may have come before the timers were stopped. Unblocked they would end the process.
    while signals.try_wait().is_ok() {}
    taken
}

fn one(clock: IntervalClock, schedule: Schedule, signals: &MaskGuard) -> Result<(), Box<dyn Error>> {
    let timer = IntervalTimer::start(clock, schedule)?;
    for _ in 0..3 {
        take(signals)?;
    }
    println!("3 times {} from {clock}", clock.signal());
    timer.stop()?;
    let _ = signals.try_wait();
    Ok(())
}

fn all(schedule: Schedule, signals: &MaskGuard) -> Result<(), Box<dyn Error>> {
    let timers = CLOCKS.map(|clock| IntervalTimer::start(clock, schedule));
    let mut seen = BTreeSet::new();
    while seen.len() < CLOCKS.len() {
        seen.insert(take(signals)?);
    }
    timers.into_iter().try_for_each(|timer| timer?.stop().map(drop))?;
    println!("all three at once:{}", seen.iter().map(|signal| format!(" {signal}")).collect::<String>());
    Ok(())
}

/// Takes a signal. Two of the timers only run while the process does, so it does not sleep meanwhile.
fn take(signals: &MaskGuard) -> Result<Signal, Box<dyn Error>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match signals.try_wait() {
            Ok(information) => return Ok(information.signal),
            Err(error) if error.is_would_block() => std::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
    Err("no signal came".into())
}
