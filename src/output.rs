//! Standard output. It may be a pipe whose reader leaves early: then the rest is not wanted, and that is no failure.

use crate::failure::{Failure, Result, reason};
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// Prints `text` as it is.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::nobody_reads(),
        _ => Failure::new(format!("writing to standard output: {}", reason(&error))),
    })
}

/// Prints a value as JSON, indented, for `--json`.
pub(crate) fn print_json(value: &impl Serialize) -> Result {
    print(json(value)?)
}

/// A value as JSON, indented.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Failure::new)
}

/// Prints a value as JSON on one line, for output of several values.
pub(crate) fn print_json_line(value: &impl Serialize) -> Result {
    let text = serde_json::to_string(value).map_err(Failure::new)?;
    print(format!("{text}\n"))
}

/// Bytes as text for people: control characters, and bytes that are no text, are escaped.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\\' => text.push_str("\\\\"),
                char if char.is_control() => text.extend(char.escape_default()),
                char => text.push(char),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Bytes in hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_escaped() {
        assert_eq!(readable(b"a\tb\\\n\xff\x00"), "a\\tb\\\\\\n\\xff\\u{0}");
        assert_eq!(readable("\u{e9}".as_bytes()), "\u{e9}");
        assert_eq!(hexadecimal(b"\x00\xfe"), "00fe");
    }
}
