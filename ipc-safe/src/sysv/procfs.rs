//! The same objects as `/proc/sysvipc` shows them.
//!
//! [`MessageQueue::list`](super::MessageQueue::list) and its siblings ask the kernel directly and know more. These tables
//! are one system call each, need no rights, and have two things of their own: how much of a segment is in memory, and how
//! much is swapped out. They are those of the reading thread's IPC namespace, which makes them an exact leak detector.
//!
//! ```
//! use ipc_safe::sysv::{MessageQueue, procfs};
//!
//! let queue = MessageQueue::private()?;
//! assert!(procfs::queues()?.iter().any(|row| row.id == queue.id()));
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! [proc_sysvipc(5)](https://man7.org/linux/man-pages/man5/proc_sysvipc.5.html)

use super::key::Key;
use super::time::from_seconds;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::{Pid, from_status};
use std::time::SystemTime;

/// What all kinds of rows have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The key.
    pub key: Key,
    /// The permission bits, and for a segment its state above them.
    pub mode: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// User id of the creator.
    pub creator_uid: u32,
    /// Group id of the creator.
    pub creator_gid: u32,
    /// When the object was made or its settings changed.
    pub changed: Option<SystemTime>,
}

/// A row of `/proc/sysvipc/msg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueRow {
    /// The id.
    pub id: i32,
    /// Key, mode, owner.
    pub head: Head,
    /// Bytes in the queue.
    pub bytes: u64,
    /// Messages in the queue.
    pub messages: u64,
    /// Who sent last.
    pub last_sender: Option<Pid>,
    /// Who received last.
    pub last_receiver: Option<Pid>,
    /// When the last message was sent.
    pub last_send: Option<SystemTime>,
    /// When the last message was received.
    pub last_receive: Option<SystemTime>,
}

/// A row of `/proc/sysvipc/sem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetRow {
    /// The id.
    pub id: i32,
    /// Key, mode, owner.
    pub head: Head,
    /// How many semaphores it has.
    pub len: usize,
    /// When somebody operated on it last.
    pub last_operation: Option<SystemTime>,
}

/// A row of `/proc/sysvipc/shm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentRow {
    /// The id.
    pub id: i32,
    /// Key, mode, owner.
    pub head: Head,
    /// The size in bytes.
    pub size: usize,
    /// How often it is attached.
    pub attachments: u64,
    /// Who made it.
    pub creator: Option<Pid>,
    /// Who attached or detached last.
    pub last_user: Option<Pid>,
    /// When it was attached last.
    pub last_attach: Option<SystemTime>,
    /// When it was detached last.
    pub last_detach: Option<SystemTime>,
    /// Bytes in memory.
    pub resident: u64,
    /// Bytes swapped out.
    pub swapped: u64,
}

/// All queues.
///
/// # Errors
///
/// That of reading the file: [`NotFound`](ErrorKind::NotFound) without System V IPC or without `/proc`.
pub fn queues() -> Result<Vec<QueueRow>> {
    parse_queues(&read("msg")?)
}

/// All semaphore sets.
///
/// # Errors
///
/// As [`queues`].
pub fn sets() -> Result<Vec<SetRow>> {
    parse_sets(&read("sem")?)
}

/// All segments.
///
/// # Errors
///
/// As [`queues`].
pub fn segments() -> Result<Vec<SegmentRow>> {
    parse_segments(&read("shm")?)
}

/// The rows in the text of `/proc/sysvipc/msg`.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) for a text that is not such a table.
pub fn parse_queues(text: &str) -> Result<Vec<QueueRow>> {
    parse(text, |row| {
        Some(QueueRow {
            id: row.number("msqid")?,
            head: row.head()?,
            bytes: row.number("cbytes")?,
            messages: row.number("qnum")?,
            last_sender: row.pid("lspid")?,
            last_receiver: row.pid("lrpid")?,
            last_send: row.time("stime")?,
            last_receive: row.time("rtime")?,
        })
    })
}

/// The rows in the text of `/proc/sysvipc/sem`.
///
/// # Errors
///
/// As [`parse_queues`].
pub fn parse_sets(text: &str) -> Result<Vec<SetRow>> {
    parse(text, |row| {
        Some(SetRow {
            id: row.number("semid")?,
            head: row.head()?,
            len: row.number("nsems")?,
            last_operation: row.time("otime")?,
        })
    })
}

/// The rows in the text of `/proc/sysvipc/shm`.
///
/// # Errors
///
/// As [`parse_queues`].
pub fn parse_segments(text: &str) -> Result<Vec<SegmentRow>> {
    parse(text, |row| {
        Some(SegmentRow {
            id: row.number("shmid")?,
            head: row.head()?,
            size: row.number("size")?,
            attachments: row.number("nattch")?,
            creator: row.pid("cpid")?,
            last_user: row.pid("lpid")?,
            last_attach: row.time("atime")?,
            last_detach: row.time("dtime")?,
            resident: row.number("rss")?,
            swapped: row.number("swap")?,
        })
    })
}

/// The value of `/proc/sys/kernel/NAME`, without the line end.
pub(super) fn sysctl(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
    Some(text.trim_end().to_owned())
}

/// One line of a table, with the names of its columns.
struct Row<'t> {
    names: &'t [&'t str],
    line: &'t str,
}

impl<'t> Row<'t> {
    fn text(&self, name: &str) -> Option<&'t str> {
        let column = self.names.iter().position(|&known| known == name)?;
        self.line.split_whitespace().nth(column)
    }

    fn number<N: core::str::FromStr>(&self, name: &str) -> Option<N> {
        self.text(name)?.parse().ok()
    }

    fn pid(&self, name: &str) -> Option<Option<Pid>> {
        self.number(name).map(from_status)
    }

    fn time(&self, name: &str) -> Option<Option<SystemTime>> {
        self.number(name).map(from_seconds)
    }

    fn head(&self) -> Option<Head> {
        Some(Head {
            key: Key::new(self.number("key")?),
            mode: u32::from_str_radix(self.text("perms")?, 8).ok()?,
            uid: self.number("uid")?,
            gid: self.number("gid")?,
            creator_uid: self.number("cuid")?,
            creator_gid: self.number("cgid")?,
            changed: self.time("ctime")?,
        })
    }
}

/// Every line after the first, which names the columns.
fn parse<T>(text: &str, of_row: impl Fn(&Row<'_>) -> Option<T>) -> Result<Vec<T>> {
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split_whitespace().collect();
    let row = |line| {
        of_row(&Row { names: &names, line }).ok_or_else(|| {
            Error::invalid("procfs", "not a line of a /proc/sysvipc table").without_errno().about(format!("{line:?}"))
        })
    };
    lines.map(row).collect()
}

fn read(file: &str) -> Result<String> {
    let path = format!("/proc/sysvipc/{file}");
    std::fs::read_to_string(&path).map_err(|error| match error.raw_os_error() {
        Some(raw) => Error::new("read", Errno::from_raw(raw)).about(path),
        None => Error::new("read", Errno::from_raw(0)).without_errno().kind_of(ErrorKind::Other).about(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "\
       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
      -5         32   660          12          3     7     0  1000   100     0     0 1700000000          0 1600000000
";

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let rows = parse_queues(QUEUE).unwrap();
        let [row] = rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.id, row.head.key, row.head.mode), (32, Key::new(-5), 0o660));
        assert_eq!((row.bytes, row.messages), (12, 3));
        assert_eq!((row.last_sender.map(|pid| pid.as_raw_nonzero().get()), row.last_receiver), (Some(7), None));
        assert_eq!(row.last_receive, None);
        assert!(row.last_send.is_some());
    }

    #[test]
    fn anything_else_is_an_error_and_not_a_panic() {
        assert_eq!(parse_queues("").unwrap(), []);
        assert!(parse_queues(&QUEUE.replace("660", "9x")).is_err());
        assert!(parse_sets(QUEUE).is_err());
        assert!(parse_segments("key\n1\n").is_err());
        assert!(parse_queues(&QUEUE.replace("1700000000", "99999999999999999999")).is_err());
        let beyond = parse_queues(&QUEUE.replace("1700000000", "9223372036854775807")).unwrap();
        assert_eq!(
            beyond[0].last_send.is_some(),
            SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(i64::MAX as u64)).is_some()
        );
    }
}
