//! `unix_echo_server` and `unix_echo_client`, `tcp_server` and `tcp_client`, `rpc`.

use crate::program::Running;
use crate::support::{eventually, watchdog};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A local server, and its path in a folder of its own.
fn unix_server() -> (Running, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo");
    (start_at(&path), path, folder)
}

fn start_at(path: &Path) -> Running {
    let mut server = Running::example("unix_echo_server", [path]);
    let pid = server.pid().as_raw_pid();
    assert_eq!(server.line(), format!("server {pid} listens at {}", path.display()));
    server
}

/// A network server, and where it is.
fn tcp_server() -> (Running, String) {
    let mut server = Running::example("tcp_server", ["127.0.0.1:0"]);
    let line = server.line();
    let address = line.rsplit(' ').next().unwrap().to_owned();
    (server, address)
}

/// How many descriptors a process has.
fn descriptors(pid: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid())).unwrap().count()
}

fn stop(server: Running, last: &str) {
    let pid = server.pid().as_raw_pid();
    server.signal(Signal::TERM);
    let output = server.succeed();
    assert!(output.ends_with(&format!("server {pid}{last}\n")), "{output}");
}

/// How many of them are sockets.
fn sockets(pid: Pid) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid())).unwrap();
    let target =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.unwrap().path()).unwrap_or_default();
    open.map(target).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// Sends and expects it back, while nobody else reads.
fn echoes(mut stream: impl Read + Write, text: &[u8]) {
    stream.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, text);
}

/// R-SOCK-23, mistakes 90 and 91
#[test]
fn lines_come_back_from_the_local_server() {
    let _watchdog = watchdog();
    let (mut server, path, _folder) = unix_server();
    let mut client = Running::example("unix_echo_client", [&path]);
    let pid = client.pid().as_raw_pid();
    client.write("hello\n");
    assert_eq!(client.line(), "hello");
    client.write("without an end");
    assert_eq!(client.succeed(), "without an end\n");

    let user = rustix::process::getuid().as_raw();
    assert_eq!(server.line(), format!("process {pid} of user {user} connected"));
    assert_eq!(server.line(), format!("process {pid}: 21 bytes, closed"));
    stop(server, ": the path is removed");
    assert!(!path.exists());
    let errors = Running::example("unix_echo_client", [&path]).fail();
    assert!(errors.contains("ENOENT"), "{errors}");
}

/// R-SOCK-23: one that was killed is replaced, one that lives is not.
#[test]
fn a_stale_path_is_replaced_and_a_live_one_is_not() {
    let _watchdog = watchdog();
    let (server, path, _folder) = unix_server();
    let errors = Running::example("unix_echo_server", [&path]).fail();
    assert!(errors.contains("EADDRINUSE"), "{errors}");
    server.signal(Signal::KILL);
    drop(server.end());
    assert!(path.exists());
    let errors = Running::example("unix_echo_client", [&path]).fail();
    assert!(errors.contains("ECONNREFUSED"), "{errors}");

    let server = start_at(&path);
    echoes(UnixStream::connect(&path).unwrap(), b"again");
    server.signal(Signal::INT);
    server.succeed();
    assert!(!path.exists());
    // Somebody else's socket that std made.
    let _std = UnixListener::bind(&path).unwrap();
    Running::example("unix_echo_server", [&path]).fail();
    assert!(path.exists());
}

/// R-SOCK-17, R-SOCK-23: 64 at once, each with its own words; none waits for another.
#[test]
fn many_local_clients_are_served_at_once() {
    let _watchdog = watchdog();
    let (server, path, _folder) = unix_server();
    let clients: Vec<_> = (0..64).map(|_| UnixStream::connect(&path).unwrap()).collect();
    // All are there before the first one ends.
    for round in 0..3 {
        for (number, client) in clients.iter().enumerate() {
            echoes(client, format!("client {number}, round {round}").as_bytes());
        }
    }
    drop(clients);
    eventually("the server lets them go", || sockets(server.pid()) == 1);
    stop(server, ": the path is removed");
}

/// R-SOCK-24, R-SOCK-25: one that says nothing, one that never reads, one that is gone: the others notice nothing.
#[test]
fn bad_local_clients_cost_only_themselves() {
    let _watchdog = watchdog();
    let (server, path, _folder) = unix_server();
    let connect = || UnixStream::connect(&path).unwrap();
    let silent = connect();
    let greedy = connect();
    greedy.set_nonblocking(true).unwrap();
    // Until the server cannot send, and does not read any more.
    let mut sent = 0;
    let full = || (&greedy).write(&[7; 65536]);
    eventually("the server waits for room", || match full() {
        Ok(len) => {
            sent += len;
            false
        }
        Err(_) => sent > 0,
    });
    for _ in 0..20 {
        let gone = connect();
        (&gone).write_all(&[7; 30_000]).unwrap();
        gone.shutdown(Shutdown::Read).unwrap();
    }
    echoes(connect(), b"nevertheless");
    drop((silent, greedy));
    eventually("the server lets them go", || sockets(server.pid()) == 1);
    stop(server, ": the path is removed");
}

/// R-SOCK-17: no descriptor for a client: it is turned away, the others are served, the server does not spin.
#[test]
fn a_local_server_without_descriptors_turns_clients_away() {
    let _watchdog = watchdog();
    let (server, path, _folder) = unix_server();
    let room = descriptors(server.pid()) as u64 + 4;
    prlimit(Some(server.pid()), Resource::Nofile, Rlimit { current: Some(room), maximum: Some(room) }).unwrap();
    let clients: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let answers: Vec<bool> = clients
        .iter()
        .map(|mut client| {
            // Written, perhaps, to one that is turned away.
            let _ = client.write_all(b"x");
            client.read_exact(&mut [0]).is_ok()
        })
        .collect();
    let served = answers.iter().filter(|&&served| served).count();
    // Four, and one for each descriptor that the server had only while it began.
    assert!((1..=8).contains(&served), "{answers:?}");
    let used = processor_time(server.pid());
    drop(clients);
    eventually("there is room again", || {
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"x").is_ok() && client.read_exact(&mut [0]).is_ok()
    });
    assert!(used < 100, "{used} ticks");
    server.signal(Signal::TERM);
    let ended = server.end();
    assert!(ended.status.success() && ended.errors.contains("no descriptor for a client"), "{ended:?}");
}

/// In ticks of 10 ms.
fn processor_time(pid: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// R-SOCK-24, mistakes 92 and 93
#[test]
fn messages_come_back_from_the_network_server() {
    let _watchdog = watchdog();
    let (mut server, address) = tcp_server();
    let client = |message: &str| Running::example("tcp_client", [address.as_str(), message]);
    assert_eq!(client("hello").succeed(), "hello\n");
    assert!(server.line().ends_with(" says \"hello\""));
    // Exactly as long as a buffer of the originals, and of nothing.
    let long = "n".repeat(4096);
    assert_eq!(client(&long).succeed(), format!("{long}\n"));
    assert_eq!(client("").succeed(), "\n");
    let too_long = "n".repeat((64 << 10) + 1);
    assert!(client(&too_long).fail().starts_with("tcp_client: "));
    let by_name = address.replace("127.0.0.1", "localhost");
    assert_eq!(Running::example("tcp_client", [by_name.as_str(), "by name"]).succeed(), "by name\n");
    stop(server, " ends");
    // Its connections are not forgotten yet, and are not in the way.
    let mut again = Running::example("tcp_server", [&address]);
    assert!(again.line().ends_with(&address));
    let refused = Running::example("tcp_server", [&address]).fail();
    assert!(refused.contains(&address) && refused.contains("os error 98"), "{refused}");
    stop(again, " ends");
    assert!(client("hello").fail().contains("ECONNREFUSED") || client("hello").fail().contains("os error 111"));
}

/// R-SOCK-17, R-SOCK-24
#[test]
fn many_network_clients_are_served_at_once() {
    let _watchdog = watchdog();
    let (server, address) = tcp_server();
    let connect = || TcpStream::connect(&address).unwrap();
    // Ones that stop half way, send garbage and do not read, or leave.
    let stopped = connect();
    (&stopped).write_all(b"half a mess").unwrap();
    let garbage = connect();
    (&garbage).write_all(&[0xff; 50_000]).unwrap();
    drop(connect());
    let clients: Vec<_> = (0..64).map(|_| connect()).collect();
    for (number, mut client) in clients.iter().enumerate() {
        write!(client, "client {number}").unwrap();
    }
    for (number, mut client) in clients.iter().enumerate().rev() {
        client.shutdown(Shutdown::Write).unwrap();
        let mut back = String::new();
        client.read_to_string(&mut back).unwrap();
        assert_eq!(back, format!("client {number}"));
    }
    drop((clients, stopped, garbage));
    eventually("the server lets them go", || sockets(server.pid()) == 1);
    server.signal(Signal::TERM);
    assert!(server.end().status.success());
}

/// R-SOCK-21
#[test]
fn calls_carry_values_descriptors_and_errors() {
    let _watchdog = watchdog();
    let output = Running::example::<&str>("rpc", []).succeed();
    let expected = [
        "client: 2 + 3 = 5",
        "client: the server refuses 9223372036854775807 + 1: the sum is too large",
        "client: the server opened a file for us: \"opened by the server\"",
        "client: the server counted 5 bytes in our pipe",
        "client: the server cannot open /no/such/file: No such file or directory (os error 2), errno 2",
        "client: the server does not understand 0xff: not a request:",
        "client: the server ended with exit status: 0",
    ];
    assert_eq!(output.lines().count(), expected.len(), "{output}");
    for (line, expected) in output.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}
