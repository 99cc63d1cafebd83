//! Where messages are received to and sent from.

use super::message::MessageType;
use super::raw::Raw;
use super::raw::msg::{self, HEADER};
use crate::error::{Errno, Error, Result};
use crate::shared::Plain;
use core::ffi::{c_int, c_long};
use core::fmt;

/// A message in memory of the caller, in the form that the kernel wants it: nothing is copied on the way, and one buffer
/// serves for any number of messages.
///
/// The storage is a vector, or whatever you bring: an array on the stack, a borrowed slice. Its first 8 bytes hold the type.
///
/// ```
/// use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Selector};
///
/// let queue = MessageQueue::private()?;
/// let mut buffer = MessageBuffer::new([0; 72])?; // 64 bytes of text, on the stack
/// buffer.set(MessageType::MIN, b"hello")?;
/// queue.send_buffer(&buffer)?;
/// let kind = queue.receive(Selector::First, &mut buffer)?;
/// assert_eq!((kind, buffer.bytes()), (MessageType::MIN, &b"hello"[..]));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[doc(alias = "msgbuf")]
#[derive(Clone)]
pub struct MessageBuffer<S = Vec<u8>> {
    storage: S,
    len: usize,
}

impl MessageBuffer {
    /// A buffer for messages of up to `capacity` bytes, with an empty message of type [`MessageType::MIN`].
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut buffer = Self { storage: vec![0; HEADER + capacity], len: 0 };
        buffer.set_type(MessageType::MIN);
        buffer
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> MessageBuffer<S> {
    /// A buffer in `storage`, for messages of up to 8 bytes less than that, with an empty message of type
    /// [`MessageType::MIN`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when `storage` has less than 8 bytes.
    pub fn new(storage: S) -> Result<Self> {
        if storage.as_ref().len() < HEADER {
            let reason = format!("the message type alone takes {HEADER} bytes");
            return Err(Error::invalid("MessageBuffer::new", reason).without_errno());
        }
        let mut buffer = Self { storage, len: 0 };
        buffer.set_type(MessageType::MIN);
        Ok(buffer)
    }

    /// The longest message that fits, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.as_ref().len().saturating_sub(HEADER)
    }

    /// The length of the message in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the message has no bytes; it still has a type.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The type of the message.
    #[inline]
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        let mut raw = [0; HEADER];
        raw.copy_from_slice(&self.storage.as_ref()[..HEADER]);
        super::message::received(c_long::from_ne_bytes(raw))
    }

    /// The bytes of the message.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.frame()[HEADER..]
    }

    /// The bytes of the message, to write it in place.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let end = HEADER + self.len;
        &mut self.storage.as_mut()[HEADER..end]
    }

    /// A copy of the message's bytes as a value, when they are as many as it has.
    #[must_use]
    pub fn value<P: Plain>(&self) -> Option<P> {
        P::read_from_bytes(self.bytes()).ok()
    }

    /// Changes the type of the message.
    pub fn set_type(&mut self, kind: MessageType) {
        self.storage.as_mut()[..HEADER].copy_from_slice(&kind.get().to_ne_bytes());
    }

    /// Changes the length of the message; bytes that this adds are whatever was there before.
    ///
    /// # Errors
    ///
    /// [`TooBig`](crate::error::ErrorKind::TooBig) above the capacity.
    pub fn set_len(&mut self, len: usize) -> Result<()> {
        if len > self.capacity() {
            return Err(Error::new("MessageBuffer", Errno::TOOBIG)
                .about(format!("{len} bytes"))
                .because(format!("the buffer takes messages of {} bytes", self.capacity())));
        }
        self.len = len;
        Ok(())
    }

    /// Makes this the message of type `kind` with these bytes.
    ///
    /// # Errors
    ///
    /// [`TooBig`](crate::error::ErrorKind::TooBig) when there are more bytes than fit; the buffer stays as it was.
    pub fn set(&mut self, kind: MessageType, bytes: &[u8]) -> Result<()> {
        self.set_len(bytes.len())?;
        self.set_type(kind);
        self.bytes_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// This buffer as a destination that a longer message is cut for.
    #[doc(alias = "MSG_NOERROR")]
    pub const fn truncating(&mut self) -> Truncating<'_, S> {
        Truncating(self)
    }

    /// The storage.
    #[must_use]
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// Type and bytes as the kernel wants them.
    #[inline]
    pub(super) fn frame(&self) -> &[u8] {
        &self.storage.as_ref()[..HEADER + self.len]
    }

    /// Copies a message by way of a vector that takes all of it.
    #[cold]
    fn copy_start(&mut self, id: c_int, index: c_long, flags: c_int) -> Raw<MessageType> {
        let mut text = Vec::new();
        let kind = sealed::Sealed::receive(&mut &mut text, id, index, flags)?;
        self.len = text.len().min(self.capacity());
        self.set_type(kind);
        let len = self.len;
        self.bytes_mut().copy_from_slice(&text[..len]);
        Ok(kind)
    }

    #[inline]
    fn receive_raw(&mut self, id: c_int, kind: c_long, flags: c_int) -> Raw<MessageType> {
        self.len = msg::receive(id, self.storage.as_mut(), kind, flags)?;
        Ok(self.message_type())
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> fmt::Debug for MessageBuffer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageBuffer")
            .field("message_type", &self.message_type())
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// A [`MessageBuffer`] for which a longer message is cut: the kernel drops what does not fit. See
/// [`MessageBuffer::truncating`].
#[derive(Debug)]
pub struct Truncating<'a, S: AsRef<[u8]> + AsMut<[u8]> = Vec<u8>>(&'a mut MessageBuffer<S>);

/// Where a message can be received to. Sealed.
///
/// - `&mut MessageBuffer`: up to its capacity; a longer message stays in the queue
///   ([`TooBig`](crate::error::ErrorKind::TooBig)).
/// - [`Truncating`]: up to the capacity; the rest of a longer message is lost.
/// - `&mut Vec<u8>`: the vector grows to whatever the message needs; its contents are replaced.
pub trait Destination: sealed::Sealed {}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Destination for &mut MessageBuffer<S> {}
impl<S: AsRef<[u8]> + AsMut<[u8]>> Destination for Truncating<'_, S> {}
impl Destination for &mut Vec<u8> {}

pub(super) mod sealed {
    use super::*;

    pub trait Sealed {
        /// One `msgrcv`, made again only to give a vector more room.
        fn receive(&mut self, id: c_int, kind: c_long, flags: c_int) -> Raw<MessageType>;

        /// The longest message that fits, for errors.
        fn capacity(&self) -> usize;
    }

    impl<S: AsRef<[u8]> + AsMut<[u8]>> Sealed for &mut MessageBuffer<S> {
        #[inline]
        fn receive(&mut self, id: c_int, kind: c_long, flags: c_int) -> Raw<MessageType> {
            self.receive_raw(id, kind, flags)
        }

        fn capacity(&self) -> usize {
            MessageBuffer::capacity(self)
        }
    }

    impl<S: AsRef<[u8]> + AsMut<[u8]>> Sealed for Truncating<'_, S> {
        #[inline]
        fn receive(&mut self, id: c_int, kind: c_long, flags: c_int) -> Raw<MessageType> {
            use ipc_sys::msg::{MSG_COPY, MSG_NOERROR};
            match self.0.receive_raw(id, kind, flags | MSG_NOERROR) {
                // The kernel cuts what it takes out of the queue, not what it copies.
                Err(Errno::INVAL) if flags & MSG_COPY != 0 => self.0.copy_start(id, kind, flags),
                other => other,
            }
        }

        fn capacity(&self) -> usize {
            self.0.capacity()
        }
    }

    impl Sealed for &mut Vec<u8> {
        fn receive(&mut self, id: c_int, kind: c_long, flags: c_int) -> Raw<MessageType> {
            const START: usize = 256;
            // No message is longer: `kernel.msgmax` is an int.
            const LONGEST: usize = c_int::MAX as usize;
            let mut capacity = Vec::capacity(self).saturating_sub(HEADER).max(START);
            loop {
                match msg::receive_vec(id, self, capacity, kind, flags) {
                    Err(Errno::TOOBIG) if capacity < LONGEST => capacity *= 2,
                    other => return other.map(crate::sysv::message::received),
                }
            }
        }

        fn capacity(&self) -> usize {
            Vec::capacity(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_holds_what_it_is_given_and_refuses_more() {
        let mut buffer = MessageBuffer::with_capacity(4);
        let seven = MessageType::new(7).unwrap();
        buffer.set(seven, b"abcd").unwrap();
        assert_eq!((buffer.message_type(), buffer.bytes()), (seven, &b"abcd"[..]));
        assert!(buffer.set(MessageType::MIN, b"abcde").is_err());
        assert_eq!((buffer.message_type(), buffer.bytes()), (seven, &b"abcd"[..]));
        assert_eq!(buffer.value::<[u8; 4]>(), Some(*b"abcd"));
        assert_eq!(buffer.value::<[u8; 3]>(), None);
    }

    #[test]
    fn storage_too_small_for_the_type_is_refused() {
        assert!(MessageBuffer::new([0; 7]).is_err());
        assert_eq!(MessageBuffer::new([0; 8]).unwrap().capacity(), 0);
    }
}
