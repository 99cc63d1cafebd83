//! Sending and receiving, without descriptors.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{LONG, aside, connection, fails, fill, pair, receive, skipped};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::Signal;
use ipc_safe::socket::{
    Datagram, Incoming, Kind, LocalAddress, LocalDatagram, LocalSocket, Outgoing, SeqPacket, Stream,
};
use std::io::{IoSlice, IoSliceMut, Write};

/// R-SOCK-21, mistakes 85 and 87
#[test]
fn messages_are_gathered_and_scattered() {
    alone(|| {
        fn check<K: Kind>() {
            let (one, other) = pair::<K>();
            let parts = [IoSlice::new(b"gath"), IoSlice::new(b""), IoSlice::new(b"ered")];
            assert_eq!(one.send(Outgoing::vectored(&parts)).unwrap(), 8);
            let (mut a, mut b, mut c) = ([0; 3], [0; 3], [9; 5]);
            let mut slices = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b), IoSliceMut::new(&mut c)];
            let received = other.receive_message(&mut Incoming::vectored(&mut slices)).unwrap();
            assert_eq!((received.len, received.message_len, received.is_truncated()), (8, 8, false));
            assert_eq!((&a, &b, &c), (b"gat", b"her", b"ed\x09\x09\x09"));
        }
        check::<Stream>();
        check::<Datagram>();
        check::<SeqPacket>();
    });
}

/// R-SOCK-19, mistake 88: messages have a boundary and a maximum, no fixed length.
#[test]
fn a_message_that_was_cut_is_not_taken_for_a_whole_one() {
    alone(|| {
        fn check<K: Kind>() {
            let (one, other) = pair::<K>();
            for text in ["a long message", "short"] {
                one.send(text).unwrap();
            }
            let mut bytes = [0; 6];
            // Its true length is known before it is taken, and when.
            let mut looked = Incoming::new(&mut bytes).peek();
            let seen = other.receive_message(&mut looked).unwrap();
            assert_eq!((seen.len, seen.message_len, seen.is_truncated()), (6, 14, true));
            assert_eq!(other.peek(&mut bytes).unwrap(), 6);
            assert_eq!(other.try_peek(&mut [0; 20]).unwrap(), 14);
            let error = fails(other.receive(&mut bytes), ErrorKind::TooBig, 0);
            assert!(error.to_string().contains("14 bytes into 6") && &bytes == b"a long", "{error}");
            // The rest is lost; the next one is whole.
            let taken = other.receive_message(&mut Incoming::new(&mut bytes)).unwrap();
            assert_eq!((taken.len, taken.message_len), (5, 5));
            fails(other.try_peek(&mut bytes), ErrorKind::WouldBlock, libc::EAGAIN);
        }
        check::<Datagram>();
        check::<SeqPacket>();
    });
}

/// R-SOCK-19: a stream has no boundaries; looking leaves bytes where they are.
#[test]
fn a_stream_runs_together() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        one.send("ab").unwrap();
        one.send("cd").unwrap();
        let mut bytes = [0; 3];
        assert_eq!((other.peek(&mut bytes).unwrap(), other.receive(&mut bytes).unwrap()), (3, 3));
        assert_eq!((bytes, other.receive(&mut bytes).unwrap()), (*b"abc", 1));
        // No bytes are nothing, and not the end.
        assert_eq!(one.send("").unwrap(), 0);
        fails(other.try_receive(&mut bytes), ErrorKind::WouldBlock, libc::EAGAIN);
    });
}

/// R-SOCK-19: a datagram may be empty, which is not the end. A packet may not: it would look like the end.
#[test]
fn an_empty_datagram_is_one() {
    alone(|| {
        let (one, other) = pair::<Datagram>();
        one.send("").unwrap();
        one.send("x").unwrap();
        assert_eq!(receive(&other, 0).0, b"");
        assert_eq!(receive(&other, 0).0, b"x");
        fails(other.try_receive(&mut [0]), ErrorKind::WouldBlock, libc::EAGAIN);
        let (one, other) = pair::<SeqPacket>();
        let error = fails(one.send(""), ErrorKind::InvalidInput, libc::EINVAL);
        assert!(error.to_string().contains("would look like the end"), "{error}");
        fails(other.try_receive(&mut [0]), ErrorKind::WouldBlock, libc::EAGAIN);
    });
}

/// R-SOCK-19: MSG_WAITALL waits for all, and gets less at the end.
#[test]
fn waiting_for_all_may_end_short() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let receiver = aside(move || {
            let mut bytes = [0; 10];
            let mut message = Incoming::new(&mut bytes).wait_all();
            let lengths = [(); 3].map(|()| other.receive_message(&mut message).unwrap().len);
            (lengths, bytes)
        });
        for part in ["01", "234", "56789ab", "cd"] {
            one.send(part).unwrap();
        }
        drop(one);
        let (lengths, bytes) = receiver.join().unwrap();
        assert_eq!((lengths, &bytes), ([10, 4, 0], b"abcd456789"));
    });
}

/// R-SOCK-18, R-SOCK-19: one byte of a stream overtakes the others; no other kind has that.
#[test]
fn a_byte_out_of_band_overtakes() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        one.send("slow").unwrap();
        match one.send(Outgoing::new(b"!").out_of_band()) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return skipped("this kernel has no bytes out of band");
            }
            sent => assert_eq!(sent.unwrap(), 1),
        }
        one.send("er").unwrap();
        let mut byte = [0];
        let received = other.receive_message(&mut Incoming::new(&mut byte).out_of_band()).unwrap();
        assert_eq!((received.len, received.out_of_band, byte), (1, true, *b"!"));
        fails(
            other.receive_message(&mut Incoming::new(&mut byte).out_of_band()),
            ErrorKind::InvalidInput,
            libc::EINVAL,
        );
        // What is in band stops at the mark.
        let mut bytes = [0; 10];
        let before = other.receive(&mut bytes).unwrap();
        let after = other.receive(&mut bytes[before..]).map_or(0, |len| len);
        assert_eq!(&bytes[..before + after], b"slower");
        let (one, _other) = pair::<Datagram>();
        fails(one.send(Outgoing::new(b"!").out_of_band()), ErrorKind::Unsupported, libc::EOPNOTSUPP);
    });
}

/// R-SOCK-18: the flag is taken, and means nothing to local sockets: what is a packet is one without it.
#[test]
fn the_end_of_a_record_may_be_marked() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        one.send(Outgoing::new(b"record").end_of_record()).unwrap();
        one.send("next").unwrap();
        assert_eq!((receive(&other, 0).0, receive(&other, 0).0), (b"record".to_vec(), b"next".to_vec()));
    });
}

/// R-SOCK-18: a message fits as a whole or not at all; a stream takes what fits.
#[test]
fn what_is_too_long_is_refused_or_shortened() {
    alone(|| {
        let huge = vec![7; 16 << 20];
        fn refused<K: Kind>(huge: &[u8]) {
            let (one, other) = pair::<K>();
            let error = fails(one.send(huge), ErrorKind::TooBig, libc::EMSGSIZE);
            assert!(error.to_string().contains("SO_SNDBUF"), "{error}");
            fails(other.try_receive(&mut [0]), ErrorKind::WouldBlock, libc::EAGAIN);
        }
        refused::<Datagram>(&huge);
        refused::<SeqPacket>(&huge);

        let (one, other) = pair::<Stream>();
        let sent = one.try_send(&huge[..]).unwrap();
        assert!((1..huge.len()).contains(&sent), "{sent}");
        fails(one.try_send("x"), ErrorKind::WouldBlock, libc::EAGAIN);
        // And waiting, all of it goes through.
        let reader = aside(move || {
            let (mut bytes, mut total) = (vec![0; 1 << 16], 0);
            loop {
                match other.receive(&mut bytes).unwrap() {
                    0 => return total,
                    len => total += len,
                }
            }
        });
        let mut rest = &huge[..];
        while !rest.is_empty() {
            rest = &rest[one.send(rest).unwrap()..];
        }
        drop(one);
        assert_eq!(reader.join().unwrap(), sent + huge.len());
    });
}

/// R-SOCK-03, R-SOCK-18, R-SOCK-25: a peer that is gone is an error of its own, and never a signal.
#[test]
fn no_call_raises_sigpipe() {
    alone(|| {
        fn check<K: Kind>() {
            let (one, other) = pair::<K>();
            drop(other);
            let vectored = [IoSlice::new(b"x")];
            let results = [
                one.send("x"),
                one.try_send("x"),
                one.send_timeout("x", LONG),
                one.send_interruptible("x"),
                one.send(Outgoing::vectored(&vectored)),
            ];
            for result in results {
                fails(result, ErrorKind::Closed, libc::EPIPE);
            }
        }
        let child = fork(|| {
            // The harness ignores the signal.
            // SAFETY: the default action; this process has one thread.
            unsafe { libc::signal(Signal::PIPE.as_raw(), libc::SIG_DFL) };
            check::<Stream>();
            check::<SeqPacket>();
            let (one, other) = pair::<Datagram>();
            drop(other);
            fails(one.send("x"), ErrorKind::Refused, libc::ECONNREFUSED);
            // With that it is not connected any more.
            fails(one.send("x"), ErrorKind::Closed, libc::ENOTCONN);
            let (one, other) = pair::<Stream>();
            drop(other);
            assert_eq!((&one).write(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
            assert_eq!(
                (&one).write_vectored(&[IoSlice::new(b"x")]).unwrap_err().kind(),
                std::io::ErrorKind::BrokenPipe
            );
            let mut frames = ipc_safe::socket::FramedStream::new(one);
            fails(frames.send(b"x", &[]), ErrorKind::Closed, libc::EPIPE);
            0
        });
        child.succeed();
    });
}

/// R-SOCK-25: closed with bytes unread, the peer is told.
#[test]
fn unread_bytes_are_a_reset() {
    alone(|| {
        fn check<K: Kind>() {
            let (one, other) = pair::<K>();
            one.send("unread").unwrap();
            drop(other);
            fails(one.receive(&mut [0; 9]), ErrorKind::Closed, libc::ECONNRESET);
            assert_eq!(one.receive(&mut [0; 9]).unwrap(), 0);
        }
        check::<Stream>();
        check::<SeqPacket>();
    });
}

/// R-SOCK-20, mistake 84: a datagram needs no connection, and the sender's address comes with it.
#[test]
fn datagrams_have_addresses() {
    alone(|| {
        let bound = || LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
        let (server, client, stranger) = (bound(), bound(), bound());
        let (to_server, to_client) = (server.local_address().unwrap(), client.local_address().unwrap());
        client.send(Outgoing::new(b"hello").to(&to_server)).unwrap();
        let (bytes, received) = receive(&server, 0);
        assert_eq!((&bytes[..], received.address), (&b"hello"[..], Some(to_client)));
        LocalDatagram::unbound().unwrap().send(Outgoing::new(b"nobody").to(&to_server)).unwrap();
        assert_eq!(receive(&server, 0).1.address, None);
        fails(client.send("where to?"), ErrorKind::Closed, libc::ENOTCONN);

        // Connected: only the peer's come in, and it may still send elsewhere.
        client.connect_to(&to_server).unwrap();
        fails(stranger.send(Outgoing::new(b"x").to(&to_client)), ErrorKind::PermissionDenied, libc::EPERM);
        client.send("default").unwrap();
        client.send(Outgoing::new(b"explicit").to(&stranger.local_address().unwrap())).unwrap();
        assert_eq!((receive(&server, 0).0, receive(&stranger, 0).0), (b"default".to_vec(), b"explicit".to_vec()));
        client.disconnect().unwrap();
        stranger.send(Outgoing::new(b"now").to(&to_client)).unwrap();
        assert_eq!(receive(&client, 0).0, b"now");

        drop(server);
        fails(client.send(Outgoing::new(b"x").to(&to_server)), ErrorKind::Refused, libc::ECONNREFUSED);
        // A stream that is connected takes no address.
        let (one, _other) = connection::<Stream>();
        fails(one.send(Outgoing::new(b"x").to(&to_client)), ErrorKind::Other, libc::EISCONN);
    });
}

/// R-SOCK-18: order and boundaries stay, also when the receiver lags.
#[test]
fn no_message_is_lost_or_changes_places() {
    alone(|| {
        fn check<K: Kind>(one: LocalSocket<K>, other: LocalSocket<K>) {
            fill(&one, &u32::MAX.to_ne_bytes());
            let sender =
                aside(move || (0..20_000_u32).for_each(|n| assert_eq!(one.send(&n.to_ne_bytes()).unwrap(), 4)));
            let mut expected = 0;
            while expected < 20_000 {
                let mut bytes = [0; 4];
                assert_eq!(other.receive(&mut bytes).unwrap(), 4);
                match u32::from_ne_bytes(bytes) {
                    u32::MAX => assert_eq!(expected, 0),
                    number => {
                        assert_eq!(number, expected);
                        expected += 1;
                    }
                }
            }
            sender.join().unwrap();
        }
        let (one, other) = pair::<Datagram>();
        check(one, other);
        let (one, other) = connection::<SeqPacket>();
        check(one, other);
    });
}
