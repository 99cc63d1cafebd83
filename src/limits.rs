//! `ipc limits`: what the system allows, beside what is in use.

use crate::failure::Result;
use crate::output;
use crate::table::{Side, Table};
use crate::units;
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreSet};
use serde::Serialize;

/// Show the limits of the IPC namespace, what is in use, and the sysctls that change them
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Exact numbers
    #[arg(long, short)]
    bytes: bool,
    /// For programs: an array of name, limit, use and sysctl
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  ipc limits
  sysctl -w kernel.msgmni=64000     raises a limit until the next start; a file in /etc/sysctl.d keeps it

The limits are those of the IPC namespace. kernel.sem has four numbers: semaphores in a set, semaphores in all,
operations in one call, sets.
See sysctl(8), proc_sys_kernel(5), ipcs(1) -l, lsipc(1).";

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Number,
    Bytes,
}

#[derive(Debug, Serialize)]
struct Limit {
    name: &'static str,
    limit: u64,
    /// How much of it is in use, where that makes sense.
    used: Option<u64>,
    unit: Unit,
    /// None where it is a constant of the kernel.
    sysctl: Option<&'static str>,
}

impl Limit {
    const fn new(name: &'static str, limit: u64, sysctl: &'static str) -> Self {
        Self { name, limit, used: None, unit: Unit::Number, sysctl: Some(sysctl) }
    }

    const fn used(mut self, used: u64) -> Self {
        self.used = Some(used);
        self
    }

    const fn bytes(mut self) -> Self {
        self.unit = Unit::Bytes;
        self
    }

    const fn constant(mut self) -> Self {
        self.sysctl = None;
        self
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result {
    let limits: Vec<_> = [queues()?, sets()?, segments()?].into_iter().flatten().collect();
    if arguments.json {
        return output::print_json(&limits);
    }
    let mut table =
        Table::new(&[("limit", Side::Left), ("value", Side::Right), ("in use", Side::Right), ("sysctl", Side::Left)]);
    for limit in &limits {
        let text = |value| match limit.unit {
            Unit::Bytes if !arguments.bytes => units::bytes(value),
            _ => value.to_string(),
        };
        table.row([
            limit.name.to_owned(),
            text(limit.limit),
            limit.used.map_or_else(|| "-".into(), text),
            limit.sysctl.unwrap_or("-").to_owned(),
        ]);
    }
    output::print(table.render())
}

fn queues() -> Result<Vec<Limit>> {
    let (limits, usage) = (MessageQueue::limits()?, MessageQueue::usage()?);
    Ok(vec![
        Limit::new("queues", limits.queues.into(), "kernel.msgmni").used(usage.queues.into()),
        Limit::new("bytes in a message", limits.message_bytes.into(), "kernel.msgmax").bytes(),
        Limit::new("bytes in a new queue", limits.queue_bytes.into(), "kernel.msgmnb").bytes(),
    ])
}

fn sets() -> Result<Vec<Limit>> {
    let (limits, usage) = (SemaphoreSet::limits()?, SemaphoreSet::usage()?);
    Ok(vec![
        Limit::new("semaphore sets", limits.sets.into(), "kernel.sem[4]").used(usage.sets.into()),
        Limit::new("semaphores", limits.semaphores.into(), "kernel.sem[2]").used(usage.semaphores.into()),
        Limit::new("semaphores in a set", limits.set_semaphores.into(), "kernel.sem[1]"),
        Limit::new("operations in a call", limits.operations.into(), "kernel.sem[3]"),
        Limit::new("value of a semaphore", limits.value.into(), "").constant(),
    ])
}

fn segments() -> Result<Vec<Limit>> {
    let (limits, usage) = (Segment::limits()?, Segment::usage()?);
    let page = rustix::param::page_size() as u64;
    let mut list = vec![
        Limit::new("segments", limits.segments, "kernel.shmmni").used(usage.segments.into()),
        Limit::new("bytes in a segment", limits.segment_bytes, "kernel.shmmax").bytes(),
        Limit::new("least bytes in a segment", limits.min_segment_bytes, "").bytes().constant(),
        Limit::new("bytes in all segments", limits.pages.saturating_mul(page), "kernel.shmall")
            .used(usage.pages.saturating_mul(page))
            .bytes(),
    ];
    if let Some(forced) = limits.removed_when_detached {
        list.push(Limit::new("removed when detached", forced.into(), "kernel.shm_rmid_forced"));
    }
    Ok(list)
}
