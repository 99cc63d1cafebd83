//! What the two processes say to each other: some short messages back and forth, the file, an empty message for its end,
//! and the receiver's verdict.

use super::mechanism::Channel;
use crate::failure::{Failure, Result, reason};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Round trips that are not measured, and those that are.
const WARM_UP: usize = 50;
const MEASURED: usize = 400;
const PING: [u8; 16] = *b"ipc tour: a ping";

/// What the receiver found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// The first byte that differs from the file.
    pub(super) difference: Option<u64>,
}

/// What the sender measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) sent: Verdict,
    pub(super) verdict: Verdict,
    /// From the first byte until the verdict.
    pub(super) time: Duration,
    /// Half of the median round trip.
    pub(super) latency: Duration,
}

/// How far the sender is, for who watches it.
#[derive(Debug, Default)]
pub(super) struct Position {
    /// Bytes of the file.
    pub(super) bytes: AtomicU64,
    /// Messages of any sort.
    pub(super) steps: AtomicU64,
}

impl Position {
    fn step(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// The sender's part.
pub(super) fn send(channel: &mut dyn Channel, file: &Path, unit: usize, position: &Position) -> Result<Measured> {
    let latency = ping(channel, position)?;
    let mut file = open(file)?;
    let mut buffer = vec![0; unit];
    let mut sent = Verdict::default();
    let start = Instant::now();
    loop {
        let len = fill(&mut file, &mut buffer)?;
        channel.send(&buffer[..len])?;
        position.step(len);
        if len == 0 {
            break;
        }
        sent.messages += 1;
        sent.bytes += len as u64;
    }
    let verdict = serde_json::from_slice(channel.receive()?)
        .map_err(|error| Failure::new(format!("the receiver's verdict is none: {error}")))?;
    Ok(Measured { sent, verdict, time: start.elapsed(), latency })
}

fn ping(channel: &mut dyn Channel, position: &Position) -> Result<Duration> {
    let mut times = Vec::with_capacity(MEASURED);
    for round in 0..WARM_UP + MEASURED {
        let start = Instant::now();
        channel.send(&PING)?;
        if channel.receive()? != PING {
            return Err(Failure::new("a short message did not come back as it was sent"));
        }
        if round >= WARM_UP {
            times.push(start.elapsed());
        }
        position.step(0);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2] / 2)
}

/// The receiver's part: it compares what arrives with what it reads itself.
pub(super) fn receive(channel: &mut dyn Channel, file: &Path, unit: usize) -> Result {
    for _ in 0..WARM_UP + MEASURED {
        let ping = channel.receive()?.to_vec();
        channel.send(&ping)?;
    }
    let mut file = open(file)?;
    let mut expected = vec![0; unit];
    let mut verdict = Verdict::default();
    loop {
        let message = channel.receive()?;
        if message.is_empty() {
            break;
        }
        let len = fill(&mut file, &mut expected[..message.len()])?;
        if verdict.difference.is_none() {
            verdict.difference = difference(message, &expected[..len]).map(|offset| verdict.bytes + offset as u64);
        }
        verdict.messages += 1;
        verdict.bytes += message.len() as u64;
    }
    if verdict.difference.is_none() && fill(&mut file, &mut expected)? > 0 {
        verdict.difference = Some(verdict.bytes);
    }
    channel.send(&serde_json::to_vec(&verdict).map_err(Failure::new)?)
}

/// The first place where the two differ; the shorter one differs where it ends.
fn difference(one: &[u8], other: &[u8]) -> Option<usize> {
    if one == other {
        return None;
    }
    let common = one.len().min(other.len());
    Some(one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(common))
}

fn open(file: &Path) -> Result<File> {
    File::open(file).map_err(|error| Failure::file("opening", file, &error))
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::new(format!("reading the file: {}", reason(&error)))),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(difference(b"abc", b"abc"), None);
        assert_eq!(difference(b"abc", b"abd"), Some(2));
        assert_eq!(difference(b"abc", b"ab"), Some(2));
        assert_eq!(difference(b"", b"a"), Some(0));
    }
}
