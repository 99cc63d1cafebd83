//! A row: who it is, and what it does.

use crate::conversation::{Agreement, Pair, Plan, repeat};
use crate::fact::{About, Author, Group, Numbers, Place};
use crate::mechanism::{End, Ends, Fault, Result};
use crate::processors::Processors;
use std::fmt;
use std::thread;

/// What one thread does so many times by itself.
pub type Repeated = Box<dyn FnMut(u64) -> Result>;

/// One way to be measured.
pub struct Row {
    /// Which one it is.
    pub about: About,
    pub(crate) work: Work,
}

impl fmt::Debug for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about.fmt(formatter)
    }
}

pub(crate) enum Work {
    Between { create: Box<dyn Fn() -> Result<Box<dyn Pair>>>, threads: bool, throughput: bool },
    Alone { create: Box<dyn Fn() -> Result<Repeated>>, operations: f64 },
}

impl Row {
    /// Messages of so many bytes between two processes, latency and throughput; 0 bytes are an event, which has latency only.
    pub fn between<E: Ends + 'static>(
        (author, by): (Author, &str),
        mechanism: &str,
        place: Place,
        bytes: usize,
        create: impl Fn() -> Result<E> + 'static,
    ) -> Self {
        let group = if bytes == 0 { Group::Events } else { Group::Messages };
        let about = About { group, bytes, place, mechanism: mechanism.into(), author, by: by.into() };
        let create = Box::new(move || Ok(Box::new(create()?) as Box<dyn Pair>));
        Self { about, work: Work::Between { create, threads: false, throughput: bytes > 0 } }
    }

    /// What one thread does by itself; what is made is made in the process that is measured. Each repetition is so many
    /// operations: 2 for a round trip through a process that the row starts.
    pub fn alone(
        (author, by): (Author, &str),
        mechanism: &str,
        bytes: usize,
        operations: f64,
        create: impl Fn() -> Result<Repeated> + 'static,
    ) -> Self {
        let group = if bytes == 0 { Group::Locks } else { Group::Messages };
        let about = About { group, bytes, place: Place::OneCore, mechanism: mechanism.into(), author, by: by.into() };
        Self { about, work: Work::Alone { create: Box::new(create), operations } }
    }

    /// Latency only: a newer value replaces the one before, or nobody keeps more than one.
    #[must_use]
    pub fn latency_only(mut self) -> Self {
        if let Work::Between { throughput, .. } = &mut self.work {
            *throughput = false;
        }
        self
    }

    /// Between two threads of one process.
    #[must_use]
    pub fn in_threads(mut self) -> Self {
        if let Work::Between { threads, .. } = &mut self.work {
            *threads = true;
        }
        self
    }
}

/// A row's objects, made; and how its processes measure.
pub(crate) struct Ready<'r> {
    place: Place,
    processors: Processors,
    plan: Plan,
    agreement: Agreement,
    objects: Objects<'r>,
}

enum Objects<'r> {
    Between(Box<dyn Pair>, bool),
    Alone(&'r dyn Fn() -> Result<Repeated>, f64),
}

impl<'r> Ready<'r> {
    pub(crate) fn make(row: &'r Row, processors: Processors, time: std::time::Duration) -> Result<Self> {
        let (objects, throughput) = match &row.work {
            Work::Between { create, threads, throughput } => (Objects::Between(create()?, *threads), *throughput),
            Work::Alone { create, operations } => (Objects::Alone(create, *operations), false),
        };
        let plan = Plan { bytes: row.about.bytes, time, throughput };
        Ok(Self { place: row.about.place, processors, plan, agreement: Agreement::new()?, objects })
    }

    /// Which ends have a process of their own.
    pub(crate) fn processes(&self) -> &'static [End] {
        match self.objects {
            Objects::Between(_, false) => &[End::Near, End::Far],
            _ => &[End::Near],
        }
    }

    /// What the process of an end does; the near one brings the numbers.
    pub(crate) fn work(&self, end: End) -> Result<Option<Numbers>> {
        self.processors.pin(end, self.place)?;
        match (&self.objects, end) {
            (Objects::Between(pair, false), End::Near) => pair.measure(&self.agreement, self.plan).map(Some),
            (Objects::Between(pair, false), End::Far) => pair.answer(&self.agreement, self.plan).map(|()| None),
            (Objects::Between(pair, true), _) => self.in_threads(&**pair).map(Some),
            (Objects::Alone(create, operations), _) => repeat(&mut *create()?, self.plan.time, *operations).map(Some),
        }
    }

    fn in_threads(&self, pair: &dyn Pair) -> Result<Numbers> {
        let Self { place, processors, plan, agreement, .. } = self;
        thread::scope(|scope| {
            let far = scope.spawn(|| -> Result {
                processors.pin(End::Far, *place)?;
                pair.answer(agreement, *plan)
            });
            let numbers = pair.measure(agreement, *plan)?;
            far.join().map_err(|_| Fault::from("the other thread panicked"))??;
            Ok(numbers)
        })
    }
}
