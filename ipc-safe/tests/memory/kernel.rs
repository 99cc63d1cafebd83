//! What the kernel itself says to the raw calls: the facts that the safe calls are built on.

use crate::tools::{errno, file, isolated, page, reopened};
use ipc_sys::mman;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

const BOTH: i32 = mman::PROT_READ | mman::PROT_WRITE;

/// `mmap` at an address of the kernel's choice, or the error number.
fn map(len: usize, protection: i32, flags: i32, descriptor: i32, offset: i64) -> Result<*mut u8, i32> {
    // SAFETY: without an address, the kernel picks a free range.
    let address = unsafe { mman::mmap(null_mut(), len, protection, flags, descriptor, offset) };
    if address == mman::MAP_FAILED { Err(errno()) } else { Ok(address.cast()) }
}

/// 0, or the error number.
fn done(result: i32) -> i32 {
    if result == 0 { 0 } else { errno() }
}

/// R-MAP-01
#[test]
fn the_kernel_wants_a_length_and_an_offset_in_pages() {
    isolated(|| {
        let file = file(page());
        let shared = |len, offset| map(len, BOTH, mman::MAP_SHARED, file.as_raw_fd(), offset).unwrap_err();
        assert_eq!((shared(0, 0), shared(10, 1)), (libc::EINVAL, libc::EINVAL));
        assert_eq!(shared(1 << 60, 0), libc::ENOMEM);
        assert_eq!(shared(page(), i64::MAX - (page() as i64 - 1)), libc::EOVERFLOW);
    });
}

/// R-MAP-03
#[test]
fn a_mapping_for_writing_alone_works_where_the_file_is_open_for_both() {
    isolated(|| {
        let file = file(page());
        let address = map(page(), mman::PROT_WRITE, mman::MAP_SHARED, file.as_raw_fd(), 0).unwrap();
        // SAFETY: one page, mapped for writing; nobody has a reference into it.
        unsafe { address.write_volatile(7) };
        // SAFETY: x86-64 and aarch64 have no pages that can be written and not read.
        assert_eq!(unsafe { address.read_volatile() }, 7);
        // SAFETY: the mapping just made.
        assert_eq!(unsafe { mman::munmap(address.cast(), page()) }, 0);
        let write_only = reopened(&file, libc::O_WRONLY);
        let refused = map(page(), mman::PROT_WRITE, mman::MAP_SHARED, write_only.as_raw_fd(), 0);
        assert_eq!(refused, Err(libc::EACCES));
    });
}

/// R-MAP-07
#[test]
fn unmapping_takes_whole_pages_once_or_twice() {
    isolated(|| {
        let address = map(3 * page(), BOTH, mman::MAP_PRIVATE | mman::MAP_ANONYMOUS, -1, 0).unwrap();
        let unmap = |offset: usize, len| {
            // SAFETY: pages of the mapping just made, which nothing uses.
            done(unsafe { mman::munmap(address.wrapping_add(offset).cast(), len) })
        };
        assert_eq!((unmap(1, page()), unmap(0, 0)), (libc::EINVAL, libc::EINVAL));
        assert_eq!((unmap(page(), page()), unmap(page(), page()), unmap(0, 3 * page())), (0, 0, 0));
    });
}

/// R-MAP-10
#[test]
fn a_mapping_is_shared_or_private_and_of_something_that_can_be_mapped() {
    isolated(|| {
        let file = file(page());
        assert_eq!(map(page(), BOTH, 0, file.as_raw_fd(), 0), Err(libc::EINVAL));
        assert_eq!(map(page(), BOTH, mman::MAP_SHARED, -1, 0), Err(libc::EBADF));
        assert_eq!(map(page(), BOTH, mman::MAP_SHARED, 9999, 0), Err(libc::EBADF));
        let folder = std::fs::File::open("/").unwrap();
        assert_eq!(map(page(), mman::PROT_READ, mman::MAP_SHARED, folder.as_raw_fd(), 0), Err(libc::ENODEV));
        let (pipe, _writer) = std::io::pipe().unwrap();
        assert_eq!(map(page(), mman::PROT_READ, mman::MAP_SHARED, pipe.as_raw_fd(), 0), Err(libc::ENODEV));
    });
}

/// R-MAP-12
#[test]
fn flushing_wants_one_way_whole_pages_and_no_hole() {
    isolated(|| {
        let file = file(3 * page());
        let address = map(3 * page(), BOTH, mman::MAP_SHARED, file.as_raw_fd(), 0).unwrap();
        let flush = |offset: usize, len, flags| {
            // SAFETY: `msync` changes no memory.
            done(unsafe { mman::msync(address.wrapping_add(offset).cast(), len, flags) })
        };
        assert_eq!(flush(0, page(), mman::MS_SYNC | mman::MS_ASYNC), libc::EINVAL);
        assert_eq!(flush(1, page(), mman::MS_SYNC), libc::EINVAL);
        assert_eq!((flush(0, 3 * page(), mman::MS_SYNC), flush(0, 3 * page(), mman::MS_ASYNC)), (0, 0));
        // SAFETY: the middle page of the mapping just made, which nothing uses.
        assert_eq!(unsafe { mman::munmap(address.wrapping_add(page()).cast(), page()) }, 0);
        assert_eq!(flush(0, 3 * page(), mman::MS_SYNC), libc::ENOMEM);
        // SAFETY: the rest of it.
        assert_eq!(unsafe { mman::munmap(address.cast(), 3 * page()) }, 0);
    });
}
