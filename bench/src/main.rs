//! Measures `ipc-safe`, the calls of the C library, and other crates, side by side in one run.
//!
//! `ipc-bench measure` prints the record of a run as JSON, `ipc-bench render` makes tables and pictures of one. `scripts/bench`
//! runs both. `ipc_measure` has the method, and the rows of `ipc-safe`.

mod locks;
mod peers;
mod raw;
mod render;
mod streams;

use clap::{Parser, Subcommand};
use ipc_measure::{Effort, Row, Step};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Measures ipc-safe, C and other crates side by side.
#[derive(Debug, Parser)]
#[command(name = "ipc-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure, and print the record
    Measure(Measure),
    Render(render::Render),
}

#[derive(Debug, clap::Args)]
struct Measure {
    /// One short pass: to see that it works
    #[arg(long)]
    quick: bool,
    /// Passes of each row
    #[arg(long)]
    passes: Option<u32>,
    /// Only rows whose mechanism or name contains this
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
}

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    match Arguments::parse().command {
        Command::Measure(arguments) => arguments.run(),
        Command::Render(arguments) => arguments.run(),
    }
}

impl Measure {
    fn run(&self) -> Result {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let mut rows = rows();
        rows.retain(|row| self.wants(row));
        let mut effort = if self.quick { Effort::QUICK } else { Effort::FULL };
        effort.passes = self.passes.unwrap_or(effort.passes);
        let report = ipc_measure::run(&rows, effort, &mut say, &|| stop.load(Ordering::Relaxed))
            .map_err(|fault| fault as Box<dyn Error>)?;
        println!("{}", serde_json::to_string_pretty(&report)?);
        Ok(())
    }

    fn wants(&self, row: &Row) -> bool {
        let word = self.only.as_deref().unwrap_or_default();
        row.about.mechanism.contains(word) || row.about.by.contains(word)
    }
}

fn rows() -> Vec<Row> {
    let mut rows = ipc_measure::ours::rows();
    rows.extend(raw::rows());
    rows.extend(peers::rows());
    rows.extend(locks::rows());
    rows
}

/// A line now and then on standard error.
fn say(step: Step<'_>) {
    if step.done.is_multiple_of(50) {
        eprintln!("{:>5} of {}: {}, {}", step.done, step.all, step.row.about.mechanism, step.row.about.by);
    }
}
