//! Memory that can be executed and not read.

use crate::tools::{SEGV_PKUERR, fault_of, key, peek};
use ipc_safe::memory::{KeyedMemory, PrivateMemory, ReadExecute, backing::Private};

/// `mov eax, 42; ret`
const CODE: [u8; 6] = [0xb8, 42, 0, 0, 0, 0xc3];

#[test]
fn a_key_makes_memory_execute_only() {
    let Some(key) = key() else { return };
    let mut memory = PrivateMemory::new(100).unwrap();
    memory[..CODE.len()].copy_from_slice(&CODE);
    let code: KeyedMemory<Private, ReadExecute> = key.protect(memory.protect::<ReadExecute>().unwrap()).unwrap();

    // SAFETY: a function without arguments that changes nothing but its return value.
    let call: extern "C" fn() -> i32 = unsafe { std::mem::transmute(code.as_ptr()) };

    assert_eq!(call(), 42);
    assert_eq!(fault_of(|| _ = peek(code.as_ptr())), Some(SEGV_PKUERR));
    assert_eq!(code.read_access().unwrap().load::<[u8; 6]>(0).unwrap(), CODE);
}
