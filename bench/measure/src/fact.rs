//! What was measured, in a form that can be stored.

use crate::chart;
use crate::machine::Machine;
use serde::{Deserialize, Serialize};

/// What a row moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Bytes, copied in and out.
    Messages,
    /// Only the fact that something happened.
    Events,
    /// Nothing: one thread locks and unlocks.
    Locks,
}

/// Where the two ends run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On one core; who waits sleeps.
    OneCore,
    /// On a core each; who waits spins.
    TwoCores,
}

/// Whose code a row runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// The calls of the C library, or plain atomics.
    Raw,
    /// `ipc-safe`.
    Ours,
    /// The first once more: what it differs by is noise.
    Control,
    /// Another crate.
    Peer,
    /// Two threads of one process: nothing between processes is faster.
    Ceiling,
}

/// Which row it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it moves.
    pub group: Group,
    /// Bytes of a message; 0 for events and locks.
    pub bytes: usize,
    /// Where.
    pub place: Place,
    /// The mechanism; rows of the same one are compared.
    pub mechanism: String,
    /// Whose code.
    pub author: Author,
    /// Its name.
    pub by: String,
}

impl About {
    /// Whether the two do the same in the same place.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.group, self.bytes, self.place, &*self.mechanism)
            == (other.group, other.bytes, other.place, &*other.mechanism)
    }
}

/// What one pass, or the best one, measured, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// The median: of half round trips, or of a lock and unlock.
    pub p50: f64,
    /// What 99 of 100 samples are below.
    pub p99: f64,
    /// For each message of many in one direction.
    pub per_message: Option<f64>,
}

/// A row and what came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Which row.
    #[serde(flatten)]
    pub about: About,
    /// Of the best pass.
    pub best: Option<Numbers>,
    /// Why there are no numbers, or fewer passes.
    pub fault: Option<String>,
}

impl Outcome {
    /// Adds a pass.
    pub(crate) fn add(&mut self, pass: Numbers) {
        let Some(best) = &mut self.best else {
            self.best = Some(pass);
            return;
        };
        if pass.p50 < best.p50 {
            (best.p50, best.p99) = (pass.p50, pass.p99);
        }
        best.per_message = best.per_message.zip(pass.per_message).map(|(one, other)| one.min(other));
    }
}

/// All of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// Passes of each row.
    pub passes: u32,
    /// The part of the processors' time that the hypervisor gave to others, in percent.
    pub steal_percent: f64,
    /// Seconds that it took.
    pub seconds: f64,
    /// The rows.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// The numbers of one row.
    #[must_use]
    pub fn numbers(&self, wanted: impl Fn(&About) -> bool) -> Option<Numbers> {
        self.outcomes.iter().find(|outcome| wanted(&outcome.about))?.best
    }

    /// Those rows of a group that have numbers, as bars of a picture, by mechanism.
    #[must_use]
    pub fn bars(
        &self,
        (group, bytes, place): (Group, usize, Place),
        value: impl Fn(&Numbers) -> Option<f64>,
    ) -> Vec<chart::Group> {
        let mut groups: Vec<chart::Group> = Vec::new();
        for Outcome { about, best, .. } in &self.outcomes {
            if (about.group, about.bytes, about.place) != (group, bytes, place) || about.author == Author::Control {
                continue;
            }
            let Some(value) = best.as_ref().and_then(&value) else { continue };
            let bar = chart::Bar { label: about.by.clone(), author: about.author, value };
            match groups.iter_mut().find(|group| group.name == about.mechanism) {
                Some(group) => group.bars.push(bar),
                None => groups.push(chart::Group { name: about.mechanism.clone(), bars: vec![bar] }),
            }
        }
        groups
    }

    /// The numbers of the C side beside a row.
    #[must_use]
    pub fn raw_of(&self, about: &About) -> Option<Numbers> {
        self.numbers(|other| other.author == Author::Raw && other.is_beside(about))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_pass_is_kept() {
        let about = About {
            group: Group::Messages,
            bytes: 64,
            place: Place::OneCore,
            mechanism: "pipe".into(),
            author: Author::Ours,
            by: "ipc-safe".into(),
        };
        let mut outcome = Outcome { about, best: None, fault: None };
        for (p50, p99, per_message) in [(5.0, 9.0, 3.0), (4.0, 20.0, 4.0), (6.0, 7.0, 2.0)] {
            outcome.add(Numbers { p50, p99, per_message: Some(per_message) });
        }
        assert_eq!(outcome.best, Some(Numbers { p50: 4.0, p99: 20.0, per_message: Some(2.0) }));
    }
}
