//! `ipc run`: a command in namespaces of its own, and what it leaves behind.
//!
//! This process moves into new IPC and mount namespaces and starts itself again as the first process of a new PID
//! namespace ([`mod@init`]), which runs the command. When that ends, the kernel kills whatever else is in the PID namespace; then
//! what is in the IPC namespace is what was left behind.

mod init;
mod left;
mod namespace;
mod supervise;
mod trace;

pub(crate) use init::{INIT, InitArguments, init};

use crate::failure::{Failure, Result, complain, reason};
use left::Left;
use serde::Serialize;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Run a command in IPC and PID namespaces of its own, and report what it leaves behind
///
/// The command sees no objects but its own, a /dev/shm of its own, and limits of its own. When it ends, the processes that it
/// left running are killed, and the queues, sets, segments and POSIX objects that are still there are listed on standard error;
/// they go with the namespace. Root is not needed where user namespaces are allowed. Where no namespaces are to be had, the
/// objects before and after are compared instead, and stay.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Exit with status 123 when the command succeeds but leaves an object behind
    #[arg(long)]
    fail_on_leak: bool,
    /// Make no namespaces: compare the objects before and after
    #[arg(long)]
    no_namespaces: bool,
    /// Also write what was left, as JSON, to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    trace: trace::Options,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const HELP: &str = "\
Examples:
  ipc run -- ./server --port 7
  ipc run --fail-on-leak -- make test
  ipc run -- sh -c 'ipcmk -Q; ipcs'
  ipc run --trace -- sh -c 'ipcmk -Q; ipcrm -q 0'
  ipc run --trace=sysv,futex --trace-times -o calls.txt -- ./server

A line of --trace is [thread] call(arguments), and after a # the C function where that has
another name. It is written before the kernel makes the call: whether that succeeds, and
what it returns, is not known. What arguments point to is read just then, and may be
something else when the kernel reads it; ? stands for what cannot be read. Of mmap, the
shared mappings are shown; of calls on files, those in /dev/shm. Programs of 32 bits are not
seen, and set-user-ID programs gain no rights. Each of these calls, and each opening of a
file, takes some 25 microseconds more: a program that does little else is thirty times
slower, others hardly. Needs Linux 5.5, and no other --trace around it.

Exit status: that of the command, or 128 and the number of the signal that killed it;
123 for --fail-on-leak, 125 when ipc itself fails or is called wrongly, 126 when the
command cannot be run, 127 when it is not found.
See namespaces(7), ipc_namespaces(7), pid_namespaces(7), unshare(1), seccomp_unotify(2),
strace(1).";

/// Something was left behind, and that was to be a failure.
const LEAKED: u8 = 123;
/// `ipc run` itself failed.
pub(crate) const OWN_FAILURE: u8 = 125;

/// What `--report` writes.
#[derive(Debug, Serialize)]
struct Report<'r> {
    command: Vec<String>,
    status: u8,
    /// Whether the command had namespaces of its own; without them, the objects may be somebody else's.
    isolated: bool,
    left_behind: &'r [Left],
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match arguments.run() {
        Ok(status) => status.into(),
        Err(failure) => failure.with_status(OWN_FAILURE).report(),
    }
}

impl Arguments {
    fn run(&self) -> Result<u8> {
        // Before the namespaces, where its path may mean something else.
        let trace_file = self.trace.create_file(!self.no_namespaces)?;
        if self.no_namespaces {
            return self.run_compared(trace_file);
        }
        match namespace::isolate()? {
            namespace::Isolation::Complete => self.run_isolated(),
            namespace::Isolation::Refused(why) => {
                complain(format!("no namespaces to be had ({why}): comparing the objects before and after instead"));
                self.run_compared(trace_file)
            }
        }
    }

    fn run_isolated(&self) -> Result<u8> {
        let private = namespace::private_shm()
            .inspect_err(|error| complain(format!("no /dev/shm of its own: {}", reason(&error))));
        let mut init = Command::new("/proc/self/exe");
        init.arg0("ipc").arg(INIT);
        self.trace.pass_on(&mut init);
        init.arg("--").args(&self.command);
        let status = supervise::outside(&mut init)?;
        let mut left = left::sysv()?;
        if private.is_ok() {
            left.extend(left::in_dev_shm());
            left.extend(left::posix_queues());
        }
        self.conclude(status, true, &left)
    }

    fn run_compared(&self, trace_file: Option<File>) -> Result<u8> {
        let before = left::everything()?;
        let status = self.trace.run(trace_file, || supervise::with_subreaper(&self.command))?;
        let left: Vec<_> =
            left::everything()?.into_iter().filter(|after| !before.iter().any(|it| it.is(after))).collect();
        self.conclude(status, false, &left)
    }

    fn conclude(&self, status: u8, isolated: bool, left: &[Left]) -> Result<u8> {
        let name = self.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        left::print(&name, isolated, left);
        if let Some(path) = &self.report {
            let command = self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            let report = Report { command, status, isolated, left_behind: left };
            let text = serde_json::to_string_pretty(&report).map_err(Failure::new)?;
            std::fs::write(path, text + "\n").map_err(|error| Failure::file("writing", path, &error))?;
        }
        Ok(if self.fail_on_leak && status == 0 && !left.is_empty() { LEAKED } else { status })
    }
}
