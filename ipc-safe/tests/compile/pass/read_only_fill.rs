//! Nor does a view that was made read-only.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let view = attachment.bytes();
    let _ = view.read_only();
    view.fill(0);
    Ok(())
}
