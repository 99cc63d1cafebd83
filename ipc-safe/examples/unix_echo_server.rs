//! A server at a path that sends back what it gets. Together with `unix_echo_client`.
//!
//! Several clients at once, each in a thread, and each as slow as it likes without holding up the others: one that says
//! nothing for half a minute, or does not read, is let go. The path of a server that was killed is replaced; that of a server
//! that lives is not. SIGINT and SIGTERM end the server and take its path away.
//!
//! ```text
//! $ cargo run --example unix_echo_server -- /tmp/echo &
//! server 4711 listens at /tmp/echo
//! $ echo hello | cargo run --example unix_echo_client -- /tmp/echo
//! process 4712 of user 1000 connected
//! hello
//! process 4712: 6 bytes, closed
//! $ kill %1
//! server 4711: the path is removed
//! ```
#![forbid(unsafe_code)]

#[path = "common/serving.rs"]
mod serving;

use ipc_safe::Result;
use ipc_safe::socket::{BindOptions, LocalAddress, LocalStream, Stream};
use serving::Server;
use std::process::{ExitCode, id};
use std::time::Duration;

/// How long a client may say nothing, or not read.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unix_echo_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| "/tmp/echo".into());
    let server = Server::prepare()?;
    let listener = BindOptions::new().replace_stale(true).listen::<Stream>(&LocalAddress::path(&path)?)?;
    println!("server {} listens at {}", id(), path.display());
    server.run(&listener, || Ok(listener.try_accept()?), serve)?;
    drop(listener);
    println!("server {}: the path is removed", id());
    Ok(())
}

fn serve(client: LocalStream) {
    let name = match client.peer_credentials() {
        Ok(peer) => {
            let pid = peer.pid.map_or(0, |pid| pid.as_raw_pid());
            println!("process {pid} of user {} connected", peer.uid);
            format!("process {pid}")
        }
        Err(error) => error.to_string(),
    };
    match echo(&client) {
        Ok(bytes) => println!("{name}: {bytes} bytes, closed"),
        Err(error) => println!("{name}: {error}"),
    }
}

/// Sends everything back until the client closes. How many bytes that were.
fn echo(client: &LocalStream) -> Result<u64> {
    let mut buffer = [0; 16 << 10];
    let mut total = 0;
    loop {
        let len = client.receive_timeout(&mut buffer, PATIENCE)?;
        if len == 0 {
            return Ok(total);
        }
        total += len as u64;
        let mut rest = &buffer[..len];
        while !rest.is_empty() {
            let sent = client.send_timeout(rest, PATIENCE)?;
            rest = &rest[sent..];
        }
    }
}
