//! How the examples end in order on SIGINT (Ctrl-C) and SIGTERM.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The two signals, caught from when this is made on: before there is anything to leave behind.
pub(crate) struct Ending(Signals);

impl Ending {
    pub(crate) fn prepare() -> std::io::Result<Self> {
        Signals::new([SIGINT, SIGTERM]).map(Self)
    }

    /// Runs `action` at the first of the signals, also when it came already. In a thread, where everything may be called:
    /// in a signal handler nearly nothing may. A flag that the main thread looks at before it waits would not do, because
    /// the signal can come between the look and the wait; removing the object that it waits for cannot miss it.
    pub(crate) fn then(mut self, action: impl FnOnce() + Send + 'static) {
        std::thread::spawn(move || {
            if self.0.forever().next().is_some() {
                action();
            }
        });
    }
}
