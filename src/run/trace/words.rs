//! Text for people: numbers by name, strings in quotes.

use super::flags::Names;
use crate::output::readable;
use ipc_safe::signal::Signal;
use std::time::Duration;

/// Names of the bits that are set, and the rest as a number: `IPC_CREAT|IPC_EXCL`, `0`, `O_CREAT|0x4`.
pub(super) fn flags(mut value: u64, names: Names) -> String {
    let mut words = Vec::new();
    for &(bits, name) in names {
        if bits != 0 && value & bits == bits {
            words.push(name.to_owned());
            value &= !bits;
        }
    }
    if value != 0 || words.is_empty() {
        words.push(if value == 0 { "0".into() } else { format!("{value:#x}") });
    }
    words.join("|")
}

/// The name of a number, or the number.
pub(super) fn named(value: i64, names: Names) -> String {
    let name = names.iter().find(|(number, _)| *number as i64 == value);
    name.map_or_else(|| value.to_string(), |(_, name)| (*name).to_owned())
}

/// An address, as a pointer in C.
pub(super) fn address(value: u64) -> String {
    if value == 0 { "NULL".into() } else { format!("{value:#x}") }
}

/// Permission bits.
pub(super) fn mode(value: u64) -> String {
    format!("{value:#05o}").replace("0o", "0")
}

/// Bytes in quotes, nothing in them that a terminal would obey.
pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", readable(bytes).replace('"', "\\\"").replace("\\u{0}", "\\0"))
}

pub(super) fn signal(number: i64) -> String {
    let signal = i32::try_from(number).ok().and_then(|number| Signal::from_raw(number).ok());
    signal.map_or_else(|| number.to_string(), |signal| signal.to_string())
}

/// A set of signals, or what it lacks where that is less.
pub(super) fn signal_set(bits: u64) -> String {
    let (tilde, bits) = if bits.count_ones() > u64::BITS / 2 { ("~", !bits) } else { ("", bits) };
    let names: Vec<_> = (1..=i64::from(u64::BITS)).filter(|number| bits >> (number - 1) & 1 == 1).map(signal).collect();
    format!("{tilde}[{}]", names.join(" "))
}

/// Seconds, as exact as the kernel takes them.
pub(super) fn seconds(seconds: i64, fraction: i64, digits: usize) -> String {
    let per_second = 10_i64.pow(digits as u32);
    match (u64::try_from(seconds), u32::try_from(fraction)) {
        (Ok(whole), Ok(part)) if i64::from(part) < per_second => {
            let nanoseconds = part * 10_u32.pow(9 - digits as u32);
            let time = Duration::new(whole, nanoseconds);
            if time.is_zero() { "0s".into() } else { format!("{time:?}") }
        }
        _ => format!("{{{seconds}, {fraction}}}"),
    }
}
