//! `ipcs`, `ipcmk` and `ipcrm` of util-linux, both ways.

use crate::command::{Ran, ipc, ran};
use crate::support::{in_namespace, watchdog};
use std::process::Command;

fn program(name: &str, words: &str) -> Ran {
    let mut command = Command::new(name);
    command.args(words.split_whitespace());
    ran(command)
}

fn has_util_linux() -> bool {
    let all = ["ipcs", "ipcmk", "ipcrm"].iter().all(|name| Command::new(name).arg("--version").output().is_ok());
    if !all {
        println!("skipped: no ipcs, ipcmk or ipcrm");
    }
    all
}

/// The lines of `ipcs` with this key.
fn seen_by_ipcs(option: &str, key: &str) -> Vec<Vec<String>> {
    let text = program("ipcs", option).succeed();
    let lines = text.lines().filter(|line| line.starts_with(key));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// R-KEY-10
#[test]
fn ipcs_sees_and_ipcrm_removes_what_the_command_makes() {
    in_namespace(|| {
        let _watchdog = watchdog();
        if !has_util_linux() {
            return;
        }
        ipc("make queue --key 0x1001 --mode 0640").succeed();
        ipc("send 0x1001 hello").succeed();
        ipc("make set --key 0x1002 --values 4,5").succeed();
        ipc("make segment --key 0x1003 --size 12345").succeed();

        assert_eq!(seen_by_ipcs("-q", "0x00001001")[0][3..], ["640", "5", "1"]);
        assert_eq!(seen_by_ipcs("-s", "0x00001002")[0][3..], ["600", "2"]);
        assert_eq!(seen_by_ipcs("-m", "0x00001003")[0][3..], ["600", "12345", "0"]);

        program("ipcrm", "-Q 0x1001 -S 0x1002 -M 0x1003").succeed();
        assert_eq!(ipc("list -q -s -m").succeed().matches("none").count(), 3);

        ipc("make queue").succeed();
        let id = ipc("make segment --size 1").succeed();
        program("ipcrm", &format!("-m {id}")).succeed();
        assert_eq!(ipc("list -m").succeed(), "Shared memory segments: none\n");
        program("ipcrm", "--all=msg").succeed();
        assert_eq!(ipc("list -q").succeed(), "Message queues: none\n");
    });
}

/// R-KEY-10
#[test]
fn the_command_sees_and_removes_what_ipcmk_makes() {
    in_namespace(|| {
        let _watchdog = watchdog();
        if !has_util_linux() {
            return;
        }
        program("ipcmk", "-Q -p 0640").succeed();
        program("ipcmk", "-S 3").succeed();
        program("ipcmk", "-M 5000").succeed();

        let all = ipc("list --json").json();
        let key = |kind: &str| all[kind][0]["key"].as_str().unwrap().to_owned();
        assert_eq!(all["queues"][0]["mode"], "0640");
        assert_eq!((&all["sets"][0]["semaphores"], &all["segments"][0]["size"]), (&3.into(), &5000.into()));
        for (option, kind) in [("-q", "queues"), ("-s", "sets"), ("-m", "segments")] {
            assert_eq!(seen_by_ipcs(option, &key(kind))[0][1], all[kind][0]["id"].to_string());
        }

        let words = format!("remove -Q {} -s {} -M {}", key("queues"), all["sets"][0]["id"], key("segments"));
        assert_eq!(ipc(&words).succeed(), "removed set 0\nremoved queue 0\nremoved segment 0\n");
        let ipcs = program("ipcs", "-a").succeed();
        assert!(!ipcs.contains("0x"), "{ipcs}");
    });
}

/// R-KEY-10
#[test]
fn the_options_of_ipcrm_name_objects_by_id_and_by_key() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for (kind, id, key, more) in
            [("queue", "-q", "-Q", ""), ("set", "-s", "-S", "--values 1"), ("segment", "-m", "-M", "--size 1")]
        {
            let made = ipc(&format!("make {kind} {more}")).succeed();
            ipc(&format!("make {kind} --key 0x77 {more}")).succeed();
            ipc(&format!("remove {id} {made} {key} 0x77")).succeed();
            ipc(&format!("remove {id} {made}")).fail(1, &[kind, "EINVAL"]);
            ipc(&format!("remove {key} 119")).fail(1, &["key 0x00000077", "ENOENT"]);
        }
    });
}
