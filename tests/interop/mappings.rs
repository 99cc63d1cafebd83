//! Mapped files, POSIX shared memory objects, memfds.

use crate::peer::map;
use crate::program::Running;
use crate::support::{eventually, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FileMapping, FixedMemfd, Memfd, OwnedPosixObject, PosixObject, Seals};
use ipc_safe::shared::Shared;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};
use tempfile::TempDir;

ipc_safe::shm_safe! {
    /// As in `tests/peers/map_peer.c`.
    struct Counters {
        total: AtomicU64,
        stage: AtomicU32,
        rest: AtomicU32,
    }
}

/// Stages of counting, as in C.
const PRESENT: u32 = 1;
const BEGIN: u32 = 2;

/// What both sides map: a file or a POSIX object, gone with this value.
enum Place {
    File(TempDir),
    Object(String),
}

impl Place {
    /// One of each kind, where nothing is yet.
    fn both() -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_str().unwrap();
        let name = format!("/ipc-safe-{}{unique}", std::process::id());
        [Self::File(folder), Self::Object(name)]
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::File(folder) => folder.path().join("file"),
            Self::Object(name) => Path::new("/dev/shm").join(&name[1..]),
        }
    }

    /// The kind and the name, as C wants to hear them.
    fn words(&self) -> String {
        match self {
            Self::File(_) => format!("file {}", self.path().display()),
            Self::Object(name) => format!("object {name}"),
        }
    }

    /// Makes it, of this size, the way this crate does.
    fn create(&self, size: u64) -> FileMapping {
        match self {
            Self::File(_) => {
                let file = File::options().read(true).write(true).create_new(true).open(self.path()).unwrap();
                file.set_len(size).unwrap();
                FileMapping::new(&file).unwrap()
            }
            Self::Object(name) => PosixObject::options().create_new(true).open(name, size).unwrap().map().unwrap(),
        }
    }

    /// Maps what C made.
    fn open(&self) -> FileMapping {
        match self {
            Self::File(_) => {
                FileMapping::new(File::options().read(true).write(true).open(self.path()).unwrap()).unwrap()
            }
            Self::Object(name) => PosixObject::open(name).unwrap().map().unwrap(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Object(name) = self {
            let _ = PosixObject::unlink(name);
        }
    }
}

/// What `len` bytes at `offset` are.
fn text(mapping: &FileMapping, offset: usize, len: usize) -> String {
    let mut bytes = vec![0; len];
    mapping.read(offset, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// R-MAP-08, R-MAP-11
#[test]
fn rust_reads_what_c_makes_and_writes() {
    let _watchdog = watchdog();
    for place in Place::both() {
        let words = place.words();
        map(&format!("create {words} 5000")).succeed();
        let mapping = place.open();
        assert_eq!((mapping.len(), text(&mapping, 0, 5000)), (5000, "\0".repeat(5000)));

        for (offset, written) in [(0, "first"), (4094, "across-pages"), (4997, "end")] {
            map(&format!("write {words} {offset} {written}")).succeed();
            assert_eq!(text(&mapping, offset, written.len()), written);
        }
    }
}

/// R-MAP-08, R-MAP-11: a mapping that C has sees it too, without any flushing.
#[test]
fn c_reads_what_rust_makes_and_writes() {
    let _watchdog = watchdog();
    for place in Place::both() {
        let words = place.words();
        let mapping = place.create(5000);
        assert_eq!(map(&format!("size {words}")).succeed(), "5000\n");
        let mut holder = map(&format!("hold {words} 4094 4"));
        assert_eq!(holder.line(), "mapped");

        for written in ["abcd", "wxyz"] {
            mapping.write(4094, written.as_bytes()).unwrap();
            holder.write("\n");
            assert_eq!(holder.line(), written);
            assert_eq!(map(&format!("read {words} 4094 4")).succeed(), format!("{written}\n"));
        }
        let taken = map(&format!("create {words} 1")).fail();
        assert_eq!(taken, format!("{}: EEXIST\n", words.split(' ').next().unwrap()));
        holder.succeed();
    }
}

/// R-MAP-04: what C does to the file is an error here, with what is left; and when C undoes it, all is well again.
#[test]
fn a_file_that_c_truncates_is_an_error() {
    let _watchdog = watchdog();
    for place in Place::both() {
        let words = place.words();
        let mapping = place.create(3 * 4096);
        mapping.write(0, &[b'r'; 3 * 4096]).unwrap();

        map(&format!("resize {words} 100")).succeed();

        let mut bytes = [0; 200];
        let read = mapping.read(0, &mut bytes).unwrap_err();
        assert_eq!((read.kind(), &bytes[99..101]), (ErrorKind::Truncated, &b"r\0"[..]));
        let loaded = mapping.load::<u64>(2 * 4096).unwrap_err();
        let written = mapping.write(4096, b"gone").unwrap_err();
        let crossing = mapping.write(98, b"half").unwrap_err();
        assert_eq!([loaded, written, crossing].map(|error| error.kind()), [ErrorKind::Truncated; 3]);
        assert_eq!(map(&format!("size {words}")).succeed(), "100\n", "nothing grows it again");
        assert_eq!(map(&format!("read {words} 96 4")).succeed(), "rrha\n");

        map(&format!("resize {words} 8192")).succeed();
        mapping.write(4096, b"back").unwrap();
        assert_eq!(map(&format!("read {words} 4096 4")).succeed(), "back\n");
    }
}

/// R-MAP-04: to a program that uses a pointer, the same is a signal.
#[test]
fn c_dies_of_what_rust_truncates() {
    let _watchdog = watchdog();
    for place in Place::both() {
        drop(place.create(8192));
        let mut holder = map(&format!("hold {} 4096 4", place.words()));
        assert_eq!(holder.line(), "mapped");

        File::options().write(true).open(place.path()).unwrap().set_len(4096).unwrap();

        holder.write("\n");
        assert_eq!(holder.end().status.signal(), Some(libc::SIGBUS));
    }
}

/// R-MAP-08
#[test]
fn c_does_not_see_what_is_written_privately() {
    let _watchdog = watchdog();
    let [place, _] = Place::both();
    let words = place.words();
    place.create(8192).write(4096, b"theirs").unwrap();
    let private = FileMapping::copy_on_write(File::open(place.path()).unwrap()).unwrap();

    private.write(0, b"mine").unwrap();
    map(&format!("write {words} 4096 changed")).succeed();
    map(&format!("write {words} 0 C")).succeed();

    assert_eq!(map(&format!("read {words} 0 1")).succeed(), "C\n");
    assert_eq!(private.load::<[u8; 4]>(0).unwrap(), *b"mine");
    assert_eq!(private.load::<[u8; 7]>(4096).unwrap(), *b"changed", "a page that is not copied yet");
}

/// R-MAP-08: names are the same on both sides, and memory outlives its name on both.
#[test]
fn names_of_objects_are_the_same_on_both_sides() {
    let _watchdog = watchdog();
    let [_, place] = Place::both();
    let (words, Place::Object(name)) = (place.words(), &place) else { unreachable!() };

    map(&format!("create {words} 10")).succeed();
    assert!(PosixObject::list().unwrap().contains(name));
    let held = place.open();
    PosixObject::unlink(name).unwrap();
    assert_eq!(map(&format!("size {words}")).fail(), "object: ENOENT\n");
    held.write(0, b"still here").unwrap();

    let owned: OwnedPosixObject = PosixObject::options().create_new(true).open(name, 20).unwrap().into_owned();
    assert_eq!(map(&format!("size {words}")).succeed(), "20\n");
    let mut holder = map(&format!("hold {words} 0 4"));
    assert_eq!(holder.line(), "mapped");
    let mapping = owned.map().unwrap();
    map(&format!("unlink {name}")).succeed();
    assert_eq!(PosixObject::open(name).unwrap_err().kind(), ErrorKind::NotFound);
    mapping.write(0, b"both").unwrap();
    holder.write("\n");
    assert_eq!(holder.line(), "both");
    holder.succeed();

    map(&format!("create {words} 30")).succeed();
    drop(owned);
    assert_eq!(map(&format!("size {words}")).succeed(), "30\n", "the name means another object now");
}

/// R-MAP-09, R-MAP-11: memory without a name, inherited; both count in it at once.
#[test]
fn c_counts_in_a_memfd_that_it_inherits() {
    const OURS: u64 = 400_001;
    const THEIRS: u64 = 500_002;
    let _watchdog = watchdog();
    let memfd = Memfd::options().create(4096).unwrap().fix().unwrap();
    let counters = Shared::<Counters, _>::bare(memfd.map().unwrap()).unwrap();
    let inherited = |words: &str| {
        let mut command = Command::new(env!("MAP_PEER"));
        let memory = memfd.as_fd().try_clone_to_owned().unwrap();
        command.args(words.split(' ')).stdin(Stdio::from(memory)).stderr(Stdio::piped()).spawn().unwrap()
    };

    let peer = inherited(&format!("count-up descriptor 0 {THEIRS}"));
    eventually("C is there", || counters.stage.load(SeqCst) == PRESENT);
    counters.stage.store(BEGIN, SeqCst);
    for _ in 0..OURS {
        counters.total.fetch_add(1, Relaxed);
    }
    let counted = peer.wait_with_output().unwrap();

    assert!(counted.status.success(), "{counted:?}");
    assert_eq!((counters.total.load(Relaxed), counters.rest.load(Relaxed)), (OURS + THEIRS, 0));
    let shrunk = inherited("resize descriptor 0 1").wait_with_output().unwrap();
    assert_eq!((shrunk.status.code(), &shrunk.stderr[..]), (Some(1), &b"ftruncate: EPERM\n"[..]));
}

/// R-MAP-09: what C sealed is believed, and nothing else is.
#[test]
fn rust_maps_a_memfd_that_c_made() {
    let _watchdog = watchdog();
    let mut peer = map("memfd 5000 sealed");
    let path = format!("/proc/{}/fd/{}", peer.pid().as_raw_pid(), peer.line());
    let open = || OwnedFd::from(File::options().read(true).write(true).open(&path).unwrap());

    let memfd = FixedMemfd::try_from(open()).unwrap();
    let memory = memfd.map().unwrap();

    assert_eq!((memfd.seals().unwrap(), memory.len()), (Seals::SHRINK, 5000));
    assert_eq!(memory.bytes().load::<[u8; 6]>(0).unwrap(), *b"sealed");
    memory.bytes().write(0, b"SEAL").unwrap();
    peer.write("\n");
    assert_eq!(peer.succeed(), "SEALed\n");

    let mut loose = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut loose, b"no memfd").unwrap();
    let refused = FixedMemfd::try_from(OwnedFd::from(loose)).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::InvalidInput);
}

/// R-MAP-11
#[test]
fn mmap_file_and_c_read_each_other() {
    let _watchdog = watchdog();
    let [place, _] = Place::both();
    let (path, words) = (place.path(), place.words());
    let path = path.to_str().unwrap();

    Running::example("mmap_file", [path, "--write", "from Rust"]).succeed();
    assert_eq!(map(&format!("read {words} 0 9")).succeed(), "from Rust\n");

    map(&format!("write {words} 5 C___")).succeed();
    assert_eq!(Running::example("mmap_file", [path]).succeed(), "read \"from C___\"\n");
}

/// R-MAP-11
#[test]
fn mmap_counter_and_c_count_at_once() {
    let _watchdog = watchdog();
    let [place, _] = Place::both();
    let path = place.path();
    let path = path.to_str().unwrap();
    assert_eq!(Running::example("mmap_counter", [path, "1"]).succeed(), "counted 1 times: now 1\n");

    let ours = [(); 2].map(|()| Running::example("mmap_counter", [path, "3000"]));
    let theirs = [(); 2].map(|()| map(&format!("count {path} 4000")));
    for process in ours.into_iter().chain(theirs) {
        process.succeed();
    }

    assert_eq!(Running::example("mmap_counter", [path]).succeed(), "14001\n");
    assert_eq!(map(&format!("count {path} 0")).succeed(), "14001\n");
}
