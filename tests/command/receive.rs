//! `ipc receive`

use crate::command::{command, ipc, ipc_reading, ran, start};
use crate::support::{eventually, in_namespace, watchdog};
use ipc_safe::sysv::MessageQueue;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

#[test]
fn messages_are_chosen_by_type() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue --key 42").succeed();
        for kind in [5, 3, 9, 3] {
            ipc(&format!("send 0 --type {kind} of-{kind}")).succeed();
        }
        assert_eq!(ipc("receive 0 --type 9").succeed(), "of-9\n");
        assert_eq!(ipc("receive 0x2a --at-most 4").succeed(), "of-3\n");
        assert_eq!(ipc("receive --key 0x2a --except 5").succeed(), "of-3\n");
        ipc("receive 0 --type 3").fail(1, &["queue 0 has no such message", "--wait"]);
        assert_eq!(ipc("receive 0").succeed(), "of-5\n");
        ipc("receive 0").fail(1, &["queue 0 has no message", "--wait"]);
        ipc("receive 0 --timeout 0.01").fail(1, &["queue 0", "the time ran out"]);
        assert_eq!(ipc("receive 0 --all").succeed(), "");
        ipc("remove queue 0").succeed();
    });
}

#[test]
fn a_message_is_printed_in_the_format_that_was_asked_for() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue").succeed();
        let bytes = "\0\t\u{fc}\\".as_bytes();
        let send = || ipc_reading(&[bytes, b"\xff"].concat(), "send 0 --type 3").succeed();
        send();
        assert_eq!(ipc("receive 0").succeed(), "\\u{0}\\t\u{fc}\\\\\\xff\n");
        send();
        assert_eq!(ipc("receive 0 --format raw").output, [bytes, b"\xff"].concat());
        send();
        assert_eq!(ipc("receive 0 --format hex").succeed(), "0009c3bc5cff\n");
        ipc_reading(bytes, "send 0").succeed();
        send();
        let lines = ipc("receive 0 --all --json").succeed();
        let all: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&all[0]["text"], &all[0]["length"]), (&"\0\t\u{fc}\\".into(), &5.into()));
        assert_eq!((&all[1]["text"], &all[1]["type"]), (&serde_json::Value::Null, &3.into()));
        ipc("remove queue 0").succeed();
    });
}

#[test]
fn who_waits_gets_the_message_that_comes_and_learns_of_the_end() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue").succeed();
        let waiting = start("receive 0 --wait --type 2");
        eventually("the receiver waits", || waiting.state() == 'S');
        ipc("send 0 --type 1 another").succeed();
        ipc("send 0 --type 2 this").succeed();
        assert_eq!(waiting.succeed(), "this\n");

        let mut waiting = start("receive 0 --wait --all");
        assert_eq!(waiting.line(), "another");
        ipc("send 0 more").succeed();
        assert_eq!(waiting.line(), "more");
        ipc("remove queue 0").succeed();
        assert_eq!(waiting.succeed(), "");

        let queue = MessageQueue::private().unwrap();
        let waiting = start(&format!("receive {} --wait", queue.id()));
        eventually("the receiver waits", || waiting.state() == 'S');
        queue.remove().unwrap();
        assert!(waiting.fail().contains("removed"));
    });
}

#[test]
fn ctrl_c_ends_the_wait_and_takes_no_message() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue").succeed();
        let waiting = start("receive 0 --wait");
        eventually("the receiver waits", || waiting.state() == 'S');
        waiting.signal(Signal::INT);
        let ended = waiting.end();
        assert_eq!((ended.status.signal(), &*ended.errors), (Some(libc::SIGINT), ""));
        ipc("send 0 kept").succeed();
        assert_eq!(ipc("receive 0").succeed(), "kept\n");
        ipc("remove queue 0").succeed();
    });
}

#[test]
fn a_message_that_nobody_reads_goes_back() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue").succeed();
        ipc("send 0 --type 7 precious").succeed();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = command("receive 0").stdout(writer).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1));
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command("receive 0").stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(ipc("receive 0 --type 7").succeed(), "precious\n");
        ran(command("receive 7")).fail(1, &["queue 7"]);
        ipc("remove queue 0").succeed();
    });
}
