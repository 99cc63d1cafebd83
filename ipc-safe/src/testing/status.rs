//! What `/proc/thread-self/status` tells.

use super::proc::{field, read};
use super::snapshot::Item;
use crate::error::Result;
use crate::signal::SignalSet;

const STATUS: &str = "/proc/thread-self/status";

pub(super) fn locked_memory() -> Result<Vec<Item>> {
    let status = read(STATUS)?;
    Ok(vec![Item::new("locked memory", field(&status, "VmLck").unwrap_or("unknown"))])
}

pub(super) fn mask() -> Result<Vec<Item>> {
    let status = read(STATUS)?;
    Ok(vec![Item::new("blocked signals", signals(&status, "SigBlk"))])
}

pub(super) fn pending() -> Result<Vec<Item>> {
    let status = read(STATUS)?;
    Ok(vec![
        Item::new("signals that wait for the thread", signals(&status, "SigPnd")),
        Item::new("signals that wait for the process", signals(&status, "ShdPnd")),
    ])
}

fn signals(status: &str, name: &str) -> SignalSet {
    let bits = field(status, name).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    SignalSet::from_bits(bits)
}
