//! What a hostile process may do with a descriptor that it shares with us, while safe code holds each kind of view.

use crate::child::Child;
use crate::support::{eventually, fork};
use crate::tools::{fails_here, isolated, page, pattern, punch};
use ipc_safe::Result;
use ipc_safe::error::{ErrorKind, Rejected};
use ipc_safe::memory::{
    Advice, FileMapping, FixedMemfd, FrozenMemfd, FrozenMemory, Hazard, Memfd, ReadOnly, Readable, Rights, Seals,
    SharedMemory,
};
use ipc_safe::shared::{Access, OwnedBytes};
use rustix::fs::{FallocateFlags, OFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_setfl, ftruncate};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

const PAGES: usize = 4;

/// Everything that can be tried, the harmless before what cannot be undone.
const ATTACKS: [&str; 16] = [
    "write",
    "punch",
    "empty",
    "grow",
    "cut",
    "grow",
    "allocate",
    "collapse",
    "reopen",
    "map",
    "flags",
    "future",
    "seal-grow",
    "seal-shrink",
    "seal-write",
    "seal-seal",
];

/// Tries one of them, and says how it went.
fn attack(descriptor: &OwnedFd, how: &str) -> String {
    let (none, len) = (FallocateFlags::empty(), 8 * page() as u64);
    let seal = |seal| fcntl_add_seals(descriptor, seal);
    let done = match how {
        "write" => rustix::io::pwrite(descriptor, &vec![0xAA; PAGES * page()], 0).map(drop),
        "punch" => punch(descriptor, 0, len),
        "empty" => ftruncate(descriptor, 0),
        "cut" => ftruncate(descriptor, 1),
        "grow" => ftruncate(descriptor, len),
        "allocate" => fallocate(descriptor, none, 0, len),
        "collapse" => fallocate(descriptor, FallocateFlags::COLLAPSE_RANGE, 0, page() as u64),
        "reopen" => {
            let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
            rustix::fs::open(path, OFlags::RDWR | OFlags::TRUNC, rustix::fs::Mode::empty()).map(drop)
        }
        "flags" => fcntl_setfl(descriptor, OFlags::APPEND | OFlags::NONBLOCK),
        "map" => scribble(descriptor),
        "future" => seal(SealFlags::FUTURE_WRITE),
        "seal-grow" => seal(SealFlags::GROW),
        "seal-shrink" => seal(SealFlags::SHRINK),
        "seal-write" => seal(SealFlags::WRITE),
        "seal-seal" => seal(SealFlags::SEAL),
        other => panic!("no attack: {other}"),
    };
    match done {
        Ok(()) => "done".into(),
        Err(errno) => errno.raw_os_error().to_string(),
    }
}

/// Maps it for writing, and writes all of it.
fn scribble(descriptor: &OwnedFd) -> rustix::io::Result<()> {
    let errno = |error: ipc_safe::Error| error.raw_os_error().map_or(Errno::INVAL, Errno::from_raw_os_error);
    let mapping = FileMapping::new(descriptor).map_err(errno)?;
    mapping.write(0, &vec![0xBB; mapping.len()]).map_err(errno)
}

/// A process that attacks by order.
fn attacker(descriptor: &impl AsFd) -> Child {
    let descriptor = descriptor.as_fd().try_clone_to_owned().unwrap();
    Child::start(move |how| attack(&descriptor, how))
}

/// A process that attacks without end, with everything before what would end the attacks, or, as `O_APPEND` does, let each
/// write make the file longer.
fn storm(descriptor: &impl AsFd) -> crate::support::Forked {
    let descriptor = descriptor.as_fd().try_clone_to_owned().unwrap();
    fork(|| {
        loop {
            for how in &ATTACKS[..10] {
                attack(&descriptor, how);
            }
        }
    })
}

fn memfd() -> Memfd {
    Memfd::options().create((PAGES * page()) as u64).unwrap()
}

/// Every call of memory that cannot go away succeeds.
fn reads<A: Access + Rights>(memory: &SharedMemory<A>) {
    let bytes = memory.bytes();
    assert_eq!(bytes.to_vec().len(), memory.len());
    bytes.load::<[u8; 100]>(memory.len() - 100).unwrap();
    let (_reader, writer) = std::io::pipe().unwrap();
    assert_eq!(bytes.slice(1..101).unwrap().write_to(&writer).unwrap(), 100);
    memory.residency().unwrap();
    memory.flush().unwrap();
    memory.advise(Advice::PopulateRead).unwrap();
}

fn writes(memory: &SharedMemory) {
    let bytes = memory.bytes();
    bytes.fill(7);
    bytes.write(page() - 3, b"across").unwrap();
    bytes.store(memory.len() - 8, &1_u64).unwrap();
    memory.advise(Advice::PopulateWrite).unwrap();
}

#[test]
fn memory_that_is_fixed_survives_every_attack() {
    isolated(|| {
        let memfd = memfd().fix().unwrap();
        let mut attacker = attacker(&memfd);
        let (memory, read_only) = (memfd.map().unwrap(), memfd.map_read_only().unwrap());
        for how in ATTACKS {
            let expected = match how {
                "empty" | "cut" | "collapse" | "reopen" => "no",
                "seal-write" => &libc::EBUSY.to_string(),
                _ => "done",
            };
            let answer = attacker.ask(how);
            assert!(answer == expected || (expected == "no" && answer != "done"), "{how}: {answer}");
            reads(&memory);
            reads(&read_only);
            writes(&memory);
        }
        attacker.exit();
        assert_eq!(memfd.size().unwrap(), 8 * page() as u64);
    });
}

#[test]
fn fixed_memory_survives_attacks_at_any_moment() {
    isolated(|| {
        let memfd = memfd().fix().unwrap();
        let storm = storm(&memfd);
        eventually("the storm made it longer", || memfd.size().unwrap() == 8 * page() as u64);
        for round in 0..300 {
            let memory = memfd.map().unwrap();
            writes(&memory);
            reads(&memory);
            let (low, high) = memory.split_at(page()).unwrap();
            let low = low.protect::<ReadOnly>().unwrap();
            reads(&low);
            // The storm may not have made the object larger yet.
            let high = high.resize(page() * (2 + round % 3)).unwrap_or_else(Rejected::into_inner);
            writes(&high);
            reads(&high);
            let owned = OwnedBytes::new(high);
            owned.view().write(0, &pattern(page())).unwrap();
        }
        drop(storm);
    });
}

/// Whatever is tried, the bytes stay as they are.
fn is_unchanged(memory: &FrozenMemory) {
    assert!(memory[..] == pattern(PAGES * page())[..], "a frozen byte changed");
}

#[test]
fn frozen_memory_survives_every_attack_unchanged() {
    isolated(|| {
        let memfd = memfd();
        memfd.map().unwrap().write(0, &pattern(PAGES * page())).unwrap();
        let received: OwnedFd = memfd.fix().unwrap().freeze().unwrap().into();
        let mut attacker = attacker(&received);
        let frozen = FrozenMemfd::try_from(received).unwrap();
        let memory = frozen.map().unwrap();
        let other = frozen.map().unwrap();
        for how in ATTACKS {
            let answer = attacker.ask(how);
            let harmless = how == "flags";
            assert!(harmless || answer != "done", "{how}: {answer}");
            is_unchanged(&memory);
            other.advise(Advice::PageOut).unwrap();
            is_unchanged(&other);
        }
        attacker.exit();
        let storm = storm(&frozen);
        for _ in 0..300 {
            is_unchanged(&frozen.map().unwrap());
        }
        drop(storm);
        is_unchanged(&memory);
    });
}

/// A call of a mapping that can lose its ground succeeds or reports it.
#[track_caller]
fn survives<T>(result: Result<T>) {
    if let Err(error) = result {
        let expected = matches!(error.kind(), ErrorKind::Truncated | ErrorKind::OutOfMemory)
            || matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EINVAL));
        assert!(expected, "{error}");
    }
}

fn reads_or_says<P: Readable>(mapping: &FileMapping<P>) {
    survives(mapping.read(0, &mut vec![0; mapping.len()]));
    survives(mapping.load::<u64>(page() - 4));
    let (_reader, writer) = std::io::pipe().unwrap();
    survives(mapping.write_to(page() - 4, page(), &writer));
    survives(mapping.advise(Advice::PopulateRead));
    mapping.flush().unwrap();
    mapping.residency().map(drop).unwrap();
}

fn writes_or_says(mapping: &FileMapping) {
    survives(mapping.write(1, &vec![7; mapping.len() - 1]));
    survives(mapping.store(page() - 4, &7_u64));
    survives(mapping.read_from(1, 100, std::fs::File::open("/dev/zero").unwrap()));
    survives(mapping.advise(Advice::PopulateWrite));
}

#[test]
fn a_file_mapping_survives_every_attack() {
    isolated(|| {
        for first in 0..ATTACKS.len() {
            let memfd = memfd();
            let mut attacker = attacker(&memfd);
            let (mapping, copies) = (memfd.map().unwrap(), FileMapping::copy_on_write(&memfd).unwrap());
            for how in ATTACKS.iter().cycle().skip(first).take(ATTACKS.len()) {
                attacker.ask(how);
                reads_or_says(&mapping);
                reads_or_says(&copies);
                writes_or_says(&mapping);
                survives(copies.write(1, &vec![8; copies.len() - 1]));
            }
            attacker.exit();
        }
    });
}

#[test]
fn a_file_mapping_survives_attacks_at_any_moment() {
    isolated(|| {
        let memfd = memfd();
        let storm = storm(&memfd);
        let options = ipc_safe::memory::MapOptions::new().beyond_end(true).len(PAGES * page());
        for _ in 0..300 {
            let mapping = options.file(&memfd).unwrap();
            reads_or_says(&mapping);
            writes_or_says(&mapping);
            let copies = options.file_copy_on_write(&memfd).unwrap();
            reads_or_says(&copies);
            survives(copies.write(0, &vec![8; copies.len()]));
            let (low, high) = mapping.split_at(2 * page()).unwrap();
            reads_or_says(&low);
            drop(high);
            let low = low.resize(3 * page()).unwrap_or_else(|rejected| rejected.into_inner());
            writes_or_says(&low);
        }
        drop(storm);
    });
}

/// A memfd is checked, and then changed: the seals that were seen stay.
#[test]
fn what_was_checked_stays_true() {
    isolated(|| {
        let memfd = memfd();
        let mut attacker = attacker(&memfd);
        memfd.add_seals(Seals::SHRINK).unwrap();
        let received = FixedMemfd::try_from(OwnedFd::from(memfd)).unwrap();
        for how in ["empty", "cut", "reopen", "collapse"] {
            assert_ne!(attacker.ask(how), "done", "{how}");
        }
        writes(&received.map().unwrap());
        attacker.exit();
    });
}

/// A child shares anonymous memory, and may drop its contents: zeros, and no signal.
#[test]
fn anonymous_memory_survives_what_a_child_does_to_it() {
    isolated(|| {
        let memory = SharedMemory::new(PAGES * page()).unwrap();
        let child = fork(|| {
            loop {
                for hazard in [Hazard::Remove, Hazard::DontNeed, Hazard::DontNeedLocked] {
                    // SAFETY: the memory is used by copies only, which show zeros.
                    let _ = unsafe { memory.advise_unchecked(.., hazard) };
                    memory.bytes().fill(9);
                }
            }
        });
        for _ in 0..300 {
            writes(&memory);
            reads(&memory);
        }
        drop(child);
        fails_here(memory.bytes().load::<u8>(memory.len()), ErrorKind::OutOfRange);
    });
}
