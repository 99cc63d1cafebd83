//! A guard that nobody keeps unblocks the signals at once, which is hardly meant.
#![forbid(unsafe_code)]
#![deny(unused_must_use)]

use ipc_safe::signal::{Signal, SignalSet};

fn main() -> ipc_safe::Result<()> {
    SignalSet::from(Signal::USR1).block()?;
    Ok(())
}
