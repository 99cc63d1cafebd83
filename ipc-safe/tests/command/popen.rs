//! One program, read or written.

use crate::alone::descriptors;
use crate::tools::{LONG, SHORT, childless, fails, no_child, script, words};
use ipc_safe::command::{CommandReader, CommandWriter, shell};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::Readable;
use ipc_safe::process::{ChildStatus, is_alive};
use ipc_safe::signal::{self, Signal};
use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;

/// R-PIPE-13
#[test]
fn the_output_of_a_program_is_read() {
    childless(|| {
        let mut echo = CommandReader::start(Command::new("echo").args(["a  b", "$HOME;`ls`"])).unwrap();
        let mut text = String::new();
        echo.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a  b $HOME;`ls`\n", "no shell had it in its hands");
        assert_eq!(echo.close().unwrap(), ChildStatus::Exited(0));
        assert_eq!(echo.close().unwrap(), ChildStatus::Exited(0), "the same again");
        assert_eq!(echo.read(&mut [0]).unwrap(), 0);
        assert!(echo.pipe().is_none());
    });
}

/// R-PIPE-13
#[test]
fn the_input_of_a_program_is_written() {
    childless(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut sort = CommandWriter::start(Command::new("sort").stdout(File::create(file.path()).unwrap())).unwrap();
        writeln!(sort, "b").unwrap();
        writeln!(sort, "a").unwrap();
        assert_eq!(sort.close().unwrap(), ChildStatus::Exited(0));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"a\nb\n");
        assert_eq!(sort.write(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    });
}

/// R-PIPE-13, mistake 11: `/bin/sh -c line`, which may begin with a hyphen. Which direction is said by the type: there is no "rw".
#[test]
fn a_line_is_for_the_shell() {
    childless(|| {
        let command = shell("echo $((1 + 2)) | cat; exit 3");
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!((command.get_program(), arguments[0]), ("/bin/sh".as_ref(), "-c".as_ref()));
        let mut reader = CommandReader::start(&mut { command }).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), reader.close().unwrap()), ("3\n", ChildStatus::Exited(3)));
        // Not an option of the shell, but a program that there is not.
        let mut hyphen = CommandReader::start(shell("-x 2>/dev/null").stderr(std::process::Stdio::null())).unwrap();
        assert_eq!(hyphen.close().unwrap(), ChildStatus::Exited(127));
    });
}

/// R-PIPE-14
#[test]
fn every_end_is_told() {
    childless(|| {
        for (line, status) in [
            ("exit 0", ChildStatus::Exited(0)),
            ("exit 7", ChildStatus::Exited(7)),
            ("no-such-program-here 2>/dev/null", ChildStatus::Exited(127)),
            ("kill -KILL $$", ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false }),
        ] {
            let mut reader = CommandReader::start(&mut shell(line)).unwrap();
            assert_eq!(reader.close().unwrap(), status, "{line}");
            assert_eq!(reader.close().unwrap().is_success(), line == "exit 0");
            let mut writer = CommandWriter::start(&mut shell(line)).unwrap();
            assert_eq!(writer.close().unwrap(), status, "{line}");
        }
    });
}

/// R-PIPE-14, R-PIPE-03: a program that is not read any more ends by SIGPIPE, whatever this one does about that signal.
#[test]
fn a_program_that_nobody_reads_ends() {
    childless(|| {
        let mut yes = CommandReader::start(&mut words("yes")).unwrap();
        let mut line = [0; 2];
        yes.read_exact(&mut line).unwrap();
        assert_eq!(yes.close().unwrap(), ChildStatus::Killed { signal: libc::SIGPIPE, core_dumped: false });
    });
}

/// R-PIPE-13: close-on-exec, as "re" asks for: the second program does not keep the first one's input open.
#[test]
fn programs_do_not_inherit_each_others_pipes() {
    childless(|| {
        let before = descriptors();
        let mut first = CommandWriter::start(&mut words("cat")).unwrap();
        let mut second = CommandWriter::start(&mut words("cat")).unwrap();
        let mut listing = CommandReader::start(Command::new("sh").args(["-c", "ls /proc/$$/fd"])).unwrap();
        let mut text = String::new();
        listing.read_to_string(&mut text).unwrap();
        let inherited = |number: &str| before.contains(&number.parse().unwrap());
        assert!(text.lines().all(inherited), "{text}, of {before:?} that there were before");
        assert!(first.close_timeout(LONG).unwrap().is_success());
        assert!(second.close().unwrap().is_success());
        listing.close().unwrap();
    });
}

/// R-PIPE-14
#[test]
fn each_form_of_closing_waits_as_it_says() {
    childless(|| {
        let mut reader = CommandReader::start(&mut script("exec sleep 1000")).unwrap();
        fails(reader.pipe().unwrap().read_timeout(&mut [0], SHORT), ErrorKind::TimedOut);
        fails(reader.try_close(), ErrorKind::WouldBlock);
        fails(reader.close_timeout(SHORT), ErrorKind::TimedOut);
        signal::to_pidfd(reader.pidfd().unwrap(), Signal::TERM).unwrap();
        let status = ChildStatus::Killed { signal: libc::SIGTERM, core_dumped: false };
        assert_eq!(reader.close_interruptible().unwrap(), status);
        assert_eq!(reader.try_close().unwrap(), status);

        let mut writer = CommandWriter::start(&mut script("read line; exec sleep 1000")).unwrap();
        fails(writer.try_close(), ErrorKind::WouldBlock);
        fails(writer.close_timeout(SHORT), ErrorKind::TimedOut);
        signal::to_pidfd(writer.pidfd().unwrap(), Signal::TERM).unwrap();
        assert_eq!(writer.close_timeout(LONG).unwrap(), status);
    });
}

/// Dropping does not wait, and leaves no zombie when the program ends.
#[test]
fn a_program_that_is_dropped_goes_on_and_is_reaped() {
    childless(|| {
        let (gate, writer) = ipc_safe::pipe::pipe().unwrap();
        let reader = CommandReader::start(script("read line; exit 3").stdin(gate)).unwrap();
        let pid = reader.pid();
        drop(reader);
        assert!(is_alive(pid));
        drop(writer);
        no_child();
        // And one that has ended already.
        let reader = CommandReader::start(&mut words("true")).unwrap();
        assert_eq!(reader.pipe().unwrap().wait().unwrap(), Readable::End);
        drop(reader);
    });
}

/// R-PIPE-19: the child has an id of its own; what cannot be started is an error and no child.
#[test]
fn a_started_program_is_another_process() {
    childless(|| {
        let mut reader = CommandReader::start(&mut script("echo $$ $PPID")).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("{} {}\n", reader.pid().as_raw_nonzero(), std::process::id()));
        reader.close().unwrap();
    });
}
