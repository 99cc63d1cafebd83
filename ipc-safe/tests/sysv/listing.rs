//! All objects of a namespace: lists, the kernel's tables, `ipcs`, and what seems left over.

use crate::support::{as_nobody, eventually, fork, in_namespace, watchdog};
use crate::tools::{LONG, Noun, Waiting, alone, as_ordinary_user, fails, is_root, kind, page};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Pid, is_alive};
use ipc_safe::sysv::{Handle, Key, MessageQueue, Owned, Segment, Selector, SemaphoreSet, procfs};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, SystemTime};

type Owners<T> = Vec<Owned<T>>;

/// Objects of each kind in different states, with gaps in the tables between them.
fn a_few_of_each() -> (Owners<MessageQueue>, Owners<SemaphoreSet>, Owners<Segment>) {
    let (mut queues, mut sets, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..6_u16 {
        let key = if number % 2 == 0 { Key::new(-i32::from(number) - 1) } else { Key::PRIVATE };
        let mode = 0o600 | u32::from(number);
        let queue = MessageQueue::options().mode(mode).create_new(true).open(key).unwrap();
        (0..number).for_each(|_| queue.send(kind(1), "abc").unwrap());
        queues.push(queue.into_owned());
        let values = vec![number; usize::from(number) + 1];
        sets.push(SemaphoreSet::options().mode(mode).create_new(true).open(key, &values).unwrap().into_owned());
        let size = usize::from(number) * 3000 + 1;
        segments.push(Segment::options().mode(mode).create_new(true).open(key, size).unwrap().into_owned());
    }
    queues[1].receive(Selector::First, &mut Vec::new()).unwrap();
    drop((queues.remove(3), sets.remove(3), segments.remove(3)));
    (queues, sets, segments)
}

fn queues_agree() {
    let (list, rows) = (MessageQueue::list().unwrap(), procfs::queues().unwrap());
    assert_eq!(list.len(), rows.len());
    for (status, row) in list.iter().zip(&rows) {
        assert_eq!((status.id, status.messages, status.bytes), (row.id, row.messages, row.bytes));
        assert_eq!((status.last_sender, status.last_receiver), (row.last_sender, row.last_receiver));
        assert_eq!((status.last_send, status.last_receive), (row.last_send, row.last_receive));
        head_agrees(&status.permissions, status.changed, &row.head, 0);
    }
}

fn sets_agree() {
    let (list, rows) = (SemaphoreSet::list().unwrap(), procfs::sets().unwrap());
    assert_eq!(list.len(), rows.len());
    for (status, row) in list.iter().zip(&rows) {
        assert_eq!((status.id, status.len, status.last_operation), (row.id, row.len, row.last_operation));
        head_agrees(&status.permissions, status.changed, &row.head, 0);
    }
}

fn segments_agree() {
    use ipc_safe::sys::shm::{SHM_DEST, SHM_LOCKED};
    let (list, rows) = (Segment::list().unwrap(), procfs::segments().unwrap());
    assert_eq!(list.len(), rows.len());
    for (status, row) in list.iter().zip(&rows) {
        assert_eq!((status.id, status.size, status.attachments), (row.id, row.size, row.attachments));
        assert_eq!((status.creator, status.last_user), (row.creator, row.last_user));
        assert_eq!((status.last_attach, status.last_detach), (row.last_attach, row.last_detach));
        let flag = |is_set, flag: i32| if is_set { flag.cast_unsigned() } else { 0 };
        let state = flag(status.removed, SHM_DEST) | flag(status.locked, SHM_LOCKED);
        head_agrees(&status.permissions, status.changed, &row.head, state);
    }
}

fn head_agrees(
    permissions: &ipc_safe::sysv::Permissions,
    changed: Option<SystemTime>,
    head: &procfs::Head,
    state: u32,
) {
    assert_eq!((permissions.key, permissions.mode | state, changed), (head.key, head.mode, head.changed));
    assert_eq!((permissions.uid, permissions.gid), (head.uid, head.gid));
    assert_eq!((permissions.creator_uid, permissions.creator_gid), (head.creator_uid, head.creator_gid));
}

/// R-KEY-06 R-KEY-10 R-MSG-12
#[test]
fn the_lists_are_the_tables_of_the_kernel() {
    in_namespace(|| {
        alone(|| {
            queues_agree();
            sets_agree();
            segments_agree();
            let (queues, sets, segments) = a_few_of_each();
            let attachments = segments.iter().map(|segment| segment.attach().unwrap()).collect::<Vec<_>>();
            attachments[0].segment().remove().unwrap();
            let _ = segments[1].lock();
            queues_agree();
            sets_agree();
            segments_agree();
            assert_eq!((queues.len(), sets.len(), segments.len()), (5, 5, 5));
            assert_eq!(MessageQueue::list().unwrap().len(), 5);
            assert!(Segment::list().unwrap().iter().any(|status| status.removed && status.attachments == 1));
        });
    });
}

/// R-KEY-10
#[test]
fn a_list_has_the_status_that_each_object_tells_itself() {
    in_namespace(|| {
        let (queues, sets, segments) = a_few_of_each();
        let own = queues.iter().map(|queue| queue.status().unwrap()).collect::<Vec<_>>();
        assert_eq!(MessageQueue::list().unwrap(), own);
        let own = sets.iter().map(|set| set.status().unwrap()).collect::<Vec<_>>();
        assert_eq!(SemaphoreSet::list().unwrap(), own);
        let own = segments.iter().map(|segment| segment.status().unwrap()).collect::<Vec<_>>();
        assert_eq!(Segment::list().unwrap(), own);
        drop((queues, sets, segments));
        assert_eq!(MessageQueue::list().unwrap(), []);
        assert_eq!(SemaphoreSet::list().unwrap(), []);
        assert_eq!(Segment::list().unwrap(), []);
    });
}

/// A line of `ipcs`: key, id, mode, and the numbers behind them.
type Line = (Key, i32, u32, Vec<u64>);

/// What `ipcs` prints of one kind.
fn ipcs(option: &str) -> Option<Vec<Line>> {
    let output = Command::new("ipcs").arg(option).env("LC_ALL", "C").output().ok()?;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let key = words.next()?.parse().ok()?;
        let id = words.next()?.parse().ok()?;
        let mode = u32::from_str_radix(words.nth(1)?, 8).ok()?;
        Some((key, id, mode, words.map_while(|word| word.parse().ok()).collect()))
    };
    Some(text.lines().filter(|line| line.starts_with("0x")).map(|line| row(line).expect("a row")).collect())
}

/// R-KEY-10
#[test]
fn ipcs_shows_the_same() {
    in_namespace(|| {
        let (_queues, _sets, segments) = a_few_of_each();
        let Some(shown) = ipcs("-q") else { return println!("skipped: there is no ipcs") };
        let head = |permissions: &ipc_safe::sysv::Permissions, id| (permissions.key, id, permissions.mode);
        let listed = MessageQueue::list().unwrap();
        let listed: Vec<_> =
            listed.iter().map(|one| (head(&one.permissions, one.id), [one.bytes, one.messages])).collect();
        let shown: Vec<_> = shown.into_iter().map(|row| ((row.0, row.1, row.2), [row.3[0], row.3[1]])).collect();
        assert_eq!(shown, listed);

        let shown = ipcs("-s").unwrap().into_iter().map(|row| ((row.0, row.1, row.2), row.3[0] as usize));
        let listed = SemaphoreSet::list().unwrap();
        assert!(shown.eq(listed.iter().map(|one| (head(&one.permissions, one.id), one.len))));

        let shown = ipcs("-m").unwrap().into_iter().map(|row| ((row.0, row.1, row.2), row.3[0] as usize));
        let listed = Segment::list().unwrap();
        assert!(shown.eq(listed.iter().map(|one| (head(&one.permissions, one.id), one.size))));
        assert_eq!(listed.len(), segments.len());
    });
}

/// R-KEY-10
#[test]
fn ipcmk_and_ipcrm_make_and_remove_the_same_objects() {
    fn run(program: &str, arguments: &[&str]) -> bool {
        match Command::new(program).args(arguments).output() {
            Ok(output) => {
                assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
                true
            }
            Err(error) => {
                println!("skipped: {program}: {error}");
                false
            }
        }
    }
    in_namespace(|| {
        // By id and by key.
        let (queues, sets, segments) = a_few_of_each();
        let (queue, set, segment) = (queues[0].id(), sets[0].id(), segments[0].id());
        let ids = [queue, set, segment].map(|id| id.to_string());
        if !run("ipcrm", &["-q", &ids[0], "-s", &ids[1], "-m", &ids[2]]) {
            return;
        }
        fails(queues[0].status(), ErrorKind::Removed, libc::EINVAL);
        fails(sets[0].status(), ErrorKind::Removed, libc::EINVAL);
        fails(segments[0].status(), ErrorKind::Removed, libc::EINVAL);
        let key = queues[2].status().unwrap().permissions.key;
        assert!(!key.is_private());
        run("ipcrm", &["-Q", &key.to_string(), "-S", &key.to_string(), "-M", &key.to_string()]);
        fails(MessageQueue::open(key), ErrorKind::NotFound, libc::ENOENT);
        fails(SemaphoreSet::open(key), ErrorKind::NotFound, libc::ENOENT);
        fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
        drop((queues, sets, segments));

        if run("ipcmk", &["-Q", "-S", "3", "-M", "5000"]) {
            let [queue] = MessageQueue::list().unwrap()[..] else { panic!("one queue") };
            let [set] = SemaphoreSet::list().unwrap()[..] else { panic!("one set") };
            let [segment] = Segment::list().unwrap()[..] else { panic!("one segment") };
            assert_eq!((set.len, set.last_operation, segment.size), (3, None, 5000));
            MessageQueue::open(queue.permissions.key).unwrap().remove().unwrap();
            SemaphoreSet::open(set.permissions.key).unwrap().remove().unwrap();
            Segment::open(segment.permissions.key).unwrap().remove().unwrap();
        }
    });
}

/// What one may not read is listed all the same, with all that there is to know.
///
/// R-KEY-10 R-KEY-11 R-MSG-12
#[test]
fn objects_that_may_not_be_read_are_listed() {
    fn check<T: Noun>(list: impl Fn() -> Vec<(i32, u32)>) {
        let object = T::new(Key::PRIVATE);
        object.chmod(0).unwrap();
        let id = Handle::id(*object);
        let handle = *object;
        let looks = move || {
            fails(handle.permissions(), ErrorKind::PermissionDenied, libc::EACCES);
            assert!(list().contains(&(id, 0)));
        };
        if is_root() {
            as_nobody(|| {
                looks();
                0
            });
        } else {
            looks();
        }
    }
    let all = || {
        check::<MessageQueue>(|| {
            MessageQueue::list().unwrap().iter().map(|one| (one.id, one.permissions.mode)).collect()
        });
        check::<SemaphoreSet>(|| {
            SemaphoreSet::list().unwrap().iter().map(|one| (one.id, one.permissions.mode)).collect()
        });
        check::<Segment>(|| Segment::list().unwrap().iter().map(|one| (one.id, one.permissions.mode)).collect());
    };
    let _watchdog = watchdog();
    if is_root() {
        return all();
    }
    as_ordinary_user(|| {
        all();
        0
    });
}

/// R-KEY-06 R-KEY-10
#[test]
fn a_list_tells_owner_and_age() {
    let start = SystemTime::now() - Duration::from_secs(2);
    let object = Segment::options().create_new(true).open(Key::random().unwrap(), 10).unwrap().into_owned();
    if is_root() {
        object.set_owner(12345, 54321).unwrap();
    }
    let list = Segment::list().unwrap();
    let status = list.iter().find(|status| status.id == object.id()).expect("listed");
    assert!((start..=SystemTime::now()).contains(&status.changed.unwrap()));
    // SAFETY: takes no argument and cannot fail.
    let uid = unsafe { libc::geteuid() };
    assert_eq!(status.permissions.creator_uid, uid);
    assert_eq!(status.permissions.uid, if is_root() { 12345 } else { uid });
}

/// R-KEY-10
#[test]
fn the_tables_tell_how_much_of_a_segment_is_in_memory() {
    let segment = Segment::private(8 * page()).unwrap();
    let here = || {
        let rows = procfs::segments().unwrap();
        let row = *rows.iter().find(|row| row.id == segment.id()).expect("listed");
        row.resident + row.swapped
    };
    assert_eq!(here(), 0);
    segment.attach().unwrap().bytes().slice(..3 * page()).unwrap().fill(1);
    assert_eq!(here(), 3 * page() as u64);
}

/// Objects come and go all the time: no list fails, or has an object twice or one that never was.
///
/// R-KEY-10
#[test]
fn lists_are_whole_while_objects_come_and_go() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let stays =
            (MessageQueue::private().unwrap(), SemaphoreSet::private(&[1]).unwrap(), Segment::private(1).unwrap());
        let busy = fork(|| {
            loop {
                let _ = (MessageQueue::private(), SemaphoreSet::private(&[1]), Segment::private(1));
            }
        });
        fn check(ids: impl Iterator<Item = i32>, stays: i32) {
            let ids: Vec<_> = ids.collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "twice: {ids:?}");
            assert!(ids.contains(&stays), "{ids:?}");
        }
        for _ in 0..500 {
            check(MessageQueue::list().unwrap().iter().map(|one| one.id), stays.0.id());
            check(SemaphoreSet::list().unwrap().iter().map(|one| one.id), stays.1.id());
            check(Segment::list().unwrap().iter().map(|one| one.id), stays.2.id());
            check(procfs::queues().unwrap().iter().map(|one| one.id), stays.0.id());
        }
        drop(busy);
        for status in MessageQueue::list().unwrap() {
            MessageQueue::from_id(status.id).unwrap().remove().unwrap();
        }
        for status in SemaphoreSet::list().unwrap() {
            SemaphoreSet::from_id(status.id).unwrap().remove().unwrap();
        }
        for status in Segment::list().unwrap() {
            Segment::from_id(status.id).unwrap().remove().unwrap();
        }
    });
}

/// R-KEY-08
#[test]
fn a_segment_is_orphaned_when_nobody_has_it_and_its_users_are_dead() {
    alone(|| {
        let key = Key::random().unwrap();
        let made = fork(|| {
            Segment::options().create_new(true).open(key, 100).unwrap().attach().unwrap().bytes().fill(1);
            0
        });
        let creator = Pid::from_raw(made.pid()).unwrap();
        eventually("it is dead, and waits to be waited for", || is_zombie(made.pid()));
        let segment = Segment::open(key).unwrap().into_owned();
        assert!(is_alive(creator) && !segment.status().unwrap().is_orphaned(), "one that is not waited for counts");
        made.succeed();
        let status = segment.status().unwrap();
        assert_eq!((status.creator, status.last_user), (Some(creator), Some(creator)));
        assert!(status.is_orphaned() && !is_alive(creator));

        let attachment = segment.attach().unwrap();
        assert!(!segment.status().unwrap().is_orphaned(), "somebody has it");
        drop(attachment);
        assert!(!segment.status().unwrap().is_orphaned(), "we used it last");
        fork(|| segment.attach().map_or(1, |_| 0)).succeed();
        assert!(segment.status().unwrap().is_orphaned());
        assert!(!Segment::private(1).unwrap().status().unwrap().is_orphaned(), "its maker lives");
    });
}

fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

/// R-KEY-08
#[test]
fn a_queue_is_suspect_when_its_last_users_are_dead() {
    let _watchdog = watchdog();
    let queue = MessageQueue::private().unwrap();
    let handle = *queue;
    let is_suspect = || handle.status().unwrap().is_suspect();
    assert!(!is_suspect(), "nobody used it");
    fork(|| handle.send(kind(1), "x").map_or(1, |()| 0)).succeed();
    assert!(is_suspect());
    handle.send(kind(1), "x").unwrap();
    assert!(!is_suspect(), "its last sender lives");
    fork(|| handle.receive(Selector::First, &mut Vec::new()).map_or(1, |_| 0)).succeed();
    assert!(!is_suspect());
    fork(|| handle.send(kind(1), "x").map_or(1, |()| 0)).succeed();
    assert!(is_suspect(), "both are dead");
    handle.receive(Selector::First, &mut Vec::new()).unwrap();
    assert!(!is_suspect(), "its last receiver lives");
}

/// R-KEY-08
#[test]
fn a_set_is_orphaned_when_nobody_waits_and_its_users_are_dead() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    fork(|| SemaphoreSet::options().create_new(true).open(key, &[1, 0, 3]).map_or(1, |_| 0)).succeed();
    let set = SemaphoreSet::open(key).unwrap().into_owned();
    assert!(set.is_orphaned().unwrap());
    set.semaphore(2).add(1).unwrap();
    assert!(!set.is_orphaned().unwrap(), "we used one of them");
    fork(|| set.semaphore(2).add(1).map_or(1, |()| 0)).succeed();
    assert!(set.is_orphaned().unwrap());

    let semaphore = set.semaphore(1);
    let waiter = Waiting::in_call(libc::SYS_semtimedop, move || semaphore.subtract_timeout(1, LONG));
    assert!(!set.is_orphaned().unwrap(), "somebody waits");
    fork(|| semaphore.add(1).map_or(1, |()| 0)).succeed();
    waiter.finish().unwrap();
    assert!(!set.is_orphaned().unwrap(), "who waited took it");
    let zero = set.semaphore(0);
    fork(|| semaphore.add(1).map_or(1, |()| 0)).succeed();
    let waiter = Waiting::in_call(libc::SYS_semtimedop, move || zero.wait_zero_timeout(LONG));
    assert!(!set.is_orphaned().unwrap(), "somebody waits for zero");
    fork(|| zero.subtract(1).map_or(1, |()| 0)).succeed();
    waiter.finish().unwrap();

    // A set of the kernel's first step, that nobody has operated on.
    // SAFETY: integers only.
    let id = unsafe { ipc_safe::sys::sem::semget(0, 2, 0o600) };
    let fresh = SemaphoreSet::from_id(id).unwrap().into_owned();
    assert!(!fresh.is_orphaned().unwrap());
}

/// What a person does after a crash: find what is left over, and remove it.
///
/// R-KEY-08 R-KEY-10
#[test]
fn what_a_killed_process_left_is_found_and_removed() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let ready = SemaphoreSet::private(&[0]).unwrap();
        let ours = Segment::private(1).unwrap();
        let killed = fork(|| {
            let queue = MessageQueue::private().unwrap();
            queue.send(kind(1), "unread").unwrap();
            let (_set, segment) = (SemaphoreSet::private(&[1]).unwrap(), Segment::private(100).unwrap());
            let _attachment = segment.attach().unwrap();
            ready.semaphore(0).add(1).unwrap();
            loop {
                std::thread::park();
            }
        });
        ready.semaphore(0).subtract(1).unwrap();
        assert!(Segment::list().unwrap().iter().all(|status| !status.is_orphaned()));
        killed.signal(libc::SIGKILL);
        assert!(!killed.wait().success());

        for status in Segment::list().unwrap().iter().filter(|status| status.is_orphaned()) {
            Segment::from_id(status.id).unwrap().remove().unwrap();
        }
        for status in MessageQueue::list().unwrap().iter().filter(|status| status.is_suspect()) {
            MessageQueue::from_id(status.id).unwrap().remove().unwrap();
        }
        for status in SemaphoreSet::list().unwrap() {
            let set = SemaphoreSet::from_id(status.id).unwrap();
            if set.is_orphaned().unwrap() {
                set.remove().unwrap();
            }
        }
        assert_eq!(MessageQueue::list().unwrap(), []);
        assert_eq!(SemaphoreSet::list().unwrap().iter().map(|one| one.id).collect::<Vec<_>>(), [ready.id()]);
        assert_eq!(Segment::list().unwrap().iter().map(|one| one.id).collect::<Vec<_>>(), [ours.id()]);
    });
}
