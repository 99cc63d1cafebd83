//! How memory is mapped: where, how much, what does not go together, and what the refusals say.

use crate::tools::{fails, fails_here, file, has_flag, isolated, mapped_at, page, pattern, reopened, says};
use ipc_safe::error::ErrorKind::{
    AlreadyExists, InvalidInput, LimitReached, OutOfMemory, OutOfRange, PermissionDenied, Unsupported,
};
use ipc_safe::memory::{FileMapping, MapOptions, Memfd, PrivateMemory, SharedMemory};
use std::fs::File;
use std::os::fd::OwnedFd;

const NEW: MapOptions = MapOptions::new();

/// R-MAP-01
#[test]
fn a_length_of_nothing_is_refused_in_words() {
    isolated(|| {
        let text = "mmap of 0 bytes: EINVAL: a mapping has at least one byte";
        says(PrivateMemory::new(0), text);
        says(SharedMemory::new(0), text);
        says(NEW.wiped_on_fork(0), text);
        says(NEW.reserve(0), text);
        says(NEW.len(0).file(file(10)), "mmap of 0 bytes at offset 0: EINVAL: a mapping has at least one byte");
        says(NEW.file(file(0)), "mmap of all bytes at offset 0: EINVAL: the object is empty: give it a size first");
    });
}

/// R-MAP-01
#[test]
fn a_mapping_may_start_at_any_byte() {
    isolated(|| {
        let (file, bytes) = (file(3 * page()), pattern(3 * page()));
        FileMapping::new(&file).unwrap().write(0, &bytes).unwrap();
        for offset in [0, 1, 17, page() - 1, page(), page() + 1, 2 * page() + 99, 3 * page() - 1] {
            let mapping = NEW.offset(offset as u64).file(&file).unwrap();
            assert_eq!(mapping.len(), 3 * page() - offset);
            let mut copy = vec![0; mapping.len()];
            mapping.read(0, &mut copy).unwrap();
            assert_eq!(copy, bytes[offset..], "from {offset}");
            // SAFETY: nobody changes the file.
            assert_eq!(unsafe { mapping.bytes_unchecked() }.to_vec(), bytes[offset..], "from {offset}, straight");
            mapping.write(0, &[bytes[offset] ^ 1]).unwrap();
            assert_eq!(mapping.load::<u8>(0).unwrap(), bytes[offset] ^ 1);
            mapping.write(0, &bytes[offset..=offset]).unwrap();
        }
        let copies = NEW.offset(100).len(50).file_copy_on_write(&file).unwrap();
        copies.write(49, &[255]).unwrap();
        let mut part = [0; 50];
        copies.read(0, &mut part).unwrap();
        assert_eq!((&part[..49], part[49]), (&bytes[100..149], 255));
    });
}

/// R-MAP-01
#[test]
fn what_leaves_the_object_is_refused_in_words() {
    isolated(|| {
        let file = file(100);
        let memfd = Memfd::options().create(100).unwrap().fix().unwrap();
        let text = "mmap of 101 bytes at offset 0: EINVAL: the object has 100 bytes";
        says(NEW.len(101).file(&file), text);
        says(NEW.len(101).fixed(&memfd), text);
        says(NEW.offset(100).file(&file), "mmap of all bytes at offset 100: EINVAL: the object has 100 bytes");
        says(NEW.offset(99).len(2).file(&file), "mmap of 2 bytes at offset 99: EINVAL: the object has 100 bytes");
        says(
            NEW.offset(u64::MAX).len(usize::MAX).fixed_read_only(&memfd),
            &format!("mmap of {} bytes at offset {}: EINVAL: the object has 100 bytes", usize::MAX, u64::MAX),
        );
        assert_eq!(NEW.offset(99).len(1).file(&file).unwrap().len(), 1);
    });
}

/// R-MAP-01
#[test]
fn too_much_is_an_error_and_no_overflow() {
    isolated(|| {
        let file = file(100);
        let max = isize::MAX as usize;
        for len in [1 << 48, max / 2, max / 2 + 1, max, max + 1, usize::MAX - page(), usize::MAX - 1, usize::MAX] {
            for guard_pages in [false, true] {
                let options = NEW.guard_pages(guard_pages);
                fails(options.private(len), OutOfMemory, libc::ENOMEM);
                fails(options.shared(len), OutOfMemory, libc::ENOMEM);
                fails(options.beyond_end(true).len(len).file_read_only(&file), OutOfMemory, libc::ENOMEM);
            }
        }
        says(
            PrivateMemory::new(usize::MAX),
            "mmap of 18446744073709551615 bytes: ENOMEM: no room in the address space (RLIMIT_AS), or too many mappings \
             (vm.max_map_count)",
        );
        for offset in [u64::MAX, 1 << 63, i64::MAX as u64, i64::MAX as u64 - 10] {
            let error = fails(NEW.beyond_end(true).offset(offset).len(4096).file(&file), OutOfRange, libc::EOVERFLOW);
            assert!(error.to_string().ends_with("offset and length pass the end of the largest file"), "{error}");
        }
    });
}

/// A view past the end of an object that cannot shrink would be a signal at the first access: `beyond_end` once gave one.
#[test]
fn nothing_but_a_file_is_mapped_beyond_its_end() {
    isolated(|| {
        let memfd = Memfd::options().create(100).unwrap().fix().unwrap();
        let beyond = NEW.beyond_end(true).len(3 * page());
        let text = "mmap: EINVAL: beyond_end and sync are for files: the whole of other memory is there from the start";
        says(beyond.fixed(&memfd), text);
        says(beyond.fixed_read_only(&memfd), text);
        says(NEW.sync(true).fixed(&memfd), text);
        says(beyond.frozen(&memfd.freeze().unwrap()), text);
    });
}

#[test]
fn options_that_do_not_go_together_are_refused_in_words() {
    isolated(|| {
        let file = file(100);
        let objects = "mmap: EINVAL: offset, len, beyond_end and sync are about objects";
        for options in [NEW.offset(1), NEW.len(1), NEW.beyond_end(true), NEW.sync(true)] {
            says(options.private(10), objects);
            says(options.shared(10), objects);
            says(options.wiped_on_fork(10), objects);
        }
        let private =
            "mmap: EINVAL: stack, no_reserve and huge_pages are for private memory: elsewhere such pages can run out";
        for options in [NEW.stack(true), NEW.no_reserve(true), NEW.huge_pages(1 << 21)] {
            says(options.shared(10), private);
            says(options.file(&file), private);
            says(options.file_copy_on_write(&file), private);
        }
        let sync = "mmap: EINVAL: sync is for a file that is mapped for reading and writing";
        says(NEW.sync(true).file_read_only(&file), sync);
        says(NEW.sync(true).file_executable(&file), sync);
        says(NEW.sync(true).file_copy_on_write(&file), sync);
        let no_dax = fails(NEW.sync(true).file(&file), Unsupported, libc::EOPNOTSUPP);
        assert!(no_dax.to_string().ends_with("the file is not on persistent memory"), "{no_dax}");
    });
}

/// R-MAP-10
#[test]
fn a_fixed_address_is_free_or_the_call_fails() {
    isolated(|| {
        let there = MapOptions::new().reserve(16 * page()).unwrap();
        let (address, _) = there.into_raw();
        let base = address.addr().get();
        let taken = base + 4 * page();
        for address in [base, taken, base + 15 * page(), base - page()] {
            let error = fails(NEW.address(address).private(2 * page()), AlreadyExists, libc::EEXIST);
            assert_eq!(error.to_string(), format!("mmap of {} bytes: EEXIST: something is mapped there", 2 * page()));
        }
        fails(NEW.address(taken).guard_pages(true).shared(1), AlreadyExists, libc::EEXIST);
        assert_eq!(mapped_at(taken).unwrap().rights, "---p");
        // SAFETY: the reservation above, which nobody uses.
        assert_eq!(unsafe { libc::munmap(address.as_ptr().cast(), 16 * page()) }, 0);

        let memory = NEW.address(taken).private(10).unwrap();
        assert_eq!(memory.as_ptr().addr(), taken);
        drop(memory);
        let guarded = NEW.address(taken + page()).guard_pages(true).shared(10).unwrap();
        assert_eq!(guarded.as_ptr().addr(), taken + page());
        let file = file(2 * page());
        let mapping = NEW.address(taken + 3 * page()).offset(page() as u64).file(&file).unwrap();
        assert_eq!(mapping.as_ptr().addr(), taken + 3 * page());
    });
}

#[test]
fn an_address_that_does_not_do_is_refused_in_words() {
    isolated(|| {
        let page = page();
        says(NEW.address(0).private(1), "mmap of address 0x0: EINVAL: nothing can be mapped at address 0");
        says(
            NEW.address(0x7000_0001).private(1),
            &format!("mmap of address 0x70000001: EINVAL: the address is not a multiple of {page}"),
        );
        says(
            NEW.address(0x7000_0000).offset(1).file(file(10)),
            &format!("mmap of address 0x70000000: EINVAL: at an address, the offset is a multiple of {page}"),
        );
        says(
            NEW.address(page).guard_pages(true).private(1),
            &format!("mmap of address {page:#x}: EINVAL: there is no page below for a guard"),
        );
        assert!(mapped_at(0).is_none(), "a guard at address 0");
        fails(NEW.address(usize::MAX - page + 1).private(1), OutOfMemory, libc::ENOMEM);
    });
}

#[test]
fn replacing_takes_the_place_of_what_is_there() {
    isolated(|| {
        let mut old = PrivateMemory::new(3 * page()).unwrap();
        old.fill(7);
        let (address, _) = old.into_raw();
        let middle = address.addr().get() + page();
        // SAFETY: nothing uses the memory any more, and nothing else unmaps it.
        let options = unsafe { NEW.replacing(middle) };
        says(
            options.guard_pages(true).private(1),
            &format!("mmap of address {middle:#x}: EINVAL: what replaces has no guard pages"),
        );
        let memory = options.private(page()).unwrap();
        assert_eq!((memory.as_ptr().addr(), memory[0]), (middle, 0));
        drop(memory);
        assert!(mapped_at(middle).is_none());
        // SAFETY: the rest of the old mapping, which nobody uses.
        let unmapped = unsafe { libc::munmap(address.as_ptr().cast(), 3 * page()) };
        assert_eq!(unmapped, 0);
    });
}

/// R-MAP-02
#[test]
fn what_a_mapping_allows_the_descriptor_must_allow() {
    isolated(|| {
        let file = file(100);
        let (reads, writes) = (reopened(&file, libc::O_RDONLY), reopened(&file, libc::O_WRONLY));
        let text =
            "mmap of 100 bytes: EACCES: the file is not open for this (a mapping needs reading, shared writing both)";
        says(FileMapping::new(&reads), text);
        says(FileMapping::new(&writes), text);
        says(FileMapping::read_only(&writes), text);
        says(FileMapping::copy_on_write(&writes), text);
        fails(NEW.file_executable(&writes), PermissionDenied, libc::EACCES);
        FileMapping::read_only(&reads).unwrap().read(0, &mut [1; 100]).unwrap();
        let copies = FileMapping::copy_on_write(&reads).unwrap();
        copies.write(0, b"mine").unwrap();
        assert_eq!(copies.load::<[u8; 4]>(0).unwrap(), *b"mine");
    });
}

/// R-MAP-10
#[test]
fn what_cannot_be_mapped_is_refused_in_words() {
    isolated(|| {
        let (reader, _writer) = std::io::pipe().unwrap();
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let open = |path: &str| File::open(path).unwrap();
        let with_len = NEW.beyond_end(true).len(100);
        for (descriptor, reason) in [
            (OwnedFd::from(open("/tmp")), "a directory cannot be mapped"),
            (reader.into(), "a pipe cannot be mapped"),
            (socket.into(), "a socket cannot be mapped"),
            (open("/dev/zero").into(), "a device is no file; anonymous memory needs none"),
            (open("/dev/null").into(), "a device is no file; anonymous memory needs none"),
        ] {
            says(NEW.file_read_only(&descriptor), &format!("mmap: ENODEV: {reason}"));
            fails(with_len.file_copy_on_write(&descriptor), Unsupported, libc::ENODEV);
        }
        // SAFETY: takes numbers, and returns a new descriptor or -1.
        let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        assert!(event >= 0);
        // SAFETY: just opened, and nobody else's.
        let event: OwnedFd = unsafe { std::os::fd::FromRawFd::from_raw_fd(event) };
        says(with_len.file_read_only(&event), "mmap of 100 bytes: ENODEV: it cannot be mapped");
        let path_only = reopened(file(100), libc::O_PATH | libc::O_RDONLY);
        assert_eq!(NEW.file_read_only(&path_only).unwrap_err().raw_os_error(), Some(libc::EBADF));
    });
}

#[test]
fn options_reach_the_kernel() {
    isolated(|| {
        let page = page();
        let memory = NEW.no_reserve(true).stack(true).private(page).unwrap();
        assert!(has_flag(memory.as_ptr(), "nr"));
        if let Ok(locked) = NEW.lock(true).private(page) {
            assert!(has_flag(locked.as_ptr(), "lo"));
        }
        let file = file(4 * page);
        let mapping = NEW.populate(true).file(&file).unwrap();
        assert_eq!(mapping.residency().unwrap(), [true; 4]);
        assert_eq!(mapped_at(NEW.file_executable(&file).unwrap().as_ptr().addr()).unwrap().rights, "r-xs");
        assert_eq!(mapped_at(NEW.file_copy_on_write(&file).unwrap().as_ptr().addr()).unwrap().rights, "rw-p");
    });
}

#[test]
fn no_descriptors_left_is_a_limit() {
    isolated(|| {
        let file = file(100);
        crate::tools::limit(libc::RLIMIT_NOFILE, 64);
        let all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        fails(FileMapping::new(&file), LimitReached, libc::EMFILE);
        fails(Memfd::options().create(1), LimitReached, libc::EMFILE);
        drop(all);
    });
}

#[test]
fn a_range_outside_the_mapping_is_refused_in_words() {
    isolated(|| {
        let mapping = FileMapping::new(file(100)).unwrap();
        let text = "FileMapping::read of 2 bytes at offset 99: the mapping has 100 bytes";
        says(mapping.read(99, &mut [0; 2]), text);
        says(mapping.write(100, &[0]), "FileMapping::write of 1 bytes at offset 100: the mapping has 100 bytes");
        mapping.read(100, &mut []).unwrap();
        mapping.write(100, &[]).unwrap();
        for offset in [101, usize::MAX - 7, usize::MAX] {
            fails_here(mapping.read(offset, &mut [0; 8]), OutOfRange);
            fails_here(mapping.load::<u64>(offset), OutOfRange);
            fails_here(mapping.store(offset, &1_u64), OutOfRange);
            fails_here(mapping.write_to(offset, 8, std::io::stdout()), OutOfRange);
            fails_here(mapping.read_from(offset, 8, std::io::stdin()), OutOfRange);
            fails_here(mapping.flush_range(offset..), OutOfRange);
        }
        fails_here(mapping.read_from(0, usize::MAX, std::io::stdin()), OutOfRange);
    });
}

/// R-MAP-07
#[test]
fn a_cut_that_is_not_at_a_page_is_refused_in_words() {
    isolated(|| {
        let memory = PrivateMemory::new(3 * page()).unwrap();
        let cut = format!("a mapping of {} bytes is cut at the start of a page inside", 3 * page());
        let rejected = memory.split_at(1).unwrap_err();
        assert_eq!(rejected.error().to_string(), format!("Mapping::split_at of offset 1: {cut}"));
        let memory = [0, 3 * page(), usize::MAX].into_iter().fold(rejected.into_inner(), |memory, at| {
            let rejected = memory.split_at(at).unwrap_err();
            assert_eq!(rejected.error().kind(), InvalidInput);
            rejected.into_inner()
        });
        assert_eq!(memory.len(), 3 * page());
    });
}
