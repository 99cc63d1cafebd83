//! The three operations on shared bytes: copy out, copy in, fill.
//!
//! Each tells the story of the area's model: every shared byte is accessed once, by a relaxed atomic access of one byte, in
//! no stated order, and nothing outside the range is touched. Where assembly serves, the story is what the assembly block
//! stands for; it can be told because a wider access to memory is one of the orders in which the byte accesses may happen.
#![expect(unsafe_code, reason = "the accesses to shared memory are here and nowhere else")]

use core::sync::atomic::{Ordering, fence};

/// Copies `len` bytes out of shared memory into private memory.
///
/// # Safety
///
/// `shared` is good for atomic byte reads of `len` bytes, `private` for writes of `len` bytes that nobody else accesses.
#[inline]
pub(crate) unsafe fn read(shared: *const u8, private: *mut u8, len: usize) {
    // SAFETY: `shared` is readable and `private` writable for `len` bytes, the caller says; that is all `copy` asks.
    unsafe { arch::copy(shared, private, len, Side::Source) };
    fence(Ordering::Acquire);
}

/// Copies `len` bytes of private memory into shared memory.
///
/// # Safety
///
/// `private` is good for reads of `len` initialised bytes that nobody writes meanwhile, `shared` for atomic byte writes of
/// `len` bytes.
#[inline]
pub(crate) unsafe fn write(private: *const u8, shared: *mut u8, len: usize) {
    fence(Ordering::Release);
    // SAFETY: `private` is readable and `shared` writable for `len` bytes, the caller says; that is all `copy` asks.
    unsafe { arch::copy(private, shared, len, Side::Destination) };
}

/// Writes `value` to `len` bytes of shared memory.
///
/// # Safety
///
/// `shared` is good for atomic byte writes of `len` bytes.
pub(crate) unsafe fn fill(shared: *mut u8, value: u8, len: usize) {
    fence(Ordering::Release);
    // SAFETY: as the caller says.
    unsafe { arch::fill(shared, value, len) };
}

/// Which of the two pointers of a copy is into shared memory; the loop needs to know, the assembly does not.
#[derive(Clone, Copy)]
enum Side {
    Source,
    Destination,
}

#[cfg(any(miri, fuzzing, ipc_safe_no_asm, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod arch {
    use super::{Ordering, Side};
    use core::sync::atomic::AtomicU8;

    /// # Safety
    ///
    /// `from` is readable and `to` writable for `len` bytes; the shared side is accessed by atomic bytes only, the private
    /// side by nobody else.
    pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize, shared: Side) {
        for i in 0..len {
            // SAFETY: `i < len`, so the address is inside the range.
            let from = unsafe { from.add(i) };
            // SAFETY: as above.
            let to = unsafe { to.add(i) };
            match shared {
                Side::Source => {
                    // SAFETY: a shared byte that may be read atomically; read-only memory takes relaxed byte loads.
                    let byte = unsafe { &*from.cast::<AtomicU8>() }.load(Ordering::Relaxed);
                    // SAFETY: private memory, ours alone.
                    unsafe { to.write(byte) };
                }
                Side::Destination => {
                    // SAFETY: private memory, initialised and not written meanwhile.
                    let byte = unsafe { from.read() };
                    // SAFETY: a shared byte that may be written atomically.
                    unsafe { &*to.cast::<AtomicU8>() }.store(byte, Ordering::Relaxed);
                }
            }
        }
    }

    /// # Safety
    ///
    /// `to` is good for atomic byte writes of `len` bytes.
    pub(super) unsafe fn fill(to: *mut u8, value: u8, len: usize) {
        for i in 0..len {
            // SAFETY: `i < len`, so the address is inside the range.
            let to = unsafe { to.add(i) };
            // SAFETY: a shared byte that may be written atomically.
            unsafe { &*to.cast::<AtomicU8>() }.store(value, Ordering::Relaxed);
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(any(miri, fuzzing, ipc_safe_no_asm))))]
mod arch {
    use super::Side;
    use core::arch::asm;

    /// From here on vectors of 32 bytes are the fastest, where the processor has them. Its own string copy is not: it is as fast
    /// from 4 KiB on, but up to thirty times slower where the destination starts 1 to 15 bytes further into a page than the source
    /// (measured on Zen 4).
    const WIDE: usize = 512;

    /// So many bytes are one round of the loop with such vectors.
    const BLOCK: usize = 128;

    /// Stores of such vectors are fastest when they are aligned so.
    const ALIGNED: usize = 64;

    /// # Safety
    ///
    /// `from` is readable and `to` writable for `len` bytes, and the two ranges do not overlap.
    #[inline]
    pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize, shared: Side) {
        // SAFETY (all blocks): each reads bytes of `from..from + len` and writes the same offsets of `to..to + len`, every
        // byte once: a second store of a byte could undo what somebody else wrote there after seeing the first. `options`
        // and clobbers: memory is read and written (no `nomem`), the stack is not touched, the direction flag is clear on
        // entry by the ABI.
        // A line, which is what a record often is, without a look at a table.
        if len == 64 {
            // SAFETY: sixty-four bytes.
            return unsafe {
                asm!(
                    "movups {a}, xmmword ptr [{from}]",
                    "movups {b}, xmmword ptr [{from} + 16]",
                    "movups {c}, xmmword ptr [{from} + 32]",
                    "movups {d}, xmmword ptr [{from} + 48]",
                    "movups xmmword ptr [{to}], {a}",
                    "movups xmmword ptr [{to} + 16], {b}",
                    "movups xmmword ptr [{to} + 32], {c}",
                    "movups xmmword ptr [{to} + 48], {d}",
                    a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                    from = in(reg) from, to = in(reg) to,
                    options(nostack, preserves_flags),
                )
            };
        }
        match len {
            0 => {}
            // SAFETY: one byte.
            1 => unsafe {
                asm!(
                    "movzx {a:e}, byte ptr [{from}]",
                    "mov byte ptr [{to}], {a:l}",
                    a = out(reg) _, from = in(reg) from, to = in(reg) to,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: two bytes.
            2 => unsafe {
                asm!(
                    "movzx {a:e}, word ptr [{from}]",
                    "mov word ptr [{to}], {a:x}",
                    a = out(reg) _, from = in(reg) from, to = in(reg) to,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: four bytes.
            4 => unsafe {
                asm!(
                    "mov {a:e}, dword ptr [{from}]",
                    "mov dword ptr [{to}], {a:e}",
                    a = out(reg) _, from = in(reg) from, to = in(reg) to,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: eight bytes.
            8 => unsafe {
                asm!(
                    "mov {a}, qword ptr [{from}]",
                    "mov qword ptr [{to}], {a}",
                    a = out(reg) _, from = in(reg) from, to = in(reg) to,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: sixteen bytes.
            16 => unsafe {
                asm!(
                    "movups {a}, xmmword ptr [{from}]",
                    "movups xmmword ptr [{to}], {a}",
                    a = out(xmm_reg) _, from = in(reg) from, to = in(reg) to,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: as the caller says.
            _ => unsafe { copy_any(from, to, len, shared) },
        }
    }

    /// # Safety
    ///
    /// As [`copy`].
    #[inline(never)] // the short ways are worth a place in the caller's code, this is not
    unsafe fn copy_any(from: *const u8, to: *mut u8, len: usize, shared: Side) {
        if len >= WIDE && std::is_x86_feature_detected!("avx") {
            let head = to.addr().wrapping_neg() % ALIGNED;
            let body = (len - head) / BLOCK * BLOCK;
            let tail = head + body;
            // SAFETY: `head` is below 64, and `len` is not.
            unsafe { copy(from, to, head, shared) };
            // SAFETY: `tail`, where the blocks end, is at most `len`; the processor has AVX.
            unsafe { copy_blocks(from.wrapping_add(head), to.wrapping_add(head), body) };
            // SAFETY: these are the bytes that are left.
            return unsafe { copy(from.wrapping_add(tail), to.wrapping_add(tail), len - tail, shared) };
        }
        // SAFETY: blocks of 64 while so many are left, then 32, 16, 8, 4, 2 and 1 as the bits of what is left say: `len` bytes
        // in all, each once. The flags are declared as changed.
        unsafe {
            asm!(
                "cmp {n}, 64",
                "jb 3f",
                "2:",
                "movups {a}, xmmword ptr [{from}]",
                "movups {b}, xmmword ptr [{from} + 16]",
                "movups {c}, xmmword ptr [{from} + 32]",
                "movups {d}, xmmword ptr [{from} + 48]",
                "movups xmmword ptr [{to}], {a}",
                "movups xmmword ptr [{to} + 16], {b}",
                "movups xmmword ptr [{to} + 32], {c}",
                "movups xmmword ptr [{to} + 48], {d}",
                "add {from}, 64",
                "add {to}, 64",
                "sub {n}, 64",
                "cmp {n}, 64",
                "jae 2b",
                "3:",
                "test {n:e}, 32",
                "jz 4f",
                "movups {a}, xmmword ptr [{from}]",
                "movups {b}, xmmword ptr [{from} + 16]",
                "movups xmmword ptr [{to}], {a}",
                "movups xmmword ptr [{to} + 16], {b}",
                "add {from}, 32",
                "add {to}, 32",
                "4:",
                "test {n:e}, 16",
                "jz 5f",
                "movups {a}, xmmword ptr [{from}]",
                "movups xmmword ptr [{to}], {a}",
                "add {from}, 16",
                "add {to}, 16",
                "5:",
                "test {n:e}, 8",
                "jz 6f",
                "mov {w}, qword ptr [{from}]",
                "mov qword ptr [{to}], {w}",
                "add {from}, 8",
                "add {to}, 8",
                "6:",
                "test {n:e}, 4",
                "jz 7f",
                "mov {w:e}, dword ptr [{from}]",
                "mov dword ptr [{to}], {w:e}",
                "add {from}, 4",
                "add {to}, 4",
                "7:",
                "test {n:e}, 2",
                "jz 8f",
                "movzx {w:e}, word ptr [{from}]",
                "mov word ptr [{to}], {w:x}",
                "add {from}, 2",
                "add {to}, 2",
                "8:",
                "test {n:e}, 1",
                "jz 9f",
                "movzx {w:e}, byte ptr [{from}]",
                "mov byte ptr [{to}], {w:l}",
                "9:",
                w = out(reg) _,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`copy`], with `len` a multiple of [`BLOCK`] and not 0.
    #[target_feature(enable = "avx")]
    unsafe fn copy_blocks(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: 128 bytes at each multiple of 128 below `len`.
        unsafe {
            asm!(
                "xor {i:e}, {i:e}",
                "2:",
                "vmovups {a}, ymmword ptr [{from} + {i}]",
                "vmovups {b}, ymmword ptr [{from} + {i} + 32]",
                "vmovups {c}, ymmword ptr [{from} + {i} + 64]",
                "vmovups {d}, ymmword ptr [{from} + {i} + 96]",
                "vmovups ymmword ptr [{to} + {i}], {a}",
                "vmovups ymmword ptr [{to} + {i} + 32], {b}",
                "vmovups ymmword ptr [{to} + {i} + 64], {c}",
                "vmovups ymmword ptr [{to} + {i} + 96], {d}",
                "add {i}, 128",
                "cmp {i}, {len}",
                "jb 2b",
                "vzeroupper", // what follows may be code for older vectors, which would be slow
                i = out(reg) _,
                a = out(ymm_reg) _, b = out(ymm_reg) _, c = out(ymm_reg) _, d = out(ymm_reg) _,
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// `to` is writable for `len` bytes.
    #[inline]
    pub(super) unsafe fn fill(to: *mut u8, value: u8, len: usize) {
        // SAFETY: `rep stosb` writes `al` to exactly `rcx` bytes from `rdi`; the direction flag is clear by the ABI.
        unsafe {
            asm!(
                "rep stosb",
                inout("rcx") len => _, inout("rdi") to => _, in("al") value,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(all(target_arch = "aarch64", not(any(miri, fuzzing, ipc_safe_no_asm))))]
mod arch {
    use super::Side;
    use core::arch::asm;

    /// # Safety
    ///
    /// `from` is readable and `to` writable for `len` bytes, and the two ranges do not overlap.
    #[inline]
    pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize, _shared: Side) {
        // SAFETY: blocks of 64 while so many are left, then 32, 16, 8, 4, 2 and 1 as the bits of what is left say: `len` bytes
        // in all, each once (a second store of a byte could undo what somebody else wrote there after seeing the first).
        // The registers v0 to v3 and the flags are declared as changed.
        unsafe {
            asm!(
                "cmp {n}, #64",
                "b.lo 3f",
                "2:",
                "ldp q0, q1, [{from}]",
                "ldp q2, q3, [{from}, #32]",
                "stp q0, q1, [{to}]",
                "stp q2, q3, [{to}, #32]",
                "add {from}, {from}, #64",
                "add {to}, {to}, #64",
                "sub {n}, {n}, #64",
                "cmp {n}, #64",
                "b.hs 2b",
                "3:",
                "tbz {n}, #5, 4f",
                "ldp q0, q1, [{from}], #32",
                "stp q0, q1, [{to}], #32",
                "4:",
                "tbz {n}, #4, 5f",
                "ldr q0, [{from}], #16",
                "str q0, [{to}], #16",
                "5:",
                "tbz {n}, #3, 6f",
                "ldr {w}, [{from}], #8",
                "str {w}, [{to}], #8",
                "6:",
                "tbz {n}, #2, 7f",
                "ldr {w:w}, [{from}], #4",
                "str {w:w}, [{to}], #4",
                "7:",
                "tbz {n}, #1, 8f",
                "ldrh {w:w}, [{from}], #2",
                "strh {w:w}, [{to}], #2",
                "8:",
                "tbz {n}, #0, 9f",
                "ldrb {w:w}, [{from}]",
                "strb {w:w}, [{to}]",
                "9:",
                w = out(reg) _,
                from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
                out("v0") _, out("v1") _, out("v2") _, out("v3") _,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// `to` is writable for `len` bytes.
    #[inline]
    pub(super) unsafe fn fill(to: *mut u8, value: u8, len: usize) {
        // SAFETY: sixteen bytes at each offset up to `len - 16`, then one byte at each of the rest below `len`.
        unsafe {
            asm!(
                "dup v0.16b, {value:w}",
                "mov {i}, #0",
                "2:",
                "add {n}, {i}, #16",
                "cmp {n}, {len}",
                "b.hi 3f",
                "str q0, [{to}, {i}]",
                "mov {i}, {n}",
                "b 2b",
                "4:",
                "strb {value:w}, [{to}, {i}]",
                "add {i}, {i}, #1",
                "3:",
                "cmp {i}, {len}",
                "b.lo 4b",
                i = out(reg) _, n = out(reg) _,
                to = in(reg) to, len = in(reg) len, value = in(reg) u32::from(value),
                out("v0") _,
                options(nostack),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every size from 0 to past the largest class, at odd offsets: the range is copied, its neighbours are not touched.
    #[test]
    fn copies_exactly_the_range_at_every_size_and_offset() {
        let mut source: Vec<u8> = (0..5000_u32).map(|i| (i * 7 + i / 256) as u8).collect();
        let lengths = (0..300).chain([511, 512, 513, 639, 640, 641, 2047, 2048, 2049, 4095, 4096, 4097]);
        for len in lengths.filter(|len| len % 61 == 0 || !cfg!(miri)) {
            for (offset, shift) in [0, 1, 7, 15, 33, 63].into_iter().flat_map(|o| [0, 1, 31, 63].map(|s| (o, s))) {
                let mut target = vec![0xee_u8; len + 128];
                let start = 32 + shift;
                let (from, to) = (source[offset..].as_mut_ptr(), target[start..].as_mut_ptr());
                // SAFETY: `source` has at least 63 + 4097 bytes and `target` 32 + 63 + len; both are ours.
                unsafe { read(from, to, len) };
                assert_eq!(&target[start..start + len], &source[offset..offset + len], "length {len}");
                assert!(target[..start].iter().chain(&target[start + len..]).all(|&byte| byte == 0xee), "length {len}");
            }
        }
    }

    #[test]
    fn fills_exactly_the_range() {
        for len in (0..200).chain([4096, 4097]) {
            let mut target = vec![0_u8; len + 32];
            let start = target[16..].as_mut_ptr();
            // SAFETY: `target` has `len` and 16 more bytes from there; it is ours.
            unsafe { fill(start, 0xa5, len) };
            assert!(target[16..16 + len].iter().all(|&byte| byte == 0xa5), "length {len}");
            assert!(target[..16].iter().chain(&target[16 + len..]).all(|&byte| byte == 0), "length {len}");
        }
    }
}
