//! What the modules have in common: a process of one's own, expected failures, files, what the kernel says of memory.

use crate::support::{fork, watchdog};
use ipc_safe::error::{Errno, Error, ErrorKind, Result};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;

/// The size of a page.
pub(crate) fn page() -> usize {
    rustix::param::page_size()
}

/// Runs a test in a forked child, which leaves no descriptor behind. Its assertions end the child, which fails the test.
#[track_caller]
pub(crate) fn isolated(body: impl FnOnce()) {
    let _watchdog = watchdog();
    fork(|| {
        begin();
        let before = descriptors();
        body();
        assert_eq!(before, descriptors(), "descriptors before and after the test");
        0
    })
    .succeed();
}

/// Runs `body` in a forked child that must end well.
#[track_caller]
pub(crate) fn in_child(body: impl FnOnce()) {
    fork(|| {
        body();
        0
    })
    .succeed();
}

/// Runs `body` in a forked child that this signal must end.
#[track_caller]
pub(crate) fn dies_of<T>(signal: i32, body: impl FnOnce() -> T) {
    let status = fork(|| {
        let _ = body();
        0
    })
    .wait();
    assert_eq!(status.signal(), Some(signal), "the child ended with {status}");
}

/// A child dies with its parent and leaves no core file.
fn begin() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    limit(libc::RLIMIT_CORE, 0);
}

/// Sets a limit of this process.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, to: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit` and reads one.
    let done = unsafe {
        libc::getrlimit(resource, &raw mut limit);
        limit.rlim_cur = to;
        libc::setrlimit(resource, &raw const limit)
    };
    assert_eq!(done, 0, "setrlimit: {}", std::io::Error::last_os_error());
}

/// Gives root's rights up, where this process has them: an ordinary user from here on.
pub(crate) fn become_nobody() {
    // SAFETY: takes no argument and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    // SAFETY: changes the identity of this process only. The raw calls: glibc's would signal threads that a child lacks.
    let changed = unsafe {
        libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == 0
            && libc::syscall(libc::SYS_setresgid, 65534, 65534, 65534) == 0
            && libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) == 0
    };
    assert!(changed, "not another user: {}", std::io::Error::last_os_error());
}

/// Expects a failure of this kind and number, and hands the error out.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T, impl Into<Error>>, kind: ErrorKind, errno: i32) -> Error {
    let Err(error) = result.map_err(Into::into) else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.errno()), (kind, Some(Errno::from_raw(errno))), "{error}");
    error
}

/// Expects a failure of this kind that the kernel had no part in.
#[track_caller]
pub(crate) fn fails_here<T>(result: Result<T, impl Into<Error>>, kind: ErrorKind) -> Error {
    let Err(error) = result.map_err(Into::into) else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.errno()), (kind, None), "{error}");
    error
}

/// Expects an error with these words.
#[track_caller]
pub(crate) fn says<T>(result: Result<T, impl Into<Error>>, text: &str) {
    let Err(error) = result.map_err(Into::into) else { panic!("succeeded, expected: {text}") };
    assert_eq!(error.to_string(), text);
}

/// A file without a name, on the file system of temporary files.
pub(crate) fn file(len: usize) -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(len as u64).unwrap();
    file
}

/// Such a file, and one in memory: file systems differ in what they do at the end of a file.
pub(crate) fn files(len: usize) -> [File; 2] {
    let in_memory = tempfile::tempfile_in("/dev/shm").unwrap();
    in_memory.set_len(len as u64).unwrap();
    [file(len), in_memory]
}

/// The same file, opened anew with these flags.
pub(crate) fn reopened(file: impl AsFd, flags: i32) -> File {
    use std::os::unix::fs::OpenOptionsExt;
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY;
    let reads = flags & libc::O_ACCMODE != libc::O_WRONLY;
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    File::options().read(reads).write(writes).custom_flags(flags & !libc::O_ACCMODE).open(path).unwrap()
}

pub(crate) fn size(file: impl AsFd) -> u64 {
    rustix::fs::fstat(file).unwrap().st_size as u64
}

/// Gives the storage of a part of a file back: it reads as zeros.
pub(crate) fn punch(file: impl AsFd, offset: u64, len: u64) -> rustix::io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len)
}

/// The open descriptors of this process and what they are.
pub(crate) fn descriptors() -> Vec<String> {
    let mut descriptors: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let target = std::fs::read_link(&path).ok()?;
            // The one that this list is read from.
            (!target.ends_with("fd")).then(|| format!("{} {}", path.display(), target.display()))
        })
        .collect();
    descriptors.sort();
    descriptors
}

/// How many mappings the process has.
pub(crate) fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// What the kernel says of the mapping that this address is in, or nothing where there is none.
pub(crate) fn mapped_at(address: usize) -> Option<Mapped> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut found: Option<Mapped> = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap();
        if let Some((start, end)) = first.split_once('-') {
            if found.is_some() {
                break;
            }
            let number = |text| usize::from_str_radix(text, 16).unwrap();
            let range = number(start)..number(end);
            let rights = words.next().unwrap().to_owned();
            found = range.contains(&address).then_some(Mapped { range, rights, flags: Vec::new() });
        } else if let (Some(mapped), "VmFlags:") = (&mut found, first) {
            mapped.flags = words.map(str::to_owned).collect();
        }
    }
    found
}

/// A mapping as `/proc/self/smaps` has it.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) range: std::ops::Range<usize>,
    /// `rw-p` and the like.
    pub(crate) rights: String,
    /// Two letters each, see proc_pid_smaps(5).
    pub(crate) flags: Vec<String>,
}

/// Whether the mapping at this address has this flag.
pub(crate) fn has_flag(address: *const u8, flag: &str) -> bool {
    mapped_at(address.addr()).expect("a mapping").flags.iter().any(|has| has == flag)
}

/// `/proc/self/status`, the number of this line.
pub(crate) fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the status");
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

/// The `errno` of this thread.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().expect("an error number")
}

/// A name that no other test and no other run has.
pub(crate) fn name(what: &str) -> String {
    format!("/ipc-safe-test-{what}-{}", std::process::id())
}

/// Bytes that differ from page to page and from offset to offset.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i / 4096) as u8).collect()
}
