//! All objects of the IPC namespace, with what is worth knowing of each.

use crate::failure::{Failure, Result};
use crate::kind::Kind;
use crate::people;
use crate::units::seconds;
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::PosixObject;
use ipc_safe::process::Pid;
use ipc_safe::sysv::{MessageQueue, Permissions, QueueStatus, Segment, SegmentStatus, SemaphoreSet, SetStatus, procfs};
use rustix::thread::{CapabilitySet, capabilities};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fmt, io};

/// What is to be thought of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Somebody lives who uses it, or used it last.
    InUse,
    /// Nobody has used it yet: of a set, that it may lack its initial values.
    Unused,
    /// Everybody known to have used it is dead.
    Orphaned,
    /// Of a queue, the same; only that the kernel does not know who else will use it.
    Suspect,
    /// Removed, and still attached.
    Removed,
    /// The right to look is missing.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InUse => "in use",
            Self::Unused => "unused",
            Self::Orphaned => "orphaned",
            Self::Suspect => "suspect",
            Self::Removed => "removed",
            Self::Unknown => "unknown",
        })
    }
}

impl State {
    pub(crate) fn of_queue(status: &QueueStatus) -> Self {
        match (status.is_suspect(), status.last_sender.or(status.last_receiver)) {
            (true, _) => Self::Suspect,
            (false, None) if status.last_send.is_none() => Self::Unused,
            (false, _) => Self::InUse,
        }
    }

    pub(crate) fn of_set(status: &SetStatus) -> Self {
        let Ok(set) = SemaphoreSet::from_id(status.id) else { return Self::Unknown };
        match set.is_orphaned() {
            Ok(true) => Self::Orphaned,
            Ok(false) if status.last_operation.is_none() => Self::Unused,
            Ok(false) => Self::InUse,
            Err(_) => Self::Unknown,
        }
    }

    pub(crate) fn of_segment(status: &SegmentStatus) -> Self {
        match status {
            status if status.removed => Self::Removed,
            status if status.is_orphaned() => Self::Orphaned,
            status if status.last_attach.is_none() && status.attachments == 0 => Self::Unused,
            _ => Self::InUse,
        }
    }
}

/// What all kinds have.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) id: i32,
    pub(crate) key: String,
    pub(crate) owner: String,
    pub(crate) uid: u32,
    pub(crate) group: String,
    pub(crate) gid: u32,
    pub(crate) creator_uid: u32,
    pub(crate) creator_gid: u32,
    pub(crate) mode: String,
    /// Seconds since the epoch.
    pub(crate) changed: Option<u64>,
    pub(crate) state: State,
}

impl Head {
    fn of(id: i32, permissions: &Permissions, changed: Option<u64>, state: State) -> Self {
        Self {
            id,
            key: permissions.key.to_string(),
            owner: people::user(permissions.uid),
            uid: permissions.uid,
            group: people::group(permissions.gid),
            gid: permissions.gid,
            creator_uid: permissions.creator_uid,
            creator_gid: permissions.creator_gid,
            mode: format!("{:04o}", permissions.mode),
            changed,
            state,
        }
    }
}

/// A queue.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Queue {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) byte_limit: u64,
    pub(crate) last_sender: Option<i32>,
    pub(crate) last_receiver: Option<i32>,
    pub(crate) last_send: Option<u64>,
    pub(crate) last_receive: Option<u64>,
    #[serde(skip)]
    pub(crate) status: QueueStatus,
}

impl From<QueueStatus> for Queue {
    fn from(status: QueueStatus) -> Self {
        Self {
            head: Head::of(status.id, &status.permissions, seconds(status.changed), State::of_queue(&status)),
            messages: status.messages,
            bytes: status.bytes,
            byte_limit: status.byte_limit,
            last_sender: people::number(status.last_sender),
            last_receiver: people::number(status.last_receiver),
            last_send: seconds(status.last_send),
            last_receive: seconds(status.last_receive),
            status,
        }
    }
}

/// A semaphore set.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Set {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) semaphores: usize,
    pub(crate) last_operation: Option<u64>,
    /// Who operated last on each of its semaphores, each once; none without the right to read.
    pub(crate) last_pids: Option<Vec<i32>>,
    #[serde(skip)]
    pub(crate) status: SetStatus,
}

impl From<SetStatus> for Set {
    fn from(status: SetStatus) -> Self {
        let pids = last_pids(&status).map(|pids| pids.into_iter().collect());
        Self {
            head: Head::of(status.id, &status.permissions, seconds(status.changed), State::of_set(&status)),
            semaphores: status.len,
            last_operation: seconds(status.last_operation),
            last_pids: pids,
            status,
        }
    }
}

/// Who operated last on the semaphores of a set, without repetition.
fn last_pids(status: &SetStatus) -> Option<BTreeSet<i32>> {
    let set = SemaphoreSet::from_id(status.id).ok()?;
    let mut pids = BTreeSet::new();
    for index in 0..u16::try_from(status.len).unwrap_or(u16::MAX) {
        pids.extend(people::number(set.semaphore(index).last_pid().ok()?));
    }
    Some(pids)
}

/// A segment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shared {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) size: usize,
    pub(crate) attachments: u64,
    /// Bytes in memory.
    pub(crate) resident: Option<u64>,
    /// Bytes swapped out.
    pub(crate) swapped: Option<u64>,
    pub(crate) locked: bool,
    pub(crate) creator: Option<i32>,
    pub(crate) last_user: Option<i32>,
    pub(crate) last_attach: Option<u64>,
    pub(crate) last_detach: Option<u64>,
    #[serde(skip)]
    pub(crate) status: SegmentStatus,
}

impl Shared {
    /// `memory` is what of the segment is in memory and what is swapped out.
    fn of(status: SegmentStatus, memory: Option<(u64, u64)>) -> Self {
        Self {
            head: Head::of(status.id, &status.permissions, seconds(status.changed), State::of_segment(&status)),
            size: status.size,
            attachments: status.attachments,
            resident: memory.map(|(resident, _)| resident),
            swapped: memory.map(|(_, swapped)| swapped),
            locked: status.locked,
            creator: people::number(status.creator),
            last_user: people::number(status.last_user),
            last_attach: seconds(status.last_attach),
            last_detach: seconds(status.last_detach),
            status,
        }
    }
}

/// All queues.
pub(crate) fn queues() -> Result<Vec<Queue>> {
    Ok(MessageQueue::list()?.into_iter().map(Queue::from).collect())
}

/// All semaphore sets.
pub(crate) fn sets() -> Result<Vec<Set>> {
    Ok(SemaphoreSet::list()?.into_iter().map(Set::from).collect())
}

/// All segments.
pub(crate) fn segments() -> Result<Vec<Shared>> {
    let rows = procfs::segments().unwrap_or_default();
    let memory: HashMap<_, _> = rows.into_iter().map(|row| (row.id, (row.resident, row.swapped))).collect();
    let list = Segment::list()?.into_iter();
    Ok(list.map(|status| Shared::of(status, memory.get(&status.id).copied())).collect())
}

/// Device and inode number: what is the same in all names and descriptors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A POSIX shared memory object.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Posix {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) uid: u32,
    pub(crate) group: String,
    pub(crate) gid: u32,
    pub(crate) mode: String,
    pub(crate) size: u64,
    /// Another one when the object was unlinked and made anew.
    pub(crate) inode: u64,
    /// Bytes in memory or swapped out.
    pub(crate) allocated: u64,
    /// When it was written, mapped for writing or resized last; seconds since the epoch.
    pub(crate) modified: Option<u64>,
    #[serde(skip)]
    pub(crate) modified_at: Option<SystemTime>,
    #[serde(skip)]
    pub(crate) file: FileId,
}

impl Posix {
    pub(crate) fn of(name: &str) -> io::Result<Self> {
        const BLOCK: u64 = 512;
        let metadata = posix_path(name).symlink_metadata()?;
        let modified_at = metadata.modified().ok();
        Ok(Self {
            name: name.to_owned(),
            owner: people::user(metadata.uid()),
            uid: metadata.uid(),
            group: people::group(metadata.gid()),
            gid: metadata.gid(),
            mode: format!("{:04o}", metadata.mode() & 0o7777),
            size: metadata.len(),
            inode: metadata.ino(),
            allocated: metadata.blocks() * BLOCK,
            modified: seconds(modified_at),
            modified_at,
            file: FileId::of(&metadata),
        })
    }
}

/// All POSIX shared memory objects; none where the system has no place for them.
pub(crate) fn posix_objects() -> Result<Vec<Posix>> {
    match PosixObject::list() {
        // One that cannot be looked at was removed just now.
        Ok(names) => Ok(names.iter().filter_map(|name| Posix::of(name).ok()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The entry of one object of a list: what may be known without the right to read it. `status` is why that was asked for.
pub(crate) fn entry<T>(list: Vec<T>, id: i32, head: impl Fn(&T) -> &Head, status: ipc_safe::Result<()>) -> Result<T> {
    match status {
        Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error.into()),
        result => {
            let found = list.into_iter().find(|entry| head(entry).id == id);
            found.ok_or_else(|| result.err().map_or_else(|| gone(id), Into::into))
        }
    }
}

fn gone(id: i32) -> Failure {
    Failure::new(format!("object {id} was removed just now"))
}

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Name {
    Queue { id: i32 },
    Set { id: i32 },
    Segment { id: i32 },
    Posix { name: String },
    File { path: PathBuf },
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue { id } => write!(f, "queue {id}"),
            Self::Set { id } => write!(f, "set {id}"),
            Self::Segment { id } => write!(f, "segment {id}"),
            Self::Posix { name } => write!(f, "POSIX object {name}"),
            Self::File { path } => write!(f, "file {}", path.display()),
        }
    }
}

impl Name {
    pub(crate) fn remove(&self) -> Result {
        match self {
            Self::Queue { id } => MessageQueue::from_id(*id)?.remove()?,
            Self::Set { id } => SemaphoreSet::from_id(*id)?.remove()?,
            Self::Segment { id } => Segment::from_id(*id)?.remove()?,
            Self::Posix { name } => PosixObject::unlink(name)?,
            Self::File { path } => {
                std::fs::remove_file(path).map_err(|error| Failure::file("removing", path, &error))?
            }
        }
        Ok(())
    }

    /// Whether the object is there. One whose key is gone and that goes with its last attachment is not.
    pub(crate) fn exists(&self) -> bool {
        match self {
            Self::Posix { name } => posix_path(name).symlink_metadata().is_ok(),
            Self::File { path } => path.symlink_metadata().is_ok(),
            _ => names().is_ok_and(|names| names.contains(self)),
        }
    }
}

/// Where the C library keeps a POSIX object.
pub(crate) fn posix_path(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name.trim_start_matches('/'))
}

/// An object, and the users to whom it belongs.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) name: Name,
    users: [u32; 2],
}

impl Found {
    /// Whether the caller may remove it: its owner, its creator, and who is privileged.
    pub(crate) fn may_be_removed(&self) -> bool {
        let privileged = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
        privileged || self.users.contains(&rustix::process::geteuid().as_raw())
    }
}

/// All objects of a kind, but for segments that are removed already.
pub(crate) fn all(kind: Kind) -> Result<Vec<Found>> {
    let found = |name, permissions: &Permissions| Found { name, users: [permissions.uid, permissions.creator_uid] };
    Ok(match kind {
        Kind::Queue => {
            MessageQueue::list()?.iter().map(|it| found(Name::Queue { id: it.id }, &it.permissions)).collect()
        }
        Kind::Set => SemaphoreSet::list()?.iter().map(|it| found(Name::Set { id: it.id }, &it.permissions)).collect(),
        Kind::Segment => {
            let segments = Segment::list()?.into_iter().filter(|it| !it.removed);
            segments.map(|it| found(Name::Segment { id: it.id }, &it.permissions)).collect()
        }
        Kind::Posix => {
            let objects = posix_objects()?.into_iter();
            objects.map(|it| Found { name: Name::Posix { name: it.name }, users: [it.uid; 2] }).collect()
        }
    })
}

/// The names of all System V objects, but for segments that are removed already.
pub(crate) fn names() -> Result<BTreeSet<Name>> {
    let mut names = BTreeSet::new();
    for kind in Kind::SYSV {
        names.extend(all(kind)?.into_iter().map(|found| found.name));
    }
    Ok(names)
}

/// Objects that one of these processes made or used last, as far as the kernel knows.
pub(crate) fn used_by(pids: &[Pid]) -> ipc_safe::Result<BTreeSet<Name>> {
    let ours = |pid: Option<Pid>| pid.is_some_and(|pid| pids.contains(&pid));
    let mut names = BTreeSet::new();
    for status in MessageQueue::list()? {
        if ours(status.last_sender) || ours(status.last_receiver) {
            names.insert(Name::Queue { id: status.id });
        }
    }
    for status in SemaphoreSet::list()? {
        let last = last_pids(&status).unwrap_or_default();
        if pids.iter().any(|pid| last.contains(&pid.as_raw_nonzero().get())) {
            names.insert(Name::Set { id: status.id });
        }
    }
    for status in Segment::list()? {
        if ours(status.creator) || ours(status.last_user) {
            names.insert(Name::Segment { id: status.id });
        }
    }
    Ok(names)
}
