//! A view ends with the attachment that it is a view of.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let bytes = attachment.bytes();
    drop(&attachment);
    bytes.write(0, b"late")
}
