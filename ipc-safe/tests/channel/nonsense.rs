//! A foe on the other side, who writes anything anywhere at any time: errors, waits and garbage, never harm.

use crate::support::{fork, watchdog};
use ipc_safe::channel::{Bells, Channel, Messages, SharedMessages, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::SharedMemory;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const LEN: usize = RING + 1024;
const SHORT: Duration = Duration::from_micros(300);
const TAIL: usize = 128;
const HEAD: usize = 256;
const RING: usize = 1792;

/// Numbers that look random, the same in every run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Writes all over the memory, mostly where it matters, for as long as it lives.
fn scribble(memory: &SharedMemory, only: std::ops::Range<usize>) -> ! {
    let mut state = 0x1234_5678_9abc_def1;
    loop {
        let value = random(&mut state);
        let offset = random(&mut state) as usize;
        let small = value % 2048;
        let (offset, value) = match value >> 60 {
            0..4 => (TAIL, small as u32 * 4),
            4..8 => (HEAD, small as u32 * 8),
            8..12 => (RING + offset % 128 * 8, small as u32),
            12 => (RING + offset % 128 * 8, u32::MAX),
            _ => (only.start + offset % (only.len() - 4), value as u32),
        };
        if only.contains(&offset) {
            memory.bytes().store(offset, &value).unwrap();
        }
    }
}

/// Every safe call while another process writes over the whole memory: each comes back, with whatever.
fn survive(only: std::ops::Range<usize>, time: Duration) {
    let (memfd, _channel) = Channel::<SharedMemory, Messages>::memfd(LEN - RING).unwrap();
    let other = memfd.map().unwrap();
    let foe = fork(|| scribble(&other, only.clone()));
    let until = Instant::now() + time;
    let (mut corrupt, mut fine, mut turns) = (0, 0, 0);
    let bells = Bells::new().unwrap();
    let mut look = |error: ipc_safe::Error| {
        assert!(!matches!(error.kind(), ErrorKind::OutOfRange), "{error:?}");
        corrupt += u32::from(error.kind() == ErrorKind::Corrupt);
    };
    while Instant::now() < until {
        turns += 1;
        // A new header, so that it opens: the foe destroys it, too.
        let Ok(channel) = Channel::<_, Messages>::create(memfd.map().unwrap()) else { continue };
        match channel.with_bells(bells.try_clone().unwrap()).sender() {
            Ok(mut sender) => {
                for len in 0..60 {
                    sender.try_send(&[len; 60][..len.into()]).map_or_else(&mut look, |()| fine += 1);
                    sender.send_timeout(&[len; 60], SHORT).map_or_else(&mut look, |()| fine += 1);
                    sender.try_send_many(&[&[1][..], &[2, 3], &[]]).map_or_else(&mut look, |_| fine += 1);
                    match sender.try_reserve(len.into()) {
                        Ok(room) => {
                            room.bytes().fill(len);
                            room.commit();
                        }
                        Err(error) => look(error),
                    }
                    let _ = (sender.arm(8), sender.peer(), sender.max_len());
                }
            }
            Err(rejected) => drop(rejected.into_inner().into_region()),
        }
        let Ok(channel) = Channel::<_, Messages>::create(memfd.map().unwrap()) else { continue };
        if let Ok(mut receiver) = channel.with_bells(bells.try_clone().unwrap()).receiver() {
            let mut message = Vec::new();
            let mut slice = [0; 40];
            for _ in 0..60 {
                receiver.try_receive(&mut message).map_or_else(&mut look, |()| fine += 1);
                assert!(message.capacity() <= LEN);
                receiver.receive_timeout(&mut message, SHORT).map_or_else(&mut look, |()| fine += 1);
                receiver.try_receive_into(&mut slice).map_or_else(&mut look, |_| fine += 1);
                match receiver.try_peek() {
                    Ok(peeked) => {
                        assert_eq!(peeked.bytes().to_vec().len(), peeked.len());
                        peeked.release();
                    }
                    Err(error) => look(error),
                }
                if let Ok(mut batch) = receiver.try_batch() {
                    // Not for ever: a batch is what one look saw.
                    for _ in 0..LEN {
                        match batch.next() {
                            Ok(Some(bytes)) => drop(bytes.to_vec()),
                            Ok(None) => break,
                            Err(error) => {
                                look(error);
                                break;
                            }
                        }
                    }
                }
                let _ = (receiver.arm(), receiver.peer());
            }
        }
        let Ok(channel) = Channel::<_, SharedMessages>::create(memfd.map().unwrap()) else { continue };
        if let Ok(mut sender) = channel.sender() {
            for len in 0..20 {
                sender.try_send(&[len; 60]).map_or_else(&mut look, |()| fine += 1);
                sender.send_timeout(&[len; 60], SHORT).map_or_else(&mut look, |()| fine += 1);
                sender.try_send_many(&[[1; 20]; 5]).map_or_else(&mut look, |_| fine += 1);
            }
        }
        let Ok(channel) = Channel::<_, Values<[u8; 24]>>::create(memfd.map().unwrap()) else { continue };
        if let Ok(mut receiver) = channel.receiver() {
            for _ in 0..20 {
                receiver.try_receive().map_or_else(&mut look, |_| fine += 1);
                receiver.try_drain().map_or_else(&mut look, |drain| fine += drain.count());
            }
        }
        let Ok(channel) = Channel::<_, Values<[u8; 24]>>::create(memfd.map().unwrap()) else { continue };
        if let Ok(mut sender) = channel.sender() {
            for _ in 0..20 {
                sender.try_send(&[1; 24]).map_or_else(&mut look, |()| fine += 1);
                sender.try_send_many(&[[1; 24]; 5]).map_or_else(&mut look, |_| fine += 1);
            }
        }
        let _ = Channel::<_, Messages>::open(memfd.map().unwrap(), Duration::ZERO);
    }
    drop(foe);
    println!("{turns} turns: {fine} calls did something, {corrupt} found nonsense");
    assert!(corrupt > 0 && fine > 0);
}

#[test]
fn a_foe_who_writes_everywhere() {
    let _watchdog = watchdog();
    survive(0..LEN, Duration::from_secs(2));
}

/// Only the positions and the ring, so that more calls get far.
#[test]
fn a_foe_who_writes_where_it_matters() {
    let _watchdog = watchdog();
    survive(TAIL..LEN, Duration::from_secs(2));
}

/// Once caught, always refused: the end is of no use, whatever stands in the memory later.
#[test]
fn nonsense_is_for_good() {
    let (memfd, channel) = Channel::<SharedMemory, Messages>::memfd(1024).unwrap();
    let memory = memfd.map().unwrap();
    let mut receiver = channel.receiver().unwrap();
    let mut sender = Channel::<_, Messages>::from_memfd(&memfd).unwrap().sender().unwrap();
    memory.bytes().store(TAIL, &4096_u32).unwrap();
    let mut message = b"as it was".to_vec();
    let error = receiver.receive(&mut message).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Corrupt, "receive: somebody wrote nonsense into the shared memory".into())
    );
    memory.bytes().store(TAIL, &0_u32).unwrap();
    assert_eq!(receiver.try_peek().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(receiver.try_batch().map(drop).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(message, b"as it was");
    // The sender sees what the receiver's position says only when it needs room.
    memory.bytes().store(HEAD, &8_u32).unwrap();
    sender.try_send(&[0; 500]).unwrap();
    sender.try_send(&[0; 500]).unwrap();
    memory.bytes().store(HEAD, &4096_u32).unwrap();
    assert_eq!(sender.send(&[0; 500]).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(sender.send(b"").unwrap_err().kind(), ErrorKind::Corrupt);
    // A new holder starts from what stands there, if it makes sense.
    drop((sender, receiver));
    let rejected = Channel::<_, Messages>::from_memfd(&memfd).unwrap().receiver().unwrap_err();
    assert_eq!(rejected.error().kind(), ErrorKind::Corrupt);
    memory.bytes().store(HEAD, &0_u32).unwrap();
    memory.bytes().store(TAIL, &0_u32).unwrap();
    assert!(rejected.into_inner().receiver().is_ok(), "the end was given back");
}

/// Lengths that a message cannot have.
#[test]
fn lengths_are_checked_against_what_is_published() {
    let lies = |length: u32, published: u32| {
        let (memfd, channel) = Channel::<SharedMemory, Messages>::memfd(1024).unwrap();
        let memory = memfd.map().unwrap();
        memory.bytes().store(RING, &length).unwrap();
        let mut receiver = channel.receiver().unwrap();
        memory.bytes().store(TAIL, &published).unwrap();
        receiver.try_receive(&mut Vec::new()).map_err(|error| error.kind())
    };
    assert_eq!(lies(4, 8), Ok(()));
    assert_eq!(lies(508, 512), Ok(()));
    for (length, published) in
        [(5, 8), (508, 504), (509, 1024), (1 << 31, 1024), (u32::MAX - 3, 1024), (u32::MAX, 1024)]
    {
        assert_eq!(lies(length, published), Err(ErrorKind::Corrupt), "{length} of {published}");
    }
}

/// What is to be a bell may be something else: a pipe that is full makes nobody wait.
#[test]
fn a_bell_that_takes_nothing_is_not_waited_for() {
    let _watchdog = watchdog();
    let (reader, writer) = ipc_safe::pipe::pipe().unwrap();
    let owned = |fd: &dyn AsFd| fd.as_fd().try_clone_to_owned().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let (memfd, channel) = Channel::<SharedMemory, Messages>::memfd(1024).unwrap();
    let bells = Bells::from_descriptors(owned(&reader), owned(&writer));
    let mut sender = channel.with_bells(bells).sender().unwrap();
    let mut receiver =
        Channel::<_, Messages>::from_memfd(&memfd).unwrap().with_bells(Bells::new().unwrap()).receiver().unwrap();
    assert!(receiver.arm().unwrap());
    sender.send(b"rings nowhere").unwrap();
}

/// A bell that is a pipe nobody reads any more, or a socket, or a file at the limit, makes no signal that ends this process.
#[test]
fn a_bell_that_would_raise_a_signal_is_not_rung() {
    let _watchdog = watchdog();
    fork(|| {
        let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
        // SAFETY: what the signals do by themselves, and a limit, in this child only.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
        }
        let (reader, writer) = ipc_safe::pipe::pipe().unwrap();
        drop(reader);
        let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(1 << 20)).unwrap();
        let owned = |fd: &dyn AsFd| fd.as_fd().try_clone_to_owned().unwrap();
        for bell in [owned(&writer), owned(&socket), owned(&file)] {
            let (memfd, channel) = Channel::<SharedMemory, Messages>::memfd(1024).unwrap();
            let [ours, _] = Bells::new().unwrap().descriptors().map(|bell| owned(&bell));
            let mut sender = channel.with_bells(Bells::from_descriptors(ours, bell)).sender().unwrap();
            let theirs = Channel::<_, Messages>::from_memfd(&memfd).unwrap().with_bells(Bells::new().unwrap());
            let mut receiver = theirs.receiver().unwrap();
            assert!(receiver.arm().unwrap());
            sender.send(b"rings nowhere").unwrap();
        }
        0
    })
    .succeed();
}

/// Whoever makes the channel chooses how long its messages are. One that there is no memory for is an error, and stays.
#[test]
fn a_message_that_there_is_no_memory_for_is_an_error() {
    const LARGE: usize = 256 << 20;
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<SharedMemory, Messages>::memfd(2 * LARGE).unwrap();
    fork(|| {
        let mut sender = channel.sender().unwrap();
        // Nothing is written there, so that it takes no memory.
        sender.reserve(LARGE / 2).unwrap().commit();
        let mut receiver = Channel::<SharedMemory, Messages>::from_memfd(&memfd).unwrap().receiver().unwrap();
        let now = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = now.split(' ').next().unwrap().parse().unwrap();
        let limit = libc::rlimit { rlim_cur: (pages << 12) + (16 << 20), rlim_max: libc::RLIM_INFINITY };
        // SAFETY: lowers a limit of the child.
        unsafe { assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &raw const limit), 0) };
        let mut message = b"as it was".to_vec();
        assert_eq!(receiver.receive(&mut message).unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert_eq!(message, b"as it was");
        assert_eq!(receiver.peek().unwrap().len(), LARGE / 2);
        0
    })
    .succeed();
}
