//! Pipes and FIFOs; commands; children.

use crate::driver::{Outcome, dropped, folder, or_timed_out, or_would_block, scenarios};
use ipc_safe::command::{CommandReader, CommandWriter, Coprocess, Pipeline, shell};
use ipc_safe::pipe::{Fifo, PipeOptions, PipeReader, Readable, pipe};
use ipc_safe::process::{Children, Pid, is_alive};
use ipc_safe::signal::Reaper;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

scenarios! {
    ends
    options
    reads
    writes
    whole_messages
    splices
    fifo
    fifo_opened
    fifo_opened_in_vain
    command_read
    command_written
    commands_piped
    coprocess
    coprocess_in_frames
    children
    reaped
}

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(5);

fn ends() -> Outcome {
    let (reader, writer) = pipe()?;
    let clone = reader.try_clone()?;
    assert!(!reader.is_nonblocking()?);
    reader.set_nonblocking(true)?;
    reader.set_nonblocking(false)?;
    assert_eq!(writer.capacity()?, 1 << 16);
    writer.set_capacity(1 << 13)?;
    assert_eq!(reader.available()?, 0);
    dropped((reader, writer, clone));
    Ok(())
}

fn options() -> Outcome {
    dropped(PipeOptions::new().packets(true).create()?);
    dropped(PipeOptions::new().nonblocking(true).capacity(1 << 13).create()?);
    Ok(())
}

/// Each byte comes once and in its order.
fn reads() -> Outcome {
    let (mut reader, mut writer) = pipe()?;
    writer.write_all(b"0123456789")?;
    let mut bytes = [0; 2];
    assert_eq!(reader.wait()?, Readable::Bytes);
    reader.read_exact(&mut bytes)?;
    assert_eq!(&bytes, b"01");
    reader.try_read(&mut bytes)?;
    assert_eq!(&bytes, b"23");
    reader.read_timeout(&mut bytes, LONG)?;
    assert_eq!(&bytes, b"45");
    reader.read_interruptible(&mut bytes)?;
    assert_eq!(&bytes, b"67");
    reader.wait_timeout(LONG)?;
    reader.read_exact(&mut bytes)?;
    or_would_block(reader.try_read(&mut bytes))?;
    or_would_block(reader.try_wait())?;
    or_timed_out(reader.read_timeout(&mut bytes, SHORT))?;
    or_timed_out(reader.wait_timeout(SHORT))?;
    drop(writer);
    assert_eq!(reader.read_timeout(&mut bytes, LONG)?, 0);
    Ok(())
}

fn content(mut reader: PipeReader) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn writes() -> Outcome {
    let (reader, mut writer) = pipe()?;
    writer.wait()?;
    writer.write_all(b"01")?;
    assert_eq!(writer.try_write(b"23")?, 2);
    assert_eq!(writer.write_timeout(b"45", LONG)?, 2);
    assert_eq!(writer.write_interruptible(b"67")?, 2);
    writer.wait_timeout(LONG)?;
    writer.try_wait()?;
    drop(writer);
    assert_eq!(content(reader)?, b"01234567");
    Ok(())
}

fn whole_messages() -> Outcome {
    let (reader, writer) = PipeOptions::new().capacity(4096).create()?;
    writer.write_atomic(b"01")?;
    writer.try_write_atomic(b"23")?;
    writer.write_atomic_timeout(b"45", LONG)?;
    or_timed_out(writer.write_atomic_timeout([0; 4096], SHORT))?;
    or_would_block(writer.try_write_atomic([0; 4096]))?;
    drop(writer);
    assert_eq!(content(reader)?, b"012345");
    Ok(())
}

fn splices() -> Outcome {
    let ((reader, writer), (second, target)) = (pipe()?, pipe()?);
    writer.write_atomic(b"0123456789")?;
    assert_eq!(reader.tee_to(&target, 4)?, 4);
    assert_eq!(reader.splice_to(&target, 4)?, 4);
    assert_eq!(reader.try_splice_to(&target, 2)?, 2);
    assert_eq!(reader.splice_to_timeout(&target, 4, LONG)?, 4);
    or_would_block(reader.try_splice_to(&target, 1))?;
    or_timed_out(reader.splice_to_timeout(&target, 1, SHORT))?;
    drop(target);
    assert_eq!(content(second)?, b"01230123456789");
    let ((reader, writer), (source, from)) = (pipe()?, pipe()?);
    from.write_atomic(b"0123")?;
    assert_eq!(writer.splice_from(&source, 2)?, 2);
    assert_eq!(writer.splice_from_timeout(&source, 2, LONG)?, 2);
    or_would_block(writer.try_splice_from(&source, 2))?;
    drop(writer);
    assert_eq!(content(reader)?, b"0123");
    Ok(())
}

fn fifo() -> Outcome {
    let path = folder().join("fifo");
    let fifo = Fifo::options().create_new(true).mode(0o600).open(&path)?.into_owned();
    assert!(!Fifo::open(&path)?.is_new());
    assert!(!Fifo::options().create(true).open(&path)?.is_new());
    dropped(fifo);
    let fifo = Fifo::options().create(true).open(&path)?.into_owned();
    fifo.unlink()?;
    Ok(())
}

fn fifo_opened() -> Outcome {
    let fifo = Fifo::options().create_new(true).open(folder().join("fifo"))?.into_owned();
    let (reader, writer) = fifo.open_both()?;
    dropped((fifo.open_reader()?, fifo.open_writer()?));
    dropped((fifo.open_reader_timeout(LONG)?, fifo.open_writer_timeout(LONG)?));
    dropped((fifo.try_open_reader()?, fifo.try_open_writer()?));
    dropped(fifo.open_lasting_reader()?);
    writer.write_atomic(b"hello")?;
    drop(writer);
    assert_eq!(content(reader)?, b"hello");
    Ok(())
}

fn fifo_opened_in_vain() -> Outcome {
    let fifo = Fifo::options().create_new(true).open(folder().join("fifo"))?.into_owned();
    or_timed_out(fifo.open_reader_timeout(SHORT))?;
    or_timed_out(fifo.open_writer_timeout(SHORT))?;
    or_would_block(fifo.try_open_writer())?;
    Ok(())
}

fn command_read() -> Outcome {
    let mut command = CommandReader::start(&mut shell("echo hello"))?;
    let mut text = String::new();
    command.read_to_string(&mut text)?;
    assert_eq!(text, "hello\n");
    assert!(command.close()?.is_success());
    dropped(command);
    // One that is left behind.
    dropped(CommandReader::start(&mut shell("sleep 0.02"))?);
    Ok(())
}

fn command_written() -> Outcome {
    let mut command = CommandWriter::start(Command::new("cat").stdout(Stdio::null()))?;
    command.write_all(b"hello")?;
    assert!(command.close_timeout(LONG)?.is_success());
    Ok(())
}

fn commands_piped() -> Outcome {
    let mut last = Command::new("cat");
    last.stdout(Stdio::piped());
    let mut first = Command::new("cat");
    first.stdin(Stdio::piped());
    let mut pipeline = Pipeline::start([first, last])?;
    pipeline.take_input().expect("a pipe").write_all(b"hello")?;
    assert_eq!(content(pipeline.take_output().expect("a pipe"))?, b"hello");
    assert!(pipeline.wait_timeout(LONG)?.iter().all(|status| status.is_success()));
    Ok(())
}

fn coprocess() -> Outcome {
    let mut coprocess = Coprocess::start(&mut Command::new("cat"))?;
    coprocess.send("one")?;
    assert_eq!(coprocess.receive()?, b"one");
    assert_eq!(coprocess.request_timeout("two", LONG)?, b"two");
    or_timed_out(coprocess.receive_timeout(SHORT))?;
    or_would_block(coprocess.try_receive())?;
    coprocess.finish_timeout(LONG)?;
    dropped(coprocess);
    dropped(Coprocess::start(&mut Command::new("cat"))?);
    Ok(())
}

fn coprocess_in_frames() -> Outcome {
    let mut coprocess = Coprocess::options().frames().start(&mut Command::new("cat"))?;
    assert_eq!(coprocess.request_timeout("one\ntwo", LONG)?, b"one\ntwo");
    coprocess.finish()?;
    let (output, _) = Coprocess::start(&mut Command::new("cat"))?.filter_timeout("text", LONG)?;
    // Less, when it takes its input away.
    assert!(b"text".starts_with(&output));
    Ok(())
}

/// A child that is told to end by closing its input. Its faults are std's, and when they end the scenario it is ended by the driver.
fn child() -> std::io::Result<std::process::Child> {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
}

fn children() -> Outcome {
    let mut child = child()?;
    let pid = Pid::from_child(&child);
    let _ = is_alive(pid);
    let result = (|| {
        or_would_block(Children::pid(pid).try_wait())?;
        or_timed_out(Children::pid(pid).wait_timeout(SHORT))?;
        drop(child.stdin.take());
        assert!(Children::pid(pid).keep(true).wait()?.status.is_success());
        Children::pid(pid).wait_timeout(LONG)?;
        Children::all().reap()?;
        Ok(())
    })();
    if result.is_err() {
        let _ = child.kill();
        let _ = child.wait();
        let _ = child.wait();
    }
    result
}

fn reaped() -> Outcome {
    let mut reaper = Reaper::new()?;
    let mut child = child()?;
    let result = (|| {
        reaper.add(Pid::from_child(&child))?;
        or_would_block(reaper.try_wait())?;
        or_timed_out(reaper.wait_timeout(SHORT))?;
        drop(child.stdin.take());
        assert!(reaper.wait_timeout(LONG)?.expect("a child").status.is_success());
        assert!(reaper.wait()?.is_none());
        Ok(())
    })();
    if result.is_err() {
        let _ = child.kill();
        let _ = child.wait();
        let _ = child.wait();
    }
    dropped(reaper);
    result
}
