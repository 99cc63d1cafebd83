//! `ipc list`

use crate::command::{as_nobody, ipc, ran};
use crate::support::{in_namespace, watchdog};
use ipc_safe::memory::PosixObject;
use ipc_safe::sysv::{Key, MessageQueue, Segment, SemaphoreSet};
use serde_json::Value;

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
    in_namespace(|| {
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
    in_namespace(|| {
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
    in_namespace(|| {
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
