//! Children that end when they are told.

use crate::support::{Forked, fork};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::Pid;
use std::cell::Cell;
use std::fmt::Debug;
use std::io::{PipeReader, PipeWriter, Read, Write};

/// Children that all end when they are [told](Self::open). By a byte for each, and not by the end of the pipe: processes that
/// other tests fork at the same time have copies of its ends.
pub(crate) struct Gate {
    reader: PipeReader,
    writer: PipeWriter,
    children: Cell<usize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        Self { reader, writer, children: Cell::new(0) }
    }

    /// A child that ends with `status` when the gate opens. Whoever calls this waits for it.
    pub(crate) fn child(&self, status: i32) -> Pid {
        self.children.update(|count| count + 1);
        let mut reader = &self.reader;
        unowned(fork(|| if reader.read_exact(&mut [0]).is_ok() { status } else { 102 }))
    }

    /// Lets all children end.
    pub(crate) fn open(mut self) {
        self.writer.write_all(&vec![0; self.children.get()]).expect("a pipe with room");
    }
}

/// Gives up the helper's claim on a child.
pub(crate) fn unowned(child: Forked) -> Pid {
    let pid = Pid::from_raw(child.pid()).expect("a child has a pid");
    std::mem::forget(child);
    pid
}

/// A child that ends with this status at once.
pub(crate) fn child(status: i32) -> Pid {
    unowned(fork(|| status))
}

/// The error of a call that has to fail.
pub(crate) fn fails<T: Debug>(result: ipc_safe::Result<T>, kind: ErrorKind) -> String {
    let error = result.expect_err("a failure");
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// The descriptors of this process.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a process has descriptors").count()
}
