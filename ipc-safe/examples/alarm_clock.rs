//! An alarm that is set, set again, refused to another part of the program, lent to it, and cancelled.
//!
//! The signal is blocked and taken by waiting for it. Nobody expects it otherwise, and its default action ends a process.
//! Setting the alarm again says what was left of the earlier one, here rounded to seconds as C's `alarm` does. A process has
//! one timer for alarms: whoever sets it takes it from the one before, so the second guard is an error, and an alarm within
//! an alarm is asked for by name and gives the timer back.
//!
//! ```text
//! $ cargo run --example alarm_clock -- 10 2
//! alarm in 10 s
//! alarm in 2 s; 10 s were left of the one before
//! another alarm: setitimer of the real timer: another guard of this process has it (alarms are guards of it too); nest ...
//! an alarm of 3600 s within this one, ended with 3600 s left
//! SIGALRM
//! alarm in 10 s
//! cancelled with 10 s left
//! ```
#![forbid(unsafe_code)]

use ipc_safe::signal::{MaskGuard, Signal, SignalSet};
use ipc_safe::timer::Alarm;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

/// Longer than the test of this program or its reader waits for anything.
const HOUR: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    match times().and_then(|(first, second)| run(first, second)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("alarm_clock: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Two times in seconds, fractions too.
fn times() -> Result<(Duration, Duration), Box<dyn Error>> {
    let time = |text: String| -> Result<Duration, Box<dyn Error>> { Ok(Duration::try_from_secs_f64(text.parse()?)?) };
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().map_or(Ok(Duration::from_secs(10)), time)?;
    let second = arguments.next().map_or(Ok(Duration::from_secs(2)), time)?;
    Ok((first, second))
}

fn run(first: Duration, second: Duration) -> Result<(), Box<dyn Error>> {
    // Before any thread is started, so that none of them gets the signal.
    let signals = SignalSet::from(Signal::ALRM).block()?;
    let mut alarm = Alarm::after(first)?;
    println!("alarm in {} s", first.as_secs_f64());

    let left = alarm.set(second)?;
    println!("alarm in {} s; {} s were left of the one before", second.as_secs_f64(), seconds(left));

    match Alarm::after(HOUR) {
        Ok(_) => return Err("two guards of one timer".into()),
        Err(error) => println!("another alarm: {error}"),
    }
    let inner = alarm.nested(HOUR)?;
    println!("an alarm of 3600 s within this one, ended with {} s left", seconds(inner.stop()?));

    wait(&signals)?;
    alarm.set(first)?;
    println!("alarm in {} s", first.as_secs_f64());
    println!("cancelled with {} s left", seconds(alarm.stop()?));
    Ok(())
}

/// Takes the signal in place of its action.
fn wait(signals: &MaskGuard) -> ipc_safe::Result<()> {
    println!("{}", signals.wait()?.signal);
    Ok(())
}

/// As whole seconds; 0 is for an alarm that is not set.
fn seconds(left: Option<Duration>) -> u64 {
    left.map_or(0, |left| (left.as_secs_f64().round() as u64).max(1))
}
