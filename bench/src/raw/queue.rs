//! A System V message queue, a message type a direction.

use super::{By, checked};
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use libc::{c_int, c_long};
use std::io::ErrorKind;

pub(super) fn rows(by: By, place: Place, bytes: usize) -> [Row; 1] {
    let flags = if place == Place::TwoCores { libc::IPC_NOWAIT } else { 0 };
    [Row::between(by, name::QUEUE, place, bytes, move || Queue::create(flags, bytes))]
}

/// Removed when dropped.
struct Queue {
    id: c_int,
    flags: c_int,
    bytes: usize,
}

impl Queue {
    fn create(flags: c_int, bytes: usize) -> Result<Self> {
        // SAFETY: takes integers.
        let id = unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) };
        checked(id as isize)?;
        Ok(Self { id, flags, bytes })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: removing takes no memory.
        unsafe { libc::msgctl(self.id, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

impl Ends for Queue {
    type Channel<'e> = Both;

    fn connect(&self, seat: Seat) -> Result<Both> {
        // In words of the type, so that it is aligned.
        let frame = vec![0; 1 + self.bytes.div_ceil(size_of::<c_long>())];
        let types = [seat.end.sends(), seat.end.receives()].map(|direction| direction as c_long + 1);
        let [sends, receives] = types;
        Ok(Both { id: self.id, flags: self.flags, sends, receives, outgoing: frame.clone(), incoming: frame })
    }
}

struct Both {
    id: c_int,
    flags: c_int,
    sends: c_long,
    receives: c_long,
    /// The type, then the text.
    outgoing: Vec<c_long>,
    incoming: Vec<c_long>,
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        let Self { id, flags, sends, outgoing, .. } = self;
        outgoing[0] = *sends;
        assert!(message.len() <= size_of_val(&outgoing[1..]));
        // SAFETY: there is room for the message behind the type.
        unsafe { outgoing[1..].as_mut_ptr().cast::<u8>().copy_from(message.as_ptr(), message.len()) };
        spin(|| {
            // SAFETY: the kernel reads the type, and as many bytes as were written behind it.
            unsafe { libc::msgsnd(*id, outgoing.as_ptr().cast(), message.len(), *flags) as isize }
        })?;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let Self { id, flags, receives, incoming, .. } = self;
        assert!(buffer.len() <= size_of_val(&incoming[1..]));
        let len = spin(|| {
            // SAFETY: the kernel writes the type, and at most so many bytes behind it, for which there is room.
            unsafe { libc::msgrcv(*id, incoming.as_mut_ptr().cast(), buffer.len(), *receives, *flags) }
        })?;
        if len != buffer.len() {
            return Err("a short message".into());
        }
        // SAFETY: so many bytes were received, and the buffer has as many.
        unsafe { buffer.as_mut_ptr().copy_from(incoming[1..].as_ptr().cast(), len) };
        Ok(())
    }
}

fn spin(mut call: impl FnMut() -> isize) -> std::io::Result<usize> {
    loop {
        match checked(call()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOMSG) => {
                std::hint::spin_loop();
            }
            other => return other,
        }
    }
}
