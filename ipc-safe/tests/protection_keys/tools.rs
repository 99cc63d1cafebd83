//! What the tests of protection keys have in common.

use crate::support::{eventually, fork};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{KeyedMemory, Mapping, PrivateMemory, ProtectionKey, ReadWrite, backing::Private};
use std::os::unix::process::ExitStatusExt;

/// A key, or `None` after saying that the test is skipped. Other tests may have all of them for a while.
pub(crate) fn key() -> Option<ProtectionKey> {
    let mut key = ProtectionKey::new();
    eventually("a key is free", || {
        let full = key.as_ref().is_err_and(|error| error.kind() == ErrorKind::LimitReached);
        if full {
            key = ProtectionKey::new();
        }
        !full
    });
    match key {
        Ok(key) => Some(key),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let thread = std::thread::current();
            println!("skipped {}: {error}", thread.name().unwrap_or("a test"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Two pages with this key, with a text at the start.
pub(crate) fn memory_of(key: &ProtectionKey) -> KeyedMemory<Private, ReadWrite> {
    let mut memory = PrivateMemory::new(2 * page_size()).unwrap();
    memory[..4].copy_from_slice(b"text");
    key.protect(memory).unwrap()
}

/// As [`memory_of`], with a key of its own.
pub(crate) fn memory() -> Option<KeyedMemory<Private, ReadWrite>> {
    key().map(|key| memory_of(&key))
}

pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// The exit status of [`fault_of`] when nothing happened.
const NOTHING: i32 = 100;

/// Runs `access` in a forked child: the code of the SIGSEGV that it raised (4 is `SEGV_PKUERR`), or `None`.
pub(crate) fn fault_of(access: impl FnOnce()) -> Option<i32> {
    let status = fork(|| {
        end_with_code_of_fault();
        access();
        NOTHING
    })
    .wait();
    assert_eq!(status.signal(), None, "the handler catches what is raised");
    status.code().filter(|&code| code != NOTHING)
}

/// The code of a fault for which the protection is the reason.
pub(crate) const SEGV_ACCERR: i32 = 2;

/// The code of a fault for which a protection key is the reason.
pub(crate) const SEGV_PKUERR: i32 = 4;

fn end_with_code_of_fault() {
    extern "C" fn end(_signal: i32, info: *const libc::siginfo_t, _context: *const libc::c_void) {
        // SAFETY: the kernel hands a `siginfo_t` over; `_exit` may be called in a handler.
        unsafe { libc::_exit((*info).si_code) }
    }
    // SAFETY: zero is a valid `sigaction`, and the handler above does what handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = (end as extern "C" fn(_, _, _)) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()), 0);
    }
}

/// Loads a byte as a stray read of any code would.
pub(crate) fn peek(address: *const u8) -> u8 {
    // SAFETY: mapped, initialised memory; where this thread has no rights to it, the child of `fault_of` ends.
    unsafe { address.read_volatile() }
}

/// Stores a byte as a stray write of any code would.
pub(crate) fn poke(address: *const u8) {
    // SAFETY: mapped memory; where this thread has no rights to it, the child of `fault_of` ends.
    unsafe { address.cast_mut().write_volatile(1) }
}

/// Writes the bytes to a pipe: the kernel reads them with the rights of the calling thread.
pub(crate) fn kernel_reads(address: *const u8) -> std::io::Result<()> {
    let (_reader, writer) = std::io::pipe()?;
    // SAFETY: mapped memory, which the kernel reads or refuses to.
    let written = unsafe { libc::write(std::os::fd::AsRawFd::as_raw_fd(&writer), address.cast(), 4) };
    if written == 4 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The type of a mapping, spelled out.
pub(crate) type Plain = Mapping<Private, ReadWrite>;
