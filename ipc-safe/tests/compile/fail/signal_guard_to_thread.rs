//! A guard stays on its thread: the mask that it undoes is that of the thread which made it.
#![forbid(unsafe_code)]

use ipc_safe::signal::Signal;
use ipc_safe::signal::SignalSet;

fn main() -> ipc_safe::Result<()> {
    let guard = SignalSet::from(Signal::USR1).block()?;
    std::thread::spawn(move || drop(guard)).join().unwrap();
    Ok(())
}
