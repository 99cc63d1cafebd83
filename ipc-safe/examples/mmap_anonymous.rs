//! Memory without a name that a parent shares with its child: both write to it at once.
//!
//! Memory mapped with `MAP_ANONYMOUS | MAP_SHARED` goes from a process to the copies that `fork` makes of it, and is gone
//! when such a copy executes another program, as every child that `std::process` starts does. A memfd is as anonymous and
//! has a descriptor, which the child inherits, here as its standard input. Its seal says that it cannot shrink, so that both
//! may use the memory as such; the child checks that. Who writes when is up to the two: what they count is atomic, a text is
//! read whole or not at all, and the end of the child, not a pause, tells the parent that all is done.
//!
//! ```text
//! $ cargo run --example mmap_anonymous
//! child 4712: read "a question"
//! parent: child 4712 wrote "an answer"
//! both counted: 200000
//! ```
#![forbid(unsafe_code)]

use ipc_safe::memory::{FixedMemfd, Memfd, SharedMemory};
use ipc_safe::shared::{Sequenced, Shared};
use std::error::Error;
use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const USAGE: &str = "usage: mmap_anonymous";

/// What the child is called with. It gets the memory as its standard input.
const CHILD: &str = "--child";

/// How often each of the two counts.
const ROUNDS: u64 = 100_000;

ipc_safe::shm_safe! {
    /// What is in the memory.
    struct Board {
        count: AtomicU64,
        question: Sequenced<[u8; 32]>,
        answer: Sequenced<[u8; 32]>,
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent(),
        [CHILD] => child(),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mmap_anonymous: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    let memfd = Memfd::options().name("board").create(Shared::<Board, SharedMemory>::SIZE as u64)?.fix()?;
    let board = Shared::<Board, _>::create(memfd.map()?, |board| board.question.write(&field("a question")))?;
    let memory = Stdio::from(OwnedFd::from(memfd));
    let mut child = Command::new(std::env::current_exe()?).arg(CHILD).stdin(memory).spawn()?;
    let pid = child.id();
    count(&board);
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("child {pid} ended with {status}").into());
    }
    println!("parent: child {pid} wrote {:?}", text(&board.answer)?);
    println!("both counted: {}", board.count.load(Ordering::Relaxed));
    Ok(())
}

fn child() -> Result<(), Box<dyn Error>> {
    let memfd = FixedMemfd::try_from(stdin().as_fd().try_clone_to_owned()?)?;
    let board = Shared::<Board, _>::open(memfd.map()?, Duration::from_secs(5))?;
    println!("child {}: read {:?}", std::process::id(), text(&board.question)?);
    count(&board);
    board.answer.write(&field("an answer"));
    Ok(())
}

fn count(board: &Board) {
    for _ in 0..ROUNDS {
        board.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A text as a field of the board: the bytes behind it are zero.
fn field(text: &str) -> [u8; 32] {
    std::array::from_fn(|index| text.as_bytes().get(index).copied().unwrap_or(0))
}

/// The text in a field. The other side may have been stopped half way through writing it again and again: then it is busy.
fn text(field: &Sequenced<[u8; 32]>) -> Result<String, Box<dyn Error>> {
    let bytes = field.read().map_err(|_| "the text is being written all the time")?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}
