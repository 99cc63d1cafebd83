//! `ipc peek`: messages that stay in their queue.

use crate::failure::{Failure, Result};
use crate::output;
use crate::receive::Format;
use crate::table::{Side, Table};
use crate::target::QueueTarget;
use ipc_safe::sysv::MessageQueue;
use serde::Serialize;

/// Look at the messages in a queue without taking them out
///
/// Each message is copied by its place in the queue, so while others send and receive one may be seen twice or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: QueueTarget,
    /// Print only this message, 0 being the oldest
    #[arg(long, short, value_name = "N")]
    index: Option<usize>,
    /// How to print the message
    #[arg(long, short, value_enum, requires = "index", default_value = "text")]
    format: Format,
    /// For programs: an array of the messages
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc peek 0
  ipc peek 0 --index 0 --format raw > oldest

See MSG_COPY in msgrcv(2).";

/// A message that is still in its queue.
#[derive(Debug, Serialize)]
pub(crate) struct Peeked {
    index: usize,
    r#type: i64,
    length: usize,
    /// The message, when it is text in UTF-8.
    text: Option<String>,
    hex: String,
    #[serde(skip)]
    start: String,
}

impl Peeked {
    fn of(index: usize, kind: i64, bytes: &[u8]) -> Self {
        Self {
            index,
            r#type: kind,
            length: bytes.len(),
            text: str::from_utf8(bytes).ok().map(str::to_owned),
            hex: output::hexadecimal(bytes),
            start: start_of(bytes),
        }
    }
}

/// As much of a message as fits into a line.
fn start_of(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    let text = output::readable(&bytes[..bytes.len().min(4 * SHOWN)]);
    if text.chars().count() <= SHOWN && bytes.len() <= 4 * SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain("...".chars()).collect()
}

/// All messages of the queue, oldest first.
pub(crate) fn all(queue: &MessageQueue) -> Result<Vec<Peeked>> {
    let mut messages = Vec::new();
    let mut bytes = Vec::new();
    while let Some(kind) = queue.peek(messages.len(), &mut bytes)? {
        messages.push(Peeked::of(messages.len(), kind.get(), &bytes));
    }
    Ok(messages)
}

pub(crate) fn table(messages: &[Peeked]) -> Table {
    let columns = [("index", Side::Right), ("type", Side::Right), ("length", Side::Right), ("text", Side::Left)];
    let mut table = Table::new(&columns);
    for message in messages {
        table.row([
            message.index.to_string(),
            message.r#type.to_string(),
            message.length.to_string(),
            message.start.clone(),
        ]);
    }
    table
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    let queue = arguments.target.queue()?;
    let Some(index) = arguments.index else {
        let messages = all(&queue)?;
        return match arguments.json {
            true => output::print_json(&messages),
            false => output::print(table(&messages).render()),
        };
    };
    let mut bytes = Vec::new();
    match queue.peek(index, &mut bytes)? {
        Some(kind) if arguments.json => output::print_json(&[Peeked::of(index, kind.get(), &bytes)]),
        Some(kind) => arguments.format.print(kind, &bytes),
        None => Err(Failure::new(format!("queue {} has no message {index}", queue.id()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_and_a_short_one_is_not() {
        assert_eq!(start_of(b"short"), "short");
        assert_eq!(start_of(&[b'x'; 48]).len(), 48);
        assert_eq!(start_of(&[b'x'; 49]), format!("{}...", "x".repeat(48)));
        assert!(start_of(&[0; 8192]).len() <= 51);
    }
}
