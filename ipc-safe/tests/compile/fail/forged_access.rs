//! What memory allows is a sealed choice of two.
#![forbid(unsafe_code)]

use ipc_safe::shared::Access;

#[derive(Clone, Copy, Debug)]
struct Mine;

fn allows<A: Access>(_: A) {}

fn main() {
    let _ = Mine;
    impl Access for Mine {}
}
