//! Descriptors and credentials.

use crate::alone::{alone, descriptors};
use crate::support::{as_nobody, fork};
use crate::tools::{
    allow_more, connection, fails, fill, identity, is_close_on_exec, open_descriptors, pair, receive, skipped,
};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FixedMemfd, Memfd};
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, Signal};
use ipc_safe::socket::{
    Credentials, Datagram, Incoming, Kind, LocalDatagram, LocalSocket, Outgoing, SeqPacket, Stream,
};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

fn null() -> File {
    File::open("/dev/null").expect("a file")
}

/// R-SOCK-21
#[test]
fn descriptors_arrive_as_copies_that_are_owned() {
    alone(|| {
        fn check<K: Kind>() {
            let (one, other) = pair::<K>();
            let (reader, writer) = std::io::pipe().unwrap();
            let file = tempfile::tempfile().unwrap();
            let sent = [reader.as_fd(), file.as_fd(), one.as_fd()];
            one.send(Outgoing::new(b"three").descriptors(&sent)).unwrap();
            let expected = sent.map(identity);
            drop((reader, file));

            let (bytes, received) = receive(&other, 3);
            assert_eq!((&bytes[..], received.descriptors_lost), (&b"three"[..], false));
            assert_eq!(received.descriptors.iter().map(identity).collect::<Vec<_>>(), expected);
            assert!(received.descriptors.iter().all(is_close_on_exec));
            let [reader, _file, _socket]: [OwnedFd; 3] = received.descriptors.try_into().unwrap();
            (&writer).write_all(b"through the copy").unwrap();
            drop(writer);
            let mut text = String::new();
            File::from(reader).read_to_string(&mut text).unwrap();
            assert_eq!(text, "through the copy");
        }
        check::<Stream>();
        check::<Datagram>();
        check::<SeqPacket>();
    });
}

/// R-SOCK-21: descriptors of messages do not run together, on a stream neither, and stay with their byte.
#[test]
fn descriptors_keep_their_place_in_a_stream() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let (a, b) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        one.send("no").unwrap();
        one.send(Outgoing::new(b"first").descriptors(&[a.as_fd()])).unwrap();
        one.send(Outgoing::new(b"second").descriptors(&[b.as_fd(), a.as_fd()])).unwrap();
        one.send("end").unwrap();
        let mut seen = Vec::new();
        while seen.iter().map(|(bytes, _): &(Vec<u8>, _)| bytes.len()).sum::<usize>() < 16 {
            let (bytes, received) = receive(&other, 4);
            seen.push((bytes, received.descriptors.iter().map(identity).collect::<Vec<_>>()));
        }
        let text: Vec<_> = seen.iter().map(|(bytes, files)| (String::from_utf8_lossy(bytes), files.len())).collect();
        assert_eq!(text, [("nofirst".into(), 1), ("second".into(), 2), ("end".into(), 0)], "{text:?}");
        assert_eq!((&seen[0].1, &seen[1].1), (&vec![identity(&a)], &vec![identity(&b), identity(&a)]));
    });
}

/// R-SOCK-21: what was not asked for is closed by the kernel, what has no room is closed here, and the receiver is told.
#[test]
fn descriptors_without_room_are_closed() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        let file = null();
        let four = [file.as_fd(); 4];
        let send = || one.send(Outgoing::new(b"four").descriptors(&four)).unwrap();
        let before = descriptors();
        for room in 0..4 {
            send();
            let (bytes, received) = receive(&other, room);
            assert_eq!((&bytes[..], received.descriptors_lost), (&b"four"[..], true), "room for {room}");
            assert!(received.descriptors.is_empty());
            assert_eq!(descriptors(), before, "room for {room}");
        }
        for room in [4, 5, 253, 1000] {
            send();
            let received = receive(&other, room).1;
            assert_eq!((received.descriptors.len(), received.descriptors_lost), (4, false));
        }
        send();
        assert_eq!(other.receive(&mut [0; 9]).unwrap(), 4);
        assert_eq!(descriptors(), before);
        // Neither read nor received: closed with the socket.
        send();
    });
}

/// R-SOCK-21: an odd number leaves room for one more in the kernel's buffer, which is not handed out.
#[test]
fn no_more_descriptors_come_than_were_asked_for() {
    alone(|| {
        let (one, other) = pair::<Datagram>();
        let file = null();
        for room in 1..9 {
            for count in 0..12 {
                one.send(Outgoing::new(b"x").descriptors(&vec![file.as_fd(); count])).unwrap();
                let received = receive(&other, room).1;
                let fits = count <= room;
                let expected = (if fits { count } else { 0 }, !fits);
                assert_eq!((received.descriptors.len(), received.descriptors_lost), expected, "{count} into {room}");
            }
        }
    });
}

/// R-SOCK-21: no room in the process for what comes: those that came are closed, the bytes are there.
#[test]
fn a_full_table_of_descriptors_loses_them_and_leaks_none() {
    alone(|| {
        let before = descriptors();
        fork(|| {
            let (one, other) = pair::<Stream>();
            let file = null();
            one.pass_credentials(true).unwrap();
            let has_pidfd = other.pass_pidfd(true).is_ok();
            for _ in 0..3 {
                one.send(Outgoing::new(b"five").descriptors(&[file.as_fd(); 5])).unwrap();
            }
            one.send("none").unwrap();
            allow_more(2);
            let open = open_descriptors();
            for _ in 0..3 {
                let (bytes, received) = receive(&other, 5);
                assert_eq!((&bytes[..], received.descriptors_lost), (&b"five"[..], true));
                assert!(received.descriptors.is_empty());
                drop(received);
                assert_eq!(open_descriptors(), open);
            }
            // A descriptor for the sender has no room either: the kernel puts an error number in its place.
            let rest = [(); 2].map(|()| null());
            let received = receive(&other, 0).1;
            assert!(received.pidfd.is_none() && !received.descriptors_lost);
            drop(rest);
            assert_eq!(open_descriptors(), open);
            one.send("room").unwrap();
            assert_eq!(receive(&other, 0).1.pidfd.is_some(), has_pidfd);
            0
        })
        .succeed();
        assert_eq!(descriptors(), before);
    });
}

/// R-SOCK-21: what the kernel would drop without a word, or refuse without a reason.
#[test]
fn descriptors_that_would_be_lost_are_refused() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let file = null();
        let error =
            fails(one.send(Outgoing::new(b"").descriptors(&[file.as_fd()])), ErrorKind::InvalidInput, libc::EINVAL);
        assert!(error.to_string().contains("go with a byte"), "{error}");
        let many = vec![file.as_fd(); 254];
        fails(one.send(Outgoing::new(b"x").descriptors(&many)), ErrorKind::TooBig, libc::EINVAL);
        one.send(Outgoing::new(b"x").descriptors(&many[..253])).unwrap();
        assert_eq!(receive(&other, 253).1.descriptors.len(), 253);
        // Of a datagram, they are all there is to it.
        let (one, other) = pair::<Datagram>();
        one.send(Outgoing::new(b"").descriptors(&[file.as_fd()])).unwrap();
        let (bytes, received) = receive(&other, 1);
        assert_eq!((bytes.len(), received.descriptors.len()), (0, 1));
    });
}

/// R-SOCK-21: looking makes new copies each time, and takes none away.
#[test]
fn descriptors_are_copied_by_looking() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        let file = tempfile::tempfile().unwrap();
        one.send(Outgoing::new(b"look").descriptors(&[file.as_fd()])).unwrap();
        let mut bytes = [0; 9];
        let looked = other.receive_message(&mut Incoming::new(&mut bytes).descriptors(1).peek()).unwrap();
        let taken = receive(&other, 1).1;
        assert_eq!(identity(&looked.descriptors[0]), identity(&file));
        assert_eq!(identity(&taken.descriptors[0]), identity(&file));
        assert!(is_close_on_exec(&looked.descriptors[0]));
    });
}

/// R-SOCK-21: a process may have only so many under way; they are not leaked when the receiver never takes them.
#[test]
fn descriptors_under_way_are_limited() {
    alone(|| {
        // The limit is the user's, and capabilities lift it.
        as_nobody(|| {
            let (one, other) = pair::<Stream>();
            let file = null();
            allow_more(40);
            let many = [file.as_fd(); 30];
            let refused = (0..50).find_map(|_| one.try_send(Outgoing::new(b"x").descriptors(&many)).err());
            let error = fails(Err::<(), _>(refused.expect("a limit")), ErrorKind::LimitReached, libc::ETOOMANYREFS);
            assert!(error.to_string().contains("under way"), "{error}");
            drop((one, other));
            let (one, _other) = pair::<Stream>();
            crate::support::eventually("those that nobody can receive are gone", || {
                one.send(Outgoing::new(b"x").descriptors(&many)).is_ok()
            });
            0
        });
    });
}

/// R-SOCK-21: the kernel vouches for the peer.
#[test]
fn a_peer_has_credentials() {
    alone(|| {
        let (one, other) = connection::<SeqPacket>();
        assert_eq!(one.peer_credentials().unwrap(), Credentials::current());
        assert_eq!(other.peer_credentials().unwrap().pid, Some(getpid()));
        let mut groups = other.peer_groups().unwrap();
        let mut own: Vec<u32> = rustix::process::getgroups().unwrap().into_iter().map(|group| group.as_raw()).collect();
        groups.sort_unstable();
        own.sort_unstable();
        assert_eq!(groups, own);

        let alone = LocalDatagram::unbound().unwrap();
        fails(alone.peer_credentials(), ErrorKind::Closed, libc::ENOTCONN);
        fails(alone.peer_groups(), ErrorKind::Closed, libc::ENOTCONN);
        match alone.peer_pidfd() {
            Err(error) if error.kind() == ErrorKind::Unsupported => skipped("this kernel has no SO_PEERPIDFD"),
            other => drop(fails(other, ErrorKind::Closed, libc::ENOTCONN)),
        }
        let (one, _other) = pair::<Datagram>();
        assert_eq!(one.peer_credentials().unwrap().uid, Credentials::current().uid);
    });
}

/// R-SOCK-21: the peer is who it was when it connected, whoever sends.
#[test]
fn another_user_is_told_apart() {
    alone(|| {
        let listener = ipc_safe::socket::SeqPacketListener::bind(&ipc_safe::socket::LocalAddress::UNNAMED).unwrap();
        let address = listener.local_address().unwrap();
        let server = std::thread::spawn(move || {
            let client = listener.accept().unwrap();
            client.pass_credentials(true).unwrap();
            client.send("go on").unwrap();
            let received = receive(&client, 0).1;
            (client.peer_credentials().unwrap(), client.peer_groups().unwrap(), received.credentials.unwrap())
        });
        let ran = as_nobody(|| {
            let client = LocalSocket::<SeqPacket>::connect(&address).unwrap();
            assert_eq!(client.receive(&mut [0; 9]).unwrap(), 5);
            // Nobody but root may claim to be somebody else.
            let root = Credentials { pid: Some(getpid()), uid: 0, gid: 0 };
            let claimed = client.send(Outgoing::new(b"I am root").credentials(root));
            fails(claimed, ErrorKind::PermissionDenied, libc::EPERM);
            client.send(Outgoing::new(b"myself").credentials(Credentials::current())).unwrap();
            0
        });
        if !ran {
            let client = LocalSocket::<SeqPacket>::connect(&address).unwrap();
            client.receive(&mut [0; 9]).unwrap();
            client.send("x").unwrap();
        }
        let (peer, groups, sender) = server.join().unwrap();
        assert_eq!((peer.uid, peer.pid), (sender.uid, sender.pid));
        if ran {
            assert_eq!((peer.uid, peer.gid, groups.len()), (65534, 65534, 0));
        }
    });
}

/// R-SOCK-21: who sent a message is told when that is asked for.
#[test]
fn senders_have_credentials() {
    alone(|| {
        fn check<K: Kind>() {
            let (one, other) = pair::<K>();
            one.send("before").unwrap();
            assert_eq!(receive(&other, 0).1.credentials, None);
            other.pass_credentials(true).unwrap();
            fork(|| {
                one.send(Outgoing::new(b"from a child").descriptors(&[null().as_fd()])).unwrap();
                0
            })
            .succeed();
            // The socket's peer is the one that made it; the sender is the child.
            let (bytes, received) = receive(&other, 1);
            let credentials = received.credentials.unwrap();
            assert_eq!((&bytes[..], received.descriptors.len()), (&b"from a child"[..], 1));
            assert_ne!(credentials.pid, Some(getpid()));
            assert_eq!((credentials.uid, credentials.gid), (Credentials::current().uid, Credentials::current().gid));
        }
        check::<Stream>();
        check::<Datagram>();
        check::<SeqPacket>();
    });
}

/// R-SOCK-21: a process id of another namespace is none, not 0.
#[test]
fn a_sender_that_cannot_be_seen_has_no_process_id() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        other.pass_credentials(true).unwrap();
        // A sibling in a pid namespace of its own does not see this process.
        let status = fork(|| {
            // SAFETY: what this process's children are called, and, without rights, who its user is.
            let unshared = unsafe {
                libc::unshare(libc::CLONE_NEWPID) == 0 || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) == 0
            };
            if !unshared {
                skipped("no pid namespace to be had");
                return 3;
            }
            one.send("from outside").unwrap();
            fork(|| {
                let (bytes, received) = receive(&other, 0);
                assert_eq!(&bytes[..], b"from outside");
                assert_eq!(received.credentials.map(|credentials| credentials.pid), Some(None));
                assert_eq!(other.peer_credentials().unwrap().pid, None);
                0
            })
            .succeed();
            0
        });
        let code = status.wait().code();
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
    });
}

/// R-SOCK-21: a descriptor of the process, which no other one can be taken for.
#[test]
fn senders_and_peers_have_pid_descriptors() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        if let Err(error) = other.pass_pidfd(true) {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            return skipped("this kernel has no SO_PASSPIDFD");
        }
        let child = fork(|| {
            let file = null();
            one.send(Outgoing::new(b"mine").descriptors(&[file.as_fd(), file.as_fd()])).unwrap();
            signal::suspend(signal::blocked().unwrap());
            0
        });
        let (_, received) = receive(&other, 2);
        let pidfd = received.pidfd.unwrap();
        assert_eq!(received.descriptors.len(), 2);
        assert!(is_close_on_exec(&pidfd));
        assert_eq!(pid_of(pidfd.as_fd()), Pid::from_raw(child.pid()));
        signal::to_pidfd(&pidfd, Signal::TERM).unwrap();
        let _ = child.wait();

        assert_eq!(pid_of(one.peer_pidfd().unwrap().as_fd()), Some(getpid()));
        other.pass_pidfd(false).unwrap();
        one.send("no more").unwrap();
        assert!(receive(&other, 0).1.pidfd.is_none());
    });
}

/// The process of a pid descriptor.
fn pid_of(pidfd: BorrowedFd<'_>) -> Option<Pid> {
    use std::os::fd::AsRawFd;
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let number = text.lines().find_map(|line| line.strip_prefix("Pid:")).expect("a pid descriptor");
    number.trim().parse().ok().and_then(Pid::from_raw)
}

/// R-SOCK-21: memory goes to another process, which believes what its seals say.
#[test]
fn a_memfd_goes_to_another_process() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        let memfd = Memfd::options().create(4096).unwrap().fix().unwrap();
        let ours = memfd.map().unwrap();
        ours.bytes().write(0, b"pixels").unwrap();
        one.send(Outgoing::new(b"frame").descriptors(&[memfd.as_fd()])).unwrap();
        fork(|| {
            let received = receive(&other, 1).1.descriptors.pop().unwrap();
            let theirs = FixedMemfd::try_from(received).unwrap().map().unwrap();
            assert_eq!(theirs.bytes().load::<[u8; 6]>(0).unwrap(), *b"pixels");
            theirs.bytes().write(0, b"drawn!").unwrap();
            0
        })
        .succeed();
        assert_eq!(ours.bytes().load::<[u8; 6]>(0).unwrap(), *b"drawn!");
    });
}

/// R-SOCK-18, R-SOCK-21: nothing of a message that does not fit is sent, its descriptors neither.
#[test]
fn a_send_that_would_block_sends_no_descriptors() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        let file = null();
        fill(&one, b"full");
        let message = Outgoing::new(b"with").descriptors(std::slice::from_ref(Box::leak(Box::new(file.as_fd()))));
        fails(one.try_send(message), ErrorKind::WouldBlock, libc::EAGAIN);
        assert_eq!(receive(&other, 0).0, b"full");
        while let Ok(len) = other.try_receive(&mut [0; 9]) {
            assert_eq!(len, 4);
        }
        one.send(message).unwrap();
        assert_eq!(receive(&other, 1).1.descriptors.len(), 1);
    });
}
