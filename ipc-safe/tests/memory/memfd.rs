//! Memfds: what seals they have, what that makes of them, and what is believed of a descriptor that came from elsewhere.

use crate::child::Child;
use crate::support::say;
use crate::tools::{fails, file, has_flag, in_child, isolated, page, punch, reopened, says, size};
use ipc_safe::error::ErrorKind::{InvalidInput, Other, OutOfMemory, PermissionDenied, Unsupported};
use ipc_safe::error::Rejected;
use ipc_safe::memory::{FileMapping, FixedMemfd, FrozenMemfd, Memfd, PosixObject, Seals};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

/// A memfd as a C program makes it.
fn raw(flags: u32) -> OwnedFd {
    // SAFETY: the name ends with a zero byte; the call returns a new descriptor or -1.
    let descriptor = unsafe { libc::memfd_create(c"raw".as_ptr(), flags | libc::MFD_CLOEXEC) };
    assert!(descriptor >= 0, "memfd_create: {}", std::io::Error::last_os_error());
    // SAFETY: just made, and nobody else's.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

fn seal(memfd: &impl AsFd, seals: Seals) -> rustix::io::Result<()> {
    rustix::fs::fcntl_add_seals(memfd, rustix::fs::SealFlags::from_bits_retain(seals.bits()))
}

/// The error's words, and that the descriptor came back.
#[track_caller]
fn refused<T>(result: Result<T, Rejected<OwnedFd>>, text: &str) {
    let Err(rejected) = result else { panic!("accepted, expected: {text}") };
    assert_eq!(rejected.error().to_string(), text);
    assert!(rustix::fs::fstat(rejected.into_inner()).is_ok());
}

#[test]
fn a_new_memfd_has_its_size_and_no_seals_against_change() {
    isolated(|| {
        let memfd = Memfd::options().name("a name").create(10_000).unwrap();
        assert_eq!((memfd.size().unwrap(), memfd.seals().unwrap() & !Seals::EXEC), (10_000, Seals::empty()));
        let link = std::fs::read_link(format!("/proc/self/fd/{}", memfd.as_raw_fd())).unwrap();
        assert_eq!(link.to_str(), Some("/memfd:a name (deleted)"));
        let flags = rustix::io::fcntl_getfd(&memfd).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let blocks = rustix::fs::fstat(&memfd).unwrap().st_blocks;
        assert_eq!(blocks as usize * 512, 3 * page(), "its room is reserved");
        let mapping = memfd.map().unwrap();
        let mut bytes = vec![1; 10_000];
        mapping.read(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|&byte| byte == 0));
        memfd.set_size(5).unwrap();
        memfd.set_size(5000).unwrap();
        assert_eq!(rustix::fs::fstat(&memfd).unwrap().st_blocks as usize * 512, 2 * page());
        assert_eq!(Memfd::options().create(0).unwrap().size().unwrap(), 0);
    });
}

#[test]
fn a_memfd_is_executable_only_when_asked_for() {
    isolated(|| {
        for executable in [false, true] {
            let memfd = Memfd::options().executable(executable).create(1).unwrap();
            let file = File::from(memfd.as_fd().try_clone_to_owned().unwrap());
            let mode = file.metadata().unwrap().permissions().mode();
            if !executable && !memfd.seals().unwrap().contains(Seals::EXEC) {
                return say("skipped: this kernel has no MFD_NOEXEC_SEAL");
            }
            assert_eq!(mode & 0o111 != 0, executable, "{mode:o}");
        }
    });
}

#[test]
fn what_cannot_be_made_is_refused_in_words() {
    isolated(|| {
        says(Memfd::options().name("a\0b").create(1), "memfd_create: EINVAL: the name has a zero byte");
        let long = Memfd::options().name("x".repeat(250)).create(1);
        says(long, "memfd_create: EINVAL: the name is longer than 249 bytes, or the system has no such huge pages");
        assert!(Memfd::options().name("x".repeat(249)).create(1).is_ok());
        let odd = Memfd::options().huge_pages(3 << 20).create(1);
        says(odd, "memfd_create of huge pages of 3145728 bytes: EINVAL: the size of a huge page is a power of two");
    });
}

/// A size above all memory once sent the kernel looking for it, and processes died.
#[test]
fn more_than_the_machine_has_is_refused_at_once() {
    isolated(|| {
        for size in [1 << 46, 1 << 50, i64::MAX as u64, u64::MAX] {
            let error = fails(Memfd::options().create(size), OutOfMemory, libc::ENOMEM);
            assert_eq!(error.to_string(), format!("fallocate of {size} bytes: ENOMEM: there is not so much memory"));
        }
        let memfd = Memfd::options().create(100).unwrap();
        memfd.map().unwrap().write(0, b"kept").unwrap();
        fails(memfd.set_size(1 << 50), OutOfMemory, libc::ENOMEM);
        let memfd = memfd.fix().unwrap();
        fails(memfd.grow(1 << 50), OutOfMemory, libc::ENOMEM);
        assert_eq!((memfd.size().unwrap(), memfd.map().unwrap().bytes().load::<[u8; 4]>(0).unwrap()), (100, *b"kept"));
    });
}

#[test]
fn a_fixed_memfd_grows_and_never_shrinks() {
    isolated(|| {
        let memfd = Memfd::options().create(page() as u64).unwrap().fix().unwrap();
        let memory = memfd.map().unwrap();
        memory.bytes().fill(7);
        memfd.grow(3 * page() as u64).unwrap();
        fails(memfd.grow(page() as u64), PermissionDenied, libc::EPERM);
        assert_eq!((memory.len(), memfd.size().unwrap()), (page(), 3 * page() as u64));
        let memory = memory.resize(3 * page()).unwrap();
        assert_eq!(memory.bytes().load::<[u8; 2]>(page() - 1).unwrap(), [7, 0]);
        let rejected = memory.resize(3 * page() + 1).unwrap_err();
        assert_eq!(rejected.error().kind(), InvalidInput);
        let memfd = Memfd::from(memfd);
        says(memfd.set_size(1), "ftruncate of 1 bytes: EPERM: a seal keeps its size");
        assert!(memfd.seals().unwrap().contains(Seals::SHRINK));
        memfd.fix().unwrap(); // once more changes nothing
    });
}

#[test]
fn seals_are_for_ever_and_refused_in_words() {
    isolated(|| {
        let memfd = Memfd::options().create(10).unwrap();
        memfd.add_seals(Seals::GROW).unwrap();
        says(memfd.set_size(11), "fallocate of 11 bytes: EPERM: a seal keeps its size");
        memfd.add_seals(Seals::SEAL).unwrap();
        says(
            memfd.add_seals(Seals::SHRINK),
            "fcntl of Seals(SHRINK): EPERM: it is sealed against more seals, or not open for writing",
        );
        let rejected = memfd.fix().unwrap_err();
        assert_eq!(rejected.error().kind(), PermissionDenied);
        rejected.into_inner().set_size(5).unwrap();
    });
}

/// R-MAP-08
#[test]
fn a_memfd_is_frozen_when_nobody_writes_it_any_more() {
    isolated(|| {
        let memfd = Memfd::options().create(10).unwrap().fix().unwrap();
        let memory = memfd.map().unwrap();
        memory.bytes().write(0, b"for ever").unwrap();
        let rejected = memfd.freeze().unwrap_err();
        says(
            Err::<(), _>(rejected.error().clone()),
            "fcntl of Seals(SEAL | SHRINK | GROW | WRITE): EBUSY: somebody has it mapped for writing: unmap that first",
        );
        let memfd = rejected.into_inner();
        assert_eq!(memfd.seals().unwrap() & !Seals::EXEC, Seals::SHRINK, "a refused call sets no seal");
        drop(memory);
        let frozen = memfd.freeze().unwrap();
        let bytes = frozen.map().unwrap();
        assert_eq!((&bytes[..], frozen.size().unwrap()), (&b"for ever\0\0"[..], 10));
        assert_eq!(bytes.as_ref(), &bytes[..]);
        assert_eq!(rustix::io::write(&frozen, b"x"), Err(rustix::io::Errno::PERM));
        assert_eq!(punch(&frozen, 0, 1), Err(rustix::io::Errno::PERM));
        fails(FileMapping::new(&frozen), PermissionDenied, libc::EPERM);
    });
}

#[test]
fn a_writable_mapping_in_another_process_keeps_a_memfd_from_being_frozen() {
    isolated(|| {
        let memfd = Memfd::options().create(10).unwrap().fix().unwrap();
        let mut other = {
            let (descriptor, mut memory) = (memfd.as_fd().try_clone_to_owned().unwrap(), Vec::new());
            Child::start(move |command| {
                match command {
                    "map" => memory.push(FixedMemfd::try_from(descriptor.try_clone().unwrap()).unwrap().map().unwrap()),
                    _ => memory.clear(),
                }
                memory.len().to_string()
            })
        };
        assert_eq!(other.ask("map"), "1");
        let rejected = memfd.freeze().unwrap_err();
        assert_eq!((rejected.error().kind(), rejected.error().raw_os_error()), (Other, Some(libc::EBUSY)));
        assert_eq!(other.ask("unmap"), "0");
        rejected.into_inner().freeze().unwrap();
        other.exit();
    });
}

#[test]
fn a_received_descriptor_is_believed_for_its_seals_only() {
    isolated(|| {
        let missing = |seals| {
            format!("fcntl of F_GET_SEALS: EPERM: the seals {seals} are missing: who sent it can still change it")
        };
        let plain = || raw(libc::MFD_ALLOW_SEALING);
        refused(FixedMemfd::try_from(plain()), &missing("Seals(SHRINK)"));
        refused(FrozenMemfd::try_from(plain()), &missing("Seals(SHRINK | WRITE)"));
        refused(FixedMemfd::try_from(raw(0)), &missing("Seals(SHRINK)"));
        let with = |seals| {
            let memfd = plain();
            rustix::fs::ftruncate(&memfd, 10).unwrap();
            seal(&memfd, seals).unwrap();
            memfd
        };
        refused(FixedMemfd::try_from(with(Seals::GROW | Seals::WRITE | Seals::SEAL)), &missing("Seals(SHRINK)"));
        refused(FrozenMemfd::try_from(with(Seals::SHRINK)), &missing("Seals(WRITE)"));
        refused(FrozenMemfd::try_from(with(Seals::SHRINK | Seals::FUTURE_WRITE)), &missing("Seals(WRITE)"));
        refused(FrozenMemfd::try_from(with(Seals::WRITE | Seals::FUTURE_WRITE)), &missing("Seals(SHRINK)"));
        assert_eq!(FixedMemfd::try_from(with(Seals::SHRINK)).unwrap().map().unwrap().len(), 10);
        let frozen = FrozenMemfd::try_from(with(Seals::SHRINK | Seals::WRITE)).unwrap();
        assert_eq!(frozen.map().unwrap()[..], [0; 10]);
        let read_only = OwnedFd::from(reopened(with(Seals::SHRINK), libc::O_RDONLY));
        let read_only = FixedMemfd::try_from(read_only).unwrap();
        fails(read_only.map(), PermissionDenied, libc::EACCES);
        assert_eq!(read_only.map_read_only().unwrap().bytes().load::<u8>(9).unwrap(), 0);
        Memfd::try_from(plain()).unwrap();
    });
}

/// `F_SEAL_FUTURE_WRITE` leaves the mappings that exist: their owner still changes every byte.
#[test]
fn a_seal_against_future_writing_is_not_one_against_writing() {
    isolated(|| {
        let memfd = Memfd::options().create(10).unwrap().fix().unwrap();
        let theirs = memfd.map().unwrap();
        memfd.add_seals(Seals::FUTURE_WRITE).unwrap();
        let received = FixedMemfd::try_from(memfd.as_fd().try_clone_to_owned().unwrap()).unwrap();
        let ours = received.map_read_only().unwrap();
        theirs.bytes().write(0, b"changed").unwrap();
        assert_eq!(ours.bytes().load::<[u8; 7]>(0).unwrap(), *b"changed");
        assert!(FrozenMemfd::try_from(OwnedFd::from(memfd)).is_err());
    });
}

#[test]
fn what_is_no_memfd_is_refused_in_words() {
    isolated(|| {
        let no_memfd = "fcntl of F_GET_SEALS: EINVAL: this is not a memfd";
        let (reader, _writer) = std::io::pipe().unwrap();
        let zero = || OwnedFd::from(File::open("/dev/zero").unwrap());
        refused(Memfd::try_from(OwnedFd::from(file(10))), no_memfd);
        refused(FixedMemfd::try_from(OwnedFd::from(file(10))), no_memfd);
        refused(FrozenMemfd::try_from(zero()), no_memfd);
        refused(Memfd::try_from(zero()), no_memfd);
        refused(FixedMemfd::try_from(OwnedFd::from(reader)), no_memfd);
        // Files on tmpfs have seals, too: one.
        let object =
            PosixObject::options().create_new(true).open(&crate::tools::name("no-memfd"), 10).unwrap().into_owned();
        let descriptor = || object.as_fd().try_clone_to_owned().unwrap();
        refused(Memfd::try_from(descriptor()), "fcntl: this is a file with a name, and not a memfd");
        refused(
            FixedMemfd::try_from(descriptor()),
            "fcntl of F_GET_SEALS: EPERM: the seals Seals(SHRINK) are missing: who sent it can still change it",
        );
    });
}

/// Huge pages can run out: whatever its seals are, such a memfd is mapped as a file only.
#[test]
fn a_memfd_of_huge_pages_is_neither_fixed_nor_frozen() {
    isolated(|| {
        // SAFETY: as in `raw`; a kernel without huge pages says so.
        let descriptor = unsafe { libc::memfd_create(c"huge".as_ptr(), libc::MFD_HUGETLB | libc::MFD_ALLOW_SEALING) };
        if descriptor < 0 {
            return say("skipped: no huge pages");
        }
        // SAFETY: just made, and nobody else's.
        let huge = unsafe { OwnedFd::from_raw_fd(descriptor) };
        seal(&huge, Seals::SHRINK | Seals::WRITE).unwrap();
        let text = "memfd: EOPNOTSUPP: it is of huge pages: when they run out, an access is a signal; map it as a file";
        let descriptor = || huge.try_clone().unwrap();
        refused(FixedMemfd::try_from(descriptor()), text);
        refused(FrozenMemfd::try_from(descriptor()), text);
        let memfd = Memfd::try_from(descriptor()).unwrap();
        let rejected = memfd.fix().unwrap_err();
        assert_eq!((rejected.error().kind(), rejected.error().to_string()), (Unsupported, text.into()));
        let text = "ftruncate of 4096 bytes: EINVAL: a size in huge pages is a multiple of";
        let error = rejected.into_inner().set_size(4096).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    });
}

#[test]
fn a_memfd_open_for_reading_only_says_so() {
    isolated(|| {
        let memfd = Memfd::options().create(10).unwrap();
        let read_only = Memfd::try_from(OwnedFd::from(reopened(&memfd, libc::O_RDONLY))).unwrap();
        says(
            read_only.set_size(20),
            "fallocate of 20 bytes: EINVAL: it is not open for writing, or the size is above the largest of a file",
        );
        fails(read_only.add_seals(Seals::GROW), PermissionDenied, libc::EPERM);
        assert_eq!(size(&memfd), 10);
    });
}

#[test]
fn a_child_maps_what_it_inherits() {
    isolated(|| {
        let memfd = Memfd::options().create(page() as u64).unwrap().fix().unwrap();
        in_child(|| {
            let memory = FixedMemfd::try_from(memfd.as_fd().try_clone_to_owned().unwrap()).unwrap().map().unwrap();
            memory.bytes().write(100, b"from the child").unwrap();
            assert!(has_flag(memory.as_ptr(), "sh"));
        });
        assert_eq!(memfd.map_read_only().unwrap().bytes().load::<[u8; 14]>(100).unwrap(), *b"from the child");
    });
}

/// Signals, as many as a timer sends, do not keep room from being made.
#[test]
fn signals_do_not_keep_a_large_memfd_from_being_made() {
    isolated(|| {
        extern "C" fn nothing(_: i32) {}
        // SAFETY: the handler does nothing; an all-zero `sigaction` and timer are valid ones.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            assert_eq!(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()), 0);
            let mut every: libc::itimerval = std::mem::zeroed();
            every.it_interval.tv_usec = 2000;
            every.it_value.tv_usec = 2000;
            assert_eq!(libc::setitimer(libc::ITIMER_REAL, &raw const every, std::ptr::null_mut()), 0);
        }
        let memfd = Memfd::options().create(256 << 20).unwrap();
        assert_eq!(rustix::fs::fstat(&memfd).unwrap().st_blocks, (256 << 20) / 512);
    });
}
