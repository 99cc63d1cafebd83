//! `ipc show`: all about one object.

use crate::failure::{Failure, Result, complain};
use crate::inventory::{self, FileId, Head, Posix, Queue, Set, Shared, State, posix_path};
use crate::kind::{Kind, plural};
use crate::output;
use crate::peek::{self, Peeked};
use crate::people;
use crate::table::{Facts, Side, Table};
use crate::target::Target;
use crate::units::{bytes, moment};
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreSet};
use serde::Serialize;
use std::io::ErrorKind;
use std::path::Path;

/// Show all about a queue, set, segment or POSIX object
///
/// Owner, times, contents, and who uses it: the values, waiters and last process of each semaphore; the processes that have
/// a segment or POSIX object in memory; the types and lengths of the messages in a queue; and whether the object seems left
/// over.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What it is
    #[arg(value_enum)]
    kind: Kind,
    /// Its id, its key in hexadecimal digits after 0x, or its name; or several of these
    #[arg(value_name = "ID|KEY|NAME", required = true)]
    targets: Vec<Target>,
    /// For programs: a JSON object for each
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc show queue 0
  ipc show set 0x0000002a
  ipc show segment 32769 --json
  ipc show posix /board

See msgctl(2), semctl(2), shmctl(2), shm_overview(7), ipcs(1).";

pub(crate) fn run(arguments: &Arguments) -> Result {
    let mut failed = false;
    for (index, target) in arguments.targets.iter().enumerate() {
        let gap = if index > 0 && !arguments.json { "\n" } else { "" };
        match arguments.view(target) {
            Ok(text) => output::print(format!("{gap}{text}"))?,
            Err(failure) if arguments.targets.len() == 1 => return Err(failure),
            Err(failure) => {
                complain(failure.message());
                failed = true;
            }
        }
    }
    if failed { Err(Failure::silent(1)) } else { Ok(()) }
}

impl Arguments {
    /// The text for one object.
    fn view(&self, target: &Target) -> Result<String> {
        match self.kind {
            Kind::Queue => self.present(&QueueView::of(&target.queue()?)?, QueueView::text),
            Kind::Set => self.present(&SetView::of(&target.set()?)?, SetView::text),
            Kind::Segment => self.present(&SegmentView::of(&target.segment()?)?, SegmentView::text),
            Kind::Posix => self.present(&PosixView::of(target.posix()?)?, PosixView::text),
        }
    }

    fn present<V: Serialize>(&self, view: &V, text: impl Fn(&V) -> String) -> Result<String> {
        if self.json { output::json(view) } else { Ok(text(view)) }
    }
}

/// The facts that all System V objects have.
fn head_facts(kind: Kind, head: &Head) -> Facts {
    let mut facts = Facts::default();
    facts.add(kind.name(), head.id);
    let private = if head.key == "0x00000000" { " (private)" } else { "" };
    facts.add("key", format!("{}{private}", head.key));
    facts.add("owner", format!("{} ({}), group {} ({})", head.owner, head.uid, head.group, head.gid));
    let creator = format!("{} ({})", people::user(head.creator_uid), head.creator_uid);
    facts.add("creator", format!("{creator}, group {} ({})", people::group(head.creator_gid), head.creator_gid));
    facts.add("mode", &head.mode);
    facts
}

/// The state in a sentence.
const fn verdict(kind: Kind, state: State) -> &'static str {
    match (state, kind) {
        (State::Orphaned, Kind::Segment) => "orphaned: nobody has it attached, its creator and its last user are dead",
        (State::Orphaned, _) => "orphaned: nobody waits on it, those who operated on it last are dead",
        (State::Suspect, _) => {
            "suspect: those who sent and received last are dead; who made it the kernel does not know"
        }
        (State::Removed, _) => "removed: it goes with its last attachment",
        (State::Unused, Kind::Queue) => "unused: nothing was sent or received yet",
        (State::Unused, Kind::Set) => "unused: nobody operated on it yet; its creator may not have initialised it",
        (State::Unused, _) => "unused: nobody attached it yet",
        (State::InUse, Kind::Segment) => "in use: attached, or its creator or last user is alive",
        (State::InUse, _) => "in use: somebody who used it last is alive, or waits",
        (State::Unknown, _) => "unknown: you may not read it",
    }
}

#[derive(Debug, Serialize)]
struct QueueView {
    #[serde(flatten)]
    queue: Queue,
    /// The messages in the queue, oldest first; none without the right to read.
    contents: Option<Vec<Peeked>>,
}

impl QueueView {
    fn of(handle: &MessageQueue) -> Result<Self> {
        let status = handle.status().map(drop);
        let queue = inventory::entry(inventory::queues()?, handle.id(), |queue| &queue.head, status)?;
        Ok(Self { queue, contents: peek::all(handle).ok() })
    }

    fn text(&self) -> String {
        let Self { queue, contents } = self;
        let mut facts = head_facts(Kind::Queue, &queue.head);
        facts.add("messages", queue.messages);
        facts.add("bytes", format!("{} of {}", bytes(queue.bytes), bytes(queue.byte_limit)));
        facts.add("last sender", people::long(queue.status.last_sender));
        facts.add("last receiver", people::long(queue.status.last_receiver));
        facts.add("last send", moment(queue.status.last_send));
        facts.add("last receive", moment(queue.status.last_receive));
        facts.add("changed", moment(queue.status.changed));
        facts.add("state", verdict(Kind::Queue, queue.head.state));
        let messages = match contents {
            Some(contents) if contents.is_empty() => String::new(),
            Some(contents) => format!("\n{}", peek::table(contents).render()),
            None => {
                "\nThe messages cannot be looked at: that needs the right to read, and MSG_COPY in the kernel.\n".into()
            }
        };
        facts.render() + &messages
    }
}

#[derive(Debug, Serialize)]
struct SetView {
    #[serde(flatten)]
    set: Set,
    /// Each semaphore; none without the right to read.
    contents: Option<Vec<SemaphoreView>>,
}

#[derive(Debug, Serialize)]
struct SemaphoreView {
    index: u16,
    value: u16,
    /// How many wait until it is larger.
    waiters: u16,
    /// How many wait until it is zero.
    zero_waiters: u16,
    last_pid: Option<i32>,
}

impl SemaphoreView {
    fn all(set: SemaphoreSet) -> ipc_safe::Result<Vec<Self>> {
        let values = (0..).zip(set.values()?);
        let view = |(index, value)| {
            let semaphore = set.semaphore(index);
            Ok(Self {
                index,
                value,
                waiters: semaphore.waiters()?,
                zero_waiters: semaphore.zero_waiters()?,
                last_pid: people::number(semaphore.last_pid()?),
            })
        };
        values.map(view).collect()
    }
}

impl SetView {
    fn of(handle: &SemaphoreSet) -> Result<Self> {
        let status = handle.status().map(drop);
        let set = inventory::entry(inventory::sets()?, handle.id(), |set| &set.head, status)?;
        Ok(Self { set, contents: SemaphoreView::all(*handle).ok() })
    }

    fn text(&self) -> String {
        let Self { set, contents } = self;
        let mut facts = head_facts(Kind::Set, &set.head);
        facts.add("semaphores", set.semaphores);
        facts.add("last operation", moment(set.status.last_operation));
        facts.add("changed", moment(set.status.changed));
        facts.add("state", verdict(Kind::Set, set.head.state));
        let Some(contents) = contents else {
            return facts.render() + "\nThe values cannot be looked at: that needs the right to read.\n";
        };
        let mut table = Table::new(&[
            ("semaphore", Side::Right),
            ("value", Side::Right),
            ("waiters", Side::Right),
            ("zero waiters", Side::Right),
            ("last pid", Side::Left),
        ]);
        for semaphore in contents {
            table.row([
                semaphore.index.to_string(),
                semaphore.value.to_string(),
                semaphore.waiters.to_string(),
                semaphore.zero_waiters.to_string(),
                process(semaphore.last_pid),
            ]);
        }
        format!("{}\n{}", facts.render(), table.render())
    }
}

/// A process id with the name of its program.
fn process(pid: Option<i32>) -> String {
    people::long(pid.and_then(ipc_safe::process::Pid::from_raw))
}

#[derive(Debug, Serialize)]
struct SegmentView {
    #[serde(flatten)]
    segment: Shared,
    /// Processes that have it attached, as far as their maps may be read.
    attached_by: Vec<AttachedBy>,
}

#[derive(Debug, Serialize)]
struct AttachedBy {
    pid: i32,
    command: String,
    attachments: u64,
    /// Of how many of these the memory may be written.
    writable: u64,
}

impl AttachedBy {
    /// The processes of this IPC namespace whose maps show the segment: a file of the kernel whose name is `/SYSV` and the
    /// key that the segment was made with, and whose inode number is its id.
    fn all(id: i32) -> Vec<Self> {
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/ipc")).ok();
        let ours = namespace("self");
        let processes = people::processes().into_iter();
        processes.filter(|pid| namespace(&pid.to_string()) == ours).filter_map(|pid| Self::of(pid, id)).collect()
    }

    fn of(pid: i32, id: i32) -> Option<Self> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        let found: Vec<_> = maps.lines().filter_map(|line| attachment(line, id)).collect();
        let command = || people::command(pid).unwrap_or_default();
        let writable = found.iter().filter(|&&writable| writable).count() as u64;
        (!found.is_empty()).then(|| Self { pid, command: command(), attachments: found.len() as u64, writable })
    }
}

/// Whether the attachment of segment `id` that this line of a `maps` file shows may be written; none when it shows
/// something else. Only the start of the segment counts: `mprotect` can have cut it into several lines.
fn attachment(line: &str, id: i32) -> Option<bool> {
    let mut fields = line.split_whitespace();
    let (_, rights, offset, _, inode) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let is_segment = fields.next()?.starts_with("/SYSV") && inode.parse() == Ok(id);
    let is_start = offset.bytes().all(|digit| digit == b'0');
    (is_segment && is_start).then(|| rights.contains('w'))
}

impl SegmentView {
    fn of(handle: &Segment) -> Result<Self> {
        let status = handle.status().map(drop);
        let segment = inventory::entry(inventory::segments()?, handle.id(), |segment| &segment.head, status)?;
        Ok(Self { segment, attached_by: AttachedBy::all(handle.id()) })
    }

    fn text(&self) -> String {
        let Self { segment, attached_by } = self;
        let mut facts = head_facts(Kind::Segment, &segment.head);
        let memory = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".into(), crate::units::bytes);
        facts.add("size", format!("{} ({} bytes)", bytes(segment.size as u64), segment.size));
        facts.add("resident", memory(segment.resident));
        facts.add("swapped", memory(segment.swapped));
        facts.add("locked", if segment.locked { "yes" } else { "no" });
        facts.add("attachments", segment.attachments);
        facts.add("creator pid", people::long(segment.status.creator));
        facts.add("last user", people::long(segment.status.last_user));
        facts.add("last attach", moment(segment.status.last_attach));
        facts.add("last detach", moment(segment.status.last_detach));
        facts.add("changed", moment(segment.status.changed));
        facts.add("state", verdict(Kind::Segment, segment.head.state));
        facts.render() + &self.attached_text(attached_by)
    }

    fn attached_text(&self, attached_by: &[AttachedBy]) -> String {
        let rows = attached_by.iter().map(|by| (by.pid, [by.attachments, by.writable], &*by.command));
        let mut text = process_table(["attachments", "writable"], rows);
        let seen: u64 = attached_by.iter().map(|by| by.attachments).sum();
        let unseen = usize::try_from(self.segment.attachments.saturating_sub(seen)).unwrap_or(usize::MAX);
        if unseen > 0 {
            let what = plural(unseen, "attachment");
            text += &format!("\n{what} in processes that you may not look at, or that this /proc does not show.\n");
        }
        text
    }
}

/// A table of processes with two numbers each; nothing without processes.
fn process_table<'p>(numbers: [&'static str; 2], rows: impl Iterator<Item = (i32, [u64; 2], &'p str)>) -> String {
    let [one, other] = numbers;
    let mut table =
        Table::new(&[("pid", Side::Right), (one, Side::Right), (other, Side::Right), ("command", Side::Left)]);
    for (pid, [one, other], command) in rows {
        table.row([pid.to_string(), one.to_string(), other.to_string(), command.to_owned()]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.render()) }
}

#[derive(Debug, Serialize)]
struct PosixView {
    #[serde(flatten)]
    object: Posix,
    /// Processes that have it open or mapped, as far as they may be looked at.
    used_by: Vec<UsedBy>,
}

#[derive(Debug, Serialize)]
struct UsedBy {
    pid: i32,
    command: String,
    descriptors: u64,
    mappings: u64,
}

impl UsedBy {
    fn of(pid: i32, object: &Posix) -> Option<Self> {
        // By device and inode: a file that had no name at first is shown with that in all its descriptors and mappings.
        let is_it = |link: &Path| link.metadata().is_ok_and(|metadata| FileId::of(&metadata) == object.file);
        let links = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let descriptors = links.filter(|link| is_it(&link.path())).count() as u64;
        let maps = std::fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
        let maps = String::from_utf8_lossy(&maps);
        let mappings = maps.lines().filter(|line| maps_file(line, object.file)).count() as u64;
        let command = || people::command(pid).unwrap_or_default();
        (descriptors + mappings > 0).then(|| Self { pid, command: command(), descriptors, mappings })
    }
}

/// Whether this line of a `maps` file shows a part of the file.
fn maps_file(line: &str, file: FileId) -> bool {
    let mut fields = line.split_whitespace().skip(3);
    let device = format!("{:02x}:{:02x}", rustix::fs::major(file.device), rustix::fs::minor(file.device));
    fields.next() == Some(&device) && fields.next() == Some(&file.inode.to_string())
}

impl PosixView {
    fn of(name: &str) -> Result<Self> {
        let object = Posix::of(name).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Failure::new(format!("no POSIX object has the name {name}; \"ipc list --posix\" shows what there is"))
            }
            _ => Failure::file("looking at", &posix_path(name), &error),
        })?;
        let used_by = people::processes().into_iter().filter_map(|pid| UsedBy::of(pid, &object)).collect();
        Ok(Self { object, used_by })
    }

    fn text(&self) -> String {
        let Self { object, used_by } = self;
        let mut facts = Facts::default();
        facts.add("POSIX object", output::readable(object.name.as_bytes()));
        facts.add("owner", format!("{} ({}), group {} ({})", object.owner, object.uid, object.group, object.gid));
        facts.add("mode", &object.mode);
        facts.add("size", format!("{} ({} bytes)", bytes(object.size), object.size));
        facts.add("allocated", bytes(object.allocated));
        facts.add("modified", moment(object.modified_at));
        let rows = used_by.iter().map(|by| (by.pid, [by.descriptors, by.mappings], &*by.command));
        let table = process_table(["descriptors", "mappings"], rows);
        let note = if table.is_empty() { "\nNo process that you may look at has it open or mapped.\n" } else { "" };
        facts.render() + &table + note
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_shows_an_attachment_of_one_segment() {
        let line = "7f1c7bdc5000-7f1c7bdc6000 rw-s 00000000 00:01 32769    /SYSV0000002a (deleted)";
        assert_eq!(attachment(line, 32769), Some(true));
        assert_eq!(attachment(&line.replace("rw-s", "r--s"), 32769), Some(false));
        assert_eq!(attachment(line, 2769), None);
        assert_eq!(attachment(&line.replace("00000000 00:01", "00001000 00:01"), 32769), None);
        assert_eq!(attachment("7f1c7bdc5000-7f1c7bdc6000 rw-p 00000000 00:00 0", 0), None);
        assert_eq!(attachment("7f1c-7f1d rw-s 00000000 08:01 32769 /tmp/SYSV", 32769), None);
    }

    #[test]
    fn a_line_of_maps_shows_a_file_by_device_and_inode() {
        let line = "7f1c7bdc5000-7f1c7bdc6000 rw-s 00000000 00:19 17    /dev/shm/#17 (deleted)";
        let file = FileId { device: rustix::fs::makedev(0, 0x19), inode: 17 };
        assert!(maps_file(line, file));
        assert!(!maps_file(line, FileId { inode: 18, ..file }));
        assert!(!maps_file(line, FileId { device: rustix::fs::makedev(0, 0x1a), ..file }));
    }
}
