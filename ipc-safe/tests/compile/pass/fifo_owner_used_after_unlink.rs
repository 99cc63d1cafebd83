//! Unlinking consumes the owner.
#![forbid(unsafe_code)]

use ipc_safe::pipe::Fifo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo"))?.into_owned();
    let handle = Fifo::clone(&fifo);
    fifo.unlink()?;
    assert!(handle.try_open_reader().is_err());
    Ok(())
}
