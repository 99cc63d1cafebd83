//! The mask of a thread, with guards and scopes.

use ipc_safe::signal::SignalSet;

/// A scope's number, the first one that of the thread itself. Never given twice.
pub(crate) type Scope = usize;

/// A guard: what it blocks, and the scope that it was made in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) signals: SignalSet,
    pub(crate) scope: Scope,
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
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    frames: Vec<Frame>,
    begun: usize,
}

impl Mask {
    pub(crate) fn new() -> Self {
        let none = SignalSet::empty();
        Self { frames: vec![Frame { scope: 0, base: none, original: none }], begun: 0 }
    }

    fn top(&self) -> &Frame {
        self.frames.last().expect("the thread's own")
    }

    /// The innermost scope.
    pub(crate) fn scope(&self) -> Scope {
        self.top().scope
    }

    /// How many scopes there are around, without the thread's own.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// What is blocked while these guards live.
    pub(crate) fn blocked<'g>(&self, guards: impl Iterator<Item = &'g Guard>) -> SignalSet {
        let scope = self.scope();
        let own = guards.filter(|guard| guard.scope == scope);
        own.fold(self.top().base, |all, guard| all | guard.signals)
    }

    /// What would be blocked if there were no guards.
    pub(crate) fn original(&self) -> SignalSet {
        self.top().original
    }

    /// A scope begins that unblocks the signals, where these are blocked.
    pub(crate) fn unblock(&mut self, signals: SignalSet, blocked: SignalSet) {
        let original = self.original() - signals;
        self.enter(blocked - signals, original);
    }

    /// A scope begins that blocks exactly these signals.
    pub(crate) fn replace(&mut self, signals: SignalSet) {
        self.enter(signals, signals);
    }

    fn enter(&mut self, base: SignalSet, original: SignalSet) {
        self.begun += 1;
        self.frames.push(Frame { scope: self.begun, base, original });
    }

    /// The innermost scope ends.
    pub(crate) fn leave(&mut self) {
        self.frames.pop();
    }
}
