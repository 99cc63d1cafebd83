//! A region of one's own needs `unsafe impl`: the compiler cannot check the promise.
#![forbid(unsafe_code)]

use ipc_safe::shared::{OwnedBytes, ReadWrite, Region};
use std::ptr::NonNull;

struct Page(u8);

impl Region for Page {
    type Access = ReadWrite;
    fn start(&self) -> NonNull<u8> {
        NonNull::from(&self.0)
    }
    fn len(&self) -> usize {
        1
    }
}

fn main() {
    let _ = OwnedBytes::<ipc_safe::sysv::Attachment>::new;
    let _ = Page(0).len();
}

trait Place {
    type Access;
    fn start(&self) -> NonNull<u8>;
    fn len(&self) -> usize;
}
