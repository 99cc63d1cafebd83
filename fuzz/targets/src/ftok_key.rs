//! Keys made from files: the formula, the project that may not be zero, the text of a key and back; and the keys of real files,
//! against those of the C library.

use arbitrary::{Arbitrary, Result, Unstructured};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::Key;
use ipc_safe::testing::internals::file_key;
use std::ffi::CString;
use std::num::NonZeroU8;

const NUMBERS: [u64; 12] =
    [0, 1, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX];
const FILES: [&str; 6] = ["/", "/proc", "/dev/null", "/etc", "/proc/self/exe", "/no such file"];

#[derive(Debug)]
struct Number(u64);

impl<'a> Arbitrary<'a> for Number {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(if u.arbitrary()? { *u.choose(&NUMBERS)? } else { u.arbitrary()? }))
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'t> {
    device: Number,
    inode: Number,
    project: u8,
    file: u8,
    raw: i32,
    text: &'t str,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let Some(project) = NonZeroU8::new(input.project) else { return };
    formula(input.device.0, input.inode.0, project);
    of_file(FILES[usize::from(input.file) % FILES.len()], project);
    text_of(input.raw);
    from_text(input.text);
}

/// The project, eight bits of the device and sixteen of the inode, so that no key is private.
fn formula(device: u64, inode: u64, project: NonZeroU8) {
    let key = file_key(device, inode, project.get());
    let [low, high, of_device, of_project] = key.to_le_bytes();
    assert_eq!(u64::from(low) | u64::from(high) << 8, inode % 65_536);
    assert_eq!((u64::from(of_device), of_project), (device % 256, project.get()));
    assert!(!Key::new(key).is_private());
}

fn of_file(file: &str, project: NonZeroU8) {
    match (Key::from_path(file, project), c_key(file, project.get())) {
        (Ok(key), Some(expected)) => assert_eq!(key.as_raw(), expected, "the key of {file}"),
        (Err(error), None) => assert_eq!(error.kind(), ErrorKind::NotFound),
        (key, expected) => panic!("{key:?} and {expected:?} of {file}"),
    }
}

/// What the C library makes of it; a file that cannot be looked at has none.
#[expect(unsafe_code, reason = "the C library's own")]
fn c_key(file: &str, project: u8) -> Option<i32> {
    let file = CString::new(file).expect("a path without zeros");
    // SAFETY: reads the path.
    let key = unsafe { libc::ftok(file.as_ptr(), project.into()) };
    (key != -1 || file.to_bytes()[1..].iter().all(|byte| *byte != b' ')).then_some(key)
}

fn text_of(raw: i32) {
    let key = Key::new(raw);
    assert_eq!((key.as_raw(), i32::from(key), Key::from(raw)), (raw, raw, key));
    let text = key.to_string();
    assert_eq!(text, format!("0x{:08x}", raw.cast_unsigned()), "as ipcs prints it");
    assert_eq!(format!("{key:?}"), format!("Key({text})"));
    for text in [text, raw.to_string()] {
        assert_eq!(text.parse::<Key>().map_err(|error| error.kind()), Ok(key), "{text}");
    }
}

/// Any text is a key or is refused; what is a key is one by its own text.
fn from_text(text: &str) {
    match text.parse::<Key>() {
        Ok(key) => assert_eq!(key.to_string().parse::<Key>().map_err(|error| error.kind()), Ok(key)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}"),
    }
}
