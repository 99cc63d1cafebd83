//! The mask of a thread, with guards and scopes.

use crate::signal::SignalSet;

/// A scope's number, the first one that of the thread itself. Never given twice.
pub type Scope = usize;

/// A guard: what it blocks, and the scope that it was made in.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// What it blocks.
    pub signals: SignalSet,
    /// Where it was made, and where alone it blocks.
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    scope: Scope,
    /// What is blocked here without the guards of this scope.
    base: SignalSet,
    /// What is blocked here without any guards.
    original: SignalSet,
}

/// The mask: that of the innermost scope, and what its guards block.
///
/// ```
/// use ipc_safe::signal::{Signal, SignalSet};
/// use ipc_safe::testing::model::mask::{Guard, Mask};
///
/// let mut mask = Mask::new();
/// let guard = Guard { signals: Signal::USR1.into(), scope: mask.scope() };
/// let blocked = mask.blocked([guard].iter());
/// mask.unblock(Signal::USR1.into(), blocked); // a scope in which it is not
/// assert!(mask.blocked([guard].iter()).is_empty());
/// mask.leave();
/// assert_eq!(mask.blocked([guard].iter()), SignalSet::from(Signal::USR1));
/// ```
#[derive(Clone, Debug)]
pub struct Mask {
    frames: Vec<Frame>,
    begun: usize,
}

impl Default for Mask {
    fn default() -> Self {
        Self::new()
    }
}

impl Mask {
    /// A thread that blocks nothing.
    #[must_use]
    pub fn new() -> Self {
        let none = SignalSet::empty();
        Self { frames: vec![Frame { scope: 0, base: none, original: none }], begun: 0 }
    }

    fn top(&self) -> &Frame {
        self.frames.last().expect("the thread's own")
    }

    /// The innermost scope.
    pub fn scope(&self) -> Scope {
        self.top().scope
    }

    /// How many scopes there are around, without the thread's own.
    pub fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// What is blocked while these guards live.
    pub fn blocked<'g>(&self, guards: impl Iterator<Item = &'g Guard>) -> SignalSet {
        let scope = self.scope();
        let own = guards.filter(|guard| guard.scope == scope);
        own.fold(self.top().base, |all, guard| all | guard.signals)
    }

    /// What would be blocked if there were no guards.
    pub fn original(&self) -> SignalSet {
        self.top().original
    }

    /// A scope begins that unblocks the signals, where these are blocked.
    pub fn unblock(&mut self, signals: SignalSet, blocked: SignalSet) {
        let original = self.original() - signals;
        self.enter(blocked - signals, original);
    }

    /// A scope begins that blocks exactly these signals.
    pub fn replace(&mut self, signals: SignalSet) {
        self.enter(signals, signals);
    }

    fn enter(&mut self, base: SignalSet, original: SignalSet) {
        self.begun += 1;
        self.frames.push(Frame { scope: self.begun, base, original });
    }

    /// The innermost scope ends. That of the thread itself does not.
    pub fn leave(&mut self) {
        if self.depth() > 0 {
            self.frames.pop();
        }
    }
}
