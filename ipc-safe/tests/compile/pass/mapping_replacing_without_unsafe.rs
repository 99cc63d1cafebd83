//! Taking the place of other mappings is unsafe.

use ipc_safe::memory::MapOptions;

fn main() -> ipc_safe::Result<()> {
    let there = MapOptions::new().reserve(1 << 20)?;
    let (address, _) = there.into_raw();
    // SAFETY: nothing refers to the memory that is replaced.
    let replacing = |options: MapOptions| unsafe { options.replacing(address.addr().get()) };
    let options = replacing(MapOptions::new());
    assert_eq!(options.private(4096)?.as_ptr().addr(), address.addr().get());
    Ok(())
}
