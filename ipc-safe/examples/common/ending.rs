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
    /// the signal can come between the look and the wait; removing the object that it waits for cannot miss it. When the
    /// action fails, nothing ends the wait: then the process ends here.
    pub(crate) fn then(
        mut self,
        action: impl FnOnce() -> ipc_safe::Result<()> + Send + 'static,
    ) -> std::io::Result<()> {
        let wait = move || {
            if self.0.forever().next().is_none() {
                return;
            }
            match action() {
                Err(error) if !error.is_removed() => {
                    eprintln!("cannot end in order: {error}");
                    std::process::exit(1);
                }
                Ok(()) | Err(_) => {}
            }
        };
        std::thread::Builder::new().spawn(wait).map(drop)
    }
}
