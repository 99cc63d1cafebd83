//! Three sides that take turns.
//!
//! One round runs a block of calls of each side, in an order that changes from round to round, so that a change of the
//! processor's speed or a neighbour's work meets all three alike. A round gives two ratios, this crate to libc and the
//! control to libc; their medians over all rounds are the result. The cases themselves take turns too, a slice of the time
//! each, so that a bad second does not fall on one row.

use crate::allocations;
use std::time::{Duration, Instant};

/// A block takes at least this long: long against the clock and what it costs to read it.
const BLOCK: Duration = Duration::from_micros(20);

/// The time of a case is cut into so many slices.
const SLICES: u32 = 10;

/// Runs a side so many times and tells how long that took.
type Side = Box<dyn FnMut(u32) -> Duration>;

/// What a case must reach.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// The ratio is at most this much above the control's.
    OverControl(f64),
    /// The ratio is at most this.
    Ratio(f64),
    /// Anything goes.
    None,
}

pub(crate) struct Case {
    name: String,
    bar: Bar,
    /// libc, this crate, libc again.
    sides: [Side; 3],
    calls_a_block: u32,
    /// The three times of each round, of one call, in nanoseconds.
    rounds: Vec<[f64; 3]>,
    allocations: usize,
    /// How many a call of this crate may make.
    allocations_allowed: usize,
}

impl Case {
    /// `raw` makes a libc side; it is made twice.
    pub(crate) fn new<R: FnMut() + 'static>(
        name: impl Into<String>,
        bar: Bar,
        mut raw: impl FnMut() -> R,
        ours: impl FnMut() + 'static,
    ) -> Self {
        let sides = [side(raw()), side(ours), side(raw())];
        let (name, rounds) = (name.into(), Vec::new());
        let mut case = Self { name, bar, sides, calls_a_block: 1, rounds, allocations: 0, allocations_allowed: 0 };
        case.calibrate();
        case
    }

    /// For a call that hands out memory.
    pub(crate) fn allocating(mut self, most: usize) -> Self {
        self.allocations_allowed = most;
        self
    }

    /// Warms up, and finds how many calls make a block.
    fn calibrate(&mut self) {
        while self.sides.iter_mut().map(|side| side(self.calls_a_block)).min() < Some(BLOCK) {
            self.calls_a_block *= 2;
        }
    }

    fn measure(&mut self, time: Duration) {
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2]];
        let end = Instant::now() + time;
        for order in ORDERS.iter().cycle() {
            let mut round = [0.0; 3];
            for &index in order {
                let before = allocations::so_far();
                let taken = self.sides[index](self.calls_a_block);
                self.allocations += allocations::so_far() - before;
                round[index] = taken.as_nanos() as f64 / f64::from(self.calls_a_block);
            }
            self.rounds.push(round);
            if Instant::now() >= end {
                return;
            }
        }
    }

    /// How many calls of this crate were made.
    fn calls(&self) -> usize {
        self.rounds.len() * self.calls_a_block as usize
    }

    fn nanoseconds(&self, side: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[side]))
    }

    fn ratio(&self, side: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[side] / round[0]))
    }

    pub(crate) fn passes(&self) -> bool {
        let reached = match self.bar {
            Bar::OverControl(most) => self.ratio(1) - self.ratio(2) <= most,
            Bar::Ratio(most) => self.ratio(1) <= most,
            Bar::None => true,
        };
        reached && self.allocations <= self.allocations_allowed * self.calls()
    }

    fn describe_allocations(&self) -> String {
        match self.allocations_allowed {
            0 => self.allocations.to_string(),
            _ => format!("{:.0} a call", self.allocations as f64 / self.calls() as f64),
        }
    }

    pub(crate) fn describe(&self) -> String {
        let bar = match self.bar {
            Bar::OverControl(most) => format!("control + {most:.2}"),
            Bar::Ratio(most) => format!("{most:.2}"),
            Bar::None => "-".to_owned(),
        };
        let (ratio, control) = (self.ratio(1), self.ratio(2));
        format!(
            "| {:<50} | {:>9.1} | {:>9.1} | {ratio:>5.3} | {control:>7.3} | {:>+10.3} | {bar:>14} | {:>11} |",
            self.name,
            self.nanoseconds(0),
            self.nanoseconds(1),
            ratio - control,
            self.describe_allocations(),
        )
    }
}

/// The loop is compiled together with the call, so that the two sides have the same loop around them.
fn side(mut call: impl FnMut() + 'static) -> Side {
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            call();
        }
        start.elapsed()
    })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Measures every case for `time`, a slice at a time.
pub(crate) fn run(mut cases: Vec<Case>, time: Duration) -> Vec<Case> {
    for _ in 0..SLICES {
        for case in &mut cases {
            case.measure(time / SLICES);
        }
    }
    cases
}

pub(crate) fn print(title: &str, cases: &[Case]) {
    println!("#### {title}\n");
    println!(
        "| {:<50} | {:>9} | {:>9} | {:>5} | {:>7} | {:>10} | {:>14} | {:>11} |",
        "", "libc ns", "crate ns", "ratio", "control", "difference", "bar", "allocations"
    );
    println!("|:{:-<51}|{:->10}:|{:->10}:|{:->6}:|{:->8}:|{:->11}:|{:->15}:|{:->12}:|", "", "", "", "", "", "", "", "");
    for case in cases {
        println!("{}", case.describe());
    }
    println!();
}
