//! `ipc remove`

use crate::command::{as_nobody, ipc, ran};
use crate::support::{in_namespace, watchdog};
use crate::terminal::on_terminal;
use ipc_safe::sysv::{Segment, SemaphoreSet};

fn count() -> usize {
    let all = ipc("list --json -q -s -m").json();
    all.as_object().unwrap().values().map(|kind| kind.as_array().unwrap().len()).sum()
}

fn make_three() {
    ipc("make queue --key 0x2a").succeed();
    ipc("make set --values 1").succeed();
    ipc("make segment --size 1").succeed();
}

#[test]
fn objects_are_removed_one_by_one_and_what_is_missing_is_told() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        ipc("make queue").succeed();
        let ran = ipc("remove queue 0x2a 99 1");
        assert_eq!((ran.status.code(), ran.text()), (Some(1), "removed queue 0\nremoved queue 1\n"));
        ran.complain(&["queue 99", "EINVAL", "\"ipc list\""]);
        assert_eq!(ipc("remove set 0 --json").json(), serde_json::json!([{ "kind": "set", "id": 0, "removed": true }]));
        ipc("remove segment --key 5").fail(1, &["key 0x00000005", "ENOENT"]);
        ipc("remove segment /x").fail(2, &["id or key"]);
        ipc("remove segment 0").succeed();
        assert_eq!(count(), 0);
    });
}

#[test]
fn all_are_those_of_the_kind_or_of_the_namespace() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        assert_eq!(ipc("remove --all queue").succeed(), "removed queue 0\n");
        assert_eq!(ipc("remove --all").succeed(), "removed set 0\nremoved segment 0\n");
        assert_eq!(ipc("remove --all").succeed(), "nothing to remove\n");
        assert_eq!(ipc("remove --all --json").succeed(), "[]\n");
    });
}

#[test]
fn a_dry_run_says_what_would_go_and_removes_nothing() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        let words = "would remove queue 0\nwould remove set 0\nwould remove segment 0\n";
        assert_eq!(ipc("remove --all --dry-run").succeed(), words);
        assert_eq!(ipc("remove --orphans --dry-run").succeed(), "would remove set 0\nwould remove segment 0\n");
        assert_eq!(ipc("remove queue 0x2a -n").succeed(), "would remove queue 0\n");
        ipc("remove queue 5 -n").fail(1, &["queue 5: there is no such object"]);
        assert_eq!(count(), 3);
        ipc("remove --all").succeed();
    });
}

#[test]
fn orphans_are_segments_and_sets_whose_users_are_dead() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        let segment = Segment::private(1).unwrap();
        let set = SemaphoreSet::private(&[1]).unwrap();
        assert_eq!(ipc("remove --orphans segment").succeed(), "removed segment 0\n");
        assert_eq!(ipc("remove --orphans").succeed(), "removed set 0\n");
        assert_eq!(ipc("remove --orphans").succeed(), "nothing to remove\n");
        ipc("remove --orphans queue").fail(2, &["--orphans is for sets and segments"]);
        ipc("remove --orphans posix").fail(2, &["--orphans is for sets and segments"]);
        assert!(segment.status().is_ok() && set.status().is_ok(), "we live");
        ipc("remove queue 0").succeed();
    });
}

#[test]
fn several_are_removed_on_a_terminal_only_after_a_yes() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        for (answer, left) in [("n\n", 3), ("\n", 3), ("\x04", 3), ("y\n", 0)] {
            let Some(mut terminal) = on_terminal("remove --all") else { break };
            assert!(terminal.line().contains("queue 0, set 0, segment 0"));
            terminal.write(answer);
            let ended = terminal.end();
            assert!(ended.output.contains("Remove 3 objects? [y/N]"), "{ended:?}");
            assert_eq!(ended.status.code(), Some(i32::from(left > 0)), "{ended:?}");
            assert_eq!(ended.output.contains("nothing was removed"), left > 0, "{ended:?}");
            assert_eq!(count(), left, "{answer:?}");
        }
        // One, and several with --yes, need no question.
        ipc("remove --all").succeed();
        make_three();
        for words in ["remove queue 0x2a", "remove --all --yes"] {
            let Some(terminal) = on_terminal(words) else { break };
            let ended = terminal.end();
            assert!(ended.status.success() && !ended.output.contains('?'), "{ended:?}");
        }
        ipc("remove --all").succeed();
    });
}

#[test]
fn ctrl_c_at_the_question_removes_nothing() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        if let Some(mut terminal) = on_terminal("remove --all") {
            terminal.line();
            terminal.write("\x03");
            assert_eq!(terminal.end().status.code(), Some(130));
            assert_eq!(count(), 3);
        }
        ipc("remove --all").succeed();
    });
}

#[test]
fn objects_of_others_are_left_out_or_refused() {
    in_namespace(|| {
        let _watchdog = watchdog();
        make_three();
        if let Some(command) = as_nobody("remove --all") {
            let ran = ran(command);
            assert_eq!((ran.status.code(), ran.text()), (Some(0), "nothing to remove\n"));
            ran.complain(&["3 objects of other users left out"]);
        }
        if let Some(command) = as_nobody("make segment --size 1") {
            assert_eq!(ran(command).succeed(), "1\n");
        }
        if let Some(command) = as_nobody("remove --orphans") {
            assert_eq!(ran(command).text(), "removed segment 1\n");
        }
        if let Some(command) = as_nobody("remove segment 0") {
            ran(command).fail(1, &["shmctl on segment 0", "EPERM"]);
        }
        assert_eq!(count(), 3);
        ipc("remove --all").succeed();
    });
}
