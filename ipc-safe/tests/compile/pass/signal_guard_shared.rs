//! Another thread does not wait with a guard: there the signals need not be blocked.
#![forbid(unsafe_code)]

use ipc_safe::signal::{Signal, SignalSet};

fn main() -> ipc_safe::Result<()> {
    let guard = SignalSet::from(Signal::USR1).block()?;
    std::thread::scope(|scope| scope.spawn(|| Signal::USR1.as_raw()).join()).unwrap();
    drop(guard);
    Ok(())
}
