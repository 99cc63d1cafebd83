//! Bytes copied out of a segment and into it. The lengths are unknown to the compiler, so that both sides copy by a call or
//! a branch on the length.

use crate::buffer::Buffer;
use crate::{Bar, Case};
use ipc_safe::sysv::{Attachment, Segment};
use std::hint::black_box;
use std::rc::Rc;

const LARGEST: usize = 1 << 20;
const PAGE: usize = 4096;

pub(crate) fn cases() -> Vec<Case> {
    let attachment = Segment::private(LARGEST + PAGE).and_then(|segment| segment.attach()).expect("a segment");
    let attachment = Rc::new(attachment);
    let sizes = [
        (8, "8 B", Bar::None),
        (64, "64 B", Bar::Ratio(1.10)),
        (4096, "4 KiB", Bar::Ratio(1.25)),
        (1 << 16, "64 KiB", Bar::Ratio(1.10)),
        (LARGEST, "1 MiB", Bar::Ratio(1.10)),
    ];
    let places = [
        Place { name: "", private: 0, shared: 0 },
        Place { name: ", not aligned", private: 1029, shared: 3 },
        // Where string copies are slow: the destination starts a little further into a page than the source, when reading.
        Place { name: ", nearly in step", private: 5, shared: 3 },
    ];
    let both =
        |(len, name, bar), place| [read(len, name, bar, place, &attachment), write(len, name, bar, place, &attachment)];
    let of_size = |size| places.into_iter().flat_map(move |place| both(size, place));
    sizes.into_iter().flat_map(of_size).chain([load(&attachment), store(&attachment)]).collect()
}

/// How far behind the start of a page the two ranges start.
#[derive(Clone, Copy)]
struct Place {
    name: &'static str,
    private: usize,
    shared: usize,
}

fn read(len: usize, name: &str, bar: Bar, place: Place, attachment: &Rc<Attachment>) -> Case {
    let buffer = Buffer::new(len, place.private);
    let raw = || {
        let attachment = Rc::clone(attachment);
        move || {
            let target = buffer.bytes();
            let source = black_box(attachment.bytes().as_ptr().wrapping_add(place.shared));
            // SAFETY: the segment has at least `shared + len` bytes, and nobody writes them.
            unsafe { source.copy_to_nonoverlapping(target.as_mut_ptr(), target.len()) };
            black_box(target);
        }
    };
    let ours = {
        let attachment = Rc::clone(attachment);
        move || {
            let target = buffer.bytes();
            black_box(attachment.bytes()).read(black_box(place.shared), target).unwrap();
            black_box(target);
        }
    };
    Case::new(format!("read {name}{}", place.name), bar, raw, ours)
}

fn write(len: usize, name: &str, bar: Bar, place: Place, attachment: &Rc<Attachment>) -> Case {
    let buffer = Buffer::new(len, place.private);
    let raw = || {
        let attachment = Rc::clone(attachment);
        move || {
            let source = buffer.bytes();
            let target = black_box(attachment.bytes().as_mut_ptr().wrapping_add(place.shared));
            // SAFETY: the segment has at least `shared + len` bytes, and nobody else accesses them.
            unsafe { target.copy_from_nonoverlapping(source.as_ptr(), source.len()) };
            black_box(target);
        }
    };
    let ours = {
        let attachment = Rc::clone(attachment);
        move || {
            let source = buffer.bytes();
            let target = black_box(attachment.bytes());
            target.write(black_box(place.shared), source).unwrap();
            black_box(target);
        }
    };
    Case::new(format!("write {name}{}", place.name), bar, raw, ours)
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
