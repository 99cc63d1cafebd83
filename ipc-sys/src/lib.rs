//! Raw bindings to the System V IPC, memory mapping and signal headers of 64-bit Linux with glibc.
//!
//! Each header is a module, and everything that the header declares under `_GNU_SOURCE` is in it: functions, types,
//! constants, and the macros that are more than a number.
//!
//! | module | header |
//! |---|---|
//! | [`ipc`] | `sys/ipc.h` |
//! | [`msg`] | `sys/msg.h` |
//! | [`sem`] | `sys/sem.h` |
//! | [`shm`] | `sys/shm.h`, and the huge page sizes of `linux/shm.h` |
//! | [`mman`] | `sys/mman.h`, and what `linux/mman.h` and `linux/memfd.h` add to it |
//! | [`signal`] | `signal.h` |
//! | [`types`] | the types of other headers that these use |
//!
//! Nothing here checks anything: the safe crate on top of these bindings is `ipc-safe`.
//!
//! # How C becomes Rust
//!
//! - An integer constant is a [`c_int`](core::ffi::c_int), also when C writes it unsigned and its top bit is set
//!   ([`signal::SA_RESETHAND`], [`shm::SHM_HUGE_16GB`]): `shmget(key, size, IPC_CREAT | 0o600)` needs no cast. The flags
//!   of `memfd_create`, `mlock2` and `pkey_alloc`, which are `unsigned int` in C, are [`c_uint`](core::ffi::c_uint).
//! - A signal handler is a [`sighandler_t`](signal::sighandler_t), which is a `usize` because `SIG_IGN` and its like are no
//!   functions; the crate libc does the same.
//! - A macro that is a call in C is a call here, under the same name: [`signal::SIGRTMIN()`], [`shm::SHMLBA()`].
//! - A macro that stands for a member of a structure is a method: `siginfo.si_pid()`, `action.sa_handler()`.
//! - A type without a name is called after the member that has it: `siginfo_t_sifields_kill`.
//! - Names that begin with an underscore are left out, except where a manual page names them or a type needs them.
//!
//! # Where the bindings come from
//!
//! They are checked in, so a dependent needs no C compiler and no libclang. The feature `bindgen` makes them from the
//! headers of the machine that builds instead, for an architecture that has none here or for headers newer than those
//! that [`HEADERS`] names. `tests/` compares every size, offset and constant with the C compiler.

#![no_std]
#![expect(nonstandard_style, reason = "the names are those of C")]

mod bindings {
    #![expect(missing_docs, reason = "generated: the documentation is that of C")]

    include!(env!("IPC_SYS_BINDINGS_FILE"));
}

#[cfg(target_arch = "aarch64")]
mod aarch64;
pub mod ipc;
pub mod mman;
pub mod msg;
pub mod sem;
pub mod shm;
pub mod signal;
pub mod types;

/// The versions of the headers that these bindings were made from.
pub const HEADERS: &str = bindings::HEADERS;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
