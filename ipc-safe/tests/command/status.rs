//! A status that nobody can know, and other children.

use crate::signals::Handler;
use crate::support::fork;
use crate::tools::{childless, fails, script, words};
use ipc_safe::command::{CommandReader, CommandWriter, Coprocess, Pipeline};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{ChildStatus, Children};
use ipc_safe::signal::Signal;
use std::mem::ManuallyDrop;
use std::process::Stdio;

/// R-PIPE-14: SIGCHLD ignored is ECHILD, and not success.
#[test]
fn when_sigchld_is_ignored_the_status_is_lost() {
    childless(|| {
        let ignored = Signal::CHLD.ignore().unwrap();
        for line in ["exit 0", "exit 7", "sleep 0.1"] {
            let mut reader = CommandReader::start(&mut script(line)).unwrap();
            let pid = reader.pid().as_raw_nonzero();
            let error = fails(reader.close(), ErrorKind::NotFound);
            let text = format!(
                "waitid of child {pid}: ECHILD: its status is lost: SIGCHLD is ignored, or somebody else waited for it"
            );
            assert_eq!(error.to_string(), text);
            fails(reader.try_close(), ErrorKind::NotFound);
            fails(CommandWriter::start(&mut script(line)).unwrap().close(), ErrorKind::NotFound);
            let mut pipeline = Pipeline::start([script(line), script("cat >/dev/null")]).unwrap();
            fails(pipeline.wait(), ErrorKind::NotFound);
        }
        let mut cat = Coprocess::start(&mut words("cat")).unwrap();
        assert_eq!(cat.request("still works").unwrap(), b"still works");
        fails(cat.finish(), ErrorKind::NotFound);
        drop(Coprocess::start(&mut words("cat")).unwrap());
        fails(CommandReader::start(&mut words("/no/such/program")), ErrorKind::NotFound);
        ignored.restore().unwrap();
    });
}

/// R-PIPE-14: somebody who waits for all children takes it.
#[test]
fn a_status_that_somebody_else_took_is_lost() {
    childless(|| {
        let mut reader = CommandReader::start(&mut script("exit 0")).unwrap();
        assert_eq!(Children::all().wait().unwrap().pid, reader.pid());
        fails(reader.close(), ErrorKind::NotFound);
        let mut pipeline = Pipeline::start([script("exit 1"), script("exit 2")]).unwrap();
        let first = pipeline.pids().next().unwrap();
        assert_eq!(Children::pid(first).wait().unwrap().status, ChildStatus::Exited(1));
        assert!(pipeline.statuses().all(|status| status.is_none()));
        fails(pipeline.wait(), ErrorKind::NotFound);
        let statuses: Vec<_> = pipeline.statuses().map(|status| status.unwrap().ok()).collect();
        assert_eq!(statuses, [None, Some(ChildStatus::Exited(2))]);
    });
}

/// A signal handler does not show, except where it is asked for.
#[test]
fn waiting_goes_on_after_a_handler() {
    childless(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let parent = std::process::id();
        let line = format!("for i in 1 2 3 4 5; do kill -USR1 {parent}; done; exit 5");
        let mut reader = CommandReader::start(&mut script(&line)).unwrap();
        assert_eq!(reader.close().unwrap(), ChildStatus::Exited(5));
        // The gate opens when the interrupted wait has returned: by an end of input, which stays. A line is lost when bash reads it and
        // its time is over at that moment.
        let (gate, opened) = ipc_safe::pipe::pipe().unwrap();
        let line = format!("while kill -USR1 {parent}; do read -t 0.01 line; [ $? = 1 ] && exit 6; done");
        let mut reader =
            CommandReader::start(std::process::Command::new("bash").args(["-c", &line]).stdin(gate)).unwrap();
        fails(reader.close_interruptible(), ErrorKind::Interrupted);
        drop(opened);
        assert_eq!(reader.close().unwrap(), ChildStatus::Exited(6));
    });
}

/// What is the parent's, a forked copy leaves alone.
#[test]
fn a_forked_copy_neither_waits_nor_kills() {
    childless(|| {
        let mut cat = Coprocess::start(&mut words("cat")).unwrap();
        let copy = {
            // Of the child only, which has copies of the descriptors.
            let copy = ManuallyDrop::new(unsafe_copy(&cat));
            fork(move || {
                let mut copy = ManuallyDrop::into_inner(copy);
                fails(copy.send("x"), ErrorKind::InvalidInput);
                fails(copy.receive(), ErrorKind::InvalidInput);
                fails(copy.finish(), ErrorKind::InvalidInput);
                drop(copy);
                0
            })
        };
        copy.succeed();
        assert_eq!(cat.request("still there").unwrap(), b"still there");
        assert!(cat.finish().unwrap().1.is_success());
    });
}

/// The same value once more, for a process that has the same descriptors.
fn unsafe_copy(coprocess: &Coprocess) -> Coprocess {
    // SAFETY: the copy is used and dropped in a forked child only, which never uses the original.
    unsafe { std::ptr::read(coprocess) }
}

/// The input of this program is no business of a program whose output is read.
#[test]
fn what_the_command_says_of_other_descriptors_holds() {
    childless(|| {
        let (input, writer) = ipc_safe::pipe::pipe().unwrap();
        writer.write_atomic("given").unwrap();
        drop(writer);
        let mut text = String::new();
        let mut reader = CommandReader::start(words("cat").stdin(input).stderr(Stdio::null())).unwrap();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "given");
        reader.close().unwrap();
    });
}
