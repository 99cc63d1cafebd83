//! `ipc list`: all objects, a table a kind.

mod since;

use crate::failure::{Failure, Result};
use crate::inventory::{self, Posix, Queue, Set, Shared, State};
use crate::kind::{Kind, plural};
use crate::output;
use crate::people;
use crate::table::{Side, Table};
use crate::units;
use serde::Serialize;
use since::{Comparison, Listing};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// List message queues, semaphore sets, shared memory segments and POSIX objects
///
/// All of the IPC namespace and of /dev/shm, also those that you may not read. AGE is the time since the object was made or
/// its settings changed; the kernel does not note more.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Only message queues (with others: these too)
    #[arg(long, short)]
    queues: bool,
    /// Only semaphore sets
    #[arg(long, short)]
    sets: bool,
    /// Only shared memory segments
    #[arg(long, short = 'm')]
    segments: bool,
    /// Only POSIX shared memory objects
    #[arg(long, short)]
    posix: bool,
    /// All kinds, which is the default
    #[arg(long, short)]
    all: bool,
    /// Only objects that are orphaned or suspect
    #[arg(long, conflicts_with = "posix")]
    orphans: bool,
    /// Sizes as numbers of bytes
    #[arg(long, short)]
    bytes: bool,
    /// For programs: a JSON object with an array a kind, sizes in bytes, times in seconds since 1970
    #[arg(long)]
    json: bool,
    /// Only what is new or changed since this listing, which "ipc list --json" made; exit with status 1 when something is new
    #[arg(long, value_name = "FILE", conflicts_with = "bytes")]
    since: Option<PathBuf>,
    /// With --since: also what was there and is gone
    #[arg(long, requires = "since")]
    gone: bool,
}

const HELP: &str = "\
States:
  in use    somebody who uses it, or did last, is alive
  unused    nobody has used it yet (of a set: it may lack its initial values)
  orphaned  nobody has it attached or waits on it, and those who made or used it
            last are dead
  suspect   the same of a queue: the kernel does not know who made it or who will use it
  removed   a segment that goes with its last attachment
  unknown   you may not look

Examples:
  ipc list
  ipc list -q -s          as ipcs -q -s
  ipc list --orphans      what \"ipc remove --orphans\" would look at, and suspect queues
  ipc list --json | jq '.segments[] | select(.attachments == 0) | .id'

  ipc list --json > before.json
  ./campaign
  ipc list --since before.json || echo 'something is left, or it failed'

With --since: new is what has another id or name, or is another object under an old one;
changed is what has other contents (messages, bytes, attachments, size), another owner or
mode, or was operated on. Both listings must be of one namespace since one boot, and have
the kinds that are compared. With --orphans, only those that are orphaned or suspect.
Exit status then: 0 nothing is new, 1 something is, 2 the comparison failed.

See sysvipc(7), ipcs(1), lsipc(1).";

/// The exit statuses of `--since`.
const HAS_NEW: u8 = 1;
const NO_COMPARISON: u8 = 2;

/// What `--json` prints; a kind that was not asked for is left out.
#[derive(Debug, Default, Serialize)]
struct Everything {
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<Vec<Queue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sets: Option<Vec<Set>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<Shared>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    posix: Option<Vec<Posix>>,
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    if let Some(path) = &arguments.since {
        return arguments.compare(path);
    }
    let everything = arguments.collect(|_| true)?;
    if arguments.json {
        return output::print_json(&everything);
    }
    let size = Size { exact: arguments.bytes };
    let parts = [
        everything.queues.map(|queues| queue_table(&queues, size)),
        everything.sets.map(|sets| set_table(&sets)),
        everything.segments.map(|segments| segment_table(&segments, size)),
        everything.posix.map(|objects| posix_table(&objects, size)),
    ];
    output::print(parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

/// How sizes are written.
#[derive(Clone, Copy)]
struct Size {
    exact: bool,
}

impl Size {
    /// In a column.
    fn cell(self, bytes: u64) -> String {
        if self.exact { bytes.to_string() } else { units::bytes(bytes) }
    }

    /// In a sentence.
    fn words(self, bytes: u64) -> String {
        if self.exact { format!("{bytes} B") } else { units::bytes(bytes) }
    }
}

impl Arguments {
    fn wants(&self, kind: Kind) -> bool {
        let chosen = match kind {
            Kind::Queue => self.queues,
            Kind::Set => self.sets,
            Kind::Segment => self.segments,
            // None of them is known to be orphaned.
            Kind::Posix if self.orphans => return false,
            Kind::Posix => self.posix,
        };
        chosen || self.all || !self.names_kinds()
    }

    /// Says what is new; that something is, is told by the exit status.
    fn compare(&self, path: &Path) -> Result {
        let failed = |failure: Failure| failure.with_status(NO_COMPARISON);
        let comparison = self.comparison(path).map_err(failed)?;
        let printed = match self.json {
            true => output::print_json(&comparison),
            false => output::print(comparison.render()),
        };
        printed.map_err(|failure| if failure.message().is_empty() { failure } else { failed(failure) })?;
        if comparison.has_new() { Err(Failure::silent(HAS_NEW)) } else { Ok(()) }
    }

    fn comparison(&self, path: &Path) -> Result<Comparison> {
        let before = Listing::read(path)?;
        let is_named = self.all || self.names_kinds();
        let missing = |kind: &Kind| is_named && self.wants(*kind) && !before.has(*kind);
        if let Some(kind) = since::kinds().find(missing) {
            let words = format!(
                "{} says nothing about {kind}s; \"ipc list --json\" without a kind makes one that does",
                path.display()
            );
            return Err(Failure::new(words));
        }
        // Which of them are orphans matters after the comparison: one may have become so.
        let everything = Self { orphans: false, ..self.clone() }.collect(|kind| before.has(kind))?;
        let mut comparison = Comparison::between(&before, &everything)?;
        comparison.keep(|state| !self.orphans || matches!(state, "orphaned" | "suspect"), self.gone);
        Ok(comparison)
    }

    const fn names_kinds(&self) -> bool {
        self.queues || self.sets || self.segments || self.posix
    }

    /// The objects of those kinds that are asked for and that `has` wants, too.
    fn collect(&self, has: impl Fn(Kind) -> bool) -> Result<Everything> {
        let keep = |state| !self.orphans || matches!(state, State::Orphaned | State::Suspect);
        let mut everything = Everything::default();
        if self.wants(Kind::Queue) && has(Kind::Queue) {
            let all = inventory::queues()?.into_iter();
            everything.queues = Some(all.filter(|queue| keep(queue.head.state)).collect());
        }
        if self.wants(Kind::Set) && has(Kind::Set) {
            let all = inventory::sets()?.into_iter();
            everything.sets = Some(all.filter(|set| keep(set.head.state)).collect());
        }
        if self.wants(Kind::Segment) && has(Kind::Segment) {
            let all = inventory::segments()?.into_iter();
            everything.segments = Some(all.filter(|segment| keep(segment.head.state)).collect());
        }
        if self.wants(Kind::Posix) && has(Kind::Posix) {
            everything.posix = Some(inventory::posix_objects()?);
        }
        Ok(everything)
    }
}

fn queue_table(queues: &[Queue], size: Size) -> String {
    let mut table = Table::new(&[
        ("id", Side::Right),
        ("key", Side::Left),
        ("owner", Side::Left),
        ("mode", Side::Left),
        ("messages", Side::Right),
        ("bytes", Side::Right),
        ("limit", Side::Right),
        ("sender", Side::Right),
        ("receiver", Side::Right),
        ("age", Side::Right),
        ("state", Side::Left),
    ]);
    for queue in queues {
        table.row([
            queue.head.id.to_string(),
            queue.head.key.clone(),
            queue.head.owner.clone(),
            queue.head.mode.clone(),
            queue.messages.to_string(),
            size.cell(queue.bytes),
            size.cell(queue.byte_limit),
            people::short(queue.status.last_sender),
            people::short(queue.status.last_receiver),
            units::age(queue.status.changed),
            queue.head.state.to_string(),
        ]);
    }
    let messages: u64 = queues.iter().map(|queue| queue.messages).sum();
    let bytes = queues.iter().map(|queue| queue.bytes).sum();
    let sums = format!("{}, {}", plural(usize::try_from(messages).unwrap_or(usize::MAX), "message"), size.words(bytes));
    with_title("Message queues", Kind::Queue.count(queues.len()), &table, &sums)
}

fn set_table(sets: &[Set]) -> String {
    let mut table = Table::new(&[
        ("id", Side::Right),
        ("key", Side::Left),
        ("owner", Side::Left),
        ("mode", Side::Left),
        ("semaphores", Side::Right),
        ("last pids", Side::Left),
        ("operated", Side::Right),
        ("age", Side::Right),
        ("state", Side::Left),
    ]);
    for set in sets {
        table.row([
            set.head.id.to_string(),
            set.head.key.clone(),
            set.head.owner.clone(),
            set.head.mode.clone(),
            set.semaphores.to_string(),
            some_pids(set.last_pids.as_deref()),
            units::age(set.status.last_operation),
            units::age(set.status.changed),
            set.head.state.to_string(),
        ]);
    }
    let semaphores = sets.iter().map(|set| set.semaphores).sum();
    with_title("Semaphore sets", Kind::Set.count(sets.len()), &table, &plural(semaphores, "semaphore"))
}

/// The first process ids of a set, which can have thousands.
fn some_pids(pids: Option<&[i32]>) -> String {
    const SHOWN: usize = 3;
    let pids = pids.unwrap_or_default();
    if pids.is_empty() {
        return "-".into();
    }
    let mut text = pids.iter().take(SHOWN).map(i32::to_string).collect::<Vec<_>>().join(",");
    if pids.len() > SHOWN {
        let _ = write!(text, ",+{}", pids.len() - SHOWN);
    }
    text
}

fn segment_table(segments: &[Shared], size: Size) -> String {
    let mut table = Table::new(&[
        ("id", Side::Right),
        ("key", Side::Left),
        ("owner", Side::Left),
        ("mode", Side::Left),
        ("size", Side::Right),
        ("attached", Side::Right),
        ("resident", Side::Right),
        ("swapped", Side::Right),
        ("creator", Side::Right),
        ("last", Side::Right),
        ("age", Side::Right),
        ("state", Side::Left),
    ]);
    let optional = |bytes: Option<u64>| bytes.map_or_else(|| "-".into(), |bytes| size.cell(bytes));
    for segment in segments {
        table.row([
            segment.head.id.to_string(),
            segment.head.key.clone(),
            segment.head.owner.clone(),
            segment.head.mode.clone(),
            size.cell(segment.size as u64),
            segment.attachments.to_string(),
            optional(segment.resident),
            optional(segment.swapped),
            people::short(segment.status.creator),
            people::short(segment.status.last_user),
            units::age(segment.status.changed),
            segment.head.state.to_string(),
        ]);
    }
    let bytes = segments.iter().map(|segment| segment.size as u64).sum();
    let resident = segments.iter().filter_map(|segment| segment.resident).sum();
    let sums = format!("{}, {} resident", size.words(bytes), size.words(resident));
    with_title("Shared memory segments", Kind::Segment.count(segments.len()), &table, &sums)
}

fn posix_table(objects: &[Posix], size: Size) -> String {
    let mut table = Table::new(&[
        ("name", Side::Left),
        ("owner", Side::Left),
        ("mode", Side::Left),
        ("size", Side::Right),
        ("allocated", Side::Right),
        ("modified", Side::Right),
    ]);
    for object in objects {
        table.row([
            output::readable(object.name.as_bytes()),
            object.owner.clone(),
            object.mode.clone(),
            size.cell(object.size),
            size.cell(object.allocated),
            units::age(object.modified_at),
        ]);
    }
    let bytes = objects.iter().map(|object| object.size).sum();
    let allocated = objects.iter().map(|object| object.allocated).sum();
    let sums = format!("{}, {} allocated", size.words(bytes), size.words(allocated));
    with_title("POSIX shared memory objects", Kind::Posix.count(objects.len()), &table, &sums)
}

fn with_title(title: &str, count: String, table: &Table, sums: &str) -> String {
    if table.is_empty() {
        return format!("{title}: none\n");
    }
    format!("{title}: {count}, {sums}\n{}", table.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_process_ids_are_cut_short() {
        assert_eq!(some_pids(None), "-");
        assert_eq!(some_pids(Some(&[7, 8, 9])), "7,8,9");
        assert_eq!(some_pids(Some(&[7, 8, 9, 10, 11])), "7,8,9,+2");
    }
}
