//! A value in a cell is nothing but bytes.
#![forbid(unsafe_code)]

use ipc_safe::shared::Sequenced;

ipc_safe::shm_safe! {
    struct Record {
        value: Sequenced<(u8, u32)>,
    }
}

fn main() {}
