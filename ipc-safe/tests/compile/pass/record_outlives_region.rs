//! A reference into a record ends with the value that holds the region.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicU32, Ordering};

fn main() -> ipc_safe::Result<()> {
    let shared = Shared::<AtomicU32, _>::bare(Segment::private(100)?.attach()?)?;
    let number: &AtomicU32 = &shared;
    drop(shared.tail());
    number.store(1, Ordering::Relaxed);
    Ok(())
}
