//! The descriptor ends before the guard: afterwards the signals would be delivered, and not read.
#![forbid(unsafe_code)]

use ipc_safe::signal::{Signal, SignalSet};

fn main() -> ipc_safe::Result<()> {
    let guard = SignalSet::from(Signal::USR1).block()?;
    let signals = guard.descriptor()?;
    drop(signals.try_read());
    assert!(signals.try_read().is_err());
    Ok(())
}
