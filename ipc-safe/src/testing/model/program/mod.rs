//! Programs: calls by one process on several objects, which it finds by key and keeps handles of in a few places. A handle stays
//! in its place when its object is gone: so stale ones are used, too.
//!
//! Each kind of object has a `Call`, a `Model` that says what it answers, and a `Kernel` that makes it.
//!
//! ```
//! use ipc_safe::testing::isolated;
//! use ipc_safe::testing::model::program::queues::{Call, Kernel, Model};
//! use ipc_safe::testing::model::queue::Step;
//! use ipc_safe::testing::model::table::Get;
//!
//! let isolation = isolated(|| {
//!     let (mut model, mut kernel) = (Model::new().unwrap(), Kernel::default());
//!     let send = Call::On { place: 0, step: Step::Send { kind: 1, len: 3, byte: 7 } };
//!     for call in [
//!         Call::Get { place: 0, get: Get { key: 5, create: true, create_new: false } },
//!         send.clone(),
//!         Call::Remove { place: 0 },
//!         send, // to what is there no more
//!     ] {
//!         let expected = model.perform(&call);
//!         assert_eq!(kernel.perform(&call, &expected), expected, "{call:?}");
//!         kernel.check(&model);
//!     }
//! });
//! println!("{isolation}");
//! ```

pub mod mappings;
pub mod queues;
pub mod segments;
pub mod sets;

use super::table::Serial;
use super::{Answer, Fault};
use crate::error::Result;
use std::collections::BTreeMap;

/// Places for handles.
pub const PLACES: usize = 4;

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Nothing: it shows in the state only.
    Silent,
    /// Something, or a refusal.
    Done(Answer<T>),
    /// An object that was made or found.
    Found(Answer<Serial>),
}

impl<T> Outcome<T> {
    /// The refusal, when it is one.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Silent => None,
            Self::Done(answer) => answer.as_ref().err().copied(),
            Self::Found(answer) => answer.err(),
        }
    }

    fn of(result: Result<T>) -> Self {
        Self::Done(result.map_err(Fault::from))
    }
}

/// Handles of the kernel's objects: in their places, and by the serial numbers of the model.
#[derive(Clone, Debug)]
pub struct Handles<H> {
    known: BTreeMap<Serial, H>,
    places: [Option<H>; PLACES],
}

impl<H: Copy> Default for Handles<H> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), places: [None; PLACES] }
    }
}

impl<H: Copy + PartialEq> Handles<H> {
    /// Notes what a `get` call found. What the model calls new must be new, anything else the one known; otherwise the answer is a
    /// serial number that nothing has.
    fn found<T>(&mut self, place: usize, expected: &Outcome<T>, result: Result<H>) -> Outcome<T> {
        let handle = match result {
            Ok(handle) => handle,
            Err(error) => return Outcome::Found(Err(error.into())),
        };
        self.places[place] = Some(handle);
        let known = self.known.iter().find_map(|(serial, known)| (*known == handle).then_some(*serial));
        let new = match expected {
            Outcome::Found(Ok(serial)) if known.is_none() && !self.known.contains_key(serial) => *serial,
            _ => Serial::MAX,
        };
        let serial = known.unwrap_or(new);
        self.known.insert(serial, handle);
        Outcome::Found(Ok(serial))
    }

    /// The handle in a place.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn at(&self, place: usize) -> H {
        self.places[place].expect("the model has a handle in this place")
    }

    /// The handle of an object.
    ///
    /// # Panics
    ///
    /// When the program never had one.
    #[must_use]
    pub fn of(&self, serial: Serial) -> H {
        self.known[&serial]
    }

    /// All handles that there ever were.
    pub fn iter(&self) -> impl Iterator<Item = H> {
        self.known.values().copied()
    }
}

/// The places of a model.
type Places = [Option<Serial>; PLACES];

/// Puts an object that was found in its place.
fn place_found<T>(places: &mut Places, place: usize, answer: Answer<Serial>) -> Outcome<T> {
    if let Ok(serial) = answer {
        places[place] = Some(serial);
    }
    Outcome::Found(answer)
}
