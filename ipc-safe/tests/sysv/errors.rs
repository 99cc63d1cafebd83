//! Calls that fail: what is reported, and what is left. The kernel's refusals are made up, each of them is seen to happen.

use crate::intercept::{OPERATE, asking, command, number};
use crate::support::{eventually, in_namespace, watchdog};
use crate::tools::{LONG, alone, errno, fails, kind};
use ipc_safe::Result;
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::sys::ipc::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT};
use ipc_safe::sys::msg::MSG_STAT_ANY;
use ipc_safe::sys::sem::{GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, SETALL, SETVAL};
use ipc_safe::sys::shm::{SHM_LOCK, SHM_UNLOCK};
use ipc_safe::sysv::{
    Key, MessageBuffer, MessageQueue, Operations, Owned, Segment, Selector, SemaphoreEvent, SemaphoreMutex,
    SemaphoreSet, procfs,
};
use ipc_safe::testing::{Answer, Call};
use std::cell::Cell;
use std::ffi::{c_int, c_long};

/// One of each kind: a queue, a set of three semaphores of value 5, a segment.
struct Objects {
    queue: Owned<MessageQueue>,
    set: Owned<SemaphoreSet>,
    segment: Owned<Segment>,
}

impl Objects {
    fn new() -> Self {
        Self {
            queue: MessageQueue::private().expect("a queue"),
            set: SemaphoreSet::private(&[5; 3]).expect("a set"),
            segment: Segment::private(100).expect("a segment"),
        }
    }
}

/// The system calls behind a call of the C library.
fn numbers(call: &str) -> Vec<c_long> {
    let number = match call {
        "msgget" => libc::SYS_msgget,
        "msgsnd" => libc::SYS_msgsnd,
        "msgrcv" => libc::SYS_msgrcv,
        "msgctl" => libc::SYS_msgctl,
        "semget" => libc::SYS_semget,
        "semop" => return OPERATE.to_vec(),
        "semctl" => libc::SYS_semctl,
        "shmget" => libc::SYS_shmget,
        "shmat" => libc::SYS_shmat,
        "shmdt" => libc::SYS_shmdt,
        "shmctl" => libc::SYS_shmctl,
        _ => panic!("not a call of System V: {call}"),
    };
    vec![number]
}

/// Runs `body` while a call, or one command of it, fails with `errno`, the first `times`. Tells how often it did.
fn failing<T: Send>(
    call: &str,
    only: Option<c_int>,
    errno: c_int,
    times: usize,
    body: impl FnOnce() -> T + Send,
) -> (T, usize) {
    let mut fired = 0;
    let answer = |seen: &Call| {
        if (only.is_some() && command(seen) != only) || fired == times {
            return Answer::Proceed;
        }
        fired += 1;
        Answer::Fail(Errno::from_raw(errno))
    };
    let result = asking(&numbers(call), answer, body);
    (result, fired)
}

const ALWAYS: usize = usize::MAX;

/// A call, with what becomes of it.
struct Row {
    call: &'static str,
    command: Option<c_int>,
    /// How the error names the object.
    object: fn(&Objects) -> String,
    /// Makes the call, without waiting, any number of times.
    act: fn(&Objects) -> Result<()>,
    outcomes: &'static [(c_int, ErrorKind)],
}

use ErrorKind::{
    AlreadyExists, InvalidInput, LimitReached, NotFound, Other, OutOfMemory, OutOfRange, PermissionDenied, Removed,
    TooBig, Unsupported, WouldBlock,
};

const GET: &[(c_int, ErrorKind)] = &[
    (libc::ENOSPC, LimitReached),
    (libc::ENOMEM, OutOfMemory),
    (libc::EACCES, PermissionDenied),
    (libc::EEXIST, AlreadyExists),
    (libc::ENOENT, NotFound),
    (libc::ENOSYS, Unsupported),
    (libc::ENFILE, LimitReached),
    (libc::EPERM, PermissionDenied),
    (libc::EINVAL, InvalidInput),
];
const SEND: &[(c_int, ErrorKind)] = &[
    (libc::EACCES, PermissionDenied),
    (libc::EFAULT, Other),
    (libc::ENOMEM, OutOfMemory),
    (libc::EIDRM, Removed),
    (libc::EAGAIN, WouldBlock),
    (libc::EINVAL, TooBig),
    (libc::ENOSYS, Unsupported),
];
const RECEIVE: &[(c_int, ErrorKind)] = &[
    (libc::EACCES, PermissionDenied),
    (libc::EFAULT, Other),
    (libc::ENOMEM, OutOfMemory),
    (libc::EIDRM, Removed),
    (libc::ENOMSG, WouldBlock),
    (libc::E2BIG, TooBig),
    (libc::EINVAL, InvalidInput),
];
const OPERATION: &[(c_int, ErrorKind)] = &[
    (libc::EACCES, PermissionDenied),
    (libc::EFBIG, OutOfRange),
    (libc::ERANGE, OutOfRange),
    (libc::ENOMEM, OutOfMemory),
    (libc::ENOSPC, LimitReached),
    (libc::E2BIG, TooBig),
    (libc::EIDRM, Removed),
    (libc::EAGAIN, WouldBlock),
    (libc::EINVAL, InvalidInput),
    (libc::EFAULT, Other),
];
const CONTROL: &[(c_int, ErrorKind)] = &[
    (libc::EACCES, PermissionDenied),
    (libc::EPERM, PermissionDenied),
    (libc::EIDRM, Removed),
    (libc::EINVAL, InvalidInput),
    (libc::ENOMEM, OutOfMemory),
    (libc::ENOSYS, Unsupported),
];
/// As [`CONTROL`], where the call that fails is also the one that tells whether the object is there.
const STATUS: &[(c_int, ErrorKind)] = &[
    (libc::EACCES, PermissionDenied),
    (libc::EIDRM, Removed),
    (libc::EINVAL, Removed),
    (libc::EFAULT, Other),
    (libc::ENOSYS, Unsupported),
];
const ATTACH: &[(c_int, ErrorKind)] = &[
    (libc::EACCES, PermissionDenied),
    (libc::ENOMEM, OutOfMemory),
    (libc::EIDRM, Removed),
    (libc::EINVAL, InvalidInput),
    (libc::EMFILE, LimitReached),
    (libc::ENFILE, LimitReached),
    (libc::ENOSYS, Unsupported),
];

fn private(_: &Objects) -> String {
    " of a private object".into()
}

fn on_queue(objects: &Objects) -> String {
    format!(" on queue {}", objects.queue.id())
}

fn on_set(objects: &Objects) -> String {
    format!(" on set {}", objects.set.id())
}

fn on_semaphore(objects: &Objects) -> String {
    format!(" on semaphore 0 of set {}", objects.set.id())
}

fn on_segment(objects: &Objects) -> String {
    format!(" on segment {}", objects.segment.id())
}

/// Sends a message and takes one.
fn exchange(objects: &Objects, receive: impl FnOnce() -> Result<()>) -> Result<()> {
    objects.queue.try_send(kind(1), "abc")?;
    receive()
}

const fn row(
    call: &'static str,
    command: Option<c_int>,
    object: fn(&Objects) -> String,
    act: fn(&Objects) -> Result<()>,
    outcomes: &'static [(c_int, ErrorKind)],
) -> Row {
    Row { call, command, object, act, outcomes }
}

fn gets() -> [Row; 3] {
    [
        row("msgget", None, private, |_| MessageQueue::private().map(drop), GET),
        row("semget", None, private, |_| SemaphoreSet::private(&[1]).map(drop), GET),
        row("shmget", None, private, |_| Segment::private(100).map(drop), GET),
    ]
}

fn calls() -> Vec<Row> {
    vec![
        row("msgsnd", None, on_queue, |o| o.queue.send(kind(1), "abc"), SEND),
        row("msgsnd", None, on_queue, |o| o.queue.try_send(kind(1), "abc"), SEND),
        row("msgsnd", None, on_queue, |o| o.queue.send_buffer(&buffer()), SEND),
        row("msgsnd", None, on_queue, |o| o.queue.send_interruptible(kind(1), "abc"), SEND),
        row(
            "msgrcv",
            None,
            on_queue,
            |o| exchange(o, || o.queue.receive(Selector::First, &mut buffer()).map(drop)),
            RECEIVE,
        ),
        row(
            "msgrcv",
            None,
            on_queue,
            |o| exchange(o, || o.queue.try_receive(Selector::First, &mut buffer()).map(drop)),
            RECEIVE,
        ),
        row(
            "msgrcv",
            None,
            on_queue,
            |o| exchange(o, || Ok(o.queue.receive_value::<[u8; 3]>(Selector::First).map(drop)?)),
            RECEIVE,
        ),
        row(
            "msgrcv",
            None,
            on_queue,
            |o| exchange(o, || o.queue.peek(0, buffer().truncating()).map(drop)),
            &RECEIVE[..4],
        ),
        row("msgctl", Some(IPC_STAT), on_queue, |o| o.queue.status().map(drop), STATUS),
        row("msgctl", Some(IPC_SET), on_queue, |o| o.queue.set_mode(0o600), CONTROL),
        row("msgctl", Some(IPC_SET), on_queue, |o| o.queue.set_byte_limit(16000), CONTROL),
        row("msgctl", Some(IPC_RMID), on_queue, |o| (*o.queue).remove(), CONTROL),
        row("semop", None, on_semaphore, |o| o.set.semaphore(0).add(1), OPERATION),
        row("semop", None, on_semaphore, |o| o.set.semaphore(0).try_subtract(1), OPERATION),
        row("semop", None, on_semaphore, |o| o.set.semaphore(0).subtract_interruptible(1), OPERATION),
        row("semop", None, on_semaphore, |o| o.set.semaphore(0).acquire(1).map(drop), OPERATION),
        row("semop", None, on_semaphore, |o| SemaphoreMutex::new(o.set.semaphore(0)).try_lock().map(drop), OPERATION),
        row("semop", None, on_semaphore, |o| SemaphoreEvent::new(o.set.semaphore(0)).signal(), OPERATION),
        row("semop", None, on_set, |o| o.set.apply(&Operations::new().add(0, 1).subtract(1, 1).add(1, 1)), OPERATION),
        row("semop", None, on_set, |o| o.set.try_apply(&Operations::new().add(0, 1)), OPERATION),
        row("semctl", Some(GETVAL), on_semaphore, |o| o.set.semaphore(0).value().map(drop), CONTROL),
        row("semctl", Some(GETPID), on_semaphore, |o| o.set.semaphore(0).last_pid().map(drop), CONTROL),
        row("semctl", Some(GETNCNT), on_semaphore, |o| o.set.semaphore(0).waiters().map(drop), CONTROL),
        row("semctl", Some(GETZCNT), on_semaphore, |o| o.set.semaphore(0).zero_waiters().map(drop), CONTROL),
        row("semctl", Some(SETVAL), on_semaphore, |o| o.set.semaphore(0).set_value(5), CONTROL),
        row("semctl", Some(SETVAL), on_semaphore, |o| o.set.semaphore(0).set_value(5), &[(libc::ERANGE, OutOfRange)]),
        row("semctl", Some(GETALL), on_set, |o| o.set.values().map(drop), CONTROL),
        row("semctl", Some(SETALL), on_set, |o| o.set.set_values(&[5; 3]), CONTROL),
        row("semctl", Some(IPC_STAT), on_set, |o| o.set.status().map(drop), STATUS),
        row("semctl", Some(IPC_STAT), on_set, |o| o.set.values().map(drop), STATUS),
        row("semctl", Some(IPC_STAT), on_set, |o| o.set.wait_initialised(LONG), STATUS),
        row("semctl", Some(IPC_SET), on_set, |o| o.set.set_mode(0o600), CONTROL),
        row("semctl", Some(IPC_RMID), on_set, |o| (*o.set).remove(), CONTROL),
        row("shmat", None, on_segment, |o| o.segment.attach().map(drop), ATTACH),
        row("shmat", None, on_segment, |o| o.segment.attach_read_only().map(drop), ATTACH),
        row("shmctl", Some(IPC_STAT), on_segment, |o| o.segment.attach().map(drop), STATUS),
        row("shmctl", Some(IPC_STAT), on_segment, |o| o.segment.status().map(drop), STATUS),
        row("shmctl", Some(IPC_SET), on_segment, |o| o.segment.set_mode(0o600), CONTROL),
        row("shmctl", Some(SHM_LOCK), on_segment, |o| o.segment.lock(), CONTROL),
        row("shmctl", Some(SHM_UNLOCK), on_segment, |o| o.segment.unlock(), CONTROL),
        row("shmctl", Some(IPC_RMID), on_segment, |o| (*o.segment).remove(), CONTROL),
    ]
}

fn buffer() -> MessageBuffer {
    let mut buffer = MessageBuffer::with_capacity(8);
    buffer.set(kind(1), b"abc").expect("room");
    buffer
}

/// How many objects there are, and how often the segments are attached.
fn counts() -> (usize, usize, Vec<u64>) {
    let attached = procfs::segments().unwrap().iter().map(|row| row.attachments).collect();
    (procfs::queues().unwrap().len(), procfs::sets().unwrap().len(), attached)
}

/// Whether a row ends its object when it succeeds.
fn removes(row: &Row) -> bool {
    row.command == Some(IPC_RMID)
}

/// R-KEY-05 R-MSG-02 R-MSG-05 R-MSG-10 R-SEM-07 R-SEM-11 R-SEM-12 R-SHM-03 R-SHM-09
#[test]
fn every_refusal_has_its_kind_names_call_and_object_and_leaves_nothing_behind() {
    let _watchdog = watchdog();
    in_namespace(|| {
        alone(|| {
            let mut injected = 0;
            for row in calls().iter().chain(&gets()) {
                for &(errno, kind) in row.outcomes {
                    let objects = Objects::new();
                    let before = counts();
                    let (result, fired) = failing(row.call, row.command, errno, ALWAYS, || (row.act)(&objects));
                    assert!(fired > 0, "{} never failed", row.call);
                    injected += fired;

                    let error = fails(result, kind, errno);
                    assert_eq!(error.call(), row.call, "{error}");
                    let start = format!("{}{}", row.call, (row.object)(&objects));
                    assert!(error.to_string().starts_with(&start), "{error} does not start with {start}");
                    let name = Errno::from_raw(errno).name().unwrap();
                    assert!(error.to_string().contains(&format!(": {name}: ")), "{error}");
                    assert_eq!(std::io::Error::from(error).raw_os_error(), Some(errno));
                    assert_eq!(counts(), before, "{} with {name} left something", row.call);

                    // The objects are as good as before.
                    let again = (row.act)(&objects);
                    assert!(again.is_ok() || row.command == Some(SHM_LOCK), "{again:?}");
                    assert_eq!(objects.queue.status().is_ok(), !(removes(row) && row.call == "msgctl"));
                }
            }
            assert!(injected > 200, "{injected}");
        });
    });
}

/// R-KEY-12 R-MSG-10 R-SEM-12 R-SHM-07
#[test]
fn on_a_stale_handle_every_call_says_removed() {
    in_namespace(|| {
        let objects = Objects::new();
        objects.queue.remove_now();
        objects.set.remove_now();
        objects.segment.remove_now();
        for row in calls() {
            let error = fails((row.act)(&objects), Removed, libc::EINVAL);
            // Some look first.
            let called = [row.call, "msgsnd", "semctl", "shmat"];
            assert!(called.contains(&error.call()), "{}: {error}", row.call);
            assert!(error.to_string().ends_with(": EINVAL: no object has this id: it was removed"), "{error}");
        }
    });
}

/// Removes the object behind its owner's back.
trait RemoveNow {
    fn remove_now(&self);
}

impl<H: ipc_safe::sysv::Handle> RemoveNow for Owned<H> {
    fn remove_now(&self) {
        (**self).remove().expect("there");
    }
}

/// A question to the kernel, and the call that asks it.
type Ask = (&'static str, fn() -> Result<()>);

/// R-KEY-10
#[test]
fn limits_usage_and_lists_fail_as_a_whole_and_a_list_leaves_out_what_it_may_not_see() {
    let _watchdog = watchdog();
    let all: [Ask; 9] = [
        ("msgctl", || MessageQueue::limits().map(drop)),
        ("msgctl", || MessageQueue::usage().map(drop)),
        ("msgctl", || MessageQueue::list().map(drop)),
        ("semctl", || SemaphoreSet::limits().map(drop)),
        ("semctl", || SemaphoreSet::usage().map(drop)),
        ("semctl", || SemaphoreSet::list().map(drop)),
        ("shmctl", || Segment::limits().map(drop)),
        ("shmctl", || Segment::usage().map(drop)),
        ("shmctl", || Segment::list().map(drop)),
    ];
    for (call, ask) in all {
        let (result, fired) = failing(call, None, libc::ENOSYS, ALWAYS, ask);
        let error = fails(result, Unsupported, libc::ENOSYS);
        assert_eq!((error.call(), fired), (call, 1));
    }
    // An object that goes while the list is made is left out of it.
    in_namespace(|| {
        let _queues = [(); 3].map(|()| MessageQueue::private().unwrap());
        for number in [libc::EIDRM, libc::EINVAL, libc::EACCES] {
            let (list, fired) = failing("msgctl", Some(MSG_STAT_ANY), number, 1, || MessageQueue::list().unwrap());
            assert_eq!((list.len(), fired), (2, 1));
        }
    });
    let (result, fired) = failing("msgctl", Some(IPC_INFO), libc::EPERM, ALWAYS, MessageQueue::limits);
    fails(result, PermissionDenied, libc::EPERM);
    assert_eq!(fired, 1);
}

/// A constructor that fails half way takes back what it made.
///
/// R-SEM-13
#[test]
fn a_set_that_does_not_get_its_values_is_removed_again() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let many = vec![1; 600];
        // The call that gives the values, and the one that publishes them.
        let steps: [(&str, Option<c_int>, &[u16]); 5] = [
            ("semop", None, &[1, 2]),
            ("semop", None, &[0]),
            ("semctl", Some(SETALL), &many),
            ("semop", None, &many),
            ("semop", None, &[32767]),
        ];
        for (call, command, values) in steps {
            for number in [libc::ENOMEM, libc::ENOSPC, libc::EACCES, libc::EIDRM, libc::EINVAL, libc::EPERM] {
                let (made, fired) =
                    failing(call, command, number, ALWAYS, || SemaphoreSet::options().create(true).open(KEY, values));
                let error = made.unwrap_err();
                assert!(fired > 0);
                assert_eq!(error.raw_os_error(), Some(number), "{error}");
                assert_eq!(procfs::sets().unwrap(), [], "{call} with {number}");
            }
        }
    });
}

const KEY: Key = Key::new(0x00e2_2025);

/// Without memory for the values of a set there is an error, and no mapping is left.
///
/// R-SEM-11
#[test]
fn without_memory_for_the_values_there_is_an_error_and_no_mapping_left() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1, 2, 3]).unwrap();
    let page = crate::tools::page() as u64;
    for refused in [libc::SYS_mmap, libc::SYS_mprotect] {
        let (mapped, unmapped, fired) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let answer = |call: &Call| match number(call) {
            // The room for the values: a page, and one without access.
            libc::SYS_mmap if call.argument(1) == 2 * page && call.integer(2) == libc::PROT_NONE => {
                mapped.set(mapped.get() + 1);
                if refused == libc::SYS_mmap {
                    fired.set(fired.get() + 1);
                    return Answer::Fail(Errno::NOMEM);
                }
                Answer::Proceed
            }
            libc::SYS_mprotect if refused == libc::SYS_mprotect && mapped.get() == 1 && call.argument(1) == page => {
                fired.set(fired.get() + 1);
                Answer::Fail(Errno::NOMEM)
            }
            libc::SYS_munmap if call.argument(1) == 2 * page => {
                unmapped.set(unmapped.get() + 1);
                Answer::Proceed
            }
            _ => Answer::Proceed,
        };
        let calls = [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_munmap];
        let result = asking(&calls, answer, || set.values());
        let error = fails(result, OutOfMemory, libc::ENOMEM);
        assert!(error.to_string().starts_with(&format!("mmap on set {}, 3 values: ENOMEM", set.id())), "{error}");
        assert_eq!((mapped.get(), fired.get()), (1, 1));
        assert_eq!(unmapped.get(), i32::from(refused == libc::SYS_mprotect));
    }
    assert_eq!(set.values().unwrap(), [1, 2, 3]);
}

/// A set that has another length at every look ends in an error.
///
/// R-SEM-11
#[test]
fn values_that_never_fit_end_in_an_error() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1, 2]).unwrap();
    let (values, fired) = failing("semctl", Some(GETALL), libc::EFAULT, ALWAYS, || set.values());
    let error = fails(values, Removed, libc::EIDRM);
    assert!(error.to_string().ends_with("EIDRM: another set, of another length, has its id now"), "{error}");
    assert!((2..100).contains(&fired), "{fired}");
    let (values, fired) = failing("semctl", Some(GETALL), libc::EFAULT, 3, || set.values());
    assert_eq!((values.unwrap(), fired), (vec![1, 2], 3));
    let (result, fired) = failing("semctl", Some(SETALL), libc::EFAULT, ALWAYS, || set.set_values(&[3, 4]));
    fails(result, Removed, libc::EIDRM);
    assert_eq!((fired, set.values().unwrap()), (1, vec![1, 2]));
}

/// R-SHM-05
#[test]
fn detaching_that_is_refused_is_an_error() {
    let _watchdog = watchdog();
    let segment = Segment::private(100).unwrap();
    let (result, fired) = failing("shmdt", None, libc::EINVAL, 1, || segment.attach().unwrap().detach());
    let error = fails(result, InvalidInput, libc::EINVAL);
    assert_eq!((error.call(), fired), ("shmdt", 1));
    assert!(error.to_string().starts_with(&format!("shmdt on segment {}: EINVAL", segment.id())), "{error}");
}

/// Drops `value` in a thread whose calls fail so, and tells how often they did: silent, with the error number as it was.
fn dropped_in_vain<T: Send>(call: &str, command: Option<c_int>, number: c_int, times: usize, value: T) -> usize {
    let drop_quietly = move || {
        // SAFETY: the address of this thread's error number.
        unsafe { *libc::__errno_location() = 77 };
        drop(value);
        errno()
    };
    let (left, fired) = failing(call, command, number, times, drop_quietly);
    assert_eq!(left, 77, "{call} with {number}");
    fired
}

/// R-SEM-09 R-SHM-05
#[test]
fn dropping_is_silent_whatever_the_kernel_says_and_keeps_the_error_number() {
    let _watchdog = watchdog();
    alone(|| {
        for number in [libc::EPERM, libc::EINVAL, libc::EIDRM, libc::ENOMEM, libc::ENOSYS, libc::EACCES] {
            let Objects { queue, set, segment } = Objects::new();
            let handles = (*queue, *set, *segment);
            assert_eq!(dropped_in_vain("msgctl", Some(IPC_RMID), number, ALWAYS, queue), 1);
            assert_eq!(dropped_in_vain("semctl", Some(IPC_RMID), number, ALWAYS, set), 1);
            assert_eq!(dropped_in_vain("shmctl", Some(IPC_RMID), number, ALWAYS, segment), 1);
            handles.0.remove().unwrap();
            handles.1.remove().unwrap();
            handles.2.remove().unwrap();
        }
        let objects = Objects::new();
        for number in [libc::EIDRM, libc::EINVAL, libc::ERANGE, libc::ENOMEM, libc::EFBIG, libc::ENOSYS] {
            let guard = objects.set.semaphore(1).acquire(1).unwrap();
            assert_eq!(dropped_in_vain("semop", None, number, ALWAYS, guard), 1);
            objects.set.semaphore(1).add(1).unwrap();
        }
        for number in [libc::EINVAL, libc::ENOSYS] {
            let attachment = objects.segment.attach().unwrap();
            assert_eq!(dropped_in_vain("shmdt", None, number, ALWAYS, attachment), 1);
        }
    });
}

/// R-SEM-09
#[test]
fn a_guard_that_is_interrupted_gives_its_units_back_once() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    for times in [1, 3, 1000] {
        let guard = set.semaphore(0).acquire(2).unwrap();
        assert_eq!(dropped_in_vain("semop", None, libc::EINTR, times, guard), times);
        assert_eq!(set.values().unwrap(), [5]);
        let guard = set.semaphore(0).acquire(2).unwrap();
        let (released, fired) = failing("semop", None, libc::EINTR, times, || guard.release());
        released.unwrap();
        assert_eq!((fired, set.values().unwrap()), (times, vec![5]));
    }
}

/// A call, its name, and the system call behind it.
type Interrupted<'a> = (&'a str, &'a str, &'a (dyn Fn() -> Result<()> + Sync));

/// R-MSG-04 R-MSG-06 R-SEM-04 R-SEM-16
#[test]
fn interrupted_calls_are_made_again_and_take_effect_once() {
    let _watchdog = watchdog();
    let (queue, set) = (MessageQueue::private().unwrap(), SemaphoreSet::private(&[20_000, 0]).unwrap());
    let (semaphore, zero) = (set.semaphore(0), set.semaphore(1));
    let one = Operations::new().subtract(0, 1);
    let receive = |take: &dyn Fn(&mut MessageBuffer) -> Result<()>| {
        let mut buffer = buffer();
        take(&mut buffer)?;
        assert_eq!(buffer.bytes(), b"abc");
        Ok(())
    };
    let sends: [Interrupted<'_>; 5] = [
        ("send", "msgsnd", &|| queue.send(kind(1), "abc")),
        ("try_send", "msgsnd", &|| queue.try_send(kind(1), "abc")),
        ("send_timeout", "msgsnd", &|| queue.send_timeout(kind(1), "abc", LONG)),
        ("send_buffer", "msgsnd", &|| queue.send_buffer(&buffer())),
        ("send_buffer_timeout", "msgsnd", &|| queue.send_buffer_timeout(&buffer(), LONG)),
    ];
    let receives: [Interrupted<'_>; 5] = [
        ("receive", "msgrcv", &|| receive(&|into| queue.receive(Selector::First, into).map(drop))),
        ("try_receive", "msgrcv", &|| receive(&|into| queue.try_receive(Selector::First, into).map(drop))),
        ("receive_timeout", "msgrcv", &|| {
            receive(&|into| queue.receive_timeout(Selector::First, into, LONG).map(drop))
        }),
        ("receive_value", "msgrcv", &|| Ok(queue.receive_value::<[u8; 3]>(Selector::First).map(drop)?)),
        ("vector", "msgrcv", &|| queue.receive(Selector::First, &mut Vec::new()).map(drop)),
    ];
    let takes: [Interrupted<'_>; 6] = [
        ("subtract", "semop", &|| semaphore.subtract(1)),
        ("try_subtract", "semop", &|| semaphore.try_subtract(1)),
        ("subtract_timeout", "semop", &|| semaphore.subtract_timeout(1, LONG)),
        ("apply", "semop", &|| set.apply(&one)),
        ("try_apply", "semop", &|| set.try_apply(&one)),
        ("apply_timeout", "semop", &|| set.apply_timeout(&one, LONG)),
    ];
    let others: [Interrupted<'_>; 3] = [
        ("wait_zero", "semop", &|| zero.wait_zero()),
        ("try_wait_zero", "semop", &|| zero.try_wait_zero()),
        ("wait_zero_timeout", "semop", &|| zero.wait_zero_timeout(LONG)),
    ];
    let state = || (queue.status().unwrap().messages, semaphore.value().unwrap());
    for times in [1, 2, 1000] {
        // Sends first, so that there is what the receives take.
        for (effect, calls) in [((1_i64, 0), &sends[..]), ((-1, 0), &receives), ((0, -1), &takes), ((0, 0), &others)] {
            for (name, call, act) in calls {
                let before = state();
                let (result, fired) = failing(call, None, libc::EINTR, times, act);
                assert!(result.is_ok(), "{name}: {result:?}");
                assert_eq!(fired, times, "{name}");
                let expected = (before.0.wrapping_add_signed(effect.0), before.1.wrapping_add_signed(effect.1));
                assert_eq!(state(), expected, "{name} took effect once");
            }
        }
    }
}

/// R-MSG-04 R-SEM-04
#[test]
fn the_interruptible_forms_report_the_first_interruption_and_do_nothing() {
    let _watchdog = watchdog();
    let (queue, set) = (MessageQueue::private().unwrap(), SemaphoreSet::private(&[3, 0]).unwrap());
    queue.send(kind(1), "abc").unwrap();
    let (semaphore, zero) = (set.semaphore(0), set.semaphore(1));
    let calls: [Interrupted<'_>; 10] = [
        ("send_interruptible", "msgsnd", &|| queue.send_interruptible(kind(1), "abc")),
        ("send_buffer_interruptible", "msgsnd", &|| queue.send_buffer_interruptible(&buffer())),
        ("receive_interruptible", "msgrcv", &|| queue.receive_interruptible(kind(1), &mut buffer()).map(drop)),
        ("receive_value_interruptible", "msgrcv", &|| {
            Ok(queue.receive_value_interruptible::<[u8; 3]>(kind(1)).map(drop)?)
        }),
        ("subtract_interruptible", "semop", &|| semaphore.subtract_interruptible(1)),
        ("acquire_interruptible", "semop", &|| semaphore.acquire_interruptible(1).map(std::mem::forget)),
        ("wait_zero_interruptible", "semop", &|| zero.wait_zero_interruptible()),
        ("apply_interruptible", "semop", &|| set.apply_interruptible(&Operations::new().subtract(0, 1))),
        ("lock_interruptible", "semop", &|| SemaphoreMutex::new(semaphore).lock_interruptible().map(std::mem::forget)),
        ("wait_interruptible", "semop", &|| SemaphoreEvent::new(semaphore).wait_interruptible()),
    ];
    for (name, call, act) in calls {
        let (result, fired) = failing(call, None, libc::EINTR, ALWAYS, act);
        let error = fails(result, ErrorKind::Interrupted, libc::EINTR);
        assert!(error.is_interrupted() && error.call() == call, "{name}: {error}");
        assert_eq!(fired, 1, "{name}");
    }
    assert_eq!((queue.status().unwrap().messages, set.values().unwrap()), (1, vec![3, 0]));
}

/// What is interrupted goes on for the time that remains, and not for all of it again.
///
/// R-SEM-16
#[test]
fn an_interrupted_wait_goes_on_for_the_time_that_remains() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let semaphore = set.semaphore(0);
    let mut times = Vec::new();
    let note = |call: &Call| {
        let mut time = [[0; 8]; 2];
        assert_eq!(call.read_memory(call.argument(3), time.as_flattened_mut()).unwrap(), 16);
        let [seconds, nanoseconds] = time.map(u64::from_ne_bytes);
        times.push(std::time::Duration::new(seconds, u32::try_from(nanoseconds).unwrap()));
        if times.len() < 200 {
            return Answer::Fail(Errno::INTR);
        }
        semaphore.add(1).unwrap();
        Answer::Proceed
    };
    asking(&[libc::SYS_semtimedop], note, || semaphore.subtract_timeout(1, LONG)).unwrap();
    assert_eq!(times.len(), 200);
    assert!(times[0] <= LONG && times.is_sorted_by(|earlier, later| earlier > later), "{times:?}");
}

/// Nothing is lost when sending fails: what went in is the caller's still.
///
/// R-MSG-02
#[test]
fn a_message_that_is_not_sent_stays_with_its_sender() {
    let _watchdog = watchdog();
    let queue = MessageQueue::private().unwrap();
    let message = buffer();
    for number in [libc::EACCES, libc::EFAULT, libc::ENOMEM, libc::EIDRM, libc::EAGAIN] {
        let (sent, fired) = failing("msgsnd", None, number, ALWAYS, || queue.send_buffer(&message));
        assert!(sent.is_err() && fired == 1);
        assert_eq!((message.message_type(), message.bytes()), (kind(1), &b"abc"[..]));
    }
    queue.send_buffer(&message).unwrap();
    assert_eq!(queue.status().unwrap().messages, 1);
}

/// A vector that is too short is given more room for as long as it takes, and the message is there once.
///
/// R-MSG-07
#[test]
fn a_vector_is_given_room_again_while_the_kernel_says_it_is_too_short() {
    let _watchdog = watchdog();
    let queue = MessageQueue::private().unwrap();
    queue.send(kind(1), "abc").unwrap();
    let mut text = Vec::new();
    let (received, fired) = failing("msgrcv", None, libc::E2BIG, 5, || queue.receive(Selector::First, &mut text));
    assert_eq!((received.unwrap(), fired), (kind(1), 5));
    assert_eq!(text, b"abc");
    eventually("the queue is empty", || queue.status().unwrap().messages == 0);
}

/// R-MSG-16
#[test]
fn a_kernel_without_copies_says_so() {
    let _watchdog = watchdog();
    let queue = MessageQueue::private().unwrap();
    let (peeked, fired) = failing("msgrcv", None, libc::ENOSYS, ALWAYS, || queue.peek(0, &mut Vec::new()));
    let error = fails(peeked, Unsupported, libc::ENOSYS);
    let reason = "this kernel has no MSG_COPY (CONFIG_CHECKPOINT_RESTORE)";
    assert_eq!(error.to_string(), format!("msgrcv on queue {}: ENOSYS: {reason}", queue.id()));
    assert_eq!(fired, 1);
}
