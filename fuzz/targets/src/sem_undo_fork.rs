//! Children that use a set with undo, and end in whatever way: what is given back, and what is not. Those that are forked come with
//! the parent's guards, which are not theirs to release; most are twins, which share its memory and are there sooner.

use crate::steps::steps;
use crate::{leaks, sem_ops};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::sysv::{SemaphoreGuard, SemaphoreSet};
use ipc_safe::testing::model::set::{Change, Operation, Process, Set, Step};
use ipc_safe::testing::{ChildFailure, Forked, fork};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::ops::Range;
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
    /// To execute a program takes as long as several forks: few inputs do. (Fuzzers like bytes near 0 and 255.)
    const fn of(byte: u8) -> Self {
        match byte {
            0..100 => Self::Exit,
            100..102 => Self::Execute,
            102.. => Self::Kill,
        }
    }
}

const PARENT: Process = 0;
const CHILD: Process = 1;
const SEMAPHORES: usize = 3;
/// Inputs with such a number have forked children.
const FORKS: Range<u8> = 100..104;

/// Runs one input.
pub fn run(data: &[u8]) {
    sem_ops::enter_with("4 9 3 3");
    let mut u = Unstructured::new(data);
    let Ok((ending, number)) = u.arbitrary::<(u8, u8)>() else { return };
    let operations: Vec<Op> = steps(&mut u).collect();
    family(Ending::of(ending), number, &operations);
    leaks::check();
}

/// The parent acts, then the child, which ends, then the parent gives back what it holds.
fn family(ending: Ending, number: u8, operations: &[Op]) {
    let held = u16::from(number % 4);
    let set = SemaphoreSet::private(&[held, 0, 0]).expect("a set");
    let mut model = Set::new(SEMAPHORES);
    let mut guards = hold(&set, &mut model, held);
    perform(&set, &mut model, PARENT, operations.iter().filter(|op| !op.by_child));
    let by_child = || operations.iter().filter(|op| op.by_child);
    let mut of_child = model.clone();
    let act = || perform(&set, &mut of_child, CHILD, by_child());
    let pid = if !FORKS.contains(&number) && ending != Ending::Execute {
        twin(ending, act)
    } else {
        forked(&set, &model, &mut guards, ending, act)
    };

    by_child().for_each(|op| _ = model.perform(CHILD, &op.step));
    model.end(CHILD);
    compare(&set, &model, |process| if process == CHILD { pid } else { own() });
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

/// A forked child drops its copies of the guards, which gives nothing back, does its part, and ends. Its pid.
#[expect(unsafe_code, reason = "a fork")]
fn forked(
    set: &SemaphoreSet,
    model: &Set,
    guards: &mut Vec<SemaphoreGuard>,
    ending: Ending,
    act: impl FnOnce(),
) -> i32 {
    let body = || {
        guards.clear();
        assert_eq!(set.values().expect("values"), model.values(), "a child's copies of guards gave back");
        act();
        match ending {
            Ending::Exit => {}
            Ending::Kill => kill_self(),
            Ending::Execute => panic!("no program: {}", Command::new("true").exec()),
        }
    };
    // SAFETY: the child allocates, and makes system calls on numbers.
    let child = unsafe { fork(body) }.expect("a child");
    let pid = child.pid().as_raw_nonzero().get();
    finish(child, ending);
    pid
}

fn finish(child: Forked<()>, ending: Ending) {
    match (child.wait(), ending) {
        (Ok(()), Ending::Exit) => {}
        (Err(ChildFailure::Ended(status)), Ending::Execute) if status.is_success() => {}
        (Err(ChildFailure::Ended(status)), Ending::Kill) if !status.is_success() => {}
        (other, _) => panic!("a child that was to end by {ending:?}: {other:?}"),
    }
}

fn kill_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

/// Bytes of a twin's stack.
const STACK: usize = 1 << 18;

/// What a twin does, and how that went.
struct Part<'a> {
    act: &'a mut dyn FnMut(),
    ending: Ending,
    result: std::thread::Result<()>,
}

/// A child that has the memory of this process, not a copy of it, while this one waits: to the kernel's semaphores a process like any
/// other, and there fifty times sooner than a fork of a program under AddressSanitizer. Its pid.
#[expect(unsafe_code, reason = "no safe way makes such a child")]
fn twin(ending: Ending, act: impl FnOnce()) -> i32 {
    extern "C" fn begin(part: *mut libc::c_void) -> libc::c_int {
        // SAFETY: `twin` gives the part, and waits until this process is gone.
        let part = unsafe { &mut *part.cast::<Part<'_>>() };
        part.result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut part.act));
        if part.ending == Ending::Kill {
            kill_self();
        }
        0
    }
    let mut act = Some(act);
    let mut act = || act.take().expect("once")();
    let mut part = Part { act: &mut act, ending, result: Ok(()) };
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child runs `begin` on a stack of its own that is large enough for it, and by CLONE_VFORK this thread goes on
    // only when the child is gone: until then the stack, the part and the thread's variables are the child's alone.
    let pid = unsafe { libc::clone(begin, stack.as_mut_ptr_range().end.cast(), flags, (&raw mut part).cast()) };
    let pid = Pid::from_raw(pid).unwrap_or_else(|| panic!("no child: {}", std::io::Error::last_os_error()));
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).expect("a child").expect("its end");
    if let Err(panic) = part.result {
        std::panic::resume_unwind(panic);
    }
    match ending {
        Ending::Kill => assert_eq!(status.terminating_signal(), Some(libc::SIGKILL), "{status:?}"),
        _ => assert_eq!(status.exit_status(), Some(0), "{status:?}"),
    }
    pid.as_raw_nonzero().get()
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
