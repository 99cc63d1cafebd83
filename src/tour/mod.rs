//! `ipc tour`: a file through every mechanism, from this process to another one, compared and measured.
//!
//! [`mechanism`] says what a row needs; each mechanism has a file of its own, and a line in [`MECHANISMS`].

mod blackboard;
mod channel;
mod conversation;
mod mechanism;
mod memory;
mod pipe;
mod progress;
mod queue;
mod receiver;
mod ring;
mod row;
mod signal;
mod socket;

use crate::failure::{Failure, Result, reason};
use crate::output;
use crate::stop::StopRequest;
use crate::table::{Side, Table};
use crate::units::{bytes, parse_seconds, parse_size, short, throughput};
use mechanism::{Mechanism, UNITS};
use pipe::Pipes;
use ring::Ring;
use row::Row;
use serde::Serialize;
use socket::Socket;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The rows, in the order of the table.
static MECHANISMS: &[&dyn Mechanism] = &[
    &queue::Queue,
    &Ring::IN_SEGMENT,
    &blackboard::Blackboard,
    &Ring::IN_ANONYMOUS,
    &Ring::IN_MEMFD,
    &Ring::IN_FILE,
    &Ring::IN_POSIX,
    &channel::Channels,
    &signal::Signals,
    &Pipes::PLAIN,
    &Pipes::PACKETS,
    &Pipes::FIFO,
    &Pipes::COPROCESS,
    &Socket::LOCAL_STREAM,
    &Socket::LOCAL_DATAGRAM,
    &Socket::LOCAL_SEQPACKET,
    &Socket::TCP,
    &Socket::UDP,
];

/// Send a file to another process through every mechanism, and compare
///
/// This process is the sender, and forks the receiver, which opens the file on its own and compares each byte that arrives.
/// Throughput is measured until the receiver has compared the last byte; latency is half the median round
/// trip of a short message. The objects are removed at the end, on Ctrl-C too, and when one of the two processes dies.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What to send; without it, this program
    file: Option<PathBuf>,
    /// Only these mechanisms
    #[arg(long, short, value_name = "NAME", value_delimiter = ',', value_parser = names())]
    only: Vec<String>,
    /// Bytes in a message, instead of what suits each mechanism
    #[arg(long, short, value_parser = parse_unit)]
    unit: Option<usize>,
    /// Give up when nothing moves for so long
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "10")]
    timeout: Duration,
    /// For programs: the table as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc tour
  ipc tour /usr/bin/git
  ipc tour --only queue --unit 1K FILE

Exit status: 0 when everything arrived intact and nothing was left behind, 1 when not, 128 and the signal when stopped.";

fn names() -> clap::builder::PossibleValuesParser {
    MECHANISMS.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().into()
}

fn parse_unit(text: &str) -> Result<usize, String> {
    let unit = parse_size(text)?;
    let (least, most) = (UNITS.start(), UNITS.end());
    UNITS.contains(&unit).then_some(unit).ok_or_else(|| format!("a unit has {least} to {most} bytes"))
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Tour<'t> {
    file: String,
    rows: &'t [Row],
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    let file = arguments.file.clone().map_or_else(own_program, Ok)?;
    check_file(&file)?;
    let _blocked = signal::block()?;
    let stop = StopRequest::listen().map_err(|error| Failure::new(format!("signals: {}", reason(&error))))?;
    let rows = arguments.rows(&file, &stop)?;
    let printed = if arguments.json {
        output::print_json(&Tour { file: file.display().to_string(), rows: &rows })
    } else {
        output::print(table(&rows).render())
    };
    match rows.iter().filter(|row| !row.is_good()).count() {
        0 => printed,
        bad => Err(Failure::new(format!("{bad} of {} mechanisms failed or left something behind", rows.len()))),
    }
}

fn own_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| Failure::new(format!("where this program is: {}", reason(&error))))
}

/// Both processes read the file from the start, so it must be one that has a start.
fn check_file(file: &Path) -> Result {
    let cannot = |error| Failure::file("opening", file, &error);
    let metadata = std::fs::metadata(file).map_err(cannot)?;
    if !metadata.is_file() {
        let why = "only a regular file can be read by both processes from its start";
        return Err(Failure::new(format!("{} is not a regular file: {why}", file.display())));
    }
    std::fs::File::open(file).map(drop).map_err(cannot)
}

impl Arguments {
    fn wants(&self, mechanism: &dyn Mechanism) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == mechanism.name())
    }

    fn rows(&self, file: &Path, stop: &StopRequest) -> Result<Vec<Row>> {
        let chosen = MECHANISMS.iter().filter(|mechanism| self.wants(**mechanism));
        let rows = chosen.map(|mechanism| {
            let journey = row::Journey { mechanism: *mechanism, file, stop, unit: self.unit, timeout: self.timeout };
            let row = journey.make()?;
            match stop.signal() {
                Some(signal) => Err(stopped(signal, &row)),
                None => Ok(row),
            }
        });
        rows.collect()
    }
}

fn stopped(signal: u8, row: &Row) -> Failure {
    let left = match row.left_behind.len() {
        0 => "nothing is left behind".to_owned(),
        _ => format!("left behind: {}", row.left_behind.join(", ")),
    };
    let name = signal_hook::low_level::signal_name(signal.into()).unwrap_or("a signal");
    Failure::new(format!("stopped by {name}; {left}")).with_status(128 + signal)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("mechanism", Side::Left),
        ("unit", Side::Right),
        ("messages", Side::Right),
        ("bytes", Side::Right),
        ("throughput", Side::Right),
        ("latency", Side::Right),
        ("left behind", Side::Left),
        ("result", Side::Left),
    ]);
    for row in rows {
        let left = if row.left_behind.is_empty() { "none".into() } else { row.left_behind.join(", ") };
        table.row([
            row.title.to_owned(),
            bytes(row.unit as u64),
            row.messages.to_string(),
            row.bytes.to_string(),
            row.time.map_or_else(|| "-".into(), |time| throughput(row.bytes, time)),
            row.latency.map_or_else(|| "-".into(), short),
            left,
            row.result.clone(),
        ]);
    }
    table
}
