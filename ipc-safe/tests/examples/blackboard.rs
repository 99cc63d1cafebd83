//! `blackboard_server` and `blackboard_client`.

use crate::program::{self, Running};
use crate::support::{eventually, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, MessageQueue, MessageType, Segment, SemaphoreSet};
use rustix::process::Signal;

/// The longest text that fits into 1024 bytes with its length.
const CAPACITY: usize = 1020;

/// A place for the key of one test.
struct Place(program::Place);

impl Place {
    fn new() -> Self {
        Self(program::Place::new())
    }

    fn key(&self) -> Key {
        self.0.key(b'b')
    }

    /// Starts a server and waits until it is ready.
    fn server(&self) -> Running {
        let mut server = Running::example("blackboard_server", [self.0.path()]);
        let ready = server.line();
        assert!(ready.ends_with("is ready"), "{ready}");
        server
    }

    fn client(&self) -> Running {
        Running::example("blackboard_client", [self.0.path()])
    }

    fn queue(&self) -> MessageQueue {
        MessageQueue::open(self.key()).unwrap()
    }

    fn set(&self) -> SemaphoreSet {
        SemaphoreSet::open(self.key()).unwrap()
    }

    fn segment(&self) -> Segment {
        Segment::open(self.key()).unwrap()
    }

    /// Tells the server that there is something to read, as any program could.
    fn notify(&self, notice: u8) {
        self.queue().send(MessageType::MIN, &notice).unwrap();
    }

    fn assert_empty(&self) {
        let absent = Some(ErrorKind::NotFound);
        assert_eq!(MessageQueue::open(self.key()).err().map(|error| error.kind()), absent, "a queue is left");
        assert_eq!(SemaphoreSet::open(self.key()).err().map(|error| error.kind()), absent, "a set is left");
        assert_eq!(Segment::open(self.key()).err().map(|error| error.kind()), absent, "a segment is left");
    }
}

/// R-SHM-11, R-MSG-15, R-SEM-13
#[test]
fn the_server_shows_each_text_and_removes_all_three_objects_on_q() {
    let _watchdog = watchdog();
    let place = Place::new();
    let server = place.server();
    let mut client = place.client();

    client.write("hello\nworld\nq\n");

    let told = "client: the server has seen \"hello\"\n\
                client: the server has seen \"world\"\n\
                client: the server was told to quit\n";
    assert_eq!(client.succeed(), told);
    assert_eq!(server.succeed(), "server: \"hello\"\nserver: \"world\"\nserver: quit\n");
    place.assert_empty();
}

/// R-SHM-11, R-KEY-08
#[test]
fn all_three_objects_are_removed_on_sigint_and_sigterm() {
    let _watchdog = watchdog();
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM].repeat(3) {
        let server = place.server();

        server.signal(signal);

        assert_eq!(server.succeed(), "server: the queue is removed\n");
        place.assert_empty();
    }
}

/// R-SHM-11, R-SEM-04: also while another process holds the guard and the server waits for it.
#[test]
fn all_three_objects_are_removed_by_a_signal_while_the_server_waits_for_the_guard() {
    let _watchdog = watchdog();
    let place = Place::new();
    let server = place.server();
    let guard = place.set().semaphore(0);
    let held = guard.acquire(1).unwrap();
    place.notify(b'r');
    eventually("the server waits for the guard", || guard.waiters().unwrap() == 1);

    server.signal(Signal::INT);

    let errors = server.fail();
    assert!(errors.contains("semop"), "{errors}");
    place.assert_empty();
    drop(held);
}

/// R-SHM-11
#[test]
fn what_was_made_is_removed_when_the_next_object_cannot_be_made() {
    let _watchdog = watchdog();
    let place = Place::new();
    let in_the_way = MessageQueue::options().create_new(true).open(place.key()).unwrap().into_owned();

    let errors = Running::example("blackboard_server", [place.0.path()]).fail();

    assert!(errors.starts_with("blackboard_server: msgget") && errors.contains("EEXIST"), "{errors}");
    in_the_way.remove().unwrap();
    place.assert_empty();
}

/// R-SHM-11
#[test]
fn all_three_objects_are_removed_after_an_error() {
    let _watchdog = watchdog();
    let place = Place::new();
    let server = place.server();

    place.set().remove().unwrap();
    place.notify(b'r');

    let errors = server.fail();
    assert!(errors.starts_with("blackboard_server: semop"), "{errors}");
    place.assert_empty();
}

/// R-SHM-11, R-MSG-10
#[test]
fn the_others_are_removed_when_somebody_removes_the_queue() {
    let _watchdog = watchdog();
    let place = Place::new();
    let server = place.server();

    place.queue().remove().unwrap();

    assert_eq!(server.succeed(), "server: the queue is removed\n");
    place.assert_empty();
}

/// R-SEM-13, R-KEY-05: giving the semaphore its value again would open a board that somebody writes.
#[test]
fn a_second_server_does_not_touch_the_semaphore_of_the_first() {
    let _watchdog = watchdog();
    let place = Place::new();
    let _server = place.server();
    let guard = place.set().semaphore(0);
    let _held = guard.acquire(1).unwrap();

    let errors = Running::example("blackboard_server", [place.0.path()]).fail();

    assert!(errors.contains("EEXIST"), "{errors}");
    assert_eq!(guard.value().unwrap(), 0);
}

/// R-SHM-11, R-SEM-14
#[test]
fn the_board_is_free_while_the_user_types() {
    let _watchdog = watchdog();
    let place = Place::new();
    let _server = place.server();
    let guard = place.set().semaphore(0);
    let mut client = place.client();

    eventually("the client has the board", || place.segment().status().unwrap().attachments == 2);
    eventually("the client waits for its user", || client.state() == 'S');
    assert_eq!(guard.value().unwrap(), 1);
    client.write("begin");
    assert_eq!(guard.value().unwrap(), 1);
    client.write(" and end\n");
    assert_eq!(client.line(), "client: the server has seen \"begin and end\"");
    assert_eq!(guard.value().unwrap(), 1);
}

/// R-SHM-10, R-SHM-11
#[test]
fn a_text_as_long_as_the_board_fits_and_a_longer_one_is_refused() {
    let _watchdog = watchdog();
    let place = Place::new();
    let mut server = place.server();
    let mut client = place.client();
    let fits = "x".repeat(CAPACITY);

    client.write(format!("{fits}y\n{fits}\n"));

    let ended = client.end();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.output, format!("client: the server has seen \"{fits}\"\n"));
    assert_eq!(ended.errors, "blackboard_client: 1021 bytes do not fit on the board, which takes 1020\n");
    assert_eq!(server.line(), format!("server: \"{fits}\""));
}

/// R-SHM-12: whoever may write the segment may write any length into it.
#[test]
fn a_length_that_leads_out_of_the_board_and_a_strange_notice_do_not_end_the_server() {
    let _watchdog = watchdog();
    let place = Place::new();
    let mut server = place.server();
    let board = place.segment().attach().unwrap();
    let seen = place.set().semaphore(1);

    for len in [CAPACITY as u32 + 1, u32::MAX] {
        board.bytes().store(0, &len).unwrap();
        place.notify(b'r');
        seen.subtract(1).unwrap();
    }
    place.notify(b'?');
    place.queue().send(MessageType::MIN, &b"rr"[..]).unwrap();
    board.bytes().store(0, &2_u32).unwrap();
    board.bytes().write(4, b"ok").unwrap();
    place.notify(b'r');

    assert_eq!(server.line(), "server: \"ok\"");
}

/// R-KEY-05
#[test]
fn a_client_without_a_server_says_what_is_missing() {
    let _watchdog = watchdog();
    let place = Place::new();

    let errors = place.client().fail();

    assert!(errors.starts_with("blackboard_client: shmget") && errors.contains("ENOENT"), "{errors}");
}
