//! A record consumes its region: bytes and atomics of other sizes do not overlap.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::AtomicU32;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let number = Shared::<AtomicU32, _>::bare(attachment)?;
    let region = number.into_region();
    let _ = attachment.bytes();
    Ok(())
}
