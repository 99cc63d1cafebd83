//! interprocess: its unnamed pipe and its local socket.

use super::peer;
use crate::streams::{Both, Streams, Taken};
use interprocess::TryClone;
use interprocess::local_socket::traits::{ListenerExt, Stream as _};
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Stream, ToFsName};
use interprocess::unnamed_pipe::{self, Recver, Sender};
use ipc_measure::ours::name;
use ipc_measure::{Place, Result, Row};

const BY: &str = "interprocess";

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 2] {
    let spins = place == Place::TwoCores;
    [
        Row::between(peer(BY), name::PIPE, place, bytes, move || pipes(spins)),
        Row::between(peer(BY), name::STREAM, place, bytes, move || sockets(spins)),
    ]
}

fn pipes(spins: bool) -> Result<Taken<Both<Recver, Sender>>> {
    let ((first, second), (third, fourth)) = (pipe(spins)?, pipe(spins)?);
    Ok(Taken::new(Both { reader: third, writer: second }, Both { reader: first, writer: fourth }))
}

fn pipe(spins: bool) -> Result<(Recver, Sender)> {
    use interprocess::os::unix::unnamed_pipe::UnnamedPipeExt;
    let (writer, reader) = unnamed_pipe::pipe()?;
    reader.set_nonblocking(spins)?;
    writer.set_nonblocking(spins)?;
    Ok((reader, writer))
}

fn sockets(spins: bool) -> Result<Streams<Stream, Stream>> {
    let folder = tempfile::tempdir()?;
    let name = folder.path().join("socket").to_fs_name::<GenericFilePath>()?;
    let listener = ListenerOptions::new().name(name.clone()).create_sync()?;
    let near = Stream::connect(name)?;
    let far = listener.incoming().next().ok_or("nobody connects")??;
    near.set_nonblocking(spins)?;
    far.set_nonblocking(spins)?;
    let copies = (near.try_clone()?, far.try_clone()?);
    Ok(Streams([(far, near), copies]))
}
