//! The mask of a thread: guards and scopes in any order, and signals that are raised and delivered meanwhile.

use crate::alone::{alone, end_with_parent};
use crate::model::mask::{Guard, Mask};
use crate::model::pending::{Pending, Sent};
use crate::run::machine;
use crate::support::fork;
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{self, CommandMask, MaskGuard, Signal, SignalSet};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

const GUARDS: usize = 6;
const DEPTH: usize = 4;

/// Two that merge, two that queue.
fn signals() -> [Signal; 4] {
    [Signal::USR1, Signal::USR2, Signal::real_time(0).unwrap(), Signal::real_time(1).unwrap()]
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Drop,
    Restore,
    Forget,
}

#[derive(Clone, Debug)]
enum Step {
    Block(SignalSet),
    End {
        guard: usize,
        how: Ending,
    },
    Unblocked(SignalSet),
    AsMask(SignalSet),
    Leave {
        panicking: bool,
    },
    Raise(Signal),
    TryWait {
        guard: usize,
    },
    /// A child drops the guards, the last first.
    Fork,
    /// A program is started with the original mask.
    Start,
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Taken(Result<Signal, ErrorKind>),
    Masks(Vec<SignalSet>),
}

#[derive(Clone, Debug)]
struct State {
    mask: Mask,
    guards: Vec<Guard>,
    forgotten: Vec<Guard>,
    pending: Pending,
    delivered: BTreeMap<Signal, u32>,
    outcome: Outcome,
}

impl State {
    fn new() -> Self {
        Self {
            mask: Mask::new(),
            guards: Vec::new(),
            forgotten: Vec::new(),
            pending: Pending::default(),
            delivered: BTreeMap::new(),
            outcome: Outcome::Done,
        }
    }

    fn blocked(&self) -> SignalSet {
        self.mask.blocked(self.guards.iter().chain(&self.forgotten))
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Block(signals) => self.guards.push(Guard { signals: *signals, scope: self.mask.scope() }),
            Step::End { guard, how } => {
                let guard = self.guards.remove(*guard);
                if matches!(how, Ending::Forget) {
                    self.forgotten.push(guard);
                }
            }
            Step::Unblocked(signals) => self.mask.unblock(*signals, self.blocked()),
            Step::AsMask(signals) => self.mask.replace(*signals),
            Step::Leave { .. } => self.mask.leave(),
            Step::Raise(signal) => self.pending.send(*signal, Sent { value: None, to_thread: true }),
            Step::TryWait { guard } => return Outcome::Taken(self.take(self.guards[*guard])),
            Step::Fork => {
                let mut child = self.clone();
                let masks = std::iter::from_fn(|| child.guards.pop().map(|_| child.blocked()));
                return Outcome::Masks(masks.collect());
            }
            Step::Start => return Outcome::Masks(vec![self.mask.original()]),
        }
        Outcome::Done
    }

    fn take(&mut self, guard: Guard) -> Result<Signal, ErrorKind> {
        if guard.signals.is_empty() || guard.scope != self.mask.scope() {
            return Err(ErrorKind::InvalidInput);
        }
        self.pending.take(guard.signals).map(|(signal, _)| signal).ok_or(ErrorKind::WouldBlock)
    }

    /// Handlers run for what is not blocked.
    fn deliver(&mut self) {
        let through = !self.blocked();
        while let Some((signal, _)) = self.pending.take(through) {
            *self.delivered.entry(signal).or_default() += 1;
        }
    }
}

struct Model;

impl ReferenceStateMachine for Model {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::new()).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let set = || subsequence(signals().to_vec(), 0..=4).prop_map(SignalSet::from_iter);
        let how = prop_oneof![5 => Just(Ending::Drop), 5 => Just(Ending::Restore), 1 => Just(Ending::Forget)];
        prop_oneof![
            20 => set().prop_map(Step::Block),
            15 => (0..GUARDS, how).prop_map(|(guard, how)| Step::End { guard, how }),
            8 => set().prop_map(Step::Unblocked),
            4 => set().prop_map(Step::AsMask),
            10 => any::<bool>().prop_map(|panicking| Step::Leave { panicking }),
            15 => select(signals().to_vec()).prop_map(Step::Raise),
            10 => (0..GUARDS).prop_map(|guard| Step::TryWait { guard }),
            2 => Just(Step::Fork),
            1 => Just(Step::Start),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            Step::Block(_) => state.guards.len() < GUARDS,
            Step::End { guard, .. } | Step::TryWait { guard } => *guard < state.guards.len(),
            Step::Unblocked(_) | Step::AsMask(_) => state.mask.depth() < DEPTH,
            Step::Leave { .. } => state.mask.depth() > 0,
            Step::Raise(_) | Step::Fork | Step::Start => true,
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        state.deliver();
        state
    }
}

/// How often the handler of each signal ran in this process.
static DELIVERED: [AtomicU32; 65] = [const { AtomicU32::new(0) }; 65];

extern "C" fn count(signal: i32) {
    DELIVERED[signal as usize].fetch_add(1, Ordering::SeqCst);
}

/// Installs the handler for all signals of the machine.
fn count_signals(handler: usize) {
    for signal in signals() {
        // SAFETY: the handler counts in an atomic; the other one is the default.
        let before = unsafe { libc::signal(signal.as_raw(), handler) };
        assert_ne!(before, libc::SIG_ERR);
    }
}

/// What the thread that has the mask is told.
enum Told {
    Step(Step),
    Look,
    End,
}

enum Answer {
    Outcome(Outcome),
    /// What is blocked by the kernel's and by the crate's account, and what is pending.
    Seen([SignalSet; 3]),
}

/// A thread that goes into scopes and out of them as it is told.
struct Thread {
    tell: Sender<Told>,
    answers: Receiver<Answer>,
    thread: JoinHandle<()>,
}

impl Thread {
    fn ask(&self, told: Told) -> Answer {
        self.tell.send(told).expect("the thread waits");
        self.answers.recv().expect("the thread did not panic")
    }
}

/// What a thread does that is told by another.
struct Obeys {
    told: Receiver<Told>,
    answer: Sender<Answer>,
    guards: Vec<MaskGuard>,
}

/// A panic on purpose.
struct OnPurpose;

impl Obeys {
    fn answer(&self, outcome: Outcome) {
        self.answer.send(Answer::Outcome(outcome)).expect("the test waits");
    }

    /// Until it is told to leave the scope; false at the end of all.
    fn obey(&mut self) -> bool {
        while let Ok(told) = self.told.recv() {
            let step = match told {
                Told::End => return false,
                Told::Look => {
                    let seen = [seen(), signal::blocked().unwrap(), signal::pending().unwrap()];
                    self.answer.send(Answer::Seen(seen)).expect("the test waits");
                    continue;
                }
                Told::Step(step) => step,
            };
            match step {
                Step::Unblocked(signals) => {
                    if !self.in_scope(|body| signals.unblocked(body)) {
                        return false;
                    }
                }
                Step::AsMask(signals) => {
                    if !self.in_scope(|body| signals.as_mask(body)) {
                        return false;
                    }
                }
                Step::Leave { panicking: true } => resume_unwind(Box::new(OnPurpose)),
                Step::Leave { panicking: false } => return true,
                step => {
                    let outcome = self.perform(&step);
                    self.answer(outcome);
                }
            }
        }
        false
    }

    /// Goes into a scope; answers when it is there, and when it is out again.
    fn in_scope(&mut self, scope: impl FnOnce(&mut dyn FnMut() -> bool) -> ipc_safe::Result<bool>) -> bool {
        let left = catch_unwind(AssertUnwindSafe(|| {
            scope(&mut || {
                self.answer(Outcome::Done);
                self.obey()
            })
            .unwrap()
        }));
        let goes_on = left.unwrap_or_else(|panic| panic.downcast::<OnPurpose>().is_ok());
        if goes_on {
            self.answer(Outcome::Done);
        }
        goes_on
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Block(signals) => self.guards.push(signals.block().unwrap()),
            Step::End { guard, how } => {
                let guard = self.guards.remove(*guard);
                match how {
                    Ending::Drop => drop(guard),
                    Ending::Restore => guard.restore().unwrap(),
                    Ending::Forget => std::mem::forget(guard),
                }
            }
            Step::Raise(signal) => signal::raise(*signal).unwrap(),
            Step::TryWait { guard } => {
                let taken = self.guards[*guard].try_wait();
                return Outcome::Taken(taken.map(|taken| taken.signal).map_err(|error| error.kind()));
            }
            Step::Fork => return Outcome::Masks(self.fork()),
            Step::Start => return Outcome::Masks(vec![started()]),
            Step::Unblocked(_) | Step::AsMask(_) | Step::Leave { .. } => unreachable!("these nest"),
        }
        Outcome::Done
    }

    /// The masks of a forked child that drops the guards.
    fn fork(&mut self) -> Vec<SignalSet> {
        let (mut masks, mut told) = std::io::pipe().unwrap();
        let guards = &mut self.guards;
        let child = fork(|| {
            end_with_parent();
            while let Some(guard) = guards.pop() {
                drop(guard);
                std::io::Write::write_all(&mut told, &seen().bits().to_ne_bytes()).unwrap();
            }
            0
        });
        drop(told);
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut masks, &mut bytes).unwrap();
        child.succeed();
        bytes.chunks(8).map(|bits| SignalSet::from_bits(u64::from_ne_bytes(bits.try_into().unwrap()))).collect()
    }
}

/// What the calling thread blocks, by the kernel's account.
fn seen() -> SignalSet {
    blocked(&std::fs::read_to_string("/proc/thread-self/status").unwrap())
}

fn blocked(status: &str) -> SignalSet {
    let digits = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    SignalSet::from_bits(u64::from_str_radix(digits.trim(), 16).unwrap())
}

/// What a program blocks that is started with the original mask.
fn started() -> SignalSet {
    let mut command = Command::new("cat");
    let output = command.arg("/proc/self/status").original_mask().unwrap().output().unwrap();
    blocked(&String::from_utf8(output.stdout).unwrap())
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Thread;
    type Reference = Model;

    fn init_test(_: &State) -> Thread {
        for count in &DELIVERED {
            count.store(0, Ordering::SeqCst);
        }
        let ((tell, told), (answer, answers)) = (channel(), channel());
        let thread = std::thread::spawn(move || {
            Obeys { told, answer, guards: Vec::new() }.obey();
        });
        Thread { tell, answers, thread }
    }

    fn apply(thread: Thread, state: &State, step: Step) -> Thread {
        let Answer::Outcome(outcome) = thread.ask(Told::Step(step.clone())) else { unreachable!("a step") };
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {step:?}");
        thread
    }

    fn check_invariants(thread: &Thread, state: &State) {
        let Answer::Seen(seen) = thread.ask(Told::Look) else { unreachable!("a look") };
        let expected = state.blocked();
        assert_eq!(seen, [expected, expected, state.pending.signals()], "blocked, and pending");
        for signal in signals() {
            let delivered = DELIVERED[signal.as_raw() as usize].load(Ordering::SeqCst);
            assert_eq!(delivered, state.delivered.get(&signal).copied().unwrap_or(0), "delivered {signal}");
        }
    }

    fn teardown(thread: Thread, _: State) {
        thread.tell.send(Told::End).expect("the thread waits");
        thread.thread.join().expect("the thread did not panic");
    }
}

/// Whatever guards and scopes there are, in whatever order they end: the mask is the model's after every step, and the
/// signals are delivered when, and as often as, it says.
///
/// R-SIG-09 R-SIG-10 R-SIG-17
#[test]
fn masks_are_those_of_the_model() {
    alone(|| {
        count_signals(count as *const () as usize);
        machine::<Machine>(500);
        count_signals(libc::SIG_DFL);
    });
}
