//! The page with the charts: one file, without scripts, with nothing to load.

use super::{COLUMNS, cells, place, size};
use crate::failure::{Failure, Result};
use crate::table::Side;
use crate::units::moment;
use ipc_measure::chart::{escaped, svg};
use ipc_measure::{Group, Numbers, Place, Report, ours};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const STYLE: &str = "\
body { font-family: sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; }
svg { max-width: 100%; height: auto; margin: 0.7em 0; }
table { border-collapse: collapse; font-size: 0.9em; }
th, td { padding: 0.2em 0.8em; border-bottom: 1px solid #ddd; text-align: left; }
.number { text-align: right; font-variant-numeric: tabular-nums; }";

/// The file that it goes to.
pub(super) struct Page<'p> {
    path: &'p Path,
    file: File,
}

impl<'p> Page<'p> {
    pub(super) fn create(path: &'p Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Failure::file("writing", path, &error))?;
        Ok(Self { path, file })
    }

    pub(super) fn write(mut self, report: &Report) -> Result {
        self.file.write_all(html(report).as_bytes()).map_err(|error| Failure::file("writing", self.path, &error))
    }
}

fn html(report: &Report) -> String {
    let machine = &report.machine;
    let begun = moment(Some(UNIX_EPOCH + Duration::from_secs(machine.begun)));
    let date = begun.split(" (").next().unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>ipc bench</title>\n<style>\n{STYLE}\n</style>\n\
         </head>\n<body>\n<h1>Mechanisms side by side</h1>\n<p>{} x {}, Linux {}, {date}, load {} before, {} passes in {:.0} s, \
         {:.1} % of the time stolen by the hypervisor.</p>\n<p>{METHOD}</p>\n{}\n<h2>All numbers</h2>\n{}</body>\n</html>\n",
        machine.processors,
        escaped(&machine.model),
        escaped(&machine.kernel),
        machine.load,
        report.passes,
        report.seconds,
        report.steal_percent,
        charts(report),
        table(report),
    )
}

const METHOD: &str = "Two processes send each other messages, each copied in and out. On one core the one that waits sleeps; \
on two cores it spins. Latency is half a round trip, the median of the best pass. All numbers are nanoseconds: the shorter a \
bar, the faster.";

fn charts(report: &Report) -> String {
    let mut charts = String::new();
    let mut chart = |title: &str, of: (Group, usize, Place), value: fn(&Numbers) -> Option<f64>| {
        let groups = report.bars(of, value);
        if !groups.is_empty() {
            charts.push_str(&svg(title, &groups));
        }
    };
    for at in [Place::OneCore, Place::TwoCores] {
        for bytes in ours::SIZES {
            let messages = (Group::Messages, bytes, at);
            let size = size(bytes);
            let place = place(at);
            chart(&format!("Latency of {size} on {place}, ns"), messages, |numbers| Some(numbers.p50));
            chart(&format!("Time for each of many messages of {size} on {place}, ns"), messages, |numbers| {
                numbers.per_message
            });
        }
        let events = (Group::Events, 0, at);
        chart(&format!("Latency of events on {}, ns", place(at)), events, |numbers| Some(numbers.p50));
    }
    chart("Lock and unlock, ns", (Group::Locks, 0, Place::OneCore), |numbers| Some(numbers.p50));
    charts
}

fn table(report: &Report) -> String {
    let class = |side| if side == Side::Right { " class=\"number\"" } else { "" };
    let mut table = String::from("<table>\n<tr>");
    for (name, side) in COLUMNS {
        let _ = write!(table, "<th{}>{name}</th>", class(side));
    }
    table.push_str("</tr>\n");
    for outcome in &report.outcomes {
        table.push_str("<tr>");
        for (cell, (_, side)) in cells(outcome).iter().zip(COLUMNS) {
            let _ = write!(table, "<td{}>{}</td>", class(side), escaped(cell));
        }
        table.push_str("</tr>\n");
    }
    table + "</table>\n"
}
