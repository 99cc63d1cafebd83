//! `ipc send`

use crate::command::{command_of, ipc, ipc_reading, ran, start};
use crate::support::{eventually, in_namespace, watchdog};
use ipc_safe::sysv::{Key, MessageQueue, Owned, Selector};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fn queue() -> Owned<MessageQueue> {
    MessageQueue::options().create_new(true).open(Key::new(0x2a)).unwrap().into_owned()
}

fn take(queue: MessageQueue) -> (i64, Vec<u8>) {
    let mut bytes = Vec::new();
    let kind = queue.try_receive(Selector::First, &mut bytes).unwrap();
    (kind.get(), bytes)
}

#[test]
fn a_message_comes_from_an_argument_a_file_or_standard_input() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let queue = queue();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\0in\xff a file\n").unwrap();

        ipc("send 0 hello").succeed();
        assert_eq!(take(*queue), (1, b"hello".to_vec()));
        ran(command_of(["send", "0x2a", "--type", "7", "tw\u{f6} words"])).succeed();
        assert_eq!(take(*queue), (7, "tw\u{f6} words".as_bytes().to_vec()));
        ipc("send --key 42 hello").succeed();
        assert_eq!(take(*queue).1, b"hello");
        let arguments: [&OsStr; 3] = ["send".as_ref(), "0".as_ref(), OsStr::from_bytes(b"\xfe")];
        ran(command_of(arguments)).succeed();
        assert_eq!(take(*queue).1, b"\xfe");
        ran(command_of(["send", "0", ""])).succeed();
        assert_eq!(take(*queue).1, b"");
        ipc("send 0 -- -x").succeed();
        assert_eq!(take(*queue).1, b"-x");
        ipc(&format!("send 0 --file {}", file.path().display())).succeed();
        assert_eq!(take(*queue).1, b"\0in\xff a file\n");
        ipc_reading(b"from\0input\n", "send -k 0x2a --type 9223372036854775807").succeed();
        assert_eq!(take(*queue), (i64::MAX, b"from\0input\n".to_vec()));
        ipc_reading(b"one\n\nthree", "send 0 --lines").succeed();
        assert_eq!([take(*queue).1, take(*queue).1, take(*queue).1], [&b"one"[..], b"", b"three"]);
    });
}

#[test]
fn what_cannot_be_sent_says_why() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let queue = queue();
        ipc_reading(&[0; 8193], "send 0").fail(1, &["at most 8192 bytes", "kernel.msgmax"]);
        ipc("send 0 --file /nowhere/x").fail(1, &["opening /nowhere/x", "No such file"]);
        ipc("send 0 --file /").fail(1, &["reading /", "directory"]);
        ipc("send 0 x --file /etc/passwd").fail(2, &["not both"]);
        ipc("send --key 42 x y").fail(2, &["not both"]);
        ipc("send").fail(2, &["which queue"]);
        ipc("send 3 x").fail(1, &["queue 3"]);
        ipc("send two x").fail(2, &["named by its id"]);
        assert_eq!(queue.status().unwrap().messages, 0);
    });
}

/// R-MSG-03
#[test]
fn a_full_queue_is_waited_for_or_not() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let queue = queue();
        queue.set_byte_limit(5).unwrap();
        ipc("send 0 first").succeed();
        ipc("send 0 second --no-wait").fail(1, &["queue 0 is full"]);
        ipc("send 0 second --timeout 0.01").fail(1, &["queue 0", "the time ran out"]);

        let waiting = start("send 0 then");
        eventually("the sender waits", || waiting.state() == 'S');
        assert_eq!(take(*queue).1, b"first");
        waiting.succeed();
        assert_eq!(take(*queue).1, b"then");

        ipc("send 0 first").succeed();
        let waiting = start("send 0 never");
        eventually("the sender waits", || waiting.state() == 'S');
        queue.remove().unwrap();
        assert!(waiting.fail().contains("removed"));
    });
}
