//! What a handler does is lent for as long as the handler lives; what is shared lives on.
#![forbid(unsafe_code)]

use ipc_safe::signal::{HandlerOptions, Signal};

fn main() -> ipc_safe::Result<()> {
    let handler = HandlerOptions::new().count(Signal::USR1)?;
    let counter = handler.share();
    handler.restore()?;
    assert_eq!(counter.count(), 0);
    Ok(())
}
