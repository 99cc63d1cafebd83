//! Which object is meant: an id, a key, or a name.

use crate::failure::{Failure, Result};
use crate::inventory::Name;
use crate::kind::Kind;
use ipc_safe::sysv::{Key, MessageQueue, Segment, SemaphoreSet};
use std::str::FromStr;

/// An object as it is named on the command line: a decimal id, a key in hexadecimal digits after `0x`, or the name of a POSIX
/// object, which begins with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Id(i32),
    Key(Key),
    Name(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let says = "an object is named by its id (a decimal number from 0 on) or its key (0x and hexadecimal digits)";
        if text.starts_with('/') {
            return Ok(Self::Name(text.to_owned()));
        }
        if text.starts_with("0x") || text.starts_with("0X") {
            return text.parse().map(Self::Key).map_err(|_| says.to_owned());
        }
        match text.parse() {
            Ok(id) if id >= 0 => Ok(Self::Id(id)),
            _ => Err(format!("{says}; a decimal key goes after --key")),
        }
    }
}

/// Reads a key: `0x` and hexadecimal digits, or a decimal number.
pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    text.parse().map_err(|_| "a key is 32 bits: 0x and hexadecimal digits, or a decimal number".to_owned())
}

impl Target {
    pub(crate) fn queue(&self) -> Result<MessageQueue> {
        Ok(match self {
            Self::Id(id) => MessageQueue::from_id(*id)?,
            Self::Key(key) => MessageQueue::open(*key)?,
            Self::Name(name) => return Err(not_a_name(name, Kind::Queue)),
        })
    }

    pub(crate) fn set(&self) -> Result<SemaphoreSet> {
        Ok(match self {
            Self::Id(id) => SemaphoreSet::from_id(*id)?,
            Self::Key(key) => SemaphoreSet::open(*key)?,
            Self::Name(name) => return Err(not_a_name(name, Kind::Set)),
        })
    }

    pub(crate) fn segment(&self) -> Result<Segment> {
        Ok(match self {
            Self::Id(id) => Segment::from_id(*id)?,
            Self::Key(key) => Segment::open(*key)?,
            Self::Name(name) => return Err(not_a_name(name, Kind::Segment)),
        })
    }

    pub(crate) fn posix(&self) -> Result<&str> {
        match self {
            Self::Name(name) => Ok(name),
            _ => Err(Failure::usage("a POSIX object is named by a slash and its name: /example")),
        }
    }

    /// The name of the object; whether there is one of that id or name is not checked.
    pub(crate) fn name(&self, kind: Kind) -> Result<Name> {
        Ok(match kind {
            Kind::Queue => Name::Queue { id: self.queue()?.id() },
            Kind::Set => Name::Set { id: self.set()?.id() },
            Kind::Segment => Name::Segment { id: self.segment()?.id() },
            Kind::Posix => Name::Posix { name: self.posix()?.to_owned() },
        })
    }
}

fn not_a_name(name: &str, kind: Kind) -> Failure {
    Failure::usage(format!("{name}: a {kind} is named by its id or key; names are for POSIX objects"))
}

/// The queue that `send`, `receive` and `peek` work on.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct QueueTarget {
    /// The queue: its id, or its key in hexadecimal digits after 0x
    #[arg(value_name = "ID|KEY")]
    target: Option<Target>,
    /// The queue's key, 0x... or decimal
    #[arg(long, short, value_parser = parse_key, allow_negative_numbers = true)]
    key: Option<Key>,
}

impl QueueTarget {
    pub(crate) fn queue(&self) -> Result<MessageQueue> {
        match (&self.target, self.key) {
            (Some(target), _) => target.queue(),
            (None, Some(key)) => Target::Key(key).queue(),
            (None, None) => Err(Failure::usage("which queue?")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_is_an_id_and_hexadecimal_a_key() {
        assert_eq!("0".parse(), Ok(Target::Id(0)));
        assert_eq!("0x2a".parse(), Ok(Target::Key(Key::new(42))));
        assert_eq!("0xffffffff".parse(), Ok(Target::Key(Key::new(-1))));
        assert_eq!("/name".parse(), Ok(Target::Name("/name".into())));
        for bad in ["", "-1", "0x", "0x123456789", "two", "4294967296"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
        assert_eq!(parse_key("-5"), Ok(Key::new(-5)));
    }
}
