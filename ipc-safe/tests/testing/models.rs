//! Random steps, made on the kernel and on the models, by the strategies and by the bytes of a fuzzer. (The state machines in
//! `tests/machines` go further; here it is the steps themselves that are tested.)
#![cfg(all(feature = "arbitrary", feature = "proptest"))]

use arbitrary::Unstructured;
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreSet};
use ipc_safe::testing::isolated;
use ipc_safe::testing::model::program::{queues, segments, sets};
use ipc_safe::testing::model::table::Get;
use ipc_safe::testing::model::{mapping, pending, pipe, queue, segment, set, signals};
use proptest::arbitrary::any;
use proptest::collection::vec;
use proptest::prelude::{Arbitrary, prop_assert_eq};
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::mem::{Discriminant, discriminant};

/// Runs `check` on random programs of up to 40 steps, the same in every run.
fn each<S: Arbitrary>(check: impl Fn(Vec<S>) -> TestCaseResult) {
    let config =
        Config { cases: 200, failure_persistence: None, rng_seed: RngSeed::Fixed(20_240_229), ..Config::default() };
    TestRunner::new(config).run(&vec(any::<S>(), 1..40), check).unwrap();
}

#[test]
fn queues_answer_as_the_model_does() {
    let isolation = isolated(|| {
        let limits = queue::Limits::of_system().unwrap();
        each(|steps: Vec<queue::Step>| {
            let kernel = MessageQueue::private().unwrap();
            let mut model = queue::Queue::new(kernel.status().unwrap().byte_limit);
            for step in steps {
                prop_assert_eq!(step.perform(&kernel), model.perform(&step, &limits), "{:?}", step);
            }
            prop_assert_eq!(kernel.status().unwrap().bytes, model.bytes());
            Ok(())
        });
    });
    println!("{isolation}");
}

#[test]
fn sets_answer_as_the_model_does() {
    let isolation = isolated(|| {
        each(|steps: Vec<set::Step>| {
            let kernel = SemaphoreSet::private(&[0, 0, 0]).unwrap();
            let mut model = set::Set::new(3);
            for step in steps {
                prop_assert_eq!(step.perform(&kernel), model.perform(0, &step), "{:?}", step);
                prop_assert_eq!(&kernel.values().unwrap()[..], model.values(), "after {:?}", step);
            }
            // What this process would give back is forgotten, before it does.
            kernel.set_values(&[0, 0, 0]).unwrap();
            Ok(())
        });
    });
    println!("{isolation}");
}

#[test]
fn segments_answer_as_the_model_does() {
    let isolation = isolated(|| {
        each(|steps: Vec<segment::Step>| {
            let kernel = Segment::private(8200).unwrap();
            let (attachment, mut model) = (kernel.attach().unwrap(), segment::Segment::new(8200));
            for step in steps {
                prop_assert_eq!(step.perform(&attachment), model.perform(&step), "{:?}", step);
            }
            Ok(())
        });
    });
    println!("{isolation}");
}

/// An error in a model is found: one that keeps a message that was received.
#[test]
fn a_wrong_model_is_found_out() {
    let isolation = isolated(|| {
        let limits = queue::Limits::of_system().unwrap();
        let found = std::panic::catch_unwind(|| {
            each(|steps: Vec<queue::Step>| {
                let kernel = MessageQueue::private().unwrap();
                let mut model = queue::Queue::new(kernel.status().unwrap().byte_limit);
                for step in steps {
                    let wrong = matches!(step, queue::Step::Receive { room: queue::Room::Cut(_), .. });
                    let before = model.clone();
                    prop_assert_eq!(step.perform(&kernel), model.perform(&step, &limits), "{:?}", step);
                    if wrong {
                        model = before;
                    }
                }
                Ok(())
            });
        });
        assert!(found.is_err());
    });
    println!("{isolation}");
}

/// Steps that are possible have an answer.
#[test]
fn possible_steps_never_panic() {
    each(|steps: Vec<mapping::Step>| {
        let mut files = mapping::Files::new(4096);
        for step in steps {
            if files.is_possible(&step) && files.mappings.len() < 5 {
                let _ = files.perform(&step);
            }
        }
        Ok(())
    });
    each(|steps: Vec<pipe::Step>| {
        for packets in [false, true] {
            let mut pipes = pipe::Pipes::pipe(4096, packets);
            for step in &steps {
                if pipes.is_possible(step, 4) {
                    let _ = pipes.perform(step);
                }
            }
        }
        Ok(())
    });
    each(|steps: Vec<pipe::FifoStep>| {
        let mut pipes = pipe::Pipes::nothing(4096);
        for step in steps {
            if pipes.is_possible_on_fifo(&step, 4) {
                let _ = pipes.perform_on_fifo(&step);
            }
        }
        Ok(())
    });
    each(|steps: Vec<signals::Step>| {
        let mut thread = signals::Signals::new();
        for step in steps {
            if thread.is_possible(&step, 4, 4) {
                thread.perform(&step);
                let through = !thread.blocked();
                prop_assert_eq!(thread.deliver().iter().all(|signal| through.contains(*signal)), true);
            }
        }
        Ok(())
    });
    each(|steps: Vec<pending::Step>| {
        let mut pending = pending::Pending::default();
        for step in steps {
            let before = pending.signals();
            if let Some((signal, _)) = pending.perform(&step) {
                prop_assert_eq!(before.contains(signal), true);
            }
        }
        Ok(())
    });
}

/// A program uses what it has: handles, and at most so many guards.
#[test]
fn programs_use_what_they_have() {
    let isolation = isolated(|| {
        let mut model = sets::Model::new().unwrap();
        let acquire = sets::Call::Acquire { place: 1, index: 0, units: 1 };
        let release = |guard| sets::Call::Release { guard, dropped: false };
        assert!(!model.is_possible(&acquire) && !model.is_possible(&release(0)), "there is no set");
        let get = Get { key: 7, create: true, create_new: true };
        let _ = model.perform(&sets::Call::Get { place: 1, get, values: vec![9] });
        for guard in 0..sets::GUARDS {
            assert!(model.is_possible(&acquire) && !model.is_possible(&release(guard)), "{guard} guards");
            let _ = model.perform(&acquire);
        }
        assert!(!model.is_possible(&acquire), "there is no place for one guard more");
        assert!(model.is_possible(&release(sets::GUARDS - 1)));
        let _ = model.perform(&release(0));
        assert!(model.is_possible(&acquire) && !model.is_possible(&release(sets::GUARDS - 1)));
    });
    println!("{isolation}");
}

/// How many kinds of steps, and how many different ones, the bytes of a fuzzer make.
fn made<S: for<'a> arbitrary::Arbitrary<'a> + Debug>(kind: fn(&S) -> Discriminant<S>) -> (usize, usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_ne_bytes()[3]
    };
    let bytes: Vec<u8> = (0..40_000).map(|_| random()).collect();
    let mut u = Unstructured::new(&bytes);
    let mut kinds = std::collections::HashSet::new();
    let mut different = BTreeSet::new();
    while u.len() > 100 {
        let step = S::arbitrary(&mut u).unwrap();
        kinds.insert(kind(&step));
        different.insert(format!("{step:?}"));
    }
    (kinds.len(), different.len())
}

#[test]
fn bytes_make_every_kind_of_step() {
    let cases = [
        (made::<queue::Step>(discriminant), 6),
        (made::<set::Step>(discriminant), 3),
        (made::<segment::Step>(discriminant), 2),
        (made::<mapping::Step>(discriminant), 11),
        (made::<pipe::Step>(discriminant), 9),
        (made::<pipe::FifoStep>(discriminant), 8),
        (made::<signals::Step>(discriminant), 7),
        (made::<pending::Step>(discriminant), 2),
        (made::<queues::Call>(discriminant), 3),
        (made::<sets::Call>(discriminant), 7),
        (made::<segments::Call>(discriminant), 8),
    ];
    for ((kinds, different), expected) in cases {
        assert_eq!(kinds, expected);
        assert!(different >= 20, "{different}");
    }
    // No bytes at all make a step, too.
    assert!(<queue::Step as arbitrary::Arbitrary>::arbitrary(&mut Unstructured::new(&[])).is_ok());
}
