//! How far a row is: a bar on a terminal, lines in a pipe. On standard error, because the table is the output.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { title: &'static str },
}

impl Progress {
    /// Of `title`, which is to send so many bytes.
    pub(super) fn new(title: &'static str, total: u64) -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bar(bar(title, total))
        } else {
            let progress = Self::Lines { title };
            progress.say(&format!("sending {}", crate::units::bytes(total)));
            progress
        }
    }

    /// So many bytes are sent.
    pub(super) fn at(&self, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.set_position(bytes);
        }
    }

    /// The row ended so.
    pub(super) fn finish(&self, result: &str) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => self.say(result),
        }
    }

    fn say(&self, words: &str) {
        if let Self::Lines { title } = self {
            // Whether anybody reads it does not matter.
            let _ = writeln!(std::io::stderr(), "{title}: {words}");
        }
    }
}

fn bar(title: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total).with_prefix(title);
    let template = "{prefix:<29} [{wide_bar}] {binary_bytes:>10} of {binary_total_bytes} {binary_bytes_per_sec:>12}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    // Shown from the start, however soon the end is.
    bar.force_draw();
    bar
}
