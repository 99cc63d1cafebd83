//! A POSIX timer that was deleted cannot be set: its number may be another timer's by then.
#![forbid(unsafe_code)]

use ipc_safe::timer::{Clock, Notification, PosixTimer, Schedule};
use std::time::Duration;

fn main() -> ipc_safe::Result<()> {
    let schedule = Schedule::once(Duration::from_secs(3600));
    let timer = PosixTimer::new(Clock::Monotonic, Notification::None)?;
    timer.set(schedule)?;
    let left = timer.stop()?;
    assert!(left.is_some());
    let _ = left;
    Ok(())
}
