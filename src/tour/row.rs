//! One row of the table: objects, a receiver, the conversation, somebody who watches it, and what is left at the end.

use super::conversation::{self, Measured, Position};
use super::mechanism::{End, LEAST_UNIT, Mechanism};
use super::peer;
use super::progress::Progress;
use crate::failure::{Failure, Result};
use crate::inventory;
use crate::signals::StopRequest;
use ipc_safe::process::Pid;
use serde::Serialize;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the table shows.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) mechanism: &'static str,
    #[serde(skip)]
    pub(super) title: &'static str,
    /// The most bytes in a message.
    pub(super) unit: usize,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    #[serde(rename = "seconds", serialize_with = "in_seconds")]
    pub(super) time: Option<Duration>,
    #[serde(rename = "latency_seconds", serialize_with = "in_seconds")]
    pub(super) latency: Option<Duration>,
    /// `intact`, or what went wrong.
    pub(super) result: String,
    pub(super) left_behind: Vec<String>,
}

fn in_seconds<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

const INTACT: &str = "intact";

impl Row {
    pub(super) fn is_good(&self) -> bool {
        self.result == INTACT && self.left_behind.is_empty()
    }
}

/// What makes a row.
pub(super) struct Journey<'t> {
    pub(super) mechanism: &'static dyn Mechanism,
    pub(super) file: &'t Path,
    pub(super) stop: &'t StopRequest,
    pub(super) unit: Option<usize>,
    pub(super) timeout: Duration,
}

impl Journey<'_> {
    pub(super) fn make(&self) -> Result<Row> {
        let unit = self.unit.map_or_else(|| self.mechanism.unit(), Ok)?;
        if unit < LEAST_UNIT {
            return Err(Failure::usage(format!("a unit has at least {LEAST_UNIT} bytes")));
        }
        let total = std::fs::metadata(self.file).map_or(0, |metadata| metadata.len());
        let progress = Progress::new(self.mechanism.title(), total);
        let before = inventory::names()?;
        let objects = self.mechanism.create(unit)?;
        let arguments = objects.arguments();
        let mut pids = vec![rustix::process::getpid()];
        let outcome = self.converse(unit, &arguments, &progress, &mut pids);
        let mut left_behind = objects.finish()?;
        // Nor may there be anything that the two made and did not speak of.
        let unspoken = inventory::used_by(&pids)?.into_iter().filter(|name| !before.contains(name));
        left_behind.extend(
            unspoken.map(|name| name.to_string()).filter(|name| !left_behind.contains(name)).collect::<Vec<_>>(),
        );
        let row = self.row(unit, outcome, left_behind);
        progress.finish(&row.result);
        Ok(row)
    }

    fn row(&self, unit: usize, outcome: Result<Measured>, left_behind: Vec<String>) -> Row {
        let measured = outcome.as_ref().ok();
        Row {
            mechanism: self.mechanism.name(),
            title: self.mechanism.title(),
            unit,
            messages: measured.map_or(0, |measured| measured.verdict.messages),
            bytes: measured.map_or(0, |measured| measured.verdict.bytes),
            time: measured.map(|measured| measured.time),
            latency: measured.map(|measured| measured.latency),
            result: match &outcome {
                Ok(measured) => judge(measured),
                Err(failure) => failure.message().to_owned(),
            },
            left_behind,
        }
    }

    /// Talks to a receiver while another thread watches.
    fn converse(
        &self,
        unit: usize,
        arguments: &[String],
        progress: &Progress,
        pids: &mut Vec<Pid>,
    ) -> Result<Measured> {
        let mut child = peer::spawn(self.mechanism, unit, self.file, arguments)?;
        pids.push(Pid::from_child(&child));
        let position = Position::default();
        let done = AtomicBool::new(false);
        let watch = Watch { journey: self, arguments, progress, position: &position, done: &done };
        let (result, trouble) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch.run(&mut child));
            let result = self.talk(unit, arguments, &position);
            done.store(true, Ordering::Release);
            watcher.thread().unpark();
            (result, watcher.join().unwrap_or_else(|_| Some(Failure::new("the watcher panicked"))))
        });
        peer::end(child, result.is_ok());
        match trouble {
            Some(trouble) => Err(trouble),
            None => result,
        }
    }

    fn talk(&self, unit: usize, arguments: &[String], position: &Position) -> Result<Measured> {
        let mut channel = self.mechanism.connect(unit, arguments, End::Sender)?;
        conversation::send(&mut *channel, self.file, unit, position)
    }
}

fn judge(measured: &Measured) -> String {
    let Measured { sent, verdict, .. } = measured;
    match verdict.difference {
        Some(offset) => format!("differs from byte {offset} on"),
        None if (sent.bytes, sent.messages) != (verdict.bytes, verdict.messages) => {
            format!("{} bytes sent, {} arrived", sent.bytes, verdict.bytes)
        }
        None => INTACT.into(),
    }
}

/// Looks whether the conversation goes on, and ends it when not.
struct Watch<'t> {
    journey: &'t Journey<'t>,
    arguments: &'t [String],
    progress: &'t Progress,
    position: &'t Position,
    done: &'t AtomicBool,
}

impl Watch<'_> {
    const INTERVAL: Duration = Duration::from_millis(20);

    fn run(&self, child: &mut Child) -> Option<Failure> {
        let mut last = (0, Instant::now());
        while !self.done.load(Ordering::Acquire) {
            std::thread::park_timeout(Self::INTERVAL);
            self.progress.at(self.position.bytes.load(Ordering::Relaxed));
            let steps = self.position.steps.load(Ordering::Relaxed);
            if steps != last.0 {
                last = (steps, Instant::now());
            }
            if let Some(trouble) = self.trouble(child, last.1) {
                self.journey.mechanism.cancel(self.arguments);
                return Some(trouble);
            }
        }
        None
    }

    fn trouble(&self, child: &mut Child, last_step: Instant) -> Option<Failure> {
        if self.journey.stop.signal().is_some() {
            return Some(Failure::new("stopped"));
        }
        match child.try_wait() {
            // It ends well only after it has sent its verdict.
            Ok(Some(status)) if !status.success() => return Some(Failure::new(format!("the receiver died: {status}"))),
            Err(error) => return Some(Failure::new(format!("waiting for the receiver: {error}"))),
            Ok(_) => {}
        }
        let timeout = self.journey.timeout;
        (last_step.elapsed() > timeout).then(|| Failure::new(format!("nothing moved for {timeout:?}")))
    }
}
