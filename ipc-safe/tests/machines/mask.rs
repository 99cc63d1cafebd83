//! The mask of a thread: guards and scopes in any order, and signals that are raised and delivered meanwhile.

use crate::alone::{alone, end_with_parent};
use crate::model::signals::{self, Ending, Signals, Taken};
use crate::run::machine;
use crate::support::fork;
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

#[derive(Clone, Debug)]
enum Step {
    Thread(signals::Step),
    /// A child drops the guards, the last first.
    Fork,
    /// A program is started with the original mask.
    Start,
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Done(Taken),
    Masks(Vec<SignalSet>),
}

const DONE: Outcome = Outcome::Done(None);

#[derive(Clone, Debug)]
struct State {
    thread: Signals,
    delivered: BTreeMap<Signal, u32>,
    outcome: Outcome,
}

impl State {
    fn new() -> Self {
        Self { thread: Signals::new(), delivered: BTreeMap::new(), outcome: DONE }
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Thread(step) => Outcome::Done(self.thread.perform(step)),
            Step::Fork => {
                let mut child = self.thread.clone();
                let masks = std::iter::from_fn(|| child.guards.pop().map(|_| child.blocked()));
                Outcome::Masks(masks.collect())
            }
            Step::Start => Outcome::Masks(vec![self.thread.mask.original()]),
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
        let value = proptest::option::of(any::<i32>());
        let thread = prop_oneof![
            20 => set().prop_map(|signals| signals::Step::Block { signals }),
            15 => (0..GUARDS, how).prop_map(|(guard, how)| signals::Step::End { guard, how }),
            8 => set().prop_map(|signals| signals::Step::Unblocked { signals }),
            4 => set().prop_map(|signals| signals::Step::AsMask { signals }),
            10 => any::<bool>().prop_map(|panicking| signals::Step::Leave { panicking }),
            15 => (select(signals().to_vec()), value).prop_map(|(signal, value)| signals::Step::Send { signal, value }),
            10 => (0..GUARDS, any::<bool>())
                .prop_map(|(guard, by_descriptor)| signals::Step::Take { guard, by_descriptor }),
        ];
        prop_oneof![82 => thread.prop_map(Step::Thread), 2 => Just(Step::Fork), 1 => Just(Step::Start)].boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            Step::Thread(step) => state.thread.is_possible(step, GUARDS, DEPTH),
            Step::Fork | Step::Start => true,
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        for signal in state.thread.deliver() {
            *state.delivered.entry(signal).or_default() += 1;
        }
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
                Step::Thread(signals::Step::Unblocked { signals }) => {
                    if !self.in_scope(|body| signals.unblocked(body)) {
                        return false;
                    }
                }
                Step::Thread(signals::Step::AsMask { signals }) => {
                    if !self.in_scope(|body| signals.as_mask(body)) {
                        return false;
                    }
                }
                Step::Thread(signals::Step::Leave { panicking: true }) => resume_unwind(Box::new(OnPurpose)),
                Step::Thread(signals::Step::Leave { panicking: false }) => return true,
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
                self.answer(DONE);
                self.obey()
            })
            .unwrap()
        }));
        let goes_on = left.unwrap_or_else(|panic| panic.downcast::<OnPurpose>().is_ok());
        if goes_on {
            self.answer(DONE);
        }
        goes_on
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Thread(step) => Outcome::Done(signals::perform(&mut self.guards, step)),
            Step::Fork => Outcome::Masks(self.fork()),
            Step::Start => Outcome::Masks(vec![started()]),
        }
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
        let expected = state.thread.blocked();
        assert_eq!(seen, [expected, expected, state.thread.pending.signals()], "blocked, and pending");
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
