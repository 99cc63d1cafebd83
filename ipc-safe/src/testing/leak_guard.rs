//! A guard against what is left behind.

use super::{Difference, Snapshot, SnapshotOptions};
use crate::error::Result;
use std::thread;
use std::time::Duration;

/// How long something may take to go away by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// Panics when it is dropped while something is there that was not when it was made, or the other way round, and says what.
/// Keeps still when the thread panics already.
///
/// What goes away within a second is no leak. Like all [snapshots](Snapshot), it sees what other threads do, and System V objects of
/// everybody who has the same IPC namespace.
///
/// ```
/// use ipc_safe::sysv::MessageQueue;
/// use ipc_safe::testing::{LeakGuard, Resources, Snapshot, isolated};
///
/// let isolation = isolated(|| {
///     let _guard = LeakGuard::of(Snapshot::options().only(Resources::THREAD)).unwrap();
///     let queue = MessageQueue::private().unwrap(); // an owner, which removes it
/// });
/// println!("{isolation}");
/// ```
#[derive(Debug)]
#[must_use = "it looks when it is dropped"]
pub struct LeakGuard {
    before: Option<Snapshot>,
}

impl LeakGuard {
    /// Takes a snapshot of everything.
    ///
    /// # Errors
    ///
    /// As [`SnapshotOptions::take`].
    pub fn new() -> Result<Self> {
        Self::of(Snapshot::options())
    }

    /// Takes a snapshot with these options.
    ///
    /// # Errors
    ///
    /// As [`SnapshotOptions::take`].
    #[expect(clippy::needless_pass_by_value, reason = "options are made for it")]
    pub fn of(options: SnapshotOptions) -> Result<Self> {
        options.take().map(|before| Self { before: Some(before) })
    }

    /// What is different, without a panic.
    ///
    /// # Errors
    ///
    /// As [`SnapshotOptions::take`].
    pub fn finish(mut self) -> Result<Difference> {
        self.before.take().map_or_else(|| Ok(Difference::default()), |before| before.lasting_changes(PATIENCE))
    }
}

impl Drop for LeakGuard {
    fn drop(&mut self) {
        let Some(before) = self.before.take() else { return };
        if thread::panicking() {
            return;
        }
        match before.lasting_changes(PATIENCE) {
            Ok(difference) if difference.is_empty() => {}
            Ok(difference) => panic!("not as it was before:\n{difference}"),
            Err(error) => panic!("whether anything leaked cannot be told: {error}"),
        }
    }
}
