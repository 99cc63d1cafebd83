//! Any program, and any requests.

use crate::tools::{childless, script};
use ipc_safe::command::Coprocess;
use ipc_safe::error::{ErrorKind, Result};
use ipc_safe::process::is_alive;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long each call may wait, and how much later it may come back on a busy machine.
const PATIENCE: Duration = Duration::from_millis(10);
const LATE: Duration = Duration::from_secs(5);

/// What the program does next. All of it is quoted for the shell, and written without what others write between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Answers the next request.
    Answer,
    /// Writes a line on its own account.
    Line,
    /// Writes what is no line yet.
    Half,
    /// Writes more than is taken.
    Flood,
    Sleep,
    CloseOutput,
    CloseInput,
    Exit,
    Die,
}

impl Act {
    const fn text(self) -> &'static str {
        match self {
            Self::Answer => "read x && echo \"got $x\"",
            Self::Line => "echo line",
            Self::Half => "printf half",
            Self::Flood => "yes | head -c 30000 | tr -d '\\n'; echo",
            Self::Sleep => "sleep 0.01",
            Self::CloseOutput => "exec >/dev/null",
            Self::CloseInput => "exec </dev/null",
            Self::Exit => "exit 3",
            Self::Die => "kill -9 $$",
        }
    }
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Send,
    Receive,
    TryReceive,
    Request,
    SendMuch,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => Just(Act::Answer),
        4 => Just(Act::Line),
        4 => select(vec![Act::Half, Act::Sleep]),
        2 => select(vec![Act::Flood, Act::CloseOutput, Act::CloseInput, Act::Exit, Act::Die]),
    ];
    prop::collection::vec(act, 0..8)
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let ask = prop_oneof![
        4 => Just(Ask::Request),
        4 => select(vec![Ask::Send, Ask::Receive, Ask::TryReceive]),
        1 => Just(Ask::SendMuch),
    ];
    prop::collection::vec(ask, 0..10)
}

/// The lines that the program would write if everything it reads were sent, without the last one when that has no end; at most.
fn lines(acts: &[Act]) -> VecDeque<Vec<u8>> {
    let (mut all, mut requests, mut reads) = (Vec::new(), 0, true);
    for act in acts {
        match act {
            Act::Answer if reads => {
                all.extend(format!("got {requests}\n").as_bytes());
                requests += 1;
            }
            Act::Line => all.extend(b"line\n"),
            Act::Half => all.extend(b"half"),
            Act::Flood => all.extend([&[b'y'; 15_000][..], b"\n"].concat()),
            Act::Sleep | Act::Answer => {}
            Act::CloseInput => reads = false,
            Act::CloseOutput | Act::Exit | Act::Die => break,
        }
    }
    let mut lines: VecDeque<_> = all.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop_back();
    lines
}

/// Looks at what a call gave: an answer that was to come, or an error in its place.
fn check(result: Result<Vec<u8>>, expected: &mut VecDeque<Vec<u8>>) -> core::result::Result<(), TestCaseError> {
    match result {
        Ok(line) => prop_assert_eq!(Some(line), expected.pop_front()),
        Err(error) => {
            let kinds = [
                ErrorKind::WouldBlock,
                ErrorKind::TimedOut,
                ErrorKind::Closed,
                ErrorKind::Truncated,
                ErrorKind::TooBig,
                ErrorKind::InvalidInput,
            ];
            prop_assert!(kinds.contains(&error.kind()), "{}", error);
        }
    }
    Ok(())
}

/// Every call comes back in time, with the next line or an error that says why not; dropping ends the program.
///
/// R-PIPE-16, R-PIPE-17
#[test]
fn any_program_is_survived() {
    childless(|| {
        let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(acts in acts(), asks in asks(), finishes in any::<bool>())| {
            let text = acts.iter().map(|act| act.text()).collect::<Vec<_>>().join("\n");
            let before = crate::alone::descriptors();
            let mut child = Coprocess::options().limit(10_000).start(&mut script(&text)).unwrap();
            let mut expected = lines(&acts);
            let mut sent = 0;
            for ask in asks {
                let start = Instant::now();
                let result = match ask {
                    Ask::Send => child.send_timeout(sent.to_string(), PATIENCE).map(|()| None),
                    Ask::Receive => child.receive_timeout(PATIENCE).map(Some),
                    Ask::TryReceive => child.try_receive().map(Some),
                    Ask::Request => child.request_timeout(sent.to_string(), PATIENCE).map(Some),
                    // Nothing is understood that follows.
                    Ask::SendMuch => child.send_timeout(vec![b'1'; 200_000], PATIENCE).map(|()| None),
                };
                prop_assert!(start.elapsed() < PATIENCE + LATE);
                let is_sent = !matches!(&result, Err(error) if error.kind() == ErrorKind::InvalidInput);
                match ask {
                    Ask::Send | Ask::Request if is_sent => sent += 1,
                    Ask::SendMuch => break,
                    _ => {}
                }
                match result {
                    Ok(None) => {}
                    Ok(Some(line)) => check(Ok(line), &mut expected)?,
                    Err(error) => check(Err(error), &mut expected)?,
                }
            }
            if finishes {
                check(child.finish_timeout(PATIENCE).map(|_| Vec::new()), &mut [Vec::new()].into())?;
            }
            let pid = child.pid();
            drop(child);
            prop_assert!(!is_alive(pid));
            prop_assert_eq!(crate::alone::descriptors(), before);
        });
    });
}
