//! No descriptors to be had.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{SHORT, allow_more, fails, folder, open_descriptors, path_in};
use ipc_safe::error::{Error, ErrorKind};
use ipc_safe::socket::{
    BindOptions, Connected, Kind, LocalAddress, LocalDatagram, LocalSocket, LocalStream, SeqPacket, Stream,
    StreamListener,
};
use std::time::Instant;

/// R-SOCK-17: no room for an accepted connection is an error; the connection stays, nothing leaks.
#[test]
fn accepting_without_room_is_an_error() {
    alone(|| {
        fork(|| {
            let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
            let client = LocalStream::connect(&listener.local_address().unwrap()).unwrap();
            let room = std::fs::File::open("/dev/null").unwrap();
            allow_more(0);
            let before = open_descriptors();
            for _ in 0..100 {
                let error = fails(listener.accept(), ErrorKind::LimitReached, libc::EMFILE);
                assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
                fails(listener.try_accept(), ErrorKind::LimitReached, libc::EMFILE);
                fails(listener.accept_timeout(SHORT), ErrorKind::LimitReached, libc::EMFILE);
            }
            assert_eq!(open_descriptors(), before);
            client.send("still there").unwrap();
            drop(room);
            let server = listener.accept().unwrap();
            assert_eq!(server.receive(&mut [0; 20]).unwrap(), 11);
            0
        })
        .succeed();
    });
}

/// R-SOCK-01, R-SOCK-13: whatever step finds no room, nothing is left: no descriptor, no path.
#[test]
fn what_cannot_be_made_leaves_nothing() {
    alone(|| {
        let folder = folder();
        for stale in [false, true] {
            for room in 0..5 {
                let address = path_in(&folder, "service");
                if stale {
                    drop(std::os::unix::net::UnixListener::bind(address.as_path().unwrap()).unwrap());
                }
                fork(|| {
                    let other = LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
                    let name = other.local_address().unwrap();
                    allow_more(room);
                    let before = open_descriptors();
                    let options = BindOptions::new().replace_stale(true);
                    let results: [Result<(), Error>; 6] = [
                        made::<Stream>(),
                        made::<SeqPacket>(),
                        LocalDatagram::unbound().and_then(|socket| socket.connect_to(&name)),
                        connected::<Stream>(&path_in(&folder, "nobody")),
                        options.listen::<Stream>(&address).map(drop),
                        options.datagram(&address).map(drop),
                    ];
                    for result in results {
                        if let Err(error) = result {
                            let is_gone = error.kind() == ErrorKind::NotFound;
                            assert!(error.kind() == ErrorKind::LimitReached || is_gone, "{error}");
                        } else {
                            assert!(room > 0);
                        }
                    }
                    assert_eq!(open_descriptors(), before);
                    0
                })
                .succeed();
                let left: Vec<_> =
                    std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                assert!(left.is_empty() || (stale && left == ["service"]), "room for {room}: {left:?}");
                let _ = std::fs::remove_file(address.as_path().unwrap());
            }
        }
    });
}

fn made<K: Kind>() -> ipc_safe::Result<()> {
    LocalSocket::<K>::pair().map(drop)
}

fn connected<K: Connected>(address: &LocalAddress) -> ipc_safe::Result<()> {
    LocalSocket::<K>::connect(address).map(drop)
}

/// R-SOCK-17: the way out without spinning: a descriptor in reserve, by which the connection is taken and closed.
#[test]
fn a_descriptor_in_reserve_turns_clients_away() {
    alone(|| {
        fork(|| {
            let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
            let address = listener.local_address().unwrap();
            let clients: Vec<_> = (0..5).map(|_| LocalStream::connect(&address).unwrap()).collect();
            let mut reserve = Some(std::fs::File::open("/dev/null").unwrap());
            allow_more(0);
            let start = Instant::now();
            for client in &clients {
                fails(listener.accept(), ErrorKind::LimitReached, libc::EMFILE);
                drop(reserve.take());
                drop(listener.accept().unwrap());
                reserve = Some(std::fs::File::open("/dev/null").unwrap());
                assert_eq!(client.receive(&mut [0]).unwrap(), 0, "told that nobody serves it");
            }
            // Nothing is left to spin on, although the kernel would still say that there is no room.
            assert!(listener.try_accept().unwrap_err().is_would_block());
            assert!(listener.accept_timeout(SHORT).unwrap_err().is_timed_out());
            assert!(start.elapsed() < crate::tools::LONG);
            0
        })
        .succeed();
    });
}
