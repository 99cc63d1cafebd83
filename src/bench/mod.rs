//! `ipc bench`: how fast each mechanism is on this machine, between two processes, side by side.

mod page;
mod progress;

use crate::failure::{Failure, Result, reason};
use crate::output;
use crate::stop::StopRequest;
use crate::table::{Side, Table};
use crate::units::bytes;
use ipc_measure::chart::number_of;
use ipc_measure::{Effort, Fault, Group, Outcome, Place, Report, Stopped, ours};
use page::Page;
use progress::Progress;
use std::path::PathBuf;

/// Measure every mechanism on this machine, side by side
///
/// Two processes send each other messages of 64 bytes and of 4 KiB, each copied in and out. On one core the one that waits
/// sleeps; on two cores it spins. Latency is half a round trip: the median, and what 99 of 100 are below, of the best pass.
/// One way is the time for each of many messages in one direction. All times are in nanoseconds. What is made is removed at
/// the end, on Ctrl-C too.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Also write a page with charts, which needs nothing beside it
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// One short pass: in some seconds, and rough
    #[arg(long)]
    quick: bool,
    /// For programs: all numbers as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc bench --quick
  ipc bench --html mechanisms.html

Other programs make the numbers worse: run it on a machine that does nothing else. Where there is one processor, the rows
that need two are left out.
Exit status: 0 when every row was measured, 1 when not, 128 and the signal when stopped.";

pub(crate) fn run(arguments: &Arguments) -> Result {
    // Before anything is measured in vain.
    let page = arguments.html.as_ref().map(|path| Page::create(path)).transpose()?;
    let stop = StopRequest::listen().map_err(|error| Failure::new(format!("signals: {}", reason(&error))))?;
    let rows = ours::rows();
    let effort = if arguments.quick { Effort::QUICK } else { Effort { passes: 5, ..Effort::FULL } };
    let mut progress = Progress::new();
    let report = ipc_measure::run(&rows, effort, &mut |step| progress.at(&step), &|| stop.signal().is_some());
    progress.finish();
    let report = report.map_err(|fault| failure(&fault, &stop))?;

    if let Some(page) = page {
        page.write(&report)?;
    }
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(summary(&report))?;
    }
    judge(&report.outcomes)
}

fn failure(fault: &Fault, stop: &StopRequest) -> Failure {
    match stop.signal() {
        Some(signal) if fault.is::<Stopped>() => {
            let name = signal_hook::low_level::signal_name(signal.into()).unwrap_or("a signal");
            Failure::new(format!("stopped by {name}; nothing is left behind")).with_status(128 + signal)
        }
        _ => Failure::new(fault),
    }
}

/// Says which rows have no numbers.
fn judge(outcomes: &[Outcome]) -> Result {
    let faults: Vec<_> = outcomes.iter().filter_map(|outcome| Some((outcome, outcome.fault.as_ref()?))).collect();
    for (Outcome { about, .. }, fault) in &faults {
        let place = place(about.place);
        crate::failure::complain(format!("{}, {}, {place}: {fault}", about.mechanism, size(about.bytes)));
    }
    match faults.len() {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} rows failed", outcomes.len()))),
    }
}

pub(super) const fn place(place: Place) -> &'static str {
    match place {
        Place::OneCore => "one core",
        Place::TwoCores => "two cores",
    }
}

/// Bytes of a message; what moves none has no size.
fn size(count: usize) -> String {
    if count == 0 { "-".into() } else { bytes(count as u64) }
}

fn summary(report: &Report) -> String {
    let machine = &report.machine;
    let about = format!(
        "{} x {}, Linux {}, load {} before, {:.1} % of the time stolen by the hypervisor",
        machine.processors, machine.model, machine.kernel, machine.load, report.steal_percent
    );
    format!("{}\n{about}\n", table(report).render())
}

/// The headings, and a row for each outcome.
pub(super) const COLUMNS: [(&str, Side); 6] = [
    ("where", Side::Left),
    ("mechanism", Side::Left),
    ("size", Side::Right),
    ("latency", Side::Right),
    ("99 of 100", Side::Right),
    ("one way", Side::Right),
];

pub(super) fn cells(outcome: &Outcome) -> [String; 6] {
    let Outcome { about, best, .. } = outcome;
    let number = |value: Option<f64>| value.map_or_else(|| "-".into(), number_of);
    let name = match &*about.by {
        "ipc-safe" => about.mechanism.clone(),
        // There are several ways to use it.
        other => format!("{}{}", about.mechanism, other.trim_start_matches("ipc-safe")),
    };
    let place = if about.group == Group::Locks { "one thread" } else { place(about.place) };
    [
        place.to_owned(),
        name,
        size(about.bytes),
        number(best.map(|best| best.p50)),
        number(best.map(|best| best.p99)),
        number(best.and_then(|best| best.per_message)),
    ]
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&COLUMNS);
    for outcome in &report.outcomes {
        table.row(cells(outcome));
    }
    table
}
