//! Growing, shrinking and moving, whole or in parts.

use crate::tools::{fails_here, file, isolated, limit, mapped_at, mappings, page, pattern, size};
use ipc_safe::error::ErrorKind::{OutOfMemory, OutOfRange};
use ipc_safe::memory::backing::Backing;
use ipc_safe::memory::{
    Advice, FileMapping, MapOptions, Mapping, Memfd, PrivateMemory, ReadOnly, Rights, SharedMemory,
};

/// Expects a refusal with these words, and gives the mapping back.
#[track_caller]
fn refused<B: Backing, P: Rights>(mapping: Mapping<B, P>, len: usize, words: &str) -> Mapping<B, P> {
    let (address, before) = (mapping.as_ptr(), mapping.len());
    let Err(rejected) = mapping.resize(len) else { panic!("resized, expected: {words}") };
    assert_eq!(rejected.error().to_string(), format!("mremap of {len} bytes: {words}"));
    let mapping = rejected.into_inner();
    assert_eq!((mapping.as_ptr(), mapping.len()), (address, before), "as it was");
    mapping
}

#[test]
fn private_memory_keeps_its_bytes_when_it_grows_and_moves() {
    isolated(|| {
        let mut memory = PrivateMemory::new(page()).unwrap();
        memory.copy_from_slice(&pattern(page()));
        // What is in the way makes it move.
        let behind = memory.as_ptr().addr() + page();
        let _in_the_way = MapOptions::new().address(behind).private(page());
        let old = memory.as_ptr();
        let memory = memory.resize(100 * page() + 5).unwrap();
        assert_ne!(memory.as_ptr(), old);
        assert!(mapped_at(old.addr()).is_none_or(|there| there.range.contains(&memory.as_ptr().addr())));
        assert_eq!((&memory[..page()], memory.len()), (&pattern(page())[..], 100 * page() + 5));
        assert!(memory[page()..].iter().all(|&byte| byte == 0));
        let memory = memory.resize(10).unwrap();
        assert_eq!(memory[..], pattern(10));
        assert!(
            mapped_at(memory.as_ptr().addr() + page())
                .is_none_or(|there| there.rights != "rw-p" || there.range.end > 0)
        );
        let memory = memory.protect::<ReadOnly>().unwrap().resize(2 * page()).unwrap();
        assert_eq!((memory[9], memory[page()]), (pattern(10)[9], 0));
    });
}

#[test]
fn shared_memory_has_no_more_bytes_than_it_was_made_with() {
    isolated(|| {
        let memory = SharedMemory::new(page() + 1).unwrap();
        memory.bytes().fill(7);
        let memory = memory.resize(2 * page()).unwrap();
        assert_eq!(memory.bytes().load::<[u8; 2]>(page()).unwrap(), [7, 0], "the rest of its last page");
        let words = format!("EINVAL: the object has {} bytes from the start of the mapping on", 2 * page());
        let memory = refused(memory, 2 * page() + 1, &words);
        let memory = memory.resize(10).unwrap();
        fails_here(memory.bytes().load::<u8>(10), OutOfRange);
        let memory = memory.resize(2 * page()).unwrap();
        assert_eq!(memory.bytes().load::<[u8; 2]>(page()).unwrap(), [7, 0], "the object kept them");
        let (low, high) = memory.split_at(page()).unwrap();
        drop(low);
        let words = format!("EINVAL: the object has {} bytes from the start of the mapping on", page());
        refused(high, page() + 1, &words).bytes().fill(8);
    });
}

#[test]
fn a_memfd_and_a_file_bound_their_mappings_from_the_offset_on() {
    isolated(|| {
        let memfd = Memfd::options().create(3 * page() as u64).unwrap().fix().unwrap();
        let memory = MapOptions::new().offset(page() as u64 + 10).len(5).fixed(&memfd).unwrap();
        let memory = memory.resize(2 * page() - 10).unwrap();
        memory.bytes().write(2 * page() - 11, &[7]).unwrap();
        let words = format!("EINVAL: the object has {} bytes from the start of the mapping on", 2 * page() - 10);
        let memory = refused(memory, 2 * page() - 9, &words);
        memfd.grow(4 * page() as u64).unwrap();
        let memory = memory.resize(3 * page() - 10).unwrap();
        memory.bytes().fill(9);
        assert_eq!(memfd.map().unwrap().bytes().load::<[u8; 2]>(page() + 9).unwrap(), [0, 9]);

        let file = file(100);
        let mapping = MapOptions::new().offset(90).file(&file).unwrap();
        let mapping = refused(mapping, 11, "EINVAL: the object has 10 bytes from the start of the mapping on");
        file.set_len(5 * page() as u64).unwrap();
        let mapping = mapping.resize(5 * page() - 90).unwrap();
        mapping.write(5 * page() - 91, &[7]).unwrap();
        assert_eq!(size(&file), 5 * page() as u64);
    });
}

#[test]
fn what_cannot_be_resized_says_so() {
    isolated(|| {
        let memory = PrivateMemory::new(10).unwrap();
        let memory = refused(memory, 0, "EINVAL: a mapping has at least one byte");
        let memory = [1 << 44, 1 << 48, isize::MAX as usize, usize::MAX].into_iter().fold(memory, |memory, len| {
            let rejected = memory.resize(len).unwrap_err();
            assert_eq!(rejected.error().kind(), OutOfMemory);
            let text = "no room in the address space (RLIMIT_AS), or too many mappings (vm.max_map_count)";
            assert!(rejected.error().to_string().ends_with(text), "{rejected}");
            rejected.into_inner()
        });
        assert_eq!(memory[..], [0; 10]);
        let keeps = "EINVAL: a mapping with guard pages or huge pages keeps its length";
        let guarded = MapOptions::new().guard_pages(true).private(2 * page()).unwrap();
        let (low, high) = refused(guarded, 10, keeps).split_at(page()).unwrap();
        drop(refused(low, 10, keeps));
        drop(refused(high, 3 * page(), keeps));
    });
}

#[test]
fn memory_that_runs_out_leaves_the_mapping_intact() {
    isolated(|| {
        let mut memory = PrivateMemory::new(4 * page()).unwrap();
        memory.fill(7);
        let now = crate::tools::status("VmSize") * 1024;
        limit(libc::RLIMIT_AS, now + (1 << 20));
        let rejected = memory.resize(2 << 20).unwrap_err();
        assert_eq!(rejected.error().kind(), OutOfMemory);
        let memory = rejected.into_inner();
        assert!(memory.len() == 4 * page() && memory.iter().all(|&byte| byte == 7));
    });
}

/// Advice for a part makes several mappings of one, to the kernel; whether it resizes them or not, nothing is lost.
#[test]
fn a_mapping_that_the_kernel_has_in_parts_keeps_its_bytes() {
    isolated(|| {
        let mut memory = PrivateMemory::new(4 * page()).unwrap();
        memory.fill(7);
        memory.advise_range(page()..2 * page(), Advice::DontDump).unwrap();
        let memory = match memory.resize(8 * page()) {
            Ok(memory) => memory,
            Err(rejected) => {
                let words = "EFAULT: advice for a part of it made several mappings of it, to the kernel";
                assert_eq!(rejected.error().to_string(), format!("mremap of {} bytes: {words}", 8 * page()));
                rejected.into_inner()
            }
        };
        assert!(memory[..4 * page()].iter().all(|&byte| byte == 7));
    });
}

/// R-MAP-07
#[test]
fn a_part_is_unmapped_by_dropping_it() {
    isolated(|| {
        unmap_the_middle();
        // The first time, the allocator may have mapped something too.
        let before = mappings();
        unmap_the_middle();
        assert_eq!(mappings(), before);
    });
}

fn unmap_the_middle() {
    let mut memory = PrivateMemory::new(3 * page()).unwrap();
    memory.copy_from_slice(&pattern(3 * page()));
    let start = memory.as_ptr().addr();
    let (low, rest) = memory.split_at(page()).unwrap();
    let (middle, high) = rest.split_at(page()).unwrap();
    drop(middle);
    assert!(mapped_at(start + page()).is_none());
    assert_eq!((&low[..], &high[..]), (&pattern(3 * page())[..page()], &pattern(3 * page())[2 * page()..]));
    let there = MapOptions::new().address(start + page()).private(page()).unwrap();
    assert_eq!(there[0], 0);
    drop((low, high, there));
    assert!((0..3).all(|i| mapped_at(start + i * page()).is_none()));
}

#[test]
fn halves_of_a_file_know_where_they_are() {
    isolated(|| {
        let file = file(3 * page() + 10);
        let mapping = MapOptions::new().offset(100).file(&file).unwrap();
        let len = mapping.len();
        mapping.write(0, &pattern(len)).unwrap();
        let cut = 2 * page() - 100;
        let (low, high): (FileMapping, FileMapping) = mapping.split_at(cut).unwrap();
        assert_eq!((low.len(), high.len(), high.available().unwrap()), (cut, len - cut, len - cut));
        let mut bytes = vec![0; len];
        low.read(0, &mut bytes[..cut]).unwrap();
        high.read(0, &mut bytes[cut..]).unwrap();
        assert_eq!(bytes, pattern(len));
        drop(low);
        high.write(0, b"after the cut").unwrap();
        file.set_len(2 * page() as u64 + 5).unwrap();
        assert_eq!(high.available().unwrap(), 5);
    });
}
