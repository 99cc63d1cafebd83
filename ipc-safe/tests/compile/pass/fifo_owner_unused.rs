//! An owner that nobody keeps takes the name away at once, which is hardly meant.
#![forbid(unsafe_code)]
#![deny(unused_must_use)]
use ipc_safe::pipe::Fifo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo"))?;
    let _owner = fifo.clone().into_owned();
    fifo.try_open_reader()?;
    Ok(())
}
