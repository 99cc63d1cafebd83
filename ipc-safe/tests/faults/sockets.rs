//! Local sockets.

use crate::driver::{Outcome, dropped, folder, or_timed_out, or_would_block, scenarios};
use ipc_safe::socket::{
    BindOptions, Credentials, FramedStream, Incoming, LocalAddress, LocalDatagram, LocalSeqPacket, LocalStream,
    Outgoing, SeqPacketListener, StreamListener, finish_connect,
};
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

scenarios! {
    pair
    bytes
    bytes_in_vain
    descriptors
    credentials
    peers
    bind
    bind_an_abstract_name
    bind_again
    accept
    accept_in_vain
    connect
    connect_begun_elsewhere
    datagrams
    frames
    frames_in_vain
}

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(2);

fn address() -> ipc_safe::Result<LocalAddress> {
    LocalAddress::path(folder().join("socket"))
}

fn pair() -> Outcome {
    let (one, other) = LocalStream::pair()?;
    let clone = one.try_clone()?;
    other.shutdown(Shutdown::Write)?;
    assert_eq!(clone.receive(&mut [0])?, 0);
    dropped((one, other, clone));
    Ok(())
}

/// Each message comes once and in its order.
fn bytes() -> Outcome {
    let (one, other) = LocalSeqPacket::pair()?;
    one.send(&b"one"[..])?;
    one.try_send(&b"two"[..])?;
    one.send_timeout(&b"three"[..], LONG)?;
    one.send_interruptible(&b"four"[..])?;
    let mut bytes = [0; 10];
    assert_eq!(other.peek(&mut bytes)?, 3);
    for (text, receive) in [("one", 0), ("two", 1), ("three", 2), ("four", 3)] {
        let len = match receive {
            0 => other.receive(&mut bytes)?,
            1 => other.try_receive(&mut bytes)?,
            2 => other.receive_timeout(&mut bytes, LONG)?,
            _ => other.receive_interruptible(&mut bytes)?,
        };
        assert_eq!(&bytes[..len], text.as_bytes());
    }
    let (mut one, mut other) = LocalStream::pair()?;
    one.write_all(b"0123456789")?;
    other.read_exact(&mut bytes)?;
    assert_eq!(&bytes, b"0123456789");
    Ok(())
}

fn bytes_in_vain() -> Outcome {
    let (one, other) = LocalStream::pair()?;
    let mut bytes = [0; 10];
    or_would_block(other.try_receive(&mut bytes))?;
    or_timed_out(other.receive_timeout(&mut bytes, SHORT))?;
    or_would_block(other.try_peek(&mut bytes))?;
    // Full.
    let much = vec![0; 1 << 18];
    while one.try_send(&much[..]).is_ok() {}
    or_timed_out(one.send_timeout(&much[..], SHORT))?;
    Ok(())
}

fn descriptors() -> Outcome {
    let (one, other) = LocalSeqPacket::pair()?;
    let file = File::open("/dev/null")?;
    let sent = [file.as_fd(), one.as_fd()];
    one.send(Outgoing::new(b"two").descriptors(&sent))?;
    one.send(Outgoing::new(b"two").descriptors(&sent))?;
    one.send(Outgoing::new(b"two").descriptors(&sent))?;
    let mut bytes = [0; 3];
    let received = other.receive_message(&mut Incoming::new(&mut bytes).descriptors(2))?;
    assert_eq!((received.len, received.descriptors.len()), (3, 2));
    // Room for one: the other is closed.
    let received = other.receive_message_timeout(&mut Incoming::new(&mut bytes).descriptors(1), LONG)?;
    assert!(received.descriptors_lost);
    dropped(received);
    // One that is not received goes with its socket.
    dropped((one, other));
    Ok(())
}

fn credentials() -> Outcome {
    let (one, other) = LocalSeqPacket::pair()?;
    other.pass_credentials(true)?;
    one.send(Outgoing::new(b"me").credentials(Credentials::current()))?;
    let mut bytes = [0; 3];
    let received = other.receive_message(&mut Incoming::new(&mut bytes))?;
    assert_eq!(received.credentials, Some(Credentials::current()));
    other.pass_credentials(false)?;
    Ok(())
}

fn peers() -> Outcome {
    let (one, _other) = LocalStream::pair()?;
    assert_eq!(one.peer_credentials()?, Credentials::current());
    one.peer_groups()?;
    match one.peer_pidfd() {
        Ok(descriptor) => dropped(descriptor),
        Err(error) if error.kind() == ipc_safe::error::ErrorKind::Unsupported => {}
        Err(error) => return Err(error.into()),
    }
    assert!(one.local_address()?.is_unnamed() && one.peer_address()?.is_unnamed());
    Ok(())
}

fn bind() -> Outcome {
    let address = address()?;
    let listener = StreamListener::bind(&address)?;
    assert!(listener.local_address()?.as_path().is_some());
    dropped(listener);
    let listener = BindOptions::new().mode(0o600).backlog(3).listen::<ipc_safe::socket::SeqPacket>(&address)?;
    dropped(listener.unlink()?);
    dropped(BindOptions::new().datagram(&address)?);
    Ok(())
}

fn bind_an_abstract_name() -> Outcome {
    let name = format!("ipc-safe sweep {}", std::process::id());
    let address = LocalAddress::abstract_name(name)?;
    let listener = SeqPacketListener::bind(&address)?;
    dropped(LocalSeqPacket::connect(&address)?);
    dropped(listener);
    Ok(())
}

/// The path of a socket that is gone.
fn bind_again() -> Outcome {
    let address = address()?;
    let path = address.as_path().expect("a path").to_owned();
    let stale = StreamListener::bind(&address)?;
    drop(stale.keep());
    let result = BindOptions::new().replace_stale(true).listen::<ipc_safe::socket::Stream>(&address);
    match result {
        Ok(listener) => dropped(listener),
        // The stale one is still there, and not ours to take away.
        Err(error) => {
            std::fs::remove_file(&path).or_else(|_| std::fs::remove_file(&path))?;
            return Err(error.into());
        }
    }
    Ok(())
}

fn accept() -> Outcome {
    let address = address()?;
    let listener = SeqPacketListener::bind(&address)?;
    let clients = (0..3).map(|_| LocalSeqPacket::connect(&address)).collect::<Result<Vec<_>, _>>()?;
    // Whoever has connected is still there after an error.
    let ways = [SeqPacketListener::accept, SeqPacketListener::try_accept, |listener: &SeqPacketListener| {
        listener.accept_timeout(LONG)
    }];
    for (accept, client) in ways.into_iter().zip(&clients) {
        let peer = accept(&listener)?;
        peer.send(&b"hello"[..])?;
        assert_eq!(client.receive(&mut [0; 5])?, 5);
    }
    Ok(())
}

fn accept_in_vain() -> Outcome {
    let listener = SeqPacketListener::bind(&address()?)?;
    or_would_block(listener.try_accept())?;
    or_timed_out(listener.accept_timeout(SHORT))?;
    Ok(())
}

fn connect() -> Outcome {
    let address = address()?;
    let listener = StreamListener::bind(&address)?;
    dropped(LocalStream::connect(&address)?);
    dropped(LocalStream::try_connect(&address)?);
    dropped(LocalStream::connect_timeout(&address, LONG)?);
    dropped(LocalStream::connect_interruptible(&address)?);
    dropped(listener);
    Ok(())
}

fn connect_begun_elsewhere() -> Outcome {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    finish_connect(&stream)?;
    ipc_safe::socket::finish_connect_timeout(&stream, LONG)?;
    ipc_safe::socket::try_finish_connect(&stream)?;
    Ok(())
}

fn datagrams() -> Outcome {
    let address = address()?;
    let server = LocalDatagram::bind(&address)?;
    let client = LocalDatagram::unbound()?;
    client.send(Outgoing::new(b"one").to(&address))?;
    client.connect_to(&address)?;
    client.send(&b"two"[..])?;
    client.disconnect()?;
    let mut bytes = [0; 3];
    assert_eq!(server.receive(&mut bytes)?, 3);
    assert_eq!(&bytes, b"one");
    assert_eq!(server.receive_timeout(&mut bytes, LONG)?, 3);
    assert_eq!(&bytes, b"two");
    Ok(())
}

fn frames() -> Outcome {
    let (one, other) = LocalStream::pair()?;
    let (mut one, mut other) = (FramedStream::new(one), FramedStream::new(other).max_descriptors(1));
    let file = File::open("/dev/null")?;
    one.send(b"one", &[])?;
    one.try_send(b"two", &[file.as_fd()])?;
    one.send_timeout(&[3; 5000], &[], LONG)?;
    one.flush()?;
    for (len, descriptors) in [(3, 0), (3, 1), (5000, 0)] {
        let frame = other.receive_timeout(LONG)?.expect("a frame");
        assert_eq!((frame.bytes.len(), frame.descriptors.len()), (len, descriptors));
        other.reuse(frame);
    }
    drop(one);
    assert!(other.receive()?.is_none());
    Ok(())
}

fn frames_in_vain() -> Outcome {
    let (one, other) = LocalStream::pair()?;
    let (mut one, mut other) = (FramedStream::new(one), FramedStream::new(other));
    or_would_block(other.try_receive())?;
    or_timed_out(other.receive_timeout(SHORT))?;
    let much = vec![0; 1 << 18];
    while one.try_send(&much, &[]).is_ok() && one.unsent() == 0 {}
    or_timed_out(one.flush_timeout(SHORT))?;
    Ok(())
}
