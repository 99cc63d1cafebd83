//! Handlers that do one safe thing.

use super::action::{Action, Function};
use super::counter::Counter;
use super::disposition::{self, DispositionGuard};
use super::flag::Flag;
use super::information::Information;
use super::last::LastSignal;
use super::pipe::SignalPipe;
use super::raw::Change;
use super::wakeup::Wakeup;
use super::{Signal, SignalSet};
use crate::error::{Error, Result};
use core::ops::Deref;
use ipc_sys::signal as c;
use std::sync::Arc;

/// Handles signals for as long as it lives, and lends what its handler does: a [`Flag`], a [`Counter`], ...
///
/// Dropping it puts back the dispositions that were there, as [`DispositionGuard`] does. It waits up to 10 ms for each
/// signal for handlers that are running on other threads; what those may still use is then never freed.
///
/// ```
/// use ipc_safe::signal::{self, HandlerOptions, Signal};
///
/// let stop = HandlerOptions::new().flag([Signal::TERM, Signal::USR2])?;
/// assert!(!stop.is_set());
/// signal::raise(Signal::USR2)?;
/// assert!(stop.is_set());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the signals are handled until this is dropped"]
pub struct Handler<A> {
    // Dropped before what the handler uses, although the table holds that too.
    guards: Vec<DispositionGuard>,
    action: Arc<A>,
}

impl<A> Handler<A> {
    /// The signals that it handles.
    #[must_use]
    pub fn signals(&self) -> SignalSet {
        self.guards.iter().map(DispositionGuard::signal).collect()
    }

    /// What the handler does, to be used elsewhere. It stays usable when nothing happens to it any more.
    #[must_use]
    pub fn share(&self) -> Arc<A> {
        Arc::clone(&self.action)
    }

    /// Puts back the dispositions that were there, as dropping does.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call; the first failure is reported, the others are tried.
    pub fn restore(self) -> Result<()> {
        self.guards.into_iter().map(DispositionGuard::restore).fold(Ok(()), Result::and)
    }
}

impl<A> Deref for Handler<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.action
    }
}

/// How signals are handled, and then what the handler does.
///
/// A handler interrupts the program between any two instructions, so that there is little that it may do. What is offered
/// here is safe: setting a [flag](Self::flag), [counting](Self::count), keeping the [last](Self::last) signal, making a
/// descriptor [readable](Self::wakeup), writing to a [pipe](Self::pipe). None of it allocates, locks, or changes `errno`.
///
/// Signals that stand for an instruction that failed ([`Signal::is_fault`]) are refused here: a handler that returns from one
/// of them meets it again for ever.
///
/// [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html)
#[doc(alias = "sigaction")]
#[derive(Clone, Copy, Debug)]
pub struct HandlerOptions {
    restart: bool,
    mask: SignalSet,
    on_stack: bool,
    reset: bool,
    reentrant: bool,
    child_stops: bool,
    child_wait: bool,
    chain: bool,
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl HandlerOptions {
    /// Interrupted system calls go on where they can, children are reported and waited for as usual, and only the signal
    /// itself is blocked while its handler runs.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            restart: true,
            mask: SignalSet::empty(),
            on_stack: false,
            reset: false,
            reentrant: false,
            child_stops: true,
            child_wait: true,
            chain: false,
        }
    }

    /// Whether system calls that the handler interrupts go on (the default), where the kernel can do that: `read` and `wait`
    /// can, waiting for a System V queue or semaphore cannot. Calls of this crate go on in any case, unless they are called
    /// `_interruptible`.
    #[doc(alias = "SA_RESTART")]
    #[doc(alias = "siginterrupt")]
    #[must_use]
    pub const fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Blocks these signals too while the handler runs.
    #[doc(alias = "sa_mask")]
    #[must_use]
    pub const fn mask(mut self, signals: SignalSet) -> Self {
        self.mask = signals.maskable();
        self
    }

    /// Runs on the thread's [alternate stack](super::AlternateStack) when it has one.
    #[doc(alias = "SA_ONSTACK")]
    #[must_use]
    pub const fn on_stack(mut self, on_stack: bool) -> Self {
        self.on_stack = on_stack;
        self
    }

    /// Handles one signal only: the default action is back when the handler starts.
    #[doc(alias = "SA_RESETHAND")]
    #[must_use]
    pub const fn reset(mut self, reset: bool) -> Self {
        self.reset = reset;
        self
    }

    /// Does not block the signal itself while its handler runs.
    #[doc(alias = "SA_NODEFER")]
    #[must_use]
    pub const fn reentrant(mut self, reentrant: bool) -> Self {
        self.reentrant = reentrant;
        self
    }

    /// Whether [`CHLD`](Signal::CHLD) comes when a child stops or goes on too (the default), and not only when it ends.
    #[doc(alias = "SA_NOCLDSTOP")]
    #[must_use]
    pub const fn child_stops(mut self, child_stops: bool) -> Self {
        self.child_stops = child_stops;
        self
    }

    /// Whether children that ended are kept until somebody waits for them (the default). Of [`CHLD`](Signal::CHLD) only.
    #[doc(alias = "SA_NOCLDWAIT")]
    #[must_use]
    pub const fn child_wait(mut self, child_wait: bool) -> Self {
        self.child_wait = child_wait;
        self
    }

    /// Calls the handler that was there before too, after this one. What that one asked for counts as well: its mask, the
    /// alternate stack, and that it is not interrupted by its own signal.
    #[must_use]
    pub const fn chain(mut self, chain: bool) -> Self {
        self.chain = chain;
        self
    }

    /// Sets a flag.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for no signal at all, for [`KILL`](Signal::KILL),
    /// [`STOP`](Signal::STOP) and faults;
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when eight guards of a signal are alive;
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) when a handler that is for one time only should be chained.
    pub fn flag(self, signals: impl Into<SignalSet>) -> Result<Handler<Flag>> {
        self.safe(signals.into(), Arc::default(), Action::Flag)
    }

    /// Counts.
    ///
    /// # Errors
    ///
    /// As [`flag`](Self::flag).
    pub fn count(self, signals: impl Into<SignalSet>) -> Result<Handler<Counter>> {
        self.safe(signals.into(), Arc::default(), Action::Count)
    }

    /// Keeps the last signal with its information.
    ///
    /// # Errors
    ///
    /// As [`flag`](Self::flag).
    pub fn last(self, signals: impl Into<SignalSet>) -> Result<Handler<LastSignal>> {
        self.safe(signals.into(), Arc::default(), Action::Last)
    }

    /// Makes a descriptor readable.
    ///
    /// # Errors
    ///
    /// As [`flag`](Self::flag); [`LimitReached`](crate::error::ErrorKind::LimitReached) also when the process has too many
    /// descriptors.
    pub fn wakeup(self, signals: impl Into<SignalSet>) -> Result<Handler<Wakeup>> {
        self.safe(signals.into(), Arc::new(Wakeup::new()?), Action::Wake)
    }

    /// Writes the numbers of the signals to a pipe.
    ///
    /// # Errors
    ///
    /// As [`wakeup`](Self::wakeup).
    pub fn pipe(self, signals: impl Into<SignalSet>) -> Result<Handler<SignalPipe>> {
        self.safe(signals.into(), Arc::new(SignalPipe::new()?), Action::Pipe)
    }

    /// Calls a function. A fault may be handled too.
    ///
    /// # Errors
    ///
    /// As [`flag`](Self::flag).
    ///
    /// # Safety
    ///
    /// The function is async-signal-safe: it may run between any two instructions of any thread. It does nothing but read
    /// and write atomics that are lock-free, and call C functions of the list in
    /// [signal-safety(7)](https://man7.org/linux/man-pages/man7/signal-safety.7.html): no allocation, no lock, no `println!`,
    /// nothing that may panic, no other function of this crate but [`raise`](super::raise) and its like. It leaves `errno`
    /// to this crate, which restores it. It does not leave by a jump. It returns from a fault only when the instruction will
    /// succeed.
    #[expect(unsafe_code, reason = "the caller promises what cannot be checked")]
    pub unsafe fn function(
        self,
        signals: impl Into<SignalSet>,
        function: impl Fn(&Information) + Send + Sync + 'static,
    ) -> Result<Handler<HandlerFunction>> {
        let function: Arc<Function> = Arc::new(function);
        self.install(signals.into(), Arc::new(HandlerFunction(())), |_| Action::Call(Arc::clone(&function)))
    }

    /// Installs a handler that returns.
    fn safe<A>(self, signals: SignalSet, action: Arc<A>, make: fn(Arc<A>) -> Action) -> Result<Handler<A>> {
        if let Some(fault) = signals.iter().find(|signal| signal.is_fault()) {
            let reason = "a handler that returns from a fault meets it again; only `function` can handle it";
            return Err(Error::invalid("sigaction", reason).about(fault.to_string()));
        }
        self.install(signals, action, make)
    }

    fn install<A>(self, signals: SignalSet, action: Arc<A>, make: impl Fn(Arc<A>) -> Action) -> Result<Handler<A>> {
        // Numbers that are no signals of programs may be in a set.
        if signals.iter().next().is_none() {
            return Err(Error::invalid("sigaction", "there is no signal to handle"));
        }
        // Before the first one is changed.
        signals.iter().try_for_each(disposition::check)?;
        let guard = |signal: Signal| {
            let flags = self.flags();
            let action = make(Arc::clone(&action));
            DispositionGuard::new(signal, Change::Handle { action, chain: self.chain, flags, mask: self.mask })
        };
        // What was installed before one that fails is undone.
        let guards = signals.iter().map(guard).collect::<Result<_>>()?;
        Ok(Handler { guards, action })
    }

    /// The flags as the kernel has them.
    fn flags(&self) -> i32 {
        let switches = [
            (self.restart, c::SA_RESTART),
            (self.on_stack, c::SA_ONSTACK),
            (self.reset, c::SA_RESETHAND),
            (self.reentrant, c::SA_NODEFER),
            (!self.child_stops, c::SA_NOCLDSTOP),
            (!self.child_wait, c::SA_NOCLDWAIT),
        ];
        switches.into_iter().filter_map(|(is_on, flag)| is_on.then_some(flag)).fold(0, core::ops::BitOr::bitor)
    }
}

/// What [`HandlerOptions::function`] lends: nothing.
#[derive(Debug)]
pub struct HandlerFunction(());
