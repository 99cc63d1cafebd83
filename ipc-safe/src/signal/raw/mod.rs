//! The calls of `signal.h`, with checked arguments and the error number as the error.
//!
//! Each function is safe to call with any values of its parameter types, unless it is marked `unsafe`.
#![expect(unsafe_code, reason = "the calls into the C library")]

mod stack;
mod table;

pub(super) use stack::{Stack, free_alternate_stack, set_alternate_stack};
pub(super) use table::{Change, LEVELS, install, remove};

use super::{Disposition, Signal, SignalSet};
use crate::error::Errno;
use crate::wait::timespec;
use core::ffi::c_int;
use core::mem::{MaybeUninit, size_of};
use ipc_sys::signal as c;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// -1 is failure, anything else the result.
fn returned(result: c_int) -> Raw<c_int> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}

/// How a mask is changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    Block,
    Unblock,
    Replace,
}

/// A set as C has it: the kernel's 64 bits, and room that is not used.
pub(super) fn to_c(set: SignalSet) -> c::sigset_t {
    let mut c = c::sigset_t::default();
    c.__val[0] = set.bits();
    c
}

pub(super) fn from_c(set: &c::sigset_t) -> SignalSet {
    SignalSet::from_bits(set.__val[0])
}

/// Changes the mask of the calling thread; returns what it was. Asks the kernel itself, whose sets have 8 bytes where those of
/// the C library have 128: copying these costs a tenth of the call. The sets have no signal of the C library.
#[inline]
pub(super) fn change_mask(how: How, set: SignalSet) -> Raw<SignalSet> {
    let how = match how {
        How::Block => c::SIG_BLOCK,
        How::Unblock => c::SIG_UNBLOCK,
        How::Replace => c::SIG_SETMASK,
    };
    let mut old = 0;
    mask_call(how, set, &mut old)?;
    Ok(SignalSet::from_bits(old))
}

/// Unblocks signals in the calling thread. Does not ask what the mask was, which takes time.
#[inline]
pub(super) fn unblock(set: SignalSet) -> Raw<()> {
    mask_call(c::SIG_UNBLOCK, set, core::ptr::null_mut())
}

/// Writes the old mask unless `old` is null.
#[inline]
fn mask_call(how: c_int, set: SignalSet, old: *mut u64) -> Raw<()> {
    let set = set.bits();
    // SAFETY: reads 8 bytes, and writes 8 unless `old` is null: the callers lend a `u64`.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set, old, size_of::<u64>()) };
    if result == -1 { Err(Errno::last()) } else { Ok(()) }
}

/// The mask of the calling thread.
pub(super) fn mask() -> Raw<SignalSet> {
    change_mask(How::Block, SignalSet::empty())
}

/// Lets the program of `command` begin with a mask.
pub(super) fn set_child_mask(command: &mut Command, mask: SignalSet) {
    let set = move || change_mask(How::Replace, mask).map(drop).map_err(std::io::Error::from);
    // SAFETY: `set` runs between fork and exec, where only async-signal-safe calls are allowed: it makes one system call, and
    // its error allocates nothing.
    unsafe { command.pre_exec(set) };
}

/// What waits for the calling thread or the process to unblock it.
pub(super) fn pending() -> Raw<SignalSet> {
    let mut set = c::sigset_t::default();
    // SAFETY: writes one `sigset_t`.
    returned(unsafe { c::sigpending(&raw mut set) })?;
    Ok(from_c(&set))
}

/// Takes a pending signal of the set, or waits for one: for ever, or at most so long.
#[inline]
pub(super) fn wait(set: SignalSet, time: Option<Duration>) -> Raw<c::siginfo_t> {
    let set = to_c(set);
    let timeout = time.map(timespec);
    let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let mut info = MaybeUninit::<c::siginfo_t>::zeroed();
    // Not glibc's function: it says SI_USER where the kernel says SI_TKILL.
    // SAFETY: reads the first eight bytes of a `sigset_t`, the set as the kernel has it, and, unless it is null, one
    // `timespec`, whose two numbers are 64 bits each; writes one `siginfo_t`.
    let taken = unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, info.as_mut_ptr(), timeout, size_of::<u64>())
    };
    if taken == -1 {
        return Err(Errno::last());
    }
    // SAFETY: zeroed before the call, and integers and addresses all through: any bytes are a value.
    Ok(unsafe { info.assume_init() })
}

/// Waits with another mask until a handler has run.
pub(super) fn suspend(mask: SignalSet) {
    let mask = to_c(mask);
    // SAFETY: reads one `sigset_t`. The call always fails with EINTR.
    unsafe { c::sigsuspend(&raw const mask) };
}

/// A descriptor that signals of the set are read from.
pub(super) fn descriptor(set: SignalSet) -> Raw<OwnedFd> {
    let set = to_c(set);
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: reads one `sigset_t`, which has the layout of libc's; -1 asks for a new descriptor.
    let descriptor = returned(unsafe { libc::signalfd(-1, (&raw const set).cast(), flags) })?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Reads from a descriptor that gives all of the buffer at once, or nothing.
pub(super) fn read(descriptor: BorrowedFd<'_>, buffer: &mut [u8]) -> Raw<()> {
    // SAFETY: writes at most `buffer.len()` bytes into it.
    let len = unsafe { libc::read(descriptor.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    if len == -1 { Err(Errno::last()) } else { Ok(()) }
}

/// Reads one signal from a signal descriptor.
#[inline]
pub(super) fn read_signal(descriptor: BorrowedFd<'_>) -> Raw<libc::signalfd_siginfo> {
    const SIZE: usize = size_of::<libc::signalfd_siginfo>();
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    // SAFETY: writes at most SIZE bytes into a structure of that size.
    let len = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), SIZE) };
    match len {
        -1 => Err(Errno::last()),
        // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
        _ => Ok(unsafe { info.assume_init() }),
    }
}

/// Writes to a descriptor, in a handler too; whether all of it went.
pub(super) fn write(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> bool {
    // SAFETY: reads `bytes.len()` bytes from it.
    let len = unsafe { libc::write(descriptor.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(len) == Ok(bytes.len())
}

/// The default action, as C has it.
fn default_action() -> c::sigaction {
    c::sigaction {
        __sigaction_handler: c::sigaction_sigaction_handler { sa_handler: c::SIG_DFL },
        sa_mask: c::sigset_t::default(),
        sa_flags: 0,
        sa_restorer: None,
    }
}

/// What the process does about a signal.
pub(super) fn disposition(signal: Signal) -> Raw<c::sigaction> {
    let mut action = default_action();
    // SAFETY: null changes nothing; writes one `sigaction`.
    returned(unsafe { c::sigaction(signal.as_raw(), core::ptr::null(), &raw mut action) })?;
    Ok(action)
}

/// Sets it; what it was until then. The handler is one of `table`, or one that was there before.
fn replace_disposition(signal: Signal, action: &c::sigaction) -> Raw<c::sigaction> {
    let mut replaced = default_action();
    // SAFETY: reads one `sigaction` and writes one. Only `table` calls this: with a function of its own, which is
    // async-signal-safe, with the default or nothing, or with what the kernel had before.
    returned(unsafe { c::sigaction(signal.as_raw(), action, &raw mut replaced) })?;
    Ok(replaced)
}

pub(super) fn describe(action: &c::sigaction) -> Disposition {
    match action.sa_handler() {
        c::SIG_DFL => Disposition::Default,
        c::SIG_IGN => Disposition::Ignore,
        _ => Disposition::Handler { mask: from_c(&action.sa_mask), restart: action.sa_flags & c::SA_RESTART != 0 },
    }
}

/// Sends to a process (positive), the own group (0), everyone (-1) or another group (below -1).
#[inline]
pub(super) fn kill(target: c_int, signal: c_int) -> Raw<()> {
    // SAFETY: takes two integers.
    returned(unsafe { c::kill(target, signal) }).map(drop)
}

/// Sends to a thread of a process.
pub(super) fn kill_thread(process: c_int, thread: c_int, signal: c_int) -> Raw<()> {
    // SAFETY: takes three integers.
    returned(unsafe { c::tgkill(process, thread, signal) }).map(drop)
}

/// Sends to the calling thread.
pub(super) fn raise(signal: Signal) -> Raw<()> {
    // SAFETY: takes an integer. What the signal does was said by whoever installed its action.
    match unsafe { c::raise(signal.as_raw()) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// Sends with a value.
pub(super) fn queue(process: c_int, signal: c_int, value: u64) -> Raw<()> {
    let value = c::sigval { sival_ptr: core::ptr::without_provenance_mut(value as usize) };
    // SAFETY: takes two integers and an address, which the kernel passes on and does not follow.
    returned(unsafe { c::sigqueue(process, signal, value) }).map(drop)
}

/// All that a `siginfo_t` says beyond signal, error number and code, as the words that its union is made of.
pub(super) const fn words(info: &c::siginfo_t) -> [c_int; 28] {
    // SAFETY: a `siginfo_t` comes from `wait` or from the kernel: all its bytes are initialised, and any of them are integers.
    unsafe { info._sifields._pad }
}

/// Sends to the process of a pid descriptor.
pub(super) fn pidfd_send(process: BorrowedFd<'_>, signal: Signal) -> Raw<()> {
    let no_info = core::ptr::null::<c::siginfo_t>();
    // SAFETY: takes a descriptor, an integer, null for information of the kernel's own making, and no flags.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal.as_raw(), no_info, 0) };
    if result == -1 { Err(Errno::last()) } else { Ok(()) }
}

/// Sends with a value to a thread of a process, with the same information as [`queue`].
pub(super) fn queue_to_thread(process: c_int, thread: c_int, signal: c_int, value: u64) -> Raw<()> {
    let value = c::sigval { sival_ptr: core::ptr::without_provenance_mut(value as usize) };
    let sender =
        c::siginfo_t_sifields_rt { si_pid: process, si_uid: rustix::process::getuid().as_raw(), si_sigval: value };
    let mut info = c::siginfo_t {
        si_signo: signal,
        si_errno: 0,
        si_code: c::SI_QUEUE,
        __pad0: 0,
        _sifields: c::siginfo_t_sifields { _pad: [0; 28] },
    };
    info._sifields._rt = sender;
    // SAFETY: takes three integers and reads one `siginfo_t`.
    let result = unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, &raw const info) };
    if result == -1 { Err(Errno::last()) } else { Ok(()) }
}
