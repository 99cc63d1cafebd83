//! The example programs of ipc-safe with C on the other side.

use crate::peer::{msg, sem, shm};
use crate::program::{Place, Running};
use crate::support::watchdog;
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreSet};

/// R-MSG-13
#[test]
fn msg_server_answers_a_c_client() {
    let _watchdog = watchdog();
    let place = Place::new();
    let mut server = Running::example("msg_server", [place.path()]);
    server.line();

    let client = msg(&format!("request {} bonjour", place.key(b'm')));

    let (server, pid) = (server.pid().as_raw_pid(), client.pid().as_raw_pid());
    assert_eq!(client.succeed(), format!("server {server} to client {pid}: you said \"bonjour\"\n"));
}

/// R-MSG-13
#[test]
fn msg_client_asks_a_c_server() {
    let _watchdog = watchdog();
    let place = Place::new();
    let key = place.key(b'm');
    msg(&format!("create {key}")).succeed();
    let _queue = MessageQueue::open(key).unwrap().into_owned();
    let server = msg(&format!("serve {key}"));

    let client = Running::example("msg_client", [place.path().to_str().unwrap(), "guten Tag"]);

    let pid = client.pid().as_raw_pid();
    assert_eq!(client.succeed(), format!("C to {pid}: guten Tag\n"));
    server.succeed();
}

/// R-SHM-11, R-MSG-15, R-SEM-14
#[test]
fn blackboard_server_reads_what_c_writes() {
    let _watchdog = watchdog();
    let place = Place::new();
    let key = place.key(b'b');
    let mut server = Running::example("blackboard_server", [place.path()]);
    server.line();
    let notify = |notice: &str| {
        let mut peer = msg(&format!("send {key} 1"));
        peer.write(notice);
        peer.succeed();
    };

    sem(&format!("open {key}")).succeed();
    sem(&format!("take {key} 0 1")).succeed();
    shm(&format!("board {key} from-C")).succeed();
    sem(&format!("add {key} 0 1")).succeed();
    notify("r");
    sem(&format!("take {key} 1 1")).succeed();
    notify("q");

    assert_eq!(server.succeed(), "server: \"from-C\"\nserver: quit\n");
    assert_eq!(shm(&format!("status {key}")).fail(), "shmget: ENOENT\n");
    assert_eq!(sem(&format!("values {key}")).fail(), "semget: ENOENT\n");
    assert_eq!(msg(&format!("status {key}")).fail(), "msgget: ENOENT\n");
}

/// R-SHM-11, R-MSG-15, R-SEM-13
#[test]
fn blackboard_client_writes_to_a_board_of_c() {
    let _watchdog = watchdog();
    let place = Place::new();
    let key = place.key(b'b');
    shm(&format!("create {key} 1024")).succeed();
    let segment = Segment::open(key).unwrap().into_owned();
    let mut creator = sem(&format!("create-pausing {key} 1 0"));
    creator.line();
    let _set = SemaphoreSet::open(key).unwrap().into_owned();
    msg(&format!("create {key}")).succeed();
    let _queue = MessageQueue::open(key).unwrap().into_owned();

    let mut client = Running::example("blackboard_client", [place.path()]);
    client.write("hello\nq\n");
    creator.write("\n");
    creator.succeed();

    assert_eq!(msg(&format!("receive {key} 1 1")).succeed(), "receiving\n1 1 72\n");
    let board = segment.attach_read_only().unwrap();
    assert_eq!(board.bytes().slice(..9).unwrap().to_vec(), b"\x05\0\0\0hello");
    sem(&format!("add {key} 1 1")).succeed();
    assert_eq!(msg(&format!("receive {key} 1 1")).succeed(), "receiving\n1 1 71\n");
    client.succeed();
}

/// R-SHM-10
#[test]
fn the_record_examples_read_and_write_the_record_of_c() {
    let _watchdog = watchdog();
    let place = Place::new();
    let path = place.path().to_str().unwrap();
    let key = place.key(b'p');

    Running::example("shm_record_write", [path, "Ada Lovelace", "36"]).succeed();
    let _segment = Segment::open(key).unwrap().into_owned();
    assert_eq!(shm(&format!("read {key}")).succeed(), "Ada Lovelace, 36\n");

    shm(&format!("write {key} Grace 85")).succeed();
    assert_eq!(Running::example("shm_record_read", [path]).succeed(), "read Grace, 85\n");
}
