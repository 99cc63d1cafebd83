//! Names of files in a folder that others may change at any time.

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, RenameFlags, Stat, linkat, renameat_with, statat, unlinkat};
use rustix::io::{Errno, Result};
use std::ffi::{OsStr, OsString};

/// Which file it is, of those that exist: device and inode.
pub(crate) type Identity = (u64, u64);

pub(crate) fn identity(status: Stat) -> Identity {
    (status.st_dev, status.st_ino)
}

/// The file that the name means; a symbolic link is one itself.
pub(crate) fn identity_at(folder: BorrowedFd<'_>, name: &OsStr) -> Result<Identity> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(identity)
}

/// A name that nobody expects.
pub(crate) fn temporary() -> Result<OsString> {
    let mut random = [0; 8];
    rustix::io::retry_on_intr(|| rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()))?;
    Ok(format!(".{:016x}", u64::from_ne_bytes(random)).into())
}

/// Gives a file another name, unless that is taken (`EEXIST`).
pub(crate) fn rename_to_new(folder: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<()> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do so in one step.
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(folder, from, folder, to, AtFlags::empty())?;
            unlinkat(folder, from, AtFlags::empty())
        }
        result => result,
    }
}

/// Takes the name away if it means this file; whether it did.
///
/// The kernel unlinks a name and not a file: between looking and unlinking, somebody may give the name to another file. So the name
/// is changed first to one that nobody else uses, and what turns out to be another file gets its name back.
pub(crate) fn take_away(folder: BorrowedFd<'_>, name: &OsStr, file: Identity) -> Result<bool> {
    if !means(folder, name, file)? {
        return Ok(false);
    }
    let moved = temporary().and_then(|away| {
        renameat_with(folder, name, folder, &away, RenameFlags::NOREPLACE)?;
        Ok(away)
    });
    let away = match moved {
        Ok(away) => away,
        Err(Errno::NOENT) => return Ok(false),
        // A file system that cannot, or has no room for another name. Unlinking says what else is the matter.
        Err(_) => return unlinkat(folder, name, AtFlags::empty()).map(|()| true),
    };
    let is_it = means(folder, &away, file);
    if is_it == Ok(true) {
        return unlinkat(folder, &away, AtFlags::empty()).map(|()| true);
    }
    // When the name is taken again, the file stays under the other one: nothing of anybody's is lost.
    let _ = renameat_with(folder, &away, folder, name, RenameFlags::NOREPLACE);
    is_it
}

/// Whether a name means this file now.
fn means(folder: BorrowedFd<'_>, name: &OsStr, file: Identity) -> Result<bool> {
    match identity_at(folder, name) {
        Ok(now) => Ok(now == file),
        Err(Errno::NOENT) => Ok(false),
        Err(number) => Err(number),
    }
}
