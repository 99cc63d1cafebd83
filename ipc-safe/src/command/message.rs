//! How messages are told apart in a stream of bytes.

use crate::error::{Error, Result};
use core::mem::take;
use core::ops::Range;

/// What a message looks like on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Bytes without a line feed, and a line feed.
    Lines,
    /// The length in four bytes, the most significant first, and so many bytes.
    Frames,
}

/// The length before a frame.
const HEADER: usize = 4;

impl Protocol {
    /// What stands for a message in the name of an error.
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Lines => "line",
            Self::Frames => "frame",
        }
    }

    /// A message as it goes.
    pub(super) fn pack(self, message: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Lines if message.contains(&b'\n') => {
                Err(Error::invalid("write", "a line has no line feed inside; it is added behind").without_errno())
            }
            Self::Lines => Ok([message, b"\n"].concat()),
            Self::Frames => {
                let len = u32::try_from(message.len())
                    .map_err(|_| Error::invalid("write", "a frame has at most 4 GiB").without_errno())?;
                Ok([&len.to_be_bytes(), message].concat())
            }
        }
    }

    /// Where the first message is in these bytes, and where the next one begins. How long a message is that is not all there, as far
    /// as it is known, is the error. In the first `searched` bytes there is no line feed.
    fn find(self, bytes: &[u8], searched: usize) -> Result<(Range<usize>, usize), usize> {
        match self {
            Self::Lines => {
                let unsearched = bytes.get(searched..).unwrap_or_default();
                let end = unsearched.iter().position(|&byte| byte == b'\n').ok_or(bytes.len())? + searched;
                Ok((0..end, end + 1))
            }
            Self::Frames => {
                let header = bytes.first_chunk::<HEADER>().ok_or(0_usize)?;
                let len = u32::from_be_bytes(*header) as usize;
                if bytes.len() - HEADER < len {
                    return Err(len);
                }
                Ok((HEADER..HEADER + len, HEADER + len))
            }
        }
    }
}

/// What came and was not received yet. However small the pieces are that it came in, and however many messages it has, each byte is
/// looked at and moved a few times only.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    bytes: Vec<u8>,
    /// Before this, all was received.
    start: usize,
    /// So much behind that was searched for the end of a line, in vain.
    searched: usize,
}

/// What is the matter with a message that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is not all there.
    Rest,
    /// It has so many bytes or more, which is above the limit. It stays where it is.
    TooLong(usize),
}

impl Arrived {
    /// How many bytes there are.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn push(&mut self, more: &[u8]) {
        // What was received is forgotten when it is the larger part, so that what is left moves less than once for each byte.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    /// Takes the first message out.
    pub(super) fn take_message(&mut self, protocol: Protocol, limit: usize) -> Result<Vec<u8>, Missing> {
        let bytes = self.bytes.get(self.start..).unwrap_or_default();
        match protocol.find(bytes, self.searched) {
            Ok((message, _)) if message.len() > limit => Err(Missing::TooLong(message.len())),
            Ok((message, end)) => {
                let message = bytes.get(message).unwrap_or_default().to_vec();
                self.start += end;
                self.searched = 0;
                Ok(message)
            }
            Err(len) => {
                self.searched = bytes.len();
                Err(if len > limit { Missing::TooLong(len) } else { Missing::Rest })
            }
        }
    }

    /// Takes all of it out.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let Self { mut bytes, start, .. } = take(self);
        bytes.drain(..start);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in_however_they_were_cut() {
        let messages: [&[u8]; 4] = [b"", b"one", b"\0\xff", &[7; 300]];
        for protocol in [Protocol::Lines, Protocol::Frames] {
            let sent: Vec<u8> = messages.iter().flat_map(|message| protocol.pack(message).unwrap()).collect();
            for piece in [1, 2, 3, 5, 300, 1000] {
                let (mut came, mut received) = (Arrived::default(), Vec::new());
                for bytes in sent.chunks(piece) {
                    came.push(bytes);
                    while let Ok(message) = came.take_message(protocol, 300) {
                        received.push(message);
                    }
                }
                assert_eq!(received, messages);
                assert_eq!((came.len(), came.take_all()), (0, Vec::new()));
            }
        }
    }

    #[test]
    fn a_message_that_is_not_whole_or_too_long_stays() {
        for (protocol, bytes, limit, missing) in [
            (Protocol::Lines, &b"half"[..], 4, Missing::Rest),
            (Protocol::Lines, b"half", 3, Missing::TooLong(4)),
            (Protocol::Lines, b"whole\nhalf", 4, Missing::TooLong(5)),
            (Protocol::Frames, &[0, 0, 1], 0, Missing::Rest),
            (Protocol::Frames, &[0xff; 5], 5, Missing::TooLong(0xffff_ffff)),
            (Protocol::Frames, &[0, 0, 0, 1, 7], 0, Missing::TooLong(1)),
        ] {
            let mut came = Arrived::default();
            came.push(bytes);
            for _ in 0..2 {
                assert_eq!(came.take_message(protocol, limit), Err(missing));
            }
            assert_eq!((came.len(), came.take_all()), (bytes.len(), bytes.to_vec()));
        }
    }

    /// A program may write a long line byte by byte, and many short ones that are received late.
    #[test]
    fn the_work_grows_with_the_bytes_only() {
        const MANY: usize = 1 << 20;
        let mut came = Arrived::default();
        for _ in 0..MANY {
            came.push(b"x");
            assert_eq!(came.take_message(Protocol::Lines, MANY), Err(Missing::Rest));
        }
        came.push(&[b'\n'; MANY]);
        assert_eq!(came.take_message(Protocol::Lines, MANY).unwrap().len(), MANY);
        for left in (0..MANY - 1).rev() {
            assert_eq!((came.take_message(Protocol::Lines, 0), came.len()), (Ok(Vec::new()), left));
            came.push(b"");
        }
    }
}
