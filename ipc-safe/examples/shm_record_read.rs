//! Reads the record that `shm_record_write` left in a shared memory segment.
//!
//! With `--hold` it keeps the segment attached until there is a line (or the end) on standard input, and reads again. When
//! the segment is removed meanwhile, the key is gone at once and the memory stays for those who have it attached; on Linux
//! they and others can even attach it once more by its id.
//!
//! ```text
//! $ cargo run --example shm_record_read -- /tmp --hold
//! read Ada Lovelace, 36
//! (shm_record_write /tmp --remove in another terminal, then Enter here)
//! removed, with 1 attachment left
//! read Ada Lovelace, 36
//! ```
#![forbid(unsafe_code)]

#[path = "common/person.rs"]
mod person;

use ipc_safe::sysv::{ReadOnlyAttachment, Segment};
use person::Person;
use std::error::Error;
use std::process::ExitCode;

const USAGE: &str = "usage: shm_record_read PATH [--hold]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] => attach(path).and_then(|attachment| print(&attachment)),
        [path, "--hold"] => hold(path),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shm_record_read: {error}");
            ExitCode::FAILURE
        }
    }
}

fn attach(path: &str) -> Result<ReadOnlyAttachment, Box<dyn Error>> {
    Ok(Segment::open(person::key(path)?)?.attach_read_only()?)
}

/// The segment may be smaller than the record, whoever made it: that is an error and no access outside it.
fn print(attachment: &ReadOnlyAttachment) -> Result<(), Box<dyn Error>> {
    println!("read {}", attachment.bytes().load::<Person>(0)?);
    Ok(())
}

fn hold(path: &str) -> Result<(), Box<dyn Error>> {
    let attachment = attach(path)?;
    print(&attachment)?;
    std::io::stdin().read_line(&mut String::new())?;
    let status = attachment.segment().status()?;
    let state = if status.removed { "removed" } else { "not removed" };
    let plural = if status.attachments == 1 { "" } else { "s" };
    println!("{state}, with {} attachment{plural} left", status.attachments);
    print(&attachment)
}
