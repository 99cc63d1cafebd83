//! A guard comes from blocking, and from nowhere else.
#![forbid(unsafe_code)]

use ipc_safe::signal::{MaskGuard, SignalSet};

fn main() -> ipc_safe::Result<()> {
    let guard = MaskGuard { signals: SignalSet::all() };
    guard.restore()
}
