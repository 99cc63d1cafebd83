//! What each mechanism costs, one line each, for the guide.

use ipc_measure::chart::number_of;
use ipc_measure::{Author, Group, Numbers, Place, Report};
use std::fmt::Write;

pub(super) fn table(report: &Report) -> String {
    let mut text = String::from(
        "| mechanism | 64 B, one core | 64 B, two cores | each of many, 64 B | each of many, 4 KiB |\n\
         |:-------------------------|---------:|---------:|---------:|---------:|\n",
    );
    let mut seen = Vec::new();
    for outcome in &report.outcomes {
        let about = &outcome.about;
        if about.author != Author::Ours || about.group == Group::Locks || seen.contains(&&*about.mechanism) {
            continue;
        }
        seen.push(&about.mechanism);
        let cell = |bytes, place, value: fn(&Numbers) -> Option<f64>| cell(report, &about.mechanism, bytes, place, value);
        let small = if about.group == Group::Events { 0 } else { 64 };
        let latency = |numbers: &Numbers| Some(numbers.p50);
        let _ = writeln!(
            text,
            "| {:<24} | {:>8} | {:>8} | {:>8} | {:>8} |",
            about.mechanism,
            cell(small, Place::OneCore, latency),
            cell(small, Place::TwoCores, latency),
            cell(small, Place::TwoCores, |numbers| numbers.per_message),
            cell(4096, Place::TwoCores, |numbers| numbers.per_message),
        );
    }
    text
}

/// One number of a mechanism; of its rows, the best.
fn cell(report: &Report, mechanism: &str, bytes: usize, place: Place, of: impl Fn(&Numbers) -> Option<f64>) -> String {
    let is_of = |about: &ipc_measure::About| {
        about.author == Author::Ours && (&*about.mechanism, about.bytes, about.place) == (mechanism, bytes, place)
    };
    let numbers = report.outcomes.iter().filter(|outcome| is_of(&outcome.about)).filter_map(|outcome| of(&outcome.best?));
    numbers.min_by(f64::total_cmp).map_or_else(|| "-".into(), number_of)
}
