//! The kinds are those that the kernel has.
#![forbid(unsafe_code)]

use ipc_safe::socket::{LocalSocket, Stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    enum Raw {}
    let _: Option<Raw> = None;
    let pair = LocalSocket::<Stream>::pair()?;
    drop(pair);
    Ok(())
}
