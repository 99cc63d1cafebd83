//! System V objects of the calling thread's namespace.

use super::snapshot::Item;
use crate::error::{ErrorKind, Result};
use crate::process::Pid;
use crate::sysv::procfs::{self, Head};
use std::time::SystemTime;

pub(super) fn find() -> Result<Vec<Item>> {
    let queues = or_none(procfs::queues())?.into_iter().map(|row| {
        let state = format!("{}, {} messages of {} bytes", head(&row.head), row.messages, row.bytes);
        Item::new(format_args!("queue {}", row.id), state).note(note(&row.head, row.last_sender, "last sender"))
    });
    let sets = or_none(procfs::sets())?.into_iter().map(|row| {
        let state = format!("{}, {} semaphores", head(&row.head), row.len);
        Item::new(format_args!("set {}", row.id), state).note(note(&row.head, None, ""))
    });
    let segments = or_none(procfs::segments())?.into_iter().map(|row| {
        let state = format!("{}, {} bytes, attached {} times", head(&row.head), row.size, row.attachments);
        Item::new(format_args!("segment {}", row.id), state).note(note(&row.head, row.creator, "made by"))
    });
    Ok(queues.chain(sets).chain(segments).collect())
}

/// A kernel without System V IPC has no objects.
fn or_none<T>(rows: Result<Vec<T>>) -> Result<Vec<T>> {
    rows.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) })
}

fn head(head: &Head) -> String {
    format!("key {}, mode {:o}, owner {}", head.key, head.mode, head.uid)
}

/// How old it is, and who had to do with it.
fn note(head: &Head, who: Option<Pid>, role: &str) -> String {
    let age = head.changed.and_then(|changed| SystemTime::now().duration_since(changed).ok()).unwrap_or_default();
    let age = format!("changed {} s ago", age.as_secs());
    match who {
        Some(pid) => format!("{age}, {role} {}", pid.as_raw_nonzero()),
        None => age,
    }
}
