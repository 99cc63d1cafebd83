//! What is in a folder.

use super::proc::failed;
use super::snapshot::Item;
use crate::error::Result;
use std::fs::FileType;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// All in the folder and in those below, by path. Links are not followed.
pub(super) fn find(folder: &Path) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Somebody removed it meanwhile, or it never was.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed("readdir", &folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed("readdir", &folder, &error))?;
            let Ok(kind) = entry.file_type() else { continue };
            items.push(Item::new(entry.path().display(), describe(kind)));
            if kind.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(items)
}

fn describe(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_dir() => "folder",
        _ if kind.is_fifo() => "FIFO",
        _ if kind.is_socket() => "socket",
        _ if kind.is_symlink() => "symbolic link",
        _ if kind.is_file() => "file",
        _ => "device",
    }
}
