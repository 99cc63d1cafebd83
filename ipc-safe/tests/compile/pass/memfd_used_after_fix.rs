//! Fixing a memfd takes it: nobody goes on with the type that can shrink.
#![forbid(unsafe_code)]

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let fixed = memfd.fix()?;
    assert_eq!(fixed.size()?, fixed.size()?);
    Ok(())
}
