//! A segment attached and detached. The libc side asks for the size too, as a program must that did not make the segment.

use crate::{Bar, Case};
use ipc_safe::sysv::Segment;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::rc::Rc;

const BAR: Bar = Bar::OverControl(0.03);

pub(crate) fn cases() -> Vec<Case> {
    let segment = Rc::new(Segment::private(1 << 16).expect("a segment"));
    let raw = || {
        let segment = Rc::clone(&segment);
        move || attach_and_detach(segment.id())
    };
    let ours = {
        let segment = Rc::clone(&segment);
        move || {
            let attachment = segment.attach().unwrap();
            black_box(&attachment);
        }
    };
    vec![Case::new("attach + drop of the attachment", BAR, raw, ours)]
}

fn attach_and_detach(id: i32) {
    let mut status = MaybeUninit::<libc::shmid_ds>::uninit();
    // SAFETY: the kernel chooses a free place.
    let start = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    assert_ne!(start.addr(), usize::MAX);
    // SAFETY: IPC_STAT writes one `shmid_ds`.
    let result = unsafe { libc::shmctl(id, libc::IPC_STAT, status.as_mut_ptr()) };
    assert_eq!(result, 0);
    black_box((start, &status));
    // SAFETY: the segment is attached there, and nothing uses it.
    let result = unsafe { libc::shmdt(start) };
    assert_eq!(result, 0);
}
