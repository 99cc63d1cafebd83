//! Mappings, memfds, POSIX objects, files.

use crate::driver::{Outcome, dropped, folder, object_name, scenarios};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{
    Advice, FileMapping, LockAll, MapOptions, Memfd, NoAccess, PosixObject, PrivateMemory, ProtectionKey, ReadOnly,
    RemoteAdvice, Seals, SharedMemory, advise_process, lock_all,
};
use ipc_safe::process::getpid;
use std::fs::File;

scenarios! {
    private_memory
    private_memory_resized
    private_memory_protected
    shared_memory
    options
    advice
    locked_pages
    all_locked
    wiped_on_fork
    memfd
    memfd_fixed
    memfd_frozen
    posix_object
    posix_object_taken_over
    file_mapping
    file_mapping_moves_bytes
    file_copy_on_write
    file_flushed
    keyed_memory
    process_advised
}

const PAGE: usize = 4096;

fn private_memory() -> Outcome {
    let mut memory = PrivateMemory::new(3 * PAGE)?;
    memory.fill(7);
    memory.discard()?;
    assert!(memory.iter().all(|byte| *byte == 0));
    let (left, right) = memory.split_at(PAGE)?;
    dropped(left);
    dropped(right);
    Ok(())
}

/// When it cannot be had, the old one is whole.
fn private_memory_resized() -> Outcome {
    let mut memory = PrivateMemory::new(2 * PAGE)?;
    memory.fill(7);
    for len in [64 * PAGE, PAGE] {
        memory = match memory.resize(len) {
            Ok(memory) => memory,
            Err(rejected) => {
                let (memory, error) = rejected.into_parts();
                assert!(memory.iter().take(PAGE).all(|byte| *byte == 7));
                dropped(memory);
                return Err(error.into());
            }
        };
        assert_eq!((memory.len(), memory[0]), (len, 7));
    }
    dropped(memory);
    Ok(())
}

fn private_memory_protected() -> Outcome {
    let mut memory = PrivateMemory::new(PAGE)?;
    memory.fill(7);
    let memory = match memory.protect::<ReadOnly>() {
        Ok(memory) => memory,
        Err(rejected) => {
            let (memory, error) = rejected.into_parts();
            assert_eq!(memory[0], 7);
            return Err(error.into());
        }
    };
    assert_eq!(memory[0], 7);
    dropped(memory.protect::<NoAccess>()?);
    dropped(MapOptions::new().reserve(16 * PAGE)?);
    Ok(())
}

fn shared_memory() -> Outcome {
    let memory = SharedMemory::new(2 * PAGE)?;
    memory.bytes().fill(3);
    memory.residency()?;
    dropped(memory);
    Ok(())
}

fn options() -> Outcome {
    dropped(MapOptions::new().populate(true).guard_pages(true).private(PAGE)?);
    dropped(MapOptions::new().no_reserve(true).stack(true).private(PAGE)?);
    match MapOptions::new().lock(true).private(PAGE) {
        Ok(memory) => dropped(memory),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error.into()),
    }
    let memory = PrivateMemory::new(PAGE)?;
    let address = memory.as_ptr().addr();
    dropped(memory);
    dropped(MapOptions::new().address(address).shared(PAGE)?);
    match MapOptions::new().huge_pages(1 << 21).private(1 << 21) {
        Ok(memory) => dropped(memory),
        Err(error) if error.kind() == ErrorKind::OutOfMemory => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn advice() -> Outcome {
    let memory = PrivateMemory::new(4 * PAGE)?;
    for advice in [Advice::Random, Advice::WillNeed, Advice::Cold, Advice::PopulateWrite, Advice::DontDump] {
        memory.advise(advice)?;
    }
    memory.advise_range(PAGE..2 * PAGE, Advice::Sequential)?;
    Ok(())
}

fn locked_pages() -> Outcome {
    let memory = PrivateMemory::new(PAGE)?;
    let guard = memory.lock()?;
    dropped(guard);
    memory.lock_on_fault()?.release()?;
    Ok(())
}

fn all_locked() -> Outcome {
    // Without the right, it depends on a limit how far this goes.
    match lock_all(LockAll::Future, true) {
        Ok(guard) => dropped(guard),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::OutOfMemory) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    lock_all(LockAll::Future, true)?.release()?;
    Ok(())
}

fn wiped_on_fork() -> Outcome {
    dropped(MapOptions::new().wiped_on_fork(PAGE)?);
    Ok(())
}

fn memfd() -> Outcome {
    let memfd = Memfd::options().name("sweep").create(100)?;
    memfd.set_size(5000)?;
    assert_eq!(memfd.size()?, 5000);
    memfd.add_seals(Seals::GROW)?;
    assert!(memfd.seals()?.contains(Seals::GROW));
    let mapping = memfd.map()?;
    mapping.write(4990, b"0123456789")?;
    let mut bytes = [0; 10];
    mapping.read(4990, &mut bytes)?;
    assert_eq!(&bytes, b"0123456789");
    dropped(mapping);
    dropped(memfd);
    Ok(())
}

fn memfd_fixed() -> Outcome {
    let fixed = Memfd::options().create(5000)?.fix()?;
    fixed.grow(9000)?;
    assert_eq!(fixed.size()?, 9000);
    let memory = fixed.map()?;
    memory.bytes().fill(3);
    let reader = fixed.map_read_only()?;
    assert_eq!(reader.bytes().to_vec(), vec![3; reader.len()]);
    dropped((memory, reader));
    dropped(fixed);
    Ok(())
}

fn memfd_frozen() -> Outcome {
    let fixed = Memfd::options().create(10)?.fix()?;
    let memory = fixed.map()?;
    memory.bytes().write(0, b"0123456789")?;
    drop(memory);
    let frozen = fixed.freeze()?;
    assert_eq!(frozen.size()?, 10);
    let memory = frozen.map()?;
    assert_eq!(&memory[..10], b"0123456789");
    dropped(memory);
    dropped(frozen);
    Ok(())
}

fn posix_object() -> Outcome {
    let name = object_name();
    let object = PosixObject::options().create_new(true).mode(0o600).open(&name, 5000)?.into_owned();
    assert_eq!(object.size()?, 5000);
    object.set_size(6000)?;
    let mapping = object.map()?;
    mapping.write(0, b"hello")?;
    let again = PosixObject::open(&name)?;
    assert_eq!(again.size()?, 6000);
    assert!(PosixObject::list()?.contains(&name));
    dropped((mapping, again));
    dropped(object);
    Ok(())
}

fn posix_object_taken_over() -> Outcome {
    let name = object_name();
    let object = PosixObject::options().create(true).open(&name, 100)?.into_owned();
    let again = PosixObject::options().create(true).open(&name, 100)?;
    let reader = PosixObject::options().read_only(true).open(&name, 0)?;
    dropped((again, reader));
    object.unlink()?;
    Ok(())
}

/// A file of so many bytes, without a name. It is made by std: its faults are not ours.
fn file(len: u64) -> std::io::Result<File> {
    let path = folder().join("file");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
    // Before what follows may fail.
    let _ = std::fs::remove_file(&path);
    let _ = std::fs::remove_file(&path);
    let file = file?;
    file.set_len(len)?;
    Ok(file)
}

fn file_mapping() -> Outcome {
    let file = file(5000)?;
    let mapping = FileMapping::new(&file)?;
    mapping.write(0, b"hello")?;
    mapping.store(8, &7_u64)?;
    assert_eq!(mapping.load::<u64>(8)?, 7);
    assert_eq!(mapping.available()?, 5000);
    let reader = FileMapping::read_only(&file)?;
    let mut bytes = [0; 5];
    reader.read(0, &mut bytes)?;
    assert_eq!(&bytes, b"hello");
    dropped((mapping, reader));
    // Shrunk meanwhile.
    let mapping = FileMapping::new(&file)?;
    file.set_len(0)?;
    let truncated = mapping.read(0, &mut bytes).expect_err("nothing is there");
    if truncated.kind() != ErrorKind::Truncated {
        return Err(truncated.into());
    }
    Ok(())
}

fn file_mapping_moves_bytes() -> Outcome {
    let file = file(5000)?;
    let mapping = FileMapping::new(&file)?;
    mapping.write(0, b"hello")?;
    let (reader, writer) = std::io::pipe()?;
    assert_eq!(mapping.write_to(0, 5, &writer)?, 5);
    assert_eq!(mapping.read_from(100, 5, &reader)?, 5);
    let mut bytes = [0; 5];
    mapping.read(100, &mut bytes)?;
    assert_eq!(&bytes, b"hello");
    Ok(())
}

fn file_copy_on_write() -> Outcome {
    let file = file(5000)?;
    let mapping = FileMapping::copy_on_write(&file)?;
    mapping.write(0, b"mine")?;
    dropped(mapping);
    let mapping = MapOptions::new().offset(PAGE as u64).len(100).file(&file)?;
    assert_eq!(mapping.len(), 100);
    Ok(())
}

fn file_flushed() -> Outcome {
    let file = file(5000)?;
    let mapping = FileMapping::new(&file)?;
    mapping.write(0, b"hello")?;
    mapping.flush()?;
    mapping.flush_range(0..10)?;
    mapping.flush_async()?;
    mapping.flush_and_invalidate()?;
    Ok(())
}

/// Only where the processor has keys.
fn keyed_memory() -> Outcome {
    let key = match ProtectionKey::new() {
        Ok(key) => key,
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::LimitReached) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let memory = key.protect(PrivateMemory::new(PAGE)?)?;
    memory.write_access()?.fill(7);
    let memory = memory.release()?;
    assert_eq!(memory[0], 7);
    dropped(memory);
    dropped(key);
    Ok(())
}

fn process_advised() -> Outcome {
    let memory = PrivateMemory::new(PAGE)?;
    let own =
        rustix::process::pidfd_open(getpid(), rustix::process::PidfdFlags::empty()).map_err(std::io::Error::from)?;
    let start = memory.as_ptr().addr();
    assert_eq!(advise_process(&own, std::slice::from_ref(&(start..start + PAGE)), RemoteAdvice::Cold)?, PAGE);
    Ok(())
}
