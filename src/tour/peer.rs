//! The receiver: this program, started again.

use super::mechanism::{End, Mechanism};
use super::{by_name, conversation};
use crate::failure::{Failure, Result};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The hidden subcommand.
pub(crate) const PEER: &str = "tour-receiver";

/// What the sender tells the receiver.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PeerArguments {
    mechanism: String,
    unit: usize,
    /// The process id of the sender.
    sender: i32,
    file: PathBuf,
    arguments: Vec<String>,
}

/// Starts the receiver. To be called from the thread that lives as long as the process: the receiver notices its end.
pub(super) fn spawn(mechanism: &dyn Mechanism, unit: usize, file: &Path, arguments: &[String]) -> Result<Child> {
    Command::new("/proc/self/exe")
        .args([PEER, mechanism.name(), &unit.to_string(), &std::process::id().to_string(), "--"])
        .arg(file)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| Failure::new(format!("starting the receiver: {error}")))
}

/// Waits for the receiver; one that has no reason to go on, or does not end soon, is killed.
pub(super) fn end(mut child: Child, ends_well: bool) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let deadline = Instant::now() + PATIENCE;
    while ends_well && Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_micros(200));
    }
    // Both fail only when it is over already.
    let _ = child.kill();
    let _ = child.wait();
}

pub(crate) fn peer(arguments: &PeerArguments) -> ExitCode {
    match arguments.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl PeerArguments {
    fn run(&self) -> Result {
        let mechanism = by_name(&self.mechanism).ok_or_else(|| Failure::usage("no such mechanism"))?;
        self.outlive_nobody(mechanism).map_err(|error| Failure::new(format!("the receiver's signals: {error}")))?;
        let result = mechanism
            .connect(self.unit, &self.arguments, End::Receiver)
            .and_then(|mut channel| conversation::receive(&mut *channel, &self.file, self.unit));
        match result {
            Ok(_) => Ok(()),
            // The sender removed the objects, and knows why.
            Err(failure) if !crate::inventory::names().is_ok_and(|names| self.all_exist(&names)) => {
                Err(failure.silenced())
            }
            Err(failure) => Err(failure),
        }
    }

    fn all_exist(&self, names: &std::collections::BTreeSet<crate::inventory::Name>) -> bool {
        self.arguments.iter().all(|argument| names.iter().any(|name| *argument == format!("{}={}", name.kind, name.id)))
    }

    /// When the sender dies, which it may do without a chance to clean up, the receiver does that and ends. Ctrl-C is the
    /// sender's to handle.
    fn outlive_nobody(&self, mechanism: &'static dyn Mechanism) -> std::io::Result<()> {
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGHUP, SIGTERM])?;
        set_parent_process_death_signal(Some(Signal::TERM))?;
        let this = self.clone();
        let end_if_alone = move || {
            if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(this.sender) {
                mechanism.cancel(&this.arguments);
                std::process::exit(128 + SIGTERM);
            }
        };
        // It may have died before it was asked to tell.
        end_if_alone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                end_if_alone();
                if signal == SIGTERM {
                    std::process::exit(128 + SIGTERM);
                }
            }
        });
        Ok(())
    }
}
