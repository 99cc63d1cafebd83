//! Signals: masks, waiting, descriptors, sending.
//!
//! What makes signals hard, and what this area does about it:
//!
//! - A *mask* belongs to a thread, a *disposition* to the process. Blocking is a [guard](MaskGuard) that stays on its thread.
//! - A handler runs between any two instructions and may do almost nothing. The best handler is none:
//!   block the signals, and [wait](MaskGuard::wait) for them or read them from a [descriptor](SignalDescriptor).
//! - Standard signals merge: two that wait are one. Real-time signals queue, each with a [value](Value).
//! - A process id may have been given to another process by the time a signal is sent to it: [`to_pidfd`] cannot miss.
//!
//! ```
//! use ipc_safe::process::getpid;
//! use ipc_safe::signal::{self, Origin, Signal, SignalSet};
//!
//! let guard = SignalSet::from([Signal::TERM, Signal::USR1]).block()?;
//! signal::to_process(getpid(), Signal::USR1)?;
//!
//! let taken = guard.wait()?;
//! assert_eq!(taken.signal, Signal::USR1);
//! assert!(matches!(taken.origin, Origin::Kill(sender) if sender.pid == Some(getpid())));
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)

mod action;
mod alternate_stack;
mod broken_pipe;
mod child;
mod counter;
mod descriptor;
mod disposition;
mod flag;
mod handler;
mod information;
mod last;
mod mask;
mod number;
mod pipe;
mod process_signals;
mod raw;
mod reaper;
mod send;
mod set;
mod thread;
mod value;
mod wait;
mod wakeup;

pub use alternate_stack::AlternateStack;
pub use broken_pipe::{BrokenPipe, without_broken_pipe};
pub use child::{CommandMask, spawn};
pub use counter::Counter;
pub use descriptor::{DescriptorSignals, SignalDescriptor};
pub use disposition::{Disposition, DispositionGuard};
pub use flag::Flag;
pub use handler::{Handler, HandlerFunction, HandlerOptions};
pub use information::{Information, Origin, Sender};
pub use last::LastSignal;
pub use mask::{MaskGuard, blocked, original, pending};
pub use number::{DefaultAction, Signal};
pub use pipe::SignalPipe;
pub use process_signals::ProcessSignals;
pub use reaper::Reaper;
pub use send::{
    abort, check, queue, queue_to_thread, raise, to_everyone, to_group, to_own_group, to_pidfd, to_process, to_thread,
};
pub use set::{SignalSet, Signals};
pub use thread::SignalThread;
pub use value::Value;
pub use wait::suspend;
pub use wakeup::Wakeup;
