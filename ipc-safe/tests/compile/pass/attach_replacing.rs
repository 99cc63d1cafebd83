//! Replacing what is mapped, and attaching pages that may run out, is `unsafe`.
#![forbid(unsafe_code)]

use ipc_safe::sysv::{AttachOptions, Segment};

fn main() -> ipc_safe::Result<()> {
    let segment = Segment::private(100)?;
    let attachment = AttachOptions::new().attach(*segment)?;
    attachment.detach()
}
