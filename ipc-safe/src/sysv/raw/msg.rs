//! Message queues.

use super::{Errno, Raw, done, returned, same_id};
use crate::shared::Plain;
use core::ffi::{c_int, c_long, c_void};
use core::mem::MaybeUninit;
use ipc_sys::ipc::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT};
use ipc_sys::msg;

/// The bytes of a frame before the text: the message type, a C `long`.
pub(in crate::sysv) const HEADER: usize = size_of::<c_long>();

pub(in crate::sysv) fn get(key: c_int, flags: c_int) -> Raw<c_int> {
    // SAFETY: `msgget` takes two integers and touches no memory of ours.
    returned(unsafe { msg::msgget(key, flags) })
}

/// Sends `frame`: the type, then the text.
#[inline]
pub(in crate::sysv) fn send(id: c_int, frame: &[u8], flags: c_int) -> Raw<()> {
    let Some(len) = frame.len().checked_sub(HEADER) else { return Err(Errno::INVAL) };
    // SAFETY: the kernel reads a `long` (any alignment serves it) and `len` bytes, which is just the initialised `frame`.
    done(unsafe { msg::msgsnd(id, frame.as_ptr().cast(), len, flags) })
}

/// Lends `body` a frame of `kind` and `text`: on the stack up to the usual longest message, on the heap beyond.
#[inline]
pub(in crate::sysv) fn with_frame<T>(kind: c_long, text: &[u8], body: impl FnOnce(&[u8]) -> T) -> T {
    const ROOM: usize = HEADER + 8192;
    let len = HEADER + text.len();
    if len > ROOM {
        return body(&[&kind.to_ne_bytes(), text].concat());
    }
    let mut room = [const { MaybeUninit::<u8>::uninit() }; ROOM];
    let frame = room.as_mut_ptr().cast::<u8>();
    // SAFETY: the type's bytes fit: `ROOM` is larger.
    unsafe { frame.copy_from_nonoverlapping(kind.to_ne_bytes().as_ptr(), HEADER) };
    // SAFETY: `HEADER` is inside `room`.
    let start = unsafe { frame.add(HEADER) };
    // SAFETY: `len <= ROOM`, so the text fits behind the type; `room` is new, so the two do not overlap.
    unsafe { start.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
    // SAFETY: the first `len` bytes of `room` were just written.
    body(unsafe { core::slice::from_raw_parts(frame, len) })
}

/// Receives into `frame`: the type, then the text, whose length it returns.
#[inline]
pub(in crate::sysv) fn receive(id: c_int, frame: &mut [u8], kind: c_long, flags: c_int) -> Raw<usize> {
    // SAFETY: `frame` is writable for its length.
    unsafe { receive_at(id, frame.as_mut_ptr(), frame.len(), kind, flags) }
}

/// Receives into `text`, replacing its contents; a text longer than `capacity` is `E2BIG`.
pub(in crate::sysv) fn receive_vec(
    id: c_int,
    text: &mut Vec<u8>,
    capacity: usize,
    kind: c_long,
    flags: c_int,
) -> Raw<c_long> {
    text.clear();
    text.reserve(HEADER + capacity);
    let frame = text.as_mut_ptr();
    // SAFETY: the vector has room for that many bytes.
    let len = unsafe { receive_at(id, frame, HEADER + capacity, kind, flags) }?;
    // SAFETY: the kernel wrote a `long` at the start of the frame; any alignment serves `read_unaligned`.
    let kind = unsafe { frame.cast::<c_long>().read_unaligned() };
    // SAFETY: `HEADER` is inside the vector's room.
    let start = unsafe { frame.add(HEADER) };
    // SAFETY: both ranges are inside the vector's room; `copy` allows them to overlap.
    unsafe { start.copy_to(frame, len) };
    // SAFETY: the first `len` bytes are the text that the kernel wrote, moved down.
    unsafe { text.set_len(len) };
    Ok(kind)
}

/// A received value: its type, or the bytes of a message of another length.
pub(in crate::sysv) type Value<P> = Result<(c_long, P), (c_long, Vec<u8>)>;

/// Receives a message whose text is the bytes of a `P`; a longer one is `E2BIG`.
#[inline]
pub(in crate::sysv) fn receive_value<P: Plain>(id: c_int, kind: c_long, flags: c_int) -> Raw<Value<P>> {
    /// What the kernel wants; packed so that the value follows the type whatever its alignment.
    #[repr(C, packed(8))]
    struct Frame<P> {
        kind: c_long,
        value: MaybeUninit<P>,
    }
    const { assert!(core::mem::offset_of!(Frame<P>, value) == HEADER) };
    let mut frame = Frame { kind: 0, value: MaybeUninit::<P>::uninit() };
    let room = HEADER + size_of::<P>();
    // SAFETY: `frame` is writable for its size, which is at least `room`.
    let len = unsafe { receive_at(id, (&raw mut frame).cast(), room, kind, flags) }?;
    let kind = frame.kind;
    if len == size_of::<P>() {
        let value = frame.value;
        // SAFETY: the kernel wrote all bytes of the value, and for a `FromBytes` type any bytes are a value.
        return Ok(Ok((kind, unsafe { value.assume_init() })));
    }
    let start = (&raw const frame.value).cast::<u8>();
    // SAFETY: the kernel wrote the first `len` bytes, which is less than the size of the value.
    Ok(Err((kind, unsafe { core::slice::from_raw_parts(start, len) }.to_vec())))
}

/// `msgrcv` into `room` bytes from `frame` on. On success a `long` and the returned number of bytes are initialised.
///
/// # Safety
///
/// `frame` is good for writes of `room` bytes.
#[inline]
unsafe fn receive_at(id: c_int, frame: *mut u8, room: usize, kind: c_long, flags: c_int) -> Raw<usize> {
    let Some(capacity) = room.checked_sub(HEADER) else { return Err(Errno::INVAL) };
    // SAFETY: the kernel writes a `long` (any alignment serves it) and at most `capacity` bytes, which is just the frame.
    let len = unsafe { msg::msgrcv(id, frame.cast::<c_void>(), capacity, kind, flags) };
    usize::try_from(len).map_err(|_| Errno::last())
}

pub(in crate::sysv) fn status(id: c_int) -> Raw<msg::msqid_ds> {
    stat(id, IPC_STAT).map(|(_, status)| status)
}

/// The queue at a place of the kernel's table: its id and status.
pub(in crate::sysv) fn status_at(index: c_int) -> Raw<(c_int, msg::msqid_ds)> {
    stat(index, msg::MSG_STAT_ANY)
}

fn stat(id: c_int, command: c_int) -> Raw<(c_int, msg::msqid_ds)> {
    let mut status = msg::msqid_ds::default();
    // SAFETY: IPC_STAT and MSG_STAT_ANY write one `msqid_ds`.
    let result = returned(unsafe { msg::msgctl(id, command, &raw mut status) })?;
    Ok((result, status))
}

/// The status for changing it, which is the right of an owner who may not read it.
pub(in crate::sysv) fn status_to_change(id: c_int) -> Raw<msg::msqid_ds> {
    match status(id) {
        Err(Errno::ACCES) => status_at(id).and_then(|found| same_id(id, found)),
        other => other,
    }
}

pub(in crate::sysv) fn set(id: c_int, mut status: msg::msqid_ds) -> Raw<()> {
    // SAFETY: IPC_SET reads one `msqid_ds`.
    done(unsafe { msg::msgctl(id, IPC_SET, &raw mut status) })
}

pub(in crate::sysv) fn remove(id: c_int) -> Raw<()> {
    // SAFETY: IPC_RMID does not use the pointer.
    done(unsafe { msg::msgctl(id, IPC_RMID, core::ptr::null_mut()) })
}

/// The limits; the result is the highest index in use.
pub(in crate::sysv) fn limits() -> Raw<(c_int, msg::msginfo)> {
    info(IPC_INFO)
}

/// What is in use; the result is the highest index in use.
pub(in crate::sysv) fn usage() -> Raw<(c_int, msg::msginfo)> {
    info(msg::MSG_INFO)
}

fn info(command: c_int) -> Raw<(c_int, msg::msginfo)> {
    let mut info = msg::msginfo::default();
    // SAFETY: IPC_INFO and MSG_INFO write one `msginfo`, whatever type the prototype gives the pointer.
    let result = returned(unsafe { msg::msgctl(0, command, (&raw mut info).cast()) })?;
    Ok((result, info))
}
