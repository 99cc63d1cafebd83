//! `ipc send`: messages into a queue.

use crate::failure::{Failure, Result, reason};
use crate::target::{Target, parse_key};
use crate::units::parse_seconds;
use ipc_safe::sysv::{Key, MessageQueue, MessageType};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// Send messages to a queue
///
/// The text is given as an argument, in a file, or on standard input. Waits while the queue is full.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, override_usage = "ipc send [OPTIONS] <ID|KEY> [TEXT]\n       ipc send [OPTIONS] --key <KEY> [TEXT]")]
pub(crate) struct Arguments {
    /// The queue: its id, or its key in hexadecimal digits after 0x; left out with --key
    #[arg(value_name = "ID|KEY")]
    target: Option<OsString>,
    /// The message
    text: Option<OsString>,
    /// The queue's key, 0x... or decimal
    #[arg(long, short, value_parser = parse_key, allow_negative_numbers = true)]
    key: Option<Key>,
    /// The type of the message, at least 1
    #[arg(long, short = 't', value_name = "N", default_value = "1", value_parser = parse_type, allow_negative_numbers = true)]
    r#type: MessageType,
    /// Send what is in this file
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A message for each line, without the line end
    #[arg(long, short)]
    lines: bool,
    /// Fail at once when the queue is full
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
    /// Wait at most so long
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
}

const HELP: &str = "\
Examples:
  ipc send 0 hello
  ipc send 0x2a --type 7 hello
  ipc send --key 42 --file request.bin
  seq 10 | ipc send 0 --lines --timeout 5

See msgsnd(2).";

/// Reads the type of a message.
pub(crate) fn parse_type(text: &str) -> Result<MessageType, String> {
    let says = "the type of a message is a number of at least 1";
    text.parse().ok().and_then(MessageType::new).ok_or_else(|| says.to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    let (queue, text) = arguments.queue_and_text()?;
    match (text, &arguments.file) {
        (Some(_), Some(_)) => Err(Failure::usage("the text is an argument or in a file, not both")),
        (Some(text), None) => arguments.send_from(queue, "the text", text.as_bytes()),
        (None, Some(path)) => {
            let file = File::open(path).map_err(|error| Failure::file("opening", path, &error))?;
            arguments.send_from(queue, &path.to_string_lossy(), BufReader::new(file))
        }
        (None, None) => arguments.send_from(queue, "standard input", std::io::stdin().lock()),
    }
}

impl Arguments {
    /// The queue, by `--key` or the first word, and the word that is left.
    fn queue_and_text(&self) -> Result<(MessageQueue, Option<&OsStr>)> {
        let (target, text) = match (self.key, &self.target, &self.text) {
            (Some(_), Some(_), Some(_)) => {
                return Err(Failure::usage("the queue is named by --key or by ID|KEY, not both"));
            }
            (Some(key), text, None) | (Some(key), None, text) => (Target::Key(key), text),
            (None, Some(target), text) => (target.to_string_lossy().parse().map_err(Failure::usage)?, text),
            (None, None, _) => return Err(Failure::usage("which queue? Name it by its id, its key, or --key")),
        };
        Ok((target.queue()?, text.as_deref()))
    }

    fn send_from(&self, queue: MessageQueue, name: &str, mut source: impl BufRead) -> Result {
        let cannot_read = |error| Failure::new(format!("reading {name}: {}", reason(&error)));
        if self.lines {
            for line in source.split(b'\n') {
                self.send(queue, &line.map_err(cannot_read)?)?;
            }
            return Ok(());
        }
        // A longer message is not possible, so the rest of an endless source need not be read.
        let longest = u64::from(MessageQueue::limits()?.message_bytes);
        let mut message = Vec::new();
        source.by_ref().take(longest + 1).read_to_end(&mut message).map_err(cannot_read)?;
        self.send(queue, &message)
    }

    fn send(&self, queue: MessageQueue, message: &[u8]) -> Result {
        let sent = match (self.no_wait, self.timeout) {
            (true, _) => queue.try_send(self.r#type, message),
            (false, Some(timeout)) => queue.send_timeout(self.r#type, message, timeout),
            (false, None) => queue.send(self.r#type, message),
        };
        sent.map_err(|error| {
            if error.is_would_block() {
                Failure::new(format!("queue {} is full; without --no-wait this waits for room", queue.id()))
            } else {
                error.into()
            }
        })
    }
}
