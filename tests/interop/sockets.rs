//! Local sockets.

use crate::peer::socket;
use crate::program::Running;
use crate::support::{eventually, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::socket::{
    BindOptions, Connected, FramedStream, Incoming, Listener, LocalAddress, LocalDatagram, LocalSocket, Outgoing,
    SeqPacket, Stream,
};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use tempfile::TempDir;

/// A folder and the address of a path in it.
fn place() -> (TempDir, LocalAddress) {
    let folder = tempfile::tempdir().unwrap();
    let address = LocalAddress::path(folder.path().join("socket")).unwrap();
    (folder, address)
}

fn abstract_name(what: &str) -> LocalAddress {
    LocalAddress::abstract_name(format!("ipc-safe-interop-{}-{what}", std::process::id())).unwrap()
}

/// A path of 108 bytes, which has no zero byte at its end.
fn longest() -> (TempDir, LocalAddress) {
    let folder = tempfile::tempdir().unwrap();
    let rest = 108 - folder.path().as_os_str().as_bytes().len() - 1;
    let address = LocalAddress::path(folder.path().join("n".repeat(rest))).unwrap();
    (folder, address)
}

/// Bytes of every value.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 7 + 3) as u8).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// Starts a peer that serves, and waits until it does.
fn serving(words: &str) -> Running {
    let mut peer = socket(words);
    let line = peer.line();
    assert!(line == "listening" || line == "bound", "{line}");
    peer
}

/// Sends bytes and receives as many back.
fn echoes<K: Connected>(socket: &LocalSocket<K>, bytes: &[u8]) {
    assert_eq!(socket.send(bytes).unwrap(), bytes.len());
    let mut back = Vec::new();
    while back.len() < bytes.len() {
        let mut room = [0; 65536];
        let len = socket.receive(&mut room).unwrap();
        assert_ne!(len, 0);
        back.extend_from_slice(&room[..len]);
    }
    assert_eq!(back, bytes);
}

/// R-SOCK-05, R-SOCK-23, mistake 91
#[test]
fn rust_asks_a_c_server() {
    let _watchdog = watchdog();
    fn check<K: Connected>(kind: &str, address: &LocalAddress) {
        let server = serving(&format!("serve {kind} {address}"));
        let client = LocalSocket::<K>::connect(address).unwrap();
        assert_eq!(client.peer_credentials().unwrap().pid, Some(server.pid()));
        for len in [1, 7, 4096, 50_000] {
            echoes(&client, &bytes(len));
        }
        drop(client);
        assert_eq!(server.succeed(), "closed after 54104 bytes\n");
    }
    let (_folder, path) = place();
    check::<Stream>("stream", &path);
    check::<SeqPacket>("seqpacket", &path);
    let (_folder, path) = longest();
    check::<Stream>("stream", &path);
    check::<SeqPacket>("seqpacket", &abstract_name("asks"));
}

/// R-SOCK-05, R-SOCK-23
#[test]
fn c_asks_a_rust_server() {
    let _watchdog = watchdog();
    fn check<K: Connected>(kind: &str, address: &LocalAddress) {
        let listener = Listener::<K>::bind(address).unwrap();
        let mut client = socket(&format!("ask {kind} {address}"));
        client.write(bytes(30_000));
        client.close_input();
        let server = listener.accept().unwrap();
        assert_eq!(server.peer_credentials().unwrap().pid, Some(client.pid()));
        assert!(server.peer_address().unwrap().is_unnamed());
        let mut room = [0; 65536];
        let mut total = 0;
        loop {
            match server.receive(&mut room).unwrap() {
                0 => break,
                len => {
                    server.send(&room[..len]).unwrap();
                    total += len;
                }
            }
        }
        assert_eq!((total, client.succeed()), (30_000, "30000 bytes, the same\n".to_owned()));
    }
    let (_folder, path) = place();
    check::<Stream>("stream", &path);
    check::<SeqPacket>("seqpacket", &path);
    let (_folder, path) = longest();
    check::<SeqPacket>("seqpacket", &path);
    check::<Stream>("stream", &abstract_name("asked"));
}

/// R-SOCK-21
#[test]
fn descriptors_and_credentials_go_to_c() {
    let _watchdog = watchdog();
    let (one, other) = (file("one"), file("other"));
    let (one, other) = (File::open(one.path()).unwrap(), File::open(other.path()).unwrap());
    let expected = |pid: u32| {
        let user = rustix::process::getuid().as_raw();
        format!("bytes look\nfrom process {pid} of user {user}\nfile one\nfile other\n")
    };
    fn check<K: Connected>(kind: &str, address: &LocalAddress, files: [&File; 2]) -> String {
        let server = serving(&format!("take {kind} {address}"));
        let client = LocalSocket::<K>::connect(address).unwrap();
        client.send(Outgoing::new(b"look").descriptors(&files.map(AsFd::as_fd))).unwrap();
        server.succeed()
    }
    let (_folder, path) = place();
    assert_eq!(check::<Stream>("stream", &path, [&one, &other]), expected(std::process::id()));
    assert_eq!(check::<SeqPacket>("seqpacket", &path, [&one, &other]), expected(std::process::id()));
}

/// R-SOCK-21
#[test]
fn descriptors_and_credentials_come_from_c() {
    let _watchdog = watchdog();
    fn check<K: Connected>(kind: &str) {
        let (one, other) = (file("one"), file("other"));
        let (_folder, path) = place();
        let listener = Listener::<K>::bind(&path).unwrap();
        let files = format!("{} {}", one.path().display(), other.path().display());
        let client = socket(&format!("give {kind} {path} gift {files}"));
        let server = listener.accept().unwrap();
        let mut room = [0; 64];
        let received = server.receive_message(&mut Incoming::new(&mut room).descriptors(2)).unwrap();
        assert_eq!(&room[..received.len], b"gift");
        let read = |descriptor| {
            let mut text = String::new();
            File::from(descriptor).read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(received.descriptors.into_iter().map(read).collect::<Vec<_>>(), ["one", "other"]);
        assert_eq!(server.peer_credentials().unwrap().pid, Some(client.pid()));
        client.succeed();
    }
    check::<Stream>("stream");
    check::<SeqPacket>("seqpacket");
}

/// R-SOCK-20
#[test]
fn datagrams_go_both_ways() {
    let _watchdog = watchdog();
    for (_folder, address) in [place(), longest(), (tempfile::tempdir().unwrap(), abstract_name("datagrams"))] {
        // C answers.
        let server = serving(&format!("answer {address}"));
        let (_own_folder, own) = longest();
        let ours = LocalDatagram::bind(&own).unwrap();
        ours.send(Outgoing::new(b"to C").to(&address)).unwrap();
        let mut room = [0; 64];
        let received = ours.receive_message(&mut Incoming::new(&mut room)).unwrap();
        assert_eq!((&room[..received.len], received.address), (&b"to C"[..], Some(address)));
        assert_eq!(server.succeed(), "4 bytes\n");
        drop(ours);
        // C asks, where its own socket was left behind.
        let options = BindOptions::new().replace_stale(true);
        let server = options.datagram(&address).unwrap();
        let client = socket(&format!("ask-datagram {address} {own} to-Rust"));
        let received = server.receive_message(&mut Incoming::new(&mut room)).unwrap();
        assert_eq!(received.address, Some(own));
        server.send(Outgoing::new(b"to C again").to(&own)).unwrap();
        assert_eq!(client.succeed(), "to C again\n");
    }
}

/// R-SOCK-16, R-SOCK-17: both sides are refused for the same reasons.
#[test]
fn both_sides_are_refused() {
    let _watchdog = watchdog();
    let (_folder, address) = place();
    let ours = |kind| LocalSocket::<Stream>::connect(&address).map(drop).unwrap_err().kind() == kind;
    let theirs = || socket(&format!("ask stream {address}")).fail();
    assert!(ours(ErrorKind::NotFound));
    assert_eq!(theirs(), "connect: ENOENT\n");
    let listener = Listener::<SeqPacket>::bind(&address).unwrap();
    let error = LocalSocket::<Stream>::connect(&address).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPROTOTYPE));
    assert_eq!(theirs(), "connect: EPROTOTYPE\n");
    assert_eq!(socket(&format!("serve stream {address}")).fail(), "bind: EADDRINUSE\n");
    drop(listener.keep());
    // A program that another test is about to start may have it open for a moment.
    eventually("the listener is closed", || ours(ErrorKind::Refused));
    assert_eq!(theirs(), "connect: ECONNREFUSED\n");
    // What C left behind is replaced.
    drop(BindOptions::new().replace_stale(true).listen::<Stream>(&address).unwrap());
    let server = serving(&format!("serve stream {address}"));
    let options = BindOptions::new().replace_stale(true);
    assert_eq!(options.listen::<Stream>(&address).unwrap_err().kind(), ErrorKind::AlreadyExists);
    drop(LocalSocket::<Stream>::connect(&address).unwrap());
    server.succeed();
}

/// R-SOCK-21: the format of frames is that of the documentation.
#[test]
fn c_sends_and_receives_frames() {
    let _watchdog = watchdog();
    let (_folder, address) = place();
    let listener = Listener::<Stream>::bind(&address).unwrap();
    let one = file("one");
    let client = socket(&format!("frame {address} framed {}", one.path().display()));
    let mut frames = FramedStream::new(listener.accept().unwrap()).max_descriptors(1);
    let frame = frames.receive().unwrap().unwrap();
    assert_eq!((&frame.bytes[..], frame.descriptors.len()), (&b"framed"[..], 1));
    frames.send(b"a frame for C", &[]).unwrap();
    assert_eq!(client.succeed(), "a frame for C\n");
    assert!(frames.receive().unwrap().is_none());
}

/// R-SOCK-23
#[test]
fn the_echo_examples_talk_to_c() {
    let _watchdog = watchdog();
    let (_folder, address) = place();
    let path = address.as_path().unwrap();
    let mut server = Running::example("unix_echo_server", [path]);
    server.line();
    let mut client = socket(&format!("ask stream {address}"));
    client.write(bytes(20_000));
    assert_eq!(client.succeed(), "20000 bytes, the same\n");
    server.signal(rustix::process::Signal::TERM);
    server.succeed();

    let server = serving(&format!("serve stream {address}"));
    let mut client = Running::example("unix_echo_client", [path]);
    client.write("bonjour\n");
    assert_eq!(client.line(), "bonjour");
    client.succeed();
    assert_eq!(server.succeed(), "closed after 8 bytes\n");
}
