//! The threads of this process.

use super::proc::{Stat, numbers};
use super::snapshot::Item;
use crate::error::Result;

/// All that are not about to end: one that was joined may still be listed.
pub(super) fn find() -> Result<Vec<Item>> {
    let threads = numbers("/proc/self/task")?.into_iter().filter_map(|thread| {
        let stat = Stat::read(&format!("/proc/self/task/{thread}/stat"))?;
        (!stat.is_ending()).then(|| Item::new(format_args!("thread {thread}"), "").note(stat.name))
    });
    Ok(threads.collect())
}
