//! Real-time signals with values: eight bytes each, after one with the length of the message.

use super::mechanism::{Channel, End, Mechanism, Objects};
use crate::failure::{Failure, Result};
use crate::inventory::Name;
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Children, Pid};
use ipc_safe::signal::{self, MaskGuard, ProcessSignals, Signal, SignalSet, Value};
use rustix::process::{getpid, getppid};
use std::time::Duration;

pub(super) struct Signals;

/// How often an end that waits looks whether the other one is still there.
const LOOK: Duration = Duration::from_millis(50);
/// How long the sender waits for the receiver's first signal.
const PATIENCE: Duration = Duration::from_secs(10);
/// A value has so many bytes.
const VALUE: usize = size_of::<u64>();

/// Used in both directions.
fn data() -> ipc_safe::Result<Signal> {
    Signal::real_time(7)
}

/// To be held by both processes, from before the second one starts, so that no signal ends one of them.
pub(super) fn block() -> ipc_safe::Result<MaskGuard> {
    SignalSet::from(data()?).block()
}

impl Mechanism for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    fn title(&self) -> &'static str {
        "real-time signals"
    }

    fn unit(&self) -> Result<usize> {
        Ok(4096)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        let limit = ProcessSignals::of(getpid())?.queue_limit;
        if limit < 2 {
            let why = format!("this user may have {limit} signals queued (ulimit -i)");
            return Err(Failure::new(why));
        }
        Ok(Box::new(NoObjects { unit }))
    }
}

/// Signals need none.
struct NoObjects {
    unit: usize,
}

impl Objects for NoObjects {
    fn names(&self) -> Vec<Name> {
        Vec::new()
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        let guard = block()?;
        let peer = match end {
            // The first signal only tells who sends it.
            End::Sender => {
                let first = guard.wait_timeout(PATIENCE)?;
                first.sender().and_then(|sender| sender.pid).ok_or_else(|| Failure::new("a signal of nobody"))?
            }
            End::Receiver => getppid().ok_or_else(|| Failure::new("the sender is not there"))?,
        };
        let signal = data()?;
        if end == End::Receiver {
            signal::queue(peer, signal, Value::default())?;
        }
        Ok(Box::new(Values { guard, signal, peer, end, unit: self.unit, message: Vec::with_capacity(self.unit) }))
    }
}

struct Values {
    guard: MaskGuard,
    signal: Signal,
    peer: Pid,
    end: End,
    unit: usize,
    message: Vec<u8>,
}

impl Values {
    /// Queues one value; waits while the queue is full.
    fn put(&self, value: u64) -> ipc_safe::Result<()> {
        loop {
            match signal::queue(self.peer, self.signal, value) {
                Err(error) if error.is_would_block() => self.check_peer()?,
                other => return other,
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn take(&self) -> ipc_safe::Result<u64> {
        loop {
            match self.guard.wait_timeout(LOOK) {
                Err(error) if error.is_timed_out() => self.check_peer()?,
                other => return Ok(other?.value().unwrap_or_default().as_u64()),
            }
        }
    }

    /// An error when the other end is no more: a signal would never come.
    fn check_peer(&self) -> ipc_safe::Result<()> {
        match self.end {
            End::Receiver if getppid() == Some(self.peer) => Ok(()),
            End::Receiver => signal::check(self.peer),
            // One that has ended is there until the watcher of the row has waited for it.
            End::Sender => match Children::pid(self.peer).keep(true).try_wait() {
                Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

impl Channel for Values {
    fn send(&mut self, message: &[u8]) -> Result {
        self.put(message.len() as u64)?;
        for chunk in message.chunks(VALUE) {
            let mut bytes = [0; VALUE];
            bytes[..chunk.len()].copy_from_slice(chunk);
            self.put(u64::from_le_bytes(bytes))?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<&[u8]> {
        // Whoever may signal this process can say anything: at most what a message may have is believed.
        let len = usize::try_from(self.take()?).unwrap_or(usize::MAX).min(self.unit);
        self.message.clear();
        while self.message.len() < len {
            let value = self.take()?;
            self.message.extend(value.to_le_bytes());
        }
        self.message.truncate(len);
        Ok(&self.message)
    }
}
