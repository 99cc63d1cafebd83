//! POSIX shared memory objects: names, options, the guard of a name, the list.

use crate::support::fork;
use crate::tools::{become_nobody, fails, fails_here, in_child, isolated, name, page, says};
use ipc_safe::error::ErrorKind::{AlreadyExists, InvalidInput, NotFound, PermissionDenied};
use ipc_safe::memory::{OwnedPosixObject, PosixObject};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(format!("/dev/shm{name}"))
}

/// A new object of `len` bytes, whose name goes with it.
fn new(name: &str, len: u64) -> OwnedPosixObject {
    PosixObject::options().create_new(true).open(name, len).unwrap().into_owned()
}

#[test]
fn an_object_is_found_by_its_name_and_shared() {
    isolated(|| {
        let name = name("shared");
        let object = new(&name, 100);
        assert_eq!((object.size().unwrap(), object.name().to_str()), (100, Some(&*name)));
        object.map().unwrap().write(90, b"first").unwrap();
        in_child(|| {
            let same = PosixObject::open(&name).unwrap();
            assert_eq!(same.map().unwrap().load::<[u8; 5]>(90).unwrap(), *b"first");
            same.set_size(page() as u64 + 1).unwrap();
        });
        assert_eq!(object.size().unwrap(), page() as u64 + 1);
        let blocks = rustix::fs::fstat(object.as_fd()).unwrap().st_blocks;
        assert_eq!(blocks as usize * 512, 2 * page(), "room is made for all of it");
    });
}

#[test]
fn names_are_checked_in_words() {
    isolated(|| {
        let refusal =
            "a name is 1 to 254 bytes without slash and zero byte, with or without a slash before, and not . or ..";
        let options = PosixObject::options().create(true);
        let long = "x".repeat(255);
        for bad in
            ["", "/", "//", "//a", "/a/b", "a/", ".", "..", "/.", "/..", "a\0b", "/a\0", &long, &format!("/{long}")]
        {
            let text = |call| format!("{call} of name {bad:?}: EINVAL: {refusal}");
            says(options.open(bad, 1), &text("shm_open"));
            says(PosixObject::open(bad), &text("shm_open"));
            says(PosixObject::unlink(bad), &text("shm_unlink"));
        }
        let longest = format!("/{:x<254}", name("longest").trim_start_matches('/'));
        new(&longest, 1).unlink().unwrap();
    });
}

#[test]
fn the_slash_of_a_name_may_be_left_out() {
    isolated(|| {
        let name = name("slash");
        let object = new(name.trim_start_matches('/'), 1);
        assert_eq!(object.name().to_str(), Some(&*name));
        assert!(path(&name).exists());
        assert_eq!(PosixObject::open(&name).unwrap().size().unwrap(), 1);
        PosixObject::unlink(name.trim_start_matches('/')).unwrap();
        assert!(!path(&name).exists());
    });
}

#[test]
fn options_are_as_with_files() {
    isolated(|| {
        let (name, options) = (name("options"), PosixObject::options());
        says(options.open(&name, 1), &format!("shm_open of {name:?}: ENOENT: no object has this name"));
        let object = options.create(true).mode(0o640).open(&name, 10).unwrap().into_owned();
        assert_eq!(path(&name).metadata().unwrap().permissions().mode() & 0o777, 0o640 & !0o022);
        assert_eq!(options.create(true).open(&name, 99).unwrap().size().unwrap(), 10, "an existing one keeps its size");
        let text = format!("link of {name:?}: EEXIST: an object has this name, and a new one was asked for");
        says(options.create_new(true).open(&name, 1), &text);
        fails(options.create_new(true).create(true).open(&name, 1), AlreadyExists, libc::EEXIST);
        let read_only = options.read_only(true).open(&name, 0).unwrap();
        fails(read_only.map(), PermissionDenied, libc::EACCES);
        fails(read_only.set_size(20), InvalidInput, libc::EINVAL);
        says(options.read_only(true).create(true).open(&name, 1), "shm_open: EINVAL: a new object is for writing too");
        let mode = options.create(true).mode(0o1777).open(&name, 1);
        says(mode, "shm_open of mode 0o1777: EINVAL: permission bits are nine: 0o000 to 0o777");
        object.unlink().unwrap();
        fails(PosixObject::unlink(&name), NotFound, libc::ENOENT);
    });
}

#[test]
fn the_mask_of_the_process_holds_for_objects() {
    isolated(|| {
        // SAFETY: changes the mask of this child only.
        unsafe { libc::umask(0o027) };
        let name = name("mask");
        let _object = PosixObject::options().create_new(true).mode(0o666).open(&name, 1).unwrap().into_owned();
        assert_eq!(path(&name).metadata().unwrap().permissions().mode() & 0o777, 0o640);
    });
}

#[test]
fn the_guard_takes_its_own_name_away_and_no_other() {
    isolated(|| {
        let name = name("guard");
        let object = new(&name, 10);
        let mapping = object.map().unwrap();
        drop(object);
        assert!(!path(&name).exists());
        mapping.write(0, b"stays").unwrap();

        let old = new(&name, 1);
        PosixObject::unlink(&name).unwrap();
        let replaced = new(&name, 2);
        drop(old);
        assert_eq!(PosixObject::open(&name).unwrap().size().unwrap(), 2, "another object of that name");
        let kept = replaced.keep();
        assert!(path(&name).exists());
        let again = kept.into_owned();
        PosixObject::unlink(&name).unwrap();
        let other = new(&name, 3);
        fails(again.unlink(), NotFound, libc::ENOENT);
        assert!(path(&name).exists(), "an explicit unlink spares another object, too");
        let descriptor = OwnedFd::from(other.keep());
        PosixObject::unlink(&name).unwrap();
        assert_eq!(rustix::fs::fstat(descriptor).unwrap().st_size, 3);
    });
}

#[test]
fn a_forked_child_keeps_the_name() {
    isolated(|| {
        let name = name("fork");
        let object = new(&name, 1);
        // SAFETY: the child ends without another look at its copy.
        in_child(|| drop(unsafe { std::ptr::read(&raw const object) }));
        assert!(path(&name).exists());
        in_child(|| PosixObject::unlink(&name).unwrap());
        assert!(!path(&name).exists());
    });
}

/// The guard once opened the object to see whether the name is still its own: without the right to read, it left the name.
#[test]
fn the_guard_needs_no_right_to_read() {
    isolated(|| {
        become_nobody();
        let name = name("unreadable");
        let object = PosixObject::options().create_new(true).mode(0o200).open(&name, 1).unwrap().into_owned();
        fails(PosixObject::open(&name), PermissionDenied, libc::EACCES);
        drop(object);
        assert!(!path(&name).exists());
    });
}

/// What is at a name may be anything: a FIFO there once made opening, and dropping the guard, wait for ever.
#[test]
fn what_is_no_object_is_refused_and_nobody_waits_for_it() {
    isolated(|| {
        let name = name("fifo");
        let object = new(&name, 1);
        PosixObject::unlink(&name).unwrap();
        let fifo = std::ffi::CString::new(path(&name).to_str().unwrap()).unwrap();
        // SAFETY: the path ends with a zero byte.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
        let text = format!("shm_open of {name:?}: what has this name is no shared memory object");
        says(PosixObject::open(&name), &text);
        says(PosixObject::options().read_only(true).open(&name, 0), &text);
        drop(object);
        assert!(path(&name).exists(), "the FIFO is not the object");
        std::fs::remove_file(path(&name)).unwrap();
        std::fs::create_dir(path(&name)).unwrap();
        assert!(PosixObject::open(&name).is_err());
        fails_here(PosixObject::options().read_only(true).open(&name, 0), InvalidInput);
        std::fs::remove_dir(path(&name)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path(&name)).unwrap();
        assert_eq!(PosixObject::open(&name).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        std::fs::remove_file(path(&name)).unwrap();
    });
}

#[test]
fn the_list_has_objects_and_nothing_else() {
    isolated(|| {
        let (first, second, folder) = (name("list-a"), name("list-b"), name("list-folder"));
        let semaphore = format!("/dev/shm/sem.{}", name("list").trim_start_matches('/'));
        let _objects = [new(&second, 1), new(&first, 1)];
        std::fs::create_dir(path(&folder)).unwrap();
        std::fs::write(&semaphore, [0; 32]).unwrap();
        let mine = format!("-{}", std::process::id());
        let names: Vec<_> = PosixObject::list().unwrap().into_iter().filter(|name| name.ends_with(&mine)).collect();
        std::fs::remove_dir(path(&folder)).unwrap();
        std::fs::remove_file(semaphore).unwrap();
        assert_eq!(names, [first, second]);
    });
}

/// An object is named when it is whole: whoever finds it finds its size.
#[test]
fn nobody_finds_an_object_half_made() {
    isolated(|| {
        let name = name("half");
        let watcher = fork(|| {
            let mut found = 0;
            while found < 300 {
                match PosixObject::open(&name) {
                    Ok(object) => (assert_eq!(object.size().unwrap(), 50_000), found += 1).1,
                    Err(error) => assert_eq!(error.kind(), NotFound, "{error}"),
                }
            }
            0
        });
        // SAFETY: asks for the state of a child and leaves it to be waited for.
        let lives = || unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PID, watcher.pid() as u32, &raw mut info, options) == 0 && info.si_pid() == 0
        };
        while lives() {
            drop(new(&name, 50_000));
        }
        watcher.succeed();
    });
}

#[test]
fn one_of_several_processes_makes_the_object() {
    isolated(|| {
        let name = name("race");
        for _ in 0..20 {
            let make = || PosixObject::options().create_new(true).open(&name, 10);
            let racers: Vec<_> = (0..4).map(|_| fork(|| i32::from(make().is_ok()))).collect();
            let makers: i32 = racers.into_iter().map(|racer| racer.wait().code().unwrap()).sum();
            assert_eq!(makers, 1);
            let finders: Vec<_> = (0..4)
                .map(|_| {
                    fork(|| {
                        i32::from(PosixObject::options().create(true).open(&name, 99).unwrap().size().unwrap() != 10)
                    })
                })
                .collect();
            finders.into_iter().for_each(crate::support::Forked::succeed);
            PosixObject::unlink(&name).unwrap();
        }
    });
}

#[test]
fn another_user_may_not_open_a_private_object() {
    isolated(|| {
        let name = name("private");
        let object = new(&name, 1);
        // SAFETY: takes no argument and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return crate::support::say("skipped: only root can become another user");
        }
        in_child(|| {
            become_nobody();
            fails(PosixObject::open(&name), PermissionDenied, libc::EACCES);
            let unlinked = PosixObject::unlink(&name).unwrap_err();
            assert_eq!(unlinked.kind(), PermissionDenied, "{unlinked}");
        });
        assert!(path(&name).exists());
        drop(object);
    });
}
