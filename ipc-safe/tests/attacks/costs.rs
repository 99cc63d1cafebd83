//! What ordinary calls may cost: no allocation, and no system call besides the one that they are.

use crate::tools::count;
use ipc_safe::memory::{Memfd, PrivateMemory};
use ipc_safe::shared::{Sequenced, Shared};
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Operations, Segment, Selector, SemaphoreSet};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

/// The system's allocator, counting what each thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is the system allocator's, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller says.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller says.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `body` twice, the first time to warm up, and expects the second time to allocate nothing.
#[track_caller]
fn allocates_nothing<T>(what: &str, mut body: impl FnMut() -> T) {
    body();
    let before = ALLOCATIONS.get();
    let result = body();
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations of {what}");
    drop(result);
}

/// Nor do the outcomes that are frequent: nothing to receive, nothing to take, no time left.
#[test]
fn ordinary_calls_and_frequent_outcomes_allocate_nothing() {
    let set = SemaphoreSet::private(&[5, 0]).unwrap();
    let (full, empty) = (set.semaphore(0), set.semaphore(1));
    let nothing = Operations::new().subtract(0, 1).add(0, 1);
    let never = Operations::new().subtract(1, 1);
    let short = Duration::from_micros(1);
    allocates_nothing("apply", || set.apply(&nothing).unwrap());
    allocates_nothing("try_apply", || set.try_apply(&nothing).unwrap());
    allocates_nothing("try_apply that would wait", || set.try_apply(&never).unwrap_err());
    allocates_nothing("apply_timeout in vain", || set.apply_timeout(&never, short).unwrap_err());
    allocates_nothing("acquire and release", || full.acquire(1).unwrap().release().unwrap());
    allocates_nothing("try_acquire in vain", || empty.try_acquire(1).unwrap_err());
    allocates_nothing("values of one", || (full.value().unwrap(), empty.waiters().unwrap()));

    let queue = MessageQueue::private().unwrap();
    let mut buffer = MessageBuffer::with_capacity(64);
    allocates_nothing("send and receive", || {
        queue.send(MessageType::MIN, &7_u64).unwrap();
        queue.receive(Selector::First, &mut buffer).unwrap();
        queue.send_buffer(&buffer).unwrap();
        queue.receive_value::<u64>(Selector::First).unwrap()
    });
    allocates_nothing("try_receive in vain", || queue.try_receive(Selector::First, &mut buffer).unwrap_err());
    allocates_nothing("receive_timeout in vain", || {
        queue.receive_timeout(Selector::First, &mut buffer, short).unwrap_err()
    });

    let segment = Segment::private(4096).unwrap();
    allocates_nothing("attach and detach", || segment.attach().unwrap().detach().unwrap());
    allocates_nothing("status", || (segment.status().unwrap(), set.status().unwrap(), queue.status().unwrap()));
    let cell = Shared::<Sequenced<[u64; 8]>, _>::bare(segment.attach().unwrap()).unwrap();
    allocates_nothing("a sequenced value", || {
        cell.write(&[3; 8]);
        cell.read().unwrap()
    });
    let attachment = segment.attach().unwrap();
    allocates_nothing("bytes", || {
        attachment.bytes().store(5, &7_u32).unwrap();
        attachment.bytes().slice(5..9).unwrap().load::<u32>(0).unwrap()
    });
    let file = Memfd::options().create(4096).unwrap().map().unwrap();
    allocates_nothing("a file mapping", || {
        file.write(5, b"hello").unwrap();
        file.load::<[u8; 5]>(5).unwrap()
    });
    allocates_nothing("private memory", || PrivateMemory::new(4096).unwrap());
}

/// Looking for a process's generation, for rights or for limits is not part of an ordinary call.
#[test]
fn ordinary_calls_make_one_system_call() {
    const ALL: [libc::c_long; 16] = [
        libc::SYS_semtimedop,
        libc::SYS_semop,
        libc::SYS_semctl,
        libc::SYS_msgsnd,
        libc::SYS_msgrcv,
        libc::SYS_msgctl,
        libc::SYS_shmat,
        libc::SYS_shmctl,
        libc::SYS_shmdt,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_openat,
        libc::SYS_read,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_clock_gettime,
    ];
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    drop(semaphore.acquire(1).unwrap()); // the page of the generation
    let queue = MessageQueue::private().unwrap();
    let segment = Segment::private(4096).unwrap();

    assert_eq!(count(&ALL, || semaphore.subtract(1).unwrap()), 1);
    assert_eq!(count(&ALL, || semaphore.add(1).unwrap()), 1);
    assert_eq!(count(&ALL, || drop(semaphore.acquire(1).unwrap())), 2);
    assert_eq!(count(&ALL, || drop(semaphore.acquire_timeout(1, Duration::from_secs(1)).unwrap())), 2);
    assert_eq!(count(&ALL, || drop(semaphore.try_acquire(9).unwrap_err())), 1);
    assert_eq!(count(&ALL, || queue.send(MessageType::MIN, "x").unwrap()), 1);
    assert_eq!(
        count(&ALL, || {
            queue.receive_value::<u8>(Selector::First).unwrap();
        }),
        1
    );
    assert_eq!(count(&ALL, || drop(queue.try_receive_value::<u8>(Selector::First).unwrap_err())), 1);
    // The size is asked for once the segment cannot change any more.
    assert_eq!(count(&ALL, || drop(segment.attach().unwrap())), 3);
}
