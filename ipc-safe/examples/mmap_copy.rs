//! Copies a file by mapping both files and copying memory.
//!
//! Any size will do: an empty file cannot be mapped and has nothing to copy; behind the end of one that does not fill its
//! last page, that page is zeros which belong to no file. The target is emptied first, so that nothing of a longer old one
//! stays, and then given its size, without writing anything to it. A source that somebody makes shorter during the copy, or
//! a target for which there is no room, is an error and no signal: bytes go in and out by calls that report it.
//!
//! ```text
//! $ cargo run --example mmap_copy -- Cargo.toml /tmp/copy
//! copied 1187 bytes
//! ```
#![forbid(unsafe_code)]

use ipc_safe::memory::{Advice, FileMapping};
use std::error::Error;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: mmap_copy SOURCE TARGET";

/// The bytes that are copied at a time.
const CHUNK: usize = 1 << 20;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let result = match &arguments[..] {
        [source, target] => copy(source.as_ref(), target.as_ref()),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(bytes) => {
            println!("copied {bytes} bytes");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mmap_copy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn copy(source: &Path, target: &Path) -> Result<u64, Box<dyn Error>> {
    let (from, what) = regular(source, File::options().read(true))?;
    let (into, old) = regular(target, File::options().read(true).write(true).create(true).truncate(false))?;
    // Emptying the target must not empty the source.
    if is_same(&what, &old) {
        return Err(format!("{} and {} are the same file", source.display(), target.display()).into());
    }
    into.set_len(0)?;
    into.set_len(what.len())?;
    if what.len() > 0 {
        copy_memory(&from, &into).map_err(|error| format!("{} is not complete: {error}", target.display()))?;
    }
    Ok(what.len())
}

/// A file that has contents of its own, opened, and what is known about it. Opening a pipe would wait for the other end.
fn regular(path: &Path, options: &OpenOptions) -> Result<(File, Metadata), Box<dyn Error>> {
    let explain = |error| format!("{}: {error}", path.display());
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(format!("{} is not a file", path.display()).into());
    }
    let file = options.open(path).map_err(explain)?;
    let metadata = file.metadata().map_err(explain)?;
    Ok((file, metadata))
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Copies as much as `into` has room for.
fn copy_memory(from: &File, into: &File) -> ipc_safe::Result<()> {
    let (source, target) = (FileMapping::read_only(from)?, FileMapping::new(into)?);
    source.advise(Advice::Sequential)?;
    let mut buffer = vec![0; target.len().min(CHUNK)];
    for offset in (0..target.len()).step_by(CHUNK) {
        let chunk = &mut buffer[..CHUNK.min(target.len() - offset)];
        source.read(offset, chunk)?;
        target.write(offset, chunk)?;
    }
    Ok(())
}
