//! `ipc signals`: what a process blocks, ignores and catches, and what waits for it.

use crate::failure::{Failure, Result};
use crate::output;
use crate::people;
use crate::table::{Facts, Side, Table};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{DefaultAction, ProcessSignals, Signal, SignalSet};
use serde::Serialize;

/// Show which signals a process blocks, ignores and catches, and which wait for it
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// The process; without it, what this program was started with
    #[arg(value_name = "PID", value_parser = parse_pid)]
    process: Option<Pid>,
    /// All signals there are, with their numbers, default actions and meanings
    #[arg(long, short, conflicts_with = "process")]
    list: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc signals           what a program that this shell starts begins with
  ipc signals 1234
  ipc signals --list

A mask belongs to a thread: threads that differ from the first one are told below it.
See signal(7), kill(1), proc_pid_status(5).";

fn parse_pid(text: &str) -> Result<Pid, String> {
    text.parse()
        .ok()
        .and_then(Pid::from_raw)
        .filter(|pid| pid.as_raw_nonzero().get() > 0)
        .ok_or_else(|| format!("{text:?} is no process id, which is a decimal number from 1 on"))
}

/// What `--json` prints of a process.
#[derive(Debug, Serialize)]
struct Report {
    pid: i32,
    command: Option<String>,
    queued: u64,
    queue_limit: u64,
    pending: Vec<String>,
    ignored: Vec<String>,
    caught: Vec<String>,
    threads: Vec<Thread>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Thread {
    id: i32,
    blocked: Vec<String>,
    pending: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    if arguments.list {
        return list(arguments.json);
    }
    let pid = arguments.process.unwrap_or_else(getpid);
    let report = report(pid)?;
    if arguments.json { output::print_json(&report) } else { output::print(render(&report)) }
}

fn names(set: SignalSet) -> Vec<String> {
    let library = (0..2).filter(|bit| set.bits() >> (31 + bit) & 1 == 1).map(|bit| (32 + bit).to_string());
    set.iter().map(|signal| signal.to_string()).chain(library).collect()
}

fn report(pid: Pid) -> Result<Report> {
    let signals = ProcessSignals::of(pid).map_err(|error| gone(pid, error))?;
    let number = pid.as_raw_nonzero().get();
    Ok(Report {
        pid: number,
        command: people::command(number),
        queued: signals.queued,
        queue_limit: signals.queue_limit,
        pending: names(signals.process_pending),
        ignored: names(signals.ignored),
        caught: names(signals.caught),
        threads: threads(pid),
    })
}

fn gone(pid: Pid, error: ipc_safe::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::new(format!("there is no process {}", pid.as_raw_nonzero())),
        _ => error.into(),
    }
}

/// The threads, the first one first. One that ends meanwhile is left out.
fn threads(pid: Pid) -> Vec<Thread> {
    let folder = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    let mut ids: Vec<i32> =
        folder.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    ids.into_iter()
        .filter_map(|id| {
            let signals = ProcessSignals::of_thread(pid, Pid::from_raw(id)?).ok()?;
            Some(Thread { id, blocked: names(signals.blocked), pending: names(signals.pending) })
        })
        .collect()
}

/// The names on one line; of more than half of all signals, those that are missing.
fn words(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let all = SignalSet::all();
    if names.len() <= all.len() / 2 {
        return names.join(" ");
    }
    let missing: Vec<_> = all.iter().map(|signal| signal.to_string()).filter(|name| !names.contains(name)).collect();
    if missing.is_empty() { "all".to_owned() } else { format!("all but {}", missing.join(" ")) }
}

fn render(report: &Report) -> String {
    let mut facts = Facts::default();
    facts.add("process", people::long(Pid::from_raw(report.pid)));
    facts.add("queued", format!("{} of {} that its user may have", report.queued, report.queue_limit));
    facts.add("pending", words(&report.pending));
    facts.add("ignored", words(&report.ignored));
    facts.add("caught", words(&report.caught));
    let first = report.threads.first();
    facts.add("threads", report.threads.len());
    if let Some(first) = first {
        facts.add("blocked", words(&first.blocked));
        facts.add("pending for the thread", words(&first.pending));
    }
    let differs = |thread: &&Thread| {
        first.is_some_and(|first| (&thread.blocked, &thread.pending) != (&first.blocked, &first.pending))
    };
    let mut table = Table::new(&[("thread", Side::Right), ("blocked", Side::Left), ("pending", Side::Left)]);
    for thread in report.threads.iter().filter(differs) {
        table.row([thread.id.to_string(), words(&thread.blocked), words(&thread.pending)]);
    }
    let others = if table.is_empty() { String::new() } else { format!("\n{}", table.render()) };
    facts.render() + &others
}

/// A line of `--list`.
#[derive(Debug, Serialize)]
struct Line {
    number: i32,
    name: String,
    default: &'static str,
    description: &'static str,
}

fn list(json: bool) -> Result {
    let lines: Vec<_> = SignalSet::all().iter().map(line).collect();
    if json {
        return output::print_json(&lines);
    }
    let mut table =
        Table::new(&[("number", Side::Right), ("name", Side::Left), ("default", Side::Left), ("meaning", Side::Left)]);
    for line in lines {
        table.row([line.number.to_string(), line.name, line.default.to_owned(), line.description.to_owned()]);
    }
    output::print(table.render())
}

fn line(signal: Signal) -> Line {
    let default = match signal.default_action() {
        DefaultAction::Terminate => "end",
        DefaultAction::CoreDump => "end with a core dump",
        DefaultAction::Ignore => "nothing",
        DefaultAction::Stop => "stop",
        DefaultAction::Continue => "continue",
    };
    Line { number: signal.as_raw(), name: signal.to_string(), default, description: signal.description() }
}
