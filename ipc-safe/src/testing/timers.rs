//! The timers of this process.

use super::proc::{field, read_if_there};
use super::raw;
use super::signals::name;
use super::snapshot::Item;
use crate::error::{Error, Result};
use std::time::Duration;

/// Timers that run: how long they have left changes all the time and is left out.
pub(super) fn find() -> Result<Vec<Item>> {
    let clocks = [("real", libc::ITIMER_REAL), ("virtual", libc::ITIMER_VIRTUAL), ("profile", libc::ITIMER_PROF)];
    let mut items = Vec::new();
    for (clock, which) in clocks {
        let interval = raw::interval(which).map_err(|errno| Error::new("getitimer", errno))?;
        items.extend(interval.map(|interval| Item::new(format_args!("{clock} interval timer"), describe(interval))));
    }
    items.extend(posix(&read_if_there("/proc/self/timers")?));
    Ok(items)
}

fn describe(interval: Duration) -> String {
    if interval.is_zero() { "runs once".to_owned() } else { format!("runs every {interval:?}") }
}

/// The POSIX timers: a few lines each, the first of them `ID: 0`.
pub(super) fn posix(text: &str) -> Vec<Item> {
    let lines: Vec<&str> = text.lines().collect();
    let timers = lines.chunk_by(|_, next| !next.starts_with("ID: ")).map(|block| block.join("\n"));
    timers.filter_map(|timer| posix_timer(&timer)).collect()
}

fn posix_timer(text: &str) -> Option<Item> {
    let signal = field(text, "signal")?.split('/').next()?.parse().ok()?;
    let (notify, clock) = (field(text, "notify")?, field(text, "ClockID")?);
    let state = format!("notifies by {notify}, {}, clock {clock}", name(signal));
    Some(Item::new(format_args!("POSIX timer {}", field(text, "ID")?), state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posix_timers_are_read() {
        let text = "ID: 0\nsignal: 10/000000000000002a\nnotify: signal/pid.77\nClockID: 1\n\
                    ID: 1\nsignal: 0/0\nnotify: none/pid.77\nClockID: 0\n";
        let timers: Vec<_> = posix(text).into_iter().map(|item| format!("{}: {}", item.name, item.state)).collect();
        assert_eq!(
            timers,
            [
                "POSIX timer 0: notifies by signal/pid.77, SIGUSR1, clock 1",
                "POSIX timer 1: notifies by none/pid.77, signal 0, clock 0"
            ]
        );
        assert!(posix("").is_empty());
    }
}
