//! Tables and pictures of a record, and where they go in `docs/performance.md`.

mod bars;
mod costs;
mod document;
mod tables;
mod versions;

use crate::Result;
use document::Document;
use ipc_measure::chart::svg;
use ipc_measure::{Group, Numbers, Place, Report};
use std::fs;
use std::path::PathBuf;

/// Write what was measured into the paper, and the pictures beside it
#[derive(Debug, clap::Args)]
pub(crate) struct Render {
    /// What `measure` printed
    record: PathBuf,
    /// The paper, with a pair of marks for each part that is written
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    /// The page of the guide with what each mechanism costs, likewise
    #[arg(long, value_name = "FILE")]
    guide: PathBuf,
    /// Text about the machine
    #[arg(long, value_name = "FILE")]
    machine: PathBuf,
    /// Tables of the calls
    #[arg(long, value_name = "FILE")]
    calls: PathBuf,
}

impl Render {
    pub(crate) fn run(&self) -> Result {
        let report: Report = serde_json::from_str(&fs::read_to_string(&self.record)?)?;
        let folder = self.into.parent().ok_or("the paper is in no folder")?;
        let mut shown = String::new();
        for picture in PICTURES {
            let groups = report.bars(picture.of, picture.value);
            if !groups.is_empty() {
                fs::write(folder.join(picture.file), svg(picture.title, &groups))?;
                shown += &format!("![{}]({})\n\n", picture.title, picture.file);
            }
        }
        let mut document = Document::read(&self.into)?;
        document.replace("machine", &fs::read_to_string(&self.machine)?)?;
        document.replace("calls", &fs::read_to_string(&self.calls)?)?;
        document.replace("bars", &bars::table(&report))?;
        document.replace("pictures", &shown)?;
        document.replace("side by side", &tables::all(&report))?;
        document.replace("versions", &versions::line()?)?;
        document.write(&self.into)?;
        let mut guide = Document::read(&self.guide)?;
        guide.replace("costs", &costs::table(&report))?;
        guide.write(&self.guide)
    }
}

struct Picture {
    file: &'static str,
    title: &'static str,
    of: (Group, usize, Place),
    value: fn(&Numbers) -> Option<f64>,
}

const PICTURES: [Picture; 5] = [
    Picture {
        file: "latency-one-core.svg",
        title: "Latency of 64 B on one core, ns",
        of: (Group::Messages, 64, Place::OneCore),
        value: |numbers| Some(numbers.p50),
    },
    Picture {
        file: "latency-two-cores.svg",
        title: "Latency of 64 B across cores, spinning, ns",
        of: (Group::Messages, 64, Place::TwoCores),
        value: |numbers| Some(numbers.p50),
    },
    Picture {
        file: "throughput-64.svg",
        title: "Time for each of many messages of 64 B across cores, ns",
        of: (Group::Messages, 64, Place::TwoCores),
        value: |numbers| numbers.per_message,
    },
    Picture {
        file: "throughput-4096.svg",
        title: "Time for each of many messages of 4 KiB across cores, ns",
        of: (Group::Messages, 4096, Place::TwoCores),
        value: |numbers| numbers.per_message,
    },
    Picture {
        file: "locks.svg",
        title: "Lock and unlock, nobody else there, ns",
        of: (Group::Locks, 0, Place::OneCore),
        value: |numbers| Some(numbers.p50),
    },
];
