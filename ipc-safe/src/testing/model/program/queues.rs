//! Programs that use message queues, without waiting.

use super::{Handles, Outcome, Places, place_found};
use crate::error::Result;
use crate::sysv::{Key, MessageQueue};
use crate::testing::model::queue::{Limits, Message, Queue, Step};
use crate::testing::model::table::{Get, Serial, Table};
use crate::testing::model::{Answer, Fault};

/// One call.
#[derive(Clone, Debug)]
pub enum Call {
    /// Makes or finds a queue.
    Get {
        /// Where its handle goes.
        place: usize,
        /// How.
        get: Get,
    },
    /// Uses a queue.
    On {
        /// Where its handle is.
        place: usize,
        /// What is done.
        step: Step,
    },
    /// Removes a queue.
    Remove {
        /// Where its handle is.
        place: usize,
    },
}

/// All queues, and where the handles are.
#[derive(Clone, Debug)]
pub struct Model {
    /// Which queues there are.
    pub table: Table<Queue>,
    places: Places,
    limits: Limits,
    byte_limit: u64,
}

impl Model {
    /// No queues, in the calling thread's IPC namespace.
    ///
    /// # Errors
    ///
    /// As [`Limits::of_system`].
    pub fn new() -> Result<Self> {
        let limits = MessageQueue::limits()?;
        Ok(Self {
            table: Table::new(limits.queues as usize),
            places: Places::default(),
            limits: Limits::of_system()?,
            byte_limit: limits.queue_bytes.into(),
        })
    }

    /// Whether the program can make the call: it has a handle there.
    #[must_use]
    pub fn is_possible(&self, call: &Call) -> bool {
        match call {
            Call::Get { .. } => true,
            Call::On { place, .. } | Call::Remove { place } => self.places[*place].is_some(),
        }
    }

    fn serial(&self, place: usize) -> Answer<Serial> {
        self.places[place].ok_or(Fault::GONE)
    }

    /// What a [possible](Self::is_possible) call answers.
    pub fn perform(&mut self, call: &Call) -> Outcome<Option<Message>> {
        match call {
            Call::Get { place, get } => {
                let limit = self.byte_limit;
                let answer = self.table.get(*get, |_| Ok(Queue::new(limit)), |_| Ok(()));
                place_found(&mut self.places, *place, answer)
            }
            // What the crate refuses does not reach the queue.
            Call::On { step: Step::Send { kind, .. } | Step::SendBuffer { kind, .. }, .. } if *kind < 1 => {
                Outcome::Done(Err(Fault::INVALID))
            }
            Call::On { place, step } => {
                let limits = self.limits;
                let queue = self.serial(*place).and_then(|serial| self.table.at_mut(serial));
                Outcome::Done(queue.and_then(|queue| queue.perform(step, &limits)))
            }
            Call::Remove { place } => {
                let removed = self.serial(*place).and_then(|serial| self.table.remove(serial));
                Outcome::Done(removed.map(|()| None))
            }
        }
    }
}

/// The kernel's queues.
#[derive(Debug, Default)]
pub struct Kernel {
    /// Their handles.
    pub handles: Handles<MessageQueue>,
}

impl Kernel {
    /// Makes a call that the model takes for possible, and says that it answers `expected`.
    pub fn perform(&mut self, call: &Call, expected: &Outcome<Option<Message>>) -> Outcome<Option<Message>> {
        match call {
            Call::Get { place, get: Get { key, create, create_new } } => {
                let options = MessageQueue::options().create(*create).create_new(*create_new);
                self.handles.found(*place, expected, options.open(Key::new(*key)))
            }
            Call::On { place, step } => Outcome::Done(step.perform(&self.handles.at(*place))),
            Call::Remove { place } => Outcome::of(self.handles.at(*place).remove().map(|()| None)),
        }
    }

    /// Compares what there is with the model.
    ///
    /// # Panics
    ///
    /// When something is different.
    pub fn check(&self, model: &Model) {
        let own = std::process::id().cast_signed();
        for (serial, key, queue) in model.table.iter() {
            let status = self.handles.of(serial).status().expect("the model has the queue");
            assert_eq!(status.messages, queue.count(), "messages");
            assert_eq!(status.bytes, queue.bytes(), "bytes");
            assert_eq!(status.byte_limit, queue.byte_limit(), "limit");
            assert_eq!(status.permissions.key.as_raw(), key, "key");
            assert_eq!(status.permissions.mode, 0o600, "mode");
            assert_eq!(status.last_sender.map(|pid| pid.as_raw_nonzero().get()), queue.sent.then_some(own), "sender");
            assert_eq!(
                status.last_receiver.map(|pid| pid.as_raw_nonzero().get()),
                queue.received.then_some(own),
                "receiver"
            );
            assert_eq!((status.last_send.is_some(), status.last_receive.is_some()), (queue.sent, queue.received));
        }
        let mut listed: Vec<_> = MessageQueue::list().expect("a list").iter().map(|status| status.id).collect();
        let mut expected: Vec<_> = model.table.iter().map(|(serial, ..)| self.handles.of(serial).id()).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "the queues that there are");
    }

    /// Removes all queues that the program made.
    pub fn clear(&mut self) {
        for queue in self.handles.iter() {
            // An error: it is gone.
            let _ = queue.remove();
        }
        self.handles = Handles::default();
    }
}
