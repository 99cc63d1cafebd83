//! `ipc make`: a new object that stays.

use crate::failure::{Failure, Result};
use crate::inventory::Name;
use crate::kind::Kind;
use crate::output;
use crate::target::parse_key;
use crate::units::{parse_mode, parse_size};
use ipc_safe::sysv::{HugePages, Key, MessageQueue, Segment, SemaphoreSet};
use serde::Serialize;

/// Make a queue, set or segment, and print its id
///
/// The object stays until somebody removes it ("ipc remove"), its IPC namespace ends, or the machine is started again.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What to make
    #[arg(value_enum)]
    kind: Kind,
    /// Its key: 0x..., decimal, or "random" for one that is unused; without this option it has none
    #[arg(long, short, value_parser = KeyChoice::parse, allow_negative_numbers = true)]
    key: Option<KeyChoice>,
    /// Its permission bits, in octal
    #[arg(long, short, value_parser = parse_mode, default_value = "0600")]
    mode: u32,
    /// Of a segment: its bytes; of a queue: how many bytes it takes; K, M, G multiply by 1024 each
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

See msgget(2), semget(2), shmget(2), ipcmk(1).";

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
    key: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    arguments.check()?;
    let (id, key) = match arguments.key {
        None => (arguments.make(Key::PRIVATE)?, Key::PRIVATE),
        Some(KeyChoice::Given(key)) => (arguments.make(key)?, key),
        Some(KeyChoice::Random) => arguments.make_random()?,
    };
    let name = Name { kind: arguments.kind, id };
    let printed = match arguments.json {
        true => output::print_json(&Made { name, key: key.to_string() }),
        false => output::print(format!("{id}\n")),
    };
    // Nobody learns the id: then the object is of no use.
    printed.inspect_err(|_| drop(name.remove()))
}

impl Arguments {
    /// Refuses options of another kind.
    fn check(&self) -> Result {
        let wrong = match self.kind {
            Kind::Queue | Kind::Segment if !self.values.is_empty() => "--values is for a set",
            Kind::Queue | Kind::Segment if self.semaphores.is_some() => "--semaphores is for a set",
            Kind::Queue | Kind::Set if self.huge_pages => "--huge-pages is for a segment",
            Kind::Set if self.size.is_some() => "--size is for a queue or a segment; a set has --values",
            Kind::Set if self.values.is_empty() && self.semaphores.is_none() => "a set needs --values or --semaphores",
            Kind::Segment if self.size.is_none() => "a segment needs --size",
            _ => return Ok(()),
        };
        Err(Failure::usage(wrong))
    }

    fn make(&self, key: Key) -> Result<i32> {
        Ok(match self.kind {
            Kind::Queue => self.make_queue(key)?,
            Kind::Set => {
                let values = self.semaphores.map_or_else(|| self.values.clone(), |len| vec![0; len.into()]);
                SemaphoreSet::options().mode(self.mode).create_new(true).open(key, &values)?.id()
            }
            Kind::Segment => {
                let huge_pages = self.huge_pages.then_some(HugePages::Default);
                let options = Segment::options().mode(self.mode).create_new(true).huge_pages(huge_pages);
                options.open(key, self.size.unwrap_or(0))?.id()
            }
        })
    }

    fn make_queue(&self, key: Key) -> Result<i32> {
        let queue = MessageQueue::options().mode(self.mode).create_new(true).open(key)?.into_owned();
        if let Some(size) = self.size {
            queue.set_byte_limit(size as u64)?;
        }
        Ok(queue.keep().id())
    }

    /// With a random key, which no object of any kind has at this moment.
    fn make_random(&self) -> Result<(i32, Key)> {
        let key = Key::random()?;
        self.make(key).map(|id| (id, key))
    }
}
