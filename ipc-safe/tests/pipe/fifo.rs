//! The name of a FIFO: making and finding it.

use crate::alone::alone;
use crate::support::{as_nobody, fork};
use crate::tools::{Place, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::Fifo;
use rustix::fs::{CWD, Mode, OFlags, open};
use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

fn create() -> ipc_safe::pipe::FifoOptions {
    Fifo::options().create(true)
}

fn create_new() -> ipc_safe::pipe::FifoOptions {
    Fifo::options().create_new(true)
}

/// R-FIFO-01, mistake 13: the mode is permission bits, less the mask.
#[test]
fn a_new_fifo_has_the_mode_less_the_mask() {
    alone(|| {
        let place = Place::new();
        // SAFETY: changes a number of this process, which is the test's own.
        let mask = unsafe { libc::umask(0o022) };
        for (asked, given) in [(None, 0o600), (Some(0o666), 0o644), (Some(0o777), 0o755), (Some(0), 0)] {
            let options = create_new();
            let options = asked.map_or(options, |mode| options.mode(mode));
            let fifo = options.open(place.path()).unwrap().into_owned();
            let metadata = fs::metadata(place.path()).unwrap();
            assert!(metadata.file_type().is_fifo() && fifo.is_new());
            assert_eq!((metadata.mode() & 0o7777, metadata.len()), (given, 0));
            assert_eq!(fifo.path(), place.path());
        }
        // SAFETY: as above.
        unsafe { libc::umask(mask) };
        for mode in [0o1000, 0o4644, libc::O_NONBLOCK as u32, u32::MAX] {
            let error = fails(create_new().mode(mode).open(place.path()), ErrorKind::InvalidInput);
            assert!(
                error.to_string().starts_with(&format!("mkfifo of mode {mode:#o}: EINVAL: permission bits")),
                "{error}"
            );
        }
        assert!(!place.path().exists());
    });
}

type Make = fn(&std::path::Path);

/// R-FIFO-01, R-FIFO-10
#[test]
fn what_is_there_is_told_apart() {
    alone(|| {
        let place = Place::new();
        let path = place.path();
        let text = |what: &str| format!("open of {path:?}: what has this name is {what}, and not a FIFO");
        let error = fails(Fifo::open(&path), ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("open of {path:?}: ENOENT: there is nothing with this name"));

        let made = create().open(&path).unwrap();
        assert!(made.is_new());
        let error = fails(create_new().open(&path), ErrorKind::AlreadyExists);
        let reason = "mkfifo of {}: EEXIST: the name is taken, and a new FIFO was asked for";
        assert_eq!(error.to_string(), reason.replace("{}", &format!("{path:?}")));
        assert!(!create().open(&path).unwrap().is_new() && !Fifo::open(&path).unwrap().is_new());
        made.into_owned().unlink().unwrap();

        let make: [(&str, Make); 5] = [
            ("a regular file", |path| drop(File::create(path).unwrap())),
            ("a directory", |path| fs::create_dir(path).unwrap()),
            ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
            ("a symbolic link", |path| symlink("nowhere", path).unwrap()),
            ("a symbolic link", |path| symlink("/dev/null", path).unwrap()),
        ];
        for (what, make) in make {
            make(&path);
            let before = fs::symlink_metadata(&path).unwrap().ino();
            assert_eq!(fails(create().open(&path), ErrorKind::InvalidInput).to_string(), text(what));
            fails(create_new().open(&path), ErrorKind::AlreadyExists);
            assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), before, "left alone");
            if what == "a directory" { fs::remove_dir(&path) } else { fs::remove_file(&path) }.unwrap();
        }
        assert_eq!(
            fails(Fifo::open("/dev/null"), ErrorKind::InvalidInput).to_string(),
            "open of \"/dev/null\": what has this name is a device, and not a FIFO"
        );
    });
}

/// R-FIFO-10: a symbolic link is followed where nothing may be made, as for `/dev/initctl`, and refused where something may.
#[test]
fn a_link_to_a_fifo_is_followed_only_when_none_is_made() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let link = place.folder().join("link");
        symlink("fifo", &link).unwrap();
        let (linked, writer) = Fifo::open(&link).unwrap().open_both().unwrap();
        writer.write_atomic("x").unwrap();
        assert_eq!((linked.available().unwrap(), fifo.try_open_reader().unwrap().available().unwrap()), (1, 1));
        fails(create().open(&link), ErrorKind::InvalidInput);
        // An owner of the link's target does not unlink the link.
        drop(Fifo::open(&link).unwrap().into_owned());
        assert!(link.symlink_metadata().is_ok() && place.path().exists());
    });
}

/// R-FIFO-02
#[test]
fn a_path_starts_at_a_directory_unless_it_is_absolute() {
    alone(|| {
        let (place, other) = (Place::new(), Place::new());
        let folder = File::open(place.folder()).unwrap();
        let path_only = open(place.folder(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let fifo = create_new().open_at(&folder, "fifo").unwrap().into_owned();
        assert!(place.path().exists());
        assert!(!create().open_at(&path_only, "./fifo").unwrap().is_new());
        fs::create_dir(place.folder().join("below")).unwrap();
        create_new().open_at(&folder, "below/fifo").unwrap().into_owned().unlink().unwrap();
        let absolute = create_new().open_at(&folder, other.path()).unwrap().into_owned();
        assert!(other.path().exists());
        drop((fifo, absolute));

        std::env::set_current_dir(place.folder()).unwrap();
        let fifo = create_new().open_at(CWD, "fifo").unwrap().into_owned();
        assert!(place.path().exists());
        // What it is bound to does not change with the current directory.
        std::env::set_current_dir("/").unwrap();
        let (reader, writer) = fifo.open_both().unwrap();
        writer.write_atomic("x").unwrap();
        assert_eq!(reader.available().unwrap(), 1);
        drop(fifo);
        assert!(!place.path().exists());

        // A descriptor that is not open cannot be given: the type says that it is. One that is no directory can.
        let file = tempfile::tempfile().unwrap();
        let error = fails(create().open_at(&file, "fifo"), ErrorKind::Other);
        let text = "open of \"fifo\": ENOTDIR: what should be a directory on the way is none";
        assert_eq!(error.to_string(), text);
    });
}

/// R-FIFO-02
#[test]
fn a_path_that_ends_without_a_name_is_refused() {
    alone(|| {
        for path in ["", "/", ".", "..", "/tmp/", "/tmp/.", "/tmp/.."] {
            let error = fails(create().open(path), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("mkfifo of {path:?}: EINVAL: the path does not end with a name"));
        }
        fails(create().open("/no/such/folder/fifo"), ErrorKind::NotFound);
        fails(create().open("a\0b"), ErrorKind::InvalidInput);
        let error = fails(create().open(format!("/tmp/{}", "x".repeat(256))), ErrorKind::Other);
        assert_eq!(error.raw_os_error(), Some(libc::ENAMETOOLONG));
    });
}

/// R-FIFO-10, mistake 20: of many that create it when it is absent, while others take it away, each that succeeds has a FIFO;
/// between two removals one of them made it.
#[test]
fn creating_when_absent_has_no_race() {
    const ROUNDS: usize = 100;
    alone(|| {
        let place = Place::new();
        for _ in 0..ROUNDS {
            let start = std::sync::Barrier::new(4);
            let made: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            usize::from(create().open(place.path()).unwrap().is_new())
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(made, 1);
            fs::remove_file(place.path()).unwrap();
        }
        let (path, done) = (place.path(), std::sync::atomic::AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = fs::remove_file(&path);
                }
            });
            for _ in 0..20 * ROUNDS {
                create().open(&path).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

/// R-FIFO-01, R-FIFO-03
#[test]
fn permissions_are_the_kernels() {
    alone(|| {
        let place = Place::new();
        fs::set_permissions(place.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        // SAFETY: changes a number of this process, which is the test's own.
        let mask = unsafe { libc::umask(0) };
        let fifo = create_new().mode(0o602).open(place.path()).unwrap().into_owned();
        let _reader = fifo.try_open_reader().unwrap();
        as_nobody(|| {
            let fifo = Fifo::open(place.path()).unwrap();
            fifo.try_open_writer().unwrap().write_atomic("may").unwrap();
            fails(fifo.try_open_reader(), ErrorKind::PermissionDenied);
            fails(fifo.open_lasting_reader(), ErrorKind::PermissionDenied);
            fails(create().open(place.folder().join("mine")), ErrorKind::PermissionDenied);
            let error = fails(fifo.into_owned().unlink(), ErrorKind::PermissionDenied);
            assert!(error.to_string().starts_with("unlink of "), "{error}");
            0
        });
        // SAFETY: as above.
        unsafe { libc::umask(mask) };
    });
}

/// R-FIFO-08: the name outlives those who made it.
#[test]
fn a_fifo_stays_when_its_maker_ends() {
    alone(|| {
        let place = Place::new();
        fork(|| {
            let _handle = place.fifo();
            0
        })
        .succeed();
        assert!(fs::metadata(place.path()).unwrap().file_type().is_fifo());
    });
}
