//! Files that another process shortens while they are mapped: an error, never a signal, and never a file that grows again.

use crate::child::Child;
use crate::support::{eventually, fork};
use crate::tools::{fails_here, files, isolated, name, page, size};
use ipc_safe::Result;
use ipc_safe::error::{Error, ErrorKind};
use ipc_safe::memory::{Advice, FileMapping, MapOptions, Memfd, PosixObject, Readable, SharedMemory};
use ipc_safe::shared::Shared;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many pages the files have.
const PAGES: usize = 4;

/// Everything that can be truncated: files on two file systems, a memfd, a POSIX object.
fn objects() -> Vec<OwnedFd> {
    let len = PAGES * page();
    let memfd = Memfd::options().create(len as u64).unwrap();
    let object = PosixObject::options().create_new(true).open(&name("truncation"), len as u64).unwrap().into_owned();
    let posix = object.as_fd().try_clone_to_owned().unwrap();
    files(len).into_iter().map(OwnedFd::from).chain([memfd.into(), posix]).collect()
}

fn truncate(object: impl AsFd, len: usize) {
    rustix::fs::ftruncate(object, len as u64).unwrap();
}

/// Another process that sets the size of the object when it is told to.
fn other(object: &OwnedFd) -> Child {
    let file = File::from(object.try_clone().unwrap());
    Child::start(move |len| file.set_len(len.parse().unwrap()).is_ok().to_string())
}

/// Every call of a shared and of a copy-on-write mapping is an error where the file ends.
///
/// R-MAP-04 R-MAP-06
#[test]
fn every_call_reports_that_another_process_truncated_the_file() {
    isolated(|| {
        for object in objects() {
            let mut other = other(&object);
            let shared = FileMapping::new(&object).unwrap();
            let copies = FileMapping::copy_on_write(&object).unwrap();
            let read_only = FileMapping::read_only(&object).unwrap();
            shared.write(0, &vec![9; PAGES * page()]).unwrap();
            copies.write(0, &vec![7; PAGES * page()]).unwrap();
            for len in [0, 1, page() - 1, page(), page() + 1, 3 * page()] {
                assert_eq!(other.ask(&len.to_string()), "true");
                reading_fails(&shared, len);
                reading_fails(&read_only, len);
                reading_fails(&copies, len);
                writing_fails(&shared, len);
                fails_here(copies.write(len, &[1; 2]), ErrorKind::Truncated);
                assert_eq!(size(&object), len as u64, "writing made the file longer");
                assert_eq!(other.ask(&(PAGES * page()).to_string()), "true");
                shared.write(0, &vec![9; PAGES * page()]).unwrap();
            }
            other.exit();
        }
    });
}

fn reading_fails<P: Readable>(mapping: &FileMapping<P>, len: usize) {
    assert_eq!(mapping.available().unwrap(), len);
    let mut all = vec![0; mapping.len()];
    fails_here(mapping.read(0, &mut all), ErrorKind::Truncated);
    fails_here(mapping.read(len, &mut [0]), ErrorKind::Truncated);
    fails_here(mapping.load::<u64>(mapping.len() - 8), ErrorKind::Truncated);
    mapping.read(mapping.len(), &mut []).unwrap();
    if len > 0 {
        assert_ne!(mapping.load::<u8>(len - 1).unwrap(), 0);
    }
    let (_reader, writer) = std::io::pipe().unwrap();
    fails_here(mapping.write_to(len, 1, &writer), ErrorKind::Truncated);
    assert_eq!(mapping.residency().unwrap().len(), PAGES);
    let populated = mapping.advise(Advice::PopulateRead).unwrap_err();
    assert_eq!(populated.raw_os_error(), Some(libc::EFAULT), "{populated}");
    mapping.advise(Advice::WillNeed).unwrap();
    mapping.flush().unwrap();
}

fn writing_fails(mapping: &FileMapping, len: usize) {
    fails_here(mapping.write(0, &vec![9; mapping.len()]), ErrorKind::Truncated);
    fails_here(mapping.write(len, &[9]), ErrorKind::Truncated);
    mapping.write(mapping.len(), &[]).unwrap();
    fails_here(mapping.store(mapping.len() - 8, &9_u64), ErrorKind::Truncated);
    let (reader, _writer) = std::io::pipe().unwrap();
    fails_here(mapping.read_from(len, 1, &reader), ErrorKind::Truncated);
    let populated = mapping.advise(Advice::PopulateWrite).unwrap_err();
    assert_eq!(populated.raw_os_error(), Some(libc::EFAULT), "{populated}");
}

/// How often a call found the file whole, and how often not.
#[derive(Default)]
struct Tally {
    whole: u32,
    truncated: u32,
}

impl Tally {
    fn count<T>(&mut self, what: &str, result: Result<T>) {
        let gone = |error: &Error| {
            error.kind() == ErrorKind::Truncated
                || error.raw_os_error() == Some(libc::EFAULT)
                // The file was back when the error was looked into.
                || error.to_string().contains("a page of the object cannot be had")
        };
        match result {
            Ok(_) => self.whole += 1,
            Err(error) if gone(&error) => self.truncated += 1,
            Err(error) => panic!("{what}: {error}"),
        }
    }

    fn is_done(&self) -> bool {
        self.whole >= 20 && self.truncated >= 20
    }
}

/// Makes all calls of the mapping, again and again, until each has found the file whole and truncated.
fn storm<P: Readable>(mapping: &FileMapping<P>, writes: usize, mut write: impl FnMut(&mut [Tally])) {
    const READS: usize = 4;
    let mut tallies: Vec<Tally> = (0..READS + writes).map(|_| Tally::default()).collect();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut buffer = vec![0; mapping.len()];
    eventually("each call found the file whole and truncated", || {
        for _ in 0..50 {
            tallies[0].count("read", mapping.read(0, &mut buffer));
            tallies[1].count("load", mapping.load::<u64>(mapping.len() - 8));
            let written = mapping.write_to(mapping.len() - page(), page(), &writer);
            if let Ok(len) = &written {
                rustix::io::read(&reader, &mut buffer[..*len]).unwrap();
            }
            tallies[2].count("write_to", written);
            tallies[3].count("populate", mapping.advise(Advice::PopulateRead));
            mapping.residency().unwrap();
            mapping.flush_async().unwrap();
            mapping.available().unwrap();
            write(&mut tallies[READS..]);
        }
        tallies.iter().all(Tally::is_done)
    });
}

/// R-MAP-04 R-MAP-06
#[test]
fn no_call_dies_while_another_process_truncates_in_a_loop() {
    isolated(|| {
        for object in objects() {
            let counters = Shared::<[AtomicU64; 2], _>::bare(SharedMemory::new(16).unwrap()).unwrap();
            let [rounds, grown] = &*counters;
            let other = fork(|| {
                loop {
                    truncate(&object, 0);
                    // Time for a write that began before to go wrong.
                    let grows = (0..20).any(|_| size(&object) != 0);
                    grown.fetch_add(u64::from(grows), Ordering::Relaxed);
                    truncate(&object, PAGES * page());
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
            let shared = FileMapping::new(&object);
            let shared =
                shared.or_else(|_| MapOptions::new().beyond_end(true).len(PAGES * page()).file(&object)).unwrap();
            let source = vec![9; shared.len()];
            let (zero, from) = (File::open("/dev/zero").unwrap(), shared.len() - page());
            storm(&shared, 4, |tallies| {
                tallies[0].count("write", shared.write(0, &source));
                tallies[1].count("store", shared.store(shared.len() - 8, &9_u64));
                tallies[2].count("read_from", shared.read_from(from, page(), &zero));
                tallies[3].count("populate", shared.advise(Advice::PopulateWrite));
            });
            let copies = MapOptions::new().beyond_end(true).len(PAGES * page()).file_copy_on_write(&object).unwrap();
            storm(&copies, 1, |tallies| tallies[0].count("write to a copy", copies.write(0, &source)));
            assert!(rounds.load(Ordering::Relaxed) > 20);
            assert_eq!(grown.load(Ordering::Relaxed), 0, "a write made the file longer");
            drop(other);
            // Nobody is left to make it longer: what is written now does not, either.
            truncate(&object, 0);
            for _ in 0..100 {
                fails_here(shared.write(0, &source), ErrorKind::Truncated);
                fails_here(shared.read_from(0, page(), &zero), ErrorKind::Truncated);
            }
            assert_eq!(size(&object), 0);
        }
    });
}

#[test]
fn a_mapping_shrinks_when_its_file_did_and_grows_only_with_it() {
    isolated(|| {
        for object in objects() {
            let mapping = FileMapping::new(&object).unwrap();
            truncate(&object, 1);
            let mapping = mapping.resize(2 * page()).unwrap();
            let rejected = mapping.resize(3 * page()).unwrap_err();
            assert_eq!(
                rejected.error().to_string(),
                format!(
                    "mremap of {} bytes: EINVAL: the object has 1 bytes from the start of the mapping on",
                    3 * page()
                )
            );
            truncate(&object, 3 * page());
            let mapping = rejected.into_inner().resize(3 * page()).unwrap();
            mapping.write(0, &vec![7; 3 * page()]).unwrap();
            let half = MapOptions::new().offset(page() as u64).file(&object).unwrap();
            assert_eq!(half.load::<u8>(2 * page() - 1).unwrap(), 7);
        }
    });
}
