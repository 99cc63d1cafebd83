//! Signals that end a command, and those that were ignored from the start and stay so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Those of `signals` that this process does not ignore. One that does was started so, by `nohup` or as a background job,
/// and must not begin to listen.
pub(crate) fn not_ignored(signals: &[i32]) -> Vec<i32> {
    let ignored = mask("self", "SigIgn:").unwrap_or(0);
    signals.iter().copied().filter(|&signal| !contains(ignored, signal)).collect()
}

/// Whether the process has a handler for the signal.
pub(crate) fn is_handled(pid: i32, signal: i32) -> bool {
    mask(&pid.to_string(), "SigCgt:").is_some_and(|caught| contains(caught, signal))
}

fn mask(process: &str, line: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let digits = status.lines().find_map(|text| text.strip_prefix(line))?;
    u64::from_str_radix(digits.trim(), 16).ok()
}

const fn contains(mask: u64, signal: i32) -> bool {
    signal >= 1 && signal <= 64 && mask >> (signal - 1) & 1 == 1
}

/// Whether somebody asked this process to stop, by Ctrl-C or otherwise. From when it is made, the signals that do so only
/// set this.
#[derive(Clone, Debug)]
pub(crate) struct StopRequest(Arc<AtomicUsize>);

impl StopRequest {
    pub(crate) fn listen() -> std::io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let request = Self(Arc::new(AtomicUsize::new(0)));
        for signal in not_ignored(&[SIGINT, SIGQUIT, SIGTERM, SIGHUP]) {
            let number = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&request.0), number)?;
        }
        Ok(request)
    }

    /// The number of the signal that asked.
    pub(crate) fn signal(&self) -> Option<u8> {
        u8::try_from(self.0.load(Ordering::Relaxed)).ok().filter(|&signal| signal > 0)
    }
}
