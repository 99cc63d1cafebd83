//! `fifo_writer`, `fifo_reader`, `fifo_atomic`.

use crate::program::Running;
use crate::support::watchdog;

/// R-FIFO-12, R-FIFO-10, mistakes 17 to 20: whoever comes first makes the FIFO; none of the records is lost, at whatever speed;
/// the end of the stream ends the reader; nothing is left.
#[test]
fn ten_records_arrive_whoever_comes_first() {
    let _watchdog = watchdog();
    for (reader_first, interval) in [(true, "20"), (false, "20"), (true, "0"), (false, "0")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let path = path.to_str().unwrap();
        let write = || Running::example("fifo_writer", [path, interval]);
        let read = || Running::example("fifo_reader", [path]);
        let (writer, reader) = if reader_first {
            let reader = read();
            (write(), reader)
        } else {
            (write(), read())
        };
        let pid = writer.pid().as_raw_nonzero();
        let output = reader.succeed();
        assert_eq!(writer.succeed(), "wrote 10 records\n");
        let lines: Vec<_> = output.lines().collect();
        assert_eq!(lines.len(), 11, "{output}");
        for (number, line) in lines[..10].iter().enumerate() {
            assert!(line.starts_with(&format!("{number} at ")), "{line}");
            assert!(line.ends_with(&format!(" s: record {number} of process {pid}")), "{line}");
        }
        assert_eq!(lines[10], "the end, after 10 records");
        assert!(!std::path::Path::new(path).exists());
    }
}

/// R-FIFO-12: errors are told, and nothing goes on after them.
#[test]
fn what_is_no_fifo_ends_both() {
    let _watchdog = watchdog();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    for (name, arguments) in
        [("fifo_writer", vec![path, "0"]), ("fifo_reader", vec![path]), ("fifo_atomic", vec![path])]
    {
        let errors = Running::example(name, arguments).fail();
        assert!(errors.contains("a regular file, and not a FIFO") || errors.contains("EEXIST"), "{errors}");
    }
}

/// R-FIFO-06, R-PIPE-06, mistakes 9, 14 and 16
#[test]
fn fifo_atomic_shows_what_stays_whole() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let expected = "4 writers, 100 records of 4096 bytes each, waiting: 400 of 400 whole\n\
                    4 writers, 100 records of 4096 bytes each, not waiting: 400 of 400 whole\n\
                    4096 bytes where 4095 have room: not written\n\
                    5000 bytes where 4095 have room: 904 written\n\
                    then another writer's 10 bytes, and the rest: the record is torn\n";
    assert_eq!(Running::example("fifo_atomic", [&path]).succeed(), expected);
    assert!(!path.exists());
}
