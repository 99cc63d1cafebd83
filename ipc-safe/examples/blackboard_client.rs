//! Writes lines to the blackboard of `blackboard_server`.
//!
//! Reads lines from standard input; each one goes to the board, and the line `q` ends the server. The semaphore is held while
//! the text is copied and not while the user types. A text that does not fit is refused.
//!
//! ```text
//! $ printf 'hello\nq\n' | cargo run --example blackboard_client -- /tmp
//! client: the server has seen "hello"
//! client: the server was told to quit
//! ```
//!
//! The argument is the file that the key is made from (`/tmp`).
#![forbid(unsafe_code)]

#[path = "common/blackboard.rs"]
mod blackboard;

use blackboard::{CAPACITY, GUARD, NOTICE, QUIT, READ, SEEN, SIZE, VALUES};
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreEvent, SemaphoreMutex, SemaphoreSet};
use std::process::ExitCode;
use std::time::Duration;

/// How long to wait for a server that is busy, stopped, or was killed and left its objects behind.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blackboard_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), Box<dyn std::error::Error>> {
    let key = blackboard::key(blackboard::path())?;
    let board = Segment::options().open(key, SIZE)?.attach()?;
    let set = SemaphoreSet::options().open(key, &VALUES)?; // Waits until the server gave them their values.
    let queue = MessageQueue::open(key)?;
    let guard = SemaphoreMutex::new(set.semaphore(GUARD));
    let seen = SemaphoreEvent::new(set.semaphore(SEEN));

    for line in std::io::stdin().lines() {
        let line = line?;
        if line == "q" {
            queue.send_timeout(NOTICE, &QUIT, PATIENCE)?;
            println!("client: the server was told to quit");
            return Ok(());
        }
        if line.len() > CAPACITY {
            eprintln!("blackboard_client: {} bytes do not fit on the board, which takes {CAPACITY}", line.len());
            continue;
        }
        {
            let _guard = guard.lock_timeout(PATIENCE)?;
            blackboard::write(board.bytes(), &line)?;
        }
        queue.send_timeout(NOTICE, &READ, PATIENCE)?;
        seen.wait_timeout(PATIENCE)?;
        println!("client: the server has seen {line:?}");
    }
    Ok(())
}
