//! The page that the kernel clears in a forked child, and the call that waits for children.
#![expect(unsafe_code, reason = "maps the page and lends its first word; the call into the C library")]

use super::{ChildEvent, ChildStatus, Pid, from_status};
use crate::error::Errno;
use core::ffi::c_int;
use core::fmt;
use rustix::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The word, [`UNSET`] before the first use. Not a `OnceLock`: a child forked while another thread initialises one would wait
/// for that thread for ever.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new((&raw const UNSET).cast_mut());

/// Where [`WORD`] points before the first use. Zero for ever, like that of a new process.
static UNSET: AtomicU64 = AtomicU64::new(0);

/// Where [`WORD`] points when the kernel refused the page. Zero for ever.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// What is in the word: zero in a new process, before the first use, and when there is no word.
#[inline]
pub(super) fn peek() -> u64 {
    // SAFETY: WORD always points to a `&'static AtomicU64`: `UNSET`, or what `first_word` stored, which is `REFUSED` or the
    // word of a page that is never unmapped once it is published.
    unsafe { &*WORD.load(Ordering::Acquire) }.load(Ordering::Relaxed)
}

/// The word that is zero in every new process, or `None` when the kernel refused it, then and for good.
pub(super) fn word() -> Option<&'static AtomicU64> {
    let mut word = WORD.load(Ordering::Acquire);
    if core::ptr::eq(word, &raw const UNSET) {
        word = first_word();
    }
    if core::ptr::eq(word, &raw const REFUSED) {
        return None;
    }
    // SAFETY: WORD is one of the two `&'static AtomicU64` that `first_word` stores: the word of a page that is never unmapped
    // once it is published, or `REFUSED`, which is excluded above, as is `UNSET`.
    Some(unsafe { &*word })
}

/// Maps the page and publishes it; when two threads try, both take that of the first.
#[cold]
fn first_word() -> *mut AtomicU64 {
    let fresh = wiped_on_fork().unwrap_or(&REFUSED);
    let fresh_ptr = core::ptr::from_ref(fresh).cast_mut();
    match WORD.compare_exchange((&raw const UNSET).cast_mut(), fresh_ptr, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh_ptr,
        Err(theirs) => theirs,
    }
}

/// Maps one private page that is zero in every process at first, and zero again in every forked child
/// (`MADV_WIPEONFORK`, Linux 4.14). Never unmapped: a thread that loses the race to publish its page leaks it, once a process
/// at most. `None` when the kernel refuses.
fn wiped_on_fork() -> Option<&'static AtomicU64> {
    const SIZE: usize = 4096;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
    let page = unsafe { libc::mmap(core::ptr::null_mut(), SIZE, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the range is the mapping made above, which nothing else uses yet.
    if unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: the same range; no reference into it exists.
        unsafe { libc::munmap(page, SIZE) };
        return None;
    }
    // SAFETY: the page is readable, writable, zeroed (a valid `AtomicU64`), aligned to its size, and is never unmapped, so
    // the reference is good for ever. Only this reference reaches it. The kernel clears it only in a new child, before any
    // of the child's instructions run.
    Some(unsafe { &*page.cast::<AtomicU64>() })
}

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// Which children are waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Id<'fd> {
    All,
    Pid(Pid),
    /// Those of the caller's own group when there is none.
    Group(Option<Pid>),
    Descriptor(BorrowedFd<'fd>),
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("any child"),
            Self::Pid(pid) => write!(f, "child {}", pid.as_raw_nonzero()),
            Self::Group(Some(group)) => write!(f, "children of group {}", group.as_raw_nonzero()),
            Self::Group(None) => f.write_str("children of the own group"),
            Self::Descriptor(_) => f.write_str("the child of a pid descriptor"),
        }
    }
}

/// Frees the memory of a process that is ending.
pub(super) fn release_memory(process: BorrowedFd<'_>) -> Raw<()> {
    // SAFETY: takes a descriptor and no flags. The memory is that of a process that never runs again.
    let result = unsafe { libc::syscall(libc::SYS_process_mrelease, process.as_raw_fd(), 0) };
    if result == -1 { Err(Errno::last()) } else { Ok(()) }
}

/// A `siginfo_t`, as the words that it is made of.
#[repr(C, align(8))]
struct Words([i32; 32]);

/// Asks for an event of a child; `None` when `WNOHANG` is among the flags and there is none.
pub(super) fn wait(id: Id<'_>, flags: c_int) -> Raw<Option<ChildEvent>> {
    let (kind, number) = match id {
        Id::All => (libc::P_ALL, 0),
        Id::Pid(pid) => (libc::P_PID, pid.as_raw_nonzero().get()),
        Id::Group(group) => (libc::P_PGID, group.map_or(0, |group| group.as_raw_nonzero().get())),
        Id::Descriptor(descriptor) => (libc::P_PIDFD, descriptor.as_raw_fd()),
    };
    let mut info = Words([0; 32]);
    // SAFETY: writes one `siginfo_t`: 128 bytes, aligned to 8, which `Words` are; any bytes are integers.
    let result = unsafe { libc::waitid(kind, number.cast_unsigned(), (&raw mut info).cast(), flags) };
    if result == -1 {
        return Err(Errno::last());
    }
    Ok(event(&info.0))
}

/// What a `siginfo_t` of `SIGCHLD` says.
fn event(words: &[i32; 32]) -> Option<ChildEvent> {
    let [_, _, code, _, pid, uid, number, ..] = *words;
    let status = match code {
        libc::CLD_EXITED => ChildStatus::Exited(number),
        libc::CLD_KILLED => ChildStatus::Killed { signal: number, core_dumped: false },
        libc::CLD_DUMPED => ChildStatus::Killed { signal: number, core_dumped: true },
        libc::CLD_CONTINUED => ChildStatus::Continued,
        _ => ChildStatus::Stopped { signal: number },
    };
    Some(ChildEvent { pid: from_status(pid)?, uid: uid.cast_unsigned(), status })
}
