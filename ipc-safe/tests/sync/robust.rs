//! The robust mutex: what happens when its holder dies, and what it takes to fool it.

use crate::support::{Forked, eventually, fork, watchdog};
use crate::tools::{Gate, in_processes_and_threads, shared, state, thread_id};
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::{Shared, SharedCell};
use ipc_safe::sync::{Locked, RobustMutex};
use ipc_safe::sysv::Segment;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

type Counter = RobustMutex<SharedCell<u64>>;

/// Longer than a waiter sleeps before it looks again.
const LONG: Duration = Duration::from_secs(20);

/// The lock of an owner that let go.
fn consistent<T: ipc_safe::shared::ShmSafe>(locked: Locked<'_, T>) -> ipc_safe::sync::RobustMutexGuard<'_, T> {
    match locked {
        Locked::Consistent(guard) => guard,
        Locked::OwnerDied(_) => panic!("nobody died"),
    }
}

fn assert_owner_died(counter: &Counter) {
    let locked = counter.lock_timeout(LONG).unwrap();
    assert!(locked.is_owner_died());
    drop(locked.recover(|_| ()));
    drop(consistent(counter.lock().unwrap()));
}

/// A child that holds the lock until it is killed.
fn holder(counter: &Counter) -> Forked {
    let holds = Gate::new();
    let child = fork(|| {
        let _guard = consistent(counter.lock().unwrap());
        holds.open();
        loop {
            std::thread::park();
        }
    });
    holds.pass();
    child
}

fn kill(child: Forked) {
    child.signal(libc::SIGKILL);
    assert!(!child.wait().success());
}

#[test]
fn a_zeroed_mutex_is_free_and_a_locked_one_is_not() {
    let counter = shared::<Counter>();
    assert!(!counter.is_locked());
    let guard = consistent(counter.lock().unwrap());
    assert!(counter.is_locked());
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(counter.try_lock().unwrap_err().is_would_block()));
    });
    drop(guard);
    assert!(!counter.is_locked());
    drop(consistent(counter.try_lock().unwrap()));
}

#[test]
fn locking_it_twice_is_a_deadlock() {
    let counter = shared::<Counter>();
    let _guard = consistent(counter.lock().unwrap());
    for error in [
        counter.lock().unwrap_err(),
        counter.try_lock().unwrap_err(),
        counter.lock_timeout(Duration::from_secs(1)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Deadlock);
        assert_eq!(error.to_string(), "lock: EDEADLK: this thread holds the lock already");
    }
}

#[test]
fn waiting_in_a_ring_is_a_deadlock() {
    let _watchdog = watchdog();
    let [first, second] = &*shared::<[Counter; 2]>();
    let one = consistent(first.lock().unwrap());
    let (sender, other_holds) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let other = scope.spawn(move || {
            let two = consistent(second.lock().unwrap());
            sender.send(thread_id()).unwrap();
            let ring = first.lock().map(|locked| drop(consistent(locked)));
            drop(two);
            ring
        });
        let other_id = other_holds.recv().unwrap();
        eventually("the other waits", || state(other_id) == 'S');
        let error = second.lock().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadlock, "{error}");
        drop(one);
        other.join().unwrap().unwrap();
    });
}

#[test]
fn a_timed_lock_gives_up_in_time_and_not_before() {
    let counter = shared::<Counter>();
    let child = holder(&counter);
    for timeout in [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(150)] {
        let start = Instant::now();
        let error = counter.lock_timeout(timeout).unwrap_err();
        assert!(error.is_timed_out(), "{error}");
        assert!(start.elapsed() >= timeout);
    }
    kill(child);
    assert_owner_died(&counter);
}

#[test]
fn the_next_one_learns_that_the_owner_was_killed() {
    let counter = shared::<Counter>();
    kill(holder(&counter));
    assert_owner_died(&counter);
}

#[test]
fn try_lock_learns_it_too() {
    let counter = shared::<Counter>();
    kill(holder(&counter));
    assert!(counter.try_lock().unwrap().is_owner_died());
}

#[test]
fn an_owner_that_nobody_has_waited_for_is_dead() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let child = holder(&counter);
    child.signal(libc::SIGKILL);
    assert_owner_died(&counter);
}

#[test]
fn who_waits_learns_that_the_owner_was_killed() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let child = holder(&counter);
    let ids = [const { AtomicU32::new(0) }; 3];
    let deaths = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for id in &ids {
            scope.spawn(|| {
                id.store(thread_id(), Ordering::Release);
                let locked = counter.lock().unwrap();
                deaths.fetch_add(u32::from(locked.is_owner_died()), Ordering::Relaxed);
                locked.recover(|_| ()).update(|count| count + 1);
            });
        }
        for id in &ids {
            eventually("the waiters sleep", || match id.load(Ordering::Acquire) {
                0 => false,
                id => state(id) == 'S',
            });
        }
        kill(child);
    });
    assert_eq!(deaths.into_inner(), 1);
    assert_eq!(consistent(counter.lock().unwrap()).get(), 3);
}

#[test]
fn a_thread_that_ends_with_the_lock_died() {
    let counter = shared::<Counter>();
    std::thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(consistent(counter.lock().unwrap())));
    });
    assert_owner_died(&counter);
}

#[test]
fn who_dies_in_the_repair_leaves_it_to_the_next() {
    let counter = shared::<Counter>();
    kill(holder(&counter));
    fork(|| {
        let locked = counter.lock().unwrap();
        let died = locked.is_owner_died();
        std::mem::forget(locked);
        i32::from(!died)
    })
    .succeed();
    assert_owner_died(&counter);
}

#[test]
fn who_gives_the_repair_up_makes_it_unusable() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    kill(holder(&counter));
    let repairer = counter.lock().unwrap();
    let id = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            id.store(thread_id(), Ordering::Release);
            counter.lock().unwrap_err()
        });
        eventually("the waiter sleeps", || match id.load(Ordering::Acquire) {
            0 => false,
            id => state(id) == 'S',
        });
        drop(repairer);
        assert_eq!(waiter.join().unwrap().kind(), ErrorKind::NotRecoverable);
    });
    let error = counter.try_lock().unwrap_err();
    assert_eq!(error.to_string(), "lock: ENOTRECOVERABLE: its holder died, and nobody made the data consistent");
    assert_eq!(fork(|| i32::from(counter.lock().is_ok())).wait().code(), Some(0));
}

#[test]
fn a_repair_that_panics_makes_it_unusable() {
    let counter = shared::<Counter>();
    kill(holder(&counter));
    let repair = std::panic::AssertUnwindSafe(|| drop(counter.lock().unwrap().recover(|_| panic!("a hopeless case"))));
    std::panic::catch_unwind(repair).unwrap_err();
    assert_eq!(counter.lock().unwrap_err().kind(), ErrorKind::NotRecoverable);
}

#[test]
fn a_panic_with_the_lock_lets_go_of_it() {
    let counter = shared::<Counter>();
    let panics = std::panic::AssertUnwindSafe(|| {
        let _guard = counter.lock().unwrap();
        panic!("while it is locked");
    });
    std::panic::catch_unwind(panics).unwrap_err();
    drop(consistent(counter.lock().unwrap()));
}

#[test]
fn a_forked_child_does_not_unlock_for_its_parent_and_cannot_take_its_place() {
    let counter = shared::<Counter>();
    let mut guard = Some(consistent(counter.lock().unwrap()));
    fork(|| {
        drop(guard.take());
        i32::from(!counter.try_lock().unwrap_err().is_would_block())
    })
    .succeed();
    drop(guard);
    assert!(!counter.is_locked());
    kill(holder(&counter));
    let mut dead = Some(counter.lock().unwrap());
    fork(|| {
        drop(dead.take()); // would make it unusable
        0
    })
    .succeed();
    drop(dead.take().unwrap().recover(|_| ()));
    drop(consistent(counter.lock().unwrap()));
}

/// The id stays when a program starts another: the lock counts as held until that ends.
#[test]
fn starting_another_program_with_the_lock_holds_it() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let (reader, writer) = std::io::pipe().unwrap();
    let child = fork(|| {
        std::mem::forget(counter.lock().unwrap());
        let error = Command::new("/bin/cat").stdin(reader.try_clone().unwrap()).arg0("holder").exec();
        panic!("{error}")
    });
    let name = || std::fs::read_to_string(format!("/proc/{}/comm", child.pid())).unwrap_or_default();
    eventually("the other program runs", || name() == "cat\n");
    assert!(counter.lock_timeout(Duration::from_millis(250)).unwrap_err().is_timed_out());
    kill(child);
    drop((reader, writer));
    assert_owner_died(&counter);
}

#[test]
fn processes_and_threads_exclude_each_other() {
    const ROUNDS: u64 = 2_000;
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let sum = in_processes_and_threads(ROUNDS, || {
        for _ in 0..ROUNDS {
            consistent(counter.lock().unwrap()).update(|count| count + 1);
        }
    });
    assert_eq!(consistent(counter.lock().unwrap()).get(), sum);
}

/// Two numbers that are equal whenever nobody is in between.
type Pair = RobustMutex<[SharedCell<u64>; 2]>;

fn count_both(pair: &Pair) -> bool {
    let locked = pair.lock().unwrap();
    let died = locked.is_owner_died();
    let [first, second] = &*locked.recover(|[first, second]| second.set(&first.get()));
    assert_eq!(first.get(), second.get());
    first.update(|count| count + 1);
    second.update(|count| count + 1);
    died
}

/// Killed at any moment, waiting, holding or letting go: the others go on, and learn of every death that left the numbers apart.
#[test]
fn processes_that_are_killed_lose_no_lock() {
    let rounds = std::env::var("IPC_SAFE_KILLS").map_or(100, |kills| kills.parse().expect("a number"));
    let _watchdog = watchdog();
    let pair = shared::<Pair>();
    let stop = AtomicBool::new(false);
    let deaths = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                deaths.fetch_add(u32::from(count_both(&pair)), Ordering::Relaxed);
            }
        });
        for round in 0..rounds {
            let running = Gate::new();
            let victims: Vec<_> = (0..2)
                .map(|_| {
                    fork(|| {
                        running.open();
                        loop {
                            count_both(&pair);
                        }
                    })
                })
                .collect();
            running.pass();
            running.pass();
            // Some work of varying length, so that the kill meets another instruction each time.
            for _ in 0..round % 17 * 50 {
                deaths.fetch_add(u32::from(count_both(&pair)), Ordering::Relaxed);
            }
            victims.into_iter().for_each(kill);
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!("{rounds} rounds, {} locks of the dead", deaths.into_inner());
    count_both(&pair);
    assert!(!pair.is_locked());
}

/// Whatever stands in the words: a call ends with the lock, an error, or the deadline; and the mutex works again once they are
/// zero.
#[test]
fn garbage_in_the_words_does_no_harm() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let counter = Shared::<Counter, _>::bare(segment.attach().unwrap()).unwrap();
    let foe = segment.attach().unwrap();
    const WAITERS: u32 = 0x8000_0000;
    const DIED: u32 = 0x4000_0000;
    let words =
        [1, 2, 3, thread_id(), 0x3fff_ffff, WAITERS, DIED, WAITERS | 1, WAITERS | DIED | 2, u32::MAX, u32::MAX >> 2];
    for word in words {
        for mark in [0, 1, u64::MAX, u64::from(word) << 32 | 1] {
            for state in [0, 1, 2, u32::MAX] {
                foe.bytes().store(0, &word).unwrap();
                foe.bytes().store(4, &state).unwrap();
                foe.bytes().store(8, &mark).unwrap();
                drop(counter.try_lock());
                drop(counter.lock_timeout(Duration::from_micros(200)));
                foe.bytes().fill(0);
                let guard = consistent(counter.lock().unwrap());
                foe.bytes().store(0, &word).unwrap();
                foe.bytes().store(8, &mark).unwrap();
                drop(guard);
                foe.bytes().fill(0);
                drop(consistent(counter.lock_timeout(LONG).unwrap()));
            }
        }
    }
}

/// A foe writes what an owner, a waiter, the kernel or nobody would, of threads that live, died or never were, all the time. Calls
/// that do not wait, or not for long, return.
#[test]
fn a_foe_who_writes_all_the_time_makes_no_call_hang() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let counter = Shared::<Counter, _>::bare(segment.attach().unwrap()).unwrap();
    let words = Shared::<[AtomicU32; 4], _>::bare(segment.attach().unwrap()).unwrap();
    let dead = fork(|| 0);
    let ids = [0, thread_id(), std::process::id(), dead.pid().cast_unsigned(), 1, 2, 0x3fff_ffff];
    dead.succeed();
    drop(consistent(counter.lock().unwrap()));
    let foe = fork(|| {
        let ids = [&ids[..], &[std::process::id()]].concat();
        let mut random = 0x2545_f491_u32;
        loop {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let id = ids[random as usize % ids.len()];
            let value = if random & 0x100 == 0 { id | random & 0xc000_0000 } else { random };
            match random >> 10 & 7 {
                // Word; state; mark: start, id.
                index @ (0 | 1 | 3) => words[index as usize].store(value, Ordering::Relaxed),
                2 => words[2].store(random >> 20, Ordering::Relaxed),
                4 => words[3].store(id, Ordering::Relaxed),
                _ => words[0].store(id | random & 0xc000_0000, Ordering::Relaxed),
            }
        }
    });
    let (mut locked, end) = (0, Instant::now() + Duration::from_millis(500));
    while Instant::now() < end {
        for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(120)] {
            let start = Instant::now();
            let results = [counter.try_lock().is_ok(), counter.lock_timeout(timeout).is_ok()];
            locked += results.map(usize::from).iter().sum::<usize>();
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        }
    }
    drop(foe);
    println!("locked {locked} times");
    words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    drop(consistent(counter.lock_timeout(LONG).unwrap()));
}

/// Child of a process that enters new namespaces of `flags`, in which it is process 1 when a pid namespace is among them.
/// `None` when there are none to be had.
fn in_namespaces(flags: i32, body: impl FnOnce() -> i32) -> Option<i32> {
    const REFUSED: i32 = 77;
    let status = fork(|| {
        // SAFETY: changes this process, which has one thread, and what its children see.
        let entered = unsafe { libc::unshare(flags) == 0 || libc::unshare(libc::CLONE_NEWUSER | flags) == 0 };
        if !entered {
            return REFUSED;
        }
        fork(body).wait().code().unwrap_or(99)
    })
    .wait();
    match status.code() {
        Some(REFUSED) => {
            println!("skipped: no such namespaces to be had");
            None
        }
        code => code,
    }
}

#[test]
fn another_pid_namespace_is_an_error() {
    let counter = shared::<Counter>();
    drop(consistent(counter.lock().unwrap()));
    let code = in_namespaces(libc::CLONE_NEWPID, || {
        let error = counter.lock().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "lock: the lock belongs to another pid or time namespace, where thread ids mean other threads"
        );
        0
    });
    assert!(matches!(code, None | Some(0)), "{code:?}");
}

/// A `/proc` of the parent's namespace shows other threads under the ids of the new one.
#[test]
fn the_proc_of_another_namespace_tells_nothing() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let code = in_namespaces(libc::CLONE_NEWPID, || {
        let child = holder(&counter);
        // Long enough for two looks.
        assert!(counter.lock_timeout(Duration::from_millis(250)).unwrap_err().is_timed_out());
        kill(child);
        assert_owner_died(&counter);
        0
    });
    assert!(matches!(code, None | Some(0)), "{code:?}");
}

/// Makes a child with this process id, which nobody has.
fn fork_as(pid: i32, body: impl FnOnce()) -> Option<Forked> {
    let ids = [pid];
    let arguments = libc::clone_args {
        exit_signal: u64::try_from(libc::SIGCHLD).unwrap(),
        set_tid: ids.as_ptr().addr() as u64,
        set_tid_size: 1,
        // SAFETY: all fields are numbers.
        ..unsafe { std::mem::zeroed() }
    };
    // SAFETY: like `fork`, with an id that the kernel shall choose; the arguments are ours. The child has this thread only.
    let child = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) };
    if child == 0 {
        body();
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    (child == i64::from(pid)).then(|| Forked::adopt(pid))
}

/// A namespace where process ids are ours to give, with the `/proc` that goes with it.
fn with_ids_of_our_own(body: impl FnOnce() -> i32) {
    const NO_PROC: i32 = 78;
    let code = in_namespaces(libc::CLONE_NEWPID | libc::CLONE_NEWNS, || {
        let none = std::ptr::null();
        // SAFETY: all strings end with a zero byte; the mount namespace is this process's own.
        let mounted = unsafe {
            libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()) == 0
                && libc::mount(c"proc".as_ptr(), c"/proc".as_ptr(), c"proc".as_ptr(), 0, none.cast()) == 0
        };
        if mounted { body() } else { NO_PROC }
    });
    match code {
        Some(NO_PROC) => println!("skipped: no /proc to be mounted"),
        code => assert!(matches!(code, None | Some(0)), "{code:?}"),
    }
}

/// The id of a dead owner comes back and belongs to somebody else: who waits finds out.
#[test]
fn an_id_that_came_back_is_not_the_owner() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    with_ids_of_our_own(|| {
        let child = holder(&counter);
        let id = child.pid();
        // The start is counted in hundredths of a second.
        let started = Instant::now();
        kill(child);
        eventually("another hundredth", || started.elapsed() > Duration::from_millis(25));
        let Some(stranger) = fork_as(id, || {
            loop {
                std::thread::park();
            }
        }) else {
            println!("skipped: no right to choose a process id");
            return 0;
        };
        assert!(counter.try_lock().unwrap_err().is_would_block());
        // Several wait; the first to find out takes it over while the others still sleep in the stranger's name.
        let deaths = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let locked = counter.lock_timeout(LONG).unwrap();
                    deaths.fetch_add(u32::from(locked.is_owner_died()), Ordering::Relaxed);
                    locked.recover(|_| ()).update(|count| count + 1);
                });
            }
        });
        // Once; and once more for one that began to sleep in the name of the first just as that one let go, and ended.
        assert!((1..=2).contains(&deaths.into_inner()));
        assert_eq!(consistent(counter.lock().unwrap()).get(), 4);
        kill(stranger);
        0
    });
}

/// The id of a dead owner came back, one waiter has found out and holds the lock, another one still sleeps in the stranger's
/// name. When the stranger ends, the kernel gives the lock to that one; who holds it keeps it nevertheless.
#[test]
fn the_end_of_a_stranger_gives_away_no_lock_that_was_taken_over() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    with_ids_of_our_own(|| {
        for round in 0..3 {
            let child = holder(&counter);
            let id = child.pid();
            let started = Instant::now();
            kill(child);
            eventually("another hundredth", || started.elapsed() > Duration::from_millis(25));
            let Some(stranger) = fork_as(id, || {
                loop {
                    std::thread::park();
                }
            }) else {
                println!("skipped: no right to choose a process id");
                return 0;
            };
            let (taken, inside) = (AtomicBool::new(false), AtomicBool::new(false));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let guard = counter.lock().unwrap().recover(|_| ());
                    inside.store(true, Ordering::SeqCst);
                    taken.store(true, Ordering::SeqCst);
                    // The kernel has time to give it to the other one.
                    std::thread::sleep(Duration::from_millis(80 + 100 * round));
                    inside.store(false, Ordering::SeqCst);
                    drop(guard);
                });
                scope.spawn(|| {
                    // So much later that its sleep ends after the first one's.
                    std::thread::sleep(Duration::from_millis(50));
                    let guard = counter.lock().unwrap().recover(|_| ());
                    assert!(!inside.load(Ordering::SeqCst), "two have the lock");
                    drop(guard);
                });
                eventually("the lock is taken over", || taken.load(Ordering::SeqCst));
                kill(stranger);
            });
            drop(consistent(counter.lock_timeout(LONG).unwrap()));
        }
        0
    });
}

/// A process that has no descriptor left cannot ask `/proc`, and nobody reaps the dead owner: its death is seen all the same.
#[test]
fn a_death_is_seen_without_descriptors() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let owner = holder(&counter);
    owner.signal(libc::SIGKILL);
    eventually("the owner is a zombie", || state(owner.pid().cast_unsigned()) == 'Z');
    fork(|| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: lowers a limit of the child.
        unsafe { assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none), 0) };
        assert!(counter.try_lock().unwrap().is_owner_died());
        0
    })
    .succeed();
    assert!(!owner.wait().success());
}

/// The id of a dead owner comes to one who wants the lock himself: that is no deadlock.
#[test]
fn an_id_that_came_to_the_caller_is_not_the_owner() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    with_ids_of_our_own(|| {
        let child = holder(&counter);
        let id = child.pid();
        let started = Instant::now();
        kill(child);
        eventually("another hundredth", || started.elapsed() > Duration::from_millis(25));
        let Some(heir) = fork_as(id, || assert_owner_died(&counter)) else {
            println!("skipped: no right to choose a process id");
            return 0;
        };
        heir.succeed();
        0
    });
}

/// The owner gets the priority of who waits.
#[test]
fn an_owner_inherits_the_priority_of_who_waits() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let child = holder(&counter);
    let urgent = fork(|| {
        let parameters = libc::sched_param { sched_priority: 7 };
        // SAFETY: of this process; the parameters are ours.
        if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } != 0 {
            return 77;
        }
        drop(counter.lock().unwrap().recover(|_| ()));
        0
    });
    let priority = || -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.pid())).unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').nth(15).unwrap().parse().unwrap()
    };
    let mut inherited = false;
    eventually("the priority is inherited, or cannot be had", || {
        inherited = priority() == -8;
        inherited || state(urgent.pid().cast_unsigned()) == 'Z'
    });
    kill(child);
    match urgent.wait().code() {
        Some(77) => println!("skipped: no right to a real-time priority"),
        code => assert_eq!((code, inherited), (Some(0), true)),
    }
}

#[test]
fn it_shows_itself_without_locking() {
    let mutex = RobustMutex::new(SharedCell::new(5_u32));
    assert_eq!(format!("{mutex:?}"), "RobustMutex { locked: false, .. }");
    let locked = mutex.lock().unwrap();
    assert_eq!(format!("{mutex:?} {locked:?}"), "RobustMutex { locked: true, .. } Consistent(SharedCell(5))");
}

/// The words that stand beside the data are 24 bytes.
#[test]
fn the_data_lies_behind_the_words() {
    assert_eq!(size_of::<RobustMutex<SharedCell<u64>>>(), 32);
    let segment = Segment::private(4096).unwrap();
    let counter: Shared<Counter, _> = Shared::bare(segment.attach().unwrap()).unwrap();
    consistent(counter.lock().unwrap()).set(&7);
    assert_eq!(segment.attach().unwrap().bytes().load::<u64>(24).unwrap(), 7);
}
