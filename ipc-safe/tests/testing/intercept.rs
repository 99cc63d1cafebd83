//! Which calls are asked about, and what is seen of who makes them.

use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::memory::MapOptions;
use ipc_safe::process::Pid;
use ipc_safe::testing::{Answer, Call, SystemCall, intercept};
use rustix::fs::{fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};

fn named(name: &str) -> SystemCall {
    SystemCall::named(name).unwrap_or_else(|| panic!("no call {name}"))
}

#[test]
fn only_calls_with_one_of_the_bits_are_asked_about() {
    let (reader, _writer) = std::io::pipe().unwrap();
    // F_SETFD is 2, F_GETFL 3, F_SETFL 4.
    for (bits, expected) in [(1, vec![3]), (2, vec![2, 3]), (4, vec![4]), (6, vec![2, 3, 4]), (8, vec![]), (0, vec![])]
    {
        let mut seen = Vec::new();
        let note = |call: &Call| {
            seen.push(call.integer(1));
            Answer::Proceed
        };
        let body = || {
            fcntl_setfd(&reader, FdFlags::CLOEXEC)?;
            fcntl_setfl(&reader, fcntl_getfl(&reader)?)
        };
        intercept(&[named("fcntl").with_bits(1, bits)], note, body).unwrap().unwrap();
        assert_eq!(seen, expected, "bits {bits}");
    }
}

#[test]
fn rules_with_bits_and_without_do_not_disturb_each_other() {
    let mut seen = Vec::new();
    let note = |call: &Call| {
        seen.push(call.call().to_string());
        Answer::Proceed
    };
    let rules = [named("mmap").with_bits(3, 1), named("getppid").into(), named("fcntl").with_bits(1, 0x400)];
    let body = || {
        let _ = rustix::process::getppid();
        let shared = MapOptions::new().shared(4096).unwrap();
        let _ = rustix::process::getppid();
        shared
    };
    drop(intercept(&rules, note, body).unwrap());
    assert_eq!(seen, ["getppid", "mmap", "getppid"]);
}

#[test]
#[should_panic(expected = "six arguments")]
fn a_seventh_argument_is_none() {
    let _ = named("mmap").with_bits(6, 1);
}

/// What a call finds at an address with room for so many bytes.
fn read(address: u64, room: usize) -> Result<Vec<u8>, ipc_safe::Error> {
    let mut found = None;
    let look = |call: &Call| {
        let mut buffer = vec![0xee; room];
        found = Some(call.read_memory(address, &mut buffer).map(|len| {
            buffer.truncate(len);
            buffer
        }));
        Answer::Proceed
    };
    intercept(&[named("getppid")], look, rustix::process::getppid).unwrap();
    found.expect("the call was seen")
}

#[test]
fn memory_is_read_up_to_where_it_ends() {
    // Two pages, and the one behind them without access.
    let memory = MapOptions::new().shared(3 * 4096).unwrap();
    memory.bytes().fill(7);
    let base = memory.bytes().as_ptr() as u64;
    assert_eq!(read(base + 100, 5000).unwrap(), [7; 5000]);
    assert_eq!(read(base, 0).unwrap(), []);
    assert_eq!(read(8, 100).unwrap_err().errno(), Some(Errno::FAULT));
    assert_eq!(read(u64::MAX - 10, 100).unwrap_err().errno(), Some(Errno::FAULT));

    // SAFETY: the last page of a mapping that nothing else refers to.
    let protected = unsafe { libc::mprotect((base + 8192) as *mut libc::c_void, 4096, libc::PROT_NONE) };
    assert_eq!(protected, 0);
    assert_eq!(read(base + 8000, 1000).unwrap(), [7; 192]);
    assert_eq!(read(base + 8192, 1).unwrap_err().errno(), Some(Errno::FAULT));
    assert_eq!(read(base, 1 << 20).unwrap().len(), 8192);
}

#[test]
fn a_child_s_memory_is_that_of_the_child() {
    let mut words = Vec::new();
    let look = |call: &Call| {
        let mut path = [0; 64];
        if !call.is_by_body() {
            let len = call.read_memory(call.argument(0), &mut path).unwrap();
            words.push(path[..len].split(|&byte| byte == 0).next().unwrap().to_vec());
        }
        Answer::Proceed
    };
    let body = || std::process::Command::new("/bin/true").status().map(|status| status.success());
    assert!(intercept(&[named("execve")], look, body).unwrap().unwrap());
    assert_eq!(words, [b"/bin/true"]);
}

#[test]
fn of_a_call_that_does_not_wait_any_more_nothing_is_read() {
    let mut kept = None;
    let keep = |call: &Call| {
        kept = Some(*call);
        Answer::Proceed
    };
    let text = *b"what is there";
    intercept(&[named("getppid")], keep, rustix::process::getppid).unwrap();
    let call: Call = kept.expect("the call was seen");
    let mut buffer = [0; 4];
    assert_eq!(call.read_memory(text.as_ptr() as u64, &mut buffer).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(call.thread().is_some_and(|thread: Pid| thread != rustix::process::getpid()));
}

/// Its thread goes on, and waits in another call: what it has now is not what it had.
#[test]
fn of_an_earlier_call_of_a_thread_nothing_is_read() {
    let text = *b"what is there";
    let mut first: Option<Call> = None;
    let mut outcomes = Vec::new();
    let look = |call: &Call| {
        let mut buffer = [0; 4];
        let earlier = *first.get_or_insert(*call);
        outcomes.push(earlier.read_memory(text.as_ptr() as u64, &mut buffer).map_err(|error| error.kind()));
        Answer::Proceed
    };
    intercept(&[named("getppid")], look, || (rustix::process::getppid(), rustix::process::getppid())).unwrap();
    assert_eq!(outcomes, [Ok(4), Err(ErrorKind::NotFound)]);
}
