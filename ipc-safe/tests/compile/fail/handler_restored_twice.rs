//! A guard that was restored is gone.
#![forbid(unsafe_code)]

use ipc_safe::signal::Signal;

fn main() -> ipc_safe::Result<()> {
    let guard = Signal::USR1.ignore()?;
    guard.restore()?;
    guard.restore()
}
