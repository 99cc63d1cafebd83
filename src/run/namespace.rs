//! New namespaces for this process and its children.

use crate::failure::{Failure, Result, reason};
use rustix::io;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{
    CapabilitySet, UnshareFlags, capabilities, configure_capability_in_ambient_set, set_capabilities,
};
use std::path::Path;

/// What became of the wish for namespaces.
#[derive(Debug)]
pub(super) enum Isolation {
    /// This process has new IPC and mount namespaces, its next child is the first of a new PID namespace.
    Complete,
    /// The kernel, or whoever set up this container, does not want it.
    Refused(String),
}

const WANTED: UnshareFlags = UnshareFlags::NEWIPC.union(UnshareFlags::NEWPID).union(UnshareFlags::NEWNS);

/// Makes the namespaces, with a user namespace around them where that is needed. Only in a process with one thread.
pub(super) fn isolate() -> Result<Isolation> {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    if unshare(WANTED).is_err() {
        if let Err(errno) = unshare(WANTED.union(UnshareFlags::NEWUSER)) {
            return Ok(Isolation::Refused(refusal(errno)));
        }
        // In the new user namespace everybody is who he was. Groups can be mapped only by who cannot change them.
        write("setgroups", "deny")?;
        write("uid_map", &format!("{uid} {uid} 1"))?;
        write("gid_map", &format!("{gid} {gid} 1"))?;
        // Where even that is refused, mounting fails later, which is said then.
        let _ = keep_mount_right();
    }
    Ok(Isolation::Complete)
}

fn refusal(errno: io::Errno) -> String {
    match errno {
        io::Errno::NOSPC | io::Errno::USERS => "there may be no more: /proc/sys/user/max_*_namespaces".into(),
        errno => reason(&errno),
    }
}

/// Sees to it that nothing that is mounted from here on shows outside.
fn keep_mounts() -> io::Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

#[expect(unsafe_code, reason = "rustix leaves to the caller that descriptor tables stay as they are")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the one demand is about `UnshareFlags::FILES`: no thread may lose sight of another one's descriptors. The flags
    // are those above, namespaces only; the descriptor table stays shared as it is.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

fn write(file: &str, text: &str) -> Result {
    let path = format!("/proc/self/{file}");
    std::fs::write(&path, text).map_err(|error| Failure::file("writing", Path::new(&path), &error))
}

/// Lets this process keep the right to mount when it executes a program although it is not root; [`give_up`] undoes it.
fn keep_mount_right() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)
}

/// Sees to it that the command does not inherit more rights than it would have had.
pub(super) fn give_up() -> io::Result<()> {
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, false)?;
    let mut sets = capabilities(None)?;
    if sets.inheritable.contains(CapabilitySet::SYS_ADMIN) {
        sets.inheritable -= CapabilitySet::SYS_ADMIN;
        set_capabilities(None, sets)?;
    }
    Ok(())
}

/// A `/dev/shm` of one's own, empty.
pub(super) fn private_shm() -> io::Result<()> {
    keep_mounts()?;
    mount("tmpfs", "/dev/shm", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=1777")
}

/// A `/proc` that shows the PID namespace of this process, without showing it to the parent.
pub(super) fn own_proc() -> io::Result<()> {
    unshare(UnshareFlags::NEWNS)?;
    keep_mounts()?;
    mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
}

/// The POSIX message queues of this IPC namespace, mounted where `/dev/shm` was.
pub(super) fn mount_posix_queues() -> io::Result<()> {
    mount("mqueue", "/dev/shm", "mqueue", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
}
