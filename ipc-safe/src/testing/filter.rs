//! Programs for the kernel that decide what becomes of a system call.

use super::CallRule;
use crate::error::Errno;
use core::mem::offset_of;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IS_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const HAS_BITS: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// `AUDIT_ARCH_X86_64`, `AUDIT_ARCH_AARCH64` (`linux/audit.h`): numbers mean other calls to programs of other machines.
#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 0xc000_00b7;

/// Where the lower half of a number of 64 bits is.
const LOW_HALF: usize = if cfg!(target_endian = "little") { 0 } else { 4 };

/// What becomes of the calls that a filter is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// They fail.
    Fail(Errno),
    /// A supervisor is asked.
    Ask,
}

/// A filter that gives these calls the verdict, and lets all others through.
pub(super) fn filter(rules: impl IntoIterator<Item = CallRule>, verdict: Verdict) -> Vec<libc::sock_filter> {
    let verdict = match verdict {
        Verdict::Fail(errno) => libc::SECCOMP_RET_ERRNO | errno.as_raw().cast_unsigned(),
        Verdict::Ask => libc::SECCOMP_RET_USER_NOTIF,
    };
    let mut program = vec![
        load(offset_of!(libc::seccomp_data, arch)),
        skip_if(MACHINE),
        give(libc::SECCOMP_RET_ALLOW),
        load(offset_of!(libc::seccomp_data, nr)),
    ];
    for rule in rules {
        let number = rule.call().as_raw();
        match rule.bits() {
            None => program.extend([skip_unless(IS_EQUAL, number, 1), give(verdict)]),
            Some((argument, bits)) => program.extend([
                skip_unless(IS_EQUAL, number, 4),
                load(offset_of!(libc::seccomp_data, args) + argument * size_of::<u64>() + LOW_HALF),
                skip_unless(HAS_BITS, bits, 1),
                give(verdict),
                load(offset_of!(libc::seccomp_data, nr)),
            ]),
        }
    }
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

const fn load(offset: usize) -> libc::sock_filter {
    libc::sock_filter { code: LOAD, jt: 0, jf: 0, k: offset as u32 }
}

/// Skips the next instruction if what was loaded is this.
const fn skip_if(value: u32) -> libc::sock_filter {
    libc::sock_filter { code: IS_EQUAL, jt: 1, jf: 0, k: value }
}

/// Skips so many instructions unless the test of what was loaded finds this.
const fn skip_unless(test: u16, value: u32, count: u8) -> libc::sock_filter {
    libc::sock_filter { code: test, jt: 0, jf: count, k: value }
}

const fn give(verdict: u32) -> libc::sock_filter {
    libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: verdict }
}
