//! What can be done with an end at once.

/// Why a reading end is ready. An end that is not has neither bytes nor reached its end.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writable {
    /// There is room for [`PIPE_BUF`](super::PIPE_BUF) bytes.
    #[doc(alias = "POLLOUT")]
    Room,
    /// Nobody reads: writing fails.
    #[doc(alias = "POLLERR")]
    Broken,
}
