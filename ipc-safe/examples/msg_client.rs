//! A client of `msg_server`: sends a request and prints the reply meant for it.
//!
//! ```text
//! $ cargo run --example msg_client -- /tmp hello
//! server 4711 to client 4712: you said "hello"
//! ```
//!
//! The first argument is the file that the key is made from (`/tmp`), the second the text (`hello`). See `msg_server`.
#![forbid(unsafe_code)]

#[path = "common/messages.rs"]
mod messages;

use ipc_safe::process::Pid;
use ipc_safe::sysv::MessageQueue;
use messages::{REQUEST, Request, reply_type};
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take that is busy, stopped, or was killed and left its queue behind.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match ask() {
        Ok(reply) => {
            println!("{reply}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("msg_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask() -> Result<String, Box<dyn std::error::Error>> {
    let text = std::env::args().nth(2).unwrap_or_else(|| "hello".into());
    let queue = MessageQueue::open(messages::key(messages::path())?)?;
    let client = Pid::from_raw(std::process::id().cast_signed()).ok_or("this process has no id")?;
    let mut reply = Vec::new();

    // A process that had our id before may have died before its reply came. That one is not ours.
    while queue.try_receive(reply_type(client), &mut reply).is_ok() {}

    queue.send_timeout(REQUEST, Request { client, text }.to_bytes().as_slice(), PATIENCE)?;
    queue.receive_timeout(reply_type(client), &mut reply, PATIENCE)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}
