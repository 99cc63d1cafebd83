//! All rows, pass by pass.

use crate::fact::{Numbers, Outcome, Report};
use crate::machine::{Machine, Ticks};
use crate::mechanism::Result;
use crate::processors::Processors;
use crate::row::{Ready, Row};
use crate::worker::{self, Trouble};
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Turns of each row.
    pub passes: u32,
    /// For how long a turn measures latency, and for how long throughput.
    pub time: Duration,
}

impl Effort {
    /// For numbers to keep.
    pub const FULL: Self = Self { passes: 7, time: Duration::from_millis(50) };
    /// To see that it works, and roughly how fast.
    pub const QUICK: Self = Self { passes: 1, time: Duration::from_millis(5) };
}

/// How far the run is.
#[derive(Debug)]
pub struct Step<'r> {
    /// Turns before this one.
    pub done: usize,
    /// Turns of all rows.
    pub all: usize,
    /// Whose turn begins.
    pub row: &'r Row,
}

/// Somebody asked to stop. What was made is removed.
#[derive(Clone, Copy, Debug)]
pub struct Stopped;

impl std::error::Error for Stopped {}

impl std::fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("stopped")
    }
}

/// Gives each row its turns, and measures. To be called while this process has one thread. Rows that need two processors are
/// left out where there is one. A row that fails once has no further turns; the outcome says why.
///
/// # Errors
///
/// [`Stopped`] when `stop` said so; what keeps everything from being measured.
pub fn run(
    rows: &[Row],
    effort: Effort,
    progress: &mut dyn FnMut(Step<'_>),
    stop: &dyn Fn() -> bool,
) -> Result<Report> {
    let processors = Processors::choose()?;
    let machine = Machine::here();
    let (before, start) = (Ticks::now(), Instant::now());
    let mut entries: Vec<_> = rows.iter().filter(|row| processors.has(row.about.place)).map(Entry::new).collect();
    sort(&mut entries);
    let turns = entries.len();
    for pass in 0..effort.passes as usize {
        for turn in 0..turns {
            // There and back, so that what is fast or slow for a while meets the rows in different places.
            let index = if pass.is_multiple_of(2) { turn } else { turns - 1 - turn };
            let entry = &mut entries[index];
            progress(Step { done: pass * turns + turn, all: turns * effort.passes as usize, row: entry.row });
            entry.take_turn(processors, effort.time, stop)?;
        }
    }
    Ok(Report {
        machine,
        passes: effort.passes,
        steal_percent: Ticks::now().stolen_since(before),
        seconds: start.elapsed().as_secs_f64(),
        outcomes: entries.into_iter().map(|entry| entry.outcome).collect(),
    })
}

/// Rows that are compared follow each other, and meet the same neighbours; mechanisms stay in the order of their first rows.
fn sort(entries: &mut [Entry<'_>]) {
    let mechanisms: Vec<String> = entries.iter().map(|entry| entry.row.about.mechanism.clone()).collect();
    entries.sort_by_key(|entry| {
        let about = &entry.row.about;
        let first = mechanisms.iter().position(|mechanism| *mechanism == about.mechanism);
        (about.group, about.place, about.bytes, first, about.author)
    });
}

struct Entry<'r> {
    row: &'r Row,
    outcome: Outcome,
}

impl<'r> Entry<'r> {
    fn new(row: &'r Row) -> Self {
        Self { row, outcome: Outcome { about: row.about.clone(), best: None, fault: None } }
    }

    fn take_turn(&mut self, processors: Processors, time: Duration, stop: &dyn Fn() -> bool) -> Result<(), Stopped> {
        if self.outcome.fault.is_some() {
            return Ok(());
        }
        let measure = || -> Result<Numbers, Trouble> {
            let ready = Ready::make(self.row, processors, time)?;
            worker::measure(&ready, stop)
        };
        match measure() {
            Ok(numbers) => self.outcome.add(numbers),
            Err(Trouble::Stopped) => return Err(Stopped),
            Err(Trouble::Fault(fault)) => self.outcome.fault = Some(fault.to_string()),
        }
        Ok(())
    }
}
