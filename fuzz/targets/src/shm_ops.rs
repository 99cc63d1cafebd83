//! Segments by key, attached several times, also by forked children, with handles that go stale. What is behind a segment's
//! last byte in its last page is watched through another attachment: it is memory that a wrong write reaches without a fault.

use crate::msg_ops::last;
use crate::steps::steps;
use crate::{leaks, namespace};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::sysv::Segment;
use ipc_safe::testing::fork;
use ipc_safe::testing::model::program::Outcome;
use ipc_safe::testing::model::program::segments::{Call, Kernel, Model};
use ipc_safe::testing::model::segment::Step;
use ipc_safe::testing::model::table::Serial;
use std::collections::BTreeSet;
use std::ops::Range;
use std::ptr::NonNull;

#[derive(Debug)]
enum Op {
    Call {
        call: Call,
        /// Whether the tail of a new segment is watched; it stays to the end then.
        watch: bool,
    },
    /// A forked child writes a byte.
    Touch { attachment: usize, byte: u8 },
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            byte @ 252.. => Self::Touch { attachment: u.choose_index(4)?, byte },
            other => Self::Call { call: u.arbitrary()?, watch: other % 4 == 1 },
        })
    }
}

/// Inputs that begin with such a number may have a child: few, as a fork takes as long as some thousand calls. (Fuzzers like bytes
/// near 0 and 255.)
const FORKS: Range<u8> = 100..104;

thread_local! {
    static EMPTY: Model = Model::new().expect("limits");
}

/// The namespace of all targets with segments: few of them, and little memory, so that it runs out.
pub(crate) fn enter() -> Model {
    namespace::enter_with(&[("shmmni", "4"), ("shmmax", "16384"), ("shmall", "8")]);
    leaks::begin();
    EMPTY.with(Clone::clone)
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let mut system = System::new(enter(), u.arbitrary().unwrap_or(0));
    for op in steps(&mut u) {
        match op {
            Op::Call { call, watch } => system.call(&call, watch),
            Op::Touch { attachment, byte } => system.touch(attachment, byte),
        }
    }
    system.check();
    drop(system);
    leaks::check();
}

/// The kernel and the model, and who watches.
struct System {
    model: Model,
    kernel: Kernel,
    seen: BTreeSet<Serial>,
    tails: Vec<Tail>,
    may_fork: bool,
}

impl System {
    /// `number` says whether there may be a child.
    fn new(model: Model, number: u8) -> Self {
        Self {
            model,
            kernel: Kernel::default(),
            seen: BTreeSet::new(),
            tails: Vec::new(),
            may_fork: FORKS.contains(&number),
        }
    }

    fn call(&mut self, call: &Call, watch: bool) {
        if !self.model.is_possible(call) {
            return;
        }
        let expected = self.model.perform(call);
        assert_eq!(self.kernel.perform(call, &expected), expected, "the kernel, and what was expected, for {call:?}");
        if let Outcome::Found(Ok(serial)) = expected
            && self.seen.insert(serial)
            && watch
        {
            self.tails.push(Tail::of(self.kernel.handles.of(serial)));
            self.model.segments.attach(serial).expect("it was found just now");
        }
        if let Call::On { .. } = call {
            self.tails.iter().for_each(Tail::check);
        }
    }

    /// One child an input. It has all attachments, too, and they go with it.
    #[expect(unsafe_code, reason = "a fork")]
    fn touch(&mut self, attachment: usize, byte: u8) {
        let step = Step::Write { offset: 0, len: 1, byte };
        let call = Call::On { attachment, step: step.clone() };
        if !self.may_fork || !self.model.is_possible(&call) {
            return;
        }
        self.may_fork = false;
        let held = &self.kernel.attached[attachment];
        // SAFETY: the child copies a byte into memory, by a view of the crate.
        let child = unsafe { fork(|| held.perform(&step).is_ok()) }.expect("a child");
        assert_eq!(child.wait(), Ok(true));
        self.model.perform(&call);
    }

    fn check(&self) {
        self.tails.iter().for_each(Tail::check);
        self.kernel.check(&self.model);
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.kernel.clear();
    }
}

/// What stands behind the segment.
const PATTERN: u8 = 0xa5;

/// An attachment by C's call, to look behind the last byte of a segment.
struct Tail {
    start: NonNull<u8>,
    size: usize,
}

impl Tail {
    #[expect(unsafe_code, reason = "the crate shows nothing of what is behind")]
    fn of(segment: Segment) -> Self {
        let size = segment.status().expect("it was found just now").size;
        // SAFETY: the kernel chooses a free range.
        let start = unsafe { libc::shmat(segment.id(), std::ptr::null(), 0) };
        assert!(start.addr() != usize::MAX, "shmat: {}", last());
        let tail = Self { start: NonNull::new(start.cast()).expect("an address"), size };
        // SAFETY: the pages are attached in whole; others access what is before `size` only.
        unsafe { tail.behind().write_bytes(PATTERN, tail.len()) };
        tail
    }

    const fn behind(&self) -> *mut u8 {
        self.start.as_ptr().wrapping_add(self.size)
    }

    fn len(&self) -> usize {
        self.size.next_multiple_of(rustix::param::page_size()) - self.size
    }

    #[expect(unsafe_code, reason = "the crate shows nothing of what is behind")]
    fn check(&self) {
        for offset in 0..self.len() {
            // SAFETY: inside the last page, which is attached.
            let byte = unsafe { self.behind().wrapping_add(offset).read_volatile() };
            assert_eq!(byte, PATTERN, "somebody wrote {offset} bytes behind a segment of {} bytes", self.size);
        }
    }
}

impl Drop for Tail {
    #[expect(unsafe_code, reason = "the other half of `shmat`")]
    fn drop(&mut self) {
        // SAFETY: attached by `of`, and nothing refers to it any more.
        unsafe { libc::shmdt(self.start.as_ptr().cast()) };
    }
}
