//! Several processes make, find and remove queues under the same keys. Whatever they are told must be what a table that did
//! one call at a time could have told them, in an order that agrees with the clock.

use crate::child::{Child, Rendezvous};
use crate::run::{alone, property};
use crate::support::in_namespace;
use ipc_safe::error::Errno;
use ipc_safe::sysv::{Key, MessageQueue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::time::Instant;

/// A call by key; removing is for the queue that the process found or made last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Create,
    CreateNew,
    Open,
    Remove,
}

/// The calls of a process, each with one of two keys.
type Script = Vec<(Call, i32)>;

/// A call that was made: when, and what came of it.
#[derive(Clone, Copy, Debug)]
struct Event {
    call: Call,
    key: i32,
    begun: u128,
    ended: u128,
    /// The id that was told, or for a removal that was meant, 0 for none.
    id: i32,
    errno: i32,
}

/// Makes the calls, and reports each in numbers. Times are since `epoch`; the clock is one for all processes.
fn perform(epoch: Instant, script: &Script) -> String {
    let now = || epoch.elapsed().as_nanos();
    let mut last = None;
    let events = script.iter().map(|&(call, key)| {
        let options = MessageQueue::options();
        let begun = now();
        let result = match call {
            Call::Create => options.create(true).open(Key::new(key)),
            Call::CreateNew => options.create_new(true).open(Key::new(key)),
            Call::Open => MessageQueue::open(Key::new(key)),
            Call::Remove => last.map_or(Ok(none()), |queue: MessageQueue| queue.remove().map(|()| queue)),
        };
        let ended = now();
        let meant = if call == Call::Remove { last.map_or(0, |queue| queue.id() + 1) } else { 0 };
        let (id, errno) = match result {
            Ok(queue) if call != Call::Remove => {
                last = Some(queue);
                (queue.id() + 1, 0)
            }
            Ok(_) => (meant, 0),
            Err(error) => (meant, error.raw_os_error().unwrap_or(-1)),
        };
        format!("{begun} {ended} {id} {errno}")
    });
    events.collect::<Vec<_>>().join(";")
}

/// Stands for no queue.
fn none() -> MessageQueue {
    MessageQueue::from_id(0).unwrap()
}

fn events(script: &Script, report: &str) -> Vec<Event> {
    let parse = |(&(call, key), line): (&(Call, i32), &str)| {
        let words: Vec<&str> = line.split(' ').collect();
        Event {
            call,
            key,
            begun: words[0].parse().unwrap(),
            ended: words[1].parse().unwrap(),
            id: words[2].parse().unwrap(),
            errno: words[3].parse().unwrap(),
        }
    };
    script.iter().zip(report.split(';')).map(parse).collect()
}

/// What a table has to say to one call, and what it is afterwards; `None` when it could not have answered so.
fn after(table: &BTreeMap<i32, i32>, event: &Event) -> Option<BTreeMap<i32, i32>> {
    let mut table = table.clone();
    let present = table.get(&event.key).copied();
    let known = table.values().any(|id| *id == event.id);
    let errno = Errno::from_raw(event.errno);
    let possible = match (event.call, event.errno) {
        (Call::Create, 0) if present.is_some() => present == Some(event.id),
        (Call::Create | Call::CreateNew, 0) => {
            present.is_none() && !known && table.insert(event.key, event.id).is_none()
        }
        (Call::CreateNew, _) => errno == Errno::EXIST && present.is_some(),
        (Call::Open, 0) => present == Some(event.id),
        (Call::Open, _) => errno == Errno::NOENT && present.is_none(),
        (Call::Remove, 0) if event.id == 0 => true,
        (Call::Remove, 0) => {
            table.retain(|_, id| *id != event.id);
            known
        }
        (Call::Remove, _) => errno == Errno::INVAL && !known,
        (Call::Create, _) => false,
    };
    possible.then_some(table)
}

/// Whether the calls can be put in an order that agrees with the clock and with the table.
fn has_an_order(table: &BTreeMap<i32, i32>, rest: &[Event]) -> bool {
    rest.is_empty()
        || (0..rest.len()).any(|first| {
            let event = &rest[first];
            let is_early_enough = rest.iter().all(|other| other.ended >= event.begun);
            is_early_enough
                && after(table, event).is_some_and(|table| {
                    let others: Vec<_> =
                        rest.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, e)| *e).collect();
                    has_an_order(&table, &others)
                })
        })
}

/// A few processes, at most eight calls in all.
fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let call = || select(&[Call::Create, Call::CreateNew, Call::Open, Call::Remove][..]);
    prop_oneof![3 => vec(vec((call(), 1..=2), 2..=4), 2), 1 => vec(vec((call(), 1..=2), 1..=2), 3)]
}

/// Creating, finding and removing by several processes at once is as if one call came after the other.
///
/// R-KEY-05 R-KEY-08 R-MSG-10
#[test]
fn calls_of_several_processes_happen_in_some_order() {
    let _alone = alone();
    in_namespace(|| {
        property(150, &scripts(), |scripts: Vec<Script>| {
            let epoch = Instant::now();
            let together = Rendezvous::soon();
            let start = |script| {
                Child::start(move |_| {
                    together.meet();
                    perform(epoch, script)
                })
            };
            let mut children: Vec<_> = scripts.iter().map(start).collect();
            children.iter_mut().for_each(|child| child.tell("go"));
            let reports: Vec<_> = children.iter_mut().map(Child::answer).collect();
            children.into_iter().for_each(Child::exit);
            for status in MessageQueue::list().unwrap() {
                MessageQueue::from_id(status.id).unwrap().remove().unwrap();
            }
            let happened: Vec<_> =
                scripts.iter().zip(&reports).flat_map(|(script, report)| events(script, report)).collect();
            prop_assert!(has_an_order(&BTreeMap::new(), &happened), "in no order: {happened:#?}");
            Ok(happened.len())
        });
    });
}

/// The check itself: answers that no order explains are refused.
#[test]
fn an_impossible_history_has_no_order() {
    let event = |call, key, begun, ended, id, errno| Event { call, key, begun, ended, id, errno };
    let made_twice = [event(Call::CreateNew, 1, 0, 9, 5, 0), event(Call::CreateNew, 1, 1, 8, 6, 0)];
    assert!(!has_an_order(&BTreeMap::new(), &made_twice));
    let found_before_made = [event(Call::Open, 1, 0, 1, 5, 0), event(Call::Create, 1, 2, 3, 5, 0)];
    assert!(!has_an_order(&BTreeMap::new(), &found_before_made));
    let at_once = [event(Call::Open, 1, 0, 3, 5, 0), event(Call::Create, 1, 2, 3, 5, 0)];
    assert!(has_an_order(&BTreeMap::new(), &at_once));
    let lost = [event(Call::Create, 1, 0, 1, 5, 0), event(Call::Open, 1, 2, 3, 0, libc::ENOENT)];
    assert!(!has_an_order(&BTreeMap::new(), &lost));
}
