//! What a failed call was made on.

use core::fmt;

/// The object of a failed call, small enough to travel in every error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// The call has no object, or the error's subject names it.
    None,
    /// A System V key, in a call that looks an object up.
    Key(i32),
    /// A message queue by id.
    Queue(i32),
    /// A semaphore set by id.
    Set(i32),
    /// One semaphore: the set's id and the index.
    Semaphore(i32, u16),
    /// A shared memory segment by id.
    Segment(i32),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => Ok(()),
            Self::Key(0) => f.write_str(" of a private object"),
            Self::Key(key) => write!(f, " of key {key:#010x}"),
            Self::Queue(id) => write!(f, " on queue {id}"),
            Self::Set(id) => write!(f, " on set {id}"),
            Self::Semaphore(id, index) => write!(f, " on semaphore {index} of set {id}"),
            Self::Segment(id) => write!(f, " on segment {id}"),
        }
    }
}
