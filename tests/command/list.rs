//! `ipc list`

use crate::command::{Ran, as_nobody, ipc, ran};
use crate::support::{in_namespace, watchdog};
use ipc_safe::memory::PosixObject;
use ipc_safe::sysv::{Key, MessageQueue, Segment, SemaphoreSet};
use ipc_safe::testing::in_process;
use serde_json::Value;

/// In a process of its own, too: in this one, forked children of other tests have a copy of every attachment there is.
fn alone(body: impl FnOnce() + Send) {
    in_process(|| in_namespace(body));
}

fn listed(words: &str, kind: &str) -> Vec<Value> {
    ipc(&format!("list --json {words}")).json()[kind].as_array().cloned().unwrap_or_default()
}

/// Rows of a table under its heading: each cell begins or ends where its heading does.
fn rows(table: &str, title: &str) -> Vec<Vec<String>> {
    let mut lines = table.lines().skip_while(|line| !line.starts_with(title)).skip(1);
    let heading = lines.next().expect("a heading");
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    // A column is what has no blank column of its own between two that are blank in all lines.
    let width = lines.iter().chain([&heading]).map(|line| line.len()).max().unwrap();
    let blank =
        |at: usize| lines.iter().chain([&heading]).all(|line| line.as_bytes().get(at).unwrap_or(&b' ') == &b' ');
    let gaps: Vec<_> = (1..width).filter(|&at| blank(at) && blank(at - 1)).collect();
    let cut = |line: &str| -> Vec<String> {
        let mut edges = vec![0];
        edges.extend(&gaps);
        edges.push(width);
        let part = |pair: &[usize]| line.get(pair[0]..pair[1].min(line.len())).unwrap_or("").trim().to_owned();
        edges.windows(2).map(part).collect()
    };
    let columns = cut(heading).iter().filter(|cell| !cell.is_empty()).count();
    let rows: Vec<Vec<String>> = lines.iter().map(|line| cut(line)).collect();
    let filled = |row: &[String]| row.iter().filter(|cell| !cell.is_empty()).count();
    assert!(rows.iter().all(|row| filled(row) == columns), "does not line up:\n{table}");
    rows.into_iter().map(|row| row.into_iter().filter(|cell| !cell.is_empty()).collect()).collect()
}

/// R-KEY-10
#[test]
fn every_object_is_listed_with_what_the_kernel_knows() {
    alone(|| {
        let _watchdog = watchdog();
        let queue = MessageQueue::options().create_new(true).mode(0o640).open(Key::new(0x2a)).unwrap().into_owned();
        queue.send(ipc_safe::sysv::MessageType::MIN, "hello").unwrap();
        let other = MessageQueue::private().unwrap();
        let set = SemaphoreSet::private(&[1, 2, 3]).unwrap();
        let segment = Segment::private(5000).unwrap();
        let attachment = segment.attach().unwrap();

        let queues = listed("", "queues");
        assert_eq!(queues.len(), 2);
        let first = &queues[0];
        assert_eq!(
            (&first["id"], &first["key"], &first["mode"]),
            (&queue.id().into(), &"0x0000002a".into(), &"0640".into())
        );
        assert_eq!((&first["messages"], &first["bytes"], &first["state"]), (&1.into(), &5.into(), &"in-use".into()));
        assert_eq!(first["last_sender"], std::process::id());
        assert_eq!((&queues[1]["key"], &queues[1]["state"]), (&"0x00000000".into(), &"unused".into()));
        let sets = listed("", "sets");
        assert_eq!((&sets[0]["semaphores"], &sets[0]["id"]), (&3.into(), &set.id().into()));
        let segments = listed("", "segments");
        assert_eq!((&segments[0]["size"], &segments[0]["attachments"]), (&5000.into(), &1.into()));
        assert_eq!((&segments[0]["creator"], &segments[0]["state"]), (&std::process::id().into(), &"in-use".into()));

        let table = ipc("list").succeed();
        assert!(table.starts_with("Message queues: 2 queues, 1 message, 5 B\n"), "{table}");
        assert_eq!(rows(&table, "Message queues")[0][..2], ["0", "0x0000002a"]);
        assert_eq!(rows(&table, "Semaphore sets")[0][4], "3");
        assert_eq!(rows(&table, "Shared memory segments")[0][4], "4.9 KiB");
        assert_eq!(rows(&ipc("list --bytes").succeed(), "Shared memory segments")[0][4], "5000");
        drop((attachment, other));
    });
}

/// R-KEY-10
#[test]
fn kinds_are_chosen_as_for_ipcs() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let kinds = |words: &str| {
            let all = ipc(&format!("list --json {words}")).json();
            all.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kinds(""), "posix queues segments sets");
        assert_eq!(kinds("-a"), "posix queues segments sets");
        assert_eq!(
            (&*kinds("-q"), &*kinds("-s"), &*kinds("-m"), &*kinds("-p")),
            ("queues", "sets", "segments", "posix")
        );
        assert_eq!(kinds("-q -m"), "queues segments");
        assert_eq!(kinds("--orphans"), "queues segments sets");
        assert_eq!(ipc("list -q").succeed(), "Message queues: none\n");
    });
}

#[test]
fn what_dead_processes_left_is_orphaned_and_what_the_living_use_is_not() {
    alone(|| {
        let _watchdog = watchdog();
        // Their maker is dead when it has printed the id.
        ipc("make segment --size 1").succeed();
        ipc("make set --values 1").succeed();
        ipc("make queue").succeed();
        ipc("send 0 hello").succeed();
        let unused = Segment::private(1).unwrap();
        let used = Segment::options().create_new(true).open(Key::PRIVATE, 1).unwrap().into_owned();
        let attachment = used.attach().unwrap();
        let waiting = SemaphoreSet::private(&[0]).unwrap();

        let states =
            |kind| listed("", kind).iter().map(|it| it["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(states("segments"), ["orphaned", "unused", "in-use"]);
        assert_eq!(states("sets"), ["orphaned", "in-use"]);
        assert_eq!(states("queues"), ["suspect"]);
        assert_eq!(listed("--orphans", "segments").len(), 1);
        assert_eq!(listed("--orphans", "sets").len(), 1);
        drop((attachment, unused, waiting, used));
        ipc("remove --all").succeed();
    });
}

#[test]
fn a_removed_segment_is_listed_until_it_is_detached() {
    alone(|| {
        let _watchdog = watchdog();
        let segment = Segment::private(1).unwrap();
        let attachment = segment.attach().unwrap();
        segment.remove().unwrap();
        assert_eq!(listed("", "segments")[0]["state"], "removed");
        drop(attachment);
        assert!(listed("", "segments").is_empty());
    });
}

#[test]
fn objects_that_may_not_be_read_are_listed_too() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue --mode 0600").succeed();
        ipc("make set --mode 0600 --values 1").succeed();
        ipc("make segment --mode 0600 --size 1").succeed();
        if let Some(command) = as_nobody("list --json -q -s -m") {
            let all = ran(command).json();
            assert_eq!((&all["sets"][0]["state"], &all["sets"][0]["last_pids"]), (&"unknown".into(), &Value::Null));
            assert_eq!((&all["queues"][0]["owner"], &all["segments"][0]["size"]), (&"root".into(), &1.into()));
        }
        ipc("remove --all").succeed();
    });
}

#[test]
fn posix_objects_are_listed() {
    let _watchdog = watchdog();
    let name = format!("/ipc-test-listed-{}", std::process::id());
    let object = PosixObject::options().create_new(true).open(&name, 8192).unwrap().into_owned();
    let find = || listed("-p", "posix").into_iter().find(|it| it["name"] == *name);
    let found = find().unwrap();
    assert_eq!((&found["size"], &found["allocated"], &found["mode"]), (&8192.into(), &8192.into(), &"0600".into()));
    let table = ipc("list --posix --bytes").succeed();
    let row = rows(&table, "POSIX shared memory objects").into_iter().find(|row| row[0] == name).unwrap();
    assert_eq!((&*row[2], &*row[3]), ("0600", "8192"));
    drop(object);
    assert_eq!(find(), None);
}

/// A listing of now, stored in a file.
fn stored(words: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ipc(&format!("list --json {words}")).succeed()).unwrap();
    file
}

fn since(file: &tempfile::NamedTempFile, words: &str) -> Ran {
    ipc(&format!("list --since {} {words}", file.path().display()))
}

#[test]
fn what_is_new_since_a_stored_listing_is_told_and_is_exit_status_1() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let queue = MessageQueue::private().unwrap();
        let segment = Segment::private(100).unwrap();
        let set = SemaphoreSet::private(&[1]).unwrap();
        let before = stored("-q -s -m");
        assert_eq!(since(&before, "").succeed(), "Nothing new\n");
        let nothing = since(&before, "--json").json();
        assert_eq!(nothing, serde_json::json!({"new": [], "changed": []}));

        let new = Segment::options().create_new(true).open(Key::new(0x2a), 5000).unwrap().into_owned();
        queue.send(ipc_safe::sysv::MessageType::MIN, "hello").unwrap();
        drop(set);
        let text = since(&before, "--gone");
        assert_eq!((text.status.code(), &*text.errors), (Some(1), ""), "{text:?}");
        let rows: Vec<Vec<_>> = text.text().lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 3, "{text:?}");
        assert_eq!(rows[0][..4], ["new", "segment", &new.id().to_string(), "0x0000002a"]);
        assert!(text.text().contains("5000 bytes, 0 attachments\n"), "{text:?}");
        assert_eq!(rows[1][..3], ["changed", "queue", &queue.id().to_string()]);
        assert!(text.text().contains("messages: 0 to 1, bytes: 0 to 5\n"), "{text:?}");
        assert_eq!(rows[2][..2], ["gone", "set"]);

        let json = since(&before, "--json");
        assert_eq!(json.status.code(), Some(1));
        let json: Value = serde_json::from_str(json.text()).unwrap();
        assert_eq!((&json["new"][0]["kind"], &json["new"][0]["id"]), (&"segment".into(), &new.id().into()));
        assert_eq!(
            (&json["changed"][0]["before"]["bytes"], &json["changed"][0]["now"]["bytes"]),
            (&0.into(), &5.into())
        );
        assert_eq!((json.get("gone"), json["new"].as_array().unwrap().len()), (None, 1));

        // Only the kinds that are asked for count, and with --orphans only what nobody needs.
        assert_eq!(since(&before, "-s").succeed(), "Nothing new\n");
        assert_eq!(since(&before, "-m --orphans").succeed(), "Nothing new\n");
        ipc("make segment --size 1").succeed();
        let orphans = since(&before, "--orphans --json");
        let orphans: Value = serde_json::from_str(orphans.text()).unwrap();
        assert_eq!(orphans["new"].as_array().unwrap().len(), 1, "{orphans}");
        ipc("remove --orphans").succeed();
        drop((segment, new));
    });
}

#[test]
fn another_object_under_an_old_id_is_new() {
    in_namespace(|| {
        let _watchdog = watchdog();
        if std::fs::write("/proc/sys/kernel/msg_next_id", "7").is_err() {
            println!("skipped: the next id cannot be chosen here");
            return;
        }
        let queue = MessageQueue::options().create_new(true).open(Key::new(1)).unwrap().into_owned();
        let (id, before) = (queue.id(), stored(""));
        drop(queue);
        std::fs::write("/proc/sys/kernel/msg_next_id", "7").unwrap();
        let queue = MessageQueue::options().create_new(true).open(Key::new(2)).unwrap().into_owned();
        assert_eq!(queue.id(), id);
        let compared = since(&before, "-q --gone");
        assert_eq!(compared.status.code(), Some(1), "{compared:?}");
        let changes: Vec<_> = compared.text().lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(changes, ["CHANGE", "new", "gone"], "{compared:?}");
    });
}

#[test]
fn posix_objects_are_compared_by_name_and_file() {
    let _watchdog = watchdog();
    let name = format!("/ipc-test-since-{}", std::process::id());
    let make = || PosixObject::options().create_new(true).open(&name, 10).unwrap().into_owned();
    let object = make();
    let before = stored("-p");
    // Others may make some meanwhile.
    let changes = || {
        let compared = since(&before, "-p --gone");
        assert!(compared.status.code().is_some_and(|code| code < 2), "{compared:?}");
        let lines = compared.text().lines().filter(|line| line.contains(&name));
        lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(changes().is_empty());
    std::fs::File::options().write(true).open(format!("/dev/shm{name}")).unwrap().set_len(20).unwrap();
    assert_eq!(changes(), ["changed"]);
    drop(object);
    assert_eq!(changes(), ["gone"]);
    let object = make();
    assert_eq!(changes(), ["new", "gone"]);
    drop(object);
}

#[test]
fn a_file_that_is_no_listing_is_an_error_of_its_own() {
    let _watchdog = watchdog();
    let file = tempfile::NamedTempFile::new().unwrap();
    for (text, why) in [
        ("", "EOF"),
        ("queues", "expected"),
        ("[]", "no JSON object"),
        ("{}", "no kind of object"),
        ("{\"left_behind\": []}", "\"left_behind\" is no kind"),
        ("{\"queues\": [{}]}", "number 0 of \"queues\" has no id"),
        ("{\"posix\": [{\"name\": 5}]}", "number 0 of \"posix\" has no name"),
    ] {
        std::fs::write(file.path(), text).unwrap();
        since(&file, "").fail(2, &["is no listing made by \"ipc list --json\"", why]);
    }
    std::fs::write(file.path(), "{\"queues\": []}").unwrap();
    since(&file, "--segments").fail(2, &["says nothing about segments"]);
    since(&file, "--all").fail(2, &["says nothing about sets"]);
    ipc("list --since /nowhere/listing").fail(2, &["reading /nowhere/listing"]);
    ipc("list --gone").fail(2, &["--since"]);
}
