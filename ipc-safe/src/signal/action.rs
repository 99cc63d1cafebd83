//! What a handler of this crate does.

use super::counter::Counter;
use super::flag::Flag;
use super::information::{Fields, Information};
use super::last::LastSignal;
use super::pipe::SignalPipe;
use super::wakeup::Wakeup;
use std::sync::Arc;

/// The function of [`HandlerOptions::function`](super::HandlerOptions::function).
pub(super) type Function = dyn Fn(&Information) + Send + Sync;

/// What a handler does. All of it is async-signal-safe: atomics, and `write` to a descriptor that does not block.
pub(super) enum Action {
    Flag(Arc<Flag>),
    Count(Arc<Counter>),
    Last(Arc<LastSignal>),
    Wake(Arc<Wakeup>),
    Pipe(Arc<SignalPipe>),
    /// Whoever passed it said that it is async-signal-safe.
    Call(Arc<Function>),
}

impl Action {
    /// Called in the handler.
    pub(super) fn run(&self, fields: &Fields) {
        match self {
            Self::Flag(flag) => flag.set(),
            Self::Count(counter) => counter.add(),
            Self::Last(last) => last.store(fields),
            Self::Wake(wakeup) => wakeup.wake(),
            Self::Pipe(pipe) => pipe.push(fields.signal),
            Self::Call(function) => {
                if let Some(information) = fields.decode() {
                    function(&information);
                }
            }
        }
    }
}
