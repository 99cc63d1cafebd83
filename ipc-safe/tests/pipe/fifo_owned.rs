//! FIFOs whose name goes with a value.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{Place, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::Fifo;
use std::fs;
use std::mem::ManuallyDrop;
use std::os::unix::fs::symlink;

/// R-FIFO-08
#[test]
fn an_owner_takes_the_name_away() {
    alone(|| {
        let place = Place::new();
        drop(place.fifo().into_owned());
        assert!(!place.path().exists());
        place.fifo().into_owned().unlink().unwrap();
        assert!(!place.path().exists());
        let kept = place.fifo().into_owned().keep();
        drop(kept);
        assert!(place.path().exists());
    });
}

/// R-FIFO-08
#[test]
fn an_owner_leaves_alone_what_is_not_the_same_file() {
    alone(|| {
        let place = Place::new();
        let replace: [fn(&Place); 3] = [
            |place| drop(place.fifo()),
            |place| fs::write(place.path(), "a file").unwrap(),
            |place| symlink("moved", place.path()).unwrap(),
        ];
        for replace in replace {
            let fifo = place.fifo();
            let owners = [fifo.clone().into_owned(), fifo.clone().into_owned()];
            // A link to the very FIFO is not its name.
            fs::rename(place.path(), place.folder().join("moved")).unwrap();
            replace(&place);
            for owner in owners {
                let error = fails(owner.unlink(), ErrorKind::Removed);
                assert!(error.to_string().starts_with("unlink of ") && error.errno().is_none(), "{error}");
            }
            drop(fifo.into_owned());
            assert!(place.path().symlink_metadata().is_ok());
            fs::remove_file(place.path()).unwrap();
        }
        let gone = place.fifo().into_owned();
        fs::remove_file(place.path()).unwrap();
        fails(gone.unlink(), ErrorKind::Removed);
    });
}

/// R-FIFO-08: also when the inode number would have come back.
#[test]
fn a_new_file_never_looks_like_the_old_one() {
    alone(|| {
        let place = Place::new();
        for _ in 0..100 {
            let owner = place.fifo().into_owned();
            fs::remove_file(place.path()).unwrap();
            let other = place.fifo();
            drop(owner);
            assert!(place.path().exists());
            other.into_owned().unlink().unwrap();
        }
    });
}

/// R-FIFO-08
#[test]
fn an_owner_in_a_forked_child_does_nothing() {
    alone(|| {
        let place = Place::new();
        let owner = place.fifo().into_owned();
        fork(|| {
            let again = || Fifo::open(place.path()).unwrap().into_owned();
            // Of this process, and not dropped here.
            let copies = [again(), again()].map(ManuallyDrop::new);
            fork(move || {
                let [dropped, unlinked] = copies.map(ManuallyDrop::into_inner);
                drop(dropped);
                fails(unlinked.unlink(), ErrorKind::InvalidInput);
                0
            })
            .succeed();
            0
        })
        .succeed();
        assert!(place.path().exists());
        drop(owner);
        assert!(!place.path().exists());
    });
}

/// R-FIFO-08: the name is the one in that directory, wherever that is by now.
#[test]
fn an_owner_finds_the_name_after_its_directory_was_renamed() {
    alone(|| {
        let place = Place::new();
        let (before, after) = (place.folder().join("before"), place.folder().join("after"));
        fs::create_dir(&before).unwrap();
        let options = Fifo::options().create_new(true);
        let owner = options.open(before.join("fifo")).unwrap().into_owned();
        fs::rename(&before, &after).unwrap();
        drop(owner);
        assert!(!after.join("fifo").exists());
    });
}
