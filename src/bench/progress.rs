//! How far the measuring is: a bar on a terminal, some lines in a pipe. On standard error, because the table is the output.

use indicatif::{ProgressBar, ProgressStyle};
use ipc_measure::Step;
use std::io::{IsTerminal, Write};

pub(super) enum Progress {
    Bar(ProgressBar),
    /// The tenths that were said.
    Lines(usize),
}

impl Progress {
    pub(super) fn new() -> Self {
        if std::io::stderr().is_terminal() { Self::Bar(bar()) } else { Self::Lines(0) }
    }

    /// A turn begins.
    pub(super) fn at(&mut self, step: &Step<'_>) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(step.all as u64);
                bar.set_message(step.row.about.mechanism.clone());
                bar.set_position(step.done as u64);
            }
            Self::Lines(said) if step.done * 10 >= *said * step.all => {
                // Whether anybody reads it does not matter.
                let _ = writeln!(std::io::stderr(), "measured {} of {}", step.done, step.all);
                *said += 1;
            }
            Self::Lines(_) => {}
        }
    }

    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:<24} [{wide_bar}] {pos} of {len} {eta:>4}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.force_draw();
    bar
}
