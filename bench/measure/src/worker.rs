//! The processes that measure: forked, watched, and never left behind.

use crate::fact::Numbers;
use crate::mechanism::{End, Fault, Result};
use crate::row::Ready;
use ipc_safe::pipe::{PipeReader, PipeWriter, pipe};
use ipc_safe::process::{Children, Pid};
use rustix::process::{Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, waitpid};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long both processes may take, whatever they are told to measure.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often their watcher looks at the clock and at who is asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What a process says at its end, on a line.
#[derive(Serialize, Deserialize)]
enum Said {
    Numbers(Numbers),
    Done,
    Fault(String),
}

/// How a turn ended without numbers.
pub(crate) enum Trouble {
    /// Somebody asked to stop.
    Stopped,
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Has the processes of a row measure, and waits for both.
pub(crate) fn measure(ready: &Ready<'_>, stop: &dyn Fn() -> bool) -> Result<Numbers, Trouble> {
    let (reader, writer) = pipe().map_err(Fault::from)?;
    let mut workers = Workers(Vec::new());
    for &end in ready.processes() {
        workers.start(ready, end, &writer)?;
    }
    drop(writer);
    workers.watch(reader, stop)
}

/// Killed and reaped when dropped.
struct Workers(Vec<Pid>);

impl Workers {
    fn start(&mut self, ready: &Ready<'_>, end: End, writer: &PipeWriter) -> Result {
        let parent = getpid();
        if let Some(pid) = fork()? {
            self.0.push(pid);
            return Ok(());
        }
        // Whatever happens in the child, it does not go on with what its parent was about to do.
        let life = || {
            // When the parent dies, so does this process; it may have died before it was asked to.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if getppid() == Some(parent) { ready.work(end) } else { Err(Fault::from("the parent is gone")) }
        };
        let said = match catch_unwind(AssertUnwindSafe(life)) {
            Ok(Ok(Some(numbers))) => Said::Numbers(numbers),
            Ok(Ok(None)) => Said::Done,
            Ok(Err(fault)) => Said::Fault(fault.to_string()),
            Err(_) => Said::Fault("a panic".into()),
        };
        let line = serde_json::to_string(&said).unwrap_or_default() + "\n";
        // Whether the parent still listens does not matter.
        let _ = (&*writer).write_all(line.as_bytes());
        exit()
    }

    /// Reads what they say until all of them have.
    fn watch(&self, mut reader: PipeReader, stop: &dyn Fn() -> bool) -> Result<Numbers, Trouble> {
        let deadline = Instant::now() + PATIENCE;
        let mut listener = Listener::default();
        while listener.heard < self.0.len() {
            if stop() {
                return Err(Trouble::Stopped);
            }
            if Instant::now() > deadline {
                return Err(Fault::from(format!("nothing came out within {} s", PATIENCE.as_secs())).into());
            }
            match reader.wait_timeout(LOOK) {
                Err(error) if error.is_timed_out() => self.check_alive(&reader, listener.heard)?,
                other => {
                    other.map_err(Fault::from)?;
                    listener.listen(&reader)?;
                }
            }
        }
        // Nothing more comes: this waits until they are gone.
        let _ = reader.read_to_end(&mut Vec::new());
        Ok(listener.numbers.ok_or_else(|| Fault::from("no numbers"))?)
    }

    /// One that was killed says nothing, and the other one would wait for it.
    fn check_alive(&self, reader: &PipeReader, heard: usize) -> Result {
        let has_ended = |pid: &&Pid| Children::pid(**pid).keep(true).try_wait().is_ok();
        let ended = self.0.iter().filter(has_ended).count();
        // What they said before is in the pipe by now.
        if ended > heard && reader.available()? == 0 {
            return Err("a process ended without a word".into());
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for &pid in &self.0 {
            // Both fail only when it is over already.
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// What was said so far.
#[derive(Default)]
struct Listener {
    /// Without an end of line yet.
    text: Vec<u8>,
    heard: usize,
    numbers: Option<Numbers>,
}

impl Listener {
    fn listen(&mut self, reader: &PipeReader) -> Result {
        let mut part = [0; 4096];
        let len = match reader.try_read(&mut part) {
            Err(error) if error.is_would_block() => return Ok(()),
            other => other?,
        };
        if len == 0 {
            return Err("the processes ended without a word".into());
        }
        self.text.extend_from_slice(&part[..len]);
        while let Some(end) = self.text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            self.heard += 1;
            match serde_json::from_slice(&line)? {
                Said::Numbers(numbers) => self.numbers = Some(numbers),
                Said::Done => {}
                Said::Fault(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }
}

/// The child, or none in the child.
#[expect(unsafe_code, reason = "neither std nor rustix forks")]
fn fork() -> Result<Option<Pid>> {
    // SAFETY: a child of a process with several threads may do only what a signal handler may. `run` asks for a process with
    // one, and starts none itself.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error().into()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends a child without what its parent wants done at its own end: no buffers are written, no objects removed.
#[expect(unsafe_code, reason = "neither std nor rustix ends a process so")]
fn exit() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}
