//! Single values copied out of a segment and into it, where the compiler knows the length. Copies of other lengths are with the
//! mappings.

use crate::{Bar, Case};
use ipc_safe::sysv::{Attachment, Segment};
use std::hint::black_box;
use std::rc::Rc;

pub(crate) fn cases() -> Vec<Case> {
    let attachment = Segment::private(4096).and_then(|segment| segment.attach()).expect("a segment");
    let attachment = Rc::new(attachment);
    vec![load(&attachment), store(&attachment)]
}

/// The C side is one instruction.
fn load(attachment: &Rc<Attachment>) -> Case {
    let raw = || {
        let attachment = Rc::clone(attachment);
        move || {
            let source = black_box(attachment.bytes().as_ptr()).cast::<u64>();
            // SAFETY: the segment has at least 8 bytes, and nobody writes them.
            black_box(unsafe { source.read_unaligned() });
        }
    };
    let ours = {
        let attachment = Rc::clone(attachment);
        move || {
            black_box(black_box(attachment.bytes()).load::<u64>(0).unwrap());
        }
    };
    Case::new("load::<u64>", Bar::None, raw, ours)
}

fn store(attachment: &Rc<Attachment>) -> Case {
    let raw = || {
        let attachment = Rc::clone(attachment);
        move || {
            let target = black_box(attachment.bytes().as_mut_ptr()).cast::<u64>();
            // SAFETY: the segment has at least 8 bytes, and nobody else accesses them.
            unsafe { target.write_unaligned(black_box(7)) };
        }
    };
    let ours = {
        let attachment = Rc::clone(attachment);
        move || black_box(attachment.bytes()).store(0, &black_box(7_u64)).unwrap()
    };
    Case::new("store of a u64", Bar::None, raw, ours)
}
