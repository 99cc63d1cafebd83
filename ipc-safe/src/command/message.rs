//! How messages are told apart in a stream of bytes.

use crate::error::{Error, Result};

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

    /// Takes the first message out of what came, when it is all there. How long a message is that is not, as far as it is
    /// known, is the error.
    pub(super) fn unpack(self, came: &mut Vec<u8>) -> Result<Vec<u8>, usize> {
        match self {
            Self::Lines => {
                let end = came.iter().position(|&byte| byte == b'\n').ok_or(came.len())?;
                let mut line: Vec<u8> = came.drain(..=end).collect();
                line.pop();
                Ok(line)
            }
            Self::Frames => {
                let header = came.first_chunk::<HEADER>().ok_or(0_usize)?;
                let len = u32::from_be_bytes(*header) as usize;
                if came.len() - HEADER < len {
                    return Err(len);
                }
                Ok(came.drain(..HEADER + len).skip(HEADER).collect())
            }
        }
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
            let (mut came, mut received) = (Vec::new(), Vec::new());
            for byte in sent {
                came.push(byte);
                received.extend(protocol.unpack(&mut came));
            }
            assert_eq!(received, messages);
            assert!(came.is_empty());
        }
    }

    #[test]
    fn a_message_that_is_not_whole_tells_how_long_it_is() {
        assert_eq!(Protocol::Lines.unpack(&mut b"half".to_vec()), Err(4));
        assert_eq!(Protocol::Frames.unpack(&mut vec![0, 0, 1]), Err(0));
        assert_eq!(Protocol::Frames.unpack(&mut vec![0xff; 5]), Err(0xffff_ffff));
    }
}
