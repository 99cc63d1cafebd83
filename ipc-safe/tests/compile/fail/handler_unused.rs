//! A handler is in force for as long as it is kept, and not at all when nobody keeps it.
#![forbid(unsafe_code)]

#![deny(unused_must_use)]

use ipc_safe::signal::{HandlerOptions, Signal};

fn main() -> ipc_safe::Result<()> {
    HandlerOptions::new().flag(Signal::USR1)?;
    Ok(())
}
