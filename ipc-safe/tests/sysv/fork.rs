//! What is inherited by forked children, and what their copies of owners, guards and attachments do.

use crate::support::{fork, watchdog};
use crate::tools::{alone, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Generation, Pid, getpid};
use ipc_safe::sysv::{Attachment, MessageQueue, Owned, Segment, SemaphoreGuard, SemaphoreSet};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// One of everything that ends by itself: owners of a queue, of a set of five units with a guard of two of them, and of a
/// segment with an attachment.
struct Everything {
    queue: Owned<MessageQueue>,
    guard: SemaphoreGuard,
    set: Owned<SemaphoreSet>,
    attachment: Attachment,
    segment: Owned<Segment>,
}

/// The same as handles.
#[derive(Clone, Copy)]
struct Handles {
    queue: MessageQueue,
    set: SemaphoreSet,
    segment: Segment,
}

impl Everything {
    fn new() -> Self {
        let set = SemaphoreSet::private(&[5]).unwrap();
        let segment = Segment::private(100).unwrap();
        Self {
            queue: MessageQueue::private().unwrap(),
            guard: set.semaphore(0).acquire(2).unwrap(),
            set,
            attachment: segment.attach().unwrap(),
            segment,
        }
    }

    fn handles(&self) -> Handles {
        Handles { queue: *self.queue, set: *self.set, segment: *self.segment }
    }
}

impl Handles {
    /// Expects everything to be there, the two units taken, and the segment attached so often.
    #[track_caller]
    fn are_there(self, attachments: u64) {
        assert!(self.queue.status().is_ok());
        assert_eq!(self.set.values().unwrap(), [3]);
        assert_eq!(self.segment.status().unwrap().attachments, attachments);
    }

    #[track_caller]
    fn are_gone(self) {
        fails(self.queue.status(), ErrorKind::Removed, libc::EINVAL);
        fails(self.set.status(), ErrorKind::Removed, libc::EINVAL);
        fails(self.segment.status(), ErrorKind::Removed, libc::EINVAL);
    }
}

/// R-SEM-09
#[test]
fn the_generation_is_another_in_every_child_and_grandchild() {
    let _watchdog = watchdog();
    let ours = Generation::current();
    assert!(ours.is_current());
    fork(|| {
        let childs = Generation::current();
        assert!(!ours.is_current() && childs.is_current());
        fork(|| {
            assert!(!ours.is_current() && !childs.is_current());
            assert!(Generation::current().is_current());
            0
        })
        .succeed();
        i32::from(!childs.is_current() || ours.is_current())
    })
    .succeed();
    // A child that does not ask passes the question on.
    fork(|| {
        fork(|| i32::from(ours.is_current())).succeed();
        i32::from(ours.is_current())
    })
    .succeed();
    assert!(ours.is_current());
    assert_eq!(std::thread::spawn(Generation::current).join().unwrap(), ours);
}

/// R-SEM-09 R-SHM-06
#[test]
fn a_childs_copies_end_with_its_attachment_only() {
    alone(|| {
        let mut all = Some(Everything::new());
        let handles = all.as_ref().unwrap().handles();
        handles.are_there(1);
        fork(|| {
            handles.are_there(2);
            drop(all.take());
            handles.are_there(1);
            0
        })
        .succeed();
        handles.are_there(1);
        drop(all);
        handles.are_gone();
    });
}

/// Each call that consumes a value, in a child.
///
/// R-SEM-09 R-SHM-05
#[test]
fn what_a_child_releases_and_detaches_is_its_own() {
    alone(|| {
        let mut all = Some(Everything::new());
        let handles = all.as_ref().unwrap().handles();
        fork(|| {
            let Everything { queue, guard, set, attachment, segment } = all.take().unwrap();
            guard.release().expect("nothing of its own to give back");
            attachment.bytes().write(0, b"child").unwrap();
            attachment.detach().expect("its own copy");
            handles.are_there(1);
            let _ = (queue.keep(), set.keep(), segment.keep());
            0
        })
        .succeed();
        handles.are_there(1);
        assert_eq!(all.as_ref().unwrap().attachment.bytes().load::<[u8; 5]>(0).unwrap(), *b"child");
    });
}

/// R-SEM-09
#[test]
fn what_a_child_makes_is_its_own_and_not_its_childs() {
    alone(|| {
        let ours = Everything::new();
        let handles = ours.handles();
        fork(|| {
            let mut own = Some(Everything::new());
            let own_handles = own.as_ref().unwrap().handles();
            fork(|| {
                drop(own.take());
                own_handles.are_there(1);
                0
            })
            .succeed();
            own_handles.are_there(1);
            drop(own);
            own_handles.are_gone();
            0
        })
        .succeed();
        handles.are_there(1);
        drop(ours);
        handles.are_gone();
    });
}

/// R-SEM-09
#[test]
fn a_child_forked_by_a_thread_is_no_different() {
    alone(|| {
        let mut all = Some(Everything::new());
        let handles = all.as_ref().unwrap().handles();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut of_thread = Some(Everything::new());
                let thread_handles = of_thread.as_ref().unwrap().handles();
                fork(|| {
                    drop((all.take(), of_thread.take()));
                    handles.are_there(1);
                    thread_handles.are_there(1);
                    0
                })
                .succeed();
                drop(of_thread);
                thread_handles.are_gone();
            });
        });
        handles.are_there(1);
        drop(all);
        handles.are_gone();
    });
}

/// Children of several threads at once, each with a copy of everything.
///
/// R-SEM-09
#[test]
fn many_children_at_once_undo_nothing() {
    let _watchdog = watchdog();
    alone(|| {
        let all = Everything::new();
        let handles = all.handles();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..30 {
                        fork(|| {
                            // SAFETY: the child ends without another look at its copy.
                            drop(unsafe { std::ptr::read(&raw const all) });
                            i32::from(handles.set.values().unwrap() != [3] || handles.queue.status().is_err())
                        })
                        .succeed();
                    }
                });
            }
        });
        handles.are_there(1);
        drop(all);
        handles.are_gone();
    });
}

thread_local! {
    static KEPT: RefCell<Option<Everything>> = const { RefCell::new(None) };
}

/// A child that ends by `exit` runs destructors of what the thread had.
#[test]
fn destructors_that_exit_runs_in_a_child_undo_nothing() {
    alone(|| {
        let all = Everything::new();
        let handles = all.handles();
        KEPT.set(Some(all));
        fork(|| {
            assert!(KEPT.with_borrow(Option::is_some));
            // SAFETY: runs the destructors of the only thread of the child.
            unsafe { libc::exit(0) }
        })
        .succeed();
        handles.are_there(1);
        drop(KEPT.take());
        handles.are_gone();
    });
}

/// R-SEM-08
#[test]
fn undo_is_not_inherited() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    let guard = semaphore.acquire(2).unwrap();
    for _ in 0..3 {
        fork(|| {
            std::mem::forget(semaphore.acquire(1).unwrap());
            0
        })
        .succeed();
        assert_eq!(semaphore.value().unwrap(), 3);
    }
    drop(guard);
    assert_eq!(semaphore.value().unwrap(), 5);
}

/// R-SHM-05
#[test]
fn programs_that_are_started_change_nothing() {
    alone(|| {
        let all = Everything::new();
        let (handles, generation) = (all.handles(), Generation::current());
        // By `vfork` and the like, and by `fork`, which a function to run before `exec` makes necessary.
        assert!(Command::new("true").status().unwrap().success());
        let mut command = Command::new("true");
        // SAFETY: looks at a word and returns.
        unsafe {
            command.pre_exec(move || {
                if generation.is_current() { Err(std::io::Error::other("no new generation")) } else { Ok(()) }
            })
        };
        assert!(command.status().unwrap().success());
        assert!(generation.is_current());
        handles.are_there(1);
        drop(all);
        handles.are_gone();
    });
}

struct Shared {
    generation: Generation,
    is_current: bool,
    queue: Option<Owned<MessageQueue>>,
}

extern "C" fn in_the_same_memory(shared: *mut c_void) -> c_int {
    // SAFETY: the parent lends it, and waits.
    let shared = unsafe { &mut *shared.cast::<Shared>() };
    shared.is_current = shared.generation.is_current();
    drop(shared.queue.take());
    0
}

/// What `vfork` makes is a process with the same memory: its values are the same ones, and end once.
#[test]
fn a_process_with_the_same_memory_is_of_the_same_generation() {
    alone(|| {
        let queue = MessageQueue::private().unwrap();
        let handle = *queue;
        let mut shared = Shared { generation: Generation::current(), is_current: false, queue: Some(queue) };
        let mut stack = vec![0_u128; 1 << 14];
        let top = stack.as_mut_ptr_range().end;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let mut status = 0;
        // SAFETY: the stack is large enough for the function and lives until it has ended, which CLONE_VFORK waits for; the
        // function uses nothing but what it is lent.
        unsafe {
            let pid = libc::clone(in_the_same_memory, top.cast(), flags, (&raw mut shared).cast());
            assert!(pid > 0);
            assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        }
        assert_eq!(status, 0);
        assert!(shared.is_current && shared.queue.is_none());
        fails(handle.status(), ErrorKind::Removed, libc::EINVAL);
        assert!(shared.generation.is_current());
    });
}

/// Whether children of the calling process are in a pid namespace of their own from now on.
fn unshare_pids() -> bool {
    // SAFETY: concern this process, which has one thread, and its children.
    unsafe { libc::unshare(libc::CLONE_NEWPID) == 0 || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) == 0 }
}

/// Parent and child have the same process id, each in its namespace. A guard that looked at it would act twice.
///
/// R-SEM-09
#[test]
fn a_child_with_the_same_process_id_in_a_nested_namespace_undoes_nothing() {
    alone(|| {
        if !unshare_pids() {
            return println!("skipped: no pid namespace to be had");
        }
        fork(|| {
            assert_eq!(getpid(), Pid::INIT);
            let mut all = Some(Everything::new());
            let handles = all.as_ref().unwrap().handles();
            assert_eq!(handles.segment.status().unwrap().creator, Some(Pid::INIT));
            if !unshare_pids() {
                println!("skipped: no pid namespace inside a pid namespace to be had");
                return 0;
            }
            fork(|| {
                assert_eq!(getpid(), Pid::INIT);
                drop(all.take());
                handles.are_there(1);
                let status = handles.segment.status().unwrap();
                assert_eq!(status.creator, None, "it is not in this namespace");
                assert!(!status.is_orphaned());
                let own = Everything::new();
                let own_handles = own.handles();
                drop(own);
                own_handles.are_gone();
                0
            })
            .succeed();
            handles.are_there(1);
            drop(all);
            handles.are_gone();
            0
        })
        .succeed();
    });
}
