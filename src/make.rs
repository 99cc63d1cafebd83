//! `ipc make`: a new object that stays.

use crate::failure::{Failure, Result};
use crate::inventory::Name;
use crate::kind::Kind;
use crate::output;
use crate::target::parse_key;
use crate::units::{parse_mode, parse_size};
use ipc_safe::memory::PosixObject;
use ipc_safe::sysv::{HugePages, Key, MessageQueue, Segment, SemaphoreSet};
use serde::Serialize;

/// Make a queue, set, segment or POSIX object, and print its id or name
///
/// The object stays until somebody removes it ("ipc remove"), its IPC namespace ends, or the machine is started again.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What to make
    #[arg(value_enum)]
    kind: Kind,
    /// Its key: 0x..., decimal, or "random" for one that is unused; without it, or with 0, none
    #[arg(long, short, value_parser = KeyChoice::parse, allow_negative_numbers = true)]
    key: Option<KeyChoice>,
    /// Its permission bits, in octal
    #[arg(long, short, value_parser = parse_mode, default_value = "0600")]
    mode: u32,
    /// Of a POSIX object: its name, which begins with a slash
    #[arg(long)]
    name: Option<String>,
    /// Of a segment or POSIX object: its bytes; of a queue: how many bytes of messages it takes; K, M, G multiply by 1024 each
    #[arg(long, value_parser = parse_size)]
    size: Option<usize>,
    /// Of a set: the initial values, one for each semaphore
    #[arg(long, value_delimiter = ',', value_name = "N,N,...")]
    values: Vec<u16>,
    /// Of a set: how many semaphores, all 0
    #[arg(long, conflicts_with = "values", value_name = "N")]
    semaphores: Option<u16>,
    /// Of a segment: huge pages
    #[arg(long)]
    huge_pages: bool,
    /// For programs: kind, id and key
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc make queue                          ipcmk -Q
  ipc make queue --key 0x2a --mode 0660
  ipc make set --values 1,0,3             ipcmk -S 3, with values
  ipc make segment --size 1M              ipcmk -M 1048576
  ipc make posix --name /board --size 4K

What nobody used before its maker ended, which is soon, counts as orphaned.
See msgget(2), semget(2), shmget(2), shm_open(3), ipcmk(1).";

/// Which key the new object gets.
#[derive(Clone, Copy, Debug)]
enum KeyChoice {
    Given(Key),
    Random,
}

impl KeyChoice {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "random" { Ok(Self::Random) } else { parse_key(text).map(Self::Given) }
    }
}

#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    name: Name,
    /// Of a System V object.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    arguments.check()?;
    let made = arguments.make()?;
    let printed = match (arguments.json, &made.name) {
        (true, _) => output::print_json(&made),
        (false, Name::Queue { id } | Name::Set { id } | Name::Segment { id }) => output::print(format!("{id}\n")),
        (false, Name::Posix { name }) => output::print(format!("{name}\n")),
        (false, Name::File { .. }) => Ok(()),
    };
    printed.map_err(|failure| {
        // Nobody learns the id: then the object is of no use.
        let _ = made.name.remove();
        failure.with_status(1)
    })
}

impl Arguments {
    /// Refuses options of another kind.
    fn check(&self) -> Result {
        let wrong = match self.kind {
            Kind::Queue | Kind::Segment | Kind::Posix if !self.values.is_empty() => "--values is for a set",
            Kind::Queue | Kind::Segment | Kind::Posix if self.semaphores.is_some() => "--semaphores is for a set",
            Kind::Queue | Kind::Set | Kind::Posix if self.huge_pages => "--huge-pages is for a segment",
            Kind::Queue | Kind::Set | Kind::Segment if self.name.is_some() => "--name is for a POSIX object",
            Kind::Posix if self.key.is_some() => "--key is not for a POSIX object, which has a --name",
            Kind::Set if self.size.is_some() => "--size is not for a set, which has --values or --semaphores",
            Kind::Set if self.values.is_empty() && self.semaphores.is_none() => "a set needs --values or --semaphores",
            Kind::Segment if self.size.is_none() => "a segment needs --size",
            Kind::Posix if self.size.is_none() || self.name.is_none() => "a POSIX object needs --name and --size",
            _ => return Ok(()),
        };
        Err(Failure::usage(wrong))
    }

    fn make(&self) -> Result<Made> {
        if let (Kind::Posix, Some(name)) = (self.kind, &self.name) {
            let options = PosixObject::options().mode(self.mode).create_new(true);
            drop(options.open(name, self.size.unwrap_or(0) as u64)?);
            return Ok(Made { name: Name::Posix { name: name.clone() }, key: None });
        }
        let key = match self.key {
            None => Key::PRIVATE,
            Some(KeyChoice::Given(key)) => key,
            Some(KeyChoice::Random) => Key::random()?,
        };
        Ok(Made { name: self.make_with(key)?, key: Some(key.to_string()) })
    }

    fn make_with(&self, key: Key) -> Result<Name> {
        match self.kind {
            Kind::Queue => self.make_queue(key),
            Kind::Set => {
                let values = self.semaphores.map_or_else(|| self.values.clone(), |len| vec![0; len.into()]);
                let set = SemaphoreSet::options().mode(self.mode).create_new(true).open(key, &values)?;
                Ok(Name::Set { id: set.id() })
            }
            Kind::Segment | Kind::Posix => {
                let huge_pages = self.huge_pages.then_some(HugePages::Default);
                let options = Segment::options().mode(self.mode).create_new(true).huge_pages(huge_pages);
                Ok(Name::Segment { id: options.open(key, self.size.unwrap_or(0))?.id() })
            }
        }
    }

    fn make_queue(&self, key: Key) -> Result<Name> {
        let queue = MessageQueue::options().mode(self.mode).create_new(true).open(key)?.into_owned();
        if let Some(size) = self.size {
            queue.set_byte_limit(size as u64)?;
        }
        Ok(Name::Queue { id: queue.keep().id() })
    }
}
