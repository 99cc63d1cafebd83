//! What `blackboard_server` and `blackboard_client` agree on.
#![allow(dead_code, reason = "each of the two programs uses a part of it")]

use ipc_safe::Result;
use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::{Key, MessageType};
use std::num::NonZeroU8;
use std::path::PathBuf;

/// The size of the segment: the length of the text as a 32-bit number, then the text.
pub(crate) const SIZE: usize = 1024;
const HEADER: usize = size_of::<u32>();
/// The longest text in bytes.
pub(crate) const CAPACITY: usize = SIZE - HEADER;

/// The semaphore that guards the board: 1 when it is free.
pub(crate) const GUARD: u16 = 0;
/// The semaphore by which the server says that it has read: 0 at first.
pub(crate) const SEEN: u16 = 1;
/// The initial values of both.
pub(crate) const VALUES: [u16; 2] = [1, 0];

/// The type of the notices, which are one byte long.
pub(crate) const NOTICE: MessageType = MessageType::MIN;
/// There is something to read.
pub(crate) const READ: u8 = b'r';
/// The end.
pub(crate) const QUIT: u8 = b'q';

/// The file that the key is made from: the first argument, or a directory that every machine has.
pub(crate) fn path() -> PathBuf {
    std::env::args_os().nth(1).unwrap_or_else(|| "/tmp".into()).into()
}

/// The key of all three objects: each kind has a table of its own.
pub(crate) fn key(path: PathBuf) -> Result<Key> {
    const PROJECT: NonZeroU8 = NonZeroU8::new(b'b').unwrap();
    Key::from_path(path, PROJECT)
}

/// Puts a text on the board. Longer than [`CAPACITY`] is an error, and the board stays as it was.
pub(crate) fn write(board: SharedBytes<'_>, text: &str) -> Result<()> {
    board.write(HEADER, text.as_bytes())?;
    // It fits, as was just seen, so its length does not need more than 32 bits.
    board.store(0, &(text.len() as u32))
}

/// The text on the board. Its length may be anything, because anybody may have written it: one that leads out of the board
/// is an error.
pub(crate) fn read(board: SharedBytes<'_>) -> Result<String> {
    let len = board.load::<u32>(0)? as usize;
    let text = board.slice(HEADER..)?.slice(..len)?;
    Ok(String::from_utf8_lossy(&text.to_vec()).into_owned())
}
