//! A value with padding is not all bytes: what is between the fields would leave the process.
#![forbid(unsafe_code)]

use ipc_safe::shared::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_safe::sysv::Segment;

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Value {
    small: u32,
    large: u32,
}

fn main() -> ipc_safe::Result<()> {
    let attachment = Segment::private(100)?.attach()?;
    attachment.bytes().store(0, &Value { small: 1, large: 2 })
}
