//! What stays whole when several processes write to one FIFO, and what is torn.
//!
//! Writes of at most `PIPE_BUF` (4096) bytes stay whole, whether they wait for room or not. Of longer ones the kernel writes what
//! fits, so that others' bytes may come in between: two such writers show it, step by step. The writers are this program
//! again. That reading is atomic is said nowhere, and is not so: the reader here reads whatever there is.
//!
//! ```text
//! $ cargo run --example fifo_atomic -- /tmp/fifo
//! 4 writers, 100 records of 4096 bytes each, waiting: 400 of 400 whole
//! 4 writers, 100 records of 4096 bytes each, not waiting: 400 of 400 whole
//! 4096 bytes where 4095 have room: not written
//! 5000 bytes where 4095 have room: 904 written
//! then another writer's 10 bytes, and the rest: the record is torn
//! ```
#![forbid(unsafe_code)]

#[path = "common/helper.rs"]
mod helper;

use helper::Helper;
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{Fifo, PIPE_BUF, PipeReader, PipeWriter};
use std::error::Error;
use std::io::{Read, Write};
use std::process::{Command, ExitCode};
use std::time::Duration;

const WRITERS: u8 = 4;
const RECORDS: usize = 100;
/// How long to wait for a record before a look at the writers: one that fails must not hang the reader.
const LOOK: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] => run(path),
        ["writer", path, letter, manner] => writer(path, letter, manner),
        _ => Err("usage: fifo_atomic PATH".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fifo_atomic: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str) -> Result<(), Box<dyn Error>> {
    let fifo = Fifo::options().create_new(true).open(path)?.into_owned();
    for manner in ["waiting", "not waiting"] {
        let whole = whole_records(&fifo, path, manner)?;
        let all = usize::from(WRITERS) * RECORDS;
        println!("{WRITERS} writers, {RECORDS} records of {PIPE_BUF} bytes each, {manner}: {whole} of {all} whole");
    }
    torn(&fifo)
}

/// How many records of several processes arrive in one piece.
fn whole_records(fifo: &Fifo, path: &str, manner: &str) -> Result<usize, Box<dyn Error>> {
    // Writers come and go: the stream does not end when none is there for a moment.
    let mut reader = fifo.open_lasting_reader()?;
    let start = |letter: u8| {
        let letter = char::from(letter).to_string();
        Command::new(std::env::current_exe()?).args(["writer", path, &letter, manner]).spawn().map(Helper)
    };
    let mut children: Vec<Helper> = (b'a'..b'a' + WRITERS).map(start).collect::<Result<_, _>>()?;
    let mut whole = 0;
    let mut record = vec![0; PIPE_BUF];
    for _ in 0..usize::from(WRITERS) * RECORDS {
        while let Err(error) = reader.wait_timeout(LOOK) {
            if error.kind() != ErrorKind::TimedOut {
                return Err(error.into());
            }
            for child in &mut children {
                if child.try_wait()?.is_some_and(|status| !status.success()) {
                    return Err("a writer failed".into());
                }
            }
        }
        reader.read_exact(&mut record)?;
        whole += usize::from(record.iter().all(|byte| *byte == record[0]));
    }
    for mut child in children {
        if !child.wait()?.success() {
            return Err("a writer failed".into());
        }
    }
    Ok(whole)
}

/// Writes records that consist of its letter.
fn writer(path: &str, letter: &str, manner: &str) -> Result<(), Box<dyn Error>> {
    let writer = Fifo::open(path)?.open_writer()?;
    let record = letter.repeat(PIPE_BUF);
    for _ in 0..RECORDS {
        if manner == "waiting" {
            writer.write_atomic(&record)?;
            continue;
        }
        while let Err(error) = writer.try_write_atomic(&record) {
            if !error.is_would_block() {
                return Err(error.into());
            }
            // Full: until it is not, though somebody else may be faster then.
            writer.wait()?;
        }
    }
    Ok(())
}

fn torn(fifo: &Fifo) -> Result<(), Box<dyn Error>> {
    let (reader, mut first) = fifo.open_both()?;
    let second = fifo.open_writer()?;
    fill(&first, PIPE_BUF - 1)?;
    let result = first.try_write_atomic([b'A'; PIPE_BUF]);
    let outcome = if result.is_err_and(|error| error.is_would_block()) { "not written" } else { "written" };
    println!("{PIPE_BUF} bytes where {} have room: {outcome}", PIPE_BUF - 1);

    let record = [b'A'; 5000];
    let part = first.try_write(&record)?;
    println!("{} bytes where {} have room: {part} written", record.len(), PIPE_BUF - 1);
    second.try_write_atomic([b'B'; 10])?;
    let before = first.capacity()? - (PIPE_BUF - 1);
    skip(&reader, before)?;
    first.write_all(&record[part..])?;
    drop((first, second));
    let mut rest = Vec::new();
    (&reader).read_to_end(&mut rest)?;
    let is_torn = !rest.windows(record.len()).any(|window| window == record);
    let outcome = if is_torn { "torn" } else { "whole" };
    println!("then another writer's 10 bytes, and the rest: the record is {outcome}");
    Ok(())
}

/// Leaves room for so many bytes.
fn fill(writer: &PipeWriter, room: usize) -> Result<(), Box<dyn Error>> {
    let filling = vec![b'.'; writer.capacity()? - room];
    if writer.try_write(&filling)? < filling.len() {
        return Err("the FIFO was not empty".into());
    }
    Ok(())
}

fn skip(mut reader: &PipeReader, len: usize) -> Result<(), Box<dyn Error>> {
    Ok(reader.read_exact(&mut vec![0; len])?)
}
