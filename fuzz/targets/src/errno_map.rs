//! `i32` → error number → text and back: total, and by the C library's names.

use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::Errno;
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
    check(match number {
        Number::Near(raw) => i32::from(raw) - 8,
        Number::Any(raw) => raw,
    });
}

fn check(raw: i32) {
    let errno = Errno::from_raw(raw);
    assert_eq!(errno.as_raw(), raw);
    assert_eq!(std::io::Error::from(errno).raw_os_error(), Some(raw));
    assert_eq!(errno.name(), c_name(raw).as_deref(), "the C library's name of {raw}");
    let text = errno.name().map_or_else(|| format!("errno {raw}"), str::to_owned);
    assert_eq!((errno.to_string(), format!("{errno:?}")), (text.clone(), text));
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
