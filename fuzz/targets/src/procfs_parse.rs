//! What the crate reads of `/proc`: tables printed as the kernel prints them and read again, any text without a panic, and the
//! tables that are there against what the objects say.

use crate::namespace;
use crate::steps::Look;
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::process::Pid;
use ipc_safe::sysv::procfs::{self, Head};
use ipc_safe::sysv::{MessageQueue, MessageType, Segment, SemaphoreSet};
use ipc_safe::testing::Resources;
use ipc_safe::testing::internals::{self, MapsLine};
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Arbitrary, Debug)]
enum Input<'t> {
    Any(&'t [u8]),
    Queues(Vec<Queue>),
    Sets(Vec<Set>),
    Segments(Vec<Shm>),
    /// A table with a line that is cut.
    Cut {
        queues: Vec<Queue>,
        at: u16,
    },
    Maps {
        rows: Vec<(u64, u64, u8, u64, u8, u64)>,
        path: &'t str,
    },
    Stat {
        name: &'t str,
        state: u8,
        parent: u16,
        flags: u32,
        threads: u32,
        started: u64,
    },
    Timers(Vec<(u16, u8, u8)>),
    Kernel {
        messages: u8,
        sets: u8,
        size: u16,
    },
}

#[derive(Arbitrary, Clone, Debug)]
struct Common {
    key: i32,
    id: i32,
    mode: u16,
    ids: [u32; 4],
    times: [i32; 3],
    pids: [i16; 2],
    numbers: [u64; 4],
}

#[derive(Arbitrary, Clone, Debug)]
struct Queue(Common);
#[derive(Arbitrary, Clone, Debug)]
struct Set(Common);
#[derive(Arbitrary, Clone, Debug)]
struct Shm(Common);

/// Runs one input.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match input {
        Input::Any(bytes) => any(bytes),
        Input::Queues(rows) => queues(&rows),
        Input::Sets(rows) => sets(&rows),
        Input::Segments(rows) => segments(&rows),
        Input::Cut { queues, at } => cut(&queues, at.into()),
        Input::Maps { rows, path } => maps(&rows, path),
        Input::Stat { name, state, parent, flags, threads, started } => {
            stat(name, state, parent, flags, threads, started);
        }
        Input::Timers(timers) => posix_timers(&timers),
        Input::Kernel { messages, sets, size } => kernel(messages, sets, size.into()),
    }
}

/// Nothing panics.
fn any(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (procfs::parse_queues(&text), procfs::parse_sets(&text), procfs::parse_segments(&text));
    for line in text.lines() {
        let _ = internals::maps_line(line);
    }
    let _ = (internals::stat(&text), internals::stat_of_owner(bytes), internals::timers(&text));
    let _ = internals::status_field(&text, "SigBlk");
    // With the names of the columns before it.
    for (names, parse) in [
        (QUEUES, (|text| procfs::parse_queues(text).is_ok()) as fn(&str) -> bool),
        (SETS, |text| procfs::parse_sets(text).is_ok()),
        (SEGMENTS, |text| procfs::parse_segments(text).is_ok()),
    ] {
        assert!(parse(names), "a table without lines");
        let _ = parse(&format!("{names}{text}"));
    }
}

const QUEUES: &str = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n";
const SETS: &str = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
const SEGMENTS: &str = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n";

/// A time is none when it is not after the beginning of time.
fn time(seconds: i32) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn pid(raw: i16) -> Option<Pid> {
    Pid::from_raw(i32::from(raw).max(0))
}

impl Common {
    fn check(&self, head: &Head, id: i32) {
        let Self { key, mode, ids: [uid, gid, cuid, cgid], .. } = *self;
        assert_eq!((head.key.as_raw(), id, head.mode), (key, self.id, u32::from(mode)));
        assert_eq!((head.uid, head.gid, head.creator_uid, head.creator_gid), (uid, gid, cuid, cgid));
        assert_eq!(head.changed, time(self.times[2]));
    }
}

fn print_queues(rows: &[Queue]) -> String {
    let mut text = QUEUES.to_owned();
    for Queue(Common { key, id, mode, ids: [uid, gid, cuid, cgid], times, pids, numbers }) in rows {
        let [sent, received, changed] = times;
        let _ = writeln!(
            text,
            "{key:10} {id:10}  {mode:4o}  {:10} {:10} {:5} {:5} {uid:5} {gid:5} {cuid:5} {cgid:5} {sent:10} {received:10} {changed:10}",
            numbers[0], numbers[1], pids[0], pids[1],
        );
    }
    text
}

fn queues(rows: &[Queue]) {
    let text = print_queues(rows);
    let read = procfs::parse_queues(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.len(), rows.len());
    for (read, Queue(row)) in read.iter().zip(rows) {
        row.check(&read.head, read.id);
        assert_eq!((read.bytes, read.messages), (row.numbers[0], row.numbers[1]));
        assert_eq!((read.last_sender, read.last_receiver), (pid(row.pids[0]), pid(row.pids[1])));
        assert_eq!((read.last_send, read.last_receive), (time(row.times[0]), time(row.times[1])));
    }
}

fn sets(rows: &[Set]) {
    let mut text = SETS.to_owned();
    for Set(Common { key, id, mode, ids: [uid, gid, cuid, cgid], times, numbers, .. }) in rows {
        let [operated, _, changed] = times;
        let _ = writeln!(
            text,
            "{key:10} {id:10}  {mode:4o} {:10} {uid:5} {gid:5} {cuid:5} {cgid:5} {operated:10} {changed:10}",
            numbers[0],
        );
    }
    let read = procfs::parse_sets(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.len(), rows.len());
    for (read, Set(row)) in read.iter().zip(rows) {
        row.check(&read.head, read.id);
        assert_eq!((read.len as u64, read.last_operation), (row.numbers[0], time(row.times[0])));
    }
}

fn segments(rows: &[Shm]) {
    let mut text = SEGMENTS.to_owned();
    for Shm(Common { key, id, mode, ids: [uid, gid, cuid, cgid], times, pids, numbers }) in rows {
        let ([attached, detached, changed], [size, attachments, resident, swapped]) = (times, numbers);
        let _ = writeln!(
            text,
            "{key:10} {id:10}  {mode:4o} {size:21} {:5} {:5} {attachments:5} {uid:5} {gid:5} {cuid:5} {cgid:5} \
             {attached:10} {detached:10} {changed:10} {resident:21} {swapped:21}",
            pids[0], pids[1],
        );
    }
    let read = procfs::parse_segments(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.len(), rows.len());
    for (read, Shm(row)) in read.iter().zip(rows) {
        row.check(&read.head, read.id);
        assert_eq!([read.size as u64, read.attachments, read.resident, read.swapped], row.numbers);
        assert_eq!((read.creator, read.last_user), (pid(row.pids[0]), pid(row.pids[1])));
        assert_eq!((read.last_attach, read.last_detach), (time(row.times[0]), time(row.times[1])));
    }
}

/// The last line lacks columns, or the last column digits: an error, or rows, never more of them.
fn cut(rows: &[Queue], at: usize) {
    let text = print_queues(rows);
    let cut = &text[..text.len() - at % text.len()];
    match procfs::parse_queues(cut) {
        Ok(read) => assert!(read.len() <= rows.len()),
        Err(error) => assert_eq!(error.kind(), ipc_safe::error::ErrorKind::InvalidInput),
    }
}

fn maps(rows: &[(u64, u64, u8, u64, u8, u64)], path: &str) {
    // A line feed in a path is written as \012; spaces before it belong to the columns.
    let path = path.replace('\n', "\\012");
    let path = path.trim_start();
    for &(start, end, rights, offset, device, inode) in rows {
        let right = |bit: u8, letter| if rights >> bit & 1 == 1 { letter } else { '-' };
        let rights = [right(0, 'r'), right(1, 'w'), right(2, 'x'), if rights & 8 == 0 { 'p' } else { 's' }];
        let rights: String = rights.iter().collect();
        let device = format!("{device:02x}:00");
        let line = format!("{start:08x}-{end:08x} {rights} {offset:08x} {device} {inode}                     {path}");
        let line = if path.is_empty() { line.trim_end() } else { &line };
        let expected = MapsLine { start, end, rights, offset, device, inode, path: path.to_owned() };
        assert_eq!(internals::maps_line(line), Some(expected), "{line}");
    }
}

fn stat(name: &str, state: u8, parent: u16, flags: u32, threads: u32, started: u64) {
    // The name of a program may hold anything but a line feed.
    let name = name.replace('\n', " ");
    let state = char::from(b"RSDTtZXI"[usize::from(state) % 8]);
    let text =
        format!("77 ({name}) {state} {parent} 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 {started} 1000 2 3\n");
    const EXITING: u32 = 4;
    let is_exiting = flags & EXITING != 0;
    assert_eq!(internals::stat(&text), Some((name, state, parent.into(), is_exiting)), "{text}");
    let ends = is_exiting || matches!(state, 'Z' | 'X');
    assert_eq!(internals::stat_of_owner(text.as_bytes()), Some((started, ends, threads)), "{text}");
}

fn posix_timers(timers: &[(u16, u8, u8)]) {
    let (mut text, mut expected) = (String::new(), Vec::new());
    for (id, signal, clock) in timers {
        let signal = 34 + signal % 31;
        let _ = writeln!(text, "ID: {id}\nsignal: {signal}/0000000000000000\nnotify: signal/pid.77\nClockID: {clock}");
        let name = ipc_safe::signal::Signal::from_raw(signal.into()).expect("a signal of programs");
        expected.push((format!("POSIX timer {id}"), format!("notifies by signal/pid.77, {name}, clock {clock}")));
    }
    assert_eq!(internals::timers(&text), expected, "{text}");
}

/// The kernel's own tables say of objects what they say of themselves.
fn kernel(messages: u8, sets: u8, size: usize) {
    namespace::enter();
    let look = Look::always_at(Resources::OBJECTS);
    let queue = MessageQueue::private().expect("a queue");
    for number in 0..messages % 4 {
        let kind = MessageType::new(i64::from(number) + 1).expect("a type");
        queue.try_send(kind, &[number; 30][..usize::from(number) * 10]).expect("room");
    }
    let set = SemaphoreSet::private(&[1; 4][..usize::from(sets % 4) + 1]).expect("a set");
    let segment = Segment::private(size + 1).expect("a segment");
    let attachment = segment.attach().expect("room for it");
    let read = procfs::queues().expect("the table");
    let row = read.iter().find(|row| row.id == queue.id()).expect("a line for the queue");
    let status = queue.status().expect("the queue's own");
    assert_eq!((row.bytes, row.messages, row.head.mode), (status.bytes, status.messages, status.permissions.mode));
    assert_eq!((row.last_sender, row.last_send), (status.last_sender, status.last_send));
    assert_eq!((row.head.uid, row.head.changed), (status.permissions.uid, status.changed));
    let read = procfs::sets().expect("the table");
    let row = read.iter().find(|row| row.id == set.id()).expect("a line for the set");
    assert_eq!(row.len, usize::from(sets % 4) + 1);
    let read = procfs::segments().expect("the table");
    let row = read.iter().find(|row| row.id == segment.id()).expect("a line for the segment");
    let status = segment.status().expect("the segment's own");
    assert_eq!((row.size, row.attachments, row.creator), (size + 1, 1, status.creator));
    assert_eq!((row.last_attach, row.head.changed), (status.last_attach, status.changed));
    drop((attachment, segment, set, queue));
    look.end();
}
