//! A function in a handler is for those who promise that it is async-signal-safe; a flag is for all.
#![forbid(unsafe_code)]

use ipc_safe::signal::{HandlerOptions, Signal};

fn main() -> ipc_safe::Result<()> {
    let options = HandlerOptions::new();
    let handler = options.function(Signal::USR1, |_| {})?;
    handler.restore()
}
