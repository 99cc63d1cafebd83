//! What there is, to be compared with what there was.

use super::difference::{Change, Difference};
use super::mappings::Mapping;
use super::{children, descriptors, mappings, objects, paths, signals, status, threads, timers};
use crate::error::{Error, Result};
use crate::wait::poll;
use bitflags::bitflags;
use core::fmt;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

bitflags! {
    /// Kinds of things that a process can leave behind.
    ///
    /// ```
    /// use ipc_safe::testing::Resources;
    ///
    /// assert!(!Resources::THREAD.contains(Resources::DESCRIPTORS));
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Resources: u32 {
        /// System V queues, sets and segments of the calling thread's IPC namespace, whoever made them: what they are, how many
        /// messages a queue holds, how often a segment is attached. To see one's own only, be [isolated](super::isolated).
        const OBJECTS = 1 << 0;
        /// Mappings of files, of shared memory and of segments.
        const MAPPINGS = 1 << 1;
        /// Private anonymous mappings: also those of the allocator, and the stacks of threads, which the C library keeps for
        /// the next one. Not among [`ALL`](Self::ALL), but exact where neither allocates.
        const PRIVATE_MEMORY = 1 << 2;
        /// How much memory is locked.
        const LOCKED_MEMORY = 1 << 3;
        /// Open descriptors, and what they are open for.
        const DESCRIPTORS = 1 << 4;
        /// Children, also those that have ended and were not waited for.
        const CHILDREN = 1 << 5;
        /// Threads of this process.
        const THREADS = 1 << 6;
        /// The signals that the calling thread blocks.
        const MASK = 1 << 7;
        /// The signals that wait for the calling thread or for the process.
        const PENDING = 1 << 8;
        /// What the process does about each signal, down to the address of the handler.
        const DISPOSITIONS = 1 << 9;
        /// Interval timers that run, and POSIX timers. (The latter where the kernel lists them: `/proc/self/timers`.)
        const TIMERS = 1 << 10;
        /// What is in the folders that were named.
        const PATHS = 1 << 11;
        /// What is the calling thread's alone when it has an IPC namespace of its own: exact while other threads do what they
        /// like.
        const THREAD = Self::OBJECTS.bits() | Self::MASK.bits();
        /// All but [`PRIVATE_MEMORY`](Self::PRIVATE_MEMORY).
        const ALL = Self::OBJECTS.bits() | Self::MAPPINGS.bits() | Self::LOCKED_MEMORY.bits() | Self::DESCRIPTORS.bits()
            | Self::CHILDREN.bits() | Self::THREADS.bits() | Self::MASK.bits() | Self::PENDING.bits()
            | Self::DISPOSITIONS.bits() | Self::TIMERS.bits() | Self::PATHS.bits();
    }
}

/// A thing that is there.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// What it is called: `queue 3`, `descriptor 5`.
    pub(super) name: String,
    /// What is compared.
    pub(super) state: String,
    /// What else a person wants to know.
    pub(super) note: String,
}

impl Item {
    pub(super) fn new(name: impl fmt::Display, state: impl fmt::Display) -> Self {
        Self { name: name.to_string(), state: state.to_string(), note: String::new() }
    }

    pub(super) fn note(mut self, note: impl fmt::Display) -> Self {
        self.note = note.to_string();
        self
    }
}

/// Finds the things of one kind.
type Find = fn() -> Result<Vec<Item>>;

/// What a [`Snapshot`] looks at.
///
/// ```
/// use ipc_safe::testing::{Resources, Snapshot};
///
/// let before = Snapshot::options().only(Resources::DESCRIPTORS).take()?;
/// let file = std::fs::File::open("/dev/null").unwrap();
/// let difference = before.changes()?;
/// assert!(difference.to_string().ends_with(": /dev/null"), "{difference}"); // new   descriptor 3: /dev/null
/// # drop(file);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is looked at until `take`"]
pub struct SnapshotOptions {
    resources: Resources,
    folders: Vec<PathBuf>,
}

impl SnapshotOptions {
    /// Looks at these only.
    pub const fn only(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Looks into this folder, too, and into those below: a folder for temporary files, `/dev/shm`, `/dev/mqueue`.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }

    /// Looks.
    ///
    /// # Errors
    ///
    /// That of reading a file of `/proc`, or a folder. A kernel without System V IPC has no objects; a folder that is not there
    /// has nothing in it.
    pub fn take(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot { options: self.clone(), items: BTreeMap::new(), mappings: Vec::new() };
        let finders: [(Resources, Find); 9] = [
            (Resources::OBJECTS, objects::find),
            (Resources::LOCKED_MEMORY, status::locked_memory),
            (Resources::DESCRIPTORS, descriptors::find),
            (Resources::CHILDREN, children::find),
            (Resources::THREADS, threads::find),
            (Resources::MASK, status::mask),
            (Resources::PENDING, status::pending),
            (Resources::DISPOSITIONS, signals::dispositions),
            (Resources::TIMERS, timers::find),
        ];
        for (resource, find) in finders.into_iter().filter(|(resource, _)| self.resources.contains(*resource)) {
            snapshot.add(resource, find()?);
        }
        if self.resources.contains(Resources::PATHS) {
            for folder in &self.folders {
                snapshot.add(Resources::PATHS, paths::find(folder)?);
            }
        }
        if self.resources.intersects(Resources::MAPPINGS | Resources::PRIVATE_MEMORY) {
            snapshot.mappings = mappings::find()?;
            snapshot.mappings.retain(|mapping| self.resources.contains(mapping.resource()));
        }
        Ok(snapshot)
    }
}

/// What there was when it was taken: objects, mappings, descriptors, children, threads, signals, timers, paths.
///
/// Most of it belongs to the whole process. Where several threads run (tests do, in parallel), take what is the
/// [thread's alone](Resources::THREAD), or do the test in [a process of its own](super::in_process), and within it
/// [isolated](super::isolated). What a program does once
/// and keeps (a library that is loaded, a page for fork generations) is no leak: do it before.
///
/// ```
/// use ipc_safe::sysv::MessageQueue;
/// use ipc_safe::testing::{Resources, Snapshot};
///
/// let before = Snapshot::options().only(Resources::OBJECTS).take()?;
/// let queue = MessageQueue::private()?;
/// let difference = before.changes()?;
/// println!("{difference}"); // new      queue 7: key 0x00000000, mode 600, owner 0, 0 messages of 0 bytes (changed 0 s ago)
/// assert!(difference.to_string().contains(&format!("queue {}", queue.id())));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    options: SnapshotOptions,
    items: BTreeMap<(Resources, String), Item>,
    mappings: Vec<Mapping>,
}

impl Snapshot {
    /// Everything but [private memory](Resources::PRIVATE_MEMORY) and paths, which need a folder.
    ///
    /// # Errors
    ///
    /// As [`SnapshotOptions::take`].
    pub fn take() -> Result<Self> {
        Self::options().take()
    }

    /// To look at less, or into folders.
    pub const fn options() -> SnapshotOptions {
        SnapshotOptions { resources: Resources::ALL, folders: Vec::new() }
    }

    /// Of nothing at all.
    pub(super) const fn empty() -> Self {
        Self { options: Self::options(), items: BTreeMap::new(), mappings: Vec::new() }
    }

    fn add(&mut self, resource: Resources, items: Vec<Item>) {
        self.items.extend(items.into_iter().map(|item| ((resource, item.name.clone()), item)));
    }

    /// What is different in `later`: new, gone or changed. Looks at what this one looked at.
    pub fn difference(&self, later: &Self) -> Difference {
        let mut changes = Vec::new();
        for ((resource, name), item) in &later.items {
            match self.items.get(&(*resource, name.clone())) {
                None => changes.push(Change::new(*resource, None, Some(item))),
                Some(was) if was.state != item.state => changes.push(Change::new(*resource, Some(was), Some(item))),
                Some(_) => {}
            }
        }
        let gone = self.items.iter().filter(|(key, _)| !later.items.contains_key(*key));
        changes.extend(gone.map(|((resource, _), item)| Change::new(*resource, Some(item), None)));
        for mapping in mappings::beyond(&later.mappings, &self.mappings) {
            changes.push(Change::new(mapping.resource(), None, Some(&mapping.to_item())));
        }
        for mapping in mappings::beyond(&self.mappings, &later.mappings) {
            changes.push(Change::new(mapping.resource(), Some(&mapping.to_item()), None));
        }
        Difference::of(changes)
    }

    /// What is different now.
    ///
    /// # Errors
    ///
    /// As [`SnapshotOptions::take`].
    pub fn changes(&self) -> Result<Difference> {
        self.options.take().map(|now| self.difference(&now))
    }

    /// As [`changes`](Self::changes), but what goes away by itself within `patience` is not reported: a thread that ends, a
    /// child that was killed, messages on their way.
    ///
    /// # Errors
    ///
    /// As [`SnapshotOptions::take`].
    pub fn lasting_changes(&self, patience: Duration) -> Result<Difference> {
        let mut difference = self.changes()?;
        if difference.is_empty() {
            return Ok(difference);
        }
        poll(patience, || {
            difference = self.changes()?;
            Ok::<_, Error>(difference.is_empty().then_some(()))
        })?;
        Ok(difference)
    }
}
