//! `ipc limits`

use crate::command::ipc;
use crate::support::{in_namespace, set_sysctl, watchdog};
use serde_json::Value;

fn limit(name: &str) -> Value {
    let all = ipc("limits --json").json();
    all.as_array().unwrap().iter().find(|limit| limit["name"] == name).cloned().unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn limits_are_those_of_the_namespace_beside_what_is_in_use() {
    in_namespace(|| {
        let _watchdog = watchdog();
        set_sysctl("msgmni", "7");
        set_sysctl("sem", "10 100 20 5");
        ipc("make queue").succeed();
        ipc("make set --values 1,2,3").succeed();
        ipc("make segment --size 4097").succeed();

        let queues = limit("queues");
        assert_eq!((&queues["limit"], &queues["used"]), (&7.into(), &1.into()));
        assert_eq!(queues["sysctl"], "kernel.msgmni");
        let semaphores = limit("semaphores");
        assert_eq!((&semaphores["limit"], &semaphores["used"]), (&100.into(), &3.into()));
        let bytes = limit("bytes in all segments");
        assert_eq!((&bytes["used"], &bytes["unit"]), (&8192.into(), &"bytes".into()));

        let table = ipc("limits").succeed();
        let row = table.lines().find(|line| line.starts_with("queues ")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["queues", "7", "1", "kernel.msgmni"]);
        assert!(table.contains("8 KiB") && !ipc("limits --bytes").succeed().contains("KiB"));
        ipc("remove --all").succeed();
    });
}

#[test]
fn a_limit_that_is_reached_names_its_sysctl() {
    in_namespace(|| {
        let _watchdog = watchdog();
        set_sysctl("msgmni", "1");
        set_sysctl("shmmni", "0");
        ipc("make queue").succeed();
        ipc("make queue").fail(1, &["ENOSPC", "kernel.msgmni"]);
        ipc("make segment --size 1").fail(1, &["ENOSPC", "kernel.shmmni"]);
        ipc("remove --all").succeed();
    });
}
