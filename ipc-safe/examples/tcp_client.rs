//! A client of `tcp_server`: sends a message, and prints what comes back.
//!
//! ```text
//! $ cargo run --example tcp_client -- localhost:6666 hello
//! hello
//! ```
//!
//! The name may have several addresses: they are tried one after the other. Each connection is begun without waiting, and waited
//! for at most three seconds: the socket is writable then, and its error says whether it is connected. See `tcp_server`.
#![forbid(unsafe_code)]

use ipc_safe::socket::finish_connect_timeout;
use socket2::{Domain, Socket, Type};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    match ask() {
        Ok(reply) => {
            println!("{reply}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tcp_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask() -> Result<String> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "127.0.0.1:6666".into());
    let message = arguments.next().unwrap_or_else(|| "hello".into());
    let mut stream = connect(&server).map_err(|error| Error::new(error.kind(), format!("{server}: {error}")))?;
    stream.set_read_timeout(Some(PATIENCE * 4))?;
    stream.set_write_timeout(Some(PATIENCE * 4))?;
    stream.write_all(message.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = Vec::new();
    stream.take(message.len() as u64 + 1).read_to_end(&mut reply)?;
    if reply != message.as_bytes() {
        return Err(Error::new(ErrorKind::InvalidData, "the server let us go, or sent something else"));
    }
    Ok(message)
}

/// Connects to the first address that answers.
fn connect(server: &str) -> Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for address in server.to_socket_addrs()? {
        match connect_to(address) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect_to(address: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => finish_connect_timeout(&socket, PATIENCE)?,
        other => other?,
    }
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}
