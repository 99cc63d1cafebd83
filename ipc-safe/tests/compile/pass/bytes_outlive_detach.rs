//! Detaching consumes the attachment, and no view of it may be in use.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let bytes = attachment.bytes();
    bytes.fill(0);
    attachment.segment().status()?;
    bytes.fill(1);
    Ok(())
}
