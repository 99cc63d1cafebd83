//! A slice of shared bytes is behind an `unsafe` door.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let _ = attachment.bytes().to_vec();
    Ok(())
}
