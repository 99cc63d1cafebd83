//! A signal has a number that a program may use: 32 and 33 are the C library's.
#![forbid(unsafe_code)]

use ipc_safe::signal::Signal;

fn main() -> ipc_safe::Result<()> {
    let signal = Signal::from_raw(34)?;
    assert!(signal.is_real_time());
    Ok(())
}
