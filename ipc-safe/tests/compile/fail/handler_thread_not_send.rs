//! The closure of a thread for signals runs there: what it shares is made for threads.
#![forbid(unsafe_code)]

use ipc_safe::signal::{Signal, SignalSet};

fn main() -> ipc_safe::Result<()> {
    let guard = SignalSet::from(Signal::HUP).block()?;
    let shared = std::rc::Rc::new(7);
    let thread = guard.handle_in_thread(move |_| drop(shared.clone()))?;
    drop(thread);
    Ok(())
}
