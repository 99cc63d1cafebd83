//! System V segments beside mappings: the same view, another life.

use crate::support::{eventually, in_namespace, set_sysctl};
use crate::tools::{errno, file, in_child, isolated, name, page};
use ipc_safe::memory::{FileMapping, Memfd, PosixObject, SharedMemory};
use ipc_safe::sysv::{Key, Segment};
use ipc_sys::mman;
use std::os::fd::AsFd;

/// R-SHM-13
#[test]
fn unmapping_a_segment_by_hand_detaches_it() {
    isolated(|| {
        let segment = Segment::private(2 * page()).unwrap();
        let (kept, unmapped) = (segment.attach().unwrap(), segment.attach().unwrap());
        let attachments = || segment.status().unwrap().attachments;
        assert_eq!(attachments(), 2);
        let address = unmapped.bytes().as_mut_ptr();
        std::mem::forget(unmapped);
        // SAFETY: the attachment was forgotten: nothing uses its pages.
        assert_eq!(unsafe { mman::munmap(address.cast(), 2 * page()) }, 0);
        assert_eq!(attachments(), 1);
        // SAFETY: an address at which nothing is attached: the kernel says so.
        assert_eq!((unsafe { libc::shmdt(address.cast()) }, errno()), (-1, libc::EINVAL));
        kept.detach().unwrap();
    });
}

/// R-SHM-13
#[test]
fn a_segment_in_parts_detaches_whole() {
    isolated(|| {
        let segment = Segment::private(3 * page()).unwrap();
        let attachment = segment.attach().unwrap();
        attachment.bytes().fill(7);
        let middle = attachment.bytes().as_mut_ptr().wrapping_add(page());
        // SAFETY: a page of the attachment; only its first page is read below.
        assert_eq!(unsafe { mman::mprotect(middle.cast(), page(), mman::PROT_NONE) }, 0);
        assert_eq!(attachment.bytes().load::<u8>(0).unwrap(), 7);
        attachment.detach().unwrap();
        assert_eq!(segment.status().unwrap().attachments, 0);
        assert!((0..3).all(|i| crate::tools::mapped_at(middle.addr() - page() + i * page()).is_none()));
    });
}

/// R-SHM-14
#[test]
fn a_segment_that_nobody_attaches_goes_when_the_system_says_so() {
    in_namespace(|| {
        let open = |key| Segment::options().create_new(true).open(Key::new(key), 100).unwrap();
        // One of a process that ended, and one of ours.
        in_child(|| {
            open(1);
        });
        let (unattached, attached) = (Segment::open(Key::new(1)).unwrap(), open(2));
        let attachment = attached.attach().unwrap();
        attachment.bytes().fill(7);
        set_sysctl("shm_rmid_forced", "1");
        assert!(unattached.status().unwrap_err().is_removed());
        assert_eq!(attachment.bytes().load::<u8>(99).unwrap(), 7);
        attachment.detach().unwrap();
        // Children that other tests fork at this moment inherit the attachment for as long as they live.
        let is_gone = || attached.status().is_err_and(|error| error.is_removed());
        eventually("it goes with its last attachment, without being removed", is_gone);
    });
}

/// What outlives the process that made it, and what does not.
///
/// R-MAP-13
#[test]
fn segments_objects_and_files_stay_and_memory_goes_with_its_process() {
    isolated(|| {
        let (object_name, file) = (name("outlives"), file(100));
        let segment = Segment::private(100).unwrap();
        let (memfd, shared) = (Memfd::options().create(100).unwrap().fix().unwrap(), SharedMemory::new(100).unwrap());
        // Made and written by a process that then is killed.
        let child = crate::support::fork(|| {
            let object = PosixObject::options().create_new(true).open(&object_name, 100).unwrap();
            object.map().unwrap().write(0, b"object").unwrap();
            segment.attach().unwrap().bytes().write(0, b"segment").unwrap();
            FileMapping::new(&file).unwrap().write(0, b"file").unwrap();
            memfd.map().unwrap().bytes().write(0, b"memfd").unwrap();
            shared.bytes().write(0, b"shared").unwrap();
            // SAFETY: ends the process on the spot.
            unsafe { libc::raise(libc::SIGKILL) }
        });
        assert!(!child.wait().success());
        // By name, by id and by descriptor all of it is still there, and so is what an ancestor has mapped.
        let object = PosixObject::open(&object_name).unwrap().into_owned();
        assert_eq!(object.map().unwrap().load::<[u8; 6]>(0).unwrap(), *b"object");
        assert_eq!(segment.attach().unwrap().bytes().load::<[u8; 7]>(0).unwrap(), *b"segment");
        assert_eq!(FileMapping::new(&file).unwrap().load::<[u8; 4]>(0).unwrap(), *b"file");
        assert_eq!(memfd.map().unwrap().bytes().load::<[u8; 5]>(0).unwrap(), *b"memfd");
        assert_eq!(shared.bytes().load::<[u8; 6]>(0).unwrap(), *b"shared");
        // A name or an id goes when it is removed, and the memory with the last who has it; a memfd with its descriptors.
        let held = (object.map().unwrap(), memfd.map().unwrap());
        object.unlink().unwrap();
        drop(memfd);
        in_child(|| assert_eq!(held.0.load::<[u8; 6]>(0).unwrap(), *b"object"));
        assert_eq!(held.1.bytes().load::<[u8; 5]>(0).unwrap(), *b"memfd");
        assert!(PosixObject::open(&object_name).is_err());
        let id = segment.id();
        drop(segment);
        assert!(Segment::from_id(id).and_then(|segment| segment.status()).is_err());
        assert!(rustix::fs::fstat(file.as_fd()).is_ok());
    });
}
