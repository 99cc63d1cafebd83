//! A cursor on read-only memory is no writer.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;
use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let segment = Segment::private(100)?;
    let attachment = segment.attach_read_only()?;
    attachment.bytes().cursor().write_all(b"text")?;
    Ok(())
}
