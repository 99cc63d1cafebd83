//! Memory past the end of its object, where an access would be a signal.

use crate::tools::before_each;
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FileMapping, FixedMemfd, FrozenMemfd, MapOptions, Memfd, ReadOnly, ReadWrite, SharedMemory};
use std::os::fd::{AsRawFd, OwnedFd};

fn fixed(size: u64) -> FixedMemfd {
    Memfd::options().create(size).unwrap().fix().unwrap()
}

/// Views end inside their object, whatever the options say: `beyond_end` is for files, which have none.
///
/// R-MAP-06
#[test]
fn a_view_does_not_pass_the_end_of_its_memfd() {
    let page = rustix::param::page_size();
    let beyond = MapOptions::new().len(4 * page).beyond_end(true);
    let memfd = fixed(page as u64);

    for result in [beyond.fixed(&memfd).map(drop), beyond.fixed_read_only(&memfd).map(drop)] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("beyond_end and sync are for files"), "{error}");
    }
    let memfd = memfd.freeze().unwrap();
    assert_eq!(beyond.frozen(&memfd).map(drop).unwrap_err().kind(), ErrorKind::InvalidInput);

    for options in [MapOptions::new().len(page + 1), MapOptions::new().offset(1).len(page)] {
        assert_eq!(options.frozen(&memfd).map(drop).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// Neither does one that is cut, moved, or given other rights.
#[test]
fn a_resized_view_does_not_pass_the_end_of_its_memfd() {
    let page = rustix::param::page_size();
    let memory = fixed(3 * page as u64).map().unwrap();
    let (low, high) = memory.split_at(page).unwrap();
    let low = low.resize(3 * page).unwrap(); // all of the object, at another place
    low.bytes().fill(1);
    let low = low.resize(3 * page + 1).unwrap_err().into_inner();
    let high = high.resize(2 * page + 1).unwrap_err().into_inner();
    high.bytes().fill(2);
    let high: SharedMemory<ReadOnly> = high.protect().unwrap();
    assert_eq!(low.bytes().load::<u8>(page).unwrap(), 2);
    assert!(high.resize(usize::MAX).is_err());
}

/// A descriptor that lacks a seal, or has nothing to seal, is no memfd that keeps its size.
#[test]
fn a_descriptor_that_can_still_shrink_is_not_taken() {
    let page = rustix::param::page_size() as u64;
    let unsealed = || OwnedFd::from(Memfd::options().create(page).unwrap());
    let file = || OwnedFd::from(tempfile::tempfile().unwrap());
    let (pipe, _writer) = std::io::pipe().unwrap();

    for descriptor in [unsealed(), file(), OwnedFd::from(pipe), std::fs::File::open("/proc/self/maps").unwrap().into()]
    {
        let descriptor = FixedMemfd::try_from(descriptor).unwrap_err().into_inner();
        assert!(FrozenMemfd::try_from(descriptor).is_err());
    }
    let fixed = OwnedFd::from(fixed(page));
    assert!(FrozenMemfd::try_from(fixed).is_err(), "still writable");
}

/// A memfd that came open for reading is mapped for reading, and for nothing else.
#[test]
fn a_memfd_that_is_open_for_reading_cannot_be_written() {
    let memfd = fixed(4096);
    memfd.map().unwrap().bytes().fill(5);
    let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
    let received = FixedMemfd::try_from(OwnedFd::from(std::fs::File::open(path).unwrap())).unwrap();

    assert_eq!(received.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(received.grow(8192).is_err());
    let memory = received.map_read_only().unwrap();
    let rejected = memory.protect::<ReadWrite>().unwrap_err();
    assert_eq!(rejected.error().kind(), ErrorKind::PermissionDenied);
    assert_eq!(rejected.into_inner().bytes().load::<u8>(7).unwrap(), 5);
    assert_eq!(memfd.size().unwrap(), 4096);
}

/// A file that loses and gains its end between any two calls makes errors and no signal.
///
/// R-MAP-06
#[test]
fn a_file_that_changes_between_two_calls_is_an_error_and_no_signal() {
    let page = rustix::param::page_size();
    let file = tempfile::tempfile().unwrap();
    file.set_len(4 * page as u64).unwrap();
    let (mapping, copy) = (FileMapping::new(&file).unwrap(), FileMapping::copy_on_write(&file).unwrap());
    copy.write(2 * page, b"ours").unwrap();
    let calls = [libc::SYS_process_vm_writev, libc::SYS_process_vm_readv, libc::SYS_pread64, libc::SYS_fstat];
    let change = |times: usize| file.set_len([0, 1, 3 * page as u64 + 5, 4 * page as u64][times % 4]).unwrap();

    let results = before_each(&calls, change, || {
        let mut target = vec![0; 4 * page];
        (0..40)
            .map(|_| {
                let results = [
                    mapping.write(page - 2, b"across"),
                    mapping.read(0, &mut target),
                    copy.read(0, &mut target),
                    copy.write(3 * page, b"ours too"),
                    mapping.write_to(page, 2 * page, std::fs::File::create("/dev/null").unwrap()).map(drop),
                ];
                results.into_iter().filter_map(Result::err).collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
            .concat()
    });

    assert!(!results.is_empty());
    for error in results {
        assert!(matches!(error.kind(), ErrorKind::Truncated | ErrorKind::OutOfMemory), "{error}");
    }
}
