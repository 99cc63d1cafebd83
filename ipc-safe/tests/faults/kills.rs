//! The kill sweep: of two processes one is killed at each of its system calls, and the other one goes on, or one that comes later.

use crate::driver::{clean_up, folder, prepare};
use crate::support::eventually;
use crate::tracer::{Traced, point};
use ipc_safe::channel::{Channel, Messages, Offer, SharedMessages, Values};
use ipc_safe::command::Coprocess;
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FixedMemfd, PosixObject, SharedMemory};
use ipc_safe::pipe::{Fifo, pipe};
use ipc_safe::shared::{Sequenced, Shared};
use ipc_safe::socket::{BindOptions, LocalAddress, LocalSeqPacket, SeqPacket, SeqPacketListener};
use ipc_safe::sync::{AutoResetEvent, Locked, RobustMutex, SequenceLock};
use ipc_safe::sysv::{Key, MessageQueue, MessageType, Segment, SemaphoreMutex, SemaphoreSet};
use ipc_safe::testing::{Resources, Snapshot};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A scene: kills its victim at the nth stop, looks after the others, and says whether the victim lived that long.
struct Scene {
    name: &'static str,
    play: fn(u32) -> bool,
}

macro_rules! scenes {
    ($($name:ident)*) => {
        const SCENES: &[Scene] = &[$(Scene { name: stringify!($name), play: $name }),*];
    };
}

scenes! {
    message_client
    message_server
    semaphore_lock
    robust_mutex
    event
    sequenced_cell
    sequence_lock
    channel_sender
    channel_receiver
    typed_sender
    shared_sender
    channel_by_key
    channel_offered
    fifo_writer
    fifo_reader
    fifo_maker
    pipe_writer
    coprocess
    socket_server
    socket_client
    record_publisher
    set_maker
    segment_maker
    object_maker
}

const SHORT: Duration = Duration::from_millis(1);
/// What is waited for comes sooner, if it comes.
const LONG: Duration = Duration::from_secs(5);
const KEY: Key = Key::new(0x1c11);
const ONE: MessageType = MessageType::MIN;

/// How many points there were, in how many all was well, and what was wrong in the others.
pub(crate) fn sweep(folder: &Path, share: &dyn Fn(usize) -> bool) -> (u64, Vec<String>) {
    prepare(folder);
    // SAFETY: takes numbers. Whoever is left by a victim becomes a child of this process, and is seen.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let only = std::env::var("IPC_SAFE_SWEEP_ONLY").unwrap_or_default();
    let (mut points, mut failures) = (0, Vec::new());
    for (_, scene) in SCENES.iter().enumerate().filter(|(index, scene)| share(*index) && scene.name.contains(&only)) {
        let start = Instant::now();
        let before = points;
        // What a process makes once and keeps.
        (scene.play)(u32::MAX);
        let whole =
            Snapshot::options().only(Resources::ALL - Resources::THREADS).folder(folder).take().expect("a look");
        // Two stops a call: just before it, and just after.
        for nth in 1.. {
            let _watch = crate::driver::Watch::over(format!("{}, killed at stop {nth}", scene.name));
            let killed = match catch_unwind(AssertUnwindSafe(|| (scene.play)(nth))) {
                Ok(killed) => killed,
                Err(_) => {
                    failures.push(format!("{}, killed at stop {nth}: {}", scene.name, crate::driver::last_panic()));
                    clean_up(folder);
                    nth < 500
                }
            };
            let left = whole.lasting_changes(Duration::from_secs(1)).expect("a look");
            if !left.is_empty() {
                failures.push(format!("{}, killed at stop {nth}: left:\n{left}", scene.name));
                clean_up(folder);
            }
            if !killed {
                break;
            }
            points += 1;
        }
        println!("kills, {}: {} points in {:?}", scene.name, points - before, start.elapsed());
    }
    (points, failures)
}

/// Kills `victim` at the nth stop, while `partner` runs until it is told that the victim is gone, or longer.
fn kill(nth: u32, victim: impl FnOnce(), partner: impl FnOnce(&AtomicBool) + Send) -> bool {
    let gone = AtomicBool::new(false);
    let traced = Traced::start(victim).expect("children can be traced");
    std::thread::scope(|scope| {
        let partner = scope.spawn(|| partner(&gone));
        let killed = traced.kill_at(nth);
        gone.store(true, Ordering::SeqCst);
        partner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        killed
    })
}

/// Calls `step` until the victim is gone, and once more.
fn until_gone(gone: &AtomicBool, mut step: impl FnMut()) {
    while !gone.load(Ordering::SeqCst) {
        step();
    }
    step();
}

fn nobody(_: &AtomicBool) {}

/// What a victim left, found by looking through all objects as who cleans up does.
fn remove_all_listed() {
    for queue in MessageQueue::list().unwrap() {
        MessageQueue::from_id(queue.id).unwrap().remove().unwrap();
    }
    for set in SemaphoreSet::list().unwrap() {
        SemaphoreSet::from_id(set.id).unwrap().remove().unwrap();
    }
    for segment in Segment::list().unwrap() {
        Segment::from_id(segment.id).unwrap().remove().unwrap();
    }
}

/// The server answers whoever comes, and the next client.
fn message_client(nth: u32) -> bool {
    let queue = MessageQueue::private().unwrap();
    let answer = MessageType::new(2).unwrap();
    let serve = |patience| {
        let mut text = Vec::new();
        if queue.receive_timeout(ONE, &mut text, patience).is_ok() {
            queue.send_timeout(answer, text.as_slice(), LONG).unwrap();
        }
    };
    let ask = || {
        let mut text = Vec::new();
        queue.send(ONE, "hello").unwrap();
        queue.receive_timeout(answer, &mut text, LONG).unwrap();
        assert_eq!(text, b"hello");
    };
    let killed = kill(nth, ask, |gone| until_gone(gone, || serve(SHORT)));
    serve(SHORT);
    // An answer that nobody took.
    while queue.try_receive(answer, &mut Vec::new()).is_ok() {}
    std::thread::scope(|scope| {
        scope.spawn(|| serve(LONG));
        ask();
    });
    assert_eq!(queue.status().unwrap().messages, 0);
    killed
}

/// The client is told in time that there is no answer; the next server makes its queue.
fn message_server(nth: u32) -> bool {
    let answer = MessageType::new(2).unwrap();
    let serve = || {
        let queue = MessageQueue::options().create_new(true).open(KEY).unwrap().into_owned();
        let mut text = Vec::new();
        if queue.receive_timeout(ONE, &mut text, Duration::from_millis(20)).is_ok() {
            queue.send(answer, text.as_slice()).unwrap();
        }
        queue.remove().unwrap();
    };
    let ask = |gone: &AtomicBool| {
        let mut sent = false;
        until_gone(gone, || {
            let Ok(queue) = MessageQueue::open(KEY) else { return };
            if !sent {
                sent = queue.try_send(ONE, "hello").is_ok();
            }
            if let Err(error) = queue.receive_timeout(answer, &mut Vec::new(), SHORT) {
                assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Removed), "{error}");
            }
        });
    };
    let killed = kill(nth, serve, ask);
    let left = MessageQueue::list().unwrap();
    assert!(left.len() <= 1);
    if !left.is_empty() {
        assert_eq!(MessageQueue::open(KEY).unwrap().id(), left[0].id);
        remove_all_listed();
    }
    MessageQueue::options().create_new(true).open(KEY).unwrap().into_owned().remove().unwrap();
    killed
}

/// The kernel gives back what the victim held.
fn semaphore_lock(nth: u32) -> bool {
    let set = SemaphoreSet::private(&[1]).unwrap();
    let mutex = SemaphoreMutex::new(set.semaphore(0));
    let hold = || {
        for _ in 0..2 {
            let guard = mutex.lock().unwrap();
            point();
            drop(guard);
        }
    };
    let killed = kill(nth, hold, |gone| until_gone(gone, || drop(mutex.lock_timeout(LONG).unwrap())));
    assert_eq!(set.values().unwrap(), [1]);
    killed
}

/// Memory that parent and children share.
fn shared<T: ipc_safe::shared::ShmSafe>() -> Shared<T, SharedMemory> {
    Shared::bare(SharedMemory::new(4096).unwrap()).unwrap()
}

ipc_safe::shm_safe! {
    /// Two numbers that are equal while nobody holds the lock.
    struct Twins {
        one: AtomicU64,
        other: AtomicU64,
    }
}

fn robust_mutex(nth: u32) -> bool {
    let mutex = shared::<RobustMutex<Twins>>();
    let raise = |twins: &Twins| {
        point();
        twins.one.fetch_add(1, Ordering::Relaxed);
        point();
        twins.other.fetch_add(1, Ordering::Relaxed);
        point();
    };
    let lock = || {
        mutex.lock_timeout(LONG).unwrap().recover(|twins| {
            twins.other.store(twins.one.load(Ordering::Relaxed), Ordering::Relaxed);
        })
    };
    let victim = || {
        for _ in 0..3 {
            match mutex.lock_timeout(LONG).unwrap() {
                Locked::Consistent(twins) => raise(&twins),
                Locked::OwnerDied(_) => panic!("nobody died"),
            }
        }
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            let twins = lock();
            assert_eq!(twins.one.load(Ordering::Relaxed), twins.other.load(Ordering::Relaxed));
        });
    });
    let twins = lock();
    assert_eq!(twins.one.load(Ordering::Relaxed), twins.other.load(Ordering::Relaxed));
    drop(twins);
    assert!(!mutex.is_locked());
    killed
}

fn event(nth: u32) -> bool {
    let event = shared::<AutoResetEvent>();
    let victim = || {
        for _ in 0..3 {
            event.set();
            point();
        }
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            if let Err(error) = event.wait_timeout(SHORT) {
                assert!(error.is_timed_out(), "{error}");
            }
        });
    });
    event.set();
    event.wait_timeout(LONG).unwrap();
    assert!(!event.is_set());
    killed
}

/// The last value stays readable, whole.
fn sequenced_cell(nth: u32) -> bool {
    let cell = shared::<Sequenced<[u64; 8]>>();
    let victim = || {
        for number in 1..8_u64 {
            cell.write(&[number; 8]);
            point();
        }
    };
    let check = || {
        let value = cell.read().expect("one writer at most");
        assert_eq!(value, [value[0]; 8]);
        value[0]
    };
    let killed = kill(nth, victim, |gone| until_gone(gone, || assert!(check() < 8)));
    cell.write(&[check() + 1; 8]);
    check();
    killed
}

fn sequence_lock(nth: u32) -> bool {
    let lock = shared::<SequenceLock<[u64; 8]>>();
    let victim = || {
        for number in 1..4_u64 {
            let guard = lock.lock_timeout(LONG).unwrap();
            point();
            guard.set(&[number; 8]);
            point();
            drop(guard);
            point();
        }
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            if let Ok(value) = lock.read() {
                assert_eq!(value, [value[0]; 8]);
            }
        });
    });
    let guard = lock.lock_timeout(LONG).unwrap();
    guard.set(&[9; 8]);
    drop(guard);
    assert_eq!(lock.read().unwrap(), [9; 8]);
    assert!(!lock.is_locked());
    killed
}

fn messages(memfd: &FixedMemfd) -> Channel<SharedMemory, Messages> {
    Channel::from_memfd(memfd).unwrap()
}

/// A seat that is taken by one who died, or is about to.
fn seat<T>(mut take: impl FnMut() -> Option<T>) -> T {
    let mut seat = None;
    eventually("a seat", || {
        seat = take();
        seat.is_some()
    });
    seat.unwrap()
}

/// What arrives is whole and in order, and nothing that was sent is missing between; then the next sender sits down.
fn channel_sender(nth: u32) -> bool {
    let (memfd, channel) = Channel::<_, Messages>::memfd(128).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let victim = || {
        let mut sender = messages(&memfd).sender().unwrap();
        for number in 0..8_u8 {
            point();
            sender.send_timeout(&[number; 40], LONG).unwrap();
        }
    };
    let mut next = 0;
    let killed = kill(nth, victim, |gone| {
        let mut message = Vec::new();
        until_gone(gone, || {
            while receiver.receive_timeout(&mut message, SHORT).is_ok() {
                assert_eq!(message, [next; 40]);
                next += 1;
            }
        });
    });
    let mut sender = seat(|| messages(&memfd).sender().ok());
    sender.send_timeout(b"again", LONG).unwrap();
    let mut message = Vec::new();
    receiver.receive_timeout(&mut message, LONG).unwrap();
    assert_eq!(message, b"again");
    killed
}

fn channel_receiver(nth: u32) -> bool {
    let (memfd, channel) = Channel::<_, Messages>::memfd(128).unwrap();
    let mut sender = channel.sender().unwrap();
    let victim = || {
        let mut receiver = messages(&memfd).receiver().unwrap();
        let mut message = Vec::new();
        for _ in 0..4 {
            point();
            receiver.receive_timeout(&mut message, LONG).unwrap();
        }
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            if let Err(error) = sender.send_timeout(&[7; 40], SHORT) {
                assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Closed), "{error}");
            }
        });
    });
    let mut receiver = seat(|| messages(&memfd).receiver().ok());
    let mut message = Vec::new();
    while receiver.try_receive(&mut message).is_ok() {
        assert_eq!(message, [7; 40]);
    }
    sender.send_timeout(b"again", LONG).unwrap();
    receiver.receive_timeout(&mut message, LONG).unwrap();
    assert_eq!(message, b"again");
    killed
}

fn typed_sender(nth: u32) -> bool {
    let open = |memfd: &FixedMemfd| Channel::<_, Values<[u64; 4]>>::from_memfd(memfd).unwrap();
    let (memfd, channel) = Channel::<_, Values<[u64; 4]>>::memfd(4).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let victim = || {
        let mut sender = open(&memfd).sender().unwrap();
        for number in 0..8 {
            point();
            sender.send_timeout(&[number; 4], LONG).unwrap();
        }
    };
    let mut next = 0;
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            while let Ok(value) = receiver.receive_timeout(SHORT) {
                assert_eq!(value, [next; 4]);
                next += 1;
            }
        });
    });
    let mut sender = seat(|| open(&memfd).sender().ok());
    sender.send_timeout(&[99; 4], LONG).unwrap();
    assert_eq!(receiver.receive_timeout(LONG).unwrap(), [99; 4]);
    killed
}

/// The other sender is not kept from sending.
fn shared_sender(nth: u32) -> bool {
    let open = |memfd: &FixedMemfd| Channel::<_, SharedMessages>::from_memfd(memfd).unwrap();
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let mut other = open(&memfd).sender().unwrap();
    let victim = || {
        let mut sender = open(&memfd).sender().unwrap();
        for _ in 0..4 {
            point();
            sender.send_timeout(&[1; 40], LONG).unwrap();
        }
    };
    let mut receive = |patience| {
        let mut message = Vec::new();
        let received = receiver.receive_timeout(&mut message, patience).is_ok();
        assert!(!received || message == [1; 40] || message == [2; 30], "{message:?}");
        received
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            other.send_timeout(&[2; 30], LONG).unwrap();
            while receive(SHORT) {}
        });
    });
    other.send_timeout(&[2; 30], LONG).unwrap();
    assert!(receive(LONG));
    killed
}

/// Half made, it is found, removed, and made anew.
fn channel_by_key(nth: u32) -> bool {
    let victim = || {
        let (segment, channel) = Channel::<_, Messages>::keyed(KEY, 64).unwrap();
        let mut sender = channel.sender().unwrap();
        sender.try_send(b"x").unwrap();
        drop((sender, segment));
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || {
            if let Ok(channel) = Channel::<_, Messages>::from_key(KEY, SHORT)
                && let Ok(mut receiver) = channel.receiver()
            {
                let mut message = Vec::new();
                assert!(receiver.receive_timeout(&mut message, SHORT).is_err() || message == b"x");
            }
        });
    });
    remove_all_listed();
    let (segment, channel) = Channel::<_, Messages>::keyed(KEY, 64).unwrap();
    drop((channel.sender().unwrap(), segment));
    killed
}

fn address(name: &str) -> LocalAddress {
    LocalAddress::path(folder().join(name)).unwrap()
}

/// Takes the names away that a victim left.
fn remove_files() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

fn channel_offered(nth: u32) -> bool {
    let there = address("offer");
    let offer = || {
        let (memfd, channel) = Channel::<_, Messages>::memfd(64).unwrap();
        let offer = Offer::new(&there, memfd).unwrap();
        let mut sender = channel.sender().unwrap();
        // An error: whoever came has gone.
        let _ = offer.hand_over_timeout(Duration::from_millis(50), |_| true);
        let _ = sender.try_send(b"x");
    };
    let connect = |patience| match Channel::<_, Messages>::connect(&there, patience) {
        Ok(channel) => {
            let mut message = Vec::new();
            let received = channel.receiver().unwrap().receive_timeout(&mut message, patience);
            assert!(received.is_err() || message == b"x");
            received.is_ok()
        }
        Err(_) => false,
    };
    let killed = kill(nth, offer, |gone| until_gone(gone, || _ = connect(SHORT * 5)));
    // The path of one who is gone is taken over.
    let met = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // On a busy machine nobody may come while the first one stands.
        scope.spawn(|| {
            while !met.load(Ordering::SeqCst) {
                offer();
            }
        });
        eventually("another offer", || connect(Duration::from_millis(50)));
        met.store(true, Ordering::SeqCst);
    });
    remove_files();
    killed
}

/// Records arrive whole, and the end is seen.
fn fifo_writer(nth: u32) -> bool {
    let fifo = Fifo::options().create_new(true).open(folder().join("fifo")).unwrap().into_owned();
    let victim = || {
        let writer = fifo.open_writer_timeout(LONG).unwrap();
        for _ in 0..3 {
            writer.write_atomic([7; 100]).unwrap();
        }
    };
    let killed = kill(nth, victim, |gone| {
        let mut bytes = Vec::new();
        until_gone(gone, || match fifo.open_reader_timeout(SHORT * 5) {
            Ok(mut reader) => {
                reader.read_to_end(&mut bytes).unwrap();
            }
            Err(error) => assert!(error.is_timed_out(), "{error}"),
        });
        assert!(bytes.len() % 100 == 0 && bytes.iter().all(|byte| *byte == 7));
    });
    let (reader, writer) = fifo.open_both().unwrap();
    writer.write_atomic("x").unwrap();
    assert_eq!(reader.try_read(&mut [0]).unwrap(), 1);
    killed
}

fn fifo_reader(nth: u32) -> bool {
    let fifo = Fifo::options().create_new(true).open(folder().join("fifo")).unwrap().into_owned();
    let victim = || {
        let reader = fifo.open_reader_timeout(LONG).unwrap();
        let _ = reader.read_timeout(&mut [0; 100], LONG).unwrap();
    };
    let killed = kill(nth, victim, |gone| {
        until_gone(gone, || match fifo.open_writer_timeout(SHORT * 5) {
            Ok(writer) => {
                if let Err(error) = writer.write_atomic_timeout([7; 100], SHORT) {
                    assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::TimedOut), "{error}");
                }
            }
            Err(error) => assert!(error.is_timed_out(), "{error}"),
        });
    });
    drop(fifo.open_both().unwrap());
    killed
}

/// The name is free, or means a FIFO.
fn fifo_maker(nth: u32) -> bool {
    let path = folder().join("fifo");
    let killed = kill(nth, || drop(Fifo::options().create_new(true).open(&path).unwrap().into_owned()), nobody);
    drop(Fifo::options().create(true).open(&path).unwrap().into_owned());
    remove_files();
    killed
}

fn pipe_writer(nth: u32) -> bool {
    let (mut reader, writer) = pipe().unwrap();
    let traced = Traced::start(|| {
        for _ in 0..3 {
            writer.write_atomic([7; 100]).unwrap();
        }
    });
    drop(writer);
    let killed = traced.expect("children can be traced").kill_at(nth);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() % 100 == 0 && bytes.iter().all(|byte| *byte == 7));
    killed
}

/// The program ends by itself when nobody writes to it any more.
fn coprocess(nth: u32) -> bool {
    let victim = || {
        let mut coprocess = Coprocess::start(&mut Command::new("cat")).unwrap();
        assert_eq!(coprocess.request_timeout("hello", LONG).unwrap(), b"hello");
        coprocess.finish_timeout(LONG).unwrap();
    };
    let killed = kill(nth, victim, nobody);
    eventually("the program ends", || {
        // SAFETY: takes numbers; the victim is reaped, so that only its children are left.
        unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) == -1 }
    });
    killed
}

fn socket_server(nth: u32) -> bool {
    let there = address("socket");
    let serve = || {
        let listener = BindOptions::new().replace_stale(true).listen::<SeqPacket>(&there).unwrap();
        if let Ok(peer) = listener.accept_timeout(Duration::from_millis(50)) {
            let mut bytes = [0; 10];
            let len = peer.receive_timeout(&mut bytes, LONG).unwrap();
            // An error: whoever came has gone.
            let _ = peer.send(&bytes[..len]);
        }
    };
    let ask = |patience| {
        let mut bytes = [0; 10];
        let socket = LocalSeqPacket::connect_timeout(&there, patience)?;
        socket.send(&b"hello"[..])?;
        socket.receive_timeout(&mut bytes, patience)
    };
    let killed = kill(nth, serve, |gone| until_gone(gone, || drop(ask(SHORT * 5))));
    std::thread::scope(|scope| {
        scope.spawn(serve);
        eventually("another server", || ask(Duration::from_millis(50)).is_ok_and(|len| len == 5));
    });
    remove_files();
    killed
}

fn socket_client(nth: u32) -> bool {
    let there = address("socket");
    let listener = SeqPacketListener::bind(&there).unwrap();
    let ask = || {
        let socket = LocalSeqPacket::connect(&there).unwrap();
        socket.send(&b"hello"[..]).unwrap();
        assert_eq!(socket.receive_timeout(&mut [0; 10], LONG).unwrap(), 5);
    };
    let serve = |patience| {
        if let Ok(peer) = listener.accept_timeout(patience) {
            let mut bytes = [0; 10];
            // Nothing: it has gone.
            let len = peer.receive_timeout(&mut bytes, LONG).unwrap_or(0);
            let _ = peer.send(&bytes[..len]);
        }
    };
    let killed = kill(nth, ask, |gone| until_gone(gone, || serve(SHORT)));
    while listener.try_accept().is_ok() {}
    std::thread::scope(|scope| {
        scope.spawn(|| serve(LONG));
        ask();
    });
    killed
}

/// Readers see nothing, or all of it.
fn record_publisher(nth: u32) -> bool {
    let publish = || {
        let segment = Segment::options().create_new(true).open(KEY, 4096).unwrap().into_owned();
        let record = Shared::<Twins, _>::create(segment.attach().unwrap(), |twins| {
            twins.one.store(7, Ordering::Relaxed);
            point();
            twins.other.store(7, Ordering::Relaxed);
        });
        drop((record.unwrap(), segment));
    };
    let killed = kill(nth, publish, |gone| {
        until_gone(gone, || {
            let Ok(attachment) = Segment::open(KEY).and_then(|segment| segment.attach()) else { return };
            match Shared::<Twins, _>::open(attachment, SHORT) {
                Ok(twins) => {
                    assert_eq!((twins.one.load(Ordering::Relaxed), twins.other.load(Ordering::Relaxed)), (7, 7))
                }
                Err(rejected) => assert_eq!(rejected.error().kind(), ErrorKind::NotInitialised),
            }
        });
    });
    remove_all_listed();
    publish();
    killed
}

/// Nobody sees values that are not there yet; whoever comes later is told, and makes it anew.
fn set_maker(nth: u32) -> bool {
    let make = || SemaphoreSet::options().create_new(true).open(KEY, &[1, 2, 0]).unwrap().into_owned();
    let killed = kill(
        nth,
        || drop(make()),
        |gone| {
            until_gone(gone, || match SemaphoreSet::open_initialised(KEY, SHORT) {
                Ok(set) => match set.values() {
                    Ok(values) => assert_eq!(values, [1, 2, 0]),
                    Err(error) => assert!(error.is_removed(), "{error}"),
                },
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotInitialised | ErrorKind::Removed),
                    "{error}"
                ),
            });
        },
    );
    let options = SemaphoreSet::options().create(true).initialised_within(SHORT);
    match options.open(KEY, &[1, 2, 0]) {
        Ok(set) => {
            assert_eq!(set.values().unwrap(), [1, 2, 0]);
            set.remove().unwrap();
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotInitialised);
            remove_all_listed();
        }
    }
    drop(make());
    killed
}

fn segment_maker(nth: u32) -> bool {
    let make = || Segment::options().create_new(true).open(KEY, 5000).unwrap().into_owned();
    let killed = kill(
        nth,
        || {
            let segment = make();
            let attachment = segment.attach().unwrap();
            attachment.bytes().fill(7);
            drop((attachment, segment));
        },
        nobody,
    );
    for left in Segment::list().unwrap() {
        assert_eq!((left.size, left.attachments), (5000, 0));
    }
    remove_all_listed();
    drop(make());
    killed
}

fn object_maker(nth: u32) -> bool {
    let name = crate::driver::object_name();
    let make = || PosixObject::options().create_new(true).open(&name, 5000).unwrap().into_owned();
    let killed = kill(nth, || drop(make()), nobody);
    // What has the name has its size.
    if let Ok(object) = PosixObject::open(&name) {
        assert_eq!(object.size().unwrap(), 5000);
        object.into_owned().unlink().unwrap();
    }
    drop(make());
    killed
}
