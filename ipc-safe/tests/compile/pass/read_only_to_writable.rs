//! A read-only view does not turn into a writable one.
#![forbid(unsafe_code)]

use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::Segment;

fn takes_writable(_: SharedBytes<'_>) {}

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let bytes = attachment.bytes();
    takes_writable(bytes);
    Ok(())
}
