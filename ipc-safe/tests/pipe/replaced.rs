//! Names that others give to their own files between two steps.

use crate::alone::alone;
use crate::support::{eventually, fork};
use crate::tools::Place;
use ipc_safe::pipe::Fifo;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const ROUNDS: usize = 20_000;

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|status| status.ino())
}

/// R-FIFO-08, R-FIFO-10: while somebody else puts FIFOs of its own in the place of ours, no owner takes away one of those.
#[test]
fn an_owner_never_takes_away_what_somebody_else_put_there() {
    alone(|| {
        let place = Place::new();
        let (path, theirs) = (place.path(), place.folder().join("theirs"));
        let other = fork(|| {
            for round in 0..ROUNDS {
                let made = Fifo::options().create_new(true).open(&theirs).unwrap();
                let number = inode(&theirs);
                fs::rename(&theirs, &path).unwrap();
                // It may be away for a moment: whoever looks at it puts it back.
                eventually(&format!("the FIFO is there in round {round}"), || inode(&path) == number);
                eventually("the FIFO can be removed", || fs::remove_file(&path).is_ok());
                drop(made);
            }
            0
        });
        let pid = other.pid();
        let ended = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ");
        let mut made = 0;
        let mut taken_away = 0;
        while made % 64 != 0 || !ended() {
            made += 1;
            let fifo = Fifo::options().create(true).open(&path).unwrap();
            if fifo.is_new() {
                taken_away += usize::from(fifo.into_owned().unlink().is_ok());
            }
        }
        other.succeed();
        assert!(taken_away > 0);
        let left: Vec<_> = fs::read_dir(place.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty() || left == ["fifo"], "{left:?}");
    });
}
