//! The descriptors of this process.

use super::proc::numbers;
use super::snapshot::Item;
use crate::error::Result;

/// All but the one that the folder was read by.
pub(super) fn find() -> Result<Vec<Item>> {
    let open = numbers("/proc/self/fd")?.into_iter().filter_map(|number| {
        let target = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        Some(Item::new(format_args!("descriptor {number}"), target.display()))
    });
    Ok(open.collect())
}
