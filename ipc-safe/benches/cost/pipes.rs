//! Bytes into a pipe and out of it, by one thread, which never sleeps: what each way to write and read costs over the calls.
//!
//! A C program that does not want to wait has non-blocking descriptors, or asks for each call as the crate does.

use crate::buffer::Buffer;
use crate::{Bar, Case};
use ipc_safe::pipe::{self, Fifo, PipeReader, PipeWriter};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

const BAR: Bar = Bar::OverControl(0.03);

/// Whether the end has another descriptor to be read from is looked up: 5 to 10 ns a call.
const AT_ONCE: Bar = Bar::OverControl(0.05);

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn cases() -> Vec<Case> {
    let pipe = || pipe::pipe().expect("a pipe");
    vec![
        write_and_read(64, pipe()),
        write_and_read(4096, pipe()),
        write_atomic_and_read(64, pipe()),
        try_write_and_try_read(64, pipe()),
        try_write_and_try_read_of_a_fifo(64),
        write_and_read_timeout(64, pipe()),
    ]
}

/// The numbers of two descriptors.
type Numbers = (RawFd, RawFd);

fn numbers(ends: &(PipeReader, PipeWriter)) -> Numbers {
    (ends.0.as_raw_fd(), ends.1.as_raw_fd())
}

/// Writes a buffer and reads it back.
fn raw((reader, writer): Numbers, buffer: Buffer, len: usize) -> impl FnMut() {
    move || {
        let bytes = buffer.bytes();
        // SAFETY: reads so many bytes of the buffer and writes as many.
        unsafe {
            assert_eq!(libc::write(writer, bytes.as_ptr().cast(), len), len as isize);
            assert_eq!(libc::read(reader, bytes.as_mut_ptr().cast(), len), len as isize);
        }
    }
}

/// As [`raw`], by the calls that do not wait.
fn raw_at_once((reader, writer): Numbers, buffer: Buffer, len: usize) -> impl FnMut() {
    move || {
        let bytes = buffer.bytes();
        let part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: len };
        // SAFETY: reads so many bytes of the buffer and writes as many.
        unsafe {
            assert_eq!(libc::pwritev2(writer, &raw const part, 1, -1, libc::RWF_NOWAIT), len as isize);
            assert_eq!(libc::preadv2(reader, &raw const part, 1, -1, libc::RWF_NOWAIT), len as isize);
        }
    }
}

fn write_and_read(len: usize, ends: (PipeReader, PipeWriter)) -> Case {
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&ends));
    let (mut reader, mut writer) = ends;
    let ours = move || {
        assert_eq!(writer.write(buffer.bytes()).unwrap(), len);
        assert_eq!(reader.read(buffer.bytes()).unwrap(), len);
    };
    Case::new(format!("pipe: write + read, {}", size(len)), BAR, || raw(numbers, buffer, len), ours)
}

fn write_atomic_and_read(len: usize, ends: (PipeReader, PipeWriter)) -> Case {
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&ends));
    let (mut reader, writer) = ends;
    let ours = move || {
        writer.write_atomic(&*buffer.bytes()).unwrap();
        assert_eq!(reader.read(buffer.bytes()).unwrap(), len);
    };
    Case::new(format!("pipe: write_atomic + read, {}", size(len)), BAR, || raw(numbers, buffer, len), ours)
}

fn try_write_and_try_read(len: usize, ends: (PipeReader, PipeWriter)) -> Case {
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&ends));
    let (reader, writer) = ends;
    let ours = move || {
        assert_eq!(writer.try_write(buffer.bytes()).unwrap(), len);
        assert_eq!(reader.try_read(buffer.bytes()).unwrap(), len);
    };
    Case::new(format!("pipe: try_write + try_read, {}", size(len)), AT_ONCE, || raw_at_once(numbers, buffer, len), ours)
}

/// The kernel knows no such call for FIFOs; non-blocking descriptors serve both sides.
fn try_write_and_try_read_of_a_fifo(len: usize) -> Case {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo")).expect("a FIFO").into_owned();
    let ends = fifo.open_both().expect("both ends");
    let of_c = fifo.open_both().expect("both ends");
    of_c.0.set_nonblocking(true).expect("non-blocking");
    of_c.1.set_nonblocking(true).expect("non-blocking");
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&of_c));
    // C's ends live as long as the program.
    std::mem::forget(of_c);
    let (reader, writer) = ends;
    let ours = move || {
        assert_eq!(writer.try_write(buffer.bytes()).unwrap(), len);
        assert_eq!(reader.try_read(buffer.bytes()).unwrap(), len);
    };
    Case::new(format!("FIFO: try_write + try_read, {}", size(len)), AT_ONCE, || raw(numbers, buffer, len), ours)
}

/// Looks at the clock for the deadline.
fn write_and_read_timeout(len: usize, ends: (PipeReader, PipeWriter)) -> Case {
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&ends));
    let (reader, mut writer) = ends;
    let ours = move || {
        assert_eq!(writer.write(buffer.bytes()).unwrap(), len);
        assert_eq!(reader.read_timeout(buffer.bytes(), SECOND).unwrap(), len);
    };
    let name = format!("pipe: write + read_timeout (it is there), {}", size(len));
    Case::new(name, Bar::None, || raw(numbers, buffer, len), ours)
}

fn size(len: usize) -> String {
    if len < 1024 { format!("{len} B") } else { format!("{} KiB", len / 1024) }
}
