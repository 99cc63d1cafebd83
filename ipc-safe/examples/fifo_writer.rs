//! Ten timed records into a FIFO, for `fifo_reader`.
//!
//! Whichever of the two comes first makes the FIFO, and takes its name away in the end; this one waits for a reader at most so long.
//! Each record is written in one piece. They have zero bytes inside, and may arrive several at a time: neither must matter to
//! the reader.
//!
//! ```text
//! $ cargo run --example fifo_writer -- /tmp/fifo 100
//! wrote 10 records
//! ```
#![forbid(unsafe_code)]

#[path = "common/record.rs"]
mod record;

use ipc_safe::pipe::Fifo;
use record::Record;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const RECORDS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] => run(path, "1000"),
        [path, milliseconds] => run(path, milliseconds),
        _ => Err("usage: fifo_writer PATH [MILLISECONDS]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fifo_writer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str, milliseconds: &str) -> Result<(), Box<dyn Error>> {
    let interval = Duration::from_millis(milliseconds.parse()?);
    let fifo = Fifo::options().create(true).open(path)?;
    let _name = fifo.is_new().then(|| fifo.clone().into_owned());
    let writer = fifo.open_writer_timeout(PATIENCE)?;
    let start = Instant::now();
    for number in 0..RECORDS {
        std::thread::sleep((interval * number).saturating_sub(start.elapsed()));
        let time = start.elapsed().as_millis() as u64;
        let text = format!("record {number} of process {}", std::process::id());
        writer.write_atomic_timeout(Record { number, time, text }.to_bytes(), PATIENCE)?;
    }
    println!("wrote {RECORDS} records");
    Ok(())
}
