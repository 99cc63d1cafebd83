//! Tables of a record, in Markdown.

use ipc_measure::chart::number_of;
use ipc_measure::{About, Group, Numbers, Outcome, Place, Report};
use std::fmt::Write;

pub(super) fn all(report: &Report) -> String {
    let mut text = format!(
        "{} passes in {:.0} s; {:.2} % of the processors' time was stolen by the hypervisor.\n\n",
        report.passes, report.seconds, report.steal_percent
    );
    let messages = |bytes, place| (Group::Messages, bytes, place);
    let (one, two) = (Place::OneCore, Place::TwoCores);
    table(&mut text, report, "Messages of 64 B on one core, sleeping", messages(64, one));
    table(&mut text, report, "Messages of 4 KiB on one core, sleeping", messages(4096, one));
    table(&mut text, report, "Messages of 64 B across cores, spinning", messages(64, two));
    table(&mut text, report, "Messages of 4 KiB across cores, spinning", messages(4096, two));
    table(&mut text, report, "Events on one core, sleeping", (Group::Events, 0, one));
    table(&mut text, report, "Events across cores, spinning", (Group::Events, 0, two));
    table(&mut text, report, "Lock and unlock, nobody else there", (Group::Locks, 0, one));
    text + &left_out(report)
}

fn table(text: &mut String, report: &Report, title: &str, of: (Group, usize, Place)) {
    let is_of = |about: &About| (about.group, about.bytes, about.place) == of;
    let rows: Vec<_> =
        report.outcomes.iter().filter(|outcome| is_of(&outcome.about) && outcome.best.is_some()).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "#### {title}\n");
    let moves = of.0 == Group::Messages;
    text.push_str(&line(["mechanism", "by", "p50 ns", "p99 ns", "to C"].map(str::to_owned), moves.then(heading)));
    text.push_str("|:-----------------------------|:--------------------------|--------:|--------:|------:|");
    text.push_str(if moves { "-----------:|--------:|------:|\n" } else { "\n" });
    let mut last = "";
    for outcome in rows {
        // Its name only on the first of a mechanism's rows.
        let mechanism = if last == outcome.about.mechanism { "" } else { &*outcome.about.mechanism };
        last = &outcome.about.mechanism;
        text.push_str(&row(report, outcome, mechanism, moves));
    }
    text.push('\n');
}

fn heading() -> [String; 3] {
    ["one way ns", "MiB/s", "to C"].map(str::to_owned)
}

fn line(cells: [String; 5], throughput: Option<[String; 3]>) -> String {
    let [mechanism, by, p50, p99, ratio] = cells;
    let mut line = format!("| {mechanism:<28} | {by:<25} | {p50:>7} | {p99:>7} | {ratio:>5} |");
    if let Some([one_way, bytes, ratio]) = throughput {
        let _ = write!(line, " {one_way:>10} | {bytes:>7} | {ratio:>5} |");
    }
    line + "\n"
}

fn row(report: &Report, outcome: &Outcome, mechanism: &str, moves: bool) -> String {
    let Outcome { about, best, .. } = outcome;
    let number = |value: Option<f64>| value.map_or_else(|| "-".into(), number_of);
    let ratio = |of: fn(&Numbers) -> Option<f64>| {
        ratio(report, outcome, of).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"))
    };
    let per_message = best.and_then(|best| best.per_message);
    let speed = per_message.map(|time| about.bytes as f64 / time * 1e9 / f64::from(1 << 20));
    let cells = [
        mechanism.to_owned(),
        about.by.clone(),
        number(best.map(|best| best.p50)),
        number(best.map(|best| best.p99)),
        ratio(|numbers| Some(numbers.p50)),
    ];
    let throughput = || [number(per_message), number(speed), ratio(|numbers| numbers.per_message)];
    line(cells, moves.then(throughput))
}

/// A number by that of the C side of the same mechanism.
fn ratio(report: &Report, outcome: &Outcome, of: impl Fn(&Numbers) -> Option<f64>) -> Option<f64> {
    Some(of(outcome.best.as_ref()?)? / of(&report.raw_of(&outcome.about)?)?)
}

/// Rows that could not be measured, or have fewer passes, and why.
fn left_out(report: &Report) -> String {
    let mut text = String::new();
    for Outcome { about, best, fault } in &report.outcomes {
        if let Some(fault) = fault {
            let what = if best.is_some() { "not all passes" } else { "left out" };
            let place = if about.place == Place::OneCore { "on one core" } else { "across cores" };
            let _ = writeln!(text, "- {what}: {} by {}, {} B {place}: {fault}", about.mechanism, about.by, about.bytes);
        }
    }
    text
}
