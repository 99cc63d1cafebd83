//! Bytes copied out of a segment and into it. The lengths are unknown to the compiler, so that both sides copy by a call or
//! a branch on the length.

use crate::{Bar, Case};
use ipc_safe::sysv::{Attachment, Segment};
use std::hint::black_box;
use std::rc::Rc;

const LARGEST: usize = 1 << 20;

pub(crate) fn cases() -> Vec<Case> {
    let attachment = Segment::private(LARGEST).and_then(|segment| segment.attach()).expect("a segment");
    let attachment = Rc::new(attachment);
    let sizes = [
        (8, "8 B", Bar::None),
        (64, "64 B", Bar::Ratio(1.10)),
        (4096, "4 KiB", Bar::Ratio(1.25)),
        (1 << 16, "64 KiB", Bar::Ratio(1.10)),
        (LARGEST, "1 MiB", Bar::Ratio(1.10)),
    ];
    let of_size = |(len, name, bar)| [read(len, name, bar, &attachment), write(len, name, bar, &attachment)];
    sizes.into_iter().flat_map(of_size).chain([load(&attachment), store(&attachment)]).collect()
}

/// One private buffer for the three sides, so that its place in the caches favours none. It lives as long as the program.
#[derive(Clone, Copy)]
struct Buffer(*mut [u8]);

impl Buffer {
    fn new(len: usize) -> Self {
        Self(Box::leak(vec![7; len].into_boxed_slice()))
    }

    /// The bytes, of a length that the compiler does not know.
    #[expect(clippy::mut_from_ref, reason = "the sides take turns")]
    fn bytes(&self) -> &mut [u8] {
        // SAFETY: the buffer is never freed, and one call of one side at a time uses it.
        unsafe { &mut *black_box(self.0) }
    }
}

fn read(len: usize, name: &str, bar: Bar, attachment: &Rc<Attachment>) -> Case {
    let buffer = Buffer::new(len);
    let raw = || {
        let attachment = Rc::clone(attachment);
        move || {
            let target = buffer.bytes();
            let source = black_box(attachment.bytes().as_ptr());
            // SAFETY: the segment has at least `len` bytes, and nobody writes them.
            unsafe { source.copy_to_nonoverlapping(target.as_mut_ptr(), target.len()) };
            black_box(target);
        }
    };
    let ours = {
        let attachment = Rc::clone(attachment);
        move || {
            let target = buffer.bytes();
            black_box(attachment.bytes()).read(0, target).unwrap();
            black_box(target);
        }
    };
    Case::new(format!("read {name}"), bar, raw, ours)
}

fn write(len: usize, name: &str, bar: Bar, attachment: &Rc<Attachment>) -> Case {
    let buffer = Buffer::new(len);
    let raw = || {
        let attachment = Rc::clone(attachment);
        move || {
            let source = buffer.bytes();
            let target = black_box(attachment.bytes().as_mut_ptr());
            // SAFETY: the segment has at least `len` bytes, and nobody else accesses them.
            unsafe { target.copy_from_nonoverlapping(source.as_ptr(), source.len()) };
            black_box(target);
        }
    };
    let ours = {
        let attachment = Rc::clone(attachment);
        move || {
            let source = buffer.bytes();
            let target = black_box(attachment.bytes());
            target.write(0, source).unwrap();
            black_box(target);
        }
    };
    Case::new(format!("write {name}"), bar, raw, ours)
}

/// Where the compiler knows the length: libc's side is one instruction.
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
