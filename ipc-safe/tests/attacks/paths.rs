//! Paths of FIFOs and sockets that mean something else from one step to the next.

use crate::support::{fork, watchdog};
use crate::tools::{before_each, refuse};
use ipc_safe::error::Error;
use ipc_safe::pipe::Fifo;
use ipc_safe::socket::{BindOptions, LocalAddress, SeqPacket, Stream};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

/// All calls that name a file.
const STEPS: [libc::c_long; 10] = [
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstat,
    libc::SYS_openat,
    libc::SYS_mknodat,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
];

/// What somebody else does to the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A file of another user's, or a socket that lives, comes in its place.
    Replace,
    /// It is taken away.
    Remove,
}

/// Makes something at a path, and takes it away again.
type Call = fn(&Path) -> Result<(), Error>;

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|status| status.ino())
}

/// Makes the call, which makes something at the path and takes it away again, once for each step that it has, with the deed done just
/// before this step. What somebody else put there is there afterwards, and nothing of ours.
fn at_each_step(begin: fn(&Path), intruder: fn(&Path) -> UnixDatagram, call: Call) {
    for deed in [Deed::Replace, Deed::Remove] {
        for step in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let (path, theirs) = (folder.path().join("name"), folder.path().join("theirs"));
            begin(&path);
            let living = intruder(&theirs);
            let number = inode(&theirs);
            let mut steps = 0;
            let act = |times| {
                steps = times;
                if times == step {
                    let _ = match deed {
                        Deed::Replace => fs::rename(&theirs, &path),
                        Deed::Remove => fs::remove_file(&path),
                    };
                }
            };
            let _ = before_each(&STEPS, act, || call(&path));
            if steps < step {
                assert!(step > 5, "there are steps");
                break;
            }
            match deed {
                Deed::Replace => {
                    assert_eq!(inode(&path), number, "theirs is lost, replaced before step {step}");
                    assert_eq!(names(folder.path()), ["name"], "replaced before step {step}");
                }
                Deed::Remove => assert_eq!(names(folder.path()), ["theirs"], "removed before step {step}"),
            }
            drop(living);
        }
    }
}

fn nothing(_: &Path) {}

fn stale(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
}

/// A socket that somebody has open.
fn living(path: &Path) -> UnixDatagram {
    UnixDatagram::bind(path).unwrap()
}

/// R-FIFO-08, R-FIFO-10
#[test]
fn a_fifo_of_somebody_else_is_never_taken_away() {
    let _watchdog = watchdog();
    at_each_step(nothing, living, |path| {
        drop(Fifo::options().create_new(true).open(path)?.into_owned());
        Ok(())
    });
    let fifo = |path: &Path| {
        drop(Fifo::options().create_new(true).open(path).unwrap());
        UnixDatagram::unbound().unwrap()
    };
    at_each_step(nothing, fifo, |path| {
        let fifo = Fifo::options().create(true).open(path)?;
        if fifo.is_new() { fifo.into_owned().unlink() } else { Ok(()) }
    });
}

/// R-SOCK-13, R-SOCK-23
#[test]
fn a_socket_of_somebody_else_is_never_taken_away() {
    let _watchdog = watchdog();
    at_each_step(nothing, living, |path| {
        drop(BindOptions::new().listen::<Stream>(&LocalAddress::path(path)?)?);
        Ok(())
    });
    at_each_step(stale, living, |path| {
        let options = BindOptions::new().replace_stale(true);
        drop(options.listen::<SeqPacket>(&LocalAddress::path(path)?)?);
        Ok(())
    });
}

/// A socket for datagrams has its path from the moment that it is bound; between that and the first look at it, only somebody with the
/// same rights can put another one there unnoticed.
///
/// R-SOCK-13, R-SOCK-23
#[test]
fn a_datagram_socket_of_another_user_is_never_taken_away() {
    let _watchdog = watchdog();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can make a file of another user");
        return;
    }
    let of_another_user = |path: &Path| {
        let socket = living(path);
        chown(path, Some(65534), None).unwrap();
        socket
    };
    for begin in [nothing, stale] {
        at_each_step(begin, of_another_user, |path| {
            let options = BindOptions::new().replace_stale(true);
            drop(options.datagram(&LocalAddress::path(path)?)?);
            Ok(())
        });
    }
}

/// A system that refuses a step: an error, or done without it; no name is left, no descriptor, and no panic.
///
/// R-FIFO-01, R-SOCK-13
#[test]
fn a_step_that_is_refused_leaves_nothing() {
    let _watchdog = watchdog();
    let calls: [Call; 5] = [
        |path| Fifo::options().create_new(true).open(path)?.into_owned().unlink(),
        |path| Fifo::options().create(true).open(path)?.into_owned().unlink(),
        |path| BindOptions::new().listen::<Stream>(&LocalAddress::path(path)?).map(drop),
        |path| BindOptions::new().replace_stale(true).listen::<SeqPacket>(&LocalAddress::path(path)?).map(drop),
        |path| BindOptions::new().replace_stale(true).datagram(&LocalAddress::path(path)?).map(drop),
    ];
    let steps = [&STEPS[..], &[libc::SYS_listen, libc::SYS_ioctl, libc::SYS_getrandom, libc::SYS_fchmod]].concat();
    for call in calls {
        for &step in &steps {
            for errno in [libc::EIO, libc::ENOSPC, libc::EPERM, libc::EINVAL, libc::ENOSYS, libc::EEXIST, libc::EMFILE]
            {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("name");
                fork(|| {
                    let open = descriptors();
                    refuse(&[step], errno);
                    let _ = call(&path);
                    i32::from(descriptors() != open)
                })
                .succeed();
                // Without the right to look or to unlink, it stays.
                if ![libc::SYS_unlinkat, libc::SYS_newfstatat, libc::SYS_statx].contains(&step) {
                    let left = names(folder.path());
                    assert!(left.is_empty(), "{left:?}: call {step} failed with {errno}");
                }
            }
        }
    }
}

/// The numbers of the open descriptors, asked for without one.
fn descriptors() -> Vec<i32> {
    // SAFETY: asks about a number, whatever it is.
    (0..200).filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } != -1).collect()
}
