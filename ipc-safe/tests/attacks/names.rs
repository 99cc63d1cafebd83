//! The folder of POSIX objects, where everybody may put things.

use crate::support::{as_nobody, fork, watchdog};
use crate::tools::{errno, set_errno};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{OwnedPosixObject, PosixObject};
use std::ffi::CString;
use std::path::PathBuf;

/// A name that no other test has, and where its object is.
fn name(what: &str) -> (String, PathBuf) {
    let name = format!("/ipc-safe-attacks-{what}-{}", std::process::id());
    let path = PathBuf::from(format!("/dev/shm{name}"));
    (name, path)
}

fn make(name: &str, mode: u32) -> OwnedPosixObject {
    PosixObject::options().mode(mode).create_new(true).open(name, 4096).unwrap().into_owned()
}

/// A pipe that waits for its other end, in the place of an object. Taken away when dropped.
struct Trap(PathBuf);

impl Trap {
    fn new(path: PathBuf) -> Self {
        let text = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a C string that lives through the call.
        assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o666) }, 0);
        Self(path)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A pipe under the name of an object makes nobody wait.
#[test]
fn a_pipe_in_the_place_of_an_object_is_refused_at_once() {
    let _watchdog = watchdog();
    let (name, path) = name("pipe");
    let _trap = Trap::new(path);
    for read_only in [false, true] {
        let error = PosixObject::options().read_only(read_only).open(&name, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("what has this name is no shared memory object"), "{error}");
    }
    let error = PosixObject::options().create_new(true).open(&name, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

/// An owner that is dropped does not wait for the pipe that has its name now, and leaves it alone.
#[test]
fn dropping_an_owner_does_not_wait_for_a_pipe() {
    let _watchdog = watchdog();
    let (name, path) = name("dropped");
    let owner = make(&name, 0o600);
    PosixObject::unlink(&name).unwrap();
    let trap = Trap::new(path);
    drop(owner);
    assert!(trap.0.exists());
}

/// The name goes when there is not one descriptor left, and the error number stays.
#[test]
fn dropping_an_owner_needs_no_descriptor() {
    let (name, path) = name("descriptors");
    fork(|| {
        let owner = make(&name, 0o600);
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: lowers a limit of the child.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        assert_eq!(std::fs::File::open("/dev/null").unwrap_err().raw_os_error(), Some(libc::EMFILE));
        set_errno(77);
        drop(owner);
        assert_eq!(errno(), 77);
        0
    })
    .succeed();
    assert!(!path.exists());
}

/// The name of an object that its owner may not read goes too.
#[test]
fn dropping_an_owner_needs_no_right_to_read() {
    let (name, path) = name("rights");
    // An ordinary user: in a child of root's, or this one.
    // SAFETY: takes no argument and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        as_nobody(|| {
            drop(make(&name, 0o200));
            0
        });
    } else {
        drop(make(&name, 0o200));
    }
    let left = path.exists();
    let _ = std::fs::remove_file(&path);
    assert!(!left);
}

/// A symbolic link under the name of an object is not followed.
#[test]
fn a_link_in_the_place_of_an_object_is_not_followed() {
    let (name, path) = name("link");
    let target = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(target.path(), &path).unwrap();
    let opened = PosixObject::open(&name);
    let created = PosixObject::options().create(true).open(&name, 4096);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::ELOOP));
    assert_eq!(created.unwrap_err().raw_os_error(), Some(libc::ELOOP));
    assert_eq!(target.path().metadata().unwrap().len(), 0);
}
