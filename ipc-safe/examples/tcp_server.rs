//! A server for messages over TCP: one a connection, which it prints and sends back. Together with `tcp_client`.
//!
//! A message is what the client sends until it has no more to say. Several clients at once, each in a thread; one that is silent
//! for ten seconds, or sends more than 64 KiB, is let go. SIGINT and SIGTERM end the server, and the next one can have
//! the port at once.
//!
//! ```text
//! $ cargo run --example tcp_server -- 127.0.0.1:6666 &
//! server 4711 listens at 127.0.0.1:6666
//! $ cargo run --example tcp_client -- localhost:6666 hello
//! 127.0.0.1:40000 says "hello"
//! hello
//! $ kill %1
//! server 4711 ends
//! ```
//!
//! Network sockets are those of std; what the crate adds is waiting for a signal at the same time.
#![forbid(unsafe_code)]

#[path = "common/serving.rs"]
mod serving;

use serving::Server;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{ExitCode, id};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: u64 = 64 << 10;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tcp_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6666".into());
    let server = Server::prepare()?;
    // With SO_REUSEADDR: connections of the last server, which the kernel remembers for a minute, are not in the way.
    let listener =
        TcpListener::bind(&address).map_err(|error| Error::new(error.kind(), format!("{address}: {error}")))?;
    listener.set_nonblocking(true)?;
    println!("server {} listens at {}", id(), listener.local_addr()?);
    server.run(&listener, || listener.accept(), serve)?;
    println!("server {} ends", id());
    Ok(())
}

fn serve((client, address): (TcpStream, SocketAddr)) {
    match echo(&client) {
        Ok(message) => println!("{address} says {}", shown(&message)),
        Err(error) => eprintln!("tcp_server: {address}: {error}"),
    }
}

/// The beginning of a message, whatever its bytes are: nobody fills our terminal.
fn shown(message: &[u8]) -> String {
    match message.get(..60) {
        Some(beginning) => format!("{:?} and {} bytes more", String::from_utf8_lossy(beginning), message.len() - 60),
        None => format!("{:?}", String::from_utf8_lossy(message)),
    }
}

fn echo(mut client: &TcpStream) -> Result<Vec<u8>> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut message = Vec::new();
    client.take(LONGEST + 1).read_to_end(&mut message)?;
    if message.len() as u64 > LONGEST {
        return Err(Error::new(ErrorKind::InvalidData, "a message has at most 64 KiB"));
    }
    client.write_all(&message)?;
    Ok(message)
}
