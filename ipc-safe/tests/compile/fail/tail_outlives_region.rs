//! So does the tail.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::AtomicU32;

fn main() -> ipc_safe::Result<()> {
    let shared = Shared::<AtomicU32, _>::bare(Segment::private(100)?.attach()?)?;
    let tail = shared.tail();
    drop(shared);
    tail.fill(0);
    Ok(())
}
