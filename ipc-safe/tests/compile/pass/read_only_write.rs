//! Memory attached for reading has no method that writes.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let segment = Segment::private(100)?;
    let attachment = segment.attach()?;
    attachment.bytes().write(0, b"text")
}
