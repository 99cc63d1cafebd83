//! The System V objects of a row.

use super::mechanism::Objects;
use crate::failure::Result;
use crate::inventory::Name;
use crate::kind::Kind;
use ipc_safe::sysv::{MessageQueue, Owned, Segment, SemaphoreSet};

/// Up to one object of each kind. Its arguments are the kinds and ids: `queue=3`.
#[derive(Debug, Default)]
pub(super) struct SysvObjects {
    pub(super) queue: Option<Owned<MessageQueue>>,
    pub(super) set: Option<Owned<SemaphoreSet>>,
    pub(super) segment: Option<Owned<Segment>>,
}

impl SysvObjects {
    fn names(&self) -> Vec<Name> {
        let queue = self.queue.as_ref().map(|queue| Name { kind: Kind::Queue, id: queue.id() });
        let set = self.set.as_ref().map(|set| Name { kind: Kind::Set, id: set.id() });
        let segment = self.segment.as_ref().map(|segment| Name { kind: Kind::Segment, id: segment.id() });
        [queue, set, segment].into_iter().flatten().collect()
    }
}

impl Objects for SysvObjects {
    fn arguments(&self) -> Vec<String> {
        self.names().into_iter().map(|Name { kind, id }| format!("{kind}={id}")).collect()
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>> {
        let names = self.names();
        drop(self);
        let all = crate::inventory::names()?;
        Ok(names.into_iter().filter(|name| all.contains(name)).map(|name| name.to_string()).collect())
    }
}

/// The id after `KIND=`.
pub(super) fn id(arguments: &[String], kind: Kind) -> Result<i32> {
    let value = arguments.iter().find_map(|argument| argument.strip_prefix(kind.name())?.strip_prefix('='));
    let id = value.and_then(|value| value.parse().ok());
    id.ok_or_else(|| crate::failure::Failure::usage(format!("the receiver needs the id of a {kind}")))
}

/// Removes what the arguments name. What is gone already, is.
pub(super) fn remove(arguments: &[String]) {
    // The segment last: as long as the others are there, somebody may be about to attach it.
    for kind in Kind::ALL {
        if let Ok(id) = id(arguments, kind) {
            let _ = Name { kind, id }.remove();
        }
    }
}
