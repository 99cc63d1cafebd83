//! The signals that wait: those of a thread, and those of its process.

use crate::signal::{Signal, SignalSet};
use std::collections::{BTreeMap, VecDeque};

/// A signal that waits: its value, if it was given one, and whether it was sent to the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The value that it was sent with.
    pub value: Option<i32>,
    /// Whether it was sent to the thread, and not to the process.
    pub to_thread: bool,
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
///
/// ```
/// use ipc_safe::signal::{Signal, SignalSet};
/// use ipc_safe::testing::model::pending::{Pending, Sent};
///
/// let mut pending = Pending::default();
/// let sent = Sent { value: None, to_thread: true };
/// pending.send(Signal::USR1, sent);
/// pending.send(Signal::USR1, sent); // merges with the first
/// assert_eq!(pending.take(SignalSet::all()), Some((Signal::USR1, sent)));
/// assert_eq!(pending.take(SignalSet::all()), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pending {
    thread: List,
    process: List,
}

impl Pending {
    /// A signal is sent. A standard signal that waits already is not sent twice.
    pub fn send(&mut self, signal: Signal, sent: Sent) {
        if sent.to_thread { &mut self.thread } else { &mut self.process }.add(signal, sent);
    }

    /// Those that wait.
    #[must_use]
    pub fn signals(&self) -> SignalSet {
        self.thread.signals() | self.process.signals()
    }

    /// A signal is lost, as often as it waits: it is ignored from now on.
    pub fn discard(&mut self, signal: Signal) {
        self.thread.0.remove(&signal);
        self.process.0.remove(&signal);
    }

    /// The next of these: those of the thread come first.
    pub fn take(&mut self, of: SignalSet) -> Option<(Signal, Sent)> {
        self.thread.take(of).or_else(|| self.process.take(of))
    }
}

/// What happens to the signals that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// One is sent.
    Send {
        /// Which.
        signal: Signal,
        /// With which value.
        value: Option<i32>,
        /// To the thread, and not to the process.
        to_thread: bool,
    },
    /// One is taken.
    Take {
        /// One of these.
        signals: SignalSet,
    },
}

impl Pending {
    /// What the step answers: what was taken, if anything.
    pub fn perform(&mut self, step: &Step) -> Option<(Signal, Sent)> {
        match *step {
            Step::Send { signal, value, to_thread } => {
                self.send(signal, Sent { value, to_thread });
                None
            }
            Step::Take { signals } => self.take(signals),
        }
    }
}
