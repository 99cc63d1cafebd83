//! The first process of the PID namespace: everybody's last parent.

use super::{namespace, supervise, trace};
use crate::failure::{Failure, Result, complain, reason};
use crate::people;
use ipc_safe::process::Pid;
use rustix::process::{Signal, getpid, set_parent_process_death_signal};
use std::ffi::OsString;
use std::process::ExitCode;

/// The hidden subcommand.
pub(crate) const INIT: &str = "run-init";

/// What the init is to run.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    trace: trace::Options,
    #[arg(required = true, last = true)]
    command: Vec<OsString>,
}

pub(crate) fn init(arguments: &InitArguments) -> ExitCode {
    match arguments.run() {
        Ok(status) => status.into(),
        Err(failure) => failure.with_status(super::OWN_FAILURE).report(),
    }
}

impl InitArguments {
    fn run(&self) -> Result<u8> {
        if getpid() != Pid::INIT {
            return Err(Failure::usage("this is for \"ipc run\" only"));
        }
        let failed = |errno| Failure::new(format!("preparing the first process: {}", reason(&errno)));
        // Should "ipc run" be killed, the namespace goes with it.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
        // Before the mounts: its path may go through /proc.
        let trace_file = self.trace.open_file()?;
        let proc =
            namespace::own_proc().inspect_err(|errno| complain(format!("no /proc of its own: {}", reason(&errno))));
        namespace::give_up().map_err(failed)?;
        self.trace.run(trace_file, || {
            let status = supervise::command(&self.command)?;
            if proc.is_ok() {
                // They need not be killed: when the first process of a PID namespace ends, the kernel kills all others.
                supervise::say_ended(&others().into_iter().map(|pid| people::long(Some(pid))).collect::<Vec<_>>());
                // But nobody is to wait for more calls of theirs.
                if self.trace.is_on() {
                    supervise::end(others);
                }
            }
            Ok(status)
        })
    }
}

/// The other processes of the namespace that still run.
fn others() -> Vec<Pid> {
    let runs = |pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        *pid != 1 && state.is_some_and(|state| !state.trim_start().starts_with('Z'))
    };
    people::processes().into_iter().filter(runs).filter_map(Pid::from_raw).collect()
}
