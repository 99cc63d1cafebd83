//! System calls of a thread, seen before the kernel makes them: to let them fail, or to do something just before.

use std::ffi::{c_int, c_long, c_ulong};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc;

/// A system call that is about to be made.
pub(crate) struct Call {
    pub(crate) number: c_long,
    arguments: [u64; 6],
}

impl Call {
    /// An argument as the integer that it is in C.
    pub(crate) fn argument(&self, index: usize) -> c_int {
        self.arguments[index] as c_int
    }

    /// An argument that is an address or a length.
    pub(crate) fn address(&self, index: usize) -> usize {
        self.arguments[index] as usize
    }

    /// What a control call is to do: `IPC_STAT`, `SETALL`, ...
    pub(crate) fn command(&self) -> Option<c_int> {
        match self.number {
            libc::SYS_semctl => Some(self.argument(2)),
            libc::SYS_msgctl | libc::SYS_shmctl => Some(self.argument(1)),
            _ => None,
        }
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The kernel makes it.
    Proceed,
    /// It fails with this number, and the kernel does nothing.
    Fail(c_int),
}

/// Semaphore operations: glibc makes them all by the timed call; others need not.
pub(crate) const OPERATE: [c_long; 2] = [libc::SYS_semtimedop, libc::SYS_semop];

/// Runs `body` in a thread and asks `answer` before each of these system calls of it.
pub(crate) fn intercept<T: Send>(
    calls: &[c_long],
    mut answer: impl FnMut(&Call) -> Answer,
    body: impl FnOnce() -> T + Send,
) -> T {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let victim = scope.spawn(move || {
            let asks = filter(calls, libc::SECCOMP_RET_USER_NOTIF);
            sender.send(install(asks, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)).expect("the test listens");
            body()
        });
        // SAFETY: the kernel just made the descriptor for us.
        let listener = unsafe { OwnedFd::from_raw_fd(receiver.recv().expect("a listener")) };
        while let Some(request) = next(&listener) {
            let data = request.data;
            let call = Call { number: c_long::from(data.nr), arguments: data.args };
            let (error, flags) = match answer(&call) {
                Answer::Proceed => (0, 1), // SECCOMP_USER_NOTIF_FLAG_CONTINUE
                Answer::Fail(errno) => (-errno, 0),
            };
            let mut response = libc::seccomp_notif_resp { id: request.id, val: 0, error, flags };
            // SAFETY: the kernel reads the response. An error means that the caller is gone.
            unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
        }
        victim.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// [`intercept`] that only does something before each call; tells how often.
pub(crate) fn before_each<T: Send>(
    calls: &[c_long],
    mut act: impl FnMut(usize, &Call),
    body: impl FnOnce() -> T + Send,
) -> (T, usize) {
    let mut times = 0;
    let proceed = |call: &Call| {
        act(times, call);
        times += 1;
        Answer::Proceed
    };
    (intercept(calls, proceed, body), times)
}

/// Ends the calling process, as by SIGSYS, where it makes one of these calls. For a forked child.
pub(crate) fn die_at(calls: &[c_long]) {
    install(filter(calls, libc::SECCOMP_RET_KILL_PROCESS), 0);
}

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// A filter that gives these calls to `action` and lets all others through.
fn filter(calls: &[c_long], action: u32) -> Vec<libc::sock_filter> {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut filter = vec![statement(LOAD, 0)]; // the number of the call stands first
    for (index, &call) in calls.iter().enumerate() {
        let to_end = u8::try_from(calls.len() - index).expect("a few calls");
        filter.push(libc::sock_filter { code: EQUAL, jt: to_end, jf: 0, k: u32::try_from(call).expect("a number") });
    }
    filter.extend([statement(RETURN, libc::SECCOMP_RET_ALLOW), statement(RETURN, action)]);
    filter
}

/// Puts a filter on the calling thread and what it starts, for good. The listener, when the flags ask for one.
fn install(mut filter: Vec<libc::sock_filter>, flags: c_ulong) -> c_int {
    let program = libc::sock_fprog { len: u16::try_from(filter.len()).expect("short"), filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which lives through the call.
    let installed = unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    assert!(installed >= 0, "seccomp: {}", std::io::Error::last_os_error());
    c_int::try_from(installed).expect("a descriptor")
}

/// Waits for the next call; `None` when nobody is left who could make one.
fn next(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    loop {
        let mut ready = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure, which lives through the call.
        unsafe { libc::poll(&raw mut ready, 1, -1) };
        if ready.revents & libc::POLLIN == 0 {
            return None;
        }
        // SAFETY: zeros are a value of the structure, as the kernel wants it; it writes one.
        let (received, request) = unsafe {
            let mut request: libc::seccomp_notif = std::mem::zeroed();
            (libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut request), request)
        };
        if received == 0 {
            return Some(request);
        }
    }
}
