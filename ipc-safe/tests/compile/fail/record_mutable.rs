//! There is no exclusive access to what other processes write.
#![forbid(unsafe_code)]

use ipc_safe::shared::Shared;
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicU32, Ordering};

fn main() -> ipc_safe::Result<()> {
    #[allow(unused_mut)]
    let mut number = Shared::<AtomicU32, _>::bare(Segment::private(100)?.attach()?)?;
    *number.get_mut() = 1;
    assert_eq!(number.load(Ordering::Relaxed), 1);
    Ok(())
}
