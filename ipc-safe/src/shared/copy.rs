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
        // SAFETY (all blocks): each reads bytes of `from..from + len` and writes the same offsets of `to..to + len`: where
        // two accesses of one size cover the range, the second ends at `len`, which is at least that size. `options` and
        // clobbers: memory is read and written (no `nomem`), the stack is not touched, the direction flag is clear on
        // entry by the ABI.
        match len {
            0 => {}
            // SAFETY: 1 to 3 bytes: first, middle (`len / 2`), last.
            1..4 => unsafe {
                asm!(
                    "movzx {a:e}, byte ptr [{from}]",
                    "movzx {b:e}, byte ptr [{from} + {half}]",
                    "movzx {c:e}, byte ptr [{from} + {len} - 1]",
                    "mov byte ptr [{to}], {a:l}",
                    "mov byte ptr [{to} + {half}], {b:l}",
                    "mov byte ptr [{to} + {len} - 1], {c:l}",
                    a = out(reg) _, b = out(reg) _, c = out(reg) _,
                    from = in(reg) from, to = in(reg) to, len = in(reg) len, half = in(reg) len / 2,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: 4 to 7 bytes: the first four and the last four.
            4..8 => unsafe {
                asm!(
                    "mov {a:e}, dword ptr [{from}]",
                    "mov {b:e}, dword ptr [{from} + {len} - 4]",
                    "mov dword ptr [{to}], {a:e}",
                    "mov dword ptr [{to} + {len} - 4], {b:e}",
                    a = out(reg) _, b = out(reg) _,
                    from = in(reg) from, to = in(reg) to, len = in(reg) len,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: 8 to 15 bytes: the first eight and the last eight.
            8..16 => unsafe {
                asm!(
                    "mov {a}, qword ptr [{from}]",
                    "mov {b}, qword ptr [{from} + {len} - 8]",
                    "mov qword ptr [{to}], {a}",
                    "mov qword ptr [{to} + {len} - 8], {b}",
                    a = out(reg) _, b = out(reg) _,
                    from = in(reg) from, to = in(reg) to, len = in(reg) len,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: 16 to 32 bytes: the first sixteen and the last sixteen.
            16..=32 => unsafe {
                asm!(
                    "movups {a}, xmmword ptr [{from}]",
                    "movups {b}, xmmword ptr [{from} + {len} - 16]",
                    "movups xmmword ptr [{to}], {a}",
                    "movups xmmword ptr [{to} + {len} - 16], {b}",
                    a = out(xmm_reg) _, b = out(xmm_reg) _,
                    from = in(reg) from, to = in(reg) to, len = in(reg) len,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: 33 to 64 bytes: the first thirty-two and the last thirty-two.
            33..=64 => unsafe {
                asm!(
                    "movups {a}, xmmword ptr [{from}]",
                    "movups {b}, xmmword ptr [{from} + 16]",
                    "movups {c}, xmmword ptr [{from} + {len} - 32]",
                    "movups {d}, xmmword ptr [{from} + {len} - 16]",
                    "movups xmmword ptr [{to}], {a}",
                    "movups xmmword ptr [{to} + 16], {b}",
                    "movups xmmword ptr [{to} + {len} - 32], {c}",
                    "movups xmmword ptr [{to} + {len} - 16], {d}",
                    a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                    from = in(reg) from, to = in(reg) to, len = in(reg) len,
                    options(nostack, preserves_flags),
                );
            },
            // SAFETY: more than 64 bytes, as the caller says.
            _ => unsafe { copy_long(from, to, len, shared) },
        }
    }

    /// # Safety
    ///
    /// As [`copy`], with `len` above 64.
    #[inline(never)] // the short ways are worth a place in the caller's code, this is not
    unsafe fn copy_long(from: *const u8, to: *mut u8, len: usize, shared: Side) {
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
        // SAFETY: more than 64 bytes: blocks of 64 while the offset is below `len - 64`, then the last 64.
        unsafe {
            asm!(
                "xor {i:e}, {i:e}",
                "2:",
                "movups {a}, xmmword ptr [{from} + {i}]",
                "movups {b}, xmmword ptr [{from} + {i} + 16]",
                "movups {c}, xmmword ptr [{from} + {i} + 32]",
                "movups {d}, xmmword ptr [{from} + {i} + 48]",
                "movups xmmword ptr [{to} + {i}], {a}",
                "movups xmmword ptr [{to} + {i} + 16], {b}",
                "movups xmmword ptr [{to} + {i} + 32], {c}",
                "movups xmmword ptr [{to} + {i} + 48], {d}",
                "add {i}, 64",
                "cmp {i}, {last}",
                "jb 2b",
                "movups {a}, xmmword ptr [{from} + {last}]",
                "movups {b}, xmmword ptr [{from} + {last} + 16]",
                "movups {c}, xmmword ptr [{from} + {last} + 32]",
                "movups {d}, xmmword ptr [{from} + {last} + 48]",
                "movups xmmword ptr [{to} + {last}], {a}",
                "movups xmmword ptr [{to} + {last} + 16], {b}",
                "movups xmmword ptr [{to} + {last} + 32], {c}",
                "movups xmmword ptr [{to} + {last} + 48], {d}",
                i = out(reg) _,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                from = in(reg) from, to = in(reg) to, last = in(reg) len - 64,
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
        if len < 16 {
            // SAFETY: as the caller says.
            return unsafe { copy_bytes(from, to, len) };
        }
        if len <= 64 {
            // SAFETY: at least sixteen bytes, as the caller says.
            return unsafe { copy_pairs(from, to, len) };
        }
        // SAFETY: blocks of 64 while the offset is below `len - 64`, then the last 64: all inside the two ranges. The
        // registers v0 to v3 and the flags are declared as changed.
        unsafe {
            asm!(
                "mov {i}, #0",
                "2:",
                "add {s}, {from}, {i}",
                "add {d}, {to}, {i}",
                "ldp q0, q1, [{s}]",
                "ldp q2, q3, [{s}, #32]",
                "stp q0, q1, [{d}]",
                "stp q2, q3, [{d}, #32]",
                "add {i}, {i}, #64",
                "cmp {i}, {last}",
                "b.lo 2b",
                "add {s}, {from}, {last}",
                "add {d}, {to}, {last}",
                "ldp q0, q1, [{s}]",
                "ldp q2, q3, [{s}, #32]",
                "stp q0, q1, [{d}]",
                "stp q2, q3, [{d}, #32]",
                i = out(reg) _, s = out(reg) _, d = out(reg) _,
                from = in(reg) from, to = in(reg) to, last = in(reg) len - 64,
                out("v0") _, out("v1") _, out("v2") _, out("v3") _,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`copy`], with `len` at least 16.
    #[inline]
    unsafe fn copy_pairs(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: blocks of 16 while the offset is below `len - 16`, then the last 16: all inside the two ranges.
        unsafe {
            asm!(
                "mov {i}, #0",
                "2:",
                "ldr q0, [{from}, {i}]",
                "str q0, [{to}, {i}]",
                "add {i}, {i}, #16",
                "cmp {i}, {last}",
                "b.lo 2b",
                "ldr q0, [{from}, {last}]",
                "str q0, [{to}, {last}]",
                i = out(reg) _,
                from = in(reg) from, to = in(reg) to, last = in(reg) len - 16,
                out("v0") _,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`copy`].
    #[inline]
    unsafe fn copy_bytes(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: one byte at each offset below `len`.
        unsafe {
            asm!(
                "mov {i}, #0",
                "b 3f",
                "2:",
                "ldrb {b:w}, [{from}, {i}]",
                "strb {b:w}, [{to}, {i}]",
                "add {i}, {i}, #1",
                "3:",
                "cmp {i}, {len}",
                "b.lo 2b",
                i = out(reg) _, b = out(reg) _,
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
