//! What can be done with an end at once.

/// Why a reading end is ready. An end that is not has neither bytes nor reached its end.
///
/// ```
/// use ipc_safe::pipe::{self, Readable};
///
/// let (reader, writer) = pipe::pipe()?;
/// assert!(reader.try_wait().unwrap_err().is_would_block());
/// writer.write_atomic("x")?;
/// assert_eq!(reader.try_wait()?, Readable::Bytes);
/// reader.try_read(&mut [0])?;
/// drop(writer);
/// assert_eq!(reader.try_wait()?, Readable::End);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html)
#[doc(alias = "poll")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readable {
    /// There are bytes.
    #[doc(alias = "POLLIN")]
    Bytes,
    /// There are none, and nobody can write any: the end of the stream.
    #[doc(alias = "POLLHUP")]
    End,
}

/// Why a writing end is ready. An end that is not is full.
///
/// ```
/// use ipc_safe::pipe::{self, Writable};
///
/// let (reader, writer) = pipe::pipe()?;
/// assert_eq!(writer.try_wait()?, Writable::Room);
/// drop(reader);
/// assert_eq!(writer.try_wait()?, Writable::Broken);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html)
#[doc(alias = "poll")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writable {
    /// There is room for [`PIPE_BUF`](super::PIPE_BUF) bytes.
    #[doc(alias = "POLLOUT")]
    Room,
    /// Nobody reads: writing fails.
    #[doc(alias = "POLLERR")]
    Broken,
}
