//! An IPC namespace for the targets of a process.

use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::cell::Cell;
use std::ffi::OsStr;
use std::process::Command;

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// Gives the calling thread an IPC namespace of its own, the first time: empty tables, limits that root of the namespace may
/// set. `scripts/fuzz` gives one to who is not root; then this one stays in that.
pub fn enter() {
    if ENTERED.replace(true) {
        return;
    }
    #[expect(unsafe_code, reason = "System V objects have no safe way from one namespace to another")]
    // SAFETY: only which System V objects this thread sees changes; no file descriptor table or memory is parted.
    let entered = unsafe { unshare_unsafe(UnshareFlags::NEWIPC) };
    if let Err(error) = entered {
        assert!(std::env::var_os(INSIDE).is_some(), "no IPC namespace: {error}; scripts/fuzz has a way around");
    }
}

/// As [`enter`], and lowers limits (`kernel.msgmni`, ...) there, so that programs of a few calls reach them. Those that may not
/// be changed stay: the models ask what the limits are.
pub fn enter_with(limits: &[(&str, &str)]) {
    if ENTERED.get() {
        return;
    }
    enter();
    for (name, value) in limits {
        if let Err(error) = std::fs::write(format!("/proc/sys/kernel/{name}"), value) {
            eprintln!("kernel.{name} stays as it is: {error}");
        }
    }
}

/// Set where the process was given a namespace.
const INSIDE: &str = "IPC_FUZZ_NAMESPACE";

/// A command that runs `program` where it can [enter], also for an ordinary user: as root of a user namespace.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--ipc", "--"]).arg(program).env(INSIDE, "1");
    command
}
