//! Times of a status.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since the epoch, where 0 stands for never.
pub(super) fn from_seconds(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
