//! What is said about a signal: what the kernel meant, and the same through waiting and through a descriptor.

use crate::alone::{alone, end_with_parent};
use crate::filter::{self, Action};
use crate::mask::{block, set};
use crate::support::{Forked, as_nobody, eventually, fork};
use crate::tools::{Handler, LONG, blocked, gettid, is_root, pid, real_time, to_thread, uid};
use ipc_safe::process::{ChildStatus, Pid, getpid};
use ipc_safe::signal::{self, Information, Origin, Sender, Signal, SignalSet, Value};
use std::io::{PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Has a signal sent twice: waited for, then read from a descriptor.
fn each(signal: Signal, mut send: impl FnMut()) -> (Information, Information) {
    let guard = block(signal.into());
    send();
    let waited = guard.wait_timeout(LONG).expect("a signal");
    let descriptor = guard.descriptor().expect("a descriptor");
    send();
    let read = descriptor.read_timeout(LONG).expect("a signal");
    assert_eq!((waited.signal, read.signal), (signal, signal));
    (waited, read)
}

/// As [`each`]; expects the same of both.
#[track_caller]
fn both(signal: Signal, send: impl FnMut()) -> Information {
    let (waited, read) = each(signal, send);
    assert_eq!(waited, read, "waited for, and read");
    waited
}

#[track_caller]
fn assert_is(sender: Sender, expected: Pid) {
    assert_eq!((sender.pid, sender.uid), (Some(expected), uid()));
}

/// R-SIG-01
#[test]
fn kill_says_who_sent_it() {
    alone(|| {
        for signal in [Signal::USR1, real_time(4)] {
            let taken = both(signal, || signal::to_process(getpid(), signal).expect("sent"));
            let Origin::Kill(sender) = taken.origin else { panic!("{taken:?}") };
            assert_is(sender, getpid());
            assert_eq!((taken.code, taken.errno), (libc::SI_USER, None));
            assert_eq!((taken.sender(), taken.value()), (Some(sender), None));
        }
    });
}

/// R-SIG-01
#[test]
fn another_process_is_named() {
    alone(|| {
        let parent = getpid();
        let mut pids = Vec::new();
        let (waited, read) = each(real_time(4), || {
            let child = fork(|| i32::from(signal::queue(parent, real_time(4), 77).is_err()));
            pids.push(pid(child.pid()));
            child.succeed();
        });
        for (taken, child) in [waited, read].into_iter().zip(pids) {
            let Origin::Queue(sender, value) = taken.origin else { panic!("{taken:?}") };
            assert_is(sender, child);
            assert_eq!(value, Value::from(77));
        }
    });
}

/// R-SIG-01
#[test]
fn another_user_is_named() {
    if !is_root() {
        return;
    }
    alone(|| {
        as_nobody(|| {
            let taken = both(Signal::USR1, || signal::to_process(getpid(), Signal::USR1).expect("sent"));
            assert_eq!(taken.sender().expect("a sender").uid, 65534);
            0
        });
    });
}

/// The C library's `sigwaitinfo` calls a signal of `raise` one of `kill`; the kernel tells them apart.
///
/// R-SIG-02
#[test]
fn raise_is_told_from_kill() {
    alone(|| {
        let sends: [fn(); 2] = [|| signal::raise(Signal::USR1).expect("sent"), || to_thread(gettid(), Signal::USR1)];
        for send in sends {
            let taken = both(Signal::USR1, send);
            let Origin::Thread(sender) = taken.origin else { panic!("{taken:?}") };
            assert_is(sender, getpid());
            assert_eq!((taken.code, taken.sender()), (libc::SI_TKILL, Some(sender)));
        }
    });
}

#[test]
fn both_kinds_of_values_arrive() {
    alone(|| {
        for value in [0, 1, -1, i32::MIN, i32::MAX] {
            let taken = both(real_time(0), || signal::queue(getpid(), real_time(0), value).expect("sent"));
            let Origin::Queue(sender, arrived) = taken.origin else { panic!("{taken:?}") };
            assert_is(sender, getpid());
            assert_eq!((arrived.as_i32(), taken.value()), (value, Some(arrived)));
            assert_eq!(taken.code, libc::SI_QUEUE);
        }
        for value in [0, 1, u64::MAX, 1 << 63, 0x0123_4567_89ab_cdef] {
            let taken = both(real_time(0), || signal::queue(getpid(), real_time(0), value).expect("sent"));
            assert_eq!(taken.value().map(Value::as_u64), Some(value));
        }
    });
}

/// A C program that sets the `int` of a `sigval` leaves the upper half as it was.
#[test]
fn an_int_with_rubbish_above_is_the_int() {
    let value = Value::from(0xdead_beef_ffff_fff9_u64);
    assert_eq!(value.as_i32(), -7);
    assert_eq!(format!("{value:?}"), "Value(0xdeadbeeffffffff9)");
    assert_ne!(value, Value::from(-7));
}

/// A child that waits for a byte or the end of a pipe before it goes on to `body`.
fn child(body: impl FnOnce() -> i32) -> Forked {
    fork(|| {
        end_with_parent();
        let core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads the limit.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const core) };
        // The parent blocks SIGCHLD only; a handler of the test program is not the child's.
        body()
    })
}

#[track_caller]
fn assert_child(taken: Information, child: &Forked, expected: ChildStatus) {
    let Origin::Child { pid, uid: owner, status, .. } = taken.origin else { panic!("{taken:?}") };
    assert_eq!((pid.map(|pid| pid.as_raw_nonzero().get()), owner, status), (Some(child.pid()), uid(), expected));
    assert_eq!((taken.sender(), taken.value()), (None, None));
}

/// R-SIG-12 R-SIG-13
#[test]
fn a_childs_changes_are_told() {
    alone(|| {
        let guard = block(Signal::CHLD.into());
        let descriptor = guard.descriptor().expect("a descriptor");
        let takes: [&dyn Fn() -> Information; 2] =
            [&|| guard.wait_timeout(LONG).expect("a signal"), &|| descriptor.read_timeout(LONG).expect("a signal")];
        for take in takes {
            for code in [0, 7, 255] {
                let exits = child(|| code);
                assert_child(take(), &exits, ChildStatus::Exited(code));
                assert_eq!(exits.wait().code(), Some(code));
            }
            let sleeps = child(|| {
                loop {
                    std::thread::park();
                }
            });
            sleeps.signal(libc::SIGSTOP);
            assert_child(take(), &sleeps, ChildStatus::Stopped { signal: libc::SIGSTOP });
            sleeps.signal(libc::SIGCONT);
            assert_child(take(), &sleeps, ChildStatus::Continued);
            sleeps.signal(libc::SIGKILL);
            assert_child(take(), &sleeps, ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false });
            let _ = sleeps.wait();
        }
    });
}

/// R-SIG-13
#[test]
fn a_core_dump_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    alone(|| {
        let guard = block(Signal::CHLD.into());
        let dumps = fork(|| {
            let unlimited = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
            // SAFETY: reads the limit; where it may not be so high there will be no core dump.
            unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const unlimited) };
            // SAFETY: the default action, also where a shell has this program in the background, and so without this signal.
            unsafe { libc::signal(libc::SIGQUIT, libc::SIG_DFL) };
            std::env::set_current_dir(folder.path()).expect("a folder");
            signal::raise(Signal::QUIT).map_or(1, |()| 2)
        });
        let taken = guard.wait_timeout(LONG).expect("a signal");
        let core_dumped = std::os::unix::process::ExitStatusExt::core_dumped(&wait_keeping(&dumps));
        assert_child(taken, &dumps, ChildStatus::Killed { signal: libc::SIGQUIT, core_dumped });
        let _ = dumps.wait();
    });
}

/// The status of a child that ended, which stays to be reaped.
fn wait_keeping(child: &Forked) -> std::process::ExitStatus {
    let info = child.look(libc::WEXITED);
    let core = if info.si_code == libc::CLD_DUMPED { 0x80 } else { 0 };
    // SAFETY: the information is about a child.
    std::os::unix::process::ExitStatusExt::from_raw(unsafe { info.si_status() } | core)
}

/// The times of a child are in the unit that they should be.
///
/// R-SIG-13
#[test]
fn a_childs_processor_time_is_told() {
    const USED: Duration = Duration::from_millis(200);
    alone(|| {
        let guard = block(Signal::CHLD.into());
        let busy = child(|| {
            while processor_time() < USED {}
            0
        });
        let taken = guard.wait_timeout(LONG).expect("a signal");
        let Origin::Child { user_time, system_time, .. } = taken.origin else { panic!("{taken:?}") };
        let used = user_time + system_time;
        assert!(used >= USED / 2 && used < USED * 5, "{used:?}");
        busy.succeed();
    });
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

#[test]
fn the_alarm_comes_from_the_kernel() {
    alone(|| {
        let taken = both(Signal::ALRM, || {
            let soon = libc::itimerval {
                it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
                it_value: libc::timeval { tv_sec: 0, tv_usec: 1000 },
            };
            // SAFETY: reads the time.
            assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const soon, std::ptr::null_mut()) }, 0);
        });
        assert_eq!((taken.origin, taken.code), (Origin::Kernel, libc::SI_KERNEL));
        assert_eq!((taken.sender(), taken.value()), (None, None));
    });
}

/// A POSIX timer of the C library. Deleted when dropped.
struct Timer(libc::timer_t);

impl Timer {
    fn new(signal: Signal, value: usize) -> Self {
        // SAFETY: an all-zero event is one; the call reads it and writes the timer.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = signal.as_raw();
            event.sigev_value.sival_ptr = value as *mut libc::c_void;
            let mut timer = std::mem::zeroed();
            assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer), 0);
            Self(timer)
        }
    }

    /// Runs out after so many nanoseconds, then again and again after `interval`. Zeros disarm it.
    fn set(&self, first: i64, interval: i64) {
        let time = |tv_nsec| libc::timespec { tv_sec: 0, tv_nsec };
        let times = libc::itimerspec { it_interval: time(interval), it_value: time(first) };
        // SAFETY: reads the times.
        assert_eq!(unsafe { libc::timer_settime(self.0, 0, &raw const times, std::ptr::null_mut()) }, 0);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: made by `new`, deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

#[test]
fn a_posix_timer_gives_its_number_value_and_overruns() {
    const VALUE: usize = 0x1234_5678_9abc;
    alone(|| {
        let timer = Timer::new(real_time(5), VALUE);
        let taken = both(real_time(5), || timer.set(1000, 0));
        let value = Value::from(VALUE as u64);
        assert_eq!(taken.origin, Origin::Timer { timer: timer.0 as usize as i32, overruns: 0, value });
        assert_eq!((taken.code, taken.value(), taken.sender()), (libc::SI_TIMER, Some(value), None));

        let guard = block(real_time(5).into());
        let (start, interval) = (Instant::now(), Duration::from_millis(1));
        timer.set(1_000_000, 1_000_000);
        eventually("the timer ran out often", || start.elapsed() > interval * 20);
        let taken = guard.wait_timeout(LONG).expect("a signal");
        // SAFETY: asks about the signal that was taken last.
        let witness = unsafe { libc::timer_getoverrun(timer.0) };
        let Origin::Timer { overruns, .. } = taken.origin else { panic!("{taken:?}") };
        assert!(overruns >= 10 && overruns == witness.cast_unsigned(), "{overruns}, {witness}");
        timer.set(0, 0);
        let _ = guard.try_wait();
    });
}

/// A pipe whose reading end sends a signal when it becomes readable.
fn signalling_pipe(signal: i32) -> (PipeReader, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let descriptor = reader.as_raw_fd();
    // SAFETY: changes flags of a descriptor of ours.
    let set = unsafe {
        libc::fcntl(descriptor, libc::F_SETOWN, libc::getpid()) == 0
            && libc::fcntl(descriptor, F_SETSIG, signal) == 0
            && libc::fcntl(descriptor, libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK) == 0
    };
    assert!(set, "{}", std::io::Error::last_os_error());
    (reader, writer)
}

/// `fcntl`'s command that the libc crate has no name for.
const F_SETSIG: i32 = 10;

#[test]
fn a_descriptor_that_is_ready_gives_its_number_and_events() {
    let events = i64::from(libc::POLLIN | libc::POLLRDNORM);
    alone(|| {
        // The last of them has codes of its own, so that the kernel takes another one.
        let guard = block(set(&[real_time(6), Signal::IO, Signal::USR1, Signal::CHLD]));
        for signal in [real_time(6), Signal::IO, Signal::USR1, Signal::CHLD] {
            let (mut reader, mut writer) = signalling_pipe(signal.as_raw());
            let taken = both(signal, || {
                let _ = reader.read(&mut [0; 8]);
                writer.write_all(b"x").expect("room");
            });
            assert_eq!(taken.origin, Origin::Ready { events, descriptor: reader.as_raw_fd() }, "{signal}");
            let code = if signal == Signal::CHLD { libc::SI_SIGIO } else { 1 };
            assert_eq!(taken.code, code);
            // Closing an end is an event, too.
            drop((reader, writer));
            while guard.try_wait().is_ok() {}
        }
        // Without a signal of its own the kernel says nothing.
        let (mut reader, mut writer) = signalling_pipe(0);
        let taken = both(Signal::IO, || {
            let _ = reader.read(&mut [0; 8]);
            writer.write_all(b"x").expect("room");
        });
        assert_eq!(taken.origin, Origin::Kernel);
        drop((reader, writer));
        while guard.try_wait().is_ok() {}
    });
}

#[test]
fn a_posix_message_queue_gives_sender_and_value() {
    let name = std::ffi::CString::new(format!("/ipc-safe-test-{}", std::process::id())).expect("no zeros");
    alone(|| {
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR | libc::O_NONBLOCK;
        // SAFETY: the name is a string; the kernel's own attributes.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, std::ptr::null::<libc::mq_attr>()) };
        if queue == -1 {
            eprintln!("skipped: no POSIX message queues: {}", std::io::Error::last_os_error());
            return;
        }
        // SAFETY: the name is a string.
        assert_eq!(unsafe { libc::mq_unlink(name.as_ptr()) }, 0);
        let taken = both(real_time(7), || {
            // SAFETY: an all-zero event is one; the calls read it and the message, and write the buffer, which is long
            // enough for the longest message that the kernel's own attributes allow.
            unsafe {
                let mut buffer = vec![0; 1 << 20];
                libc::mq_receive(queue, buffer.as_mut_ptr(), buffer.len(), std::ptr::null_mut());
                let mut event: libc::sigevent = std::mem::zeroed();
                event.sigev_notify = libc::SIGEV_SIGNAL;
                event.sigev_signo = real_time(7).as_raw();
                event.sigev_value.sival_ptr = 99 as *mut libc::c_void;
                assert_eq!(libc::mq_notify(queue, &raw const event), 0);
                assert_eq!(libc::mq_send(queue, c"x".as_ptr(), 1, 0), 0);
            }
        });
        let Origin::MessageQueue(sender, value) = taken.origin else { panic!("{taken:?}") };
        assert_is(sender, getpid());
        assert_eq!((value, taken.value(), taken.sender()), (Value::from(99), Some(Value::from(99)), Some(sender)));
        // SAFETY: ours.
        assert_eq!(unsafe { libc::mq_close(queue) }, 0);
    });
}

#[test]
fn asynchronous_input_gives_its_value() {
    alone(|| {
        let file = std::fs::File::open("/proc/self/exe").expect("the program");
        let mut buffer = [0_u8; 8];
        // SAFETY: an all-zero control block is one.
        let mut block: libc::aiocb = unsafe { std::mem::zeroed() };
        block.aio_fildes = file.as_raw_fd();
        block.aio_buf = buffer.as_mut_ptr().cast();
        block.aio_nbytes = buffer.len();
        block.aio_sigevent.sigev_notify = libc::SIGEV_SIGNAL;
        block.aio_sigevent.sigev_signo = real_time(8).as_raw();
        block.aio_sigevent.sigev_value.sival_ptr = 1234 as *mut libc::c_void;
        let taken = both(real_time(8), || {
            // SAFETY: buffer and block live until the signal is taken, which is when the input ended.
            assert_eq!(unsafe { libc::aio_read(&raw mut block) }, 0);
        });
        let Origin::AsynchronousIo(sender, value) = taken.origin else { panic!("{taken:?}") };
        assert_is(sender, getpid());
        assert_eq!(value, Value::from(1234));
        assert_eq!(&buffer[..4], b"\x7fELF");
    });
}

/// What the kernel told the handler of a fault.
static FAULT: Mutex<Option<Raw>> = Mutex::new(None);

/// The bytes of a `siginfo_t`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Raw([i32; 32]);

impl Raw {
    fn new(code: i32) -> Self {
        let mut words = [0; 32];
        words[2] = code;
        Self(words)
    }

    /// Sends this to the own process, as only a process itself can.
    fn send(&self, signal: Signal) {
        assert_eq!(self.send_to(getpid(), signal), Ok(()));
    }

    fn send_to(&self, target: Pid, signal: Signal) -> Result<(), i32> {
        let target = target.as_raw_nonzero().get();
        // SAFETY: the kernel reads as many bytes as a `siginfo_t` has, which are these.
        let sent = unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, target, signal.as_raw(), &raw const self.0) };
        if sent == 0 { Ok(()) } else { Err(crate::tools::errno()) }
    }
}

extern "C" fn note(_signal: i32, info: *const Raw, _context: *mut libc::c_void) {
    // SAFETY: the kernel's information; read as integers, which any bytes are. The lock is free: the fault is the test's own.
    unsafe { *FAULT.lock().expect("no panic") = Some(*info) };
}

extern "C" fn note_and_allow(signal: i32, info: *const Raw, context: *mut libc::c_void) {
    note(signal, info, context);
    // SAFETY: the information is about a fault; the page is the test's own.
    unsafe {
        let address = (*info.cast::<libc::siginfo_t>()).si_addr();
        let page = (address as usize & !4095) as *mut libc::c_void;
        libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_WRITE);
    }
}

/// A fault cannot be waited for: the kernel ends a process that blocks it. What its handler was told is sent again.
#[test]
fn a_fault_gives_its_address() {
    alone(|| {
        // SAFETY: a new page that may not be touched; the handler makes it one that may.
        let address = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(page, libc::MAP_FAILED);
            page.cast::<u8>().add(0x123)
        };
        {
            let _handler = Handler::of(Signal::SEGV, note_and_allow as *const () as usize, libc::SA_SIGINFO);
            // SAFETY: the page is ours, and writable when the handler ran.
            unsafe { address.write_volatile(1) };
        }
        let raw = FAULT.lock().expect("no panic").take().expect("the handler ran");
        let taken = both(Signal::SEGV, || raw.send(Signal::SEGV));
        assert_eq!(taken.origin, Origin::Fault { address: address as usize });
        assert_eq!(taken.code, 2, "SEGV_ACCERR");
        // SAFETY: the page from above.
        assert_eq!(unsafe { libc::munmap(address.sub(0x123).cast(), 4096) }, 0);
    });
}

#[test]
fn a_forbidden_system_call_gives_its_number() {
    /// A number that no call has.
    const CALL: libc::c_long = 4000;
    alone(|| {
        filter::install(&[CALL], Action::Trap);
        {
            let _handler = Handler::of(Signal::SYS, note as *const () as usize, libc::SA_SIGINFO);
            // SAFETY: the filter stops it.
            unsafe { libc::syscall(CALL) };
        }
        let raw = FAULT.lock().expect("no panic").take().expect("the handler ran");
        let taken = both(Signal::SYS, || raw.send(Signal::SYS));
        let Origin::SystemCall { address, number, architecture } = taken.origin else { panic!("{taken:?}") };
        assert_eq!((i64::from(number), taken.code), (CALL, 1));
        assert_ne!(address, 0);
        assert_eq!(architecture & 0x8000_0000, 0x8000_0000, "a 64-bit one");
    });
}

/// Whatever the information says: no panic, no harm, the same through both ways.
#[test]
fn made_up_information_does_no_harm() {
    alone(|| {
        let (_guard, mut state) = (block(SignalSet::all()), 0x9e37_79b9_7f4a_7c15_u64);
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let codes = [0, -1, -2, -3, -4, -5, -6, -7, -60, 1, 2, 3, 4, 5, 6, 7, 100, 0x80, i32::MIN, i32::MAX];
        let edges = [0, 1, -1, i32::MIN, i32::MAX];
        for signal in SignalSet::all().into_iter().filter(|signal| signal.is_catchable()) {
            for code in codes.into_iter().chain([random() as i32]) {
                let mut raw = Raw::new(code);
                raw.0[1] = edges[random() as usize % edges.len()];
                // What the kernel knows no meaning of must be zero.
                for word in &mut raw.0[4..12] {
                    *word = if random() % 2 == 0 { random() as i32 } else { edges[random() as usize % edges.len()] };
                }
                let (taken, read) = each(signal, || raw.send(signal));
                // Faults have codes that this kernel does not know. A descriptor says nothing of them.
                let is_known = (..3).contains(&code) || code >= libc::SI_KERNEL;
                assert!(taken == read || (signal.is_fault() && !is_known), "{taken:?}, {read:?}");
                assert_eq!((taken.code, read.code), (code, code));
                assert_eq!(taken.errno.map_or(0, ipc_safe::error::Errno::as_raw), raw.0[1]);
                assert!(!format!("{taken:?}").is_empty());
            }
        }
        assert!(!blocked().is_empty());
    });
}

/// A timer's signal that a program made up is taken for a timer's; what comes from the kernel cannot be made up by others.
#[test]
fn another_process_can_make_up_some_origins_only() {
    alone(|| {
        let target = getpid();
        let (guard, ended) = (block(real_time(1).into()), block(Signal::CHLD.into()));
        let mut raw = Raw::new(libc::SI_TIMER);
        raw.0[4..8].copy_from_slice(&[7, -5, 42, 0]);
        fork(|| {
            assert_eq!(raw.send_to(target, real_time(1)), Ok(()));
            for code in [libc::SI_USER, libc::SI_TKILL, libc::SI_KERNEL, libc::CLD_EXITED, 1] {
                for signal in [Signal::CHLD, Signal::SEGV, Signal::SYS, Signal::IO, real_time(1)] {
                    assert_eq!(Raw::new(code).send_to(target, signal), Err(libc::EPERM), "{code} {signal}");
                }
            }
            0
        })
        .succeed();
        let taken = guard.wait().expect("a signal");
        assert_eq!(
            taken.origin,
            Origin::Timer { timer: 7, overruns: 0, value: Value::from(42) },
            "no overruns below 0"
        );
        assert!(matches!(ended.wait().expect("the child's end").origin, Origin::Child { .. }));
    });
}

/// Times beyond all bounds are the longest that there are.
#[test]
fn a_made_up_child_has_made_up_times() {
    alone(|| {
        let mut raw = Raw::new(libc::CLD_EXITED);
        raw.0[4] = -3;
        raw.0[8..12].copy_from_slice(&[-1, i32::MAX, -1, -1]);
        let taken = both(Signal::CHLD, || raw.send(Signal::CHLD));
        let Origin::Child { pid, user_time, system_time, .. } = taken.origin else { panic!("{taken:?}") };
        assert_eq!(pid, None);
        assert_eq!(user_time, Duration::from_millis(10) * u32::MAX);
        assert_eq!(system_time, Duration::ZERO);
    });
}
