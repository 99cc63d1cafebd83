//! Paths: made, taken, replaced, taken away.

use crate::alone::alone;
use crate::support::{as_nobody, eventually, fork};
use crate::tools::{LONG, fails, folder, path_in};
use ipc_safe::error::ErrorKind;
use ipc_safe::socket::{
    BindOptions, Bound, LocalAddress, LocalDatagram, LocalStream, Outgoing, SeqPacket, SeqPacketListener, Stream,
    StreamListener,
};
use ipc_safe::testing::{Answer, Call, SystemCall, intercept};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn listen(address: &LocalAddress) -> ipc_safe::Result<Bound<StreamListener>> {
    BindOptions::new().replace_stale(true).listen::<Stream>(address)
}

/// The names in a folder.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Leaves a path behind as a process that was killed does.
fn leave_stale(address: &LocalAddress) {
    drop(UnixListener::bind(address.as_path().unwrap()).unwrap());
}

/// R-SOCK-13, R-SOCK-23
#[test]
fn a_path_is_there_while_its_socket_is() {
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        let listener = StreamListener::bind(&address).unwrap();
        assert_eq!((names(&folder), listener.path()), (vec!["service".to_owned()], address.as_path()));
        let metadata = std::fs::symlink_metadata(address.as_path().unwrap()).unwrap();
        assert!(metadata.file_type().is_socket());
        UnixStream::connect(address.as_path().unwrap()).unwrap();
        drop(listener);
        assert!(names(&folder).is_empty());

        // Told to stay, or taken away now.
        let kept = StreamListener::bind(&address).unwrap().keep();
        assert_eq!(names(&folder), ["service"]);
        drop(kept);
        std::fs::remove_file(address.as_path().unwrap()).unwrap();
        let open = SeqPacketListener::bind(&address).unwrap().unlink().unwrap();
        assert!(names(&folder).is_empty());
        assert!(open.try_accept().unwrap_err().is_would_block());
        let unnamed = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
        fails(unnamed.unlink(), ErrorKind::NotFound, libc::ENOENT);
        let datagrams = LocalDatagram::bind(&address).unwrap();
        assert_eq!(names(&folder), ["service"]);
        drop(datagrams);
        assert!(names(&folder).is_empty());
    });
}

/// R-SOCK-13
#[test]
fn a_path_has_its_permissions_from_the_start() {
    alone(|| {
        let folder = folder();
        let (one, other) = (path_in(&folder, "one"), path_in(&folder, "other"));
        // The mask belongs to the process.
        alone(|| {
            // SAFETY: takes a number.
            unsafe { libc::umask(0o022) };
            let mode = |address: &LocalAddress| std::fs::metadata(address.as_path().unwrap()).unwrap().mode() & 0o7777;
            let _listener = StreamListener::bind(&one).unwrap();
            let _datagrams = BindOptions::new().mode(0o777).datagram(&other).unwrap();
            assert_eq!((mode(&one), mode(&other)), (0o600, 0o755));
        });
        let refused = BindOptions::new().mode(0o1777).listen::<Stream>(&one);
        fails(refused, ErrorKind::InvalidInput, libc::EINVAL);
        let _listener = StreamListener::bind(&one).unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        as_nobody(|| {
            fails(LocalStream::connect(&one), ErrorKind::PermissionDenied, libc::EACCES);
            let in_there = LocalAddress::path(one.as_path().unwrap().with_file_name("mine")).unwrap();
            fails(StreamListener::bind(&in_there), ErrorKind::PermissionDenied, libc::EACCES);
            fails(LocalDatagram::bind(&in_there), ErrorKind::PermissionDenied, libc::EACCES);
            fails(listen(&one), ErrorKind::PermissionDenied, libc::EACCES);
            0
        });
    });
}

/// R-SOCK-13: what is in the way, and what is missing.
#[test]
fn a_path_that_is_taken_is_refused() {
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "taken");
        let check = |live: bool| {
            for replace in [false, true] {
                let options = BindOptions::new().replace_stale(replace);
                if live || !replace {
                    fails(options.listen::<Stream>(&address), ErrorKind::AlreadyExists, libc::EADDRINUSE);
                    fails(options.listen::<SeqPacket>(&address), ErrorKind::AlreadyExists, libc::EADDRINUSE);
                    fails(options.datagram(&address), ErrorKind::AlreadyExists, libc::EADDRINUSE);
                }
                assert_eq!(names(&folder), ["taken"]);
            }
        };
        leave_stale(&address);
        check(false);
        std::fs::remove_file(address.as_path().unwrap()).unwrap();
        // Sockets of each kind that live; what is no socket.
        let listener = UnixListener::bind(address.as_path().unwrap()).unwrap();
        check(true);
        // It did not notice.
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        drop(listener);
        std::fs::remove_file(address.as_path().unwrap()).unwrap();
        let datagrams = LocalDatagram::bind(&address).unwrap();
        check(true);
        assert!(datagrams.try_receive(&mut [0]).unwrap_err().is_would_block());
        drop(datagrams);
        let packets = SeqPacketListener::bind(&address).unwrap();
        check(true);
        assert!(packets.try_accept().unwrap_err().is_would_block());
        drop(packets);
        File::create(address.as_path().unwrap()).unwrap();
        check(true);
        std::fs::remove_file(address.as_path().unwrap()).unwrap();
        std::os::unix::fs::symlink("nowhere", address.as_path().unwrap()).unwrap();
        check(true);

        let missing = path_in(&folder, "missing/service");
        let error = fails(StreamListener::bind(&missing), ErrorKind::NotFound, libc::ENOENT);
        assert!(error.to_string().contains("missing/service") && error.to_string().contains("folder"), "{error}");
        fails(StreamListener::bind(&LocalAddress::path("/").unwrap()), ErrorKind::InvalidInput, libc::EINVAL);
        fails(LocalDatagram::bind(&LocalAddress::path("..").unwrap()), ErrorKind::InvalidInput, libc::EINVAL);
    });
}

/// R-SOCK-16, R-SOCK-23: what is left behind refuses connections, and is replaced where that is wanted.
#[test]
fn a_stale_path_is_replaced() {
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        fails(LocalStream::connect(&address), ErrorKind::NotFound, libc::ENOENT);
        leave_stale(&address);
        fails(LocalStream::connect(&address), ErrorKind::Refused, libc::ECONNREFUSED);

        let listener = listen(&address).unwrap();
        assert_eq!(names(&folder), ["service"]);
        let client = LocalStream::connect(&address).unwrap();
        listener.accept().unwrap().send("x").unwrap();
        assert_eq!(client.receive(&mut [0; 2]).unwrap(), 1);
        drop(listener);
        assert!(names(&folder).is_empty());

        leave_stale(&address);
        let packets = BindOptions::new().replace_stale(true).listen::<SeqPacket>(&address).unwrap();
        drop(packets);
        leave_stale(&address);
        let datagrams = BindOptions::new().replace_stale(true).datagram(&address).unwrap();
        // Replies reach it under its own path.
        assert_eq!(datagrams.local_address().unwrap(), address);
        LocalDatagram::unbound().unwrap().send(Outgoing::new(b"x").to(&address)).unwrap();
        drop(datagrams);
        assert!(names(&folder).is_empty());
    });
}

/// R-SOCK-23: many start at once over a stale path; exactly one serves, and is reached.
#[test]
fn one_of_many_replaces_a_stale_path() {
    alone(|| one_of_many_replaces(30, |replace| replace()));
}

/// The same when each of them is slow between any two steps, so that all of them are between the same two.
#[test]
fn one_of_many_slow_ones_replaces_a_stale_path() {
    alone(|| {
        let steps = ["renameat2", "bind", "connect"].map(|name| SystemCall::named(name).unwrap());
        one_of_many_replaces(10, |replace| {
            let slow = |_: &Call| {
                std::thread::sleep(Duration::from_millis(2));
                Answer::Proceed
            };
            intercept(&steps, slow, replace).unwrap();
        });
    });
}

fn one_of_many_replaces(rounds: usize, how: impl Fn(&mut (dyn FnMut() + Send))) {
    let folder = folder();
    for round in 0..rounds {
        let address = path_in(&folder, "service");
        leave_stale(&address);
        let (begin, go) = std::io::pipe().unwrap();
        let (end, stop) = std::io::pipe().unwrap();
        let (results, tell) = std::io::pipe().unwrap();
        let servers: Vec<_> = (0..8)
            .map(|_| {
                fork(|| {
                    let mut byte = [0];
                    (&begin).read_exact(&mut byte).unwrap();
                    let mut bound = None;
                    how(&mut || {
                        bound = if round % 2 == 0 {
                            listen(&address).map(Bound::keep).map(std::os::fd::OwnedFd::from).ok()
                        } else {
                            let options = BindOptions::new().replace_stale(true);
                            options.datagram(&address).map(Bound::keep).map(std::os::fd::OwnedFd::from).ok()
                        };
                    });
                    let won = u8::from(bound.is_some());
                    (&tell).write_all(&[won]).unwrap();
                    // Alive until everybody has tried.
                    (&end).read_exact(&mut byte).unwrap();
                    0
                })
            })
            .collect();
        (&go).write_all(&[0; 8]).unwrap();
        let mut won = [0; 8];
        (&results).read_exact(&mut won).unwrap();
        assert_eq!(won.iter().sum::<u8>(), 1, "round {round}: {won:?}");
        if round % 2 == 0 {
            LocalStream::connect(&address).unwrap();
        } else {
            LocalDatagram::unbound().unwrap().connect_to(&address).unwrap();
        }
        (&stop).write_all(&[0; 8]).unwrap();
        servers.into_iter().for_each(crate::support::Forked::succeed);
        assert_eq!(names(&folder), ["service"], "round {round}");
        std::fs::remove_file(address.as_path().unwrap()).unwrap();
    }
}

/// A lock on the folder that somebody keeps is an error in time, for those who need it, and nothing is left. It is given back.
#[test]
fn a_lock_on_the_folder_is_waited_for_and_given_back() {
    use rustix::fs::{FlockOperation, flock};
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        let lock = File::open(folder.path()).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        // Nothing is there to be replaced.
        drop(listen(&address).unwrap());
        leave_stale(&address);
        for result in [listen(&address).map(drop), BindOptions::new().replace_stale(true).datagram(&address).map(drop)]
        {
            let error = fails(result, ErrorKind::TimedOut, libc::EAGAIN).to_string();
            let reason = ": EAGAIN: somebody holds a lock on the folder of the path, and does not get on";
            assert!(error.starts_with("flock of ") && error.ends_with(reason), "{error}");
            assert_eq!(names(&folder), ["service"]);
        }
        flock(&lock, FlockOperation::Unlock).unwrap();
        let _server = listen(&address).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    });
}

/// A child that another thread forks while a path is being replaced has a copy of the lock's descriptor, and not the lock.
#[test]
fn a_child_forked_during_a_turn_does_not_keep_the_lock() {
    use rustix::fs::{FlockOperation, flock};
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        leave_stale(&address);
        let (end, stop) = std::io::pipe().unwrap();
        let mut child = None;
        let forks = |_: &Call| {
            child.get_or_insert_with(|| {
                fork(|| {
                    (&end).read_exact(&mut [0]).unwrap();
                    0
                })
            });
            Answer::Proceed
        };
        let within_a_turn = SystemCall::named("unlinkat").unwrap();
        let _server = intercept(&[within_a_turn], forks, || listen(&address)).unwrap().unwrap();
        flock(File::open(folder.path()).unwrap(), FlockOperation::NonBlockingLockExclusive).unwrap();
        (&stop).write_all(&[0]).unwrap();
        child.unwrap().succeed();
    });
}

/// R-SOCK-23: while servers follow each other, a client finds one, or the stale path: never no path at all.
#[test]
fn there_is_no_moment_without_a_path() {
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        leave_stale(&address);
        let client = fork(|| {
            let mut connected = 0;
            while connected < 200 {
                match LocalStream::connect_timeout(&address, LONG) {
                    Ok(_) => connected += 1,
                    // The last one is gone, the next one not yet there.
                    Err(error) if error.kind() == ErrorKind::Refused => {}
                    Err(error) => panic!("{error}"),
                }
            }
            0
        });
        let mut ended = false;
        let pid = client.pid();
        while !ended {
            // Its path stays, as that of a server that was killed.
            drop(listen(&address).unwrap().keep());
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            ended = stat.contains(") Z ");
        }
        client.succeed();
        assert_eq!(names(&folder), ["service"]);
    });
}

/// R-SOCK-23: a guard takes away its own socket's name, and nobody else's, in its own process.
#[test]
fn only_the_own_name_is_taken_away() {
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        let listener = StreamListener::bind(&address).unwrap();
        // A forked child's copy does nothing.
        let mut listener = Some(listener);
        let mut second = Some(StreamListener::bind(&path_in(&folder, "second")).unwrap());
        fork(|| {
            drop(listener.take());
            let rejected = second.take().unwrap().unlink().unwrap_err();
            assert_eq!(rejected.error().kind(), ErrorKind::InvalidInput);
            0
        })
        .succeed();
        assert_eq!(names(&folder).len(), 2);
        drop(second.take());
        assert_eq!(names(&folder), ["service"]);
        // Somebody else has the name by now.
        std::fs::remove_file(address.as_path().unwrap()).unwrap();
        let other = StreamListener::bind(&address).unwrap();
        drop(listener.take());
        assert_eq!(names(&folder), ["service"]);
        let third = StreamListener::bind(&path_in(&folder, "third")).unwrap();
        std::fs::rename(folder.path().join("third"), address.as_path().unwrap()).unwrap();
        let rejected = other.unlink().unwrap_err();
        assert_eq!(rejected.error().kind(), ErrorKind::NotFound);
        assert!(rejected.into_inner().try_accept().unwrap_err().is_would_block(), "it still listens");
        fails(third.unlink(), ErrorKind::NotFound, libc::ENOENT);
        assert_eq!(names(&folder), ["service"]);
        // Gone already: nothing to say.
        let gone = StreamListener::bind(&path_in(&folder, "gone")).unwrap();
        std::fs::remove_file(folder.path().join("gone")).unwrap();
        drop(gone);
    });
}

/// R-SOCK-23: while somebody else puts sockets of its own in the place of ours, no guard takes away one of those.
#[test]
fn a_guard_never_takes_away_what_somebody_else_put_there() {
    alone(|| {
        const ROUNDS: usize = 5_000;
        let folder = folder();
        let address = path_in(&folder, "service");
        let (path, theirs) = (address.as_path().unwrap(), path_in(&folder, "theirs"));
        let inode = |path: &Path| std::fs::symlink_metadata(path).ok().map(|status| status.ino());
        let other = fork(|| {
            for round in 0..ROUNDS {
                let theirs = theirs.as_path().unwrap();
                let made = UnixListener::bind(theirs).unwrap();
                let number = inode(theirs);
                std::fs::rename(theirs, path).unwrap();
                // It may be away for a moment: whoever looks at it puts it back.
                eventually(&format!("the socket is there in round {round}"), || inode(path) == number);
                eventually("the socket can be removed", || std::fs::remove_file(path).is_ok());
                drop(made);
            }
            0
        });
        let stat = format!("/proc/{}/stat", other.pid());
        let (mut tried, mut bound) = (0, 0);
        while tried % 64 != 0 || !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
            tried += 1;
            bound += usize::from(StreamListener::bind(&address).is_ok());
        }
        other.succeed();
        assert!(bound > 0);
        assert!(names(&folder).is_empty(), "{:?}", names(&folder));
    });
}

/// R-SOCK-23: the name is that in the folder as it was, wherever the folder is by now.
#[test]
fn a_folder_may_move() {
    alone(|| {
        let folder = folder();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let bind = |path: &Path| StreamListener::bind(&LocalAddress::path(path.join("service")).unwrap()).unwrap();
        let listener = bind(&old);
        std::fs::rename(&old, &new).unwrap();
        std::fs::create_dir(&old).unwrap();
        let another = bind(&old);
        drop(listener);
        assert_eq!(std::fs::read_dir(&new).unwrap().count(), 0);
        LocalStream::connect(&LocalAddress::path(another.path().unwrap()).unwrap()).unwrap();
    });
}

/// R-SOCK-13: a name that is too long for the temporary one beside it is no matter.
#[test]
fn a_long_folder_leaves_room_for_a_short_name() {
    alone(|| {
        let folder = folder();
        let rest = 108 - folder.path().as_os_str().len() - 1 - 2;
        let deep = folder.path().join("d".repeat(rest));
        std::fs::create_dir(&deep).unwrap();
        let address = LocalAddress::path(deep.join("s")).unwrap();
        leave_stale_long(&address);
        let listener = listen(&address).unwrap();
        LocalStream::connect(&address).unwrap();
        listener.accept().unwrap();
        drop(listener);
        assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0);
    });
}

/// std has no room for 108 bytes.
fn leave_stale_long(address: &LocalAddress) {
    drop(LocalDatagram::bind(address).unwrap().keep());
}

/// R-SOCK-15, mistake 82: the backlog is the queue of connections that were made and not accepted.
#[test]
fn the_backlog_is_full_when_it_is() {
    alone(|| {
        let full = |options: BindOptions| {
            let listener = options.listen::<Stream>(&LocalAddress::UNNAMED).unwrap();
            let address = listener.local_address().unwrap();
            let mut clients = Vec::new();
            loop {
                match LocalStream::try_connect(&address) {
                    Ok(client) => clients.push(client),
                    Err(error) => {
                        fails(Err::<(), _>(error), ErrorKind::WouldBlock, libc::EAGAIN);
                        break;
                    }
                }
            }
            // One more when one is accepted.
            listener.accept().unwrap();
            LocalStream::try_connect(&address).unwrap();
            clients.len()
        };
        assert_eq!(full(BindOptions::new().backlog(0)), 1);
        assert_eq!(full(BindOptions::new().backlog(3)), 4);
        // A negative one is as large as the system allows, and so is the default; which is more than descriptors here.
        let somaxconn: i32 = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
        assert!(somaxconn > 100, "{somaxconn}");
        let listener = BindOptions::new().backlog(-1).listen::<Stream>(&LocalAddress::UNNAMED).unwrap();
        let address = listener.local_address().unwrap();
        let clients: Vec<_> = (0..100).map(|_| LocalStream::try_connect(&address).unwrap()).collect();
        assert_eq!(clients.len(), 100);
    });
}

/// R-SOCK-23: killed at any moment, a server leaves a path that the next one replaces.
#[test]
fn a_killed_server_is_followed_by_the_next() {
    alone(|| {
        let folder = folder();
        let address = path_in(&folder, "service");
        for _ in 0..20 {
            let server = fork(|| {
                loop {
                    drop(listen(&address));
                }
            });
            eventually("the server works", || std::fs::exists(address.as_path().unwrap()).unwrap());
            drop(server); // killed
            let listener = listen(&address).unwrap();
            LocalStream::connect(&address).unwrap();
            drop(listener);
        }
        // Killed between binding and renaming, it leaves a name that nobody expects; no more than that.
        assert!(names(&folder).iter().all(|name| name.starts_with('.')), "{:?}", names(&folder));
    });
}
