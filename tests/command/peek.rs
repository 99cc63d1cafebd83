//! `ipc peek`

use crate::command::{ipc, ipc_reading};
use crate::support::{in_namespace, watchdog};
use ipc_safe::sysv::MessageQueue;

/// Whether the kernel copies messages without taking them out; not all are built so.
fn can_peek() -> bool {
    let queue = MessageQueue::private().unwrap();
    let can = queue.peek(0, &mut Vec::new()).is_ok();
    if !can {
        println!("skipped: the kernel has no MSG_COPY");
    }
    can
}

#[test]
fn messages_are_looked_at_and_stay() {
    in_namespace(|| {
        let _watchdog = watchdog();
        if !can_peek() {
            return;
        }
        let id = ipc("make queue --key 42").succeed();
        let id = id.trim();
        ipc(&format!("send {id} first --type 3")).succeed();
        ipc_reading(b"\xfe\0", &format!("send {id}")).succeed();

        let table = ipc("peek 0x2a").succeed();
        assert_eq!(table, "INDEX  TYPE  LENGTH  TEXT\n    0     3       5  first\n    1     1       2  \\xfe\\u{0}\n");
        assert_eq!(ipc(&format!("peek {id} --index 1 --format raw")).output, b"\xfe\0");
        assert_eq!(ipc(&format!("peek {id} --index 0")).succeed(), "first\n");
        let json = ipc("peek --key 42 --json").json();
        assert_eq!(
            (&json[0]["text"], &json[1]["hex"], &json[1]["index"]),
            (&"first".into(), &"fe00".into(), &1.into())
        );
        ipc(&format!("peek {id} --index 2")).fail(1, &["has no message 2"]);
        assert_eq!(ipc(&format!("receive {id} --all --format hex")).succeed(), "6669727374\nfe00\n");
        ipc(&format!("remove queue {id}")).succeed();
    });
}
