//! Faults that the sweep found something wrong with, and rows of the matrix that deserve more than the sweep looks at.

use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::memory::{Memfd, PosixObject, PrivateMemory};
use ipc_safe::pipe::Fifo;
use ipc_safe::process::{Children, getpid};
use ipc_safe::signal::{Signal, SignalSet};
use ipc_safe::socket::{LocalAddress, LocalDatagram, LocalSeqPacket, LocalStream, SeqPacketListener, StreamListener};
use ipc_safe::sysv::{HugePages, Key, Segment, SemaphoreSet};
use ipc_safe::testing::{Answer, Call, Faults, Occurrence, SystemCall, in_process, intercept};
use std::fs::{read_dir, read_to_string};
use std::process::Command;
use std::time::Duration;

/// Runs `body` while the nth of these calls fails; what it returned, and how many of them it made.
fn with_fault<T: Send>(call: &str, number: i32, nth: u32, body: impl FnOnce() -> T + Send) -> (T, u32) {
    let faults = Faults::new().fail(call, Errno::from_raw(number), Occurrence::Nth(nth)).expect("a call");
    let injected = faults.run(body).expect("system calls can be intercepted");
    let seen = injected.seen();
    (injected.into_value(), seen)
}

/// The file has its temporary name then, or, of a datagram socket, its own.
#[test]
fn a_socket_whose_file_cannot_be_looked_at_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let address = LocalAddress::path(folder.path().join("socket")).unwrap();
    for bind in [
        |address: &LocalAddress| SeqPacketListener::bind(address).map(drop),
        |address: &LocalAddress| LocalDatagram::bind(address).map(drop),
    ] {
        let (result, _) = with_fault("stat", libc::ENOMEM, 1, || bind(&address));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert_eq!(read_dir(folder.path()).unwrap().count(), 0);
        bind(&address).unwrap();
    }
}

/// `ENOMEM` is not "removed", nor "no such object".
#[test]
fn a_name_that_cannot_be_looked_at_is_not_said_to_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let make = || Fifo::options().create_new(true).open(&path).unwrap().into_owned();
    for nth in 1..=3 {
        // What the handle is, what the name means, what was renamed.
        let fifo = make();
        let (result, _) = with_fault("fstat", libc::ENOMEM, nth, || fifo.unlink());
        assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory, "look {nth}");
        assert_eq!(read_dir(folder.path()).unwrap().count(), 1);
        std::fs::remove_file(&path).unwrap();
    }
    let fifo = make();
    let (result, _) = with_fault("fstat", libc::ENOMEM, 1, || fifo.try_open_reader().map(drop));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
    drop(fifo);

    let name = format!("/ipc-safe-named-fault-{}", std::process::id());
    let object = PosixObject::options().create_new(true).open(&name, 10).unwrap().into_owned();
    let (result, _) = with_fault("fstat", libc::ENOMEM, 1, || PosixObject::open(&name).map(drop));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
    let (result, _) = with_fault("fstat", libc::ENOMEM, 1, || object.unlink());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
    PosixObject::unlink(&name).unwrap();
}

/// The kernel looks for signals before it looks for writers.
#[test]
fn a_writer_who_is_there_is_seen_though_the_look_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo")).unwrap().into_owned();
    let _both = fifo.open_both().unwrap();
    let (result, seen) = with_fault("tee", libc::EINTR, 1, || fifo.open_reader_timeout(Duration::ZERO).map(drop));
    result.unwrap();
    assert_eq!(seen, 2);
}

/// It neither spins nor dies: each error is the caller's, who decides, and whoever has connected is still there.
#[test]
fn an_accept_that_fails_is_told_once_and_the_next_one_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let address = LocalAddress::path(folder.path().join("socket")).unwrap();
    let listener = SeqPacketListener::bind(&address).unwrap();
    let client = LocalSeqPacket::connect(&address).unwrap();
    for number in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::ECONNABORTED] {
        let (result, seen) = with_fault("accept", number, 1, || listener.accept().map(drop));
        assert_eq!((result.unwrap_err().raw_os_error(), seen), (Some(number), 1));
    }
    let (peer, seen) = with_fault("accept", libc::EINTR, 1, || listener.accept().unwrap());
    assert_eq!(seen, 2);
    peer.send(&b"x"[..]).unwrap();
    assert_eq!(client.receive(&mut [0]).unwrap(), 1);
}

/// A local connection is made at once or not at all: `EINTR` means that there is none, and the one attempt more is the only one.
/// The server sees one connection.
#[test]
fn a_connect_that_is_interrupted_makes_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let address = LocalAddress::path(folder.path().join("socket")).unwrap();
    let listener = SeqPacketListener::bind(&address).unwrap();
    let (client, seen) = with_fault("connect", libc::EINTR, 1, || LocalSeqPacket::connect(&address).unwrap());
    assert_eq!(seen, 2);
    listener.try_accept().unwrap();
    assert!(listener.try_accept().unwrap_err().is_would_block());
    drop(client);
    let (result, seen) =
        with_fault("connect", libc::EINTR, 1, || LocalSeqPacket::connect_interruptible(&address).map(drop));
    assert!(result.unwrap_err().is_interrupted());
    assert_eq!(seen, 1);
}

#[test]
fn a_second_attachment_that_fails_leaves_the_first() {
    // A process of its own: children of other tests would have copies of the attachment, which count.
    in_process(second_attachment);
}

fn second_attachment() {
    let segment = Segment::private(100).unwrap();
    let (first, _) = with_fault("shmat", libc::ENOMEM, 2, || {
        let first = segment.attach().unwrap();
        first.bytes().fill(7);
        assert_eq!(segment.attach().unwrap_err().kind(), ErrorKind::OutOfMemory);
        first
    });
    assert_eq!(segment.status().unwrap().attachments, 1);
    assert_eq!(first.bytes().to_vec(), [7; 100]);
    first.detach().unwrap();
    assert_eq!(segment.status().unwrap().attachments, 0);
}

#[test]
fn a_mapping_that_cannot_grow_stays_as_it_is() {
    let mut memory = PrivateMemory::new(4096).unwrap();
    memory.fill(7);
    let (result, _) = with_fault("mremap", libc::ENOMEM, 1, move || memory.resize(1 << 20));
    let (memory, error) = result.unwrap_err().into_parts();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!((memory.len(), memory.iter().all(|byte| *byte == 7)), (4096, true));
    assert_eq!(memory.resize(8192).unwrap().len(), 8192);
}

/// Calls that no signal interrupts, as far as the man pages go: where a sandbox says that one did, they are made again like the others.
#[test]
fn a_call_that_does_not_wait_is_made_again_when_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let address = LocalAddress::path(folder.path().join("socket")).unwrap();
    let twice = |call, body: &(dyn Fn() + Sync)| {
        let ((), seen) = with_fault(call, libc::EINTR, 1, body);
        assert!(seen >= 2, "{call}");
    };
    twice("getrandom", &|| assert!(!Key::random().unwrap().is_private()));
    twice("getrandom", &|| drop(SeqPacketListener::bind(&address).unwrap()));
    twice("open", &|| drop(SeqPacketListener::bind(&address).unwrap()));
    twice("open", &|| drop(Fifo::options().create_new(true).open(folder.path().join("fifo")).unwrap().into_owned()));
    twice("ftruncate", &|| drop(Memfd::options().create(100).unwrap()));
    twice("semop", &|| drop(SemaphoreSet::private(&[1]).unwrap()));
    twice("waitpid", &|| assert_eq!(Children::pid(getpid()).try_wait().unwrap_err().kind(), ErrorKind::NotFound));
    let name = format!("/ipc-safe-named-interruption-{}", std::process::id());
    twice("open", &|| drop(PosixObject::options().create_new(true).open(&name, 10).unwrap().into_owned()));
}

/// Otherwise whoever stops it would wait for ever.
#[test]
fn a_signal_thread_is_told_to_stop_though_that_is_interrupted() {
    let ((), seen) = with_fault("write", libc::EINTR, 1, || {
        let guard = SignalSet::from(Signal::USR1).block().unwrap();
        guard.handle_in_thread(|_| ()).unwrap().stop().unwrap();
    });
    assert_eq!(seen, 2);
}

/// The timer of the example goes on, and what it sends after that would end the process once it is not blocked any more.
#[test]
fn a_timer_that_cannot_be_stopped_does_not_end_its_example() {
    let program = crate::program::example("interval_timer");
    let set = SystemCall::named("setitimer").unwrap();
    let mut times = 0;
    let fail_to_stop_with_a_signal_pending = |call: &Call| {
        times += 1;
        if times != 2 {
            return Answer::Proceed;
        }
        let status = format!("/proc/{}/status", call.thread().expect("a thread").as_raw_nonzero());
        let is_pending = |line: &str| line.starts_with("ShdPnd:") && !line.ends_with("\t0000000000000000");
        let comes = || read_to_string(&status).is_ok_and(|text| text.lines().any(is_pending));
        crate::support::eventually("the timer sends a signal", comes);
        Answer::Fail(Errno::INVAL)
    };

    let output = intercept(&[set], fail_to_stop_with_a_signal_pending, || Command::new(program).arg("wait").output());

    let output = output.expect("system calls can be intercepted").unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}: {errors}", output.status);
    assert!(errors.contains("setitimer"), "{errors}");
}

/// A socket that replaces another has a name first that nobody expects. Should somebody have it all the same, there are others.
#[test]
fn a_temporary_name_that_is_taken_is_given_up_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let address = LocalAddress::path(folder.path().join("socket")).unwrap();
    let (listener, seen) = with_fault("bind", libc::EADDRINUSE, 1, || SeqPacketListener::bind(&address));
    assert!(listener.is_ok() && seen == 2, "{listener:?} after {seen} calls");
}

#[test]
fn a_segment_that_finds_no_memory_is_told_of_huge_pages_only_when_it_wants_some() {
    let (ordinary, _) = with_fault("shmget", libc::ENOMEM, 1, || Segment::private(100));
    let error = ordinary.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert!(!error.to_string().contains("huge"), "{error}");
    let options = Segment::options().create_new(true).huge_pages(Some(HugePages::Default));
    let (huge, _) = with_fault("shmget", libc::ENOMEM, 1, || options.open(Key::PRIVATE, 100));
    assert!(huge.unwrap_err().to_string().contains("vm.nr_hugepages"));
}

/// The kernel waits by whole ticks of its clock: where signals come more often than that, no wait ends by its own time.
#[test]
fn a_connect_that_is_interrupted_all_the_time_ends_with_its_time() {
    let _watchdog = crate::support::watchdog();
    let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
    let address = listener.local_address().unwrap();
    let faults = Faults::new().fail("connect", Errno::INTR, Occurrence::Every).expect("a call");
    let connect = || LocalStream::connect_timeout(&address, Duration::from_millis(10));
    let injected = faults.run(connect).expect("system calls can be intercepted");
    assert!(injected.seen() > 1);
    assert_eq!(injected.into_value().unwrap_err().kind(), ErrorKind::TimedOut);
}
