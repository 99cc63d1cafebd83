//! A server that answers requests from a message queue. Together with `msg_client`.
//!
//! The queue is found by a key made from a file that both know. Requests have type 888 and carry the process id of the
//! client; the reply has that id as its type, so that several clients at once get what is meant for them. The replies of
//! clients that died are thrown away, or they would fill the queue in time. SIGINT and SIGTERM remove the queue and end the
//! server; so does whoever removes the queue.
//!
//! ```text
//! $ cargo run --example msg_server -- /tmp &
//! server 4711: queue 3 with key 0x6d012345 is ready
//! $ cargo run --example msg_client -- /tmp hello
//! server 4711 to client 4712: you said "hello"
//! $ kill %1
//! server 4711: the queue is removed
//! ```
//!
//! A server that was killed with SIGKILL leaves the queue behind. The next one refuses to start, because it cannot know
//! whether another server is at work: `ipcrm -Q KEY` removes the queue.
#![forbid(unsafe_code)]

#[path = "common/ending.rs"]
mod ending;
#[path = "common/messages.rs"]
mod messages;

use ending::Ending;
use ipc_safe::error::{Error, ErrorKind};
use ipc_safe::process::{Pid, is_alive};
use ipc_safe::sysv::MessageQueue;
use messages::{REQUEST, Request, reply_type};
use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

/// How long one reply may hold up the others when the queue is full.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("msg_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let ending = Ending::prepare()?;
    let key = messages::key(messages::path())?;
    let queue = MessageQueue::options().create_new(true).open(key)?.into_owned();
    let handle = *queue;
    // The wait for requests ends with the queue.
    ending.then(move || handle.remove())?;

    let server = std::process::id();
    println!("server {server}: queue {} with key {key} is ready", queue.id());
    let mut answered = HashSet::new();
    for message in queue.messages(REQUEST) {
        match Request::parse(&message?.bytes) {
            Some(request) => answer(&queue, &request, &mut answered)?,
            None => eprintln!("msg_server: a request without a process id, ignored"),
        }
    }
    queue.keep(); // Gone: nothing is left to be removed.
    println!("server {server}: the queue is removed");
    Ok(())
}

/// Sends the reply. What is wrong with one client is no reason to end.
fn answer(queue: &MessageQueue, request: &Request, answered: &mut HashSet<Pid>) -> Result<(), Error> {
    let Request { client, text } = request;
    forget_the_dead(queue, answered);
    let reply = format!("server {} to client {}: you said {text:?}", std::process::id(), client.as_raw_pid());
    match queue.send_timeout(reply_type(*client), reply.as_str(), PATIENCE) {
        Ok(()) => {
            answered.insert(*client);
        }
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::TooBig) => {
            eprintln!("msg_server: no reply for client {}: {error}", client.as_raw_pid());
        }
        Err(error) if error.is_removed() => {} // The next receive ends the server.
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Takes the replies to clients that died out of the queue: nobody else does.
fn forget_the_dead(queue: &MessageQueue, answered: &mut HashSet<Pid>) {
    let mut reply = Vec::new();
    answered.retain(|&client| {
        let alive = is_alive(client);
        while !alive && queue.try_receive(reply_type(client), &mut reply).is_ok() {}
        alive
    });
}
