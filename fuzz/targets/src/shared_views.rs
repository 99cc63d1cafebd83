//! Views of shared memory: cut, read, written, filled and copied in any ranges, also such as leave them; and a cell; against bytes.

use crate::steps::{Look, steps};
use arbitrary::{Arbitrary, Result, Unstructured};
use ipc_safe::memory::SharedMemory;
use ipc_safe::pipe::pipe;
use ipc_safe::shared::{SharedBytes, SharedCell};
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::pipe::text;
use ipc_safe::testing::model::{Answer, Fault};
use std::io::{Read, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::ops::{Bound, Range};

/// Not a multiple of a page.
const SIZE: usize = 4_400;
/// Around what the copy treats differently: words, blocks, chunks; and what leaves any view.
const NUMBERS: [usize; 36] = [
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    15,
    16,
    17,
    24,
    31,
    32,
    33,
    63,
    64,
    65,
    100,
    127,
    128,
    129,
    511,
    512,
    513,
    1000,
    4095,
    4096,
    4097,
    4200,
    SIZE - 1,
    SIZE,
    SIZE + 1,
    8192,
    usize::MAX,
];
/// So many views at a time.
const VIEWS: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Number(usize);

impl<'a> Arbitrary<'a> for Number {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&NUMBERS).copied().map(Self)
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Edge {
    None,
    Included(Number),
    Excluded(Number),
}

impl Edge {
    const fn bound(self) -> Bound<usize> {
        match self {
            Self::None => Bound::Unbounded,
            Self::Included(Number(at)) => Bound::Included(at),
            Self::Excluded(Number(at)) => Bound::Excluded(at),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    /// Makes view `to` of a part of view `from`.
    Slice {
        from: u8,
        to: u8,
        start: Edge,
        end: Edge,
    },
    Split {
        from: u8,
        to: u8,
        at: Number,
    },
    Whole {
        to: u8,
    },
    Read {
        view: u8,
        offset: Number,
        len: Number,
        uninit: bool,
    },
    Write {
        view: u8,
        offset: Number,
        len: Number,
        byte: u8,
    },
    Load {
        view: u8,
        offset: Number,
        size: u8,
    },
    Store {
        view: u8,
        offset: Number,
        size: u8,
        byte: u8,
    },
    Fill {
        view: u8,
        byte: u8,
    },
    /// Also from a view that overlaps.
    Copy {
        from: u8,
        to: u8,
    },
    /// Between two parts of all.
    Shift {
        from: Number,
        to: Number,
        len: Number,
    },
    Cursor {
        view: u8,
        seek: u8,
        by: Number,
        len: Number,
        byte: u8,
    },
    /// By way of a pipe.
    Through {
        from: u8,
        to: u8,
    },
    Cell {
        byte: u8,
        how: u8,
    },
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    thread_local! {
        static MEMORY: SharedMemory = SharedMemory::new(SIZE).expect("memory");
    }
    MEMORY.with(|memory| {
        let whole = memory.bytes();
        whole.fill(0);
        let mut run = Run::new(whole);
        for step in steps::<Step>(&mut u) {
            run.step(step);
        }
        assert!(whole.to_vec() == run.model, "the memory is that of the model");
    });
}

struct Run<'m> {
    whole: SharedBytes<'m>,
    views: [SharedBytes<'m>; VIEWS],
    /// Where they are.
    parts: [Range<usize>; VIEWS],
    model: Vec<u8>,
    cell: SharedCell<[u8; 24]>,
    in_cell: [u8; 24],
}

/// A view, and where it is.
type Place<'m> = (SharedBytes<'m>, Range<usize>);

/// The part of a view, unless it leaves it.
fn part(view: &Range<usize>, offset: usize, len: usize) -> Answer<Range<usize>> {
    let end = offset.checked_add(len).filter(|&end| end <= view.len()).ok_or(Fault::OUT_OF_VIEW)?;
    Ok(view.start + offset..view.start + end)
}

/// What a range of a view is.
fn range(view: &Range<usize>, start: Edge, end: Edge) -> Answer<Range<usize>> {
    let from = match start {
        Edge::None => 0,
        Edge::Included(Number(at)) => at,
        Edge::Excluded(Number(at)) => at.saturating_add(1),
    };
    let to = match end {
        Edge::None => view.len(),
        Edge::Included(Number(at)) => at.saturating_add(1),
        Edge::Excluded(Number(at)) => at,
    };
    part(view, from, to.checked_sub(from).ok_or(Fault::OUT_OF_VIEW)?)
}

impl<'m> Run<'m> {
    fn new(whole: SharedBytes<'m>) -> Self {
        let parts = [const { 0..SIZE }; VIEWS];
        let cell = SharedCell::new([0; 24]);
        Self { whole, views: [whole; VIEWS], parts, model: vec![0; SIZE], cell, in_cell: [0; 24] }
    }

    fn view(&self, view: u8) -> Place<'m> {
        let at = usize::from(view) % VIEWS;
        (self.views[at], self.parts[at].clone())
    }

    fn set(&mut self, to: u8, view: SharedBytes<'m>, part: Range<usize>) {
        assert_eq!((view.len(), view.is_empty()), (part.len(), part.is_empty()));
        assert_eq!(view.as_ptr().addr() - self.whole.as_ptr().addr(), part.start, "where the view begins");
        let to = usize::from(to) % VIEWS;
        (self.views[to], self.parts[to]) = (view, part);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Slice { from, to, start, end } => {
                let (view, whole) = self.view(from);
                let cut = view.slice((start.bound(), end.bound())).map_err(Fault::from);
                self.cut(to, cut, range(&whole, start, end));
            }
            Step::Split { from, to, at: Number(at) } => self.split(from, to, at),
            Step::Whole { to } => self.set(to, self.whole, 0..SIZE),
            Step::Read { view, offset: Number(offset), len: Number(len), uninit } => {
                self.read(view, offset, len, uninit)
            }
            Step::Write { view, offset: Number(offset), len: Number(len), byte } => {
                let bytes = text(len.min(SIZE + 1), byte);
                let written = self.view(view).0.write(offset, &bytes);
                self.written(view, offset, &bytes, written);
            }
            Step::Load { view, offset: Number(offset), size } => self.load(view, offset, size),
            Step::Store { view, offset: Number(offset), size, byte } => self.store(view, offset, size, byte),
            Step::Fill { view, byte } => {
                let (view, part) = self.view(view);
                view.fill(byte);
                self.model[part].fill(byte);
            }
            Step::Copy { from, to } => self.copy(self.view(from), self.view(to)),
            Step::Shift { from: Number(from), to: Number(to), len: Number(len) } => self.shift(from, to, len),
            Step::Cursor { view, seek, by: Number(by), len: Number(len), byte } => {
                self.cursor(view, seek, by, len.min(SIZE), byte);
            }
            Step::Through { from, to } => self.through(from, to),
            Step::Cell { byte, how } => self.change_cell(byte, how),
        }
    }

    fn cut(&mut self, to: u8, cut: Answer<SharedBytes<'m>>, expected: Answer<Range<usize>>) {
        match (cut, expected) {
            (Ok(view), Ok(part)) => self.set(to, view, part),
            (cut, expected) => assert_eq!(cut.map(drop), expected.map(drop)),
        }
    }

    fn split(&mut self, from: u8, to: u8, at: usize) {
        let (view, whole) = self.view(from);
        let split = view.split_at(at).map_err(Fault::from);
        let (low, high) = (split.map(|(low, _)| low), split.map(|(_, high)| high));
        self.cut(to, low, part(&whole, 0, at));
        let behind = part(&whole, 0, at).map(|low| low.end..whole.end);
        self.cut(to.wrapping_add(1), high, behind);
    }

    fn read(&self, view: u8, offset: usize, len: usize, uninit: bool) {
        let ((view, whole), len) = (self.view(view), len.min(SIZE + 1));
        let expected = part(&whole, offset, len).map(|part| &self.model[part]);
        if uninit {
            let mut room = vec![MaybeUninit::uninit(); len];
            let read = view.read_uninit(offset, &mut room).map_err(Fault::from);
            assert!(read.map(|bytes| &*bytes) == expected, "read {len} bytes at {offset}");
            return;
        }
        let mut bytes = vec![0xee; len];
        let read = view.read_only().read(offset, &mut bytes).map_err(Fault::from);
        assert!(read.map(|()| &bytes[..]) == expected, "read {len} bytes at {offset}");
        assert!(read.is_ok() || bytes.iter().all(|&byte| byte == 0xee), "what was refused was read in part");
    }

    fn written(&mut self, view: u8, offset: usize, bytes: &[u8], written: ipc_safe::Result<()>) {
        let expected = part(&self.view(view).1, offset, bytes.len());
        assert_eq!(written.map_err(Fault::from), expected.clone().map(drop), "{} bytes at {offset}", bytes.len());
        if let Ok(part) = expected {
            self.model[part].copy_from_slice(bytes);
        }
    }

    fn load(&self, view: u8, offset: usize, size: u8) {
        let (view, whole) = self.view(view);
        let (loaded, len) = match size % 5 {
            0 => (view.load::<u8>(offset).map(|value| value.to_ne_bytes().to_vec()), 1),
            1 => (view.load::<u16>(offset).map(|value| value.to_ne_bytes().to_vec()), 2),
            2 => (view.load::<u32>(offset).map(|value| value.to_ne_bytes().to_vec()), 4),
            3 => (view.load::<u64>(offset).map(|value| value.to_ne_bytes().to_vec()), 8),
            _ => (view.load::<[u8; 70]>(offset).map(Vec::from), 70),
        };
        let expected = part(&whole, offset, len).map(|part| self.model[part].to_vec());
        assert_eq!(loaded.map_err(Fault::from), expected, "{len} bytes at {offset}");
    }

    fn store(&mut self, view: u8, offset: usize, size: u8, byte: u8) {
        let bytes: [u8; 70] = text(70, byte).try_into().expect("70 bytes");
        let (target, _) = self.view(view);
        let (len, stored) = match size % 5 {
            0 => (1, target.store(offset, &bytes[0])),
            1 => (2, target.store(offset, &u16::from_ne_bytes([bytes[0], bytes[1]]))),
            2 => (4, target.store(offset, &u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))),
            3 => (8, target.store(offset, &u64::from_ne_bytes(bytes[..8].try_into().expect("eight bytes")))),
            _ => (70, target.store(offset, &bytes)),
        };
        self.written(view, offset, &bytes[..len], stored);
    }

    /// Within the memory.
    fn shift(&mut self, from: usize, to: usize, len: usize) {
        let place = |at: usize| {
            let part = part(&(0..SIZE), at, len).ok()?;
            Some((self.whole.slice(part.clone()).ok()?, part))
        };
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            self.copy(from, to);
        }
    }

    fn copy(&mut self, (source, from): Place<'m>, (target, to): Place<'m>) {
        let copied = target.copy_from(source.read_only()).map_err(Fault::from);
        if from.len() == to.len() {
            assert_eq!(copied, Ok(()));
            self.model.copy_within(from, to.start);
        } else {
            assert_eq!(copied, Err(Fault::OUT_OF_VIEW));
        }
    }

    /// Reads and writes at a place, as a file is.
    fn cursor(&mut self, view: u8, seek: u8, by: usize, len: usize, byte: u8) {
        let (view, part) = self.view(view);
        let mut cursor = view.cursor();
        let by = by as u64;
        let (target, place) = match seek % 3 {
            0 => (SeekFrom::Start(by), Some(by)),
            1 => (SeekFrom::End(by.cast_signed()), (part.len() as u64).checked_add_signed(by.cast_signed())),
            _ => (SeekFrom::End(by.cast_signed().wrapping_neg()), {
                (part.len() as u64).checked_add_signed(by.cast_signed().wrapping_neg())
            }),
        };
        let place = place.filter(|&place| place <= part.len() as u64);
        assert_eq!(cursor.seek(target).ok(), place, "{target:?} in {} bytes", part.len());
        let at = place.map_or(0, |place| place as usize);
        assert_eq!(cursor.position(), at);
        let bytes = text(len, byte);
        let fits = len.min(part.len() - at);
        assert_eq!(cursor.write(&bytes).ok(), Some(fits));
        self.model[part.start + at..][..fits].copy_from_slice(&bytes[..fits]);
        let mut rest = Vec::new();
        assert_eq!(cursor.read_to_end(&mut rest).ok(), Some(part.len() - at - fits));
        assert!(rest == self.model[part.start + at + fits..part.end], "what is read to the end");
    }

    fn through(&mut self, from: u8, to: u8) {
        let ((source, from), (target, to)) = (self.view(from), self.view(to));
        let look = Look::at(Resources::DESCRIPTORS);
        let (reader, writer) = pipe().expect("a pipe");
        assert_eq!(source.write_to(&writer).map_err(Fault::from), Ok(from.len()), "a pipe has room for it");
        drop(writer);
        let len = from.len().min(to.len());
        assert_eq!(target.read_from(&reader).map_err(Fault::from), Ok(len));
        drop(reader);
        let sent = self.model[from].to_vec();
        self.model[to.start..to.start + len].copy_from_slice(&sent[..len]);
        look.end();
    }

    fn change_cell(&mut self, byte: u8, how: u8) {
        let value: [u8; 24] = text(24, byte).try_into().expect("24 bytes");
        match how % 3 {
            0 => self.cell.set(&value),
            1 => assert_eq!(self.cell.replace(&value), self.in_cell),
            _ => self.cell.update(|before| {
                assert_eq!(before, self.in_cell);
                value
            }),
        }
        self.in_cell = value;
        assert_eq!(self.cell.get(), value);
    }
}
