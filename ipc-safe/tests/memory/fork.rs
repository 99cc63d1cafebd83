//! What a forked child has of its parent's mappings.

use crate::support::fork;
use crate::tools::{dies_of, file, has_flag, in_child, isolated, mapped_at, page};
use ipc_safe::memory::{FileMapping, Hazard, MapOptions, Memfd, PrivateMemory, SharedMemory};

/// A guard in the child undoes the child's copy: the parent's memory stays where it is.
#[test]
fn dropping_a_mapping_in_a_child_leaves_that_of_the_parent() {
    isolated(|| {
        let file = file(page());
        let memfd = Memfd::options().create(page() as u64).unwrap().fix().unwrap();
        let mut private = PrivateMemory::new(page()).unwrap();
        private[0] = 7;
        let (shared, fixed) = (SharedMemory::new(page()).unwrap(), memfd.map().unwrap());
        let (mapping, wiped) = (FileMapping::new(&file).unwrap(), MapOptions::new().wiped_on_fork(page()).unwrap());
        let addresses = [private.as_ptr(), shared.as_ptr(), fixed.as_ptr(), mapping.as_ptr(), wiped.as_ptr()]
            .map(|address| address.addr());
        in_child(move || {
            shared.bytes().fill(8);
            fixed.bytes().fill(8);
            drop((private, shared, fixed, mapping, wiped));
            assert!(addresses.iter().all(|&address| mapped_at(address).is_none()));
        });
    });
    // The same, as the parent sees it.
    isolated(|| {
        let (private, shared) = (PrivateMemory::new(page()).unwrap(), SharedMemory::new(page()).unwrap());
        let child = fork(|| {
            shared.bytes().fill(8);
            // SAFETY: the child ends without another look at its copies.
            unsafe {
                drop(std::ptr::read(&raw const private));
                drop(std::ptr::read(&raw const shared));
            }
            0
        });
        child.succeed();
        assert_eq!((private[page() - 1], shared.bytes().load::<u8>(page() - 1).unwrap()), (0, 8));
    });
}

#[test]
fn a_child_has_its_own_copy_of_private_memory() {
    isolated(|| {
        let mut memory = PrivateMemory::new(2 * page()).unwrap();
        memory.fill(7);
        let child = fork(|| {
            memory.fill(8);
            i32::from(memory[page()] != 8)
        });
        child.succeed();
        assert!(memory.iter().all(|&byte| byte == 7));
        memory.discard().unwrap();
    });
}

#[test]
fn memory_that_is_not_inherited_is_not_there_in_the_child() {
    isolated(|| {
        let memory = PrivateMemory::new(3 * page()).unwrap();
        // SAFETY: the children below use the memory on purpose, and end without dropping their copies of the mapping.
        unsafe { memory.advise_unchecked(page()..page() + 1, Hazard::DontFork) }.unwrap();
        assert!(has_flag(memory.as_ptr().wrapping_add(page()), "dc"));
        dies_of(libc::SIGSEGV, || memory[page()]);
        in_child(|| {
            assert_eq!((memory[0], memory[2 * page()]), (0, 0), "the pages beside are there");
            assert!(mapped_at(memory.as_ptr().addr() + page()).is_none());
        });
        memory.advise(ipc_safe::memory::Advice::DoFork).unwrap();
        in_child(|| assert_eq!(memory[page()], 0));
    });
}

#[test]
fn a_part_that_is_wiped_is_zero_in_the_child_and_kept_again() {
    isolated(|| {
        let mut memory = PrivateMemory::new(2 * page()).unwrap();
        memory.fill(7);
        // SAFETY: nobody holds a reference across the forks below.
        unsafe { memory.advise_unchecked(page().., Hazard::WipeOnFork) }.unwrap();
        in_child(|| assert_eq!((memory[0], memory[page() - 1], memory[page()]), (7, 7, 0)));
        // SAFETY: as above.
        unsafe { memory.advise_unchecked(.., Hazard::KeepOnFork) }.unwrap();
        in_child(|| assert_eq!(memory[page()], 7));
        assert!(memory.iter().all(|&byte| byte == 7));
    });
}

#[test]
fn locks_are_not_inherited_and_their_guards_do_nothing_in_a_child() {
    isolated(|| {
        let memory = PrivateMemory::new(4 * page()).unwrap();
        let Ok(guard) = memory.lock() else { return crate::support::say("skipped: no page may be locked") };
        let locked = || crate::tools::status("VmLck");
        let before = locked();
        assert_eq!(before as usize * 1024, 4 * page());
        let child = fork(|| {
            assert_eq!(locked(), 0);
            // SAFETY: the child ends without another look at its copy.
            let copy = unsafe { std::ptr::read(&raw const guard) };
            drop(copy);
            assert_eq!(locked(), 0);
            let own = memory.lock().unwrap();
            assert_eq!(locked(), before);
            drop(own);
            assert_eq!(locked(), 0, "the last guard of the child unlocks");
            0
        });
        child.succeed();
        assert_eq!(locked(), before);
        drop(guard);
        assert_eq!(locked(), 0);
    });
}

#[test]
fn a_child_of_a_child_is_no_different() {
    isolated(|| {
        let memory = MapOptions::new().wiped_on_fork(page()).unwrap();
        memory.bytes().fill(7);
        in_child(|| {
            memory.bytes().fill(8);
            in_child(|| assert_eq!(memory.bytes().load::<u8>(0).unwrap(), 0));
            assert_eq!(memory.bytes().load::<u8>(0).unwrap(), 8);
        });
        assert_eq!(memory.bytes().load::<u8>(0).unwrap(), 7);
    });
}
