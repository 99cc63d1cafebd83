//! A filter that answers: `cat`, and two pipes.

use super::By;
use ipc_measure::ours::name;
use ipc_measure::{Place, Repeated, Result, Row};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(super) fn rows(by: By, place: Place, bytes: usize) -> Option<Row> {
    (place == Place::OneCore).then(|| Row::alone(by, name::COPROCESS, bytes, 2.0, move || requests(bytes)))
}

/// Reaped when dropped.
struct Filter {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Drop for Filter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn requests(bytes: usize) -> Result<Repeated> {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
    let mut filter = Filter { child, input, output };
    let mut request = vec![b'x'; bytes];
    request[bytes - 1] = b'\n';
    let mut answer = vec![0; bytes];
    Ok(Box::new(move |count| {
        for _ in 0..count {
            filter.input.write_all(&request)?;
            filter.output.read_exact(&mut answer)?;
        }
        Ok(())
    }))
}
