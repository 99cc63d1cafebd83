//! `ipc run`

use crate::command::{Ran, as_nobody, children, command_of, ipc, ran, runs, signal};
use crate::program::Running;
use crate::refused::refusing;
use crate::support::{eventually, in_namespace, watchdog};
use crate::terminal::on_terminal;
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// A shell script under `ipc run` with these options.
fn run_command(options: &str, script: &str) -> Command {
    command_of(["run"].into_iter().chain(options.split_whitespace()).chain(["--", "sh", "-c", script]))
}

fn run(options: &str, script: &str) -> Ran {
    ran(run_command(options, script))
}

/// Whether namespaces are to be had here, as unshare(1) finds; says so when not.
pub(crate) fn has_namespaces() -> bool {
    let unshare = |rights: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(rights).args(["--ipc", "--pid", "--fork", "--mount-proc", "true"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    let to_be_had = unshare(&[]) || unshare(&["--map-root-user"]);
    if !to_be_had {
        println!("skipped: no namespaces to be had");
    }
    to_be_had
}

/// What was said on standard error, but for objects in `/dev/shm` that others made meanwhile: without namespaces they count.
fn said(errors: &str) -> String {
    let mut lines = errors.lines().map(|line| format!("{line}\n"));
    lines.by_ref().take_while(|line| !line.contains(" more than before ")).collect()
}

/// The ids of the queues that are said to be more than before.
fn queues_in_report(ran: &Ran) -> Vec<&str> {
    let mut lines =
        ran.errors.lines().skip_while(|line| !line.contains(" more than before sh, which it may have left"));
    assert!(lines.next().is_some(), "no report: {ran:?}");
    lines.filter_map(|line| line.strip_prefix("queue ")?.split_whitespace().next()).collect()
}

const WITHOUT: &str = "--no-namespaces";

/// The options for which `ipc run` does the same: with namespaces, and without; each also when calls are traced.
fn both_ways() -> impl Iterator<Item = &'static str> {
    let with = ["", "--trace=all -o /dev/null"].into_iter().filter(|_| has_namespaces());
    with.chain([WITHOUT, "--no-namespaces --trace -o /dev/null"])
}

#[test]
fn the_exit_status_is_passed_on() {
    let _watchdog = watchdog();
    for options in both_ways() {
        for status in [0, 1, 42, 255] {
            assert_eq!(run(options, &format!("exit {status}")).status.code(), Some(status));
        }
        assert_eq!(run(options, "kill -KILL $$").status.code(), Some(137));
        assert_eq!(run(options, "kill -SEGV $$").status.code(), Some(139));
        let missing = ipc(&format!("run {options} -- /nowhere/x"));
        assert_eq!(missing.status.code(), Some(127));
        assert_eq!(
            said(&missing.errors),
            "ipc: running /nowhere/x: No such file or directory
"
        );
        let unfit = ipc(&format!("run {options} -- /etc/passwd"));
        assert_eq!(unfit.status.code(), Some(126));
        assert_eq!(
            said(&unfit.errors),
            "ipc: running /etc/passwd: Permission denied
"
        );
    }
}

#[test]
fn input_and_output_are_those_of_the_command() {
    let _watchdog = watchdog();
    for options in both_ways() {
        let mut running = Running::start(run_command(options, "read line; echo got $line; echo to errors >&2"));
        running.write("hello\n");
        let ended = running.end();
        assert_eq!((&*ended.output, &*said(&ended.errors)), ("got hello\n", "to errors\n"));
    }
}

#[test]
fn signals_are_passed_on() {
    let _watchdog = watchdog();
    for options in both_ways() {
        for (name, sent) in [("TERM", Signal::TERM), ("INT", Signal::INT), ("HUP", Signal::HUP), ("USR1", Signal::USR1)]
        {
            let script = format!("trap 'echo had {name}; exit 9' {name}; echo ready; while :; do sleep 0.01; done");
            let mut running = Running::start(run_command(options, &script));
            assert_eq!(running.line(), "ready");
            running.signal(sent);
            assert_eq!(running.line(), format!("had {name}"));
            assert_eq!(running.end().status.code(), Some(9));
        }
        // Without a handler it ends the command.
        let mut running = Running::start(run_command(options, "echo ready; exec sleep 1000"));
        running.line();
        running.signal(Signal::TERM);
        assert_eq!(running.end().status.code(), Some(143));
    }
}

#[test]
fn ctrl_c_on_a_terminal_reaches_the_command_once_and_leaves_nothing() {
    let _watchdog = watchdog();
    for options in both_ways() {
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "trap 'echo interrupted' INT; echo ready; read line; echo $line; exit 5")
            .unwrap();
        let Some(mut terminal) = on_terminal(&format!("run {options} -- bash {}", script.path().display())) else {
            return;
        };
        assert_eq!(terminal.line().trim_end(), "ready");
        terminal.write("\x03");
        assert!(terminal.line().contains("interrupted"));
        terminal.write("typed\n");
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(5), "{ended:?}");
        assert!(ended.output.contains("typed") && !ended.output.contains("interrupted"), "{ended:?}");
    }
}

#[test]
fn ctrl_c_is_not_passed_on_to_a_command_that_left_the_terminal() {
    let _watchdog = watchdog();
    for options in both_ways() {
        let script = tempfile::NamedTempFile::new().unwrap();
        let lines = "trap 'echo interrupted' INT; echo ready; read line; sleep 0.05; echo $line; exit 5";
        std::fs::write(script.path(), lines).unwrap();
        let words = format!("run {options} -- setsid bash {}", script.path().display());
        let Some(mut terminal) = on_terminal(&words) else { return };
        assert_eq!(terminal.line().trim_end(), "ready");
        terminal.write("\x03");
        terminal.write("typed\n");
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(5), "{ended:?}");
        assert!(ended.output.contains("typed") && !ended.output.contains("interrupted"), "{ended:?}");
    }
}

#[test]
fn the_command_has_namespaces_of_its_own() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let here = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap().display().to_string();
    let files = std::fs::metadata("/dev/shm").unwrap().dev().to_string();
    let script = "readlink /proc/self/ns/ipc /proc/self/ns/pid; stat -c %d /dev/shm; echo $$; ls -A /dev/shm; id -u";
    let there = run("", script).succeed();
    let lines: Vec<_> = there.lines().collect();
    assert!(lines[0] != here("ipc") && lines[1] != here("pid") && lines[2] != files, "{there}");
    let user = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(lines[3..], ["2", &user], "the second process, an empty /dev/shm, the same user");
    // Its /proc shows its processes, and /dev/shm takes files of anybody.
    assert_eq!(
        run("", "cat /proc/1/cmdline | tr '\\0' ' ' | cut -d' ' -f1,2; stat -c %a /dev/shm").succeed(),
        "ipc run-init\n1777\n"
    );
}

#[test]
fn orphans_are_reaped() {
    let _watchdog = watchdog();
    for options in both_ways() {
        // A child whose parent is gone before it ends itself; then a while without a dead process that nobody reaped.
        let script = "sh -c 'sh -c \"read x\" <&3 & exec true' 3<&0
            for i in 1 2 3 4 5 6 7 8 9 10; do
                zombies=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '$PPID' ')
                test $zombies = 0 && exit 0
                sleep 0.1
            done
            exit 1";
        assert_eq!(run(options, script).status.code(), Some(0));
    }
}

#[test]
fn processes_that_are_left_are_ended_and_told() {
    let _watchdog = watchdog();
    for options in both_ways() {
        // The one left must be what it is before the shell ends.
        let script = "setsid sleep 1000 & until grep -q sleep /proc/$!/comm; do :; done; echo $!; exit 3";
        let left = run(options, script);
        assert_eq!(left.status.code(), Some(3), "{left:?}");
        let words = said(&left.errors);
        assert!(words.starts_with("ipc: 1 process left running, and ended now: "), "{left:?}");
        assert!(words.ends_with(" (sleep)\n"), "{left:?}");
        if options.starts_with(WITHOUT) {
            assert!(!runs(left.text().trim().parse().unwrap()));
        }
    }
}

#[test]
fn what_is_left_behind_is_reported() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let ipc = crate::command::IPC;
    let script = format!(
        "exec >/dev/null; {ipc} make queue --key 0x11; {ipc} send 0x11 hello; {ipc} make set --values 1,2
        {ipc} make segment --size 4096; {ipc} make posix --name /left --size 5; : > /dev/shm/sem.left"
    );
    let report = tempfile::NamedTempFile::new().unwrap();
    let options = format!("--report {}", report.path().display());
    let left = run(&options, &script);
    assert!(left.status.success());
    assert_eq!(
        left.errors,
        "ipc: sh left 5 objects behind, removed now:\n\
         KIND                 NAME   KEY         CONTENTS\n\
         queue                0      0x00000011  1 message, 5 B\n\
         set                  0      0x00000000  2 semaphores\n\
         segment              0      0x00000000  4 KiB\n\
         POSIX semaphore      /left  -           0 B\n\
         POSIX shared memory  /left  -           5 B\n"
    );
    let report: Value = serde_json::from_slice(&std::fs::read(report.path()).unwrap()).unwrap();
    assert_eq!((&report["isolated"], &report["status"]), (&true.into(), &0.into()));
    assert_eq!(report["left_behind"].as_array().unwrap().len(), 5);
    assert_eq!(report["left_behind"][0]["key"], "0x00000011");
    assert!(!std::path::Path::new("/dev/shm/left").exists(), "it was another /dev/shm");
}

#[test]
fn a_leak_can_be_a_failure() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let leak = format!("{} make queue >/dev/null", crate::command::IPC);
    assert_eq!(run("", &leak).status.code(), Some(0));
    assert_eq!(run("--fail-on-leak", &leak).status.code(), Some(123));
    assert_eq!(run("--fail-on-leak", &format!("{leak}; exit 7")).status.code(), Some(7), "its own failure counts more");
    assert_eq!(run("--fail-on-leak", "true").status.code(), Some(0));
    assert_eq!(run("--fail-on-leak", &format!("{} tour /etc/passwd", crate::command::IPC)).status.code(), Some(0));
}

#[test]
fn without_namespaces_what_was_there_before_does_not_count() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue").succeed();
        let leak = format!("{} make queue >/dev/null", crate::command::IPC);
        let options = format!("{WITHOUT} --fail-on-leak");
        let left = run(&options, &leak);
        assert_eq!(left.status.code(), Some(123));
        assert_eq!(queues_in_report(&left), ["1"]);
        assert_eq!(ipc("remove --all queue").succeed(), "removed queue 0\nremoved queue 1\n");
    });
}

#[test]
fn it_runs_within_itself() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let ipc = crate::command::IPC;
    let nested = run("", &format!("{ipc} run -- {ipc} run -- sh -c '{ipc} make queue; exit 6'"));
    assert_eq!((nested.status.code(), nested.text()), (Some(6), "0\n"));
    assert_eq!(nested.errors.matches("sh left 1 object behind").count(), 1, "{nested:?}");
}

#[test]
fn an_ordinary_user_has_namespaces_too() {
    let _watchdog = watchdog();
    let Some(command) = as_nobody("run -- sh -c id;true") else { return };
    if !ran(command).errors.is_empty() {
        println!("skipped: no namespaces for ordinary users");
        return;
    }
    let ipc = crate::command::IPC;
    let mut command = as_nobody("run --").unwrap();
    let script =
        format!("id -u; grep -E 'CapEff|CapAmb|CapInh' /proc/self/status; {ipc} make segment --size 1; : > /dev/shm/x");
    command.args(["sh", "-c", &script]);
    let ran = ran(command);
    let none = "0000000000000000";
    assert_eq!(ran.text(), format!("65534\nCapInh:\t{none}\nCapEff:\t{none}\nCapAmb:\t{none}\n0\n"), "{ran:?}");
    assert!(ran.errors.starts_with("ipc: sh left 2 objects behind"), "{ran:?}");
}

#[test]
fn when_it_is_killed_everything_goes() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let mut running = Running::start(run_command("", "sleep 1000 & echo ready; exec sleep 1000"));
    running.line();
    let init = children(running.pid().as_raw_pid())[0];
    let command = children(init)[0];
    running.signal(Signal::KILL);
    drop(running.end());
    eventually("all processes are gone", || !runs(init) && !runs(command));
}

#[test]
fn a_killed_init_is_a_failure() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let mut running = Running::start(run_command("", "echo ready; exec sleep 1000"));
    running.line();
    signal(children(running.pid().as_raw_pid())[0], Signal::KILL);
    assert_eq!(running.end().status.code(), Some(137));
}

#[test]
fn where_namespaces_are_refused_before_and_after_are_compared() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let script = format!("{} make queue; exit 4", crate::command::IPC);
        let left = ran(refusing(run_command("", &script), &[libc::SYS_unshare]));
        assert_eq!((left.status.code(), left.text()), (Some(4), "0\n"));
        assert!(left.errors.starts_with("ipc: no namespaces to be had (Operation not permitted): "), "{left:?}");
        assert!(left.errors.contains("comparing the objects before and after instead\n"), "{left:?}");
        assert_eq!(queues_in_report(&left), ["0"]);
        ipc("remove queue 0").succeed();
    });
}

#[test]
fn where_the_number_of_namespaces_is_used_up_before_and_after_are_compared() {
    let _watchdog = watchdog();
    let script =
        format!("echo 0 > /proc/sys/user/max_ipc_namespaces && exec {} run -- sh -c 'exit 4'", crate::command::IPC);
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "sh", "-c", &script]);
    let ran = ran(command);
    if ran.errors.starts_with("unshare:") || ran.errors.starts_with("sh:") {
        println!("skipped: no user namespace to be had: {}", ran.errors);
        return;
    }
    assert_eq!(ran.status.code(), Some(4), "{ran:?}");
    ran.complain(&["no namespaces to be had", "/proc/sys/user/max_*_namespaces"]);
}

#[test]
fn where_mounting_is_refused_the_rest_is_done() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let script = format!("{} make queue; exit 4", crate::command::IPC);
    let left = ran(refusing(run_command("", &script), &[libc::SYS_mount]));
    assert_eq!((left.status.code(), left.text()), (Some(4), "0\n"));
    assert!(left.errors.contains("ipc: no /dev/shm of its own: "), "{left:?}");
    assert!(left.errors.contains("ipc: no /proc of its own: "), "{left:?}");
    assert!(left.errors.contains("ipc: sh left 1 object behind, removed now:"), "{left:?}");
}
