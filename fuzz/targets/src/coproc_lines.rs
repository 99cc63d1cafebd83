//! A coprocess that answers lines, or half of them, late, unasked or not at all, closes its ends and dies: each request ends in time
//! with an answer or a documented refusal, no line is lost or comes twice, and the child is reaped.

use crate::steps::{Look, say, steps, without_broken_pipes};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::command::Coprocess;
use ipc_safe::error::ErrorKind;
use ipc_safe::process::ChildStatus;
use ipc_safe::testing::Resources;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// So much does the child do at most, and is it asked at most.
const ACTS: usize = 8;
const REQUESTS: usize = 8;
/// The longest line that is taken.
const LIMIT: usize = 64;
const LENGTHS: [usize; 7] = [0, 1, 7, 63, 64, 65, 200];
/// More than a deadline takes on a machine that has much to do.
const SLACK: Duration = Duration::from_secs(10);

/// What the child does, one after the other; then it ends.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Act {
    /// Reads a line and sends it back.
    Echo,
    EchoAgain,
    /// Reads a line and keeps it.
    Swallow,
    /// Sends a line that nobody asked for.
    Say {
        byte: u8,
    },
    /// Sends some bytes of a line.
    Half {
        byte: u8,
    },
    Delay {
        tenths: u8,
    },
    CloseOutput,
    CloseInput,
    Exit {
        code: u8,
    },
    Kill,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Asked {
    Send { len: u8 },
    TrySend { len: u8 },
    Answer { len: u8, tenths: u8 },
    Again { len: u8, tenths: u8 },
    Receive { tenths: u8 },
    TryReceive,
    Finish { tenths: u8 },
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(count) = u.int_in_range(0..=ACTS) else { return };
    let acts: Vec<Act> = (0..count).map_while(|_| u.arbitrary().ok()).collect();
    acts.iter().for_each(say());
    without_broken_pipes();
    let look = Look::always_at(Resources::DESCRIPTORS | Resources::CHILDREN);
    let mut run = Run::start(acts);
    for request in steps::<Asked>(&mut u).take(REQUESTS) {
        let begun = Instant::now();
        run.perform(request);
        assert!(begun.elapsed() < SLACK * 2, "{request:?} took {:?}", begun.elapsed());
    }
    drop(run);
    // A child that does not end within a second of being killed, on a machine with much to do, is waited for by a thread.
    look.end_within(SLACK);
}

/// A program that is the script and nothing else: forked, and never executed.
#[expect(unsafe_code, reason = "the child does not execute a program")]
fn command(acts: Vec<Act>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    let child = move || {
        play(&acts);
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) }
    };
    // SAFETY: the closure only makes system calls, on memory that it had before.
    unsafe { command.pre_exec(child) };
    command
}

/// In the child: system calls only, as other threads may have held locks when it was forked.
#[expect(unsafe_code, reason = "the C library's calls, which wait for nothing but the kernel")]
fn play(acts: &[Act]) {
    const INPUT: i32 = 0;
    const OUTPUT: i32 = 1;
    // SAFETY: takes numbers. The parent waits until all other descriptors are closed: one of them would tell that a
    // program was executed.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    // SAFETY: takes numbers. Who dies of a broken pipe does so silently.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let mut line = [0_u8; 256];
    for act in acts {
        match *act {
            Act::Echo | Act::EchoAgain => match read_line(&mut line) {
                Some(len) => write(&line[..len]),
                None => return,
            },
            Act::Swallow => {
                if read_line(&mut line).is_none() {
                    return;
                }
            }
            Act::Say { byte } => write(&said(byte)),
            Act::Half { byte } => write(&half(byte)),
            Act::Delay { tenths } => pause(tenths),
            // SAFETY: takes a number.
            Act::CloseOutput => drop(unsafe { libc::close(OUTPUT) }),
            // SAFETY: takes a number.
            Act::CloseInput => drop(unsafe { libc::close(INPUT) }),
            // SAFETY: ends the process.
            Act::Exit { code } => unsafe { libc::_exit(code.into()) },
            // SAFETY: takes a number.
            Act::Kill => drop(unsafe { libc::raise(libc::SIGKILL) }),
        }
    }
}

#[expect(unsafe_code, reason = "as for `play`")]
fn write(bytes: &[u8]) {
    // SAFETY: reads the bytes. A pipe has room for all that is ever written here.
    unsafe { libc::write(1, bytes.as_ptr().cast(), bytes.len()) };
}

/// Reads a line, with its end.
#[expect(unsafe_code, reason = "as for `play`")]
fn read_line(line: &mut [u8; 256]) -> Option<usize> {
    for (len, byte) in line.iter_mut().enumerate() {
        // SAFETY: writes one byte.
        if unsafe { libc::read(0, std::ptr::from_mut(byte).cast(), 1) } != 1 {
            return None;
        }
        if *byte == b'\n' {
            return Some(len + 1);
        }
    }
    None
}

#[expect(unsafe_code, reason = "as for `play`")]
fn pause(tenths: u8) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: i64::from(tenths % 30) * 100_000 };
    // SAFETY: reads the time.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}

const fn letter(byte: u8) -> u8 {
    b'a' + byte % 26
}

const fn said(byte: u8) -> [u8; 3] {
    [letter(byte), b'!', b'\n']
}

const fn half(byte: u8) -> [u8; 2] {
    [letter(byte), b'?']
}

fn tenths(tenths: u8) -> Duration {
    Duration::from_micros(100) * u32::from(tenths % 30)
}

struct Run {
    coprocess: Coprocess,
    acts: Vec<Act>,
    /// The lines that were sent whole.
    sent: Vec<Vec<u8>>,
    /// How many lines were received.
    received: usize,
    /// The input of the child is closed.
    finishing: bool,
    /// A request had no answer yet.
    is_due: bool,
    /// Nothing more is asked.
    over: bool,
}

impl Run {
    fn start(acts: Vec<Act>) -> Self {
        let coprocess = Coprocess::options().limit(LIMIT).start(&mut command(acts.clone())).expect("a child");
        Self { coprocess, acts, sent: Vec::new(), received: 0, finishing: false, is_due: false, over: false }
    }

    fn perform(&mut self, request: Asked) {
        if self.over {
            return;
        }
        match request {
            Asked::Send { len } => {
                let line = self.line(len);
                let sent = self.coprocess.send_timeout(&line, tenths(29));
                self.after_sending(line, sent);
            }
            Asked::TrySend { len } => {
                let line = self.line(len);
                let sent = self.coprocess.try_send(&line);
                self.after_sending(line, sent);
            }
            Asked::Answer { len, tenths: time } | Asked::Again { len, tenths: time } => {
                let line = self.line(len);
                self.sent.push(line.clone());
                let comes = self.comes();
                self.sent.pop();
                let answer = self.coprocess.request_timeout(&line, if comes { SLACK } else { tenths(time) });
                assert!(!comes || !matches!(&answer, Err(error) if error.is_timed_out()), "a line that came did not");
                match &answer {
                    // Whether it was sent before too much came does not show.
                    Err(error) if error.kind() == ErrorKind::TooBig => {
                        self.sent.push(line);
                        self.over = true;
                    }
                    Err(error) if error.call() == "write" => self.check_write(error),
                    // It came there, whatever came back.
                    _ => {
                        self.sent.push(line);
                        self.is_due = true;
                    }
                }
                self.after_receiving(answer);
            }
            Asked::Receive { tenths: time } => {
                let comes = self.comes();
                let line = self.coprocess.receive_timeout(if comes { SLACK } else { tenths(time) });
                assert!(!comes || line.is_ok(), "a line that came was not received: {line:?}");
                self.after_receiving(line);
            }
            Asked::TryReceive => {
                let line = self.coprocess.try_receive();
                self.after_receiving(line);
            }
            Asked::Finish { tenths: time } => self.finish(tenths(time)),
        }
    }

    /// Each another one.
    fn line(&self, len: u8) -> Vec<u8> {
        vec![letter(self.sent.len() as u8); LENGTHS[usize::from(len) % LENGTHS.len()]]
    }

    fn after_sending(&mut self, line: Vec<u8>, sent: ipc_safe::Result<()>) {
        match sent {
            Ok(()) => self.sent.push(line),
            Err(error) => self.check_write(&error),
        }
    }

    /// A pipe has room for all that is ever sent; unless too much came back that nobody received.
    fn check_write(&self, error: &ipc_safe::Error) {
        match error.kind() {
            ErrorKind::InvalidInput => assert!(self.finishing || self.is_due, "{error}"),
            ErrorKind::TooBig => assert!(self.longest() > LIMIT, "{error}"),
            ErrorKind::Closed => assert!(!self.finishing, "{error}"),
            _ => panic!("{error}"),
        }
    }

    fn after_receiving(&mut self, line: ipc_safe::Result<Vec<u8>>) {
        use ErrorKind::{Closed, InvalidInput, TimedOut, TooBig, Truncated, WouldBlock};
        match line {
            Ok(line) => {
                let expected = self.lines().into_iter().nth(self.received);
                assert_eq!(Some(&line), expected.as_ref(), "line {}", self.received);
                assert!(line.len() <= LIMIT, "a line of {} bytes", line.len());
                self.received += 1;
                self.is_due = false;
            }
            Err(error) => match error.kind() {
                Closed | TimedOut | WouldBlock => {}
                InvalidInput => assert!(self.finishing || self.is_due, "{error}"),
                // A request is also refused while too much came before.
                TooBig => assert!(self.over && self.longest() > LIMIT || self.is_next_too_long(), "{error}"),
                Truncated => assert!(self.acts.iter().any(|act| matches!(act, Act::Half { .. })), "{error}"),
                _ => panic!("{error}"),
            },
        }
    }

    /// All that the child writes when it gets all that was sent.
    fn written(&self) -> Vec<u8> {
        let (mut written, mut lines) = (Vec::new(), self.sent.iter());
        for act in &self.acts {
            match *act {
                Act::Echo | Act::EchoAgain => match lines.next() {
                    Some(line) => written.extend(line.iter().chain(b"\n")),
                    None => break,
                },
                Act::Swallow if lines.next().is_none() => break,
                Act::Say { byte } => written.extend(said(byte)),
                Act::Half { byte } => written.extend(half(byte)),
                Act::Swallow | Act::Delay { .. } => {}
                Act::CloseInput => lines = [].iter(),
                Act::CloseOutput | Act::Exit { .. } | Act::Kill => break,
            }
        }
        written
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let written = self.written();
        let mut lines: Vec<_> = written.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        // What is behind the last end of a line is none.
        lines.pop();
        lines
    }

    /// Whether the child writes another line by itself, of a length that is taken. It is waited for then, which takes as long as
    /// the child does.
    fn comes(&self) -> bool {
        self.lines().get(self.received).is_some_and(|line| line.len() <= LIMIT)
    }

    /// How much may wait that nobody received.
    fn longest(&self) -> usize {
        self.written().len()
    }

    /// Whether the next line is longer than one may be, wherever it ends.
    fn is_next_too_long(&self) -> bool {
        let written = self.written();
        written.split(|&byte| byte == b'\n').nth(self.received).is_some_and(|line| line.len() > LIMIT)
    }

    fn finish(&mut self, time: Duration) {
        self.finishing = true;
        match self.coprocess.finish_timeout(time) {
            Ok((rest, status)) => {
                let written = self.written();
                let taken: usize = self.lines().iter().take(self.received).map(|line| line.len() + 1).sum();
                // The end of its input may come before a line that was sent to one that closed it.
                assert_eq!(rest, written[taken..], "what nobody had received");
                self.check_status(status);
                self.over = true;
            }
            Err(error) => {
                let too_much = error.kind() == ErrorKind::TooBig && self.longest() > LIMIT;
                assert!(error.is_timed_out() || too_much, "{error}");
            }
        }
    }

    fn check_status(&self, status: ChildStatus) {
        let mut expected = vec![ChildStatus::Exited(0)];
        for act in &self.acts {
            match *act {
                Act::Exit { code } => expected.push(ChildStatus::Exited(code.into())),
                Act::Kill => expected.push(ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false }),
                _ => {}
            }
        }
        assert!(expected.contains(&status), "{status:?} of {expected:?}");
    }
}
