//! `ipc show`

use crate::command::{as_nobody, ipc, ran};
use crate::support::{eventually, fork, in_namespace, watchdog};
use ipc_safe::memory::PosixObject;
use ipc_safe::sysv::{MessageQueue, MessageType, Segment, SemaphoreSet};
use serde_json::Value;

/// The value after `name:`.
fn fact(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}:\n{text}")).trim().to_owned()
}

#[test]
fn a_queue_is_shown_with_its_messages() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let queue = MessageQueue::private().unwrap();
        queue.send(MessageType::new(7).unwrap(), "d\u{e9}j\u{e0} vu").unwrap();
        queue.send(MessageType::MIN, b"\0\xff\n").unwrap();

        let shown = ipc("show queue 0").succeed();
        assert_eq!((&*fact(&shown, "messages"), &*fact(&shown, "bytes")), ("2", "12 B of 16 KiB"));
        assert_eq!(fact(&shown, "key"), "0x00000000 (private)");
        assert!(fact(&shown, "last sender").starts_with(&format!("{} (", std::process::id())), "{shown}");
        assert!(
            shown.ends_with("    0     7       9  d\u{e9}j\u{e0} vu\n    1     1       3  \\u{0}\\xff\\n\n"),
            "{shown}"
        );

        let json = ipc("show queue 0 --json").json();
        assert_eq!(
            (&json["contents"][0]["text"], &json["contents"][0]["type"]),
            (&"d\u{e9}j\u{e0} vu".into(), &7.into())
        );
        assert_eq!((&json["contents"][1]["text"], &json["contents"][1]["hex"]), (&Value::Null, &"00ff0a".into()));
        assert_eq!(queue.status().unwrap().messages, 2, "looking takes nothing out");
    });
}

#[test]
fn a_set_is_shown_with_values_and_waiters() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let set = SemaphoreSet::private(&[0, 5]).unwrap();
        let handle = *set;
        let wait = move |index: u16| {
            fork(move || match index {
                0 => i32::from(handle.semaphore(0).subtract(1).is_err()),
                _ => i32::from(handle.semaphore(1).wait_zero().is_err()),
            })
        };
        let (for_more, for_zero) = (wait(0), wait(1));
        eventually("both wait", || {
            set.semaphore(0).waiters().unwrap() == 1 && set.semaphore(1).zero_waiters().unwrap() == 1
        });

        let json = ipc("show set 0 --json").json();
        let numbers = |index: usize| {
            let semaphore = &json["contents"][index];
            [&semaphore["value"], &semaphore["waiters"], &semaphore["zero_waiters"]].map(|it| it.as_u64().unwrap())
        };
        assert_eq!((numbers(0), numbers(1)), ([0, 1, 0], [5, 0, 1]));
        assert_eq!(json["state"], "in-use");
        let shown = ipc("show set 0").succeed();
        let row = shown.lines().rev().nth(1).unwrap().split_whitespace().take(4).collect::<Vec<_>>().join(" ");
        assert_eq!(row, "0 0 1 0", "{shown}");

        set.semaphore(0).add(1).unwrap();
        set.semaphore(1).subtract(5).unwrap();
        for_more.succeed();
        for_zero.succeed();
    });
}

#[test]
fn a_segment_is_shown_with_who_has_it_attached() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let segment = Segment::private(4096).unwrap();
        let set = SemaphoreSet::private(&[0]).unwrap();
        let (handle, gate) = (*segment, set.semaphore(0));
        // Another process: the namespace of this one is that of its first thread.
        let holder = fork(move || {
            let both = (handle.attach().unwrap(), handle.attach_read_only().unwrap());
            let held = gate.subtract(1);
            drop(both);
            i32::from(held.is_err())
        });
        eventually("it is attached", || set.semaphore(0).waiters().unwrap() == 1);

        let by = &ipc("show segment 0 --json").json()["attached_by"];
        assert_eq!(by.as_array().unwrap().len(), 1);
        assert_eq!(
            (&by[0]["pid"], &by[0]["attachments"], &by[0]["writable"]),
            (&holder.pid().into(), &2.into(), &1.into())
        );
        let shown = ipc("show segment 0").succeed();
        assert_eq!((&*fact(&shown, "attachments"), &*fact(&shown, "size")), ("2", "4 KiB (4096 bytes)"));
        assert!(fact(&shown, "state").starts_with("in use"), "{shown}");

        set.semaphore(0).add(1).unwrap();
        holder.succeed();
        assert_eq!(ipc("show segment 0 --json").json()["attached_by"].as_array().unwrap().len(), 0);
    });
}

#[test]
fn a_posix_object_is_shown_with_who_has_it_open_or_mapped() {
    let _watchdog = watchdog();
    let name = format!("/ipc-test shown {}", std::process::id());
    let object = PosixObject::options().create_new(true).open(&name, 4096).unwrap().into_owned();
    let mapping = object.map().unwrap();
    let shown = ran(crate::command::command_of(["show", "posix", &name, "--json"])).json();
    let by = &shown["used_by"];
    assert_eq!((&by[0]["pid"], &by[0]["mappings"]), (&std::process::id().into(), &1.into()), "{shown}");
    assert!(by[0]["descriptors"].as_u64().unwrap() >= 1, "{shown}");
    drop(mapping);
}

#[test]
fn several_are_shown_and_a_missing_one_is_told() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue").succeed();
        ipc("make queue --key 0x2a").succeed();
        let both = ipc("show queue 0 7 0x2a");
        assert_eq!(both.status.code(), Some(1));
        both.complain(&["queue 7", "EINVAL", "\"ipc list\""]);
        assert_eq!(both.text().matches("queue:").count(), 2, "{}", both.text());
        ipc("show set 7").fail(1, &["set 7", "\"ipc list\" shows what there is"]);
        ipc("show segment 0x7").fail(1, &["key 0x00000007", "ENOENT"]);
        ipc("show queue 0x0").fail(1, &["private"]);
        ipc("show queue /name").fail(2, &["id or key"]);
        ipc("show posix 0").fail(2, &["a slash"]);
        ipc("remove --all").succeed();
    });
}

/// R-KEY-11
#[test]
fn what_may_not_be_read_is_shown_without_its_contents() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue --key 1").succeed();
        ipc("send 0 secret").succeed();
        ipc("make set --values 1").succeed();
        ipc("make segment --size 1").succeed();
        if let Some(command) = as_nobody("show queue 0") {
            let shown = ran(command).succeed();
            assert_eq!(fact(&shown, "messages"), "1");
            assert!(shown.contains("cannot be looked at") && !shown.contains("secret"), "{shown}");
        }
        if let Some(command) = as_nobody("show set 0 --json") {
            assert_eq!(ran(command).json()["contents"], Value::Null);
        }
        if let Some(command) = as_nobody("show segment 0") {
            assert_eq!(fact(&ran(command).succeed(), "mode"), "0600");
        }
        for words in ["peek 0x1", "receive 0", "send 0 more", "remove queue 0"] {
            if let Some(command) = as_nobody(words) {
                ran(command).fail(1, &["queue 0", "E"]);
            }
        }
        ipc("remove --all").succeed();
    });
}
