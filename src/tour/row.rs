//! One row of the table: objects, a receiver, the conversation, somebody who watches it, and what is left at the end.

use super::conversation::{self, Measured, Position};
use super::mechanism::{End, Mechanism, Objects};
use super::progress::Progress;
use super::receiver::{Receiver, cancel};
use crate::failure::{Failure, Result};
use crate::inventory::{self, Name};
use crate::stop::StopRequest;
use serde::Serialize;
use std::path::Path;
use std::process::ExitStatus;
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
        let total = std::fs::metadata(self.file).map_or(0, |metadata| metadata.len());
        let progress = Progress::new(self.mechanism.title(), total);
        let row = self.travel(&progress)?;
        progress.finish(&row.result);
        Ok(row)
    }

    fn travel(&self, progress: &Progress) -> Result<Row> {
        let unit = self.unit.map_or_else(|| self.mechanism.unit(), Ok)?;
        let before = inventory::names()?;
        let objects = match self.mechanism.create(unit) {
            Ok(objects) => objects,
            Err(failure) => return Ok(self.row(unit, Err(failure), Vec::new())),
        };
        let names = objects.names();
        let mut pids = vec![rustix::process::getpid()];
        let outcome = Receiver::start(&*objects, self.file, unit).and_then(|receiver| {
            pids.push(receiver.pid());
            self.converse(unit, &*objects, receiver, progress)
        });
        drop(objects);
        let mut left: Vec<_> = names.into_iter().filter(Name::exists).collect();
        // Nor may there be anything that the two made and did not speak of.
        let unspoken = inventory::used_by(&pids)?.into_iter().filter(|name| !before.contains(name));
        let unspoken: Vec<_> = unspoken.filter(|name| !left.contains(name)).collect();
        left.extend(unspoken);
        Ok(self.row(unit, outcome, left))
    }

    fn row(&self, unit: usize, outcome: Result<Measured>, left_behind: Vec<Name>) -> Row {
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
            left_behind: left_behind.iter().map(Name::to_string).collect(),
        }
    }

    /// Talks to the receiver while another thread watches.
    fn converse(
        &self,
        unit: usize,
        objects: &dyn Objects,
        mut receiver: Receiver,
        progress: &Progress,
    ) -> Result<Measured> {
        let position = Position::default();
        let done = AtomicBool::new(false);
        let watch =
            Watch { journey: self, objects, names: objects.names(), progress, position: &position, done: &done };
        let (result, trouble) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch.run(&mut receiver));
            let result = objects
                .connect(End::Sender)
                .and_then(|mut channel| conversation::send(&mut *channel, self.file, unit, &position));
            done.store(true, Ordering::Release);
            watcher.thread().unpark();
            (result, watcher.join().unwrap_or_else(|_| Some(Failure::new("the watcher panicked"))))
        });
        // Its pipes are closed a moment before it has a status.
        let trouble = trouble.or_else(|| result.as_ref().err().and_then(|_| death(&mut receiver)));
        if result.is_ok() {
            receiver.finish();
        }
        match trouble {
            Some(trouble) => Err(trouble),
            None => result,
        }
    }
}

/// That it died, when it did so before or does so now.
fn death(receiver: &mut Receiver) -> Option<Failure> {
    const PATIENCE: Duration = Duration::from_millis(100);
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = receiver.ended() {
            return died(status);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    None
}

fn died(status: ExitStatus) -> Option<Failure> {
    (!status.success()).then(|| Failure::new(format!("the receiver died: {status}")))
}

fn judge(measured: &Measured) -> String {
    let Measured { sent, verdict, .. } = measured;
    match verdict.difference {
        Some(offset) => format!("differs from byte {offset} on"),
        None if (sent.bytes, sent.messages) != (verdict.bytes, verdict.messages) => {
            let arrived = format!("{} of {} arrived", verdict.messages, verdict.bytes);
            format!("{} messages of {} bytes sent, {arrived}", sent.messages, sent.bytes)
        }
        None => INTACT.into(),
    }
}

/// Looks whether the conversation goes on, and ends it when not.
struct Watch<'t> {
    journey: &'t Journey<'t>,
    objects: &'t dyn Objects,
    names: Vec<Name>,
    progress: &'t Progress,
    position: &'t Position,
    done: &'t AtomicBool,
}

impl Watch<'_> {
    const INTERVAL: Duration = Duration::from_millis(20);

    fn run(&self, receiver: &mut Receiver) -> Option<Failure> {
        let mut last = (0, Instant::now());
        while !self.done.load(Ordering::Acquire) {
            std::thread::park_timeout(Self::INTERVAL);
            self.progress.at(self.position.bytes.load(Ordering::Relaxed));
            let steps = self.position.steps.load(Ordering::Relaxed);
            if steps != last.0 {
                last = (steps, Instant::now());
            }
            if let Some(trouble) = self.trouble(receiver, last.1) {
                cancel(&self.names);
                receiver.kill();
                self.objects.stop_waiting();
                return Some(trouble);
            }
        }
        None
    }

    fn trouble(&self, receiver: &mut Receiver, last_step: Instant) -> Option<Failure> {
        if self.journey.stop.signal().is_some() {
            return Some(Failure::new("stopped"));
        }
        // It ends well only after it has sent its verdict.
        match receiver.ended() {
            Ok(status) => {
                if let Some(death) = status.and_then(died) {
                    return Some(death);
                }
            }
            Err(failure) => return Some(failure),
        }
        let timeout = self.journey.timeout;
        (last_step.elapsed() > timeout).then(|| Failure::new(format!("nothing moved for {timeout:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::conversation::Verdict;
    use super::*;

    #[test]
    fn only_what_arrived_whole_is_intact() {
        let sent = Verdict { messages: 2, bytes: 100, difference: None };
        let judged = |verdict| judge(&Measured { sent, verdict, time: Duration::ZERO, latency: Duration::ZERO });
        assert_eq!(judged(sent), INTACT);
        assert_eq!(judged(Verdict { difference: Some(7), ..sent }), "differs from byte 7 on");
        assert_eq!(judged(Verdict { bytes: 99, ..sent }), "2 messages of 100 bytes sent, 2 of 99 arrived");
        assert_eq!(judged(Verdict { messages: 1, ..sent }), "2 messages of 100 bytes sent, 1 of 100 arrived");
    }
}
