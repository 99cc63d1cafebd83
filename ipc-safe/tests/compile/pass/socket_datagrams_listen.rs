//! Nobody listens for datagrams: they have no connections.
#![forbid(unsafe_code)]

use ipc_safe::socket::{BindOptions, Datagram, LocalAddress, Stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = BindOptions::new();
    let _kinds: Option<(Datagram, Stream)> = None;
    let listener = options.listen::<Stream>(&LocalAddress::UNNAMED)?;
    drop(listener);
    Ok(())
}
