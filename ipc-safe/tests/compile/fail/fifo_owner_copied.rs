//! One owner takes the name away.
#![forbid(unsafe_code)]

use ipc_safe::pipe::Fifo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo"))?.into_owned();
    let another: ipc_safe::pipe::OwnedFifo = fifo.clone();
    drop((another, fifo));
    Ok(())
}
