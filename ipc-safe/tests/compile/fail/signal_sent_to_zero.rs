//! A process id is above 0: 0 and -1 are the own group and everyone to the kernel, which have calls of their own.
#![forbid(unsafe_code)]

use ipc_safe::signal::{self, Signal};

fn main() -> ipc_safe::Result<()> {
    let refused = signal::to_process(0, Signal::WINCH);
    refused
}
