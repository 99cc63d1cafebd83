//! What all subcommands have in common: help, wrong arguments, output that nobody reads.

use crate::command::{command, ipc, ran};
use crate::support::{in_namespace, watchdog};
use std::fs::OpenOptions;
use std::process::Stdio;

const SUBCOMMANDS: [&str; 11] =
    ["tour", "bench", "list", "show", "make", "send", "receive", "peek", "remove", "limits", "run"];

#[test]
fn every_subcommand_explains_itself_with_examples_and_manual_pages() {
    let _watchdog = watchdog();
    for subcommand in SUBCOMMANDS {
        let help = ipc(&format!("{subcommand} --help")).succeed();
        assert!(help.contains("Examples:\n  ipc "), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        assert!(ipc(&format!("{subcommand} -h")).succeed().len() <= help.len());
        assert!(ipc("help").succeed().contains(&format!("\n  {subcommand} ")), "{subcommand} is not in the list");
    }
    assert!(ipc("--version").succeed().starts_with("ipc "));
}

#[test]
fn wrong_arguments_are_one_line_that_names_the_help() {
    let _watchdog = watchdog();
    for words in [
        "list --nonsense",
        "show",
        "show thing 0",
        "show queue two",
        "make queue --mode 999",
        "make set --values 1,x",
        "send 0 --type 0",
        "receive",
        "receive 0 --timeout soon",
        "peek 0 --format raw",
        "remove 5",
        "remove queue",
        "remove",
        "tour --unit 1",
        "tour --only teleport",
        "bench --passes",
        "limits 3",
    ] {
        let subcommand = words.split(' ').next().unwrap();
        ipc(words).fail(2, &[&format!("\"ipc {subcommand} --help\" explains")]);
    }
    ipc("teleport").fail(2, &["teleport", "\"ipc --help\" explains"]);
    // The others are its command's.
    ipc("run").fail(125, &["COMMAND", "\"ipc run --help\" explains"]);
    ipc("run --nonsense -- true").fail(125, &["--nonsense"]);
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for words in ["list", "list --json", "limits", "help", "tour --only queue /etc/passwd", "bench --quick"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = command(words);
            let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
            assert!(output.status.success(), "{words}: {output:?}");
            assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{words}: {output:?}");
        }
    });
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for words in ["list", "limits --json"] {
            let mut command = command(words);
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(errors, "ipc: writing to standard output: No space left on device\n");
        }
        // An error is told even so.
        let mut command = command("show queue 0");
        command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(ran(command).status.code(), Some(1));
    });
}
