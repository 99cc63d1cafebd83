//! Files in memory.

use crate::support::{eventually, fork};
use crate::tools::{fails, fails_here, file, files, in_child, isolated, page, pattern, punch, says, size};
use ipc_safe::error::ErrorKind::{Other, OutOfRange, Truncated, Unsupported};
use ipc_safe::memory::{FileMapping, MapOptions, Memfd, PrivateMemory};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;

/// R-MAP-04
#[test]
fn what_a_file_does_not_have_is_an_error_until_it_grows() {
    isolated(|| {
        for file in files(0) {
            let mapping = MapOptions::new().beyond_end(true).len(100).file(&file).unwrap();
            assert_eq!((mapping.len(), mapping.available().unwrap()), (100, 0));
            says(
                mapping.read(0, &mut [0; 10]),
                "FileMapping::read of 10 bytes at offset 0: the file ends after 0 bytes of the mapping; 0 bytes were moved",
            );
            fails_here(mapping.write(0, b"x"), Truncated);
            file.set_len(100).unwrap();
            mapping.write(0, b"now it is there").unwrap();
            assert_eq!((mapping.load::<u8>(0).unwrap(), mapping.available().unwrap()), (b'n', 100));
        }
    });
}

/// R-MAP-05
#[test]
fn a_mapping_outlives_the_descriptor_it_was_made_from() {
    isolated(|| {
        let file = file(100);
        let mapping = FileMapping::new(&file).unwrap();
        drop(file);
        mapping.write(50, b"still here").unwrap();
        assert_eq!(mapping.load::<[u8; 10]>(50).unwrap(), *b"still here");
    });
}

/// What is written behind the end of the file, in its last page, is not part of the file; on tmpfs it once came to light when
/// the file grew.
///
/// R-MAP-06
#[test]
fn what_is_written_past_the_end_of_the_file_is_not_stored() {
    isolated(|| {
        for file in files(100) {
            let mapping = MapOptions::new().beyond_end(true).len(page()).file(&file).unwrap();
            says(
                mapping.write(90, &[7; 50]),
                "FileMapping::write of 50 bytes at offset 90: the file ends after 100 bytes of the mapping; 10 bytes were moved",
            );
            fails_here(mapping.write(100, &[7; 50]), Truncated);
            assert_eq!(size(&file), 100);
            let mut tail = [1; 20];
            fails_here(mapping.read(90, &mut tail), Truncated);
            assert_eq!(tail, [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "the bytes before the end");
            file.set_len(page() as u64).unwrap();
            mapping.read(90, &mut tail).unwrap();
            assert_eq!((&tail[..10], &tail[10..]), (&[7; 10][..], &[0; 10][..]), "zeros behind the old end");
        }
    });
}

/// R-MAP-06
#[test]
fn what_comes_from_a_descriptor_stops_at_the_end_of_the_file() {
    isolated(|| {
        for file in files(100) {
            let mapping = MapOptions::new().beyond_end(true).len(page()).file(&file).unwrap();
            let (mut reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(b"0123456789abcdef").unwrap();
            assert_eq!(mapping.read_from(90, 16, &reader).unwrap(), 10);
            fails_here(mapping.read_from(100, 6, &reader), Truncated);
            let mut rest = [0; 6];
            reader.read_exact(&mut rest).unwrap();
            assert_eq!((&rest, mapping.load::<[u8; 10]>(90).unwrap()), (b"abcdef", *b"0123456789"));
            assert_eq!(mapping.read_from(0, 0, &reader).unwrap(), 0);
            drop(writer);
            assert_eq!(mapping.read_from(0, 10, &reader).unwrap(), 0, "the end of the pipe");
        }
    });
}

#[test]
fn bytes_go_to_a_descriptor_straight_from_the_mapping() {
    isolated(|| {
        for file in files(2 * page()) {
            let mapping = FileMapping::new(&file).unwrap();
            mapping.write(page() - 5, b"0123456789").unwrap();
            let (mut reader, writer) = std::io::pipe().unwrap();
            assert_eq!(mapping.write_to(page() - 5, 10, &writer).unwrap(), 10);
            let mut text = [0; 10];
            reader.read_exact(&mut text).unwrap();
            assert_eq!(&text, b"0123456789");
            // Up to the end of the file; nothing of it is an error.
            file.set_len(page() as u64 - 1).unwrap();
            assert_eq!(mapping.write_to(page() - 5, 10, &writer).unwrap(), 4);
            fails_here(mapping.write_to(page() - 1, 10, &writer), Truncated);
            assert_eq!(fails(mapping.write_to(0, 10, &reader), Other, libc::EBADF).call(), "write");
        }
    });
}

/// R-MAP-08
#[test]
fn a_shared_mapping_is_seen_by_everybody_and_a_private_one_by_nobody() {
    isolated(|| {
        for file in files(page()) {
            let (shared, other) = (FileMapping::new(&file).unwrap(), FileMapping::read_only(&file).unwrap());
            let copies = FileMapping::copy_on_write(&file).unwrap();
            shared.write(0, b"all").unwrap();
            assert_eq!(other.load::<[u8; 3]>(0).unwrap(), *b"all");
            assert_eq!(copies.load::<[u8; 3]>(0).unwrap(), *b"all", "not written yet: the file shows");
            copies.write(0, b"mine").unwrap();
            shared.write(0, b"ours").unwrap();
            assert_eq!(copies.load::<[u8; 4]>(0).unwrap(), *b"mine");
            in_child(|| {
                assert_eq!(other.load::<[u8; 4]>(0).unwrap(), *b"ours");
                assert_eq!(copies.load::<[u8; 4]>(0).unwrap(), *b"mine", "a child has the copies, too");
                copies.write(0, b"kid!").unwrap();
                shared.write(4, b" and the child").unwrap();
            });
            assert_eq!(copies.load::<[u8; 4]>(0).unwrap(), *b"mine");
            shared.flush().unwrap();
            let mut text = [0; 18];
            file.read_exact_at(&mut text, 0).unwrap();
            assert_eq!(&text, b"ours and the child");
        }
    });
}

/// R-MAP-08 R-MAP-12
#[test]
fn flushing_reaches_what_it_should_and_nothing_outside() {
    isolated(|| {
        let (file, page) = (file(4 * page()), page());
        let mapping = MapOptions::new().offset(100).file(&file).unwrap();
        mapping.write(0, b"x").unwrap();
        mapping.flush().unwrap();
        mapping.flush_async().unwrap();
        mapping.flush_and_invalidate().unwrap();
        mapping.flush_range(5..10).unwrap();
        mapping.flush_range(page..).unwrap();
        mapping.flush_range(..=page).unwrap();
        mapping.flush_range(7..7).unwrap();
        let len = mapping.len();
        says(mapping.flush_range(..len + 1), &format!("msync of bytes 0 to {}: the mapping has {len} bytes", len + 1));
        // The neighbour is not this mapping's, also when it starts in the next page.
        let (low, high) = mapping.split_at(page - 100).unwrap();
        drop(high);
        low.flush().unwrap();
        fails_here(low.flush_range(..page), OutOfRange);
    });
}

#[test]
fn locked_pages_are_not_invalidated() {
    isolated(|| {
        let mapping = FileMapping::new(file(page())).unwrap();
        let Ok(_locked) = mapping.lock() else { return crate::support::say("skipped: no page may be locked") };
        says(mapping.flush_and_invalidate(), "msync: EBUSY: pages of it are locked");
    });
}

/// R-MAP-11: a file is copied by mapping both, whatever its size.
#[test]
fn a_file_is_copied_through_two_mappings() {
    isolated(|| {
        for len in [0, 1, page() - 1, page(), 3 * page() + 77] {
            let (source, target) = (file(0), file(10));
            source.write_all_at(&pattern(len), 0).unwrap();
            target.set_len(len as u64).unwrap();
            if len > 0 {
                let (from, to) = (FileMapping::read_only(&source).unwrap(), FileMapping::new(&target).unwrap());
                let mut buffer = vec![0; 1000];
                for offset in (0..len).step_by(buffer.len()) {
                    let part = buffer.len().min(len - offset);
                    from.read(offset, &mut buffer[..part]).unwrap();
                    to.write(offset, &buffer[..part]).unwrap();
                }
            }
            let mut copy = vec![1; len];
            target.read_exact_at(&mut copy, 0).unwrap();
            assert_eq!((copy, size(&target)), (pattern(len), len as u64));
        }
    });
}

/// R-MAP-11: two processes that have nothing in common but a path.
#[test]
fn unrelated_processes_meet_in_a_file() {
    isolated(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blackboard");
        std::fs::write(&path, [0; 64]).unwrap();
        let open = || std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let theirs = fork(|| {
            let mapping = FileMapping::new(open()).unwrap();
            eventually("a question", || mapping.load::<u32>(0).unwrap() == 42);
            mapping.store(4, &43_u32).unwrap();
            0
        });
        let mapping = FileMapping::new(open()).unwrap();
        mapping.store(0, &42_u32).unwrap();
        eventually("an answer", || mapping.load::<u32>(4).unwrap() == 43);
        theirs.succeed();
    });
}

#[test]
fn a_hole_reads_as_zeros_and_is_filled_by_writing() {
    isolated(|| {
        for file in files(4 * page()) {
            let mapping = FileMapping::new(&file).unwrap();
            mapping.write(0, &vec![7; 4 * page()]).unwrap();
            punch(&file, page() as u64, 2 * page() as u64).unwrap();
            assert_eq!(mapping.load::<[u8; 2]>(page() - 1).unwrap(), [7, 0]);
            mapping.write(2 * page(), &[8]).unwrap();
            assert_eq!(mapping.load::<[u8; 2]>(2 * page()).unwrap(), [8, 0]);
            assert_eq!(mapping.load::<[u8; 2]>(3 * page() - 1).unwrap(), [0, 7]);
        }
    });
}

#[test]
fn the_direct_view_is_the_same_memory() {
    isolated(|| {
        let file = file(2 * page());
        let mapping = MapOptions::new().offset(10).file(&file).unwrap();
        // SAFETY: nobody makes the file smaller.
        let bytes = unsafe { mapping.bytes_unchecked() };
        bytes.write(page(), b"direct").unwrap();
        assert_eq!(mapping.load::<[u8; 6]>(page()).unwrap(), *b"direct");
        mapping.write(0, b"copied").unwrap();
        assert_eq!((bytes.load::<[u8; 6]>(0).unwrap(), bytes.len()), (*b"copied", mapping.len()));
        // SAFETY: as above.
        let memory = unsafe { mapping.assume_fixed() };
        let memory = memory.resize(100).unwrap();
        let error = memory.resize(2 * page()).unwrap_err();
        assert!(error.error().to_string().ends_with("the object has 8182 bytes from the start of the mapping on"));
        assert_eq!(error.into_inner().bytes().load::<[u8; 6]>(0).unwrap(), *b"copied");
    });
}

/// A process whose sandbox forbids this system call from here on.
fn forbid(call: libc::c_long) {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let jump = libc::sock_filter { code: 0x15, jt: 0, jf: 1, k: call as u32 };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let filter = [statement(0x20, 0), jump, statement(0x06, refuse), statement(0x06, libc::SECCOMP_RET_ALLOW)];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the kernel reads the program and the four statements it points to.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(installed, "seccomp: {}", std::io::Error::last_os_error());
}

#[test]
fn a_sandbox_that_forbids_the_copy_is_named() {
    isolated(|| {
        let file = file(100);
        let (mapping, copies) = (FileMapping::new(&file).unwrap(), FileMapping::copy_on_write(&file).unwrap());
        forbid(libc::SYS_process_vm_writev);
        let error = fails(mapping.write(0, b"x"), Unsupported, libc::EPERM);
        assert!(error.to_string().starts_with("process_vm_writev: EPERM: a sandbox forbids the call"), "{error}");
        mapping.read(0, &mut [0]).unwrap();
        forbid(libc::SYS_process_vm_readv);
        fails(copies.read(0, &mut [0]), Unsupported, libc::EPERM);
        mapping.write(0, &[]).unwrap();
    });
}

/// The kernel moves at most 2 GiB less a page in one call.
#[test]
#[ignore = "takes 4 GiB of memory and some seconds"]
fn a_copy_of_more_than_two_gibibytes_is_whole() {
    isolated(|| {
        let len = (2 << 30) + 10 * page();
        let memfd = Memfd::options().create(len as u64).unwrap();
        let mapping = memfd.map().unwrap();
        let mut bytes = PrivateMemory::new(len).unwrap();
        bytes[len - 1] = 7;
        mapping.write(0, &bytes).unwrap();
        bytes[len - 1] = 0;
        mapping.read(0, &mut bytes).unwrap();
        assert_eq!(bytes[len - 1], 7);
        bytes[len - 1] = 0;
        FileMapping::copy_on_write(&memfd).unwrap().read(0, &mut bytes).unwrap();
        assert_eq!(bytes[len - 1], 7);
    });
}
