//! Guards and handlers of other code in any order, against a model: what the kernel has, and who runs when a signal comes.

use crate::support::fork;
use crate::tools::{Action, Informed, Ran, alone, raise, refused};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Counter, DispositionGuard, Handler, HandlerOptions, Signal};
use ipc_safe::sys::signal as c;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// A signal that does nothing by default, so that it can be raised at any time.
const SIGNAL: Signal = Signal::URG;
/// So many guards there are at a time, with those that are gone and that other code may call.
const PLACES: usize = 8;
const ALL_GUARDS: usize = 40;
const MOST_FOREIGN: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Default,
    Ignore,
    Count,
    Chain,
    Once,
}

#[derive(Clone, Debug)]
enum Step {
    /// Makes a guard.
    Guard(Kind),
    /// Drops one of the guards.
    Drop(Index),
    /// Other code puts a handler on top that calls the one it found, or does not.
    Foreign {
        calls: bool,
    },
    /// The handler of other code that is in force puts back what it found.
    PutBack,
    /// Other code sets the default, or ignores.
    ForeignDefault,
    ForeignIgnore,
    Raise,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        1 => Just(Kind::Default),
        1 => Just(Kind::Ignore),
        2 => Just(Kind::Count),
        3 => Just(Kind::Chain),
        2 => Just(Kind::Once)
    ];
    let step = prop_oneof![
        6 => kind.prop_map(Step::Guard),
        5 => any::<Index>().prop_map(Step::Drop),
        3 => any::<bool>().prop_map(|calls| Step::Foreign { calls }),
        2 => Just(Step::PutBack),
        1 => Just(Step::ForeignDefault),
        1 => Just(Step::ForeignIgnore),
        4 => Just(Step::Raise),
    ];
    proptest::collection::vec(step, 1..50)
}

/// A guard as the test holds it.
enum Held {
    Plain(#[expect(dead_code, reason = "held for its drop")] DispositionGuard),
    Counting(Handler<Counter>),
}

/// Something that was put in force once. What lies under it is what it found.
struct Node {
    who: Who,
    under: Option<usize>,
    /// As the kernel has it.
    action: Action,
    /// Whether it is a guard that the library still knows, be it that it is gone.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Other code's default or ignoring, and the beginning.
    Nobody,
    Foreign {
        number: usize,
        calls: bool,
    },
    /// A guard, by its number.
    Ours {
        number: usize,
        kind: Kind,
        is_alive: bool,
        has_fired: bool,
    },
}

struct Machine {
    nodes: Vec<Node>,
    /// The node in force.
    top: usize,
    guards: Vec<Option<Held>>,
    foreign: usize,
}

impl Machine {
    fn new() -> Self {
        let beginning = Node { who: Who::Nobody, under: None, action: Action::of(SIGNAL), is_known: false };
        Self { nodes: vec![beginning], top: 0, guards: Vec::new(), foreign: 0 }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Guard(kind) => self.guard(*kind),
            Step::Drop(index) => self.drop(index),
            Step::Foreign { calls } if self.foreign < MOST_FOREIGN => {
                let number = self.foreign;
                self.foreign += 1;
                FOUND[number].set(Action::of(SIGNAL), *calls);
                Action::informed(FOREIGN[number], 0).set(SIGNAL);
                self.push(Who::Foreign { number, calls: *calls });
            }
            Step::Foreign { .. } => {}
            Step::PutBack => self.put_back(),
            Step::ForeignDefault => self.set(Action::DEFAULT),
            Step::ForeignIgnore => self.set(Action::IGNORE),
            Step::Raise => self.raise(),
        }
        assert_eq!(Action::of(SIGNAL), self.nodes[self.top].action, "after {step:?}");
    }

    fn push(&mut self, who: Who) {
        let is_known = matches!(who, Who::Ours { .. });
        self.nodes.push(Node { who, under: Some(self.top), action: Action::of(SIGNAL), is_known });
        self.top = self.nodes.len() - 1;
    }

    fn set(&mut self, action: Action) {
        action.set(SIGNAL);
        self.push(Who::Nobody);
    }

    fn guard(&mut self, kind: Kind) {
        if self.guards.len() == ALL_GUARDS {
            return;
        }
        let options = HandlerOptions::new();
        let held = match kind {
            Kind::Default => SIGNAL.set_default().map(Held::Plain),
            Kind::Ignore => SIGNAL.ignore().map(Held::Plain),
            Kind::Count => options.count(SIGNAL).map(Held::Counting),
            Kind::Chain => options.chain(true).count(SIGNAL).map(Held::Counting),
            Kind::Once => options.reset(true).count(SIGNAL).map(Held::Counting),
        };
        if self.nodes.iter().filter(|node| node.is_known).count() == PLACES {
            refused(held, ErrorKind::LimitReached);
            return;
        }
        let found = self.nodes[self.below()].action;
        if kind == Kind::Chain && found.is_function() && found.flags & c::SA_RESETHAND != 0 {
            refused(held, ErrorKind::AlreadyExists);
            return;
        }
        let (top, below) = (self.top, self.below());
        self.push(Who::Ours { number: self.guards.len(), kind, is_alive: true, has_fired: false });
        self.nodes[self.top].under = Some(below);
        if top != below {
            self.nodes[top].is_known = false;
        }
        self.guards.push(Some(held.unwrap()));
    }

    /// What a new guard stands on: not on one that is gone, which other code put back.
    fn below(&self) -> usize {
        if self.is_gone(self.top) { self.nodes[self.top].under.unwrap() } else { self.top }
    }

    fn drop(&mut self, index: &Index) {
        let held: Vec<_> = (0..self.guards.len()).filter(|number| self.guards[*number].is_some()).collect();
        if held.is_empty() {
            return;
        }
        self.release(held[index.index(held.len())]);
    }

    fn release(&mut self, chosen: usize) {
        self.guards[chosen] = None;
        let is_it = |node: &Node| matches!(node.who, Who::Ours { number, .. } if number == chosen);
        let dropped = self.nodes.iter().position(is_it).unwrap();
        if let Who::Ours { is_alive, .. } = &mut self.nodes[dropped].who {
            *is_alive = false;
        }
        // Those over it stand on what is under it.
        let under = self.nodes[dropped].under;
        let mut was_under = false;
        for node in self.nodes.iter_mut().filter(|node| node.is_known && node.under == Some(dropped)) {
            node.under = under;
            was_under = true;
        }
        if self.is_gone(self.top) {
            self.nodes[self.top].is_known = false;
            self.top = self.nodes[self.top].under.unwrap();
        }
        // Other code does not call what is under another guard, and cannot call what is no function.
        let is_function = !matches!(self.nodes[dropped].who, Who::Ours { kind: Kind::Default | Kind::Ignore, .. });
        if was_under || !is_function {
            self.nodes[dropped].is_known = false;
        }
    }

    fn is_gone(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        node.is_known && matches!(node.who, Who::Ours { is_alive: false, .. })
    }

    /// Drops the oldest guard.
    fn drop_oldest(&mut self) {
        if let Some(number) = self.guards.iter().position(Option::is_some) {
            self.release(number);
        }
    }

    fn put_back(&mut self) {
        if let Who::Foreign { number, .. } = self.nodes[self.top].who {
            FOUND[number].get().set(SIGNAL);
            self.top = self.nodes[self.top].under.unwrap();
        }
    }

    fn raise(&mut self) {
        let mut expected = (vec![0; self.guards.len()], vec![0; self.foreign]);
        let mut next = Some(self.top);
        while let Some(index) = next {
            let node = &self.nodes[index];
            next = match node.who {
                Who::Nobody => None,
                Who::Foreign { number, calls } => {
                    expected.1[number] += 1;
                    node.under.filter(|_| calls)
                }
                Who::Ours { is_alive: false, .. } if node.action.is_function() => self.passed_on(index),
                Who::Ours { is_alive: false, .. } => None,
                Who::Ours { number, kind, has_fired, .. } => {
                    let counts = !matches!(kind, Kind::Default | Kind::Ignore) && !has_fired;
                    expected.0[number] += u64::from(counts);
                    if kind == Kind::Chain { self.passed_on(index) } else { None }
                }
            };
        }
        self.fire();
        raise(SIGNAL);
        let counted = self.guards.iter().map(|guard| match guard {
            Some(Held::Counting(counter)) => counter.take(),
            _ => 0,
        });
        let counted = (counted.collect::<Vec<_>>(), (0..self.foreign).map(|number| RAN[number].take()).collect());
        assert_eq!(counted, expected, "guards and foreign handlers that ran");
    }

    /// What a level passes on to: not to a handler for one time.
    fn passed_on(&self, index: usize) -> Option<usize> {
        let under = self.nodes[index].under?;
        let action = self.nodes[under].action;
        (action.is_function() && action.flags & c::SA_RESETHAND == 0).then_some(under)
    }

    /// A handler for one time that is in force leaves the default.
    fn fire(&mut self) {
        let node = &mut self.nodes[self.top];
        if let Who::Ours { kind: Kind::Once, has_fired, .. } = &mut node.who {
            *has_fired = true;
            node.action.handler = c::SIG_DFL;
        }
    }
}

static RAN: [Ran; MOST_FOREIGN] = [const { Ran::new() }; MOST_FOREIGN];
static FOUND: [Found; MOST_FOREIGN] = [const { Found::new() }; MOST_FOREIGN];
static FOREIGN: [Informed; MOST_FOREIGN] = [foreign::<0>, foreign::<1>, foreign::<2>, foreign::<3>];

/// What a handler of other code found, and whether it calls it.
struct Found {
    handler: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicUsize,
    calls: AtomicUsize,
}

impl Found {
    const fn new() -> Self {
        Self {
            handler: AtomicUsize::new(0),
            flags: AtomicI32::new(0),
            mask: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
        }
    }

    fn set(&self, action: Action, calls: bool) {
        self.handler.store(action.handler, Ordering::SeqCst);
        self.flags.store(action.flags, Ordering::SeqCst);
        self.mask.store(action.mask.bits() as usize, Ordering::SeqCst);
        self.calls.store(usize::from(calls), Ordering::SeqCst);
    }

    fn get(&self) -> Action {
        Action {
            handler: self.handler.load(Ordering::SeqCst),
            flags: self.flags.load(Ordering::SeqCst),
            mask: ipc_safe::signal::SignalSet::from_bits(self.mask.load(Ordering::SeqCst) as u64),
        }
    }
}

extern "C" fn foreign<const NUMBER: usize>(signal: i32, info: *mut c::siginfo_t, context: *mut libc::c_void) {
    RAN[NUMBER].add();
    if FOUND[NUMBER].calls.load(Ordering::SeqCst) == 1 {
        FOUND[NUMBER].get().call(signal, info, context);
    }
}

/// All steps, and then everything away in the order in which it was made.
fn play(steps: &[Step]) -> i32 {
    let mut machine = Machine::new();
    for step in steps {
        machine.step(step);
    }
    while machine.guards.iter().any(Option::is_some) {
        machine.drop_oldest();
        machine.step(&Step::Raise);
    }
    let has_foreign = machine
        .nodes
        .iter()
        .any(|node| matches!(node.who, Who::Foreign { .. }) || node.who == Who::Nobody && node.under.is_some());
    if !has_foreign {
        assert_eq!(Action::of(SIGNAL), Action::DEFAULT);
        let all: Vec<_> = (0..PLACES).map(|_| SIGNAL.ignore().expect("all places are free again")).collect();
        drop(all);
    }
    0
}

/// R-SIG-07 R-SIG-11 R-SIG-17. Each run in a process of its own: other code may keep places for good.
#[test]
fn guards_in_any_order_are_a_stack_that_other_code_may_cut() {
    alone(|| {
        let mut runner = TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
        let result = runner.run(&steps(), |steps| {
            prop_assert!(fork(|| play(&steps)).wait().success());
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    });
}
