//! What this process does about signals.

use super::raw::{self, Action};
use super::snapshot::Item;
use crate::error::Result;
use crate::signal::{Signal, SignalSet};

/// Of each signal, so that a change has a before and an after.
pub(super) fn dispositions() -> Result<Vec<Item>> {
    let signals = SignalSet::all().iter().filter_map(|signal| {
        // The C library's own numbers have no answer; they are no signals of the program.
        let action = raw::action(signal.as_raw()).ok()?;
        Some(Item::new(format_args!("action of {signal}"), describe(&action)))
    });
    Ok(signals.collect())
}

fn describe(action: &Action) -> String {
    match action.handler {
        libc::SIG_DFL => "the default".to_owned(),
        libc::SIG_IGN => "ignored".to_owned(),
        handler => {
            let mask = SignalSet::from_bits(action.mask);
            format!("handler at {handler:#x} with flags {:#x} that blocks {mask}", action.flags)
        }
    }
}

/// The name of a signal, or its number.
pub(super) fn name(number: i32) -> String {
    Signal::from_raw(number).map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}
