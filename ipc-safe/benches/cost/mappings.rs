//! Memory mapped, protected and unmapped; bytes copied out of shared mappings and files and into them.
//!
//! Copies of shared memory are compared with `memcpy` on private memory, those of files with the calls that a C program
//! would make that wants an error and no signal.

use crate::{Bar, Case};
use ipc_safe::memory::{FileMapping, FixedMemfd, Memfd, PrivateMemory, ReadOnly, SharedMemory};
use ipc_safe::shared::SharedBytes;
use std::fs::File;
use std::hint::black_box;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

const BAR: Bar = Bar::OverControl(0.03);

/// A mapping of the first rows: sixteen pages.
const LEN: usize = 1 << 16;

pub(crate) fn cases() -> Vec<Case> {
    let memfd = Rc::new(Memfd::options().create(LEN as u64).and_then(|memfd| Ok(memfd.fix()?)).expect("a memfd"));
    vec![map_private(), map_and_write_private(), map_memfd(&memfd), map_file(), protect(), flush()]
}

fn map_private() -> Case {
    let ours = || {
        let memory = PrivateMemory::new(LEN).unwrap();
        black_box(&memory);
    };
    Case::new("map + unmap of 64 KiB, private", BAR, || || unmap(map_anonymous()), ours)
}

/// With a page fault, as whoever maps memory has.
fn map_and_write_private() -> Case {
    let raw = || {
        || {
            let memory = map_anonymous();
            // SAFETY: the mapping is writable, and nobody else has it.
            unsafe { memory.cast::<u8>().write(1) };
            unmap(black_box(memory));
        }
    };
    let ours = || {
        let mut memory = PrivateMemory::new(LEN).unwrap();
        memory[0] = 1;
        black_box(&memory);
    };
    Case::new("map + write + unmap of 64 KiB, private", BAR, raw, ours)
}

/// Both ask for the size, and keep a descriptor of the object, by which the mapping can be resized.
fn map_memfd(memfd: &Rc<FixedMemfd>) -> Case {
    let raw = || {
        let memfd = Rc::clone(memfd);
        move || map_and_unmap_object(memfd.as_raw_fd())
    };
    let ours = {
        let memfd = Rc::clone(memfd);
        move || {
            let memory = memfd.map().unwrap();
            black_box(&memory);
        }
    };
    Case::new("map + unmap of 64 KiB, a memfd", BAR, raw, ours)
}

/// As [`map_memfd`].
fn map_file() -> Case {
    let file = Rc::new(new_file());
    let raw = || {
        let file = Rc::clone(&file);
        move || map_and_unmap_object(file.as_raw_fd())
    };
    let ours = {
        let file = Rc::clone(&file);
        move || {
            let memory = FileMapping::new(&*file).unwrap();
            black_box(&memory);
        }
    };
    Case::new("map + unmap of 64 KiB, a file", BAR, raw, ours)
}

/// All sides use the same memory: what changing it costs depends on its neighbours, which the kernel joins with it.
fn protect() -> Case {
    let memory = PrivateMemory::new(LEN).expect("memory");
    let start = memory.as_ptr().cast_mut().cast();
    let raw = || {
        move || {
            for protection in [libc::PROT_READ, libc::PROT_READ | libc::PROT_WRITE] {
                // SAFETY: the memory stays for as long as the program runs, and one side at a time uses it.
                let result = unsafe { libc::mprotect(start, LEN, protection) };
                assert_eq!(result, 0);
            }
        }
    };
    let mut memory = ManuallyDrop::new(Some(memory));
    let ours = move || {
        let read_only = memory.take().unwrap().protect::<ReadOnly>().unwrap();
        *memory = Some(read_only.protect().unwrap());
    };
    Case::new("protect to read-only and back, 64 KiB", BAR, raw, ours)
}

fn flush() -> Case {
    let memory = Memfd::options().create(LEN as u64).and_then(|memfd| memfd.map()).expect("a mapping");
    let memory = Rc::new(memory);
    let raw = || {
        let memory = Rc::clone(&memory);
        move || {
            // SAFETY: the mapping stays while `memory` is held.
            let result = unsafe { libc::msync(memory.as_ptr().cast_mut().cast(), LEN, libc::MS_SYNC) };
            assert_eq!(result, 0);
        }
    };
    let ours = {
        let memory = Rc::clone(&memory);
        move || memory.flush().unwrap()
    };
    Case::new("flush of 64 KiB, a memfd", BAR, raw, ours)
}

fn new_file() -> File {
    let file = tempfile::tempfile().expect("a temporary file");
    file.set_len(LARGEST as u64).expect("room");
    file
}

fn map_anonymous() -> *mut libc::c_void {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: the kernel chooses a free place.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), LEN, protection, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    memory
}

/// Maps 64 KiB, having asked whether there are as many.
fn map_and_unmap_object(object: RawFd) {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` writes one `stat`.
    let result = unsafe { libc::fstat(object, status.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: the call succeeded, so the structure is written.
    assert!(unsafe { status.assume_init() }.st_size >= LEN as i64);
    // SAFETY: takes a descriptor and a number.
    let kept = unsafe { libc::fcntl(object, libc::F_DUPFD_CLOEXEC, 3) };
    assert_ne!(kept, -1);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel chooses a free place.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), LEN, protection, libc::MAP_SHARED, object, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    unmap(black_box(memory));
    // SAFETY: it was made above.
    assert_eq!(unsafe { libc::close(kept) }, 0);
}

fn unmap(memory: *mut libc::c_void) {
    // SAFETY: 64 KiB are mapped there, and nobody uses them.
    let result = unsafe { libc::munmap(memory, LEN) };
    assert_eq!(result, 0);
}

// Copies.

const LARGEST: usize = 1 << 20;
/// Room behind the largest copy for one that does not start at a page, and moves by up to a page.
const ROOM: usize = LARGEST + 2 * 4096;

/// Where a copy starts in the shared memory and in the private buffer.
#[derive(Clone, Copy)]
struct Starts {
    shared: usize,
    private: usize,
    name: &'static str,
}

const ALIGNED: Starts = Starts { shared: 0, private: 0, name: "aligned" };
/// A target that is a little behind its source in their pages, and one that is before it: string copies tell them apart.
const ODD: Starts = Starts { shared: 3, private: 6, name: "odd" };
const MORE_ODD: Starts = Starts { shared: 29, private: 11, name: "more odd" };

pub(crate) fn copies() -> Vec<Case> {
    let memory = Box::leak(Box::new(SharedMemory::new(ROOM).expect("shared memory"))).bytes();
    memory.fill(7); // The pages are there.
    let sizes = [
        (8, "8 B", Bar::None),
        (64, "64 B", Bar::Ratio(1.10)),
        (4096, "4 KiB", Bar::Ratio(1.25)),
        (1 << 16, "64 KiB", Bar::Ratio(1.10)),
        (LARGEST, "1 MiB", Bar::Ratio(1.10)),
    ];
    let both = sizes.into_iter().flat_map(|size| [(size, ALIGNED), (size, ODD), (size, MORE_ODD)]);
    both.flat_map(|((len, name, bar), starts)| {
        let name = format!("{name}, {}", starts.name);
        [read(len, &name, bar, starts, memory), write(len, &name, bar, starts, memory)]
    })
    .collect()
}

/// Private memory with all its pages there, aligned to a page. It lives as long as the program.
#[derive(Clone, Copy)]
struct Buffer(*mut [u8]);

impl Buffer {
    fn new(start: usize, len: usize) -> Self {
        let memory = Box::leak(Box::new(PrivateMemory::new(ROOM).expect("memory")));
        memory.fill(7);
        Self(&raw mut memory[start..start + len])
    }

    /// The bytes, of a length that the compiler does not know.
    fn bytes(&self) -> &mut [u8] {
        self.bytes_behind(0)
    }

    /// The bytes, that much further on, at most a page.
    #[expect(clippy::mut_from_ref, reason = "the sides take turns")]
    fn bytes_behind(&self, step: usize) -> &mut [u8] {
        let len = hidden(self.0.len());
        // SAFETY: the memory has room for that behind the buffer and is never freed, and one call of one side at a time uses
        // it.
        unsafe { std::slice::from_raw_parts_mut(self.0.cast::<u8>().add(step), len) }
    }
}

/// How far a copy moves on each time, in both memories: whether a short one is hindered by what lies at the same place of
/// another page, a variable on the stack say, would else depend on the run.
#[derive(Clone, Copy, Default)]
struct Steps(usize);

impl Steps {
    fn next(&mut self) -> usize {
        self.0 = (self.0 + 192) % 4096;
        self.0
    }
}

/// The value, of which the compiler knows nothing, nor what memory holds now. As `black_box`, but by way of a register and
/// not of the stack.
fn hidden(mut value: usize) -> usize {
    // SAFETY: nothing is executed.
    unsafe { std::arch::asm!("/* {} */", inout(reg) value, options(nostack, preserves_flags)) };
    value
}

/// Out of shared memory; the libc side out of a private buffer in its place.
fn read(len: usize, name: &str, bar: Bar, starts: Starts, memory: SharedBytes<'static>) -> Case {
    let (private, stand_in) = (Buffer::new(starts.private, len), Buffer::new(starts.shared, len));
    let raw = || {
        let mut steps = Steps::default();
        move || {
            let step = steps.next();
            private.bytes_behind(step).copy_from_slice(stand_in.bytes_behind(step));
        }
    };
    let mut steps = Steps::default();
    let ours = move || {
        let step = steps.next();
        memory.read(hidden(starts.shared + step), private.bytes_behind(step)).unwrap();
    };
    Case::new(format!("read {name}, shared memory"), bar, raw, ours)
}

/// Into shared memory; the libc side into a private buffer in its place.
fn write(len: usize, name: &str, bar: Bar, starts: Starts, memory: SharedBytes<'static>) -> Case {
    let (private, stand_in) = (Buffer::new(starts.private, len), Buffer::new(starts.shared, len));
    let raw = || {
        let mut steps = Steps::default();
        move || {
            let step = steps.next();
            stand_in.bytes_behind(step).copy_from_slice(private.bytes_behind(step));
        }
    };
    let mut steps = Steps::default();
    let ours = move || {
        let step = steps.next();
        memory.write(hidden(starts.shared + step), private.bytes_behind(step)).unwrap();
    };
    Case::new(format!("write {name}, shared memory"), bar, raw, ours)
}

/// A file that may shrink: `pread`, and `process_vm_writev` with a look at the size.
pub(crate) fn file_copies() -> Vec<Case> {
    let file = Rc::new(new_file());
    let mapping = Rc::new(FileMapping::new(&*file).expect("a mapping"));
    mapping.write(0, &vec![7; LARGEST]).expect("the pages are there");
    let sizes = [(8, "8 B"), (64, "64 B"), (4096, "4 KiB"), (LARGEST, "1 MiB")];
    let of_size = |(len, name)| [read_file(len, name, &file, &mapping), write_file(len, name, &file, &mapping)];
    sizes.into_iter().flat_map(of_size).collect()
}

fn read_file(len: usize, name: &str, file: &Rc<File>, mapping: &Rc<FileMapping>) -> Case {
    let buffer = Buffer::new(0, len);
    let raw = || {
        let file = Rc::clone(file);
        move || {
            let target = buffer.bytes();
            // SAFETY: the kernel writes at most `target.len()` bytes to `target`.
            let read = unsafe { libc::pread(file.as_raw_fd(), target.as_mut_ptr().cast(), target.len(), 0) };
            assert_eq!(read, target.len() as isize);
            black_box(target);
        }
    };
    let mapping = Rc::clone(mapping);
    let ours = move || {
        let target = buffer.bytes();
        mapping.read(0, target).unwrap();
        black_box(target);
    };
    Case::new(format!("read {name}, a file"), BAR, raw, ours)
}

fn write_file(len: usize, name: &str, file: &Rc<File>, mapping: &Rc<FileMapping>) -> Case {
    let buffer = Buffer::new(0, len);
    let raw = || {
        let (file, mapping) = (Rc::clone(file), Rc::clone(mapping));
        move || write_checked(&file, mapping.as_ptr(), buffer.bytes())
    };
    let mapping = Rc::clone(mapping);
    let ours = move || mapping.write(0, buffer.bytes()).unwrap();
    Case::new(format!("write {name}, a file"), BAR, raw, ours)
}

/// Writes to a mapping without a signal when the file is shorter, nothing behind the file's end, and says whether the bytes are
/// in the file.
fn write_checked(file: &File, target: *const u8, source: &[u8]) {
    assert!(size(file) >= source.len() as i64);
    let local = libc::iovec { iov_base: source.as_ptr().cast_mut().cast(), iov_len: source.len() };
    let remote = libc::iovec { iov_base: target.cast_mut().cast(), iov_len: source.len() };
    // SAFETY: the kernel reads `source` and writes mapped memory that nobody has a reference to.
    let written = unsafe { libc::process_vm_writev(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    assert_eq!(written, source.len() as isize);
    assert!(size(file) >= source.len() as i64);
}

fn size(file: &File) -> i64 {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` writes one `stat`.
    let result = unsafe { libc::fstat(file.as_raw_fd(), status.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: the call succeeded, so the structure is written.
    unsafe { status.assume_init() }.st_size
}
