//! A lock is written when it is taken: read-only memory lends none.
#![forbid(unsafe_code)]

use ipc_safe::shared::{Shared, SharedCell};
use ipc_safe::sync::Mutex;
use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let segment = Segment::private(4096)?;
    let mutex = Shared::<Mutex<SharedCell<u32>>, _>::bare(segment.attach_read_only()?)?;
    drop(mutex.lock());
    Ok(())
}
