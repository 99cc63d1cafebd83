//! Which object is meant: an id or a key.

use crate::failure::{Failure, Result};
use crate::kind::Kind;
use ipc_safe::sysv::{Key, MessageQueue, Segment, SemaphoreSet};
use std::fmt;
use std::str::FromStr;

/// An object as it is named on the command line: a decimal id, or a key in hexadecimal digits after `0x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Id(i32),
    Key(Key),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let says = "an object is named by its id (a decimal number from 0 on) or its key (0x and hexadecimal digits)";
        if text.starts_with("0x") || text.starts_with("0X") {
            return text.parse().map(Self::Key).map_err(|_| says.to_owned());
        }
        match text.parse() {
            Ok(id) if id >= 0 => Ok(Self::Id(id)),
            _ => Err(format!("{says}; a decimal key goes after --key")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Key(key) => write!(f, "with key {key}"),
        }
    }
}

/// Reads a key: `0x` and hexadecimal digits, or a decimal number.
pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    text.parse().map_err(|_| "a key is 32 bits: 0x and hexadecimal digits, or a decimal number".to_owned())
}

impl Target {
    pub(crate) fn queue(self) -> Result<MessageQueue> {
        Ok(match self {
            Self::Id(id) => MessageQueue::from_id(id)?,
            Self::Key(key) => MessageQueue::open(key)?,
        })
    }

    pub(crate) fn set(self) -> Result<SemaphoreSet> {
        Ok(match self {
            Self::Id(id) => SemaphoreSet::from_id(id)?,
            Self::Key(key) => SemaphoreSet::open(key)?,
        })
    }

    pub(crate) fn segment(self) -> Result<Segment> {
        Ok(match self {
            Self::Id(id) => Segment::from_id(id)?,
            Self::Key(key) => Segment::open(key)?,
        })
    }

    /// The id of the object; whether there is one of that id is not checked.
    pub(crate) fn id(self, kind: Kind) -> Result<i32> {
        Ok(match kind {
            Kind::Queue => self.queue()?.id(),
            Kind::Set => self.set()?.id(),
            Kind::Segment => self.segment()?.id(),
        })
    }
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
        match (self.target, self.key) {
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
        for bad in ["", "-1", "0x", "0x123456789", "two", "4294967296"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
        assert_eq!(parse_key("-5"), Ok(Key::new(-5)));
    }
}
