//! What it was measured on.

use serde::{Deserialize, Serialize};
use std::fs::read_to_string;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine and the moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Processors that are online.
    pub processors: usize,
    /// Their name.
    pub model: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Load of the last minute before the run.
    pub load: f64,
    /// Seconds since 1970 when it began.
    pub begun: u64,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let information = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let of = |name: &str| {
            let mut lines = information.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
        };
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            model: of("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            load: load().unwrap_or(0.0),
            begun: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        }
    }
}

fn load() -> Option<f64> {
    read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Ticks that the hypervisor gave to others, and all ticks, of all processors since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ticks {
    stolen: u64,
    all: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        Self::parse(&read_to_string("/proc/stat").unwrap_or_default()).unwrap_or_default()
    }

    fn parse(stat: &str) -> Option<Self> {
        /// user, nice, system, idle, iowait, irq, softirq, steal; the rest is in these.
        const COLUMNS: usize = 8;
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().take(COLUMNS).filter_map(|ticks| ticks.parse().ok()).collect();
        Some(Self { stolen: *ticks.get(COLUMNS - 1)?, all: ticks.iter().sum() })
    }

    /// The part stolen since `before`, in percent.
    pub(crate) fn stolen_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        100.0 * self.stolen.saturating_sub(before.stolen) as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_found() {
        let before = Ticks::parse("cpu  100 0 100 100 0 0 0 10 0 0\ncpu0 1 2\n").unwrap();
        let after = Ticks::parse("cpu  150 0 120 120 0 0 0 20 5 0\n").unwrap();
        assert_eq!(after.stolen_since(before), 10.0);
        assert!(Ticks::parse("").is_none());
    }
}
