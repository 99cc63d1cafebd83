//! A process of its own for a test: signals are sent to processes, and the test program has many threads.

use crate::support::{fork, watchdog};

/// Runs `body` in a forked child, where it is the only thread. What it leaves must be as it was: the mask, the pending
/// signals, the actions, the descriptors.
pub(crate) fn alone(body: impl FnOnce()) {
    let _watchdog = watchdog();
    fork(|| {
        end_with_parent();
        let before = state();
        body();
        let after = state();
        assert_eq!(after, before, "the process is left as it was");
        0
    })
    .succeed();
}

/// Ends a child when the thread ends that forked it: a test that is ended from outside leaves no child behind.
pub(crate) fn end_with_parent() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Mask, pending signals and actions as the kernel has them for the calling thread, and the open descriptors. Not whether SIGURG
/// is pending, which anybody may send: everybody ignores it, unless asked not to.
pub(crate) fn state() -> Vec<String> {
    const URGENT: u64 = 1 << (libc::SIGURG - 1);
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("a thread has a status");
    let line = |name: &str| {
        let text = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of each");
        u64::from_str_radix(text.trim(), 16).expect("a mask")
    };
    let pending = ["SigPnd:", "ShdPnd:"].map(|name| format!("{name} {:016x}", line(name) & !URGENT));
    let others = ["SigBlk:", "SigIgn:", "SigCgt:"].map(|name| format!("{name} {:016x}", line(name)));
    pending.into_iter().chain(others).chain([format!("descriptors {:?}", descriptors())]).collect()
}

/// The numbers of the open descriptors.
pub(crate) fn descriptors() -> Vec<i32> {
    let open = std::fs::read_dir("/proc/self/fd").expect("a process has descriptors");
    let mut open: Vec<i32> = open.map(|entry| number(&entry.expect("an entry").file_name())).collect();
    // The one that the folder is read by is closed again.
    open.retain(|&descriptor| {
        // SAFETY: asks about a number, whatever it is.
        unsafe { libc::fcntl(descriptor, libc::F_GETFD) != -1 }
    });
    open.sort_unstable();
    open
}

fn number(name: &std::ffi::OsStr) -> i32 {
    name.to_str().and_then(|name| name.parse().ok()).expect("a descriptor's name is its number")
}
