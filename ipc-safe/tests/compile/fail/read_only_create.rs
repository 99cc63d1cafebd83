//! A record is not created in read-only memory.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::AtomicU32;

fn main() -> ipc_safe::Result<()> {
    let segment = Segment::private(100)?;
    let _ = Shared::<AtomicU32, _>::create(segment.attach_read_only()?, |_| {})?;
    Ok(())
}
