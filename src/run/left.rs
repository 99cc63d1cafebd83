//! What a command left behind.

use super::namespace;
use crate::failure::Result;
use crate::inventory;
use crate::kind::plural;
use crate::table::{Side, Table};
use crate::units::bytes;
use serde::Serialize;
use std::io::Write;

/// An object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Left {
    kind: &'static str,
    /// Its id, or its name.
    name: String,
    /// The key of a System V object.
    key: Option<String>,
    details: String,
}

impl Left {
    fn sysv(kind: &'static str, head: &inventory::Head, details: String) -> Self {
        Self { kind, name: head.id.to_string(), key: Some(head.key.clone()), details }
    }

    /// Whether both are the same object, whatever happened to it meanwhile.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.kind, &self.name) == (other.kind, &other.name)
    }
}

/// The System V objects of this IPC namespace.
pub(super) fn sysv() -> Result<Vec<Left>> {
    let mut left = Vec::new();
    for queue in inventory::queues()? {
        let messages = plural(usize::try_from(queue.messages).unwrap_or(usize::MAX), "message");
        left.push(Left::sysv("queue", &queue.head, format!("{messages}, {}", bytes(queue.bytes))));
    }
    for set in inventory::sets()? {
        left.push(Left::sysv("set", &set.head, plural(set.semaphores, "semaphore")));
    }
    for segment in inventory::segments()? {
        left.push(Left::sysv("segment", &segment.head, bytes(segment.size as u64)));
    }
    Ok(left)
}

/// The POSIX shared memory objects, semaphores and other files in `/dev/shm`.
pub(super) fn in_dev_shm() -> Vec<Left> {
    files(|name| match name.strip_prefix("sem.") {
        Some(name) => ("POSIX semaphore", format!("/{name}")),
        None => ("POSIX shared memory", format!("/{name}")),
    })
}

/// The POSIX message queues of this IPC namespace. Afterwards they are mounted on `/dev/shm`.
pub(super) fn posix_queues() -> Vec<Left> {
    match namespace::mount_posix_queues() {
        Ok(()) => files(|name| ("POSIX queue", format!("/{name}"))),
        Err(_) => Vec::new(),
    }
}

fn files(describe: impl Fn(&str) -> (&'static str, String)) -> Vec<Left> {
    let Ok(entries) = std::fs::read_dir("/dev/shm") else { return Vec::new() };
    let left = |entry: std::fs::DirEntry| {
        let (kind, name) = describe(&crate::output::readable(entry.file_name().as_encoded_bytes()));
        let details = entry.metadata().map_or_else(|_| String::new(), |metadata| bytes(metadata.len()));
        Left { kind, name, key: None, details }
    };
    let mut all: Vec<_> = entries.flatten().map(left).collect();
    all.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    all
}

/// All that can be seen without namespaces.
pub(super) fn everything() -> Result<Vec<Left>> {
    let mut all = sysv()?;
    all.extend(in_dev_shm());
    Ok(all)
}

/// Says on standard error what was left, if anything.
pub(super) fn print(command: &str, isolated: bool, left: &[Left]) {
    if left.is_empty() {
        return;
    }
    let mut table =
        Table::new(&[("kind", Side::Left), ("name", Side::Left), ("key", Side::Left), ("contents", Side::Left)]);
    for it in left {
        table.row([it.kind.into(), it.name.clone(), it.key.clone().unwrap_or_else(|| "-".into()), it.details.clone()]);
    }
    let count = plural(left.len(), "object");
    let title = match isolated {
        true => format!("ipc: {command} left {count} behind, removed now:"),
        false => format!("ipc: {count} more than before {command}, which it may have left behind:"),
    };
    // Whether anybody reads it does not matter.
    let _ = write!(std::io::stderr(), "{title}\n{}", table.render());
}
