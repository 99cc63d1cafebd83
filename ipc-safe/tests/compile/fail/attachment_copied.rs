//! An attachment is detached once.
#![forbid(unsafe_code)]

use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    let _ = attachment.clone();
    attachment.detach()
}
