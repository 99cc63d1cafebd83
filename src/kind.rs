//! The kinds of objects.

use clap::ValueEnum;
use serde::Serialize;
use std::fmt;

/// A kind of object: three of System V, and one of POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Message queues
    #[value(alias = "queues", alias = "q", alias = "msg")]
    Queue,
    /// Semaphore sets
    #[value(alias = "sets", alias = "s", alias = "sem")]
    Set,
    /// Shared memory segments
    #[value(alias = "segments", alias = "m", alias = "shm")]
    Segment,
    /// POSIX shared memory objects
    #[value(alias = "object", alias = "objects", alias = "p")]
    Posix,
}

impl Kind {
    /// Those that an IPC namespace has.
    pub(crate) const SYSV: [Self; 3] = [Self::Queue, Self::Set, Self::Segment];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Set => "set",
            Self::Segment => "segment",
            Self::Posix => "POSIX object",
        }
    }

    /// `1 queue`, `2 queues`.
    pub(crate) fn count(self, count: usize) -> String {
        plural(count, self.name())
    }
}

/// A number and its noun.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
