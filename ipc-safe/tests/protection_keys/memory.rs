//! Memory with a key: copies, slices, what is under it.

use crate::support::{fork, watchdog};
use crate::tools::{Plain, SEGV_ACCERR, SEGV_PKUERR, fault_of, key, memory, page_size, peek};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{MapOptions, Memfd, PrivateMemory, ReadOnly, SharedMemory};

#[test]
fn copies_stay_inside_the_memory() {
    let Some(memory) = memory() else { return };
    let len = memory.len();
    let access = memory.write_access().unwrap();

    assert_eq!((len, access.len(), access.is_empty(), memory.is_empty()), (2 * page_size(), len, false, false));
    access.write(len - 1, b"x").unwrap();
    let failures = [
        access.write(len, b"x"),
        access.write(usize::MAX, b"x"),
        access.read(len - 1, &mut [0; 2]),
        access.load::<u64>(len - 7).map(drop),
        access.store(len - 7, &0_u64),
    ];
    for failure in failures {
        assert_eq!(failure.unwrap_err().kind(), ErrorKind::OutOfRange);
    }
    assert_eq!(access.load::<u8>(len - 1).unwrap(), b'x');
}

#[test]
fn released_memory_is_in_reach_of_everybody_again() {
    let Some(memory) = memory() else { return };
    memory.write_access().unwrap().write(4, b"ual").unwrap();

    let plain: Plain = memory.release().unwrap();

    let seen = std::thread::scope(|scope| scope.spawn(|| plain[..7].to_vec()).join().unwrap());
    assert_eq!(seen, b"textual");
}

#[test]
fn read_only_memory_stays_read_only() {
    let Some(key) = key() else { return };
    let mut memory = PrivateMemory::new(100).unwrap();
    memory[99] = 9;

    let memory = key.protect(memory.protect::<ReadOnly>().unwrap()).unwrap();

    assert_eq!(memory.read_access().unwrap().load::<u8>(99).unwrap(), 9);
    let plain = memory.release().unwrap();
    assert_eq!(plain[99], 9);
}

#[test]
fn slices_are_there_for_who_promises() {
    let Some(memory) = memory() else { return };
    {
        let mut access = memory.write_access().unwrap();
        // SAFETY: this thread alone has an access, and keeps the slice to itself.
        let slice = unsafe { access.as_mut_slice() };
        slice[..4].copy_from_slice(b"four");
    }
    let access = memory.read_access().unwrap();

    // SAFETY: nobody writes, and this thread keeps the slice to itself.
    assert_eq!(&unsafe { access.as_slice() }[..4], b"four");
}

#[test]
fn guard_pages_stay_where_they_are() {
    let Some(key) = key() else { return };
    let memory = MapOptions::new().guard_pages(true).private(page_size()).unwrap();

    let memory = key.protect(memory).unwrap();

    let end = memory.as_ptr().wrapping_add(page_size());
    let _access = memory.write_access().unwrap();
    assert_eq!(fault_of(|| _ = peek(memory.as_ptr())), None);
    assert_eq!(fault_of(|| _ = peek(end)), Some(SEGV_ACCERR), "no access, whatever the key");
}

#[test]
fn shared_memory_has_the_key_in_one_process_only() {
    let _watchdog = watchdog();
    let Some(key) = key() else { return };
    let memfd = Memfd::options().create(4096).unwrap().fix().unwrap();
    let memory = key.protect(memfd.map().unwrap()).unwrap();
    let open = memfd.map().unwrap();

    open.bytes().write(0, b"from elsewhere").unwrap();
    assert_eq!(memory.read_access().unwrap().load::<[u8; 4]>(0).unwrap(), *b"from");
    fork(|| {
        memory.write_access().unwrap().write(0, b"child").unwrap();
        0
    })
    .succeed();

    assert_eq!(open.bytes().load::<[u8; 5]>(0).unwrap(), *b"child");
    assert_eq!(fault_of(|| _ = peek(memory.as_ptr())), Some(SEGV_PKUERR));
}

#[test]
fn anonymous_and_wiped_memory_take_a_key_too() {
    let _watchdog = watchdog();
    let Some(key) = key() else { return };
    let shared = key.protect(SharedMemory::new(100).unwrap()).unwrap();
    let wiped = key.protect(MapOptions::new().wiped_on_fork(100).unwrap()).unwrap();
    for access in [shared.write_access().unwrap(), wiped.write_access().unwrap()] {
        access.fill(5);
    }

    fork(|| {
        assert_eq!(shared.read_access().unwrap().to_vec(), [5; 100]);
        assert_eq!(wiped.read_access().unwrap().to_vec(), [0; 100]);
        0
    })
    .succeed();

    assert_eq!(wiped.read_access().unwrap().to_vec(), [5; 100]);
}
