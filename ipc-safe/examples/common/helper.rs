//! A child that does not outlive the interest in it.

use std::ops::{Deref, DerefMut};
use std::process::Child;

/// A child that is killed and waited for when this is dropped, if it has not been waited for: also when an error ends the program
/// between the two.
pub(crate) struct Helper(pub(crate) Child);

impl Deref for Helper {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Helper {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Of one that was waited for, both remember that it is gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
