//! Pipelines.

use crate::tools::{LONG, SHORT, childless, fails, script, words};
use ipc_safe::command::Pipeline;
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{ChildStatus, is_alive};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn output(pipeline: &mut Pipeline) -> String {
    let mut text = String::new();
    pipeline.output().expect("a pipe").read_to_string(&mut text).unwrap();
    text
}

/// R-PIPE-20
#[test]
fn the_entries_of_a_folder_are_counted() {
    childless(|| {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c d"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let mut pipeline = Pipeline::start([
            Command::new("ls").arg(folder.path()),
            Command::new("wc").arg("-l").stdout(Stdio::piped()),
        ])
        .unwrap();
        assert_eq!(output(&mut pipeline).trim(), "3");
        assert_eq!(pipeline.wait().unwrap(), [ChildStatus::Exited(0); 2]);
        assert_eq!(pipeline.wait().unwrap(), [ChildStatus::Exited(0); 2], "the same again");
    });
}

/// R-PIPE-20
#[test]
fn any_number_of_programs_and_all_their_statuses() {
    childless(|| {
        for count in [1_u8, 2, 3, 20] {
            let mut commands: Vec<_> = (0..count).map(|number| script(&format!("cat; exit {number}"))).collect();
            commands[0].stdin(Stdio::piped());
            commands[usize::from(count) - 1].stdout(Stdio::piped());
            let mut pipeline = Pipeline::start(&mut commands).unwrap();
            assert_eq!(pipeline.pids().len(), usize::from(count));
            pipeline.input().unwrap().write_all(b"through all").unwrap();
            drop(pipeline.take_input());
            assert_eq!(output(&mut pipeline), "through all");
            let expected: Vec<_> = (0..count).map(|number| ChildStatus::Exited(number.into())).collect();
            assert_eq!(pipeline.wait().unwrap(), expected);
            // The commands hold nothing of it: they can be used again.
            let mut again = Pipeline::start(&mut commands).unwrap();
            assert_eq!(again.wait().unwrap(), expected);
        }
        fails(Pipeline::start::<Command>([]), ErrorKind::InvalidInput);
    });
}

/// R-PIPE-20, R-PIPE-03: who writes to one that has read enough is told by SIGPIPE.
#[test]
fn programs_before_one_that_ends_early_end_too() {
    childless(|| {
        // The commands live on, and must not keep what they gave to the programs.
        let mut commands = [words("yes"), words("cat"), words("head -n 1")];
        commands[2].stdout(Stdio::piped());
        let mut pipeline = Pipeline::start(&mut commands).unwrap();
        assert_eq!(output(&mut pipeline), "y\n");
        let statuses = pipeline.wait_timeout(LONG).unwrap();
        let killed = ChildStatus::Killed { signal: libc::SIGPIPE, core_dumped: false };
        assert_eq!(statuses, [killed, killed, ChildStatus::Exited(0)]);
    });
}

/// R-PIPE-20
#[test]
fn waiting_closes_the_ends_that_nobody_took() {
    childless(|| {
        let mut cat = Pipeline::start([words("cat").stdin(Stdio::piped()).stdout(Stdio::piped())]).unwrap();
        cat.input().unwrap().write_all(b"unread").unwrap();
        assert_eq!(cat.wait_timeout(LONG).unwrap().len(), 1);
        assert!(cat.input().is_none() && cat.take_output().is_none());
    });
}

#[test]
fn each_form_of_waiting_waits_as_it_says() {
    childless(|| {
        let mut pipeline = Pipeline::start([script("exit 1"), script("exec sleep 1000")]).unwrap();
        fails(pipeline.wait_timeout(SHORT), ErrorKind::TimedOut);
        fails(pipeline.try_wait(), ErrorKind::WouldBlock);
        pipeline.kill();
        let killed = ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false };
        assert_eq!(pipeline.wait_interruptible().unwrap(), [ChildStatus::Exited(1), killed]);
        assert_eq!(pipeline.try_wait().unwrap(), [ChildStatus::Exited(1), killed]);
        pipeline.kill();
    });
}

/// R-PIPE-20, R-PIPE-15: whichever of them is not there, nothing is left: no program, no descriptor.
#[test]
fn a_program_that_cannot_be_started_leaves_nothing_of_the_others() {
    childless(|| {
        let folder = tempfile::tempdir().unwrap();
        for bad in 0..3 {
            let told = folder.path().join(format!("pids{bad}"));
            let line = format!("echo $$ >> {}; exec sleep 1000", told.display());
            let mut commands: Vec<_> = (0..3).map(|_| script(&line)).collect();
            commands[bad] = words("/no/such/program");
            let error = fails(Pipeline::start(&mut commands), ErrorKind::NotFound);
            assert!(
                error.to_string().starts_with("execve of \"/no/such/program\": ENOENT: there is no such"),
                "{error}"
            );
            let pids = std::fs::read_to_string(&told).unwrap_or_default();
            for pid in pids.lines().map(|pid| ipc_safe::process::Pid::from_raw(pid.parse().unwrap()).unwrap()) {
                assert!(!is_alive(pid));
            }
        }
    });
}
