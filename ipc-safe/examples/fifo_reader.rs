//! Reads the records of `fifo_writer` from a FIFO, and loses none.
//!
//! A record is so many bytes, whatever they are and however many of them a read returns: two records in one read are two, a part
//! of one is waited for, and zero bytes end nothing. The end of the stream ends the program.
//!
//! ```text
//! $ cargo run --example fifo_reader -- /tmp/fifo
//! 0 at 0.0 s: record 0 of process 4711
//! 1 at 0.1 s: record 1 of process 4711
//! ...
//! the end, after 10 records
//! ```
#![forbid(unsafe_code)]

#[path = "common/record.rs"]
mod record;

use ipc_safe::pipe::{Fifo, Readable};
use record::{Record, SIZE};
use std::error::Error;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [path] => run(path),
        _ => Err("usage: fifo_reader PATH".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fifo_reader: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str) -> Result<(), Box<dyn Error>> {
    let fifo = Fifo::options().create(true).open(path)?;
    let _name = fifo.is_new().then(|| fifo.clone().into_owned());
    let mut reader = fifo.open_reader_timeout(PATIENCE)?;
    let mut records = 0;
    while reader.wait_timeout(PATIENCE)? == Readable::Bytes {
        let mut bytes = [0; SIZE];
        reader.read_exact(&mut bytes)?;
        let record = Record::from_bytes(&bytes);
        println!("{} at {:.1} s: {}", record.number, record.time as f64 / 1000.0, record.text);
        records += 1;
    }
    println!("the end, after {records} records");
    Ok(())
}
