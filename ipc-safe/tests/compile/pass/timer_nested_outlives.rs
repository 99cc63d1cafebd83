//! A nested guard puts the outer one back, so it cannot outlive it.
#![forbid(unsafe_code)]

use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
use std::time::Duration;

fn main() -> ipc_safe::Result<()> {
    let schedule = Schedule::once(Duration::from_secs(3600));
    let mut outer = IntervalTimer::start(IntervalClock::Real, schedule)?;
    let inner = outer.nested(schedule)?;
    let _clock = inner.clock();
    inner.stop()?;
    Ok(())
}
