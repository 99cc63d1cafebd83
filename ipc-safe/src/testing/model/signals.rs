//! The signals of a thread: its mask, with guards and scopes, what is sent to it meanwhile, and what is delivered.

use super::mask::{Guard, Mask};
use super::pending::{Pending, Sent};
use crate::error::ErrorKind;
use crate::signal::{self, Information, MaskGuard, Origin, Signal, SignalSet};

/// How a guard ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is dropped.
    Drop,
    /// It is asked to restore.
    Restore,
    /// It is forgotten, and blocks for ever where it was made.
    Forget,
}

/// What happens in a thread. Guards are known by their place among those that live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A guard is made.
    Block {
        /// What it blocks.
        signals: SignalSet,
    },
    /// A guard ends.
    End {
        /// Which.
        guard: usize,
        /// How.
        how: Ending,
    },
    /// A scope begins in which these are not blocked.
    Unblocked {
        /// Which.
        signals: SignalSet,
    },
    /// A scope begins in which exactly these are blocked.
    AsMask {
        /// Which.
        signals: SignalSet,
    },
    /// The innermost scope ends.
    Leave {
        /// By a panic.
        panicking: bool,
    },
    /// The thread sends itself a signal.
    Send {
        /// Which.
        signal: Signal,
        /// With which value.
        value: Option<i32>,
    },
    /// A signal is taken by way of a guard, without waiting.
    Take {
        /// Which guard.
        guard: usize,
        /// Through a descriptor.
        by_descriptor: bool,
    },
}

/// What a step answers: nothing, or what was taken.
pub type Taken = Option<Result<(Signal, Sent), ErrorKind>>;

/// A thread, as far as signals go.
///
/// ```
/// use ipc_safe::signal::{Signal, SignalSet};
/// use ipc_safe::testing::model::signals::{Ending, Signals, Step};
///
/// let mut thread = Signals::new();
/// thread.perform(&Step::Block { signals: Signal::USR1.into() });
/// thread.perform(&Step::Send { signal: Signal::USR1, value: None });
/// assert!(thread.deliver().is_empty());
/// thread.perform(&Step::End { guard: 0, how: Ending::Drop });
/// assert_eq!(thread.deliver(), [Signal::USR1]);
/// ```
#[derive(Clone, Debug)]
pub struct Signals {
    /// The mask without guards.
    pub mask: Mask,
    /// The guards that live, in the order in which they were made.
    pub guards: Vec<Guard>,
    forgotten: Vec<Guard>,
    /// What waits.
    pub pending: Pending,
}

impl Default for Signals {
    fn default() -> Self {
        Self::new()
    }
}

impl Signals {
    /// A thread that blocks nothing, and that nobody sent anything.
    #[must_use]
    pub fn new() -> Self {
        Self { mask: Mask::new(), guards: Vec::new(), forgotten: Vec::new(), pending: Pending::default() }
    }

    /// What is blocked now.
    #[must_use]
    pub fn blocked(&self) -> SignalSet {
        self.mask.blocked(self.guards.iter().chain(&self.forgotten))
    }

    /// Whether the step can be made with so many guards and scopes at most.
    #[must_use]
    pub fn is_possible(&self, step: &Step, guards: usize, scopes: usize) -> bool {
        match *step {
            Step::Block { .. } => self.guards.len() < guards,
            Step::End { guard, .. } | Step::Take { guard, .. } => guard < self.guards.len(),
            Step::Unblocked { .. } | Step::AsMask { .. } => self.mask.depth() < scopes,
            Step::Leave { .. } => self.mask.depth() > 0,
            Step::Send { .. } => true,
        }
    }

    /// What a [possible](Self::is_possible) step answers; then [`deliver`](Self::deliver). Others panic.
    pub fn perform(&mut self, step: &Step) -> Taken {
        match *step {
            Step::Block { signals } => self.guards.push(Guard { signals, scope: self.mask.scope() }),
            Step::End { guard, how } => {
                let guard = self.guards.remove(guard);
                if how == Ending::Forget {
                    self.forgotten.push(guard);
                }
            }
            Step::Unblocked { signals } => self.mask.unblock(signals, self.blocked()),
            Step::AsMask { signals } => self.mask.replace(signals),
            Step::Leave { .. } => self.mask.leave(),
            Step::Send { signal, value } => self.pending.send(signal, Sent { value, to_thread: true }),
            Step::Take { guard, .. } => return Some(self.take(self.guards[guard])),
        }
        None
    }

    fn take(&mut self, guard: Guard) -> Result<(Signal, Sent), ErrorKind> {
        if guard.signals.is_empty() || guard.scope != self.mask.scope() {
            return Err(ErrorKind::InvalidInput);
        }
        self.pending.take(guard.signals).ok_or(ErrorKind::WouldBlock)
    }

    /// The signals that are not blocked, each as often as it waits: handlers run for them.
    pub fn deliver(&mut self) -> Vec<Signal> {
        let through = !self.blocked();
        std::iter::from_fn(|| self.pending.take(through).map(|(signal, _)| signal)).collect()
    }
}

/// Makes a step on the calling thread, and tells what was taken. Scopes are the caller's to enter and to leave.
///
/// # Panics
///
/// For a step that enters or leaves a scope, or is not [possible](Signals::is_possible); when the kernel refuses one.
pub fn perform(guards: &mut Vec<MaskGuard>, step: &Step) -> Taken {
    match *step {
        Step::Block { signals } => guards.push(done(signals.block())),
        Step::End { guard, how } => {
            let guard = guards.remove(guard);
            match how {
                Ending::Drop => drop(guard),
                Ending::Restore => done(guard.restore()),
                Ending::Forget => core::mem::forget(guard),
            }
        }
        Step::Send { signal, value: None } => done(signal::raise(signal)),
        Step::Send { signal, value: Some(value) } => {
            done(signal::queue_to_thread(rustix::thread::gettid(), signal, value));
        }
        Step::Take { guard, by_descriptor } => {
            let guard = &guards[guard];
            let taken = match by_descriptor {
                true => guard.descriptor().and_then(|descriptor| descriptor.try_read()),
                false => guard.try_wait(),
            };
            return Some(taken.map(|taken| told(&taken)).map_err(|error| error.kind()));
        }
        Step::Unblocked { .. } | Step::AsMask { .. } | Step::Leave { .. } => panic!("scopes nest"),
    }
    None
}

fn done<T>(result: crate::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// What a signal of this process that was taken tells of itself, as the model has it.
///
/// # Panics
///
/// When somebody else sent it.
#[must_use]
pub fn told(taken: &Information) -> (Signal, Sent) {
    assert_eq!(taken.sender().and_then(|sender| sender.pid), Some(crate::process::getpid()), "who sent {taken:?}");
    let sent = match taken.origin {
        Origin::Thread(_) => Sent { value: None, to_thread: true },
        Origin::Kill(_) => Sent { value: None, to_thread: false },
        // Whether it was sent to the thread or to the process does not show.
        Origin::Queue(_, value) => Sent { value: Some(value.as_i32()), to_thread: true },
        other => panic!("nobody sent {other:?}"),
    };
    (taken.signal, sent)
}
