//! `ipc tour`

use crate::command::{as_nobody, children, command_of, ipc, ran, runs, signal, start};
use crate::program::Running;
use crate::refused::refusing;
use crate::support::{assert_nothing_left, eventually, in_namespace, set_sysctl, watchdog};
use crate::terminal::on_terminal;
use ipc_safe::testing::Watchdog;
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

const MECHANISMS: [&str; 18] = [
    "queue",
    "segment",
    "blackboard",
    "anonymous",
    "memfd",
    "file",
    "posix",
    "channel",
    "signals",
    "pipe",
    "packets",
    "fifo",
    "coprocess",
    "stream",
    "datagram",
    "seqpacket",
    "tcp",
    "udp",
];

fn file(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// A file so long that nobody waits for its end.
fn endless() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    file
}

fn rows(words: &str, file: &Path) -> Vec<Value> {
    let ran = ipc(&format!("tour --json {words} {}", file.display()));
    assert!(ran.status.success(), "{ran:?}");
    let tour: Value = serde_json::from_str(ran.text()).unwrap();
    tour["rows"].as_array().unwrap().clone()
}

/// A tour that is under way, and the process id of its receiver.
fn under_way(words: &str, file: &Path) -> (Running, i32) {
    let tour = start(&format!("tour {words} {}", file.display()));
    let pid = tour.pid().as_raw_pid();
    // The filters, where there are any, are started before.
    let filters = 2 * usize::from(words.contains("coprocess"));
    eventually("the receiver runs", || children(pid).len() > filters);
    let receiver = children(pid)[filters];
    (tour, receiver)
}

/// What a process may have left in `/dev/shm` and among the temporary files.
fn names_of(pid: rustix::process::Pid) -> Vec<String> {
    let prefix = format!("ipc-tour-{}-", pid.as_raw_pid());
    let folders = [Path::new("/dev/shm").to_owned(), std::env::temp_dir()];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

#[test]
fn its_own_program_arrives_intact_through_every_mechanism() {
    in_namespace(|| {
        // Tens of megabytes, where it is not optimised, through every mechanism.
        let _watchdog = Watchdog::new(Duration::from_secs(300));
        let tour = ipc("tour");
        assert!(tour.status.success(), "{tour:?}");
        let table: Vec<_> = tour.text().lines().collect();
        assert_eq!(table.len(), 1 + MECHANISMS.len());
        assert!(table[0].starts_with("MECHANISM "), "{table:?}");
        let size = std::fs::metadata(crate::command::IPC).unwrap().len().to_string();
        for row in &table[1..] {
            assert!(row.ends_with("  none         intact") && row.contains(&format!(" {size} ")), "{row}");
        }
        // Not a terminal: plain lines.
        assert!(tour.errors.starts_with("queue: sending "), "{}", tour.errors);
        assert!(tour.errors.ends_with(": intact\n") && !tour.errors.contains('\x1b'));
        assert_nothing_left();
    });
}

#[test]
fn files_of_every_size_arrive_in_as_many_messages_as_they_need() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for (size, messages) in [(0, 0), (1, 1), (255, 1), (256, 1), (257, 2), (256 * 40 + 1, 41)] {
            let bytes: Vec<u8> = (0..size).map(|at| (at * 7 % 251) as u8).collect();
            let file = file(&bytes);
            let rows = rows("--unit 256", file.path());
            assert_eq!(rows.iter().map(|row| row["mechanism"].as_str().unwrap()).collect::<Vec<_>>(), MECHANISMS);
            for row in rows {
                assert_eq!((&row["bytes"], &row["messages"]), (&size.into(), &messages.into()), "{row}");
                assert_eq!((&row["unit"], &row["result"]), (&256.into(), &"intact".into()), "{row}");
                assert!(row["left_behind"].as_array().unwrap().is_empty() && row["latency_seconds"].is_f64(), "{row}");
            }
        }
    });
}

#[test]
fn some_mechanisms_can_be_chosen() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let file = file(b"x");
        let names: Vec<_> =
            rows("--only memfd,queue", file.path()).iter().map(|row| row["mechanism"].clone()).collect();
        assert_eq!(names, ["queue", "memfd"]);
    });
}

#[test]
fn a_difference_is_found_by_every_mechanism() {
    in_namespace(|| {
        let _watchdog = watchdog();
        // A file in which every process finds its own process id first.
        let tour = ipc("tour /proc/self/stat");
        assert_eq!(tour.status.code(), Some(1));
        assert_eq!(tour.text().matches("differs from byte ").count(), MECHANISMS.len(), "{}", tour.text());
        let all = MECHANISMS.len();
        let says = format!("ipc: {all} of {all} mechanisms failed or left something behind\n");
        assert!(tour.errors.ends_with(&says), "{}", tour.errors);
        assert_nothing_left();
    });
}

#[test]
fn what_is_no_file_is_refused() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing file");
    let tour = |path: &Path| ran(command_of(["tour".as_ref(), path.as_os_str()]));
    tour(&missing).fail(1, &["opening", "missing file", "No such file or directory"]);
    tour(folder.path()).fail(1, &["is not a regular file"]);
    tour(Path::new("/dev/zero")).fail(1, &["/dev/zero is not a regular file"]);
    let secret = file(b"secret");
    if let Some(command) = as_nobody(&format!("tour {}", secret.path().display())) {
        ran(command).fail(1, &["opening", "Permission denied"]);
    }
}

#[test]
fn a_mechanism_that_cannot_be_had_fails_alone() {
    in_namespace(|| {
        let _watchdog = watchdog();
        set_sysctl("shmmni", "0");
        let file = file(b"hello");
        let tour = ipc(&format!("tour {}", file.path().display()));
        assert_eq!(tour.status.code(), Some(1));
        assert_eq!(tour.text().matches("kernel.shmmni").count(), 2, "{}", tour.text());
        assert_eq!(tour.text().matches("intact").count(), MECHANISMS.len() - 2, "{}", tour.text());
        assert_nothing_left();
    });
}

#[test]
fn what_is_left_behind_is_a_failure() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let file = file(b"hello");
        #[cfg(target_arch = "x86_64")]
        let unlinking = [libc::SYS_unlink, libc::SYS_unlinkat];
        #[cfg(not(target_arch = "x86_64"))]
        let unlinking = [libc::SYS_unlinkat];
        let command =
            crate::command::command(&format!("tour --json --only queue,file,posix {}", file.path().display()));
        let tour = ran(refusing(command, &unlinking));

        assert_eq!(tour.status.code(), Some(1), "{tour:?}");
        assert!(tour.errors.ends_with("ipc: 2 of 3 mechanisms failed or left something behind\n"), "{tour:?}");
        let json: Value = serde_json::from_str(tour.text()).unwrap();
        let left = |row: usize| json["rows"][row]["left_behind"].as_array().unwrap();
        assert_eq!((left(0).len(), left(1).len(), left(2).len()), (0, 1, 1), "{tour:?}");
        std::fs::remove_file(left(1)[0].as_str().unwrap().strip_prefix("file ").unwrap()).unwrap();
        ipc(&format!("remove posix {}", left(2)[0].as_str().unwrap().strip_prefix("POSIX object ").unwrap())).succeed();
    });
}

#[test]
fn a_killed_receiver_ends_the_row_and_nothing_is_left() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let endless = endless();
        for mechanism in MECHANISMS {
            let (tour, receiver) = under_way(&format!("--only {mechanism}"), endless.path());
            let pid = tour.pid();
            signal(receiver, Signal::KILL);
            let ended = tour.end();
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            assert!(ended.output.contains("the receiver died: signal: 9 (SIGKILL)"), "{ended:?}");
            assert!(ended.errors.ends_with("ipc: 1 of 1 mechanisms failed or left something behind\n"), "{ended:?}");
            assert_nothing_left();
            assert_eq!(names_of(pid), [""; 0]);
        }
    });
}

#[test]
fn a_killed_sender_is_cleaned_up_after_by_the_receiver() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let endless = endless();
        for mechanism in MECHANISMS {
            let (tour, receiver) = under_way(&format!("--only {mechanism}"), endless.path());
            let pid = tour.pid();
            // Once it has a handler for the signal that tells it.
            let listens = || {
                let status = std::fs::read_to_string(format!("/proc/{receiver}/status")).unwrap();
                let line =
                    |name| status.lines().find_map(|line: &str| line.strip_prefix(name)).unwrap().trim().to_owned();
                line("Threads:") == "2"
            };
            eventually("the receiver listens", listens);
            tour.signal(Signal::KILL);
            drop(tour.end());
            eventually(&format!("the receiver of {mechanism} has ended"), || !runs(receiver));
            assert_nothing_left();
            assert_eq!(names_of(pid), [""; 0], "{mechanism}");
        }
    });
}

#[test]
fn signals_end_the_tour_and_nothing_is_left() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let endless = endless();
        let all = [(Signal::INT, 2, ""), (Signal::TERM, 15, ""), (Signal::HUP, 1, ""), (Signal::QUIT, 3, "")];
        let pipes = ["pipe", "packets", "fifo", "coprocess"].map(|pipe| (Signal::INT, 2, pipe));
        for (wanted, number, only) in all.into_iter().chain(pipes) {
            let words = if only.is_empty() { String::new() } else { format!("--only {only}") };
            let (tour, receiver) = under_way(&words, endless.path());
            let pid = tour.pid();
            tour.signal(wanted);
            let ended = tour.end();
            assert_eq!(ended.status.code(), Some(128 + number), "{ended:?}");
            assert!(ended.errors.ends_with("; nothing is left behind\n"), "{ended:?}");
            assert!(!runs(receiver));
            assert_nothing_left();
            assert_eq!(names_of(pid), [""; 0]);
        }
    });
}

#[test]
fn a_receiver_that_stands_still_is_given_up() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let endless = endless();
        for mechanism in
            ["queue", "pipe", "packets", "fifo", "coprocess", "stream", "datagram", "seqpacket", "tcp", "udp"]
        {
            let (tour, receiver) = under_way(&format!("--only {mechanism} --timeout 0.3"), endless.path());
            signal(receiver, Signal::STOP);
            let ended = tour.end();
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            assert!(ended.output.contains("nothing moved for 300ms"), "{ended:?}");
            assert!(!runs(receiver));
            assert_nothing_left();
        }
    });
}

#[test]
fn a_terminal_has_a_bar_and_ctrl_c() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let file = file(&[7; 100_000]);
        let Some(terminal) = on_terminal(&format!("tour --only segment {}", file.path().display())) else { return };
        let ended = terminal.end();
        assert!(
            ended.status.success() && ended.output.contains("\rMECHANISM ") || ended.output.contains("KMECHANISM "),
            "{ended:?}"
        );
        assert!(
            ended.output.contains("semaphores + segment          [") && ended.output.contains(" of 97.66 KiB"),
            "{ended:?}"
        );

        let endless = endless();
        let Some(mut terminal) = on_terminal(&format!("tour {}", endless.path().display())) else { return };
        let pid = terminal.pid().as_raw_pid();
        let is_tour = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "ipc\n");
        let forked = || children(pid).first().is_some_and(|&tour| is_tour(tour) && !children(tour).is_empty());
        eventually("the receiver runs", forked);
        terminal.write("\x03");
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(130), "{ended:?}");
        assert!(ended.output.contains("stopped by SIGINT; nothing is left behind"), "{ended:?}");
        assert_nothing_left();
    });
}
