//! A part of a view ends with the attachment, too.
#![forbid(unsafe_code)]

use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::{Attachment, Segment};

fn half(attachment: Attachment) -> ipc_safe::Result<SharedBytes<'_>> {
    attachment.bytes().slice(..50)
}

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    drop(half);
    attachment.detach()
}
