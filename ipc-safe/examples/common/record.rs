//! The records of `fifo_writer` and `fifo_reader`: 64 bytes each, a number, the time, and a text that zero bytes fill up.

/// Bytes in a record. Not more than `PIPE_BUF`, so that each is written in one piece.
pub(crate) const SIZE: usize = 64;
/// Bytes before the text.
const HEADER: usize = 12;

/// A record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) number: u32,
    /// Milliseconds since the writer began.
    pub(crate) time: u64,
    pub(crate) text: String,
}

impl Record {
    #[allow(dead_code, reason = "the reader does not write")]
    pub(crate) fn to_bytes(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[..4].copy_from_slice(&self.number.to_le_bytes());
        bytes[4..HEADER].copy_from_slice(&self.time.to_le_bytes());
        let len = self.text.len().min(SIZE - HEADER);
        bytes[HEADER..HEADER + len].copy_from_slice(&self.text.as_bytes()[..len]);
        bytes
    }

    /// Zero bytes are in every record: they end the text, and nothing else.
    #[allow(dead_code, reason = "the writer does not read")]
    pub(crate) fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        let (number, rest) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let (time, text) = rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        Self {
            number: u32::from_le_bytes(*number),
            time: u64::from_le_bytes(*time),
            text: String::from_utf8_lossy(text).into_owned(),
        }
    }
}
