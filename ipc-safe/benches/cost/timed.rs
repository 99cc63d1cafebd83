//! What the timed receive costs. The kernel has none: the crate looks again and again, with growing pauses. So a message is
//! seen late, and waiting takes processor time, which the waiting in the kernel does not.

use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
use std::time::{Duration, Instant};

/// A wait that every message ends.
const LONG: Duration = Duration::from_secs(10);

pub(crate) fn print(messages: u32) {
    println!("#### Waiting for a message that comes within 0 to 10 ms, received in another thread\n");
    println!("| {:<16} | {:>10} | {:>12} | {:>10} |", "", "median us", "99 in 100 us", "longest us");
    println!("|:{:-<17}|{:->11}:|{:->13}:|{:->11}:|", "", "", "", "");
    let blocking = delays(messages, |queue| queue.receive_value(Selector::First).expect("a message").1);
    row("receive", blocking);
    let timed = delays(messages, |queue| queue.receive_value_timeout(Selector::First, LONG).expect("a message").1);
    row("receive_timeout", timed);
    let (used, wall) = idle(Duration::from_millis(5 * u64::from(messages)));
    let share = used.as_secs_f64() / wall.as_secs_f64() * 100.0;
    println!("\nWaiting with `receive_timeout` for a message that does not come takes {share:.2} % of one processor.");
}

fn row(name: &str, mut delays: Vec<Duration>) {
    delays.sort_unstable();
    let at = |hundredths: usize| delays[(delays.len() - 1) * hundredths / 100].as_nanos() as f64 / 1000.0;
    println!("| {name:<16} | {:>10.1} | {:>12.1} | {:>10.1} |", at(50), at(99), at(100));
}

/// How long after it was sent each message is there.
fn delays(messages: u32, mut receive: impl FnMut(&MessageQueue) -> u64) -> Vec<Duration> {
    let queue = MessageQueue::private().expect("a queue");
    let start = Instant::now();
    let handle = *queue;
    let sender = std::thread::spawn(move || {
        for gap in gaps().take(messages as usize) {
            std::thread::sleep(gap);
            let sent = u64::try_from(start.elapsed().as_nanos()).expect("a short run");
            handle.send(MessageType::MIN, &sent).expect("room in the queue");
        }
    });
    let delays = (0..messages).map(|_| {
        let sent = Duration::from_nanos(receive(&queue));
        start.elapsed().saturating_sub(sent)
    });
    let delays = delays.collect();
    sender.join().expect("the sender");
    delays
}

/// Gaps from 0 to 10 ms in no order, the same in every run.
fn gaps() -> impl Iterator<Item = Duration> {
    let mut state = 1_u32;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_micros(u64::from(state >> 16) * 10_000 / 65_536)
    })
}

/// The processor time and the time that a wait of this length takes.
fn idle(time: Duration) -> (Duration, Duration) {
    let queue = MessageQueue::private().expect("a queue");
    let (start, used) = (Instant::now(), processor_time());
    let error = queue.receive_value_timeout::<u64>(Selector::First, time).expect_err("nobody sends");
    let result = (processor_time() - used, start.elapsed());
    assert!(error.to_string().contains("time"), "{error}");
    result
}

/// The processor time of this thread so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).expect("less than a second"))
}
