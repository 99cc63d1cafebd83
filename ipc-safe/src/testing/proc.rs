//! Files of `/proc`.

use crate::error::{Errno, Error, ErrorKind, Result};
use std::path::Path;

/// The text of a file.
pub(super) fn read(path: &str) -> Result<String> {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| failed("read", path.as_ref(), &error))
}

/// The text of a file; empty where the kernel has no such file.
pub(super) fn read_if_there(path: &str) -> Result<String> {
    read(path).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(String::new()) } else { Err(error) })
}

/// The names in a folder, as numbers.
pub(super) fn numbers(path: &str) -> Result<Vec<u32>> {
    let fail = |error: std::io::Error| failed("readdir", path.as_ref(), &error);
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        numbers.extend(entry.map_err(fail)?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The value in a line `Name: value` of a text.
pub(super) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

pub(super) fn failed(call: &'static str, path: &Path, error: &std::io::Error) -> Error {
    let failed = match error.raw_os_error() {
        Some(raw) => Error::new(call, Errno::from_raw(raw)),
        None => Error::new(call, Errno::from_raw(0)).without_errno().kind_of(ErrorKind::Other),
    };
    failed.about(path.display().to_string())
}

/// What `/proc/.../stat` says of a process or thread.
pub(super) struct Stat {
    /// The name of the program or thread.
    pub(super) name: String,
    pub(super) state: char,
    pub(super) parent: u32,
    flags: u32,
}

/// A flag of the kernel's (`include/linux/sched.h`): the thread is ending.
const PF_EXITING: u32 = 0x4;

impl Stat {
    /// `None` when there is no such process or thread any more.
    pub(super) fn read(path: &str) -> Option<Self> {
        Self::parse(&read(path).ok()?)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        // The name between the first and the last parenthesis may hold anything.
        let (start, end) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(end + 1..)?.split_ascii_whitespace().collect();
        Some(Self {
            name: text.get(start + 1..end)?.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            flags: fields.get(9 - 3)?.parse().ok()?,
        })
    }

    /// Whether it will never run a program's instruction again.
    pub(super) const fn is_ending(&self) -> bool {
        self.flags & PF_EXITING != 0
    }

    /// The state in a word.
    pub(super) const fn state(&self) -> &'static str {
        match self.state {
            'R' => "running",
            'S' => "sleeping",
            'D' => "waiting for a device",
            'T' => "stopped",
            't' => "traced",
            'Z' => "ended and not waited for",
            _ => "in an unknown state",
        }
    }
}
