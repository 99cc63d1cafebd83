//! Bytes, messages and descriptors into a local socket and out of its peer, by one thread, which never sleeps.
//!
//! The C program makes the same system calls with the same flags.

use crate::buffer::Buffer;
use crate::{Bar, Case};
use ipc_safe::socket::{
    Connected, Datagram, FramedStream, Incoming, Kind, Listener, LocalAddress, LocalDatagram, LocalSocket, Outgoing,
    SeqPacket, Stream,
};
use libc::{c_int, cmsghdr, iovec, msghdr, sockaddr_un, socklen_t};
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

const BAR: Bar = Bar::OverControl(0.03);

/// A frame is three calls, between which it is remembered how much of it has come: some 50 ns a call.
const FRAME: Bar = Bar::OverControl(0.07);

/// The sender's address is checked, and handed out with the rest: some 50 ns.
const ADDRESS: Bar = Bar::OverControl(0.05);

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        send_and_receive::<Stream>("stream", 64, 0),
        send_and_receive::<Stream>("stream", 4096, 0),
        send_and_receive::<Datagram>("datagram", 64, libc::MSG_TRUNC),
        send_and_receive::<Datagram>("datagram", 4096, libc::MSG_TRUNC),
        send_and_receive::<SeqPacket>("seqpacket", 64, libc::MSG_TRUNC),
        send_and_receive::<SeqPacket>("seqpacket", 4096, libc::MSG_TRUNC),
        write_and_read(64),
        try_send_and_try_receive(64),
        send_and_receive_timeout(64),
        vectored(64),
        to_an_address(64),
        credentials(64),
        descriptor(),
        frame(64),
        frame(4096),
        pair::<Stream>("stream", libc::SOCK_STREAM),
        pair::<SeqPacket>("seqpacket", libc::SOCK_SEQPACKET),
        connect_and_accept::<Stream>("stream", libc::SOCK_STREAM),
        connect_and_accept::<SeqPacket>("seqpacket", libc::SOCK_SEQPACKET),
    ]
}

/// The numbers of two sockets that are connected with each other: of that which sends, and that which receives.
type Numbers = (RawFd, RawFd);

fn numbers<K>(pair: &(LocalSocket<K>, LocalSocket<K>)) -> Numbers {
    (pair.0.as_raw_fd(), pair.1.as_raw_fd())
}

fn pair_of<K: Kind>() -> (LocalSocket<K>, LocalSocket<K>) {
    LocalSocket::pair().expect("a pair of sockets")
}

pub(crate) fn size(len: usize) -> String {
    if len < 1024 { format!("{len} B") } else { format!("{} KiB", len / 1024) }
}

/// Sends a buffer with these flags and receives it with those.
fn raw((from, to): Numbers, buffer: Buffer, sending: c_int, receiving: c_int) -> impl FnMut() {
    move || {
        let bytes = buffer.bytes();
        let len = bytes.len();
        // SAFETY: reads so many bytes of the buffer and writes as many.
        unsafe {
            let sending = sending | libc::MSG_NOSIGNAL;
            assert_eq!(libc::send(from, bytes.as_ptr().cast(), len, sending), len as isize);
            assert_eq!(libc::recv(to, bytes.as_mut_ptr().cast(), len, receiving), len as isize);
        }
    }
}

fn send_and_receive<K: Kind>(kind: &str, len: usize, receiving: c_int) -> Case {
    let pair = pair_of::<K>();
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&pair));
    let ours = move || {
        assert_eq!(pair.0.send(&*buffer.bytes()).unwrap(), len);
        assert_eq!(pair.1.receive(buffer.bytes()).unwrap(), len);
    };
    let name = format!("{kind}: send + receive, {}", size(len));
    Case::new(name, BAR, || raw(numbers, buffer, 0, receiving), ours)
}

fn write_and_read(len: usize) -> Case {
    let (mut here, mut there) = pair_of::<Stream>();
    let (buffer, numbers) = (Buffer::new(len, 0), (here.as_raw_fd(), there.as_raw_fd()));
    let ours = move || {
        assert_eq!(here.write(buffer.bytes()).unwrap(), len);
        assert_eq!(there.read(buffer.bytes()).unwrap(), len);
    };
    Case::new(format!("stream: write + read, {}", size(len)), BAR, || raw(numbers, buffer, 0, 0), ours)
}

fn try_send_and_try_receive(len: usize) -> Case {
    let pair = pair_of::<Stream>();
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&pair));
    let ours = move || {
        assert_eq!(pair.0.try_send(&*buffer.bytes()).unwrap(), len);
        assert_eq!(pair.1.try_receive(buffer.bytes()).unwrap(), len);
    };
    let at_once = libc::MSG_DONTWAIT;
    let name = format!("stream: try_send + try_receive, {}", size(len));
    Case::new(name, BAR, || raw(numbers, buffer, at_once, at_once), ours)
}

/// Looks at the clock for the deadline.
fn send_and_receive_timeout(len: usize) -> Case {
    let pair = pair_of::<Stream>();
    let (buffer, numbers) = (Buffer::new(len, 0), numbers(&pair));
    let ours = move || {
        assert_eq!(pair.0.send(&*buffer.bytes()).unwrap(), len);
        assert_eq!(pair.1.receive_timeout(buffer.bytes(), SECOND).unwrap(), len);
    };
    let name = format!("stream: send + receive_timeout (it is there), {}", size(len));
    Case::new(name, Bar::None, || raw(numbers, buffer, 0, libc::MSG_DONTWAIT), ours)
}

/// Room for control data, aligned as C wants it: credentials, a pid descriptor, a descriptor.
#[repr(C, align(8))]
struct Control([u8; 80]);

/// What a message has besides its parts.
#[derive(Clone, Copy, Default)]
struct Extras {
    /// A descriptor that goes with it.
    descriptor: Option<RawFd>,
    /// How many descriptors there is room for.
    descriptors: usize,
    /// Whether the address of the sender is asked for.
    sender: bool,
}

/// Sends the parts with `sendmsg`; `to` is an address and its length.
fn raw_send(socket: RawFd, parts: &mut [iovec], to: Option<&(sockaddr_un, socklen_t)>, extras: Extras) -> isize {
    let mut control = Control([0; 80]);
    // SAFETY: the header points at the parts, the address and the control data, which outlive the call, each with its
    // length; the control data has room for one descriptor.
    unsafe {
        let mut header: msghdr = std::mem::zeroed();
        if let Some((address, len)) = to {
            header.msg_name = (&raw const *address).cast_mut().cast();
            header.msg_namelen = *len;
        }
        (header.msg_iov, header.msg_iovlen) = (parts.as_mut_ptr(), parts.len());
        if let Some(descriptor) = extras.descriptor {
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(4) as usize;
            let first: *mut cmsghdr = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_len = libc::CMSG_LEN(4) as usize;
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            libc::CMSG_DATA(first).cast::<c_int>().write_unaligned(descriptor);
        }
        libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL)
    }
}

/// Receives with `recvmsg`; how many bytes, and the descriptor and the credentials that came with them.
fn raw_receive(
    socket: RawFd,
    parts: &mut [iovec],
    flags: c_int,
    extras: Extras,
) -> (isize, Option<RawFd>, Option<libc::ucred>) {
    let mut control = Control([0; 80]);
    // SAFETY: the header points at the parts, the address and the control data, which outlive the call, each with its
    // length; what the kernel wrote is read as the macros tell.
    unsafe {
        let mut address: libc::sockaddr_storage = std::mem::zeroed();
        let mut header: msghdr = std::mem::zeroed();
        if extras.sender {
            header.msg_name = (&raw mut address).cast();
            header.msg_namelen = size_of_val(&address) as socklen_t;
        }
        (header.msg_iov, header.msg_iovlen) = (parts.as_mut_ptr(), parts.len());
        header.msg_control = control.0.as_mut_ptr().cast();
        let descriptors = libc::CMSG_SPACE(4 * extras.descriptors as u32) as usize;
        header.msg_controllen = libc::CMSG_SPACE(12) as usize + libc::CMSG_SPACE(4) as usize;
        header.msg_controllen = (header.msg_controllen + descriptors).min(control.0.len());
        let len = libc::recvmsg(socket, &raw mut header, flags | libc::MSG_CMSG_CLOEXEC);
        assert_eq!(header.msg_flags & (libc::MSG_CTRUNC | libc::MSG_TRUNC), 0);
        let (mut descriptor, mut credentials) = (None, None);
        let mut next = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(message) = next.as_ref() {
            let data = libc::CMSG_DATA(next);
            match (message.cmsg_level, message.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => descriptor = Some(data.cast::<c_int>().read_unaligned()),
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                    credentials = Some(data.cast::<libc::ucred>().read_unaligned());
                }
                _ => {}
            }
            next = libc::CMSG_NXTHDR(&raw const header, next);
        }
        (len, descriptor, credentials)
    }
}

fn part(bytes: &mut [u8]) -> iovec {
    iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() }
}

/// Two parts into one.
fn vectored(len: usize) -> Case {
    let pair = pair_of::<SeqPacket>();
    let (buffer, (from, to)) = (Buffer::new(len, 0), numbers(&pair));
    let raw = || {
        move || {
            let (one, other) = buffer.bytes().split_at_mut(len / 2);
            let sent = raw_send(from, &mut [part(one), part(other)], None, Extras::default());
            assert_eq!(sent, len as isize);
            let received = raw_receive(to, &mut [part(buffer.bytes())], libc::MSG_TRUNC, Extras::default());
            assert_eq!(received.0, len as isize);
        }
    };
    let ours = move || {
        let (one, other) = buffer.bytes().split_at(len / 2);
        let parts = [IoSlice::new(one), IoSlice::new(other)];
        assert_eq!(pair.0.send(Outgoing::vectored(&parts)).unwrap(), len);
        let received = pair.1.receive_message(&mut Incoming::new(buffer.bytes())).unwrap();
        assert_eq!((received.len, received.is_truncated(), received.descriptors_lost), (len, false, false));
    };
    Case::new(format!("seqpacket: two parts + receive_message, {}", size(len)), BAR, raw, ours)
}

/// The address as C has it, with its length.
fn sockaddr(address: &LocalAddress) -> (sockaddr_un, socklen_t) {
    let bytes = address.to_sockaddr();
    // SAFETY: an all-zero address is one, and has at least as many bytes.
    unsafe {
        let mut address: sockaddr_un = std::mem::zeroed();
        assert!(bytes.len() <= size_of_val(&address));
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut address).cast(), bytes.len());
        (address, bytes.len() as socklen_t)
    }
}

/// A datagram without a connection, which says who sent it.
fn to_an_address(len: usize) -> Case {
    let server = LocalDatagram::bind(&LocalAddress::UNNAMED).expect("a name");
    let client = LocalDatagram::bind(&LocalAddress::UNNAMED).expect("a name");
    let address = server.local_address().expect("a name");
    let (buffer, from, to) = (Buffer::new(len, 0), client.as_raw_fd(), server.as_raw_fd());
    let c_address = sockaddr(&address);
    let raw = || {
        move || {
            let sent = raw_send(from, &mut [part(buffer.bytes())], Some(&c_address), Extras::default());
            assert_eq!(sent, len as isize);
            let with = Extras { sender: true, ..Extras::default() };
            let received = raw_receive(to, &mut [part(buffer.bytes())], libc::MSG_TRUNC, with);
            assert_eq!(received.0, len as isize);
        }
    };
    let ours = move || {
        assert_eq!(client.send(Outgoing::new(buffer.bytes()).to(&address)).unwrap(), len);
        let received = server.receive_message(&mut Incoming::new(buffer.bytes())).unwrap();
        assert!(received.len == len && received.address.is_some());
    };
    Case::new(format!("datagram: to an address + receive_message, {}", size(len)), ADDRESS, raw, ours)
}

/// The kernel tells who sent it.
fn credentials(len: usize) -> Case {
    let pair = pair_of::<Stream>();
    pair.1.pass_credentials(true).expect("credentials");
    let (buffer, (from, to)) = (Buffer::new(len, 0), numbers(&pair));
    let raw = || {
        move || {
            let bytes = buffer.bytes();
            // SAFETY: reads so many bytes of the buffer.
            let sent = unsafe { libc::send(from, bytes.as_ptr().cast(), len, libc::MSG_NOSIGNAL) };
            assert_eq!(sent, len as isize);
            let (received, _, credentials) = raw_receive(to, &mut [part(bytes)], 0, Extras::default());
            assert!(received == len as isize && credentials.is_some());
        }
    };
    let ours = move || {
        assert_eq!(pair.0.send(&*buffer.bytes()).unwrap(), len);
        let received = pair.1.receive_message(&mut Incoming::new(buffer.bytes())).unwrap();
        assert!(received.len == len && received.credentials.is_some());
    };
    Case::new(format!("stream: send + receive with credentials, {}", size(len)), BAR, raw, ours)
}

/// A byte with a descriptor, which is closed after it has come.
fn descriptor() -> Case {
    let pair = pair_of::<Stream>();
    let null = std::fs::File::open("/dev/null").expect("a file");
    let (buffer, (from, to), number) = (Buffer::new(1, 0), numbers(&pair), null.as_raw_fd());
    let raw = || {
        move || {
            let with = Extras { descriptor: Some(number), descriptors: 1, sender: false };
            assert_eq!(raw_send(from, &mut [part(buffer.bytes())], None, with), 1);
            let (len, received, _) = raw_receive(to, &mut [part(buffer.bytes())], 0, with);
            assert_eq!(len, 1);
            // SAFETY: it is new, and used no more.
            assert_eq!(unsafe { libc::close(received.expect("a descriptor")) }, 0);
        }
    };
    let mut room = Vec::new();
    let ours = move || {
        assert_eq!(pair.0.send(Outgoing::new(buffer.bytes()).descriptors(&[null.as_fd()])).unwrap(), 1);
        let mut incoming = Incoming::new(buffer.bytes()).descriptors(1).reuse(std::mem::take(&mut room));
        let received = pair.1.receive_message(&mut incoming).unwrap();
        assert_eq!((received.len, received.descriptors.len()), (1, 1));
        room = received.descriptors;
        room.clear();
    };
    Case::new("stream: a descriptor sent + received + closed", BAR, raw, ours)
}

/// Length and number of descriptors, and the bytes.
fn frame(len: usize) -> Case {
    let pair = pair_of::<Stream>();
    let (buffer, (from, to)) = (Buffer::new(len, 0), numbers(&pair));
    let raw = || {
        move || {
            raw_send_frame(from, buffer.bytes());
            assert_eq!(raw_receive_frame(to, buffer.bytes()), len);
        }
    };
    let (mut here, mut there) = (FramedStream::new(pair.0), FramedStream::new(pair.1));
    let ours = move || {
        here.send(buffer.bytes(), &[]).unwrap();
        let frame = there.receive().unwrap().unwrap();
        assert_eq!((frame.bytes.len(), frame.descriptors.len()), (len, 0));
        there.reuse(frame);
    };
    Case::new(format!("frame: send + receive, {}", size(len)), FRAME, raw, ours)
}

/// Sends a header and the bytes.
pub(crate) fn raw_send_frame(socket: RawFd, bytes: &mut [u8]) {
    let mut header = [bytes.len() as u32, 0].map(u32::to_le_bytes);
    let whole = (bytes.len() + 8) as isize;
    let sent = raw_send(socket, &mut [part(header.as_flattened_mut()), part(bytes)], None, Extras::default());
    assert_eq!(sent, whole);
}

/// Receives a frame that has at most as many bytes as there is room for.
pub(crate) fn raw_receive_frame(socket: RawFd, room: &mut [u8]) -> usize {
    let mut header = [0; 8];
    assert_eq!(raw_receive(socket, &mut [part(&mut header)], 0, Extras::default()).0, 8);
    let [a, b, c, d, ..] = header;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    let received = raw_receive(socket, &mut [part(&mut room[..len])], 0, Extras::default());
    assert_eq!(received.0, len as isize);
    len
}

/// Two connected sockets made, and closed.
fn pair<K: Kind>(kind: &str, number: c_int) -> Case {
    let raw = || {
        move || {
            let mut ends = [-1; 2];
            // SAFETY: writes two numbers; the descriptors are new, and used no more.
            unsafe {
                let made = libc::socketpair(libc::AF_UNIX, number | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr());
                assert_eq!(made, 0);
                assert_eq!((libc::close(ends[0]), libc::close(ends[1])), (0, 0));
            }
        }
    };
    Case::new(format!("{kind}: pair + drop"), BAR, raw, || drop(LocalSocket::<K>::pair().unwrap()))
}

/// A connection by an abstract name, made and closed.
fn connect_and_accept<K: Connected>(kind: &str, number: c_int) -> Case {
    let listener = Listener::<K>::bind(&LocalAddress::UNNAMED).expect("a name");
    let address = listener.local_address().expect("a name");
    let (c_listener, c_address) = (listener.as_raw_fd(), sockaddr(&address));
    let raw = || {
        move || {
            // SAFETY: the descriptors are new, and used no more; reads the address.
            unsafe {
                let client = libc::socket(libc::AF_UNIX, number | libc::SOCK_CLOEXEC, 0);
                let (address, len) = &c_address;
                assert_eq!(libc::connect(client, (&raw const *address).cast(), *len), 0);
                let nobody = std::ptr::null_mut();
                let server = libc::accept4(c_listener, nobody, nobody.cast(), libc::SOCK_CLOEXEC);
                assert!(server >= 0);
                assert_eq!((libc::close(client), libc::close(server)), (0, 0));
            }
        }
    };
    let ours = move || {
        let client = LocalSocket::<K>::connect(&address).unwrap();
        let server = listener.accept().unwrap();
        drop(client);
        drop(server);
    };
    Case::new(format!("{kind}: connect + accept + drop"), BAR, raw, ours)
}
