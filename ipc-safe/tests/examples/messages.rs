//! `msg_server` and `msg_client`.

use crate::program::{self, Running, example};
use crate::support::{eventually, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, MessageQueue, MessageType, Selector};
use rustix::process::{Pid, Signal};
use std::process::Command;

const REQUEST: MessageType = MessageType::new(888).unwrap();

/// A place for the key of one test.
struct Place(program::Place);

impl Place {
    fn new() -> Self {
        Self(program::Place::new())
    }

    fn key(&self) -> Key {
        self.0.key(b'm')
    }

    /// Starts a server and waits until it is ready.
    fn server(&self) -> (Running, MessageQueue) {
        let mut server = Running::example("msg_server", [self.0.path()]);
        let ready = server.line();
        assert!(ready.ends_with("is ready"), "{ready}");
        (server, MessageQueue::open(self.key()).unwrap())
    }

    fn client(&self, text: &str) -> Running {
        Running::example("msg_client", [self.0.path().as_os_str(), text.as_ref()])
    }

    fn is_empty(&self) -> bool {
        MessageQueue::open(self.key()).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }
}

fn reply(server: &Running, client: Pid, text: &str) -> String {
    let (server, client) = (server.pid().as_raw_pid(), client.as_raw_pid());
    format!("server {server} to client {client}: you said {text:?}\n")
}

/// A request as a C client would send it.
fn request(pid: i32, text: &str) -> Vec<u8> {
    [&pid.to_ne_bytes(), text.as_bytes()].concat()
}

/// Stops the server until the messages that `requests` makes are in the queue.
fn while_stopped<T>(server: &Running, queue: &MessageQueue, count: u64, requests: impl FnOnce() -> T) -> T {
    server.signal(Signal::STOP);
    eventually("the server stops", || server.state() == 'T');
    let made = requests();
    eventually("the requests are in the queue", || queue.status().unwrap().messages == count);
    made
}

/// R-MSG-13, R-MSG-14, R-KEY-04
#[test]
fn several_clients_at_once_each_get_their_own_reply() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, queue) = place.server();
    let texts: Vec<String> = (0..8).map(|number| format!("text {number}")).collect();
    let clients: Vec<Running> =
        while_stopped(&server, &queue, 8, || texts.iter().map(|text| place.client(text)).collect());

    server.signal(Signal::CONT);

    for (client, text) in clients.into_iter().zip(&texts) {
        let expected = reply(&server, client.pid(), text);
        assert_eq!(client.succeed(), expected);
    }
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-13, R-KEY-08
#[test]
fn a_client_killed_before_its_reply_does_not_harm_the_server() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, queue) = place.server();
    let victim = while_stopped(&server, &queue, 1, || place.client("never read"));
    victim.signal(Signal::KILL);
    assert!(!victim.end().status.success());

    server.signal(Signal::CONT);
    let next = place.client("after it");

    let expected = reply(&server, next.pid(), "after it");
    assert_eq!(next.succeed(), expected);
    assert_eq!(queue.status().unwrap().messages, 0, "the dead client's reply is thrown away");
}

/// R-MSG-03, R-MSG-13
#[test]
fn replies_to_dead_clients_do_not_fill_the_queue() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, queue) = place.server();
    let mut dead = Command::new("true").spawn().unwrap();
    let pid = dead.id().cast_signed();
    dead.wait().unwrap();

    let reply_len = reply(&server, Pid::from_raw(pid).unwrap(), "x").len() as u64 - 1;
    for _ in 0..queue.status().unwrap().byte_limit / reply_len + 20 {
        queue.send(REQUEST, request(pid, "x").as_slice()).unwrap();
        eventually("the server replies", || queue.status().unwrap().last_sender == Some(server.pid()));
    }

    assert_eq!(queue.status().unwrap().messages, 1);
}

/// R-MSG-13: a process id comes back; what was meant for its last owner is not for the next one.
#[test]
fn a_client_does_not_take_the_reply_to_an_earlier_process_of_its_id() {
    let _watchdog = watchdog();
    let place = Place::new();
    let queue = MessageQueue::options().create_new(true).open(place.key()).unwrap().into_owned();
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(example("msg_client")).arg(place.0.path()).arg("new");
    let client = Running::start(shell);
    eventually("the shell stops itself", || client.state() == 'T');
    let kind = MessageType::from_pid(client.pid());
    queue.send(kind, "stale").unwrap();

    client.signal(Signal::CONT);
    let mut message = Vec::new();
    queue.receive(REQUEST, &mut message).unwrap();
    queue.send(kind, "fresh").unwrap();

    assert_eq!(message, request(client.pid().as_raw_pid(), "new"));
    assert_eq!(client.succeed(), "fresh\n");
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-10, R-MSG-13, R-KEY-08
#[test]
fn the_server_removes_its_queue_on_sigint_and_sigterm() {
    let _watchdog = watchdog();
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM].repeat(5) {
        let (server, _) = place.server();
        let pid = server.pid().as_raw_pid();

        server.signal(signal);

        assert_eq!(server.succeed(), format!("server {pid}: the queue is removed\n"));
        assert!(place.is_empty());
    }
}

/// R-MSG-04, R-MSG-10: it must not go on with stale data.
#[test]
fn the_server_ends_when_its_queue_is_removed() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, queue) = place.server();

    queue.remove().unwrap();

    assert!(server.succeed().ends_with("the queue is removed\n"));
}

/// R-MSG-02, R-MSG-09, R-MSG-13
#[test]
fn requests_that_make_no_sense_do_not_end_the_server() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, queue) = place.server();
    let longest = usize::try_from(MessageQueue::limits().unwrap().message_bytes).unwrap();
    let too_long_to_answer = request(std::process::id().cast_signed(), &"x".repeat(longest - 4));

    for nonsense in [vec![], vec![1, 2, 3], request(0, "nobody"), request(-1, "everybody"), too_long_to_answer] {
        queue.send(REQUEST, nonsense.as_slice()).unwrap();
    }
    let client = place.client("sense");

    let expected = reply(&server, client.pid(), "sense");
    let answer = client.end().output;
    server.signal(Signal::TERM);
    let ended = server.end();
    assert_eq!(answer, expected, "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 5, "{ended:?}");
}

/// R-MSG-13: a reply of type 888 would be a request again.
#[test]
fn the_process_whose_id_is_the_type_of_requests_gets_its_reply_too() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, queue) = place.server();

    queue.send(REQUEST, request(888, "collision").as_slice()).unwrap();

    let mut message = Vec::new();
    queue.receive(MessageType::new(i64::MAX).unwrap(), &mut message).unwrap();
    let expected = reply(&server, Pid::from_raw(888).unwrap(), "collision");
    assert_eq!(String::from_utf8(message).unwrap() + "\n", expected);
    assert!(queue.try_receive(Selector::First, &mut Vec::new()).is_err());
}

/// R-KEY-05
#[test]
fn a_second_server_is_refused_and_the_first_one_goes_on() {
    let _watchdog = watchdog();
    let place = Place::new();
    let (server, _) = place.server();

    let errors = Running::example("msg_server", [place.0.path()]).fail();

    assert!(errors.starts_with("msg_server: msgget of key 0x6d") && errors.contains("EEXIST"), "{errors}");
    let client = place.client("still there?");
    let expected = reply(&server, client.pid(), "still there?");
    assert_eq!(client.succeed(), expected);
}

/// R-KEY-01, R-KEY-05
#[test]
fn a_client_without_a_server_says_what_is_missing() {
    let _watchdog = watchdog();
    let place = Place::new();

    let no_queue = place.client("hello").fail();
    let no_file = Running::example("msg_client", [place.0.path().join("missing")]).fail();

    assert!(no_queue.contains("msgget") && no_queue.contains("ENOENT"), "{no_queue}");
    assert!(no_file.contains("ftok") && no_file.contains("missing"), "{no_file}");
}
