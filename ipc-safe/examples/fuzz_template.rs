//! A fuzz target for code of your own that uses IPC, to copy: `docs/guide/fuzzing.md` goes through it.
//!
//! As it stands, it tests a list of jobs that lies in a message queue. Put your code, its steps and its model in their places. As a
//! program it replays inputs, those that a fuzzer found or some at random; under libFuzzer, `run` is called instead of `main`.
//!
//! ```text
//! $ cargo run --features arbitrary --example fuzz_template
//! 200 inputs at random: nothing found
//! $ cargo run --features arbitrary --example fuzz_template -- crash-0123456789
//! crash-0123456789: nothing found
//! ```
//!
//! It needs the right to make an IPC namespace: root has it, and others under `unshare --map-root-user --ipc`.

use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::signal::{self, Signal};
use ipc_safe::sysv::{MessageQueue, MessageType, Owned, Selector};
use ipc_safe::testing::model::queue::{Limits, Queue, Room};
use ipc_safe::testing::{Faults, LeakGuard, Occurrence, Resources, Snapshot, fork, in_ipc_namespace};
use std::process::ExitCode;

/// The code under test: jobs, each taken once, the urgent ones first.
struct Jobs(Owned<MessageQueue>);

impl Jobs {
    fn new() -> ipc_safe::Result<Self> {
        MessageQueue::private().map(Self)
    }

    /// False when there is no room for it now.
    fn put(&self, urgency: MessageType, job: &[u8]) -> ipc_safe::Result<bool> {
        match self.0.try_send(urgency, job) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            result => result.map(|()| true),
        }
    }

    fn take(&self, least_urgent: MessageType) -> ipc_safe::Result<Option<Vec<u8>>> {
        let mut job = Vec::new();
        match self.0.try_receive(Selector::AtMost(least_urgent), &mut job) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            result => result.map(|_| Some(job)),
        }
    }
}

/// Something to do with it. Few urgencies, and lengths around which something changes.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Put { urgency: Urgency, len: Len, byte: u8 },
    Take { least_urgent: Urgency },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Urgency {
    First = 1,
    Second,
    Third,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Len {
    None = 0,
    One = 1,
    Half = 8191,
    Longest = 8192,
    TooLong = 8193,
}

impl From<Urgency> for MessageType {
    fn from(urgency: Urgency) -> Self {
        Self::new(urgency as i64).expect("above 0")
    }
}

/// The steps that a fuzzer's bytes stand for: 64 at most, so that a finding is short.
fn steps(data: &[u8]) -> Vec<Step> {
    let mut bytes = Unstructured::new(data);
    std::iter::from_fn(|| (!bytes.is_empty()).then(|| bytes.arbitrary().ok()).flatten()).take(64).collect()
}

/// What a step answers: whether there was room, or the job that was taken.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Put(bool),
    Taken(Option<Vec<u8>>),
    Failed(ErrorKind),
}

impl Step {
    fn perform(self, jobs: &Jobs) -> Outcome {
        let result = match self {
            Self::Put { urgency, len, byte } => jobs.put(urgency.into(), &vec![byte; len as usize]).map(Outcome::Put),
            Self::Take { least_urgent } => jobs.take(least_urgent.into()).map(Outcome::Taken),
        };
        result.unwrap_or_else(|error| Outcome::Failed(error.kind()))
    }
}

/// What ought to happen. Where the code does what an object of the kernel does, the model of that object has the answer.
struct Model {
    queue: Queue,
    limits: Limits,
}

impl Model {
    fn new() -> ipc_safe::Result<Self> {
        let queue = Queue::new(MessageQueue::limits()?.queue_bytes.into());
        Ok(Self { queue, limits: Limits::of_system()? })
    }

    fn perform(&mut self, step: Step) -> Outcome {
        match step {
            Step::Put { urgency, len, byte } => {
                let job = (urgency as i64, vec![byte; len as usize]);
                match self.queue.send(job, self.limits.message_bytes) {
                    Ok(()) => Outcome::Put(true),
                    Err(fault) if fault.kind == ErrorKind::WouldBlock => Outcome::Put(false),
                    Err(fault) => Outcome::Failed(fault.kind),
                }
            }
            Step::Take { least_urgent } => {
                let selector = Selector::AtMost(least_urgent.into());
                Outcome::Taken(self.queue.receive(selector, Room::Any).ok().map(|(_, job)| job))
            }
        }
    }
}

/// Runs one input: the code and the model answer the same.
fn run(data: &[u8]) {
    alone(|| {
        let jobs = Jobs::new().unwrap();
        compare(data, |step| step.perform(&jobs));
    });
}

fn compare(data: &[u8], perform: impl Fn(Step) -> Outcome) {
    let mut model = Model::new().unwrap();
    for step in steps(data) {
        assert_eq!(perform(step), model.perform(step), "{step:?}");
    }
}

/// Runs `body` where nobody else's objects are, and sees to it that it leaves none.
fn alone(body: impl FnOnce() + Send) {
    in_ipc_namespace(|| {
        let _guard = LeakGuard::of(Snapshot::options().only(Resources::THREAD)).unwrap();
        body();
    })
    .expect("be root, or run this under unshare --map-root-user --ipc");
}

/// Runs one input while a call fails: nothing panics or is left, and no job is torn.
fn run_with_fault(data: &[u8], call: &str, errno: Errno, nth: u32) {
    alone(|| {
        let faults = Faults::new().fail(call, errno, Occurrence::Nth(nth)).unwrap();
        let outcome = faults.run(|| {
            let Ok(jobs) = Jobs::new() else { return };
            for step in steps(data) {
                if let Outcome::Taken(Some(job)) = step.perform(&jobs) {
                    assert!(job.iter().all(|byte| *byte == job[0]), "{job:?}");
                }
            }
        });
        // The input may not get as far as the call that is to fail: then this was a run like any other.
        let ((), _fired) = outcome.expect("system call filters").into_parts();
    });
}

/// Runs one input in a process that is killed after so many steps: the others find what it had done.
fn run_killed(data: &[u8], after: usize) {
    alone(|| {
        let (jobs, mut model) = (Jobs::new().unwrap(), Model::new().unwrap());
        let done: Vec<_> = steps(data).into_iter().take(after).collect();
        let worker = || {
            for step in &done {
                step.perform(&jobs);
            }
            let _ = signal::raise(Signal::KILL);
        };
        // SAFETY: the child makes system calls, and allocates by the C library, which sees to forks; nothing that it reaches is
        // memory that processes share.
        let child = unsafe { fork(worker) }.unwrap();
        assert!(child.wait().unwrap_err().to_string().contains("signal 9"));
        for step in done {
            model.perform(step);
        }
        let everything = Step::Take { least_urgent: Urgency::Third };
        while model.queue.count() > 0 {
            assert_eq!(everything.perform(&jobs), model.perform(everything), "after {after} steps");
        }
        assert_eq!(everything.perform(&jobs), Outcome::Taken(None));
    });
}

/// Replays files, or runs inputs at random.
fn main() -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    for file in &files {
        match std::fs::read(file) {
            Ok(data) => each_way(&data),
            Err(error) => {
                eprintln!("fuzz_template: {}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
        println!("{}: nothing found", file.display());
    }
    if files.is_empty() {
        (0..200).for_each(|number| each_way(&at_random(number)));
        println!("200 inputs at random: nothing found");
    }
    ExitCode::SUCCESS
}

/// As it is, with a fault, and killed half way.
fn each_way(data: &[u8]) {
    run(data);
    run_with_fault(data, "msgsnd", Errno::NOMEM, 2);
    run_killed(data, steps(data).len() / 2);
}

/// Always the same input for a number.
fn at_random(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..number).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_safe::testing::isolated;
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::test_runner::{Config, RngSeed, TestRunner};
    use std::panic::catch_unwind;

    /// Property tests are the same target: they draw the bytes, and shrink what finds something.
    fn property(check: impl Fn(&[u8])) -> Result<(), String> {
        let config = Config { cases: 100, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..Config::default() };
        let run = TestRunner::new(config).run(&vec(any::<u8>(), 0..300), |data| {
            check(&data);
            Ok(())
        });
        run.map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_found() {
        println!("{}", isolated(|| property(run).unwrap()));
    }

    #[test]
    fn calls_that_fail_leave_nothing() {
        println!(
            "{}",
            isolated(|| {
                let input = at_random(100);
                for (call, errno) in [
                    ("msgget", Errno::NOSPC),
                    ("msgsnd", Errno::NOMEM),
                    ("msgsnd", Errno::INTR),
                    ("msgrcv", Errno::INTR),
                ] {
                    (1..4).for_each(|nth| run_with_fault(&input, call, errno, nth));
                }
            })
        );
    }

    #[test]
    fn a_process_that_is_killed_leaves_whole_jobs() {
        println!("{}", isolated(|| (0..20).for_each(|after| run_killed(&at_random(100), after))));
    }

    /// A target that finds nothing proves nothing: here are two bugs that it has to find.
    #[test]
    fn bugs_are_found() {
        println!(
            "{}",
            isolated(|| {
                let urgent_ones_are_not_first = |step: Step, jobs: &Jobs| match step {
                    Step::Take { .. } => Step::Take { least_urgent: Urgency::Third }.perform(jobs),
                    step => step.perform(jobs),
                };
                let found = property(|data| {
                    alone(|| {
                        let jobs = Jobs::new().unwrap();
                        compare(data, |step| urgent_ones_are_not_first(step, &jobs));
                    });
                });
                assert!(found.unwrap_err().contains("Take"));
                let leaks = || alone(|| _ = Jobs::new().unwrap().0.keep());
                let panic = catch_unwind(leaks).unwrap_err();
                assert!(panic.downcast::<String>().unwrap().contains("queue"));
            })
        );
    }
}
