//! The descriptor does not leave the function that has the guard.
#![forbid(unsafe_code)]

use ipc_safe::signal::{Signal, SignalSet};

fn open() -> ipc_safe::Result<impl Sized> {
    let guard = SignalSet::from(Signal::USR1).block()?;
    guard.descriptor()
}

fn main() -> ipc_safe::Result<()> {
    open().map(drop)
}
