//! Changing what may be done with memory.

use crate::tools::{dies_of, fails, file, isolated, mapped_at, page, reopened};
use ipc_safe::error::ErrorKind::PermissionDenied;
use ipc_safe::memory::{
    FileMapping, MapOptions, Memfd, NoAccess, PrivateMemory, ReadExecute, ReadOnly, ReadWrite, Seals, SharedMemory,
};

fn rights(address: *const u8) -> String {
    mapped_at(address.addr()).unwrap().rights
}

/// R-MAP-10
#[test]
fn the_type_says_what_the_hardware_does() {
    isolated(|| {
        let mut memory = PrivateMemory::new(page()).unwrap();
        memory[0] = 7;
        let memory = memory.protect::<ReadOnly>().unwrap();
        assert_eq!((rights(memory.as_ptr()), memory[0]), ("r--p".into(), 7));
        let address = memory.as_ptr().cast_mut();
        // SAFETY: a store to memory that is read-only ends the child, which is what the test looks for.
        dies_of(libc::SIGSEGV, || unsafe { address.write_volatile(1) });
        let memory = memory.protect::<NoAccess>().unwrap();
        assert_eq!(rights(memory.as_ptr()), "---p");
        let memory = memory.protect::<ReadExecute>().unwrap();
        assert_eq!((rights(memory.as_ptr()), memory[0]), ("r-xp".into(), 7));
        let mut memory = memory.protect::<ReadWrite>().unwrap();
        memory[0] += 1;
        assert_eq!((rights(memory.as_ptr()), memory[0]), ("rw-p".into(), 8));
    });
}

/// R-MAP-10
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn executable_memory_runs() {
    #[cfg(target_arch = "x86_64")]
    const CODE: &[u8] = &[0xb8, 42, 0, 0, 0, 0xc3]; // mov eax, 42; ret
    #[cfg(target_arch = "aarch64")]
    const CODE: &[u8] = &[0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6]; // mov w0, #42; ret
    isolated(|| {
        let run = |address: *const u8| {
            // SAFETY: the bytes at the address are a function that takes nothing and returns 42.
            unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> i32>(address)() }
        };
        let mut memory = PrivateMemory::new(page()).unwrap();
        memory[..CODE.len()].copy_from_slice(CODE);
        let address = memory.as_ptr();
        dies_of(libc::SIGSEGV, || run(address));
        let memory = memory.protect::<ReadExecute>().unwrap();
        assert_eq!(run(memory.as_ptr()), 42);

        let memfd = Memfd::options().executable(true).create(page() as u64).unwrap();
        memfd.map().unwrap().write(0, CODE).unwrap();
        let mapping = MapOptions::new().file_executable(&memfd).unwrap();
        assert_eq!(run(mapping.as_ptr()), 42);
    });
}

/// R-MAP-02
#[test]
fn a_file_opened_for_reading_never_becomes_writable() {
    isolated(|| {
        let file = file(page());
        let mapping = FileMapping::read_only(reopened(&file, libc::O_RDONLY)).unwrap();
        let rejected = mapping.protect::<ReadWrite>().unwrap_err();
        assert_eq!(
            rejected.error().to_string(),
            "mprotect: EACCES: the object was not opened for this, or is sealed against it"
        );
        let mapping = rejected.into_inner();
        mapping.read(0, &mut [1; 100]).unwrap();
        assert_eq!(rights(mapping.as_ptr()), "r--s");
    });
}

#[test]
fn a_sealed_memfd_never_becomes_writable() {
    isolated(|| {
        let memfd = Memfd::options().create(page() as u64).unwrap().fix().unwrap();
        memfd.add_seals(Seals::FUTURE_WRITE).unwrap();
        let memory = memfd.map_read_only().unwrap();
        let memory = memory.protect::<ReadWrite>().unwrap_err().into_inner();
        assert_eq!((memory.bytes().load::<u8>(0).unwrap(), rights(memory.as_ptr())), (0, "r--s".into()));
        fails(memfd.map(), PermissionDenied, libc::EPERM);
    });
}

#[test]
fn a_part_is_protected_by_splitting() {
    isolated(|| {
        let mut memory = PrivateMemory::new(3 * page()).unwrap();
        memory.fill(7);
        let start = memory.as_ptr();
        let (low, rest) = memory.split_at(page()).unwrap();
        let (middle, mut high) = rest.split_at(page()).unwrap();
        let middle = middle.protect::<ReadOnly>().unwrap();
        high.fill(8);
        assert_eq!((low[0], middle[0], high[0]), (7, 7, 8));
        let at = |pages| rights(start.wrapping_add(pages * page()));
        assert_eq!((at(0), at(1), at(2)), ("rw-p".into(), "r--p".into(), "rw-p".into()));
    });
}

#[test]
fn protecting_takes_whole_pages_and_leaves_the_guards() {
    isolated(|| {
        let memory = MapOptions::new().guard_pages(true).shared(page() + 10).unwrap();
        let memory: SharedMemory<ReadOnly> = memory.protect().unwrap();
        let at = |pages: isize| rights(memory.as_ptr().wrapping_offset(pages * page() as isize));
        assert_eq!((at(-1), at(0), at(1), at(2)), ("---p".into(), "r--s".into(), "r--s".into(), "---p".into()));
    });
}
