//! A small ring against a queue of vectors: random calls, the same results.

use ipc_safe::channel;
use ipc_safe::error::ErrorKind;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::VecDeque;

/// The same inputs in every run, unless the environment says otherwise.
fn config() -> Config {
    let given = |name| std::env::var_os(name).is_some();
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if !given("PROPTEST_CASES") {
        config.cases = 500;
    }
    if !given("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(20_240_229);
    }
    config
}

#[derive(Clone, Debug)]
enum Call {
    Send(usize),
    Reserve(usize, Option<usize>),
    SendMany(Vec<usize>),
    Receive,
    ReceiveInto(usize),
    Peek(bool),
    Batch(usize),
    Reopen(bool),
}

fn call() -> impl Strategy<Value = Call> {
    let len = 0..40_usize;
    prop_oneof![
        4 => len.clone().prop_map(Call::Send),
        2 => (len.clone(), proptest::option::of(0..40_usize)).prop_map(|(len, commit)| Call::Reserve(len, commit)),
        2 => proptest::collection::vec(len, 0..6).prop_map(Call::SendMany),
        3 => Just(Call::Receive),
        1 => (0..40_usize).prop_map(Call::ReceiveInto),
        1 => any::<bool>().prop_map(Call::Peek),
        1 => (0..5_usize).prop_map(Call::Batch),
        1 => any::<bool>().prop_map(Call::Reopen),
    ]
}

/// What a ring of so many bytes holds: as the records lie, with what is skipped before the end.
struct Model {
    capacity: usize,
    /// Where the next message goes. A reservation that was dropped may have moved it on to the start of the ring.
    tail: usize,
    /// Where the last message ends.
    published: usize,
    head: usize,
    /// With the positions of each and behind it.
    messages: VecDeque<(Vec<u8>, usize, usize)>,
    /// What the next message is made of.
    next: u8,
}

impl Model {
    fn longest(&self) -> usize {
        self.capacity / 2 - 4
    }

    /// Where the record of a message ends, if there is room.
    fn place(&mut self, len: usize) -> Option<usize> {
        let size = (len + 4).next_multiple_of(8);
        let rest = self.capacity - self.tail % self.capacity;
        let start = if size <= rest { self.tail } else { self.tail + rest };
        let end = start + size;
        if end - self.head > self.capacity {
            return None;
        }
        self.tail = start;
        Some(end)
    }

    fn message(&mut self, len: usize) -> Vec<u8> {
        self.next = self.next.wrapping_add(1);
        (0..len).map(|i| self.next.wrapping_mul(37).wrapping_add(i as u8)).collect()
    }

    fn push(&mut self, message: Vec<u8>, end: usize) {
        self.messages.push_back((message, self.tail, end));
        (self.tail, self.published) = (end, end);
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let (message, _, end) = self.messages.pop_front()?;
        self.head = end;
        Some(message)
    }
}

fn kind<T>(result: Result<T, ipc_safe::Error>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}

proptest! {
    #![proptest_config(config())]

    /// Whatever is called in whatever order, the channel does what a queue does.
    #[test]
    fn a_channel_is_a_queue(calls in proptest::collection::vec(call(), 1..200), large in any::<bool>()) {
        let capacity = if large { 128 } else { 64 };
        let (memfd, channel) = channel::Channel::<_>::memfd(capacity).unwrap();
        let open = || channel::Channel::<_>::from_memfd(&memfd).unwrap();
        let mut sender = channel.sender().unwrap();
        let mut receiver = open().receiver().unwrap();
        let mut model = Model { capacity, tail: 0, published: 0, head: 0, messages: VecDeque::new(), next: 0 };
        for call in calls {
            match call {
                Call::Send(len) => {
                    let message = model.message(len);
                    let expected = if len > model.longest() {
                        Err(ErrorKind::TooBig)
                    } else {
                        model.place(len).map(|end| model.push(message.clone(), end)).ok_or(ErrorKind::WouldBlock)
                    };
                    prop_assert_eq!(kind(sender.try_send(&message)), expected);
                }
                Call::Reserve(len, commit) => {
                    let message = model.message(len);
                    let place = if len > model.longest() { Err(ErrorKind::TooBig) } else { Ok(model.place(len)) };
                    match (kind(sender.try_reserve(len)), place) {
                        (Err(error), Err(expected)) => prop_assert_eq!(error, expected),
                        (Err(error), Ok(None)) => prop_assert_eq!(error, ErrorKind::WouldBlock),
                        (Ok(mut room), Ok(Some(_))) => {
                            room.bytes().write(0, &message).unwrap();
                            if let Some(commit) = commit {
                                room.truncate(commit);
                                room.commit();
                                let len = len.min(commit);
                                let end = model.place(len).unwrap();
                                model.push(message[..len].to_vec(), end);
                            }
                        }
                        (room, place) => prop_assert!(false, "{room:?}, expected {place:?}"),
                    }
                }
                Call::SendMany(lens) => {
                    let messages: Vec<_> = lens.iter().map(|&len| model.message(len)).collect();
                    let mut expected = Ok(0);
                    for message in &messages {
                        let error = if message.len() > model.longest() { ErrorKind::TooBig } else { ErrorKind::WouldBlock };
                        let place = if message.len() > model.longest() { None } else { model.place(message.len()) };
                        match (place, expected) {
                            (Some(end), Ok(sent)) => {
                                model.push(message.clone(), end);
                                expected = Ok(sent + 1);
                            }
                            (None, Ok(0)) => {
                                expected = Err(error);
                                break;
                            }
                            _ => break,
                        }
                    }
                    prop_assert_eq!(kind(sender.try_send_many(&messages)), expected);
                }
                Call::Receive => {
                    let mut got = vec![1, 2, 3];
                    let result = kind(receiver.try_receive(&mut got)).map(|()| got);
                    prop_assert_eq!(result, model.pop().ok_or(ErrorKind::WouldBlock));
                }
                Call::ReceiveInto(room) => {
                    let mut target = vec![0; room];
                    let result = kind(receiver.try_receive_into(&mut target)).map(|len| target[..len].to_vec());
                    let expected = match model.messages.front() {
                        None => Err(ErrorKind::WouldBlock),
                        Some((message, ..)) if message.len() > room => Err(ErrorKind::TooBig),
                        Some(_) => Ok(model.pop().unwrap()),
                    };
                    prop_assert_eq!(result, expected);
                }
                Call::Peek(release) => match kind(receiver.try_peek()) {
                    Ok(peeked) => {
                        prop_assert_eq!(Some(peeked.bytes().to_vec()), model.messages.front().map(|(m, ..)| m.clone()));
                        if release {
                            peeked.release();
                            model.pop();
                        }
                    }
                    Err(error) => {
                        prop_assert_eq!(error, ErrorKind::WouldBlock);
                        prop_assert!(model.messages.is_empty());
                    }
                },
                Call::Batch(count) => match kind(receiver.try_batch()) {
                    Ok(mut batch) => {
                        // What was skipped before the first message is given back with it, or without.
                        model.head = model.messages.front().map_or(model.head, |&(_, start, _)| start);
                        for _ in 0..count {
                            // A batch ends where the last look ended, perhaps before the last message.
                            let Some(got) = batch.next().unwrap() else { break };
                            prop_assert_eq!(Some(got.to_vec()), model.pop());
                        }
                    }
                    Err(error) => {
                        prop_assert_eq!(error, ErrorKind::WouldBlock);
                        prop_assert!(model.messages.is_empty());
                    }
                },
                // Whoever takes an end over goes on where it was.
                Call::Reopen(true) => {
                    drop(sender);
                    sender = open().sender().unwrap();
                    model.tail = model.published;
                }
                Call::Reopen(false) => {
                    drop(receiver);
                    receiver = open().receiver().unwrap();
                }
            }
        }
    }
}
