//! A parent that waits on a semaphore until its child has done its work, whichever of the two comes first.
//!
//! The semaphore starts at 0, and it is the parent who gives it that value, once, when it makes the set. The child adds 1
//! without undo: an undo would take the signal back when the child exits, and a parent that comes later would wait for ever.
//! The child is this program again; it gets the id of the set as an argument.
//!
//! ```text
//! $ cargo run --example sem_parent_child
//! parent first: the parent waits
//! parent first: the child has worked
//! parent first: the parent goes on
//! child first: the child has worked
//! child first: the child has ended
//! child first: the parent goes on
//! ```
#![forbid(unsafe_code)]

#[path = "common/ending.rs"]
mod ending;

use ending::Ending;
use ipc_safe::sysv::{SemaphoreEvent, SemaphoreSet};
use std::error::Error;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

/// How long a child may take; one that dies before it signals must not hang its parent.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent(),
        ["child", order, set] => child(order, set),
        _ => Err("usage: sem_parent_child".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sem_parent_child: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    let ending = Ending::prepare()?;
    let set = SemaphoreSet::private(&[0])?;
    let handle = *set;
    // Whoever waits on the set gets an error then, and ends.
    ending.then(move || handle.remove())?;
    let worked = SemaphoreEvent::new(set.semaphore(0));
    parent_first(worked)?;
    child_first(worked)
}

/// The child does not signal before it sees that somebody waits.
fn parent_first(worked: SemaphoreEvent) -> Result<(), Box<dyn Error>> {
    println!("parent first: the parent waits");
    let child = start("parent first", worked)?;
    worked.wait_timeout(PATIENCE)?;
    println!("parent first: the parent goes on");
    finish(child)
}

/// The parent does not wait before the child has ended: the semaphore keeps the signal.
fn child_first(worked: SemaphoreEvent) -> Result<(), Box<dyn Error>> {
    finish(start("child first", worked)?)?;
    println!("child first: the child has ended");
    worked.wait_timeout(PATIENCE)?;
    println!("child first: the parent goes on");
    Ok(())
}

fn start(order: &str, worked: SemaphoreEvent) -> std::io::Result<Child> {
    let set = worked.semaphore().set().id().to_string();
    Command::new(std::env::current_exe()?).args(["child", order, &set]).spawn()
}

fn finish(mut child: Child) -> Result<(), Box<dyn Error>> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the child ended with {status}").into()) }
}

fn child(order: &str, set: &str) -> Result<(), Box<dyn Error>> {
    let worked = SemaphoreEvent::new(SemaphoreSet::from_id(set.parse()?)?.semaphore(0));
    let begun = Instant::now();
    while order == "parent first" && worked.semaphore().waiters()? == 0 {
        if begun.elapsed() > PATIENCE {
            return Err("the parent does not wait".into()); // it may have been killed
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("{order}: the child has worked");
    worked.signal()?;
    Ok(())
}
