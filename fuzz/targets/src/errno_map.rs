//! `i32` → error number → text and back: total, and by the C library's names; and the errors that calls return for it.

use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::testing::internals;
use std::ffi::CStr;

/// One number: near those that have names, or any.
#[derive(Arbitrary, Debug)]
enum Number {
    Near(u8),
    Any(i32),
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let Ok(number) = Number::arbitrary(&mut Unstructured::new(data)) else { return };
    let raw = match number {
        Number::Near(raw) => i32::from(raw) - 8,
        Number::Any(raw) => raw,
    };
    check(raw);
    check_error(raw);
}

fn check(raw: i32) {
    let errno = Errno::from_raw(raw);
    assert_eq!(errno.as_raw(), raw);
    assert_eq!(std::io::Error::from(errno).raw_os_error(), Some(raw));
    assert_eq!(errno.name(), c_name(raw).as_deref(), "the C library's name of {raw}");
    let text = errno.name().map_or_else(|| format!("errno {raw}"), str::to_owned);
    assert_eq!((errno.to_string(), format!("{errno:?}")), (text.clone(), text));
}

/// An error keeps its number, and says it; what it means is asked by kind, and by the questions that have names.
fn check_error(raw: i32) {
    let error = internals::error("a_call", raw);
    assert_eq!((error.errno(), error.raw_os_error()), (Some(Errno::from_raw(raw)), Some(raw)));
    assert_eq!(error.call(), "a_call");
    assert_eq!(error.kind(), kind(raw), "what {raw} means");
    let asked = [error.is_removed(), error.is_would_block(), error.is_timed_out(), error.is_interrupted()];
    let kinds = [ErrorKind::Removed, ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
    assert_eq!(asked, kinds.map(|kind| error.kind() == kind));
    let text = error.to_string();
    let before = format!("a_call: {}: ", Errno::from_raw(raw));
    assert!(text.len() > before.len() && text.starts_with(&before), "{text}");
    assert_eq!(format!("{error:?}"), format!("{:?}({text})", error.kind()));
    assert_eq!(std::io::Error::from(error).raw_os_error(), Some(raw));
}

/// What a number means where a call has nothing special to say.
const fn kind(raw: i32) -> ErrorKind {
    match raw {
        libc::EIDRM => ErrorKind::Removed,
        libc::EAGAIN | libc::ENOMSG => ErrorKind::WouldBlock,
        libc::ETIMEDOUT => ErrorKind::TimedOut,
        libc::EINTR => ErrorKind::Interrupted,
        libc::ENOENT => ErrorKind::NotFound,
        libc::EEXIST | libc::EADDRINUSE => ErrorKind::AlreadyExists,
        libc::EACCES | libc::EPERM => ErrorKind::PermissionDenied,
        libc::ENOSPC | libc::EMFILE | libc::ENFILE | libc::EDQUOT => ErrorKind::LimitReached,
        libc::E2BIG | libc::EMSGSIZE => ErrorKind::TooBig,
        libc::ERANGE | libc::EFBIG => ErrorKind::OutOfRange,
        libc::EINVAL => ErrorKind::InvalidInput,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::ENOSYS | libc::EOPNOTSUPP | libc::EAFNOSUPPORT => ErrorKind::Unsupported,
        libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN => ErrorKind::Closed,
        libc::ECONNREFUSED => ErrorKind::Refused,
        libc::EDEADLK => ErrorKind::Deadlock,
        libc::ENOTRECOVERABLE => ErrorKind::NotRecoverable,
        _ => ErrorKind::Other,
    }
}

/// What glibc calls it. "0" is its name for no error.
#[expect(unsafe_code, reason = "a function of the C library that the libc crate has no declaration of")]
fn c_name(raw: i32) -> Option<String> {
    unsafe extern "C" {
        fn strerrorname_np(errno: libc::c_int) -> *const libc::c_char;
    }
    // SAFETY: takes any number.
    let name = unsafe { strerrorname_np(raw) };
    if raw == 0 || name.is_null() {
        return None;
    }
    // SAFETY: it is a string constant of the C library.
    let name = unsafe { CStr::from_ptr(name) };
    Some(name.to_str().expect("names are ASCII").to_owned())
}
