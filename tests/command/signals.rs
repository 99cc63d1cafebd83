//! `ipc signals`

use crate::command::ipc;
use crate::program::Running;
use crate::support::watchdog;
use ipc_safe::signal::{CommandMask, Signal, SignalSet};
use std::process::Command;

/// A shell that ignores, catches and blocks some signals, and has one waiting for it.
fn shell() -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; trap : USR2; kill -USR1 $$; echo ready; read end"]);
    command.mask(SignalSet::from([Signal::USR1, Signal::real_time(3).unwrap()]));
    let mut shell = Running::start(command);
    assert_eq!(shell.line(), "ready");
    shell
}

#[test]
fn sets_of_another_process_are_shown_by_name() {
    let _watchdog = watchdog();
    let shell = shell();
    let pid = shell.pid().as_raw_pid();

    let text = ipc(&format!("signals {pid}")).succeed();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).trim().to_owned()
    };
    assert_eq!(value("process"), format!("{pid} (sh)"));
    assert_eq!(value("blocked"), "SIGUSR1 SIGRTMIN+3");
    assert_eq!(value("pending"), "SIGUSR1");
    assert!(value("ignored").split(' ').any(|name| name == "SIGHUP"), "{text}");
    assert!(value("caught").split(' ').any(|name| name == "SIGUSR2"), "{text}");
    assert_eq!(value("threads"), "1");

    let json = ipc(&format!("signals --json {pid}")).json();
    assert_eq!(json["pid"], pid);
    assert_eq!(json["pending"], serde_json::json!(["SIGUSR1"]));
    assert_eq!(json["threads"][0]["blocked"], serde_json::json!(["SIGUSR1", "SIGRTMIN+3"]));
    drop(shell);
}

#[test]
fn a_mask_of_nearly_everything_names_what_is_missing() {
    let _watchdog = watchdog();
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; read end"]).mask(!SignalSet::from([Signal::TERM, Signal::INT]));
    let mut shell = Running::start(command);
    assert_eq!(shell.line(), "ready");
    let text = ipc(&format!("signals {}", shell.pid().as_raw_pid())).succeed();
    assert!(text.contains(" all but SIGINT SIGKILL SIGTERM SIGSTOP\n"), "{text}");
}

/// R-SIG-03: names, numbers and default actions, as kill(1) and signal(7) have them.
#[test]
fn all_signals_are_listed_as_the_shell_knows_them() {
    let _watchdog = watchdog();
    let table = ipc("signals --list").succeed();
    assert_eq!(table.lines().count(), 1 + 62);
    for line in table.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (number, name) = (words.next().unwrap(), words.next().unwrap());
        let output = Command::new("bash").args(["-c", &format!("kill -l {number}")]).output().unwrap();
        let theirs = String::from_utf8(output.stdout).unwrap();
        // bash counts the upper half from the end.
        if !theirs.starts_with("RTMAX") {
            assert_eq!(format!("SIG{}", theirs.trim()), name);
        }
    }
    let list = ipc("signals --list --json").json();
    assert_eq!(
        list[14],
        serde_json::json!({
            "number": 15, "name": "SIGTERM", "default": "end", "description": "polite request to end",
        })
    );
}

#[test]
fn who_is_not_there_and_what_is_no_process_is_an_error() {
    let _watchdog = watchdog();
    ipc("signals 2147483647").fail(1, &["there is no process 2147483647"]);
    for words in ["signals 0", "signals -1", "signals x", "signals 1 --list"] {
        ipc(words).fail(2, &[]);
    }
}
