//! Which versions of the other crates were measured.

use crate::Result;

const CRATES: [&str; 11] = [
    "iceoryx2",
    "ipc-channel",
    "interprocess",
    "shared_memory",
    "raw_sync",
    "nix",
    "rustix",
    "memmap2",
    "signal-hook",
    "rtrb",
    "crossbeam-channel",
];

/// From the lock file that this was built with; of a crate that is there twice, the newer one, which is the one in use.
pub(super) fn line() -> Result<String> {
    let lock = include_str!("../../Cargo.lock");
    let versions = CRATES.map(|name| {
        let (_, rest) = lock.rsplit_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split_once('"')?.0))
    });
    let all: Option<Vec<_>> = versions.into_iter().collect();
    Ok(all.ok_or("the lock file lacks a crate")?.join(", ") + "\n")
}
