//! Programs in the hands of poll, mio and tokio: their pipes, their descriptors, coprocesses.

use crate::support::fork;
use crate::tools::{childless, script, words};
use ipc_safe::command::{CommandReader, CommandWriter, Coprocess};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsRawFd;
use tokio::io::Interest as TokioInterest;
use tokio::io::unix::AsyncFd;

/// R-PIPE-11, R-PIPE-16
#[test]
fn poll_waits_for_programs() {
    childless(|| {
        let mut cat = Coprocess::start(&mut words("cat")).unwrap();
        let at_once = Timespec::default();
        let readable = |cat: &Coprocess, timeout| poll(&mut [PollFd::new(cat, PollFlags::IN)], timeout).unwrap();
        assert_eq!(readable(&cat, Some(&at_once)), 0);
        cat.send("x").unwrap();
        assert_eq!(readable(&cat, None), 1);
        assert_eq!(cat.try_receive().unwrap(), b"x");

        let mut reader = CommandReader::start(&mut script("echo x")).unwrap();
        let mut writer = CommandWriter::start(&mut words("cat")).unwrap();
        let (output, input) = (reader.pipe().unwrap(), writer.pipe().unwrap());
        for (end, events) in
            [(PollFd::new(output, PollFlags::IN), PollFlags::IN), (PollFd::new(input, PollFlags::OUT), PollFlags::OUT)]
        {
            let mut polled = [end];
            assert_eq!(poll(&mut polled, None).unwrap(), 1);
            assert!(polled[0].revents().contains(events));
        }
        reader.close().unwrap();
        writer.close().unwrap();

        let mut sleep = CommandReader::start(&mut script("read x")).unwrap();
        sleep.close().unwrap();
        let mut polled = [PollFd::from_borrowed_fd(sleep.pidfd().unwrap(), PollFlags::IN)];
        assert_eq!(poll(&mut polled, None).unwrap(), 1, "the program has ended");
        cat.finish().unwrap();
    });
}

/// R-PIPE-11, R-PIPE-16: several programs that answer when they like, and one thread.
#[test]
fn mio_drives_several_coprocesses() {
    childless(|| {
        let mut programs: Vec<_> = (0..4).map(|_| Coprocess::start(&mut words("cat")).unwrap()).collect();
        let (mut mio, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
        for (place, program) in programs.iter_mut().enumerate() {
            let number = program.as_raw_fd();
            mio.registry().register(&mut SourceFd(&number), Token(place), Interest::READABLE).unwrap();
            // Two answers at once: the second is not announced again.
            program.send("first").unwrap();
            program.send("second").unwrap();
        }
        let mut answers = [0; 4];
        while answers != [20; 4] {
            mio.poll(&mut events, None).unwrap();
            for event in &events {
                let Token(place) = event.token();
                loop {
                    match programs[place].try_receive() {
                        Ok(answer) => {
                            assert_eq!(answer, [&b"first"[..], b"second"][answers[place] % 2]);
                            answers[place] += 1;
                            if answers[place] <= 18 {
                                programs[place].send(&answer).unwrap();
                            }
                        }
                        Err(error) if error.is_would_block() => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        programs.iter_mut().for_each(|program| assert!(program.finish().unwrap().1.is_success()));
    });
}

/// R-PIPE-11, R-PIPE-16
#[test]
fn tokio_waits_for_coprocesses() {
    childless(|| {
        // It keeps descriptors for the lifetime of the process.
        fork(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let cat = Coprocess::start(&mut words("cat")).unwrap();
                // SAFETY: it keeps the descriptor of its output open and the same until it is dropped, which the `AsyncFd` does.
                let mut cat = unsafe { AsyncFd::register_with_interest(cat, TokioInterest::READABLE) }.unwrap();
                for number in 0..100 {
                    let request = number.to_string();
                    cat.get_mut().send(&request).unwrap();
                    let receive = |cat: &mut Coprocess| cat.try_receive().map_err(std::io::Error::from);
                    let answer = cat.async_io_mut(TokioInterest::READABLE, receive).await.unwrap();
                    assert_eq!(answer, request.as_bytes());
                }
                let end = cat.into_inner().finish().unwrap();
                assert!(end.1.is_success());
            });
            0
        })
        .succeed();
    });
}
