//! Children that use a set with undo, and end in whatever way: what is given back, and what is not. They come with the parent's
//! guards, which are not theirs to release.

use crate::{leaks, script, sem_ops};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::sysv::{SemaphoreGuard, SemaphoreSet};
use ipc_safe::testing::model::set::{Change, Operation, Process, Set, Step};
use ipc_safe::testing::{ChildFailure, Forked, fork};
use std::os::unix::process::CommandExt;
use std::process::Command;

#[derive(Arbitrary, Debug)]
struct Op {
    step: Step,
    by_child: bool,
}

/// How the child ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Exit,
    Kill,
    /// As another program, which keeps what is to be given back.
    Execute,
}

impl Ending {
    /// To execute a program takes as long as several forks.
    const fn of(byte: u8) -> Self {
        match byte {
            0..120 => Self::Exit,
            120..250 => Self::Kill,
            250.. => Self::Execute,
        }
    }
}

const PARENT: Process = 0;
const CHILD: Process = 1;
const SEMAPHORES: usize = 3;

/// Runs one input.
pub fn run(data: &[u8]) {
    sem_ops::enter_with("4 9 3 3");
    let mut u = Unstructured::new(data);
    let Ok((ending, held)) = u.arbitrary::<(u8, u8)>() else { return };
    let operations: Vec<Op> = script::operations(&mut u).collect();
    family(Ending::of(ending), u16::from(held % 4), &operations);
    leaks::check();
}

/// The parent acts, then the child, which ends, then the parent gives back what it holds.
fn family(ending: Ending, held: u16, operations: &[Op]) {
    let set = SemaphoreSet::private(&[held, 0, 0]).expect("a set");
    let mut model = Set::new(SEMAPHORES);
    let mut guards = hold(&set, &mut model, held);
    perform(&set, &mut model, PARENT, operations.iter().filter(|op| !op.by_child));
    let by_child = || operations.iter().filter(|op| op.by_child);
    let child = start(&set, &model, &mut guards, ending, by_child());
    let pid = child.pid();
    finish(child, ending);

    by_child().for_each(|op| _ = model.perform(CHILD, &op.step));
    model.end(CHILD);
    compare(&set, &model, |process| if process == CHILD { pid.as_raw_nonzero().get() } else { own() });
    for guard in guards {
        let given = Operation { index: 0, change: Change::Add(guard.units()), undo: true };
        let expected = model.apply(PARENT, &[given]);
        assert_eq!(guard.release().map_err(Into::into), expected, "a guard of the parent's");
    }
    assert_eq!(set.values().expect("values"), model.values(), "after the guards");
}

/// The first semaphore has so many units, of which guards take all.
fn hold(set: &SemaphoreSet, model: &mut Set, units: u16) -> Vec<SemaphoreGuard> {
    let mut act = |change, undo| model.apply(PARENT, &[Operation { index: 0, change, undo }]).expect("it can be done");
    act(if units > 0 { Change::Add(units) } else { Change::WaitZero }, false);
    let take = |_| {
        act(Change::Subtract(1), true);
        set.semaphore(0).try_acquire(1).expect("a unit")
    };
    (0..units).map(take).collect()
}

fn perform<'o>(set: &SemaphoreSet, model: &mut Set, process: Process, operations: impl Iterator<Item = &'o Op>) {
    for Op { step, .. } in operations {
        let expected = model.perform(process, step);
        assert_eq!(step.perform(set), expected, "the kernel, and what was expected, for {step:?}");
    }
}

/// The child drops its copies of the guards, which gives nothing back, does its part, and ends.
#[expect(unsafe_code, reason = "a fork")]
fn start<'o>(
    set: &SemaphoreSet,
    model: &Set,
    guards: &mut Vec<SemaphoreGuard>,
    ending: Ending,
    operations: impl Iterator<Item = &'o Op>,
) -> Forked<()> {
    let mut model = model.clone();
    let body = || {
        guards.clear();
        assert_eq!(set.values().expect("values"), model.values(), "a child's copies of guards gave back");
        perform(set, &mut model, CHILD, operations);
        match ending {
            Ending::Exit => {}
            Ending::Kill => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
            Ending::Execute => panic!("no program: {}", Command::new("true").exec()),
        }
    };
    // SAFETY: the child allocates, and makes system calls on numbers.
    unsafe { fork(body) }.expect("a child")
}

fn finish(child: Forked<()>, ending: Ending) {
    match (child.wait(), ending) {
        (Ok(()), Ending::Exit) => {}
        (Err(ChildFailure::Ended(status)), Ending::Execute) if status.is_success() => {}
        (Err(ChildFailure::Ended(status)), Ending::Kill) if !status.is_success() => {}
        (other, _) => panic!("a child that was to end by {ending:?}: {other:?}"),
    }
}

/// Compares values and last users with the model.
fn compare(set: &SemaphoreSet, model: &Set, pid: impl Fn(Process) -> i32) {
    assert_eq!(set.values().expect("values"), model.values(), "values");
    for (index, process) in model.last().iter().enumerate() {
        let last = set.semaphore(index as u16).last_pid().expect("a pid");
        assert_eq!(last.map(|pid| pid.as_raw_nonzero().get()), process.map(&pid), "last pid of semaphore {index}");
    }
}

fn own() -> i32 {
    std::process::id().cast_signed()
}
