//! Pipes and FIFOs.
//!
//! A pipe carries bytes one way, in order, each read once, from whoever has its writing end to whoever has its reading end: any
//! processes, since descriptors are inherited and sent. A FIFO is a pipe with a name in the file system.
//!
//! ```
//! use ipc_safe::pipe;
//! use std::io::{Read, Write};
//!
//! let (mut reader, mut writer) = pipe::pipe()?;
//! writer.write_all(b"some bytes").unwrap();
//! drop(writer); // nobody else can write: the stream ends
//! let mut text = String::new();
//! reader.read_to_string(&mut text).unwrap();
//! assert_eq!(text, "some bytes");
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! What is different here from [`std::io::pipe`], whose ends convert into these and back:
//!
//! - **How long a call waits** is said with each call: `try_read`, `read_timeout`, `read_interruptible`, and the same for
//!   writing and the others. The plain form of reading and writing is that of [`std::io::Read`] and [`std::io::Write`]: one
//!   system call, which waits unless the end was [made non-blocking](PipeReader::set_nonblocking). Signal handlers never show in
//!   it.
//! - **Each outcome is told apart.** Reading: so many bytes; nothing yet ([`WouldBlock`](crate::error::ErrorKind::WouldBlock));
//!   0, the end of the stream. Writing: so many bytes; full ([`WouldBlock`](crate::error::ErrorKind::WouldBlock)); nobody reads
//!   any more ([`Closed`](crate::error::ErrorKind::Closed)).
//! - **What stays whole**: [`write_atomic`](PipeWriter::write_atomic) writes all or nothing, and refuses what the kernel might
//!   tear apart. Reading is never atomic: what was written at once may arrive in parts, and parts of two writes together. In
//!   [packet mode](PipeOptions::packets) each write is read on its own.
//! - Capacity, `splice`, `tee`, `vmsplice`, and [FIFOs](Fifo).
//!
//! # A pipe that nobody reads
//!
//! Writing to it raises `SIGPIPE`. Rust programs ignore that signal from their start, and the write is an error. Nothing here
//! changes what the process does about it: in a program that has the default action again, the write ends the program, as it is
//! meant to. [`without_broken_pipe`](crate::signal::without_broken_pipe) makes it an error for some calls.
//!
//! # How a call does not wait
//!
//! The ends are blocking, so that they can be given to other programs as they are. `try_` and `_timeout` ask the kernel for each
//! call that it shall not wait (`RWF_NOWAIT`). For FIFOs, and before Linux 6.4, it knows no such call; the end is then opened once
//! more through `/proc/self/fd`, non-blocking and independent of the first. Where that cannot be done either, a call is preceded
//! by a look whether it would wait, and may then wait all the same when somebody else was faster.
//!
//! [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html), [fifo(7)](https://man7.org/linux/man-pages/man7/fifo.7.html)

mod end;
mod fifo;
mod fifo_open;
mod fifo_options;
mod fifo_owned;
mod options;
mod raw;
mod reader;
mod readiness;
mod transfer;
mod writer;

pub(crate) use end::ours;
pub use fifo::Fifo;
pub use fifo_options::FifoOptions;
pub use fifo_owned::OwnedFifo;
pub(crate) use options::no_descriptor;
pub use options::{PipeOptions, pipe};
pub use reader::PipeReader;
pub use readiness::{Readable, Writable};
pub use rustix::pipe::PIPE_BUF;
pub use writer::PipeWriter;
