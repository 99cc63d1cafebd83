//! What the numbers must reach, and whether they do.

use ipc_measure::ours::name;
use ipc_measure::{About, Author, Group, Numbers, Place, Report};
use std::fmt::Write;

/// Calls of the kernel with little around them.
const THIN: [&str; 9] = [
    name::PIPE,
    name::FIFO,
    name::STREAM,
    name::DATAGRAM,
    name::SEQPACKET,
    name::QUEUE,
    name::SEMAPHORES,
    name::SEMAPHORE,
    name::SIGNAL,
];

pub(super) fn table(report: &Report) -> String {
    let mut text = String::from("| what | bar | measured | reached |\n|---|---|---|---|\n");
    for (what, bar, measured, reached) in lines(report).into_iter().flatten() {
        let reached = if reached { "yes" } else { "**no**" };
        let _ = writeln!(text, "| {what} | {bar} | {measured} | {reached} |");
    }
    text
}

type Line = Option<(String, String, String, bool)>;

fn lines(report: &Report) -> Vec<Line> {
    let p50 = |numbers: Numbers| Some(numbers.p50);
    let one_way = |numbers: Numbers| numbers.per_message;
    let short = |mechanism: &'static str, by: &'static str| {
        move |about: &About| {
            (&*about.mechanism, &*about.by, about.place, about.bytes) == (mechanism, by, Place::TwoCores, 64)
        }
    };
    let of = |by, value: fn(Numbers) -> Option<f64>| report.numbers(short(name::CHANNEL, by)).and_then(value);
    let quotient = |what: &str, one: Option<f64>, other: Option<f64>, bar: f64, is_most: bool| {
        let (one, other) = (one?, other?);
        let ratio = one / other;
        let bar_words = format!("at {} x{bar}", if is_most { "most" } else { "least" });
        let measured = format!("x{ratio:.2} ({one:.1} ns, {other:.1} ns)");
        Some((what.to_owned(), bar_words, measured, if is_most { ratio <= bar } else { ratio >= bar }))
    };
    let at_most = |what: &str, group: Group, mechanism: &str, bar: f64| {
        let wanted = |about: &About| {
            about.author == Author::Ours
                && (about.group, about.place) == (group, Place::OneCore)
                && about.mechanism == mechanism
        };
        let value = report.numbers(wanted)?.p50;
        Some((what.to_owned(), format!("at most {bar} ns"), format!("{value:.1} ns"), value <= bar))
    };
    let mut lines = thin(report);
    lines.extend([
        quotient(
            "channel, latency of 64 B across cores, to the plain ring",
            of("ipc-safe", p50),
            of("C", p50),
            1.15,
            true,
        ),
        quotient("the same, to iceoryx2", of("ipc-safe", p50), of("iceoryx2", p50), 0.5, true),
        quotient("channel, 64 B one way, to the plain ring", of("ipc-safe", one_way), of("C", one_way), 1.3, true),
        quotient(
            "iceoryx2, 64 B one way, to the channel",
            of("iceoryx2", one_way),
            of("ipc-safe", one_way),
            25.0,
            false,
        ),
        at_most("event on one core, sleeping", Group::Events, name::EVENT, 1000.0),
        at_most("robust mutex, lock and unlock", Group::Locks, name::ROBUST_MUTEX, 20.0),
        at_most("mutex, lock and unlock", Group::Locks, name::MUTEX, 16.0),
    ]);
    lines
}

/// Each thin wrapper's latency, by C's, less the control's; where the two wait asleep, which is where the calls count.
fn thin(report: &Report) -> Vec<Line> {
    const BAR: f64 = 0.03;
    let ours = report.outcomes.iter().filter(|outcome| {
        let about = &outcome.about;
        about.author == Author::Ours && about.place == Place::OneCore && THIN.contains(&&*about.mechanism)
    });
    ours.map(|outcome| {
        let about = &outcome.about;
        let control = report.numbers(|other| other.is_beside(about) && other.author == Author::Control)?.p50;
        let (ours, raw) = (outcome.best?.p50, report.raw_of(about)?.p50);
        let (ratio, control) = (ours / raw, control / raw);
        let size = if about.bytes == 0 { String::new() } else { format!(", {} B", about.bytes) };
        Some((
            format!("{}{size}, on one core, to C", about.mechanism),
            format!("control + {BAR}"),
            format!("x{ratio:.3}, control x{control:.3}"),
            ratio - control <= BAR,
        ))
    })
    .collect()
}
