//! Sockets: local streams, packets and datagrams, TCP, and UDP with a window.

use super::mechanism::{Channel, End, Mechanism, Objects};
use crate::failure::{Failure, Result, reason};
use crate::inventory::Name;
use ipc_safe::socket::{
    Datagram, FramedStream, Incoming, Kind, LocalDatagram, LocalSeqPacket, LocalSocket, LocalStream, Outgoing,
    SeqPacket, Stream,
};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A kind of socket, of which both ends are made before the fork.
pub(super) struct Socket {
    name: &'static str,
    title: &'static str,
    unit: usize,
    create: fn(usize) -> Result<Box<dyn Objects>>,
}

impl Socket {
    pub(super) const LOCAL_STREAM: Self =
        Self { name: "stream", title: "local stream", unit: 64 << 10, create: |unit| local::<Stream>(unit) };
    pub(super) const LOCAL_DATAGRAM: Self =
        Self { name: "datagram", title: "local datagrams", unit: 64 << 10, create: |unit| local::<Datagram>(unit) };
    pub(super) const LOCAL_SEQPACKET: Self =
        Self { name: "seqpacket", title: "local seqpackets", unit: 64 << 10, create: |unit| local::<SeqPacket>(unit) };
    pub(super) const TCP: Self = Self { name: "tcp", title: "TCP", unit: 64 << 10, create: tcp };
    pub(super) const UDP: Self = Self { name: "udp", title: "UDP with a window", unit: 16 << 10, create: udp };
}

impl Mechanism for Socket {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn unit(&self) -> Result<usize> {
        Ok(self.unit)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        (self.create)(unit)
    }
}

/// The two ends, the sender's first. Each process keeps its own and closes the other's, so that it notices when that one is gone.
struct Ends<S> {
    ends: Mutex<Option<(S, S)>>,
    unit: usize,
}

/// An end that becomes a channel.
trait Socketlike: Send + Sized + 'static {
    fn channel(self, end: End, unit: usize) -> Result<Box<dyn Channel>>;
}

impl<S: Socketlike> Ends<S> {
    fn boxed(one: S, other: S, unit: usize) -> Box<dyn Objects> {
        Box::new(Self { ends: Mutex::new(Some((one, other))), unit })
    }
}

impl<S: Socketlike> Objects for Ends<S> {
    fn names(&self) -> Vec<Name> {
        Vec::new()
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (sender, receiver) = ends.ok_or_else(|| Failure::new("an end is connected twice"))?;
        let own = match end {
            End::Sender => sender,
            End::Receiver => receiver,
        };
        own.channel(end, self.unit)
    }
}

fn local<K: Kind>(unit: usize) -> Result<Box<dyn Objects>>
where
    LocalSocket<K>: Socketlike,
{
    let (one, other) = LocalSocket::<K>::pair()?;
    Ok(Ends::boxed(one, other, unit))
}

impl Socketlike for LocalStream {
    fn channel(self, _end: End, unit: usize) -> Result<Box<dyn Channel>> {
        Ok(Box::new(Frames { stream: FramedStream::new(self).max_len(unit), message: Vec::new() }))
    }
}

/// A stream has no messages of its own.
struct Frames {
    stream: FramedStream,
    message: Vec<u8>,
}

impl Channel for Frames {
    fn send(&mut self, message: &[u8]) -> Result {
        Ok(self.stream.send(message, &[])?)
    }

    fn receive(&mut self) -> Result<&[u8]> {
        self.message = self.stream.receive()?.ok_or_else(gone)?.bytes;
        Ok(&self.message)
    }
}

fn gone() -> Failure {
    Failure::new("the other end is closed")
}

impl Socketlike for LocalDatagram {
    fn channel(self, _end: End, unit: usize) -> Result<Box<dyn Channel>> {
        Ok(Box::new(Messages { socket: self, asks: true, message: vec![0; unit] }))
    }
}

impl Socketlike for LocalSeqPacket {
    fn channel(self, _end: End, unit: usize) -> Result<Box<dyn Channel>> {
        Ok(Box::new(Messages { socket: self, asks: false, message: vec![0; unit] }))
    }
}

/// Messages, with a byte before each: an empty packet would look like the end.
struct Messages<K> {
    socket: LocalSocket<K>,
    /// Whether the end of the other process has to be asked for, with an empty message: sockets without connections do not tell.
    asks: bool,
    message: Vec<u8>,
}

impl<K: Kind> Messages<K> {
    /// Receives into `message`; how many bytes, with the one before.
    fn receive_len(&mut self) -> Result<usize> {
        loop {
            let mut before = [0];
            let mut room = [IoSliceMut::new(&mut before), IoSliceMut::new(&mut self.message)];
            let mut incoming = Incoming::vectored(&mut room);
            let received = match self.asks {
                true => self.socket.receive_message_timeout(&mut incoming, PATIENCE),
                false => self.socket.receive_message(&mut incoming),
            };
            match received {
                Ok(received) if received.is_truncated() => {
                    return Err(Failure::new("a message is longer than it may be"));
                }
                Ok(received) if received.len > 0 => return Ok(received.len),
                Ok(_) if self.asks => {} // asked whether anybody is there
                Ok(_) => return Err(gone()),
                Err(error) if error.is_timed_out() => self.ask()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn ask(&self) -> Result {
        match self.socket.try_send(b"") {
            Err(error) if error.is_would_block() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }
}

impl<K: Kind> Channel for Messages<K> {
    fn send(&mut self, message: &[u8]) -> Result {
        self.socket.send(Outgoing::vectored(&[IoSlice::new(&[0]), IoSlice::new(message)]))?;
        Ok(())
    }

    fn receive(&mut self) -> Result<&[u8]> {
        let len = self.receive_len()?;
        Ok(&self.message[..len - 1])
    }
}

fn failed(doing: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(format!("{doing}: {}", reason(&error)))
}

fn tcp(unit: usize) -> Result<Box<dyn Objects>> {
    let pair = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let one = TcpStream::connect(listener.local_addr()?)?;
        // Somebody else may have been faster to connect.
        loop {
            let (other, address) = listener.accept()?;
            if address == one.local_addr()? {
                // Short messages go at once.
                one.set_nodelay(true)?;
                other.set_nodelay(true)?;
                return Ok((one, other));
            }
        }
    };
    let (one, other) = pair().map_err(failed("a TCP connection"))?;
    Ok(Ends::boxed(one, other, unit))
}

impl Socketlike for TcpStream {
    fn channel(self, _end: End, unit: usize) -> Result<Box<dyn Channel>> {
        Ok(Box::new(Lengths { stream: self, outgoing: Vec::with_capacity(HEADER + unit), message: Vec::new(), unit }))
    }
}

/// Bytes of a length, or of a count of datagrams.
const HEADER: usize = size_of::<u64>();

/// Messages with their length before them.
struct Lengths {
    stream: TcpStream,
    outgoing: Vec<u8>,
    message: Vec<u8>,
    unit: usize,
}

impl Channel for Lengths {
    fn send(&mut self, message: &[u8]) -> Result {
        self.outgoing.clear();
        self.outgoing.extend_from_slice(&(message.len() as u64).to_ne_bytes());
        self.outgoing.extend_from_slice(message);
        self.stream.write_all(&self.outgoing).map_err(failed("sending"))
    }

    fn receive(&mut self) -> Result<&[u8]> {
        let mut header = [0; HEADER];
        self.stream.read_exact(&mut header).map_err(failed("receiving"))?;
        // The length comes from the other process: at most what a message may have is believed.
        let len = usize::try_from(u64::from_ne_bytes(header)).unwrap_or(usize::MAX).min(self.unit);
        self.message.resize(len, 0);
        self.stream.read_exact(&mut self.message).map_err(failed("receiving"))?;
        Ok(&self.message)
    }
}

/// How long nothing may come before the other end is asked whether it is there.
const PATIENCE: Duration = Duration::from_millis(50);
/// So many bytes may be under way: what a receiver that lags has room for.
const UNDER_WAY: usize = 64 << 10;

/// A pair of sockets a direction: messages go one way, acknowledgements the other.
struct Datagrams {
    outgoing: UdpSocket,
    incoming: UdpSocket,
}

fn udp(unit: usize) -> Result<Box<dyn Objects>> {
    let pair = || -> std::io::Result<_> {
        let (one, other) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        one.connect(other.local_addr()?)?;
        other.connect(one.local_addr()?)?;
        one.set_read_timeout(Some(PATIENCE))?;
        other.set_read_timeout(Some(PATIENCE))?;
        Ok((one, other))
    };
    let (there, back) = (pair().map_err(failed("UDP sockets"))?, pair().map_err(failed("UDP sockets"))?);
    let sender = Datagrams { outgoing: there.0, incoming: back.1 };
    let receiver = Datagrams { outgoing: back.0, incoming: there.1 };
    Ok(Ends::boxed(sender, receiver, unit))
}

impl Socketlike for Datagrams {
    fn channel(self, _end: End, unit: usize) -> Result<Box<dyn Channel>> {
        let window = (UNDER_WAY / unit).clamp(1, 64) as u64;
        // Room for one byte more than a message has, to tell one that is longer.
        let message = vec![0; HEADER + unit + 1];
        Ok(Box::new(Window {
            sockets: self,
            window,
            sent: 0,
            acknowledged: 0,
            received: 0,
            packet: Vec::new(),
            message,
        }))
    }
}

/// At most so many messages are under way as the receiver has room for: the loopback drops what has none. Each begins with its
/// number; the receiver answers half a window with how many it has.
struct Window {
    sockets: Datagrams,
    window: u64,
    sent: u64,
    acknowledged: u64,
    received: u64,
    packet: Vec<u8>,
    message: Vec<u8>,
}

impl Window {
    /// Waits for an acknowledgement.
    fn await_room(&mut self) -> Result {
        let mut count = [0; HEADER];
        if receive(&self.sockets.outgoing, &mut count)? == HEADER {
            self.acknowledged = u64::from_ne_bytes(count).clamp(self.acknowledged, self.sent);
        }
        Ok(())
    }
}

/// Receives a datagram. When none comes for a while, the other end is asked with an empty one: when nobody is there, the next call
/// is refused.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match socket.recv(buffer) {
            Ok(0) => {} // asked
            Ok(len) => return Ok(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                socket.send(&[]).map_err(failed("sending"))?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed("receiving")(error)),
        }
    }
}

impl Channel for Window {
    fn send(&mut self, message: &[u8]) -> Result {
        while self.sent - self.acknowledged >= self.window {
            self.await_room()?;
        }
        self.packet.clear();
        self.packet.extend_from_slice(&self.sent.to_ne_bytes());
        self.packet.extend_from_slice(message);
        self.sockets.outgoing.send(&self.packet).map_err(failed("sending"))?;
        self.sent += 1;
        Ok(())
    }

    fn receive(&mut self) -> Result<&[u8]> {
        let len = receive(&self.sockets.incoming, &mut self.message)?;
        let (number, message) = self.message[..len].split_first_chunk().ok_or_else(|| Failure::new("half a number"))?;
        if u64::from_ne_bytes(*number) != self.received {
            return Err(Failure::new(format!("message {} is lost", self.received)));
        }
        self.received += 1;
        if self.received.is_multiple_of(self.window.div_ceil(2)) {
            // One that is not there any more needs none.
            let _ = self.sockets.incoming.send(&self.received.to_ne_bytes());
        }
        Ok(message)
    }
}
