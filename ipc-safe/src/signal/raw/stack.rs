//! Alternate signal stacks.

use super::{Raw, c, returned};
use crate::error::Errno;
use crate::memory::PrivateMemory;
use core::mem::ManuallyDrop;

/// The alternate stack that a thread had.
#[derive(Clone, Copy, Debug)]
pub(in crate::signal) struct Stack(c::stack_t);

/// Makes `memory` the alternate stack of the calling thread; the one before. The memory must not be freed until
/// [`free_alternate_stack`].
pub(in crate::signal) fn set_alternate_stack(memory: &mut PrivateMemory) -> Raw<Stack> {
    let new = c::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
    let mut previous = none();
    // SAFETY: reads one `stack_t` and writes one. The memory is readable and writable, nothing else uses it while this
    // thread's handlers do, and the caller keeps it.
    returned(unsafe { c::sigaltstack(&raw const new, &raw mut previous) })?;
    Ok(Stack(previous))
}

/// Puts `previous` back and frees the memory. Does neither when this thread's alternate stack is not the memory any more
/// (`EINVAL`), or a handler runs on it (`EPERM`).
pub(in crate::signal) fn free_alternate_stack(memory: &mut ManuallyDrop<PrivateMemory>, previous: Stack) -> Raw<()> {
    let mut current = none();
    // SAFETY: null changes nothing; writes one `stack_t`.
    returned(unsafe { c::sigaltstack(core::ptr::null(), &raw mut current) })?;
    if current.ss_sp.cast_const().cast() != memory.as_ptr() {
        return Err(Errno::INVAL);
    }
    // SAFETY: reads one `stack_t`: what the kernel had before. It was in use until our memory took its place and cannot have been
    // freed since: an `AlternateStack` is freed only while it is the current one, and whoever else frees a stack of
    // this thread disables it first, after which ours is not the current one. While a handler runs on the memory the
    // kernel refuses.
    returned(unsafe { c::sigaltstack(&raw const previous.0, core::ptr::null_mut()) })?;
    // SAFETY: the callers own the memory and do not use it again; no thread has it as its stack: only the one that owns it ever
    // had.
    unsafe { ManuallyDrop::drop(memory) };
    Ok(())
}

const fn none() -> c::stack_t {
    c::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: c::SS_DISABLE, ss_size: 0 }
}
