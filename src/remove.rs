//! `ipc remove`: objects by id, by key, by name, left over, or all.

use crate::failure::{Failure, Result, complain, reason};
use crate::inventory::{self, Found, Name, State};
use crate::kind::{Kind, plural};
use crate::output;
use crate::target::{Target, parse_key};
use ipc_safe::sysv::{Key, Segment, SemaphoreSet};
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};

/// Remove queues, sets, segments and POSIX objects
///
/// A queue goes with all its messages; whoever waits on a queue or set gets an error; the key of a segment and the name of a
/// POSIX object go at once, their memory when nobody uses it any more. Several objects are removed after a question when standard input is a terminal.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What they are
    #[arg(value_enum)]
    kind: Option<Kind>,
    /// Their ids, keys in hexadecimal digits after 0x, or names
    #[arg(value_name = "ID|KEY|NAME")]
    targets: Vec<Target>,
    /// Their keys, 0x... or decimal
    #[arg(long, short, value_name = "KEY", num_args = 1.., value_parser = parse_key, allow_negative_numbers = true)]
    key: Vec<Key>,
    /// Segments and sets that nobody uses and whose users are dead (see "ipc list"); of KIND, or of both. Without the
    /// right to remove those of other users, only your own
    #[arg(long, conflicts_with_all = ["targets", "key", "all"])]
    orphans: bool,
    /// All objects of KIND; without KIND all queues, sets and segments. Without the right to remove those of other users,
    /// only your own
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
  ipc remove posix /board
  ipc remove --orphans --dry-run
  ipc remove --all segment --yes
  ipc remove -q 0 -M 0x2a        as ipcrm -q 0 -M 0x2a

Queues are never orphaned, at most suspect: the kernel does not know who else will
use them. What \"ipc make\" or ipcmk made and nobody used yet is an orphan.
See ipcrm(1), shm_unlink(3).";

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
        let (done, words) = match arguments.dry_run {
            true => (would_remove(&name), "would remove"),
            false => (arguments.remove(&name), "removed"),
        };
        match &done {
            Ok(()) if arguments.json => {}
            // Whoever reads this may leave; the work goes on.
            Ok(()) => drop(output::print(format!("{words} {name}\n"))),
            Err(failure) => complain(failure.message()),
        }
        failed |= done.is_err();
        results.push(Removed { name, removed: done.is_ok() && !arguments.dry_run });
    }
    if arguments.json {
        output::print_json(&results)?;
    }
    if failed { Err(Failure::silent(1)) } else { Ok(()) }
}

impl Arguments {
    /// The objects, and whether some of those asked for are not there.
    fn chosen(&self) -> Result<(Vec<Name>, bool)> {
        if self.orphans || self.all {
            let (ours, others): (Vec<_>, Vec<_>) = self.found()?.into_iter().partition(Found::may_be_removed);
            if !others.is_empty() {
                let count = plural(others.len(), "object");
                complain(format!("{count} of other users left out: they, or root, can remove what is theirs"));
            }
            return Ok((ours.into_iter().map(|found| found.name).collect(), false));
        }
        let (mut names, mut failed) = (Vec::new(), false);
        for (kind, target) in self.named()? {
            match target.name(kind) {
                Ok(name) => names.push(name),
                Err(failure) if failure.is_usage() => return Err(failure),
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
        let targets = self.targets.iter().cloned().chain(self.key.iter().copied().map(Target::Key));
        let mut named = self.as_ipcrm.targets();
        match self.kind {
            Some(kind) => named.extend(targets.map(|target| (kind, target))),
            None if self.targets.is_empty() && self.key.is_empty() => {}
            None => return Err(Failure::usage("of which kind? queue, set, segment or posix")),
        }
        if named.is_empty() {
            return Err(Failure::usage("remove what? Name objects, or use --orphans or --all"));
        }
        Ok(named)
    }

    /// What there is of the kinds that were asked for.
    fn found(&self) -> Result<Vec<Found>> {
        let kinds = match self.kind {
            None if self.orphans => vec![Kind::Set, Kind::Segment],
            None => Kind::SYSV.to_vec(),
            Some(kind @ (Kind::Queue | Kind::Posix)) if self.orphans => {
                let why = "nobody knows whether one is orphaned: remove them one by one";
                return Err(Failure::usage(format!("--orphans is for sets and segments; of a {kind} {why}")));
            }
            Some(kind) => vec![kind],
        };
        let mut found = Vec::new();
        for kind in kinds {
            found.extend(inventory::all(kind)?);
        }
        found.retain(|found| !self.orphans || is_orphaned(&found.name));
        Ok(found)
    }

    /// Asks before removing several objects, when there is somebody to ask.
    fn confirmed(&self, names: &[Name]) -> Result<bool> {
        let stdin = std::io::stdin();
        if names.len() < 2 || !stdin.is_terminal() {
            return Ok(true);
        }
        let cannot = |error| Failure::new(format!("asking: {}", reason(&error)));
        let list = names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ");
        let mut stderr = std::io::stderr();
        let question = format!("{list}\nRemove {}? [y/N] ", plural(names.len(), "object"));
        stderr.write_all(question.as_bytes()).map_err(cannot)?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).map_err(cannot)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Removes one. An orphan is looked at again first: somebody may have come to use it.
    fn remove(&self, name: &Name) -> Result {
        if self.orphans && !is_orphaned(name) {
            return Err(Failure::new(format!("{name} came into use; it stays")));
        }
        name.remove()
    }
}

fn would_remove(name: &Name) -> Result {
    match name.exists() {
        true => Ok(()),
        false => Err(Failure::new(format!("{name}: there is no such object; \"ipc list\" shows what there is"))),
    }
}

fn is_orphaned(name: &Name) -> bool {
    let state = match *name {
        Name::Set { id } => SemaphoreSet::from_id(id).and_then(|set| set.status()).map(|status| State::of_set(&status)),
        Name::Segment { id } => {
            Segment::from_id(id).and_then(|segment| segment.status()).map(|status| State::of_segment(&status))
        }
        _ => return false,
    };
    state.is_ok_and(|state| state == State::Orphaned)
}
