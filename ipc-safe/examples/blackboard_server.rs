//! A blackboard: shared memory carries a text, a semaphore guards it, a queue says what to do. With `blackboard_client`.
//!
//! A one-byte message `r` means "read what is there", `q` means "quit". The server makes the three objects, gives the
//! semaphores their values in the same step, and removes all three however it ends: by `q`, by SIGINT or SIGTERM, by an
//! error, or because somebody removed the queue.
//!
//! ```text
//! $ cargo run --example blackboard_server -- /tmp &
//! server: the blackboard with key 0x62012345 is ready
//! $ printf 'hello\nq\n' | cargo run --example blackboard_client -- /tmp
//! server: "hello"
//! server: quit
//! ```
//!
//! The board keeps one text: when two clients write before the server looks, it sees the later one twice.
#![forbid(unsafe_code)]

#[path = "common/blackboard.rs"]
mod blackboard;
#[path = "common/ending.rs"]
mod ending;

use blackboard::{GUARD, NOTICE, QUIT, READ, SEEN, SIZE, VALUES};
use ending::Ending;
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreEvent, SemaphoreMutex, SemaphoreSet};
use std::process::ExitCode;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blackboard_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let ending = Ending::prepare()?;
    let key = blackboard::key(blackboard::path())?;
    // Each is removed when its variable goes out of scope, so also when making the next one fails.
    let segment = Segment::options().create_new(true).open(key, SIZE)?.into_owned();
    let set = SemaphoreSet::options().create_new(true).open(key, &VALUES)?.into_owned();
    let queue = MessageQueue::options().create_new(true).open(key)?.into_owned();
    let (queue_handle, set_handle) = (*queue, *set);
    // Whatever `serve` waits for ends with the object, and then `serve` does.
    ending.then(move || {
        let (queue, set) = (queue_handle.remove(), set_handle.remove());
        queue.and(set)
    })?;

    let board = segment.attach()?;
    let guard = SemaphoreMutex::new(set.semaphore(GUARD));
    let seen = SemaphoreEvent::new(set.semaphore(SEEN));
    println!("server: the blackboard with key {key} is ready");
    for notice in queue.messages(NOTICE) {
        match notice?.bytes[..] {
            [READ] => {
                let text = {
                    let _guard = guard.lock()?;
                    blackboard::read(board.bytes())
                };
                match text {
                    Ok(text) => println!("server: {text:?}"),
                    Err(error) => eprintln!("blackboard_server: no text on the board: {error}"),
                }
                seen.signal()?;
            }
            [QUIT] => {
                println!("server: quit");
                return Ok(());
            }
            _ => eprintln!("blackboard_server: a notice that is neither r nor q, ignored"),
        }
    }
    queue.keep(); // Gone: nothing is left to be removed.
    println!("server: the queue is removed");
    Ok(())
}
