//! `ipc receive`: messages out of a queue.

use crate::failure::{Failure, Result};
use crate::output;
use crate::send::parse_type;
use crate::target::QueueTarget;
use crate::units::parse_seconds;
use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
use serde::Serialize;
use std::time::Duration;

/// Receive messages from a queue
///
/// Takes the oldest message, or the one that the options pick, out of the queue and prints it. Without --wait or --timeout
/// it is a failure when there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: QueueTarget,
    #[command(flatten)]
    selection: Selection,
    /// Wait for a message
    #[arg(long, short, conflicts_with = "timeout")]
    wait: bool,
    /// Wait for a message, at most so long
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    /// All messages that are there; with --wait, until the queue is removed
    #[arg(long, short)]
    all: bool,
    /// How to print a message
    #[arg(long, short, value_enum, default_value = "text")]
    format: Format,
    /// For programs: the same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc receive 0
  ipc receive 0 --type 7 --wait
  ipc receive --key 42 --at-most 10 --timeout 2.5
  ipc receive 0 --all --json
  ipc receive 0 --format raw > message

See msgrcv(2).";

/// Which messages.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Selection {
    /// The first of this type
    #[arg(long, short = 't', value_name = "N", value_parser = parse_type, allow_negative_numbers = true)]
    r#type: Option<MessageType>,
    /// The first of any other type
    #[arg(long, value_name = "N", value_parser = parse_type, allow_negative_numbers = true)]
    except: Option<MessageType>,
    /// The first of the lowest type, up to this one
    #[arg(long, value_name = "N", value_parser = parse_type, allow_negative_numbers = true)]
    at_most: Option<MessageType>,
}

impl Selection {
    const fn is_any(&self) -> bool {
        self.r#type.is_none() && self.except.is_none() && self.at_most.is_none()
    }

    fn selector(&self) -> Selector {
        let exactly = self.r#type.map(Selector::Exactly);
        let other = self.except.map(Selector::Except).or(self.at_most.map(Selector::AtMost));
        exactly.or(other).unwrap_or(Selector::First)
    }
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text on a line, control characters escaped
    Text,
    /// The bytes, and nothing else
    Raw,
    /// Hexadecimal digits on a line
    Hex,
    /// Type, length, text and hexadecimal digits, a JSON object on a line
    Json,
}

/// A message in JSON.
#[derive(Debug, Serialize)]
struct Shown<'m> {
    r#type: i64,
    length: usize,
    /// The message, when it is text in UTF-8.
    text: Option<&'m str>,
    hex: String,
}

impl Format {
    pub(crate) fn print(self, kind: MessageType, bytes: &[u8]) -> Result {
        match self {
            Self::Text => output::print(format!("{}\n", output::readable(bytes))),
            Self::Raw => output::print(bytes),
            Self::Hex => output::print(format!("{}\n", output::hexadecimal(bytes))),
            Self::Json => output::print_json_line(&Shown {
                r#type: kind.get(),
                length: bytes.len(),
                text: str::from_utf8(bytes).ok(),
                hex: output::hexadecimal(bytes),
            }),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    let queue = arguments.target.queue()?;
    let mut bytes = Vec::new();
    let mut received = 0_usize;
    loop {
        match arguments.receive(queue, &mut bytes) {
            Ok(kind) => arguments.print(queue, kind, &bytes)?,
            Err(error) if arguments.all && error.is_would_block() => return Ok(()),
            Err(error) if arguments.all && received > 0 && (error.is_removed() || error.is_timed_out()) => {
                return Ok(());
            }
            Err(error) if error.is_would_block() => {
                let which = if arguments.selection.is_any() { "" } else { "such " };
                return Err(Failure::new(format!("queue {} has no {which}message; --wait waits for one", queue.id())));
            }
            Err(error) => return Err(error.into()),
        }
        received += 1;
        if !arguments.all {
            return Ok(());
        }
    }
}

impl Arguments {
    fn receive(&self, queue: MessageQueue, bytes: &mut Vec<u8>) -> ipc_safe::Result<MessageType> {
        let selector = self.selection.selector();
        match (self.wait, self.timeout) {
            (true, _) => queue.receive(selector, bytes),
            (false, Some(timeout)) => queue.receive_timeout(selector, bytes, timeout),
            (false, None) => queue.try_receive(selector, bytes),
        }
    }

    /// Prints a message. When that fails, the message goes back into the queue: behind the others, but not lost.
    fn print(&self, queue: MessageQueue, kind: MessageType, bytes: &[u8]) -> Result {
        let format = if self.json { Format::Json } else { self.format };
        format.print(kind, bytes).map_err(|failure| {
            if let Err(error) = queue.try_send(kind, bytes) {
                crate::failure::complain(format!("a message of type {kind} could not be printed and is lost: {error}"));
            }
            failure.with_status(1)
        })
    }
}
