//! A counter in a file, which outlives the processes that count and which any number of them may use at once.
//!
//! Reading the number, adding one and writing it back are three steps. A lock on the file keeps others out meanwhile, so that
//! no count is lost; the kernel takes it from a process that dies. The file is eight bytes, the number as the machine has it,
//! and is made when it is missing.
//!
//! ```text
//! $ cargo run --example mmap_counter -- /tmp/counter 3
//! counted 3 times: now 3
//! $ cargo run --example mmap_counter -- /tmp/counter 2
//! counted 2 times: now 5
//! $ cargo run --example mmap_counter -- /tmp/counter
//! 5
//! ```
#![forbid(unsafe_code)]

use ipc_safe::memory::FileMapping;
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: mmap_counter PATH [TIMES]";

/// The size of the file.
const SIZE: u64 = size_of::<u64>() as u64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] => at(path, show),
        [path, times] => at(path, |path| count(path, times)),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mmap_counter: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `action`, and puts the path before what it complains of.
fn at(path: &str, action: impl FnOnce(&Path) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    action(path.as_ref()).map_err(|error| format!("{path}: {error}").into())
}

fn show(path: &Path) -> Result<(), Box<dyn Error>> {
    let file = File::open(path)?;
    let lock = Lock::shared(&file)?;
    check_size(&file)?;
    let number: u64 = FileMapping::read_only(&file)?.load(0)?;
    drop(lock);
    println!("{number}");
    Ok(())
}

fn count(path: &Path, times: &str) -> Result<(), Box<dyn Error>> {
    let times: u64 = times.parse().map_err(|error| format!("{times:?} is not a number of times: {error}"))?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let (counter, mut number) = open_counter(&file)?;
    for _ in 0..times {
        let _lock = Lock::exclusive(&file)?;
        number = counter.load::<u64>(0)?.checked_add(1).ok_or("the counter is full")?;
        counter.store(0, &number)?;
    }
    counter.flush()?; // For a crash of the machine; a crash of this process loses nothing.
    println!("counted {times} times: now {number}");
    Ok(())
}

/// The counter and its number. Whoever comes first gives the file its size, and nobody sees it without.
fn open_counter(file: &File) -> Result<(FileMapping, u64), Box<dyn Error>> {
    let _lock = Lock::exclusive(file)?;
    if file.metadata()?.len() == 0 {
        file.set_len(SIZE)?;
    }
    check_size(file)?;
    let counter = FileMapping::new(file)?;
    let number = counter.load(0)?;
    Ok((counter, number))
}

fn check_size(file: &File) -> Result<(), Box<dyn Error>> {
    match file.metadata()?.len() {
        SIZE => Ok(()),
        other => Err(format!("a counter has {SIZE} bytes, this file {other}").into()),
    }
}

/// A lock on an open file, given back when dropped.
struct Lock<'f>(&'f File);

impl<'f> Lock<'f> {
    /// Nobody else has a lock meanwhile.
    fn exclusive(file: &'f File) -> std::io::Result<Self> {
        Self::of(file, FlockOperation::LockExclusive)
    }

    /// Nobody has an exclusive lock meanwhile.
    fn shared(file: &'f File) -> std::io::Result<Self> {
        Self::of(file, FlockOperation::LockShared)
    }

    fn of(file: &'f File, operation: FlockOperation) -> std::io::Result<Self> {
        retry_on_intr(|| flock(file, operation))?;
        Ok(Self(file))
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // The lock of an open file can be given back; should it not, it goes with the file.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}
