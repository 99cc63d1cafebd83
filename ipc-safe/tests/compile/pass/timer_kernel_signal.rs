//! A timer cannot send a number: 32 and 33 are the C library's own signals.
#![forbid(unsafe_code)]

use ipc_safe::timer::{Clock, Notification, PosixTimer};

fn main() -> ipc_safe::Result<()> {
    let notification = Notification::process(ipc_safe::signal::Signal::from_raw(34)?, 0);
    let _timer = PosixTimer::new(Clock::Monotonic, notification)?;
    Ok(())
}
