//! A file system in memory that is full: an error where room is made, and never a signal later.

use crate::support::say;
use crate::tools::{fails, isolated, page, punch};
use ipc_safe::error::ErrorKind::{LimitReached, OutOfMemory};
use ipc_safe::memory::{Advice, FileMapping, PosixObject};
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::AsFd;

/// Gives this process a `/dev/shm` of its own with room for so many pages. False where that is not allowed.
fn small_shm(pages: usize) -> bool {
    // SAFETY: take no argument and cannot fail.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let spaces = if user == 0 { libc::CLONE_NEWNS } else { libc::CLONE_NEWNS | libc::CLONE_NEWUSER };
    // SAFETY: changes what this process sees, which has one thread.
    if unsafe { libc::unshare(spaces) } != 0 {
        return false;
    }
    if user != 0 {
        let mapped = std::fs::write("/proc/self/setgroups", "deny").is_ok()
            && std::fs::write("/proc/self/uid_map", format!("0 {user} 1")).is_ok()
            && std::fs::write("/proc/self/gid_map", format!("0 {group} 1")).is_ok();
        if !mapped {
            return false;
        }
    }
    let mount = |what: &CStr, on: &CStr, flags, options: &CStr| {
        // SAFETY: all four are strings that end with a zero byte.
        unsafe { libc::mount(what.as_ptr(), on.as_ptr(), what.as_ptr(), flags, options.as_ptr().cast()) == 0 }
    };
    let size = std::ffi::CString::new(format!("size={}", pages * page())).unwrap();
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE, c"") && mount(c"tmpfs", c"/dev/shm", 0, &size)
}

/// Runs `body` with such a `/dev/shm`, or says why not.
fn with_small_shm(pages: usize, body: impl FnOnce()) {
    isolated(|| match small_shm(pages) {
        true => body(),
        false => say("skipped: no mount namespace of one's own"),
    });
}

#[test]
fn an_object_without_room_is_not_made() {
    with_small_shm(16, || {
        let create = PosixObject::options().create_new(true);
        let len = 17 * page() as u64;
        let error = fails(create.open("/large", len), LimitReached, libc::ENOSPC);
        assert_eq!(error.to_string(), format!("fallocate of {len} bytes: ENOSPC: there is no room for so much"));
        assert_eq!(PosixObject::list().unwrap(), [""; 0], "nothing is left of it");
        let object = create.open("/fits", 10 * page() as u64).unwrap();
        object.map().unwrap().write(0, &vec![7; 10 * page()]).unwrap();
        fails(create.open("/second", 10 * page() as u64), LimitReached, libc::ENOSPC);
        fails(object.set_size(17 * page() as u64), LimitReached, libc::ENOSPC);
        assert_eq!(object.size().unwrap(), 10 * page() as u64, "a refused size changes nothing");
        assert_eq!(object.map().unwrap().load::<u8>(10 * page() - 1).unwrap(), 7);
        create.open("/rest", 6 * page() as u64).unwrap();
    });
}

/// A file with holes, made by somebody who reserved nothing, in a file system that is full: every call says so.
#[test]
fn a_page_that_cannot_be_had_is_an_error_and_no_signal() {
    with_small_shm(8, || {
        let sparse = File::options().read(true).write(true).create_new(true).open("/dev/shm/sparse").unwrap();
        sparse.set_len(8 * page() as u64).unwrap();
        let mapping = FileMapping::new(&sparse).unwrap();
        mapping.write(0, b"one page").unwrap();
        let rest = PosixObject::options().create_new(true).open("/rest", 7 * page() as u64).unwrap();

        let error = fails(mapping.write(page() - 4, &[7; 10]), OutOfMemory, libc::ENOMEM);
        let text =
            "FileMapping::write of 10 bytes at offset 4092: ENOMEM: a page of the object cannot be had, after 4 bytes";
        assert_eq!((error.to_string().as_str(), page()), (text, 4096));
        fails(mapping.store(5 * page(), &7_u64), OutOfMemory, libc::ENOMEM);
        let zero = File::open("/dev/zero").unwrap();
        fails(mapping.read_from(3 * page(), 8, &zero), OutOfMemory, libc::ENOMEM);
        assert_eq!(mapping.advise(Advice::PopulateWrite).unwrap_err().raw_os_error(), Some(libc::EFAULT));
        let mut bytes = vec![1; 8 * page()];
        mapping.read(0, &mut bytes).unwrap();
        assert_eq!((bytes[page() - 1], bytes[page()], bytes[8 * page() - 1]), (7, 0, 0), "a hole reads as zeros");

        // Room that another process gives back and takes again.
        let object = rest.map().unwrap();
        punch(rest.as_fd(), 0, page() as u64).unwrap();
        mapping.store(5 * page(), &7_u64).unwrap();
        fails(object.write(0, &[7]), OutOfMemory, libc::ENOMEM);
        object.write(page(), &[7]).unwrap();
        drop(mapping);
        PosixObject::unlink("/sparse").unwrap();
        drop(sparse);
        object.write(0, &[7]).unwrap();
    });
}

/// An object that cannot shrink does not depend on a file system with a limit: a memfd is on the kernel's own.
#[test]
fn a_memfd_does_not_need_room_in_dev_shm() {
    with_small_shm(1, || {
        let memfd = ipc_safe::memory::Memfd::options().create(20 * page() as u64).unwrap().fix().unwrap();
        memfd.map().unwrap().bytes().fill(7);
    });
}
