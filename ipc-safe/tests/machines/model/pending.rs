//! The signals that wait: those of a thread, and those of its process.

use ipc_safe::signal::{Signal, SignalSet};
use std::collections::{BTreeMap, VecDeque};

/// A signal that waits: its value, if it was given one, and whether it was sent to the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) value: Option<i32>,
    pub(crate) to_thread: bool,
}

/// One list: of each standard signal the first, of each real-time signal all.
#[derive(Clone, Debug, Default)]
struct List(BTreeMap<Signal, VecDeque<Sent>>);

impl List {
    fn add(&mut self, signal: Signal, sent: Sent) {
        let waiting = self.0.entry(signal).or_default();
        if waiting.is_empty() || signal.is_real_time() {
            waiting.push_back(sent);
        }
    }

    fn signals(&self) -> SignalSet {
        self.0.iter().filter(|(_, waiting)| !waiting.is_empty()).map(|(signal, _)| *signal).collect()
    }

    /// Signals of faults first, then by number.
    fn take(&mut self, of: SignalSet) -> Option<(Signal, Sent)> {
        let there = self.signals() & of;
        let signal = there.iter().find(|signal| signal.is_fault()).or_else(|| there.iter().next())?;
        let sent = self.0.get_mut(&signal)?.pop_front()?;
        Some((signal, sent))
    }
}

/// What waits for one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    thread: List,
    process: List,
}

impl Pending {
    pub(crate) fn send(&mut self, signal: Signal, sent: Sent) {
        if sent.to_thread { &mut self.thread } else { &mut self.process }.add(signal, sent);
    }

    pub(crate) fn signals(&self) -> SignalSet {
        self.thread.signals() | self.process.signals()
    }

    /// The next of these: those of the thread come first.
    pub(crate) fn take(&mut self, of: SignalSet) -> Option<(Signal, Sent)> {
        self.thread.take(of).or_else(|| self.process.take(of))
    }
}
