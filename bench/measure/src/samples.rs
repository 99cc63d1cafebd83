//! The middle and the tail of many times.

use std::time::Duration;

/// At least so long is a sample: long against the clock, and what it costs to read it.
pub(crate) const SAMPLE: Duration = Duration::from_micros(2);

/// Times of batches.
pub(crate) struct Samples {
    /// Nanoseconds of one operation.
    times: Vec<f64>,
    operations: f64,
}

impl Samples {
    /// For so many samples of so many operations each.
    pub(crate) fn new(samples: u64, operations: u64) -> Self {
        Self { times: Vec::with_capacity(usize::try_from(samples).unwrap_or(0)), operations: operations as f64 }
    }

    pub(crate) fn add(&mut self, batch: Duration) {
        self.times.push(batch.as_nanos() as f64 / self.operations);
    }

    /// The time that `part` of the samples, from 0 to 1, are not above.
    pub(crate) fn percentile(&mut self, part: f64) -> f64 {
        let Some(last) = self.times.len().checked_sub(1) else { return f64::NAN };
        let at = (last as f64 * part).round() as usize;
        *self.times.select_nth_unstable_by(at.min(last), f64::total_cmp).1
    }
}

/// How many operations make a sample, and how many samples fill `time`, when an operation takes `one`.
pub(crate) fn shape(one: Duration, time: Duration) -> (u64, u64) {
    let one = one.as_nanos().max(1) as f64;
    // Some more than needed: the operations may become faster than they were at first.
    let batch = (1.5 * SAMPLE.as_nanos() as f64 / one).ceil().max(1.0);
    let samples = (time.as_nanos() as f64 / (batch * one)).ceil().max(5.0);
    (batch as u64, samples as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_where_they_belong() {
        let mut samples = Samples::new(101, 1);
        (0..=100).rev().for_each(|time| samples.add(Duration::from_nanos(time)));
        assert_eq!((samples.percentile(0.5), samples.percentile(0.99), samples.percentile(1.0)), (50.0, 99.0, 100.0));
    }

    #[test]
    fn samples_are_long_and_fill_the_time() {
        let (batch, samples) = shape(Duration::from_nanos(100), Duration::from_millis(3));
        assert_eq!((batch, samples), (30, 1000));
        assert_eq!(shape(Duration::from_secs(1), Duration::from_millis(1)), (1, 5));
    }
}
