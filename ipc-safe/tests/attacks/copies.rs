//! Bytes that somebody else changes in the middle of a copy.

use crate::support::{fork, watchdog};
use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicBool, Ordering};

/// A neighbour that looks at shared bytes after every single instruction of this process: it counts those that are not zero,
/// and puts them back to zero, as a reader does with a flag that it has seen.
#[cfg(target_arch = "x86_64")]
mod neighbour {
    use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

    const MOST: usize = 4096;
    static WATCHED: AtomicPtr<AtomicU8> = AtomicPtr::new(std::ptr::null_mut());
    static LEN: AtomicUsize = AtomicUsize::new(0);
    static SEEN: [AtomicU8; MOST] = [const { AtomicU8::new(0) }; MOST];

    extern "C" fn after_an_instruction(_: i32) {
        let watched = WATCHED.load(Ordering::Relaxed);
        for (index, seen) in SEEN.iter().enumerate().take(LEN.load(Ordering::Relaxed)) {
            // SAFETY: `watch` was given so many bytes, which others may write.
            let byte = unsafe { &*watched.add(index) };
            if byte.load(Ordering::Relaxed) != 0 {
                byte.store(0, Ordering::Relaxed);
                seen.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How often the neighbour saw each of `len` bytes from `start` on set, while `body` ran. For a forked child.
    pub(super) fn watch(start: *mut u8, len: usize, body: impl FnOnce()) -> Vec<u8> {
        const TRAP_FLAG: u64 = 1 << 8;
        assert!(len <= MOST);
        SEEN.iter().for_each(|seen| seen.store(0, Ordering::Relaxed));
        WATCHED.store(start.cast(), Ordering::Relaxed);
        LEN.store(len, Ordering::Relaxed);
        // SAFETY: the handler only touches atomics. The flag makes the processor trap after every instruction, and nothing else.
        unsafe {
            let handler = after_an_instruction as extern "C" fn(i32);
            libc::signal(libc::SIGTRAP, handler as libc::sighandler_t);
            std::arch::asm!("pushfq", "or qword ptr [rsp], {}", "popfq", const TRAP_FLAG);
            body();
            std::arch::asm!("pushfq", "and qword ptr [rsp], {}", "popfq", const !TRAP_FLAG as i32);
        }
        LEN.store(0, Ordering::Relaxed);
        SEEN[..len].iter().map(|seen| seen.load(Ordering::Relaxed)).collect()
    }
}

/// A byte is stored once. A second store would bring back a flag that its reader has taken down: the reader takes the
/// message twice, or the writer waits for ever.
///
/// R-SHM-12
#[test]
#[cfg(target_arch = "x86_64")]
fn every_byte_is_stored_once() {
    let _watchdog = watchdog();
    let segment = Segment::private(8192).unwrap();
    let attachment = segment.attach().unwrap();
    let bytes = attachment.bytes();
    let once = |what: &str, len: usize, body: &dyn Fn()| {
        let seen = neighbour::watch(bytes.as_mut_ptr(), len, body);
        assert!(seen.iter().all(|&seen| seen == 1), "{what} of {len} bytes: {seen:?}");
    };
    fork(|| {
        let source = [1; 4096];
        for len in (1..=130).chain([191, 255, 600, 2049]) {
            once("write", len, &|| bytes.write(0, &source[..len]).unwrap());
        }
        once("store", 1, &|| bytes.store(0, &1_u8).unwrap());
        once("store", 2, &|| bytes.store(0, &0x0101_u16).unwrap());
        once("store", 4, &|| bytes.store(0, &0x0101_0101_u32).unwrap());
        once("store", 8, &|| bytes.store(0, &[1_u8; 8]).unwrap());
        once("store", 24, &|| bytes.store(0, &[1_u8; 24]).unwrap());
        once("fill", 100, &|| bytes.slice(..100).unwrap().fill(1));
        0
    })
    .succeed();
}

/// Two processes that hand a few bytes to and fro: each waits until all are as the other one leaves them.
fn hand_to_and_fro(len: usize, rounds: u32, bytes: SharedBytes<'_>) -> u32 {
    let (ones, zeros) = (vec![1; len], vec![0; len]);
    let all_are = |wanted: &[u8]| bytes.slice(..len).unwrap().to_vec() == wanted;
    let (mut taken, done) = (0, AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                while !all_are(&zeros) {
                    std::thread::yield_now();
                }
                bytes.write(0, &ones).unwrap();
            }
            while !all_are(&zeros) {
                std::hint::spin_loop();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            if all_are(&ones) {
                bytes.write(0, &zeros).unwrap();
                taken += 1;
            }
        }
    });
    taken
}

/// Bytes as flags: what is handed over is taken once.
#[test]
fn flags_of_any_length_are_taken_as_often_as_they_are_given() {
    let _watchdog = watchdog();
    let attachment = Segment::private(4096).unwrap().attach().unwrap();
    for len in [2, 4, 17] {
        assert_eq!(hand_to_and_fro(len, 50, attachment.bytes()), 50, "flags of {len} bytes");
    }
}
