//! A reference is not a region: one region has one layout at a time.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::AtomicU32;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let _ = Shared::<AtomicU32, _>::bare(attachment)?;
    Ok(())
}
