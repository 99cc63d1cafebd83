//! Parts of the crate that take what the kernel wrote, for the fuzz targets of this project: programs reach them only by way of the
//! kernel, which does not write what a fuzzer would like to try. No promise is made about them.

use super::{mappings, proc, timers};
use crate::error::{Errno, Error};
use crate::socket::{self, Credentials};

/// A line of `/proc/self/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns, as proc_pid_maps(5) names them")]
pub struct MapsLine {
    pub start: u64,
    pub end: u64,
    pub rights: String,
    pub offset: u64,
    pub device: String,
    pub inode: u64,
    pub path: String,
}

/// Reads a line of `/proc/self/maps`.
#[must_use]
pub fn maps_line(line: &str) -> Option<MapsLine> {
    mappings::parse(line).map(mappings::Mapping::into_line)
}

/// The field of this name in `/proc/self/status`.
#[must_use]
pub fn status_field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    proc::field(text, name)
}

/// Name, state and parent, and whether it ends: as `/proc/PID/stat` tells it.
#[must_use]
pub fn stat(text: &str) -> Option<(String, char, u32, bool)> {
    proc::Stat::parse(text).map(|stat| (stat.name.clone(), stat.state, stat.parent, stat.is_ending()))
}

/// When it started, whether it ends, and its threads: as `/proc/PID/stat` tells it, and the locks read it.
#[must_use]
pub fn stat_of_owner(stat: &[u8]) -> Option<(u64, bool, u32)> {
    crate::process::parse_stat(stat)
}

/// The timers in `/proc/self/timers`: what they are called, and what they do.
#[must_use]
pub fn timers(text: &str) -> Vec<(String, String)> {
    timers::posix(text).into_iter().map(|item| (item.name, item.state)).collect()
}

/// What stands in the control data of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlItem {
    /// Descriptors that came.
    Descriptors(Vec<i32>),
    /// The descriptor of the process that sent it.
    PidDescriptor(i32),
    /// Who sent it.
    Credentials(Credentials),
}

/// Reads the control data of a message.
#[must_use]
pub fn control_items(control: &[u8]) -> Vec<ControlItem> {
    socket::control_items(control)
}

/// The key of a file, by its device and inode numbers.
#[must_use]
pub const fn file_key(device: u64, inode: u64, project: u8) -> i32 {
    crate::sysv::file_key(device, inode, project)
}

/// The error that a call returns for this number.
#[must_use]
pub const fn error(call: &'static str, raw: i32) -> Error {
    Error::new(call, Errno::from_raw(raw))
}
