//! The four forms of waiting.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{LONG, SHORT, aside, connection, fails, fill, pair, skipped, wait_until_in};
use ipc_safe::error::{ErrorKind, Result};
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, HandlerOptions, Signal};
use ipc_safe::socket::{
    BindOptions, Datagram, FramedStream, Incoming, Kind, LocalAddress, LocalDatagram, LocalSocket, LocalStream,
    Outgoing, SeqPacket, SeqPacketListener, Stream, StreamListener,
};
use rustix::net::sockopt;
use std::time::{Duration, Instant};

/// Expects that the call waits as long as it may, and fails then.
#[track_caller]
fn times_out<T>(call: impl FnOnce() -> Result<T>) {
    let start = Instant::now();
    fails(call(), ErrorKind::TimedOut, libc::ETIMEDOUT);
    assert!((SHORT..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
}

/// A listener whose backlog is full, and its address.
fn full() -> (impl Sized, LocalAddress) {
    let listener = BindOptions::new().backlog(0).listen::<Stream>(&LocalAddress::UNNAMED).unwrap();
    let address = listener.local_address().unwrap();
    let client = LocalStream::connect(&address).unwrap();
    ((listener, client), address)
}

/// R-SOCK-16, R-SOCK-17, R-SOCK-18, R-SOCK-19, mistake 83: receiving waits when there is nothing.
#[test]
fn no_call_waits_longer_than_it_may() {
    alone(|| {
        fn check<K: Kind>() {
            for blocking in [true, false] {
                let (one, other) = pair::<K>();
                rustix::io::ioctl_fionbio(&one, !blocking).unwrap();
                let mut bytes = [0; 9];
                times_out(|| one.receive_timeout(&mut [0; 9], SHORT));
                times_out(|| one.peek_timeout(&mut [0; 9], SHORT));
                times_out(|| one.receive_message_timeout(&mut Incoming::new(&mut bytes), SHORT));
                fails(one.try_receive(&mut [0; 9]), ErrorKind::WouldBlock, libc::EAGAIN);
                fails(one.receive_timeout(&mut [0; 9], Duration::ZERO), ErrorKind::TimedOut, libc::ETIMEDOUT);
                fill(&one, b"x");
                times_out(|| one.send_timeout("y", SHORT));
                fails(one.try_send("y"), ErrorKind::WouldBlock, libc::EAGAIN);
                drop(other);
            }
        }
        check::<Stream>();
        check::<Datagram>();
        check::<SeqPacket>();
        let listener = SeqPacketListener::bind(&LocalAddress::UNNAMED).unwrap();
        times_out(|| listener.accept_timeout(SHORT));
        fails(listener.try_accept(), ErrorKind::WouldBlock, libc::EAGAIN);
        let (_full, address) = full();
        times_out(|| LocalStream::connect_timeout(&address, SHORT));
        fails(LocalStream::try_connect(&address), ErrorKind::WouldBlock, libc::EAGAIN);
        // To an address, where readiness says nothing of the receiver's room.
        let receiver = LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
        let address = receiver.local_address().unwrap();
        let sender = LocalDatagram::unbound().unwrap();
        let message = Outgoing::new(b"x").to(&address);
        while sender.try_send(message).is_ok() {}
        times_out(|| sender.send_timeout(message, SHORT));
    });
}

/// R-SOCK-16, R-SOCK-18, R-SOCK-19: what comes in time is had, by every form that waits, blocking or not.
#[test]
fn what_comes_in_time_ends_the_wait() {
    alone(|| {
        fn check<K: Kind>(blocking: bool) {
            type Receive<K> = fn(&LocalSocket<K>) -> Result<usize>;
            let forms: [Receive<K>; 4] = [
                |socket| socket.receive(&mut [0; 9]),
                |socket| socket.receive_timeout(&mut [0; 9], LONG),
                |socket| socket.receive_timeout(&mut [0; 9], Duration::MAX),
                |socket| socket.receive_interruptible(&mut [0; 9]),
            ];
            for form in forms {
                let (one, other) = pair::<K>();
                rustix::io::ioctl_fionbio(&other, !blocking).unwrap();
                let child = fork(|| {
                    assert_eq!(form(&other).unwrap(), 4);
                    0
                });
                wait_until_in(&[libc::SYS_recvfrom, libc::SYS_ppoll], child.pid());
                one.send("wake").unwrap();
                child.succeed();
            }
        }
        check::<Stream>(true);
        check::<Datagram>(false);
        check::<SeqPacket>(false);
    });
}

/// R-SOCK-18: room that is made ends the wait of a sender, one that sends to an address too.
#[test]
fn room_ends_the_wait_of_a_sender() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        fill(&one, &[7; 4096]);
        let sender = aside(move || one.send_timeout(&[7; 4096], LONG).map(|_| ()));
        while !sender.is_finished() {
            let _ = other.try_receive(&mut [0; 4096]);
        }
        sender.join().unwrap().unwrap();

        type Send = fn(&LocalDatagram, Outgoing<'_>) -> Result<usize>;
        let forms: [Send; 3] = [
            |socket, message| socket.send(message),
            |socket, message| socket.send_timeout(message, LONG),
            |socket, message| socket.send_interruptible(message),
        ];
        for form in forms {
            let receiver = LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
            let address = receiver.local_address().unwrap();
            let sender = LocalDatagram::unbound().unwrap();
            while sender.try_send(Outgoing::new(b"x").to(&address)).is_ok() {}
            let sender = aside(move || form(&sender, Outgoing::new(b"last").to(&address)));
            let mut bytes = [0; 9];
            while receiver.receive(&mut bytes).unwrap() != 4 {}
            assert_eq!(sender.join().unwrap().unwrap(), 4);
        }
    });
}

/// R-SOCK-16: a backlog that is full makes a connection wait, in each form that waits.
#[test]
fn a_place_in_the_backlog_ends_the_wait_of_a_client() {
    alone(|| {
        type Connect = fn(&LocalAddress) -> Result<LocalStream>;
        let forms: [Connect; 3] = [
            LocalStream::connect,
            |address| LocalStream::connect_timeout(address, LONG),
            LocalStream::connect_interruptible,
        ];
        for form in forms {
            let listener = BindOptions::new().backlog(0).listen::<Stream>(&LocalAddress::UNNAMED).unwrap();
            let address = listener.local_address().unwrap();
            let _first = LocalStream::connect(&address).unwrap();
            let client = fork(|| {
                let socket = form(&address).unwrap();
                // No timeout stays at the socket, and no flag.
                assert_eq!(sockopt::socket_timeout(&socket, sockopt::Timeout::Send).unwrap(), None);
                assert!(!rustix::fs::fcntl_getfl(&socket).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
                assert_eq!(socket.receive(&mut [0; 9]).unwrap(), 4);
                0
            });
            wait_until_in(&[libc::SYS_connect], client.pid());
            let _first = listener.accept().unwrap();
            let server = listener.accept().unwrap();
            wait_until_in(&[libc::SYS_recvfrom], client.pid());
            server.send("late").unwrap();
            client.succeed();
        }
    });
}

/// A call that waits for what never comes.
type Waiting = Box<dyn Fn(bool) -> Result<()>>;

/// Calls that wait, interruptible or not, in a process of their own. Those that are not end with their time.
fn waiting() -> Vec<Waiting> {
    let mut calls: Vec<Waiting> = Vec::new();
    fn add<K: Kind>(calls: &mut Vec<Waiting>) {
        let (one, other) = pair::<K>();
        fill(&one, b"x");
        calls.push(Box::new(move |interruptible| {
            let _keep = &other;
            if interruptible { one.send_interruptible("y") } else { one.send_timeout("y", SHORT * 5) }.map(drop)
        }));
        let (one, other) = pair::<K>();
        calls.push(Box::new(move |interruptible| {
            let _keep = &other;
            let mut bytes = [0; 9];
            if interruptible {
                one.receive_interruptible(&mut bytes)
            } else {
                one.receive_timeout(&mut bytes, SHORT * 5)
            }
            .map(drop)
        }));
        let (one, other) = pair::<K>();
        calls.push(Box::new(move |interruptible| {
            let _keep = &other;
            let mut bytes = [0; 9];
            if interruptible { one.peek_interruptible(&mut bytes) } else { one.peek_timeout(&mut bytes, SHORT * 5) }
                .map(drop)
        }));
        let (one, other) = pair::<K>();
        calls.push(Box::new(move |interruptible| {
            let _keep = &other;
            let mut bytes = [0; 9];
            let mut message = Incoming::new(&mut bytes);
            if interruptible {
                one.receive_message_interruptible(&mut message).map(drop)
            } else {
                one.receive_message_timeout(&mut message, SHORT * 5).map(drop)
            }
        }));
    }
    add::<Stream>(&mut calls);
    add::<Datagram>(&mut calls);
    add::<SeqPacket>(&mut calls);
    let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
    calls.push(Box::new(move |interruptible| {
        if interruptible { listener.accept_interruptible() } else { listener.accept_timeout(SHORT * 5) }.map(drop)
    }));
    let (full, address) = full();
    calls.push(Box::new(move |interruptible| {
        let _keep = &full;
        if interruptible {
            LocalStream::connect_interruptible(&address).map(drop)
        } else {
            LocalStream::connect_timeout(&address, SHORT * 5).map(drop)
        }
    }));
    let receiver = LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
    let address = receiver.local_address().unwrap();
    let sender = LocalDatagram::unbound().unwrap();
    while sender.try_send(Outgoing::new(b"x").to(&address)).is_ok() {}
    calls.push(Box::new(move |interruptible| {
        let _keep = &receiver;
        let message = Outgoing::new(b"y").to(&address);
        if interruptible { sender.send_interruptible(message) } else { sender.send_timeout(message, SHORT * 5) }
            .map(drop)
    }));
    let (one, other) = pair();
    let frames = std::cell::RefCell::new(FramedStream::new(one));
    calls.push(Box::new(move |interruptible| {
        let _keep = &other;
        let mut frames = frames.borrow_mut();
        if interruptible { frames.receive_interruptible() } else { frames.receive_timeout(SHORT * 5) }.map(drop)
    }));
    calls
}

/// R-SOCK-16, R-SOCK-25: a signal handler ends the interruptible form, whatever its flags are, and no other one.
#[test]
fn a_signal_handler_ends_only_the_interruptible_form() {
    alone(|| {
        for restart in [true, false] {
            fork(|| {
                let calls = waiting();
                let handler = HandlerOptions::new().restart(restart).count(Signal::USR1).unwrap();
                let target = getpid();
                // Signals come all the time.
                let sender = fork(move || {
                    while signal::to_process(target, Signal::USR1).is_ok() {
                        std::thread::sleep(Duration::from_micros(300));
                    }
                    0
                });
                for (number, call) in calls.iter().enumerate() {
                    for _ in 0..5 {
                        let error = call(true).expect_err("interrupted");
                        assert!(error.is_interrupted(), "call {number}, restart {restart}: {error}");
                    }
                    let (start, before) = (Instant::now(), handler.count());
                    let error = call(false).expect_err("out of time");
                    assert!(error.is_timed_out() && start.elapsed() >= SHORT * 5, "call {number}: {error}");
                    assert!(handler.count() > before, "no signal came");
                }
                drop(sender);
                0
            })
            .succeed();
        }
    });
}

/// A signal every so many microseconds, or none any more.
fn set_timer(period_us: i64) {
    let time = libc::timeval { tv_sec: 0, tv_usec: period_us };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: reads one `itimerval`.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) }, 0);
}

/// R-SOCK-18, R-SOCK-25: in a storm of signals the plain forms lose nothing and double nothing.
#[test]
fn nothing_is_lost_in_a_storm_of_signals() {
    alone(|| {
        const COUNT: u32 = 60_000;
        fn check<K: Kind>(one: LocalSocket<K>, other: LocalSocket<K>) {
            let storm = |body: &dyn Fn()| {
                let handler = HandlerOptions::new().restart(false).count(Signal::ALRM).unwrap();
                set_timer(100);
                body();
                set_timer(0);
                assert!(handler.count() > 5, "only {} signals came", handler.count());
                0
            };
            let sender = fork(|| {
                storm(&|| {
                    for number in 0..COUNT {
                        assert_eq!(one.send(&number.to_ne_bytes()).unwrap(), 4);
                    }
                })
            });
            let receiver = fork(|| {
                storm(&|| {
                    for number in 0..COUNT {
                        let mut bytes = [0; 4];
                        let mut message = Incoming::new(&mut bytes).wait_all();
                        assert_eq!(other.receive_message(&mut message).unwrap().len, 4);
                        assert_eq!(u32::from_ne_bytes(bytes), number);
                    }
                })
            });
            sender.succeed();
            receiver.succeed();
        }
        let (one, other) = connection::<SeqPacket>();
        check(one, other);
        let (one, other) = pair::<Datagram>();
        check(one, other);
    });
}

/// R-SOCK-19: a byte out of band makes a socket look ready for one who only looks; that is no reason to spin.
#[test]
fn a_peer_cannot_make_a_wait_spin() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        match one.send(Outgoing::new(b"!").out_of_band()) {
            Err(error) if error.kind() == ErrorKind::Unsupported => return skipped("no bytes out of band"),
            sent => drop(sent.unwrap()),
        }
        fork(|| {
            let mut bytes = [0; 9];
            let mut message = Incoming::new(&mut bytes).peek();
            fails(other.receive_message_timeout(&mut message, SHORT * 10), ErrorKind::TimedOut, libc::ETIMEDOUT);
            // SAFETY: all zero is a value; the call writes it.
            let used = unsafe {
                let mut usage: libc::rusage = std::mem::zeroed();
                libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
                usage
            };
            // Of the 200 ms. A child begins with none used.
            let used = Duration::from_micros((used.ru_utime.tv_usec + used.ru_stime.tv_usec).cast_unsigned());
            assert!(used < SHORT * 5, "{used:?}");
            0
        })
        .succeed();
    });
}
