//! The view of owned bytes is borrowed from them.
#![forbid(unsafe_code)]

use ipc_safe::shared::OwnedBytes;
use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let bytes = OwnedBytes::new(Segment::private(100)?.attach()?);
    let view = bytes.view();
    drop(bytes);
    view.fill(0);
    Ok(())
}
