//! What may be done with memory is a sealed choice.
#![forbid(unsafe_code)]

use ipc_safe::memory::Rights;

#[derive(Clone, Copy, Debug)]
struct Mine;

#[allow(dead_code)]
fn allows<R: Rights>(_: R) {}

impl Rights for Mine {
    const PROTECTION: i32 = 7;
}

fn main() -> ipc_safe::Result<()> {
    assert_eq!(Mine::PROTECTION, 7);
    Ok(())
}
