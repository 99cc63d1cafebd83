//! Coprocesses: what is said, and what may go wrong.

use crate::filter;
use crate::support::{eventually, fork};
use crate::tools::{LONG, childless, fails, script, words};
use ipc_safe::command::Coprocess;
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{ChildStatus, is_alive};
use ipc_safe::signal::BrokenPipe;
use std::time::{Duration, Instant};

/// R-PIPE-16
#[test]
fn lines_are_answered() {
    childless(|| {
        let mut upper = Coprocess::start(&mut words("sed -u s/x/y/g")).unwrap();
        for (request, answer) in [("x", "y"), ("", ""), ("axb", "ayb"), ("\u{fc}x", "\u{fc}y")] {
            assert_eq!(upper.request(request).unwrap(), answer.as_bytes());
        }
        for number in 0..100 {
            upper.send(format!("x{number}")).unwrap();
        }
        for number in 0..100 {
            assert_eq!(upper.receive_timeout(LONG).unwrap(), format!("y{number}").as_bytes());
        }
        fails(upper.try_receive(), ErrorKind::WouldBlock);
        let error = fails(upper.send("two\nlines"), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "write: a line has no line feed inside; it is added behind");
        upper.send("last").unwrap();
        assert_eq!(upper.finish().unwrap(), (b"last\n".to_vec(), ChildStatus::Exited(0)));
        fails(upper.send("x"), ErrorKind::InvalidInput);
    });
}

/// R-PIPE-16: frames hold any bytes.
#[test]
fn frames_are_answered() {
    childless(|| {
        let mut cat = Coprocess::options().frames().start(&mut words("cat")).unwrap();
        let all: Vec<u8> = (0..=255).collect();
        for message in [&b"two\nlines"[..], b"", &[0; 5], &all, &vec![b'\n'; 100_000]] {
            assert!(cat.request_timeout(message, LONG).unwrap() == message);
        }
        assert_eq!(cat.finish().unwrap(), (Vec::new(), ChildStatus::Exited(0)));
    });
}

/// R-PIPE-16: the order of bytes in a frame's length is the network's.
#[test]
fn a_frame_is_its_length_and_its_bytes() {
    childless(|| {
        let mut od = Coprocess::options().frames().start(&mut words("od -An -tx1")).unwrap();
        od.send("abc").unwrap();
        assert_eq!(od.finish().unwrap().0, b" 00 00 00 03 61 62 63\n");
        let mut printf = Coprocess::options().frames().start(&mut script(r"printf '\0\0\0\003xyz'; cat")).unwrap();
        assert_eq!(printf.receive().unwrap(), b"xyz");
        printf.finish().unwrap();
    });
}

/// R-PIPE-16: more than both pipes hold, in both directions at once.
#[test]
fn any_amount_goes_through_without_a_deadlock() {
    childless(|| {
        let message = vec![b'm'; 3 << 20];
        let mut cat = Coprocess::options().limit(8 << 20).start(&mut words("cat")).unwrap();
        assert!(cat.request_timeout(&message, LONG).unwrap() == message);
        // Several that nobody receives meanwhile.
        cat.send_timeout(&message, LONG).unwrap();
        cat.send_timeout(&message, LONG).unwrap();
        assert!(cat.receive().unwrap() == message && cat.receive().unwrap() == message);
        let (rest, status) = cat.filter_timeout(&message, LONG).unwrap();
        assert!(rest == message && status.is_success());
    });
}

/// R-PIPE-16: what answers only when its input has ended.
#[test]
fn filters_get_all_their_input_and_give_all_their_output() {
    childless(|| {
        let numbers: String = (0..200_000).rev().map(|number| format!("{number:06}\n")).collect();
        let mut sort = Coprocess::options().limit(4 << 20).start(words("sort").env("LC_ALL", "C")).unwrap();
        let (sorted, status) = sort.filter(&numbers).unwrap();
        assert!(status.is_success() && sorted.len() == numbers.len());
        assert!(sorted.starts_with(b"000000\n000001\n") && sorted.ends_with(b"199999\n"));
        // One that has read enough, and says so by its status.
        let mut head = Coprocess::start(&mut words("head -n 1")).unwrap();
        assert_eq!(head.filter(&numbers).unwrap(), (b"199999\n".to_vec(), ChildStatus::Exited(0)));
    });
}

/// R-PIPE-17: also where SIGPIPE would end this program.
#[test]
fn a_program_that_ends_is_an_error_that_says_how() {
    childless(|| {
        let policy = BrokenPipe::Terminate.set().unwrap();
        for (line, how) in [
            ("read x", "exit status 0"),
            ("read x; exit 3", "exit status 3"),
            ("read x; kill -KILL $$", "killed by signal 9"),
        ] {
            let mut child = Coprocess::start(&mut script(line)).unwrap();
            let error = fails(child.request("x"), ErrorKind::Closed);
            assert_eq!(error.to_string(), format!("read: the program closed its output: {how}"));
            let error = fails(child.send("another"), ErrorKind::Closed);
            assert_eq!(error.to_string(), format!("write: EPIPE: the program does not read any more: {how}"));
            assert_eq!(child.finish().unwrap().1.to_string(), how);
        }
        policy.restore().unwrap();
    });
}

/// R-PIPE-17: it closes its output, and runs.
#[test]
fn a_program_that_closes_its_output_is_an_error() {
    childless(|| {
        let mut child = Coprocess::start(&mut script("exec sleep 1000 >&-")).unwrap();
        let error = fails(child.receive(), ErrorKind::Closed);
        assert_eq!(error.to_string(), "read: the program closed its output: it still runs");
        let mut child = Coprocess::start(&mut script("exec sleep 1000 <&-")).unwrap();
        let error = fails(child.send_timeout(vec![b'x'; 100_000], LONG), ErrorKind::Closed);
        assert_eq!(error.to_string(), "write: EPIPE: the program does not read any more: it still runs");
    });
}

/// R-PIPE-17
#[test]
fn half_a_message_is_an_error() {
    childless(|| {
        let mut child = Coprocess::start(&mut script("read x; printf whole'\\n'half")).unwrap();
        assert_eq!(child.request("x").unwrap(), b"whole");
        let error = fails(child.receive(), ErrorKind::Truncated);
        let text = "read: the program closed its output in the middle of a line, after 4 bytes: exit status 0";
        assert_eq!(error.to_string(), text);
        assert_eq!(child.finish().unwrap().0, b"half", "it is not lost");
        for text in [r"printf '\0\0'", r"printf '\0\0\0\011abc'"] {
            let mut child = Coprocess::options().frames().start(&mut script(text)).unwrap();
            let error = fails(child.receive(), ErrorKind::Truncated);
            assert!(error.to_string().contains("in the middle of a frame, after "), "{error}");
        }
    });
}

/// A program that writes without end does not fill the memory.
#[test]
fn a_flood_is_an_error() {
    childless(|| {
        let limited = |limit| Coprocess::options().limit(limit);
        let mut zeros = limited(100_000).start(&mut words("cat /dev/zero")).unwrap();
        let error = fails(zeros.receive(), ErrorKind::TooBig);
        assert!(error.to_string().starts_with("read: a line of 10"), "{error}");
        assert!(error.to_string().ends_with(" bytes or more; at most 100000 are taken"), "{error}");
        fails(zeros.finish(), ErrorKind::TooBig);
        // While something is sent that it does not read.
        let mut yes = limited(100_000).start(&mut words("yes")).unwrap();
        let error = fails(yes.send(vec![b'x'; 1 << 20]), ErrorKind::TooBig);
        assert!(error.to_string().ends_with(" bytes that nobody received; at most 100000 are taken"), "{error}");
        let error = fails(yes.send("more"), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "write: only a part of an earlier message was sent: nothing can follow it");
        // Lines of its own, which are received one by one, are none.
        let mut yes = limited(10).start(&mut words("yes")).unwrap();
        for _ in 0..50_000 {
            assert_eq!(yes.receive().unwrap(), b"y");
        }
        // A length that nobody could hold takes no memory.
        let mut frame = limited(1000).frames().start(&mut script(r"printf '\377\377\377\377abc'; cat")).unwrap();
        let error = fails(frame.receive(), ErrorKind::TooBig);
        assert_eq!(error.to_string(), "read: a frame of 4294967295 bytes or more; at most 1000 are taken");
        let mut frame = limited(3).frames().start(&mut words("cat")).unwrap();
        assert_eq!(frame.request("abc").unwrap(), b"abc");
        fails(frame.request("abcd"), ErrorKind::TooBig);
    });
}

/// A message above the limit is an error again and again, whether all of it came or not: what follows is not taken for an answer.
#[test]
fn a_message_that_is_too_long_stays() {
    childless(|| {
        for length in [20, 100_000] {
            let line = format!("read x; head -c {length} /dev/zero | tr '\\0' x; echo; while read x; do echo $x; done");
            let mut child = Coprocess::options().limit(10).start(&mut script(&line)).unwrap();
            fails(child.request_timeout("one", LONG), ErrorKind::TooBig);
            fails(child.receive_timeout(LONG), ErrorKind::TooBig);
            let error = fails(child.request_timeout("another", LONG), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("is still to come"), "{error}");
            fails(child.try_receive(), ErrorKind::TooBig);
        }
    });
}

/// One that became another user's cannot be killed: it gets the end of its input, and dropping does not wait for ever.
#[test]
fn a_program_that_may_not_be_killed_holds_nobody_up() {
    childless(|| {
        fork(|| {
            let mut cat = Coprocess::start(&mut words("cat")).unwrap();
            assert_eq!(cat.request("there").unwrap(), b"there");
            filter::install(&[libc::SYS_pidfd_send_signal], filter::Action::Fail(libc::EPERM));
            let pid = cat.pid();
            let start = Instant::now();
            drop(cat);
            assert!(!is_alive(pid) && start.elapsed() < Duration::from_secs(1));
            // One that does not even read.
            let sleep = Coprocess::start(&mut words("sleep 2")).unwrap();
            let pid = sleep.pid();
            let start = Instant::now();
            drop(sleep);
            assert!(start.elapsed() < Duration::from_millis(1900), "{:?}", start.elapsed());
            eventually("it is reaped in the end", || !is_alive(pid));
            0
        })
        .succeed();
    });
}

/// Dropping kills and reaps, at once.
#[test]
fn a_coprocess_that_is_dropped_is_ended() {
    childless(|| {
        for line in ["cat", "trap '' TERM HUP INT; while :; do sleep 1000; done", "exit 0"] {
            let child = Coprocess::start(&mut script(&format!("exec 2>/dev/null; {line}"))).unwrap();
            let pid = child.pid();
            drop(child);
            assert!(!is_alive(pid));
        }
    });
}
