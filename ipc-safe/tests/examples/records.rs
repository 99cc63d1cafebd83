//! `shm_record_write` and `shm_record_read`.

use crate::program::{self, Running, example};
use crate::support::{in_namespace, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, Owned, Segment};

/// A place for the key of one test.
struct Place(program::Place);

impl Place {
    fn new() -> Self {
        Self(program::Place::new())
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn key(&self) -> Key {
        self.0.key(b'p')
    }

    fn write(&self, name: &str, age: &str) -> Running {
        Running::example("shm_record_write", [self.path(), name, age])
    }

    /// The segment that was written, to be removed if the test does not.
    fn segment(&self) -> Owned<Segment> {
        Segment::open(self.key()).unwrap().into_owned()
    }

    fn assert_empty(&self) {
        assert_eq!(Segment::open(self.key()).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

/// R-SHM-10, R-KEY-08
#[test]
fn a_record_outlives_its_writer_and_is_read_by_another_process() {
    let _watchdog = watchdog();
    let place = Place::new();

    let written = place.write("Ada Lovelace", "36").succeed();
    let segment = place.segment();
    let read = Running::example("shm_record_read", [place.path()]).succeed();

    assert_eq!(written, format!("wrote Ada Lovelace, 36 to segment {} with key {}\n", segment.id(), place.key()));
    assert_eq!(read, "read Ada Lovelace, 36\n");
    let status = segment.status().unwrap();
    assert_eq!((status.size, status.attachments), (68, 0));
}

/// R-SHM-05, R-SHM-07, R-SHM-08, R-SHM-10
#[test]
fn a_reader_keeps_the_record_while_the_segment_is_removed() {
    let _watchdog = watchdog();
    let place = Place::new();
    place.write("Grace Hopper", "85").succeed();
    let segment = place.segment().keep();
    let mut reader = Running::example("shm_record_read", [place.path(), "--hold"]);
    assert_eq!(reader.line(), "read Grace Hopper, 85");

    let removed = Running::example("shm_record_write", [place.path(), "--remove"]).succeed();

    assert_eq!(removed, format!("removed segment {}\n", segment.id()));
    place.assert_empty();
    let again = segment.attach_read_only().expect("Linux attaches by id while the segment lives");
    assert_eq!(again.bytes().slice(..12).unwrap().to_vec(), b"Grace Hopper");
    again.detach().unwrap();
    reader.write("\n");
    assert_eq!(reader.succeed(), "removed, with 1 attachment left\nread Grace Hopper, 85\n");
    assert!(segment.status().unwrap_err().is_removed(), "gone with the last attachment");
}

/// R-SHM-10
#[test]
fn a_name_of_64_bytes_fits_and_a_longer_one_leaves_no_segment() {
    let _watchdog = watchdog();
    let place = Place::new();
    let name = "n".repeat(64);

    let errors = place.write(&format!("{name}n"), "1").fail();
    place.assert_empty();
    place.write(&name, "1").succeed();
    let _segment = place.segment();
    let read = Running::example("shm_record_read", [place.path()]).succeed();

    assert_eq!(errors, "shm_record_write: the name is longer than the 64 bytes that there are for it\n");
    assert_eq!(read, format!("read {name}, 1\n"));
}

/// R-SHM-01, R-SHM-10
#[test]
fn a_segment_smaller_than_the_record_is_an_error() {
    let _watchdog = watchdog();
    let place = Place::new();
    let _segment = Segment::options().create_new(true).open(place.key(), 67).unwrap().into_owned();

    let errors = Running::example("shm_record_read", [place.path()]).fail();

    assert_eq!(errors, "shm_record_read: SharedBytes::load of 68 bytes at offset 0: the view has 67 bytes\n");
}

/// R-KEY-05, R-SHM-01: the reader makes no segment, and two writers do not write over each other.
#[test]
fn missing_and_existing_segments_are_errors() {
    let _watchdog = watchdog();
    let place = Place::new();

    let missing = Running::example("shm_record_read", [place.path()]).fail();
    place.assert_empty();
    place.write("first", "1").succeed();
    let _segment = place.segment();
    let existing = place.write("second", "2").fail();

    assert!(missing.contains("ENOENT"), "{missing}");
    assert!(existing.contains("EEXIST"), "{existing}");
}

/// R-KEY-11: the first id of a namespace is 0.
#[test]
fn id_0_is_an_id() {
    let _watchdog = watchdog();
    for name in ["shm_record_write", "shm_record_read"] {
        example(name);
    }
    in_namespace(|| {
        let place = Place::new();

        let written = place.write("Zero", "0").succeed();

        assert!(written.starts_with("wrote Zero, 0 to segment 0 with"), "{written}");
        assert_eq!(Running::example("shm_record_read", [place.path()]).succeed(), "read Zero, 0\n");
        assert_eq!(place.segment().id(), 0);
    });
}
