//! `ipc remove`: objects by id, by key, left over, or all.

use crate::failure::{Failure, Result, complain};
use crate::inventory::{self, Name, State};
use crate::kind::{Kind, plural};
use crate::output;
use crate::target::{Target, parse_key};
use ipc_safe::sysv::{Key, Segment, SemaphoreSet};
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};

/// Remove queues, sets and segments
///
/// A queue goes with all its messages; whoever waits on a queue or set gets an error; a segment's key goes at once and its
/// memory with the last attachment. Several objects are removed after a question when standard input is a terminal.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What they are
    #[arg(value_enum)]
    kind: Option<Kind>,
    /// Their ids, or keys in hexadecimal digits after 0x
    #[arg(value_name = "ID|KEY")]
    targets: Vec<Target>,
    /// Their keys, 0x... or decimal
    #[arg(long, short, value_name = "KEY", num_args = 1.., value_parser = parse_key, allow_negative_numbers = true)]
    key: Vec<Key>,
    /// Segments and sets that nobody uses and whose users are dead (see "ipc list"); of KIND, or of both
    #[arg(long, conflicts_with_all = ["targets", "key", "all"])]
    orphans: bool,
    /// All objects of KIND, or of all kinds
    #[arg(long, short, conflicts_with_all = ["targets", "key"])]
    all: bool,
    /// Only say what would be removed
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// For programs: an array of what was removed
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    as_ipcrm: AsIpcrm,
}

/// The options that ipcrm has, which name the kind too.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As ipcrm")]
struct AsIpcrm {
    /// A queue by id
    #[arg(short = 'q', value_name = "ID")]
    queue_id: Vec<i32>,
    /// A queue by key
    #[arg(short = 'Q', value_name = "KEY", value_parser = parse_key)]
    queue_key: Vec<Key>,
    /// A set by id
    #[arg(short = 's', value_name = "ID")]
    set_id: Vec<i32>,
    /// A set by key
    #[arg(short = 'S', value_name = "KEY", value_parser = parse_key)]
    set_key: Vec<Key>,
    /// A segment by id
    #[arg(short = 'm', value_name = "ID")]
    segment_id: Vec<i32>,
    /// A segment by key
    #[arg(short = 'M', value_name = "KEY", value_parser = parse_key)]
    segment_key: Vec<Key>,
}

const HELP: &str = "\
Examples:
  ipc remove queue 0 32768
  ipc remove segment 0x2a
  ipc remove set --key 42
  ipc remove --orphans --dry-run
  ipc remove --all segment --yes
  ipc remove -q 0 -M 0x2a        as ipcrm -q 0 -M 0x2a

Queues are never orphaned, at most suspect: the kernel does not know who else will use them.
See ipcrm(1).";

impl AsIpcrm {
    fn targets(&self) -> Vec<(Kind, Target)> {
        let ids = [(Kind::Queue, &self.queue_id), (Kind::Set, &self.set_id), (Kind::Segment, &self.segment_id)];
        let keys = [(Kind::Queue, &self.queue_key), (Kind::Set, &self.set_key), (Kind::Segment, &self.segment_key)];
        let ids = ids.into_iter().flat_map(|(kind, ids)| ids.iter().map(move |&id| (kind, Target::Id(id))));
        let keys = keys.into_iter().flat_map(|(kind, keys)| keys.iter().map(move |&key| (kind, Target::Key(key))));
        ids.chain(keys).collect()
    }
}

/// What was, or would be, removed.
#[derive(Debug, Serialize)]
struct Removed {
    #[serde(flatten)]
    name: Name,
    removed: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    let (names, mut failed) = arguments.chosen()?;
    if names.is_empty() && !failed && !arguments.json {
        return output::print("nothing to remove\n");
    }
    if !arguments.dry_run && !arguments.yes && !arguments.confirmed(&names)? {
        return Err(Failure::new("nothing was removed"));
    }
    let mut results = Vec::new();
    for name in names {
        let removed =
            !arguments.dry_run && arguments.remove(name).inspect_err(|failure| complain(failure.message())).is_ok();
        failed |= !removed && !arguments.dry_run;
        if !arguments.json && (removed || arguments.dry_run) {
            output::print(format!("{} {name}\n", if removed { "removed" } else { "would remove" }))?;
        }
        results.push(Removed { name, removed });
    }
    if arguments.json {
        output::print_json(&results)?;
    }
    if failed { Err(Failure::silent(1)) } else { Ok(()) }
}

impl Arguments {
    /// The objects, and whether some of those asked for are not there.
    fn chosen(&self) -> Result<(Vec<Name>, bool)> {
        if self.orphans {
            return Ok((self.orphaned()?, false));
        }
        if self.all {
            let names = inventory::names()?.into_iter();
            return Ok((names.filter(|name| self.kind.is_none_or(|kind| kind == name.kind)).collect(), false));
        }
        let (mut names, mut failed) = (Vec::new(), false);
        for (kind, target) in self.named()? {
            match target.id(kind) {
                Ok(id) => names.push(Name { kind, id }),
                Err(failure) => {
                    complain(failure.message());
                    failed = true;
                }
            }
        }
        Ok((names, failed))
    }

    /// The objects that are named one by one.
    fn named(&self) -> Result<Vec<(Kind, Target)>> {
        let targets = self.targets.iter().copied().chain(self.key.iter().copied().map(Target::Key));
        let mut named = self.as_ipcrm.targets();
        match self.kind {
            Some(kind) => named.extend(targets.map(|target| (kind, target))),
            None if self.targets.is_empty() && self.key.is_empty() => {}
            None => return Err(Failure::usage("of which kind? queue, set or segment")),
        }
        if named.is_empty() {
            return Err(Failure::usage("remove what? Name objects, or use --orphans or --all"));
        }
        Ok(named)
    }

    fn orphaned(&self) -> Result<Vec<Name>> {
        if self.kind == Some(Kind::Queue) {
            return Err(Failure::usage(
                "the kernel does not know when a queue is orphaned; remove queues by id or key",
            ));
        }
        let wants = |kind| self.kind.is_none_or(|only| only == kind);
        let mut names = Vec::new();
        if wants(Kind::Set) {
            let all = SemaphoreSet::list()?.into_iter().filter(|set| State::of_set(set) == State::Orphaned);
            names.extend(all.map(|set| Name { kind: Kind::Set, id: set.id }));
        }
        if wants(Kind::Segment) {
            let all = Segment::list()?.into_iter().filter(|segment| State::of_segment(segment) == State::Orphaned);
            names.extend(all.map(|segment| Name { kind: Kind::Segment, id: segment.id }));
        }
        Ok(names)
    }

    /// Asks before removing several objects, when there is somebody to ask.
    fn confirmed(&self, names: &[Name]) -> Result<bool> {
        let stdin = std::io::stdin();
        if names.len() < 2 || !stdin.is_terminal() {
            return Ok(true);
        }
        let list = names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ");
        let mut stderr = std::io::stderr();
        let asked = write!(stderr, "{list}\nRemove {}? [y/N] ", plural(names.len(), "object"));
        asked.and_then(|()| stderr.flush()).map_err(Failure::new)?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).map_err(Failure::new)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Removes one. An orphan is looked at again first: somebody may have come to use it.
    fn remove(&self, name: Name) -> Result {
        if self.orphans && !still_orphaned(name)? {
            return Err(Failure::new(format!("{name} came into use; it stays")));
        }
        Ok(name.remove()?)
    }
}

fn still_orphaned(name: Name) -> Result<bool> {
    Ok(match name.kind {
        Kind::Queue => false,
        Kind::Set => State::of_set(&SemaphoreSet::from_id(name.id)?.status()?) == State::Orphaned,
        Kind::Segment => State::of_segment(&Segment::from_id(name.id)?.status()?) == State::Orphaned,
    })
}
