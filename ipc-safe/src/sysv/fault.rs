//! What the kernel's refusals mean, in words. Everything here is off the fast path.

use super::raw::Raw;
use crate::error::{Errno, Error, ErrorKind, Object, Result};

/// An id, when it is one.
pub(super) fn check_id(call: &'static str, id: i32) -> Result<i32> {
    if id < 0 {
        return Err(Error::invalid(call, "an id is at least 0").about(format!("id {id}")));
    }
    Ok(id)
}

/// The error of a call on an object that existed once. `exists` asks for its status: only the kernel's "no such id" there
/// tells that `EINVAL` was about the object and not about an argument.
#[cold]
pub(super) fn on_handle(call: &'static str, errno: Errno, object: Object, exists: impl FnOnce() -> Raw<()>) -> Error {
    let error = Error::new(call, errno).on(object);
    match errno {
        Errno::AGAIN | Errno::NOMSG | Errno::INTR | Errno::TIMEDOUT => error,
        Errno::IDRM => error.because("it was removed while the call waited"),
        Errno::INVAL if matches!(exists(), Err(Errno::INVAL | Errno::IDRM)) => {
            error.kind_of(ErrorKind::Removed).because("no object has this id: it was removed")
        }
        Errno::ACCES => error.because("the permission bits of the object do not allow it; \"ipc show\" prints them"),
        Errno::PERM => error.because("only owner, creator and CAP_SYS_ADMIN may do this"),
        _ => error,
    }
}

/// The error of a `get` call, for what all kinds share. `noun` is `"queue"`, `"set"` or `"segment"`.
#[cold]
pub(super) fn on_get(call: &'static str, errno: Errno, key: i32, noun: &str) -> Error {
    let error = Error::new(call, errno).on(Object::Key(key));
    match errno {
        Errno::NOENT => error.because(format!("no {noun} has this key")),
        Errno::EXIST => error.because(format!("a {noun} has this key, and a new one was asked for")),
        Errno::ACCES => error.because(format!("the permission bits of the {noun} do not allow this mode")),
        Errno::NOSYS => error.because("this kernel, or the sandbox, has no System V IPC"),
        _ => error,
    }
}

/// Why `ENOSPC`, when the number of objects is the limit: `"the system's 4096 segments are in use (kernel.shmmni)"`.
pub(super) fn all_in_use(limit: impl core::fmt::Display, noun: &str, sysctl: &str) -> String {
    format!("the system's {limit} {noun} are in use (kernel.{sysctl}); \"ipc list\" shows them")
}
