//! A function in a handler runs on any thread, also on several at once: it shares by `Arc`, not by `Rc`.

use ipc_safe::signal::{HandlerOptions, Signal};

fn main() -> ipc_safe::Result<()> {
    let number = std::rc::Rc::new(7);
    let read = move |_: &_| _ = *number;
    // SAFETY: reads memory.
    let handler = unsafe { HandlerOptions::new().function(Signal::USR1, read) }?;
    handler.restore()
}
