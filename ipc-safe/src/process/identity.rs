//! Which thread this is, and whether another one still lives, also when ids come back.

use super::generation::Generation;
use crate::error::{Errno, Error, Result};
use core::cell::Cell;
use rustix::process::Pid;
use std::{fs, io};

/// A thread, told apart from every other that has had or will have its id: the id and the time at which it started.
///
/// A process is known by its first thread. The words fit into shared memory; two zeros are nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The thread id in the pid namespace of the caller.
    pub(crate) id: u32,
    /// When it started, in clock ticks since the system did. 0 when `/proc` does not say.
    pub(crate) started: u64,
}

/// What is known of the thread that an [`Identity`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It runs, or `/proc` does not tell that it is another one.
    Alive,
    /// It has ended; its id belongs to nobody or to another thread.
    Ended,
}

/// What a thread knows of itself. Belongs to one fork generation: a forked child asks again.
#[derive(Clone, Copy)]
struct Known {
    generation: Option<Generation>,
    me: Identity,
    namespace: u64,
    /// Whether `/proc` shows the caller's pid namespace. In a new one it is that of the parent until another is mounted.
    has_proc: bool,
}

thread_local! {
    static KNOWN: Cell<Known> = const { Cell::new(Known {
        generation: None,
        me: Identity { id: 0, started: 0 },
        namespace: 0,
        has_proc: false,
    }) };
}

impl Identity {
    /// The calling thread. No system call, except for the first time in a thread.
    #[inline]
    pub(crate) fn of_thread() -> Self {
        known().me
    }

    /// The first thread of the calling process.
    ///
    /// Fails where `/proc` would tell but cannot be asked just now, for want of a descriptor: whoever goes by that the process
    /// has no start would take any other one with its id for it.
    pub(crate) fn of_process() -> Result<Self> {
        let id = std::process::id();
        let status = has_proc().and_then(|has_proc| has_proc.then(|| Status::read(id)).transpose());
        match status {
            Ok(status) => Ok(Self { id, started: status.map_or(0, |status| status.started) }),
            Err(error) => {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
                Err(Error::new("open", errno).about(format!("/proc/{id}/stat")))
            }
        }
    }

    /// The thread that has this id now.
    pub(crate) fn of_id(id: u32) -> Option<Self> {
        Status::of(id).map(|status| Self { id, started: status.started })
    }

    /// Whether the process whose first thread this is still runs. That thread may have ended before the others. A few system
    /// calls; one that has ended but was not waited for shows in `/proc` only, and that takes a descriptor.
    pub(crate) fn process_state(self) -> State {
        let Some(pid) = i32::try_from(self.id).ok().and_then(Pid::from_raw) else {
            return State::Ended;
        };
        match Status::of(self.id) {
            Some(status) if self.started != 0 && status.started != self.started => State::Ended,
            Some(status) if status.is_ending && status.threads <= 1 => State::Ended,
            Some(_) => State::Alive,
            // No such process, or no /proc.
            None if super::is_alive(pid) => State::Alive,
            None => State::Ended,
        }
    }
}

/// A number for the pid and time namespaces of the calling thread, in which its ids and start times have their meaning.
/// Never 0. Where `/proc` does not tell it is 1.
#[inline]
pub(crate) fn namespace() -> u64 {
    known().namespace
}

#[inline]
fn known() -> Known {
    let known = KNOWN.get();
    if known.generation == Some(Generation::current()) { known } else { ask() }
}

#[cold]
fn ask() -> Known {
    let id = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
    let proc = has_proc().and_then(|has_proc| Ok((has_proc, if has_proc { Status::read(id)?.started } else { 0 })));
    let (has_proc, started) = *proc.as_ref().unwrap_or(&(false, 0));
    let generation = Some(Generation::current());
    let known = Known { generation, me: Identity { id, started }, namespace: ask_namespace(), has_proc };
    // What could not be asked just now is asked again the next time.
    if proc.is_ok() {
        KNOWN.set(known);
    }
    known
}

/// `/proc` lists the ids of the caller in its own namespace and in those below: one id means that it is the caller's. Fails when
/// there is a `/proc`, but no descriptor to read it.
fn has_proc() -> io::Result<bool> {
    let status = match fs::read("/proc/thread-self/status") {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => {
            return Ok(false);
        }
        status => status?,
    };
    let ids = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"));
    Ok(ids.is_some_and(|ids| ids.split(u8::is_ascii_whitespace).filter(|id| !id.is_empty()).count() == 1))
}

fn ask_namespace() -> u64 {
    let number = |path| rustix::fs::stat(path).map_or(0, |status| status.st_ino);
    // Namespaces are numbered from one counter of 32 bits.
    match number("/proc/thread-self/ns/pid") << 32 | number("/proc/thread-self/ns/time") & 0xffff_ffff {
        0 => 1,
        numbers => numbers,
    }
}

/// What `/proc` says of a thread.
struct Status {
    started: u64,
    /// It is a zombie, or on the way to become one: it never runs a program's instruction again.
    is_ending: bool,
    /// How many threads its process has, itself included.
    threads: u32,
}

/// What a test wants to know of it: when it started, whether it ends, and its threads.
#[cfg(feature = "testing")]
pub(crate) fn parse_stat(stat: &[u8]) -> Option<(u64, bool, u32)> {
    Status::parse(stat).map(|status| (status.started, status.is_ending, status.threads))
}

impl Status {
    /// `None` when there is no such thread, or no `/proc` that would know.
    fn of(id: u32) -> Option<Self> {
        if known().has_proc { Self::read(id).ok() } else { None }
    }

    fn read(id: u32) -> io::Result<Self> {
        let stat = fs::read(format!("/proc/{id}/stat"))?;
        Self::parse(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The name before the last parenthesis may hold anything. The fields behind it are counted from the third on.
        let behind_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
        let mut fields = std::str::from_utf8(&stat[behind_name..]).ok()?.split_ascii_whitespace();
        let state = fields.next()?;
        let flags: u32 = fields.nth(9 - 4)?.parse().ok()?;
        let threads = fields.nth(20 - 10)?.parse().ok()?;
        let started = fields.nth(22 - 21)?.parse().ok()?;
        Some(Self { started, is_ending: matches!(state, "Z" | "X") || flags & PF_EXITING != 0, threads })
    }
}

/// A flag of the kernel's (`include/linux/sched.h`): the thread is ending.
const PF_EXITING: u32 = 0x4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_thread_has_its_own_and_keeps_it() {
        let here = Identity::of_thread();
        assert_eq!(here, Identity::of_thread());
        assert_ne!(here.id, std::thread::spawn(|| Identity::of_thread().id).join().unwrap());
        assert_eq!(Identity::of_id(here.id), Some(here));
        assert_eq!(Identity::of_process().unwrap().process_state(), State::Alive);
    }

    #[test]
    fn another_start_means_another_process() {
        let me = Identity::of_process().unwrap();
        assert_eq!(Identity { started: me.started + 1, ..me }.process_state(), State::Ended);
        // Not known when it started: the id has to do.
        assert_eq!(Identity { started: 0, ..me }.process_state(), State::Alive);
    }

    #[test]
    fn a_child_that_nobody_waited_for_is_ended() {
        let mut child = Command::new("/bin/cat").arg0(") R 1 (").stdin(Stdio::piped()).spawn().unwrap();
        let identity = Identity::of_id(child.id()).unwrap();
        assert_eq!(identity.process_state(), State::Alive);
        child.kill().unwrap();
        while identity.process_state() == State::Alive {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(identity.process_state(), State::Ended);
    }

    #[test]
    fn nobody_is_ended() {
        assert_eq!(Identity { id: 0, started: 0 }.process_state(), State::Ended);
        assert_eq!(Identity { id: u32::MAX, started: 0 }.process_state(), State::Ended);
        assert_eq!(Identity { id: i32::MAX.cast_unsigned(), started: 9 }.process_state(), State::Ended);
    }

    #[test]
    fn threads_of_a_process_share_their_namespaces() {
        assert_eq!(namespace(), std::thread::spawn(namespace).join().unwrap());
        assert_ne!(namespace(), 0);
    }
}
