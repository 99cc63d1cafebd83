//! Restoring consumes the guard: it counts once.
#![forbid(unsafe_code)]

use ipc_safe::signal::{Signal, SignalSet};

fn main() -> ipc_safe::Result<()> {
    let guard = SignalSet::from(Signal::USR1).block()?;
    guard.restore()?;
    Ok(())
}
