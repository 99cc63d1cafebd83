//! Writes a record into a shared memory segment, for `shm_record_read` or a C program to read.
//!
//! The segment stays when this program ends: who makes it also removes it, with `--remove`. A segment has no synchronisation
//! of its own; here the reader is started after the writer has ended. Programs that read while others write use
//! `ipc_safe::shared::Sequenced`, or a semaphore as the `blackboard` examples do.
//!
//! ```text
//! $ cargo run --example shm_record_write -- /tmp 'Ada Lovelace' 36
//! wrote Ada Lovelace, 36 to segment 5 with key 0x70012345
//! $ cargo run --example shm_record_read -- /tmp
//! read Ada Lovelace, 36
//! $ cargo run --example shm_record_write -- /tmp --remove
//! removed segment 5
//! ```
#![forbid(unsafe_code)]

#[path = "common/person.rs"]
mod person;

use ipc_safe::sysv::Segment;
use person::Person;
use std::error::Error;
use std::process::ExitCode;

const USAGE: &str = "usage: shm_record_write PATH NAME AGE, or PATH --remove";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path, "--remove"] => remove(path),
        [path, name, age] => write(path, name, age),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shm_record_write: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(path: &str, name: &str, age: &str) -> Result<(), Box<dyn Error>> {
    let age = age.parse().map_err(|error| format!("{age:?} is not an age: {error}"))?;
    let person = Person::new(name, age).ok_or("the name is longer than the 64 bytes that there are for it")?;
    let key = person::key(path)?;
    // Owned until the record is in it: an error on the way leaves nothing behind.
    let segment = Segment::options().create_new(true).open(key, size_of::<Person>())?.into_owned();
    segment.attach()?.bytes().store(0, &person)?;
    println!("wrote {person} to segment {} with key {key}", segment.id());
    segment.keep();
    Ok(())
}

fn remove(path: &str) -> Result<(), Box<dyn Error>> {
    let segment = Segment::open(person::key(path)?)?;
    segment.remove()?;
    println!("removed segment {}", segment.id());
    Ok(())
}
