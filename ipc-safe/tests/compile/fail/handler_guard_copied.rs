//! A guard of a disposition is one value: a copy would restore twice.
#![forbid(unsafe_code)]

use ipc_safe::signal::Signal;

fn main() -> ipc_safe::Result<()> {
    let guard = Signal::USR1.ignore()?;
    let _ = guard.clone();
    guard.restore()
}
