//! A guard is one value: a copy would unblock the signals while the first one lives.
#![forbid(unsafe_code)]
#![allow(clippy::clone_on_copy)]

use ipc_safe::signal::{Signal, SignalSet};

fn main() -> ipc_safe::Result<()> {
    let guard = SignalSet::from(Signal::USR1).block()?;
    let _ = guard.signals().clone();
    guard.restore()
}
