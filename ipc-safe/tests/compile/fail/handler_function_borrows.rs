//! A function in a handler may run after the function that installed it returned: it borrows nothing from there.

use ipc_safe::signal::{HandlerOptions, Signal};
use std::sync::atomic::{AtomicBool, Ordering};

static SEEN: AtomicBool = AtomicBool::new(false);

fn main() -> ipc_safe::Result<()> {
    let seen = AtomicBool::new(false);
    let flag = &seen;
    // SAFETY: an atomic.
    let handler = unsafe { HandlerOptions::new().function(Signal::USR1, |_| flag.store(true, Ordering::SeqCst)) }?;
    println!("{}", seen.into_inner() || SEEN.load(Ordering::SeqCst));
    handler.restore()
}
