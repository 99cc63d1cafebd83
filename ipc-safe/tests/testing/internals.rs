//! The parts that only fuzz targets call, with what the kernel writes.

use ipc_safe::testing::internals;
use std::fs::read_to_string;

static TEXT: [u8; 3] = *b"abc";

#[test]
fn the_stat_of_a_thread_is_read() {
    let text = read_to_string("/proc/thread-self/stat").unwrap();
    let name = read_to_string("/proc/thread-self/comm").unwrap().trim_end().to_owned();
    let parent = std::os::unix::process::parent_id();
    assert_eq!(internals::stat(&text), Some((name, 'R', parent, false)));
    let (started, is_ending, threads) = internals::stat_of_owner(text.as_bytes()).unwrap();
    assert!(started > 0 && !is_ending && threads > 0, "{text}");
    for garbage in ["", "1", "1 (name", "1 (name) R", "1 (name) R one"] {
        assert_eq!(internals::stat(garbage), None, "{garbage}");
        assert_eq!(internals::stat_of_owner(garbage.as_bytes()), None, "{garbage}");
    }
}

#[test]
fn the_maps_and_the_status_of_a_process_are_read() {
    let here = &raw const TEXT as u64;
    let maps = read_to_string("/proc/self/maps").unwrap();
    let lines: Vec<_> = maps.lines().map(|line| internals::maps_line(line).expect(line)).collect();
    let own = lines.iter().find(|line| (line.start..line.end).contains(&here)).unwrap();
    let program = std::env::current_exe().unwrap();
    assert_eq!((&own.path[..], &own.rights[..]), (program.to_str().unwrap(), "r--p"));

    let status = read_to_string("/proc/self/status").unwrap();
    assert_eq!(internals::status_field(&status, "Pid"), Some(&std::process::id().to_string()[..]));
    assert_eq!(internals::status_field(&status, "Pi"), None);
}

#[test]
fn timers_are_read() {
    assert_eq!(internals::timers(""), []);
    let text = "ID: 3\nsignal: 10/0000000000000000\nnotify: signal/pid.7\nClockID: 0\n";
    assert_eq!(internals::timers(text).len(), 1);
}
