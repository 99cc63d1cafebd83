//! What is different between two snapshots.

use super::Resources;
use super::snapshot::Item;
use core::fmt;

/// One thing that is new, gone, or changed.
///
/// Its text is a line: `new      descriptor 5: /dev/null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    resource: Resources,
    name: String,
    before: Option<String>,
    after: Option<String>,
    note: String,
}

impl Change {
    pub(super) fn new(resource: Resources, before: Option<&Item>, after: Option<&Item>) -> Self {
        let last = after.or(before);
        let text = |part: fn(&Item) -> &String| last.map(part).cloned().unwrap_or_default();
        let state = |item: Option<&Item>| item.map(|item| item.state.clone());
        Self {
            resource,
            name: text(|item| &item.name),
            before: state(before),
            after: state(after),
            note: text(|item| &item.note),
        }
    }

    /// The kind of thing.
    #[must_use]
    pub const fn resource(&self) -> Resources {
        self.resource
    }

    /// The thing: `"queue 3"`, `"descriptor 5"`, `"blocked signals"`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was; `None` when it was not there.
    #[must_use]
    pub fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// What it is; `None` when it is gone.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Whether it was not there before.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.before.is_none()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, note, .. } = self;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "changed  {name}: {before}, now {after}")?,
            (None, state) | (state, None) => {
                write!(f, "{}  {name}", if self.is_new() { "new    " } else { "gone   " })?;
                if let Some(state) = state.as_deref().filter(|state| !state.is_empty()) {
                    write!(f, ": {state}")?;
                }
            }
        }
        if note.is_empty() { Ok(()) } else { write!(f, " ({note})") }
    }
}

/// What is different between two [snapshots](super::Snapshot): nothing, or some changes.
///
/// Its text has a line a change, `nothing` when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Difference {
    changes: Vec<Change>,
}

impl Difference {
    pub(super) fn of(mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|change| change.resource);
        Self { changes }
    }

    /// Whether nothing is different.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes, those of one kind together.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.changes.split_first() else { return f.write_str("nothing") };
        write!(f, "{first}")?;
        others.iter().try_for_each(|change| write!(f, "\n{change}"))
    }
}
