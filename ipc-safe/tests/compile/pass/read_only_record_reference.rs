//! Read-only memory lends no reference to an atomic: a compare-exchange on it would be a crash.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicU32, Ordering};

fn main() -> ipc_safe::Result<()> {
    let segment = Segment::private(100)?;
    let number = Shared::<AtomicU32, _>::bare(segment.attach()?)?;
    number.store(1, Ordering::Relaxed);
    Ok(())
}
