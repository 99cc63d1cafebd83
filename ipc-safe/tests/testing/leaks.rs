//! Every kind of leak is made once, and told in words.

use ipc_safe::memory::{PrivateMemory, SharedMemory};
use ipc_safe::pipe::Fifo;
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, Signal, SignalSet};
use ipc_safe::sysv::{MessageQueue, MessageType, Segment, SemaphoreSet};
use ipc_safe::testing::{Difference, LeakGuard, Resources, Snapshot, fork, in_process, isolated};
use ipc_safe::timer::{Clock, IntervalClock, IntervalTimer, Notification, PosixTimer, Schedule};
use std::time::Duration;

/// What `leak` makes different, of these resources only, and that nothing is once what it returned is dropped.
fn difference<T>(resources: Resources, leak: impl FnOnce() -> T) -> Difference {
    let before = Snapshot::options().only(resources).take().unwrap();
    assert!(before.changes().unwrap().is_empty(), "nothing happened, and: {}", before.changes().unwrap());
    let leaked = leak();
    let difference = before.changes().unwrap();
    drop(leaked);
    let after = before.lasting_changes(Duration::from_secs(10)).unwrap();
    assert!(after.is_empty(), "all is undone, and: {after}");
    difference
}

/// The only change, as text.
#[track_caller]
fn only(difference: &Difference) -> String {
    assert_eq!(difference.changes().len(), 1, "{difference}");
    difference.to_string()
}

#[test]
fn objects_are_found() {
    let isolation = isolated(|| {
        let mut id = 0;
        let found = difference(Resources::OBJECTS, || {
            let queue = MessageQueue::private().unwrap();
            queue.send(MessageType::MIN, "abc").unwrap();
            id = queue.id();
            queue
        });
        let expected = format!("new      queue {id}: key 0x00000000, mode 600, owner ");
        assert!(only(&found).starts_with(&expected), "{found}");
        assert!(only(&found).contains(", 1 messages of 3 bytes (changed "), "{found}");
        assert!(only(&found).ends_with(&format!(" s ago, last sender {})", std::process::id())), "{found}");

        let found = difference(Resources::OBJECTS, || SemaphoreSet::private(&[1, 2]).unwrap());
        assert!(only(&found).contains("2 semaphores"), "{found}");
        let found = difference(Resources::OBJECTS, || Segment::private(100).unwrap());
        assert!(only(&found).contains("100 bytes, attached 0 times"), "{found}");
        assert!(only(&found).contains("made by "), "{found}");
    });
    println!("{isolation}");
}

/// What an object holds is part of it.
#[test]
fn a_message_and_an_attachment_that_stay_are_changes() {
    let isolation = isolated(|| {
        let queue = MessageQueue::private().unwrap();
        let before = Snapshot::options().only(Resources::THREAD).take().unwrap();
        queue.send(MessageType::MIN, "left").unwrap();
        let found = before.changes().unwrap();
        let text = only(&found);
        assert!(text.starts_with("changed  queue "), "{text}");
        assert!(text.contains("0 messages of 0 bytes, now "), "{text}");

        let segment = Segment::private(1).unwrap();
        let found = difference(Resources::OBJECTS, || segment.attach().unwrap());
        assert!(only(&found).contains("attached 0 times, now "), "{found}");
    });
    println!("{isolation}");
}

#[test]
fn attachments_and_mappings_are_found() {
    in_process(|| {
        let segment = Segment::private(4096).unwrap();
        drop(segment.attach().unwrap());
        let found = difference(Resources::MAPPINGS, || segment.attach().unwrap());
        let expected = format!("4096 bytes rw-s of segment {}", segment.id());
        assert!(only(&found).starts_with("new      mapping at 0x") && only(&found).ends_with(&expected), "{found}");

        let found = difference(Resources::MAPPINGS, || SharedMemory::new(8192).unwrap());
        assert!(only(&found).contains("8192 bytes rw-s of "), "{found}");
        let found = difference(Resources::PRIVATE_MEMORY, || PrivateMemory::new(1 << 20).unwrap());
        assert!(found.to_string().contains("1048576 bytes rw-p of anonymous memory"), "{found}");
    });
}

#[test]
fn locked_memory_is_found() {
    in_process(|| {
        let memory = PrivateMemory::new(4096).unwrap();
        let found = difference(Resources::LOCKED_MEMORY, || match memory.lock() {
            Ok(lock) => Some(lock),
            Err(error) => {
                eprintln!("skipped: no memory may be locked: {error}");
                None
            }
        });
        assert!(found.is_empty() || only(&found) == "changed  locked memory: 0 kB, now 4 kB", "{found}");
    });
}

#[test]
fn descriptors_are_found_with_what_they_are() {
    crate::alone(|| {
        let found = difference(Resources::DESCRIPTORS, || std::fs::File::open("/dev/null").unwrap());
        let text = only(&found);
        assert!(text.starts_with("new      descriptor ") && text.ends_with(": /dev/null"), "{text}");
        let found = difference(Resources::DESCRIPTORS, || std::io::pipe().unwrap());
        assert_eq!(found.changes().len(), 2);
        assert!(found.changes()[0].after().unwrap().starts_with("pipe:["), "{found}");

        // Gone, and another one in its place.
        let file = std::fs::File::open("/dev/null").unwrap();
        let before = Snapshot::take().unwrap();
        drop(file);
        let gone = before.changes().unwrap();
        assert!(only(&gone).starts_with("gone     descriptor "), "{gone}");
        let _other = std::fs::File::open("/dev/zero").unwrap();
        let changed = before.changes().unwrap();
        assert!(only(&changed).ends_with(": /dev/null, now /dev/zero"), "{changed}");
    });
}

#[test]
fn children_and_zombies_are_found() {
    in_process(|| {
        let mut child = std::process::Command::new("sleep");
        let before = Snapshot::options().only(Resources::CHILDREN).take().unwrap();
        let mut child = child.arg("1000").spawn().unwrap();
        let found = before.changes().unwrap();
        assert!(only(&found).starts_with(&format!("new      child {} (", child.id())), "{found}");
        child.kill().unwrap();
        let id = child.id();
        crate::until("it is a zombie", || {
            let found = before.changes().unwrap();
            only(&found) == format!("new      child {id} (sleep, ended and not waited for)")
        });
        child.wait().unwrap();
        assert!(before.changes().unwrap().is_empty());
    });
}

#[test]
fn threads_are_found_by_name_until_they_are_joined() {
    in_process(|| {
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let before = Snapshot::options().only(Resources::THREADS).take().unwrap();
        let thread = std::thread::Builder::new().name("lost".into()).spawn(move || wait.recv()).unwrap();
        crate::until("it has its name", || before.changes().unwrap().to_string().ends_with("(lost)"));
        drop(end);
        thread.join().unwrap().unwrap_err();
        // At once, though the kernel may still list it.
        assert!(before.changes().unwrap().is_empty());
    });
}

#[test]
fn masks_pending_signals_and_actions_are_found() {
    in_process(|| {
        let found = difference(Resources::MASK, || SignalSet::from([Signal::USR1, Signal::USR2]).block().unwrap());
        assert_eq!(only(&found), "changed  blocked signals: {}, now {SIGUSR1, SIGUSR2}");

        let guard = SignalSet::from(Signal::USR1).block().unwrap();
        let before = Snapshot::options().only(Resources::PENDING).take().unwrap();
        signal::raise(Signal::USR1).unwrap();
        let found = before.changes().unwrap();
        assert_eq!(only(&found), "changed  signals that wait for the thread: {}, now {SIGUSR1}");
        guard.try_wait().unwrap();
        // Where no other thread takes it.
        let sends = || {
            signal::to_process(getpid(), Signal::USR1).unwrap();
            before.changes().unwrap().to_string()
        };
        // SAFETY: the child sends a signal and reads files.
        let found = unsafe { fork(sends) }.unwrap().wait().unwrap();
        assert_eq!(found, "changed  signals that wait for the process: {}, now {SIGUSR1}");

        let found = difference(Resources::DISPOSITIONS, || Signal::USR2.ignore().unwrap());
        assert_eq!(only(&found), "changed  action of SIGUSR2: the default, now ignored");
        let found = difference(Resources::DISPOSITIONS, || signal::HandlerOptions::new().flag(Signal::USR2).unwrap());
        assert!(only(&found).starts_with("changed  action of SIGUSR2: the default, now handler at 0x"), "{found}");
    });
}

#[test]
fn timers_are_found() {
    in_process(|| {
        let hour = Duration::from_secs(3600);
        let once = Schedule::once(hour);
        let found = difference(Resources::TIMERS, || IntervalTimer::start(IntervalClock::Real, once).unwrap());
        assert_eq!(only(&found), "new      real interval timer: runs once");
        let every = Schedule::every(hour);
        let found = difference(Resources::TIMERS, || IntervalTimer::start(IntervalClock::Profile, every).unwrap());
        assert_eq!(only(&found), "new      profile interval timer: runs every 3600s");
        let found = difference(Resources::TIMERS, || PosixTimer::new(Clock::Monotonic, Notification::None).unwrap());
        if std::path::Path::new("/proc/self/timers").exists() {
            assert!(only(&found).starts_with("new      POSIX timer "), "{found}");
        } else {
            println!("skipped: this kernel does not list POSIX timers");
        }
    });
}

#[test]
fn paths_are_found_in_folders_and_below() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    let options = Snapshot::options().only(Resources::PATHS).folder(folder.path());
    let before = options.take().unwrap();
    let path = folder.path().join("below/fifo");
    let fifo = Fifo::options().create_new(true).open(&path).unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let found = before.changes().unwrap();
    assert!(found.to_string().contains(&format!("new      {}: FIFO", path.display())), "{found}");
    assert!(found.to_string().contains("/file: file"), "{found}");
    std::fs::remove_file(folder.path().join("file")).unwrap();
    drop(fifo.into_owned());
    assert_eq!(before.changes().unwrap().to_string(), "nothing");
    // A folder that is not there has nothing in it.
    let nowhere = Snapshot::options().only(Resources::PATHS).folder(folder.path().join("no")).take().unwrap();
    assert!(nowhere.changes().unwrap().is_empty());
}

#[test]
fn a_guard_panics_with_the_difference() {
    crate::alone(|| {
        let leaked = std::panic::catch_unwind(|| {
            let guard = LeakGuard::new().unwrap();
            std::mem::forget(std::fs::File::open("/dev/null").unwrap());
            drop(guard);
        });
        let text = leaked.unwrap_err().downcast::<String>().unwrap();
        assert!(text.starts_with("not as it was before:\nnew      descriptor "), "{text}");
        assert!(text.contains(": /dev/null"), "{text}");
    });
}

#[test]
fn a_guard_keeps_still_where_nothing_leaked_and_where_it_panics_already() {
    crate::alone(|| {
        drop(LeakGuard::new().unwrap());
        assert!(LeakGuard::new().unwrap().finish().unwrap().is_empty());
        let panicked = std::panic::catch_unwind(|| {
            let _guard = LeakGuard::of(Snapshot::options().only(Resources::DESCRIPTORS)).unwrap();
            std::mem::forget(std::fs::File::open("/dev/null").unwrap());
            panic!("the first");
        });
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "the first");
    });
}

/// A child that was killed and waited for goes on its way out a little later than its parent knows.
#[test]
fn what_goes_away_by_itself_is_no_leak() {
    in_process(|| {
        let guard = LeakGuard::of(Snapshot::options().only(Resources::THREADS)).unwrap();
        let (end, wait) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || wait.recv());
        drop(end); // nobody joins it
        drop(guard);
    });
}
