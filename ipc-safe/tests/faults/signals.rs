//! Masks, waits, handlers, sending, descriptors, the alternate stack; timers.

use crate::driver::{Outcome, dropped, or_timed_out, or_would_block, scenarios};
use ipc_safe::process::getpid;
use ipc_safe::signal::{
    self, AlternateStack, BrokenPipe, CommandMask, Disposition, HandlerOptions, MaskGuard, ProcessSignals, Signal,
    SignalSet,
};
use ipc_safe::timer::{Alarm, Clock, IntervalClock, IntervalTimer, Notification, PosixTimer, Schedule};
use rustix::thread::gettid;
use std::time::Duration;

scenarios! {
    mask
    waits
    waits_in_vain
    descriptor
    handlers
    handler_that_wakes
    handler_with_a_pipe
    dispositions
    alternate_stack
    sending
    state_of_a_process
    thread_that_handles
    masks_of_threads_and_programs
    alarm
    interval_timer
    posix_timer
    clocks
}

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);

/// One that is pending for this thread goes with the thread; the mask, too.
fn block(signal: Signal) -> ipc_safe::Result<MaskGuard> {
    SignalSet::from(signal).block()
}

fn raise(signal: Signal) -> ipc_safe::Result<()> {
    signal::to_thread(getpid(), gettid(), signal)
}

fn mask() -> Outcome {
    let outer = block(Signal::USR1)?;
    let inner = SignalSet::all().block()?;
    assert!(signal::blocked()?.contains(Signal::USR2));
    signal::original()?;
    inner.restore()?;
    SignalSet::from(Signal::USR2).as_mask(|| ())?;
    SignalSet::from(Signal::USR1).unblocked(|| ())?;
    assert!(signal::pending()?.is_empty());
    dropped(outer);
    Ok(())
}

fn waits() -> Outcome {
    let guard = block(Signal::USR1)?;
    raise(Signal::USR1)?;
    assert_eq!(guard.wait()?.signal, Signal::USR1);
    raise(Signal::USR1)?;
    guard.try_wait()?;
    raise(Signal::USR1)?;
    guard.wait_timeout(LONG)?;
    raise(Signal::USR1)?;
    guard.wait_interruptible()?;
    Ok(())
}

fn waits_in_vain() -> Outcome {
    let guard = block(Signal::USR1)?;
    or_would_block(guard.try_wait())?;
    or_timed_out(guard.wait_timeout(SHORT))?;
    Ok(())
}

fn descriptor() -> Outcome {
    let guard = block(Signal::USR1)?;
    let descriptor = guard.descriptor()?;
    or_would_block(descriptor.try_read())?;
    or_timed_out(descriptor.read_timeout(SHORT))?;
    raise(Signal::USR1)?;
    assert_eq!(descriptor.read()?.signal, Signal::USR1);
    raise(Signal::USR1)?;
    descriptor.read_timeout(LONG)?;
    dropped(descriptor);
    dropped(guard);
    Ok(())
}

fn handlers() -> Outcome {
    let options = HandlerOptions::new();
    let flag = options.flag(Signal::USR1)?;
    raise(Signal::USR1)?;
    // It waits when the mask could not be put back after the handler was installed.
    assert!(flag.take() || signal::pending()?.contains(Signal::USR1));
    let count = options.chain(true).count(SignalSet::from(Signal::USR1) | Signal::USR2.into())?;
    raise(Signal::USR2)?;
    assert!(count.take() == 1 || signal::pending()?.contains(Signal::USR2));
    count.restore()?;
    dropped(flag);
    let last = options.last(Signal::USR1)?;
    raise(Signal::USR1)?;
    assert!(last.take().is_some() || signal::pending()?.contains(Signal::USR1));
    dropped(last);
    Ok(())
}

fn handler_that_wakes() -> Outcome {
    let wakeup = HandlerOptions::new().wakeup(Signal::USR1)?;
    or_would_block(wakeup.try_wait())?;
    or_timed_out(wakeup.wait_timeout(SHORT))?;
    raise(Signal::USR1)?;
    // A handler that cannot write is not heard; so with a limit.
    or_timed_out(wakeup.wait_timeout(SHORT * 20))?;
    dropped(wakeup);
    Ok(())
}

fn handler_with_a_pipe() -> Outcome {
    let pipe = HandlerOptions::new().pipe(SignalSet::from(Signal::USR1) | Signal::USR2.into())?;
    raise(Signal::USR2)?;
    or_timed_out(pipe.read_timeout(SHORT * 20))?;
    or_would_block(pipe.try_read())?;
    dropped(pipe);
    Ok(())
}

fn dispositions() -> Outcome {
    let before = Signal::USR2.disposition()?;
    let guard = Signal::USR2.ignore()?;
    raise(Signal::USR2)?;
    guard.restore()?;
    dropped(Signal::USR2.set_default()?);
    let after = Signal::USR2.disposition()?;
    assert!(after == before || after == Disposition::Default);
    dropped(BrokenPipe::Error.set()?);
    signal::without_broken_pipe(|| ())?;
    Ok(())
}

fn alternate_stack() -> Outcome {
    let stack = AlternateStack::new(AlternateStack::least())?;
    stack.restore()?;
    dropped(AlternateStack::new(1 << 16)?);
    Ok(())
}

fn sending() -> Outcome {
    let guard = SignalSet::from(Signal::USR1).block()?;
    signal::raise(Signal::USR1)?;
    guard.wait()?;
    signal::queue_to_thread(gettid(), Signal::USR1, 7)?;
    assert_eq!(guard.wait()?.value().expect("a value").as_i32(), 7);
    signal::check(getpid())?;
    // To the process, of which this thread alone does not block it... but for the harness, which must not have it.
    let ignored = Signal::USR2.ignore()?;
    signal::to_process(getpid(), Signal::USR2)?;
    signal::queue(getpid(), Signal::USR2, 7)?;
    let own =
        rustix::process::pidfd_open(getpid(), rustix::process::PidfdFlags::empty()).map_err(std::io::Error::from)?;
    signal::to_pidfd(&own, Signal::USR2)?;
    dropped(ignored);
    Ok(())
}

fn state_of_a_process() -> Outcome {
    ProcessSignals::of(getpid())?;
    ProcessSignals::of_thread(getpid(), gettid())?;
    Ok(())
}

fn thread_that_handles() -> Outcome {
    let guard = block(Signal::USR1)?;
    let thread = guard.handle_in_thread(|_| ())?;
    signal::to_process(getpid(), Signal::USR1)?;
    if thread.stop().is_err() {
        panic!("the thread panicked");
    }
    dropped(guard.handle_in_thread(|_| ())?);
    Ok(())
}

fn masks_of_threads_and_programs() -> Outcome {
    let thread = signal::spawn(std::thread::Builder::new(), SignalSet::empty(), signal::blocked)?;
    assert!(thread.join().expect("no panic")?.is_empty());
    let mut program = std::process::Command::new("true");
    program.original_mask()?.mask(SignalSet::empty()).status()?;
    Ok(())
}

fn alarm() -> Outcome {
    let mut alarm = Alarm::after(HOUR)?;
    assert!(alarm.remaining()?.is_some());
    alarm.set(2 * HOUR)?;
    let inner = alarm.nested(HOUR)?;
    dropped(inner);
    alarm.cancel()?;
    alarm.stop()?;
    dropped(Alarm::after(HOUR)?);
    Ok(())
}

fn interval_timer() -> Outcome {
    for clock in [IntervalClock::Real, IntervalClock::Profile] {
        let mut timer = IntervalTimer::start(clock, Schedule::every(HOUR))?;
        timer.remaining()?;
        timer.set(Schedule::once(HOUR))?;
        timer.nested(Schedule::once(HOUR))?.stop()?;
        dropped(timer);
        clock.remaining()?;
    }
    Ok(())
}

fn posix_timer() -> Outcome {
    let guard = block(Signal::USR1)?;
    let timer = PosixTimer::new(Clock::Monotonic, Notification::this_thread(Signal::USR1, 7)?)?;
    timer.set(Schedule::once(SHORT))?;
    or_timed_out(guard.wait_timeout(LONG))?;
    timer.overruns()?;
    timer.set_at(Clock::Monotonic.now()? + HOUR, None)?;
    assert!(timer.remaining()?.is_some());
    timer.cancel()?;
    timer.stop()?;
    dropped(PosixTimer::new(Clock::Realtime, Notification::None)?);
    Ok(())
}

fn clocks() -> Outcome {
    for clock in [Clock::Monotonic, Clock::Realtime] {
        clock.now()?;
    }
    Ok(())
}
