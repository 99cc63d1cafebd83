//! What the attacks have in common: a system that refuses calls, signals at any moment.

use ipc_safe::testing::{Answer, SystemCall, intercept};
use std::time::Duration;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const ABOVE: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

/// A filter that answers these calls with `action` and lets all others through.
fn filter(calls: &[libc::c_long], action: u32) -> Vec<libc::sock_filter> {
    let mut filter = vec![statement(LOAD, 0)]; // the number of the call stands first
    for (index, &call) in calls.iter().enumerate() {
        let to_end = u8::try_from(calls.len() - index).unwrap();
        filter.push(libc::sock_filter { code: EQUAL, jt: to_end, jf: 0, k: u32::try_from(call).unwrap() });
    }
    filter.extend([statement(RETURN, libc::SECCOMP_RET_ALLOW), statement(RETURN, action)]);
    filter
}

/// Puts a filter on the calling thread and what it starts, for good.
fn install(mut filter: Vec<libc::sock_filter>) {
    let program = libc::sock_fprog { len: u16::try_from(filter.len()).unwrap(), filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which lives through the call.
    let installed = unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    assert_eq!(installed, 0, "seccomp: {}", std::io::Error::last_os_error());
}

/// From now on these system calls of the calling thread fail with `errno`, and in what it starts. For a forked child: nothing
/// takes it back.
pub(crate) fn refuse(calls: &[libc::c_long], errno: i32) {
    install(filter(calls, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()));
}

/// From now on this call fails with `EINTR` when its argument `index` is above `most`. For a forked child.
pub(crate) fn interrupt_above(call: libc::c_long, index: u32, most: u32) {
    let argument = 16 + 8 * index; // behind number, architecture and instruction
    let filter = vec![
        statement(LOAD, 0),
        libc::sock_filter { code: EQUAL, jt: 0, jf: 2, k: u32::try_from(call).unwrap() },
        statement(LOAD, argument),
        libc::sock_filter { code: ABOVE, jt: 1, jf: 0, k: most },
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
        statement(RETURN, libc::SECCOMP_RET_ERRNO | libc::EINTR.cast_unsigned()),
    ];
    install(filter);
}

/// Runs `body` in a thread, and `attack` just before each of these system calls of it: what another process could do at that
/// moment, but every time. `attack` is told how often it was run before.
pub(crate) fn before_each<T: Send>(
    calls: &[libc::c_long],
    mut attack: impl FnMut(usize),
    body: impl FnOnce() -> T + Send,
) -> T {
    let calls: Vec<_> = calls.iter().map(|&call| SystemCall::from_raw(u32::try_from(call).unwrap())).collect();
    let mut times = 0;
    let proceed = |_: &_| {
        attack(times);
        times += 1;
        Answer::Proceed
    };
    let result = intercept(&calls, proceed, body).unwrap();
    assert!(times > 0, "the attack never ran");
    result
}

/// How many of these system calls `body` makes, run in a thread.
pub(crate) fn count(calls: &[libc::c_long], body: impl FnOnce() + Send) -> usize {
    let mut most = 0;
    let counted = [calls, &[libc::SYS_sched_yield]].concat();
    before_each(
        &counted,
        |times| most = times,
        || {
            body();
            std::thread::yield_now(); // one that is counted for certain
        },
    );
    most
}

/// From now on a signal handler that does nothing runs so often. For a forked child.
pub(crate) fn signals_every(interval: Duration) {
    extern "C" fn nothing(_: i32) {}
    let micros = libc::suseconds_t::try_from(interval.as_micros()).unwrap();
    let time = libc::timeval { tv_sec: 0, tv_usec: micros };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: the handler does nothing; both structures live through the calls.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(i32) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()), 0);
        assert_eq!(libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()), 0);
    }
}

/// The error number that the last call of this thread left.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Sets this thread's error number, to see who changes it.
pub(crate) fn set_errno(value: i32) {
    // SAFETY: the address of this thread's error number.
    unsafe { *libc::__errno_location() = value };
}
