//! The arguments of a call, and what they point to in another process: bytes that may be anything, change meanwhile or not
//! be there.

use super::flags::{self, Names};
use super::words;
use std::fmt::{self, Display};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// Whoever makes a call.
pub(super) trait Source {
    /// An argument, counted from 0.
    fn argument(&self, index: usize) -> u64;
    /// Copies bytes from its memory; how many could be read.
    fn read(&self, address: u64, buffer: &mut [u8]) -> usize;
}

/// What stands for what cannot be read.
const UNKNOWN: &str = "?";
/// How many bytes of a text are shown, at most.
const TEXT: usize = 256;
/// How many bytes of a message are shown, at most.
const MESSAGE: usize = 32;
/// How many elements of an array are shown, at most.
const ELEMENTS: usize = 16;

/// A decoded call but for its name.
#[derive(Debug)]
pub(super) struct Words {
    arguments: Vec<String>,
    /// The C function that makes the call, where that has another name.
    function: Option<&'static str>,
}

impl Words {
    pub(super) const fn made_by(mut self, function: &'static str) -> Self {
        self.function = Some(function);
        self
    }
}

impl<const N: usize> From<[String; N]> for Words {
    fn from(arguments: [String; N]) -> Self {
        Self { arguments: arguments.into(), function: None }
    }
}

/// `(3, IPC_RMID, NULL)`, perhaps with the C function behind it.
impl Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.arguments.join(", "))?;
        self.function.map_or(Ok(()), |function| write!(f, "  # {function}"))
    }
}

/// The arguments of one call, each by what it means.
pub(super) struct Arguments<'s>(&'s dyn Source);

impl<'s> Arguments<'s> {
    pub(super) fn of(source: &'s dyn Source) -> Self {
        Self(source)
    }

    /// As the kernel gets it.
    pub(super) fn raw(&self, index: usize) -> u64 {
        self.0.argument(index)
    }

    /// As a C `int`.
    pub(super) fn integer(&self, index: usize) -> i32 {
        self.raw(index) as i32
    }

    /// An `int`: an id, a descriptor, a process.
    pub(super) fn int(&self, index: usize) -> String {
        self.integer(index).to_string()
    }

    /// A `long`.
    pub(super) fn long(&self, index: usize) -> String {
        self.raw(index).cast_signed().to_string()
    }

    /// A `size_t`.
    pub(super) fn size(&self, index: usize) -> String {
        self.raw(index).to_string()
    }

    pub(super) fn address(&self, index: usize) -> String {
        words::address(self.raw(index))
    }

    pub(super) fn key(&self, index: usize) -> String {
        match self.integer(index) {
            0 => "IPC_PRIVATE".into(),
            key => format!("{key:#010x}"),
        }
    }

    /// An `int` of bits.
    pub(super) fn flags(&self, index: usize, names: Names) -> String {
        words::flags(u64::from(self.raw(index) as u32), names)
    }

    /// An `int` that stands for one thing.
    pub(super) fn named(&self, index: usize, names: Names) -> String {
        words::named(self.integer(index).into(), names)
    }

    /// The bits of `msgget` and its like, the lowest of which are permissions.
    pub(super) fn get_flags(&self, index: usize) -> String {
        let bits = u64::from(self.raw(index) as u32);
        let (high, mode) = (bits & !0o777, words::mode(bits & 0o777));
        if high == 0 { mode } else { format!("{}|{mode}", words::flags(high, flags::GET)) }
    }

    /// The command of `msgctl` and its like, each of which has some of its own.
    pub(super) fn control(&self, index: usize, own: Names) -> String {
        const IPC_64: i32 = 0x100;
        let command = i64::from(self.integer(index) & !IPC_64);
        let is_own = own.iter().any(|(number, _)| *number as i64 == command);
        words::named(command, if is_own { own } else { flags::CONTROL })
    }

    pub(super) fn mode(&self, index: usize) -> String {
        words::mode(u64::from(self.raw(index) as u32))
    }

    pub(super) fn signal(&self, index: usize) -> String {
        words::signal(self.integer(index).into())
    }

    /// The folder that a path begins at.
    pub(super) fn folder(&self, index: usize) -> String {
        self.named(index, flags::FOLDER)
    }

    /// What a pointer points to: `NULL`, what `decode` makes of so many bytes, or a question mark.
    fn pointed<const N: usize>(&self, address: u64, decode: impl FnOnce([u8; N]) -> String) -> String {
        if address == 0 {
            return "NULL".into();
        }
        self.bytes(address).map_or_else(|| UNKNOWN.into(), decode)
    }

    /// So many bytes, when all of them can be read.
    fn bytes<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.0.read(address, &mut bytes) == N).then_some(bytes)
    }

    /// The text at an address up to its zero or, when that does not come soon, a part of it; the second is whether it is all.
    fn text(&self, address: u64) -> Option<(Vec<u8>, bool)> {
        let mut bytes = [0; TEXT];
        let len = self.0.read(address, &mut bytes);
        let text = &bytes[..len];
        match text.iter().position(|&byte| byte == 0) {
            Some(end) => Some((text[..end].to_vec(), true)),
            None if text.is_empty() => None,
            None => Some((text.to_vec(), false)),
        }
    }

    /// The path or name that an argument points to, when it can be read.
    pub(super) fn path(&self, index: usize) -> Option<Vec<u8>> {
        self.text(self.raw(index)).map(|(text, _)| text)
    }

    /// A string.
    pub(super) fn string(&self, index: usize) -> String {
        self.string_at(self.raw(index))
    }

    fn string_at(&self, address: u64) -> String {
        if address == 0 {
            return "NULL".into();
        }
        self.text(address).map_or_else(
            || UNKNOWN.into(),
            |(text, is_all)| format!("{}{}", words::quoted(&text), if is_all { "" } else { "..." }),
        )
    }

    /// An array of strings that ends with a null pointer.
    pub(super) fn strings(&self, index: usize) -> String {
        let start = self.raw(index);
        let mut list = Vec::new();
        for number in 0..=ELEMENTS as u64 {
            let pointer = start.checked_add(number * 8).and_then(|address| self.bytes(address));
            match pointer.map(u64::from_ne_bytes) {
                Some(0) => break,
                _ if number == ELEMENTS as u64 => list.push("...".into()),
                Some(address) => list.push(self.string_at(address)),
                None => {
                    list.push(UNKNOWN.into());
                    break;
                }
            }
        }
        format!("[{}]", list.join(", "))
    }

    /// A message, whose type stands before its bytes, `size` of them: `{5, "hello"}`.
    pub(super) fn message(&self, index: usize, size: usize) -> String {
        let address = self.raw(index);
        let size = self.raw(size);
        self.pointed(address, |kind: [u8; 8]| {
            let mut bytes = [0; MESSAGE];
            let shown = usize::try_from(size).unwrap_or(MESSAGE).min(MESSAGE);
            let read = self.0.read(address.saturating_add(8), &mut bytes[..shown]);
            let text = if read < shown { UNKNOWN.into() } else { words::quoted(&bytes[..shown]) };
            let more = if read == shown && size > shown as u64 { "..." } else { "" };
            format!("{{{}, {text}{more}}}", i64::from_ne_bytes(kind))
        })
    }

    /// The bytes of a message that has no type.
    pub(super) fn buffer(&self, index: usize, size: usize) -> String {
        let size = self.raw(size);
        let mut bytes = [0; MESSAGE];
        let shown = usize::try_from(size).unwrap_or(MESSAGE).min(MESSAGE);
        if self.0.read(self.raw(index), &mut bytes[..shown]) < shown {
            return UNKNOWN.into();
        }
        format!("{}{}", words::quoted(&bytes[..shown]), if size > shown as u64 { "..." } else { "" })
    }

    /// An array of semaphore operations: `[{0, -1, SEM_UNDO}]`.
    pub(super) fn operations(&self, index: usize, count: usize) -> String {
        let (address, count) = (self.raw(index), self.raw(count));
        let operation = |number: u64| {
            let bytes: [u8; 6] = self.bytes(address.checked_add(number * 6)?)?;
            let half = |at: usize| [bytes[at], bytes[at + 1]];
            let flags = u16::from_ne_bytes(half(4)).into();
            let (semaphore, change) = (u16::from_ne_bytes(half(0)), i16::from_ne_bytes(half(2)));
            Some(format!("{{{semaphore}, {change}, {}}}", words::flags(flags, flags::OPERATION)))
        };
        let shown = count.min(ELEMENTS as u64);
        let Some(mut list) = (0..shown).map(operation).collect::<Option<Vec<_>>>() else { return UNKNOWN.into() };
        if count > shown {
            list.push("...".into());
        }
        format!("[{}]", list.join(", "))
    }

    /// A time that a pointer points to, in nanoseconds.
    pub(super) fn time(&self, index: usize) -> String {
        self.pointed(self.raw(index), |bytes: [u8; 16]| words::seconds(half(&bytes, 0), half(&bytes, 1), 9))
    }

    /// The interval and first end of an interval timer.
    pub(super) fn interval(&self, index: usize) -> String {
        self.pointed(self.raw(index), |bytes: [u8; 32]| {
            let time = |at| words::seconds(half(&bytes, at), half(&bytes, at + 1), 6);
            format!("{{every {}, first in {}}}", time(0), time(2))
        })
    }

    /// A set of signals.
    pub(super) fn signals(&self, index: usize) -> String {
        self.pointed(self.raw(index), |bytes| words::signal_set(u64::from_ne_bytes(bytes)))
    }

    /// What is to be done about a signal, as the kernel has it: handler, flags, the C library's way back, mask.
    pub(super) fn action(&self, index: usize) -> String {
        self.pointed(self.raw(index), |bytes: [u8; 32]| {
            let handler = match half(&bytes, 0) {
                0 => "SIG_DFL".into(),
                1 => "SIG_IGN".into(),
                handler => words::address(handler.cast_unsigned()),
            };
            // The C library's own, always set where there is a way back.
            const SA_RESTORER: u64 = 0x0400_0000;
            let flags = words::flags(half(&bytes, 1).cast_unsigned() & !SA_RESTORER, flags::ACTION);
            format!("{{{handler}, {flags}, {}}}", words::signal_set(half(&bytes, 3).cast_unsigned()))
        })
    }

    /// What goes with a queued signal: `{SI_QUEUE, 7}`.
    pub(super) fn information(&self, index: usize) -> String {
        self.pointed(self.raw(index), |bytes: [u8; 32]| {
            let code = i32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            format!("{{{}, {}}}", words::named(code.into(), flags::CODE), half(&bytes, 3))
        })
    }

    /// The address of a socket, so many bytes long.
    pub(super) fn socket_address(&self, index: usize, len: usize) -> String {
        let mut bytes = [0; 128];
        let len = usize::try_from(self.raw(len) as u32).unwrap_or(usize::MAX).min(bytes.len());
        match self.raw(index) {
            0 => "NULL".into(),
            address if self.0.read(address, &mut bytes[..len]) < len => UNKNOWN.into(),
            _ => socket_address(&bytes[..len]),
        }
    }
}

/// The number at an index of an array of numbers of 64 bits.
fn half(bytes: &[u8], index: usize) -> i64 {
    let (numbers, _) = bytes.as_chunks::<8>();
    numbers.get(index).map_or(0, |&number| i64::from_ne_bytes(number))
}

fn socket_address(bytes: &[u8]) -> String {
    let Some((family, rest)) = bytes.split_first_chunk::<2>() else { return "{}".into() };
    let family = u16::from_ne_bytes(*family);
    let name = words::named(family.into(), flags::FAMILY);
    let port = |rest: &[u8]| u16::from_be_bytes([rest[0], rest[1]]);
    match (i32::from(family), rest) {
        (libc::AF_UNIX, []) => format!("{{{name}}}"),
        (libc::AF_UNIX, [0, abstract_name @ ..]) => format!("{{{name}, @{}}}", words::quoted(abstract_name)),
        (libc::AF_UNIX, path) => {
            let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
            format!("{{{name}, {}}}", words::quoted(path))
        }
        (libc::AF_INET, rest) if rest.len() >= 6 => {
            let address = Ipv4Addr::new(rest[2], rest[3], rest[4], rest[5]);
            format!("{{{name}, {}}}", SocketAddrV4::new(address, port(rest)))
        }
        (libc::AF_INET6, rest) => match rest.get(6..22).and_then(|address| address.first_chunk::<16>()) {
            Some(&address) => {
                let address = SocketAddrV6::new(Ipv6Addr::from(address), port(rest), 0, 0);
                format!("{{{name}, {address}}}")
            }
            None => format!("{{{name}}}"),
        },
        _ => format!("{{{name}}}"),
    }
}
