//! Rights: who has them, for how long.

use crate::support::{fork, watchdog};
use crate::tools::{SEGV_PKUERR, fault_of, kernel_reads, key, memory, memory_of, peek, poke};
use ipc_safe::memory::{KeyRights, KeyedAccess, KeyedMemory, ReadWrite};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

#[test]
fn without_an_access_a_load_is_a_fault() {
    let Some(memory) = memory() else { return };
    let address = memory.as_ptr();

    assert_eq!(fault_of(|| _ = peek(address)), Some(SEGV_PKUERR));
    assert_eq!(fault_of(|| poke(address)), Some(SEGV_PKUERR));
    assert_eq!(kernel_reads(address).unwrap_err().raw_os_error(), Some(libc::EFAULT));

    drop(memory.write_access().unwrap());
    assert_eq!(fault_of(|| _ = peek(address)), Some(SEGV_PKUERR), "after an access as before it");
}

#[test]
fn an_access_for_reading_does_not_let_anybody_write() {
    let Some(memory) = memory() else { return };
    let address = memory.as_ptr();

    let access = memory.read_access().unwrap();

    assert_eq!(memory.key().rights(), KeyRights::Reading);
    assert_eq!(access.load::<[u8; 4]>(0).unwrap(), *b"text");
    assert_eq!(fault_of(|| _ = peek(address)), None);
    assert_eq!(fault_of(|| poke(address)), Some(SEGV_PKUERR));
    kernel_reads(address).unwrap();
}

#[test]
fn an_access_for_writing_reads_and_writes() {
    let Some(memory) = memory() else { return };
    let address = memory.as_ptr();

    let access = memory.write_access().unwrap();
    access.write(1, b"oa").unwrap();
    access.store(4, &7_u32).unwrap();

    assert_eq!(memory.key().rights(), KeyRights::Writing);
    assert_eq!(fault_of(|| poke(address)), None);
    assert_eq!(access.to_vec()[..8], *b"toat\x07\0\0\0");
    access.fill(1);
    assert!(access.to_vec().iter().all(|&byte| byte == 1));
}

#[test]
fn the_strongest_access_left_decides_whatever_the_order() {
    let Some(memory) = memory() else { return };
    let rights = || memory.key().rights();
    let (read, write) = (|| memory.read_access().unwrap(), || memory.write_access().unwrap());

    let (outer, inner) = (read(), write());
    assert_eq!(rights(), KeyRights::Writing);
    drop(outer);
    assert_eq!(rights(), KeyRights::Writing, "dropped out of order");
    inner.write(0, b"still").unwrap();
    drop(inner);
    assert_eq!(rights(), KeyRights::Nothing);

    let (outer, inner) = (write(), read());
    assert_eq!(rights(), KeyRights::Writing);
    drop(outer);
    assert_eq!(rights(), KeyRights::Reading);
    assert_eq!(inner.load::<[u8; 5]>(0).unwrap(), *b"still");
    let twice = read();
    drop(inner);
    assert_eq!(rights(), KeyRights::Reading);
    drop(twice);
    assert_eq!(rights(), KeyRights::Nothing);
}

#[test]
fn a_key_opens_all_its_memory_and_no_other() {
    let (Some(key), Some(other)) = (key(), memory()) else { return };
    let (one, two) = (memory_of(&key), memory_of(&key));

    let _access = one.read_access().unwrap();

    assert_eq!(fault_of(|| _ = peek(two.as_ptr())), None);
    assert_eq!(fault_of(|| _ = peek(other.as_ptr())), Some(SEGV_PKUERR));
}

#[test]
fn a_panic_takes_the_rights_away() {
    let Some(memory) = memory() else { return };

    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _access = memory.write_access().unwrap();
        std::panic::resume_unwind(Box::new("a panic"));
    }));

    assert!(panic.is_err());
    assert_eq!(memory.key().rights(), KeyRights::Nothing);
}

#[test]
fn the_rights_of_one_thread_are_not_those_of_another() {
    let _watchdog = watchdog();
    let Some(memory) = memory() else { return };
    let (ask, asked) = std::sync::mpsc::channel::<()>();
    let (say, said) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let memory = &memory;
        scope.spawn(move || {
            for () in asked {
                let access = memory.read_access().unwrap();
                let seen = access.load::<[u8; 4]>(0).unwrap();
                drop(access);
                say.send((seen, memory.key().rights())).unwrap();
            }
        });

        let access = memory.write_access().unwrap();
        access.write(0, b"seen").unwrap();
        ask.send(()).unwrap();
        assert_eq!(said.recv().unwrap(), (*b"seen", KeyRights::Nothing));
        assert_eq!(memory.key().rights(), KeyRights::Writing);
        drop(ask);
    });
}

#[test]
fn a_thread_inherits_rights_until_it_gives_them_back() {
    let _watchdog = watchdog();
    let Some(memory) = memory() else { return };
    let key = memory.key();
    let in_thread =
        |body: &(dyn Fn() -> [KeyRights; 2] + Sync)| std::thread::scope(|scope| scope.spawn(body).join().unwrap());
    let revoked = || {
        let inherited = key.rights();
        key.revoke_inherited().unwrap();
        [inherited, key.rights()]
    };

    assert_eq!(in_thread(&revoked), [KeyRights::Nothing; 2]);
    let _access = memory.write_access().unwrap();
    assert_eq!(in_thread(&revoked), [KeyRights::Writing, KeyRights::Nothing]);
    let used = || {
        let inherited = key.rights();
        drop(memory.read_access().unwrap());
        [inherited, key.rights()]
    };
    assert_eq!(in_thread(&used), [KeyRights::Writing, KeyRights::Nothing]);

    key.revoke_inherited().unwrap();
    assert_eq!(key.rights(), KeyRights::Writing, "what an access gives is not inherited");
}

#[test]
fn a_forked_child_has_copies_and_what_it_drops_is_still_the_parents() {
    let _watchdog = watchdog();
    let Some(memory) = memory() else { return };
    let access = memory.write_access().unwrap();

    fork(|| {
        assert_eq!(memory.key().rights(), KeyRights::Writing);
        access.write(0, b"mine").unwrap();
        // SAFETY: the child's copies, of which it uses no others from here on: it ends without dropping them.
        drop(unsafe { std::ptr::read(&raw const access) });
        assert_eq!(memory.key().rights(), KeyRights::Nothing);
        // SAFETY: as above.
        let copy = unsafe { std::ptr::read(&raw const memory) };
        assert_eq!(&copy.release().unwrap()[..4], b"mine");
        0
    })
    .succeed();

    assert_eq!(memory.key().rights(), KeyRights::Writing);
    assert_eq!(access.load::<[u8; 4]>(0).unwrap(), *b"text");
    drop(access);
    assert_eq!(fault_of(|| _ = peek(memory.as_ptr())), Some(SEGV_PKUERR));
}

/// What the handler of the next test saw.
static KEY: AtomicI32 = AtomicI32::new(0);
static RIGHTS: AtomicUsize = AtomicUsize::new(usize::MAX);

#[test]
fn a_signal_handler_has_no_rights_and_what_it_interrupts_keeps_its_own() {
    extern "C" fn ask(_signal: i32) {
        // SAFETY: the key is allocated; the call reads a register.
        let rights = unsafe { ipc_safe::sys::mman::pkey_get(KEY.load(Ordering::Relaxed)) };
        RIGHTS.store(rights as usize, Ordering::Relaxed);
    }
    let _watchdog = watchdog();
    let Some(memory) = memory() else { return };
    KEY.store(memory.key().as_raw(), Ordering::Relaxed);
    let access = memory.write_access().unwrap();

    // SAFETY: the handler does what handlers may; nobody else in this program uses the signal.
    unsafe {
        assert_ne!(libc::signal(libc::SIGUSR1, ask as extern "C" fn(_) as libc::sighandler_t), libc::SIG_ERR);
        assert_eq!(libc::raise(libc::SIGUSR1), 0);
    }

    assert_eq!(RIGHTS.load(Ordering::Relaxed) & 1, 1, "PKEY_DISABLE_ACCESS");
    assert_eq!(memory.key().rights(), KeyRights::Writing);
    access.write(0, b"goes on").unwrap();
}

#[test]
fn dropping_keeps_errno() {
    let Some(memory) = memory() else { return };
    let access = memory.write_access().unwrap();
    // SAFETY: the error number of this thread.
    unsafe { *libc::__errno_location() = 77 };

    drop(access);
    drop(memory);

    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(77));
}

/// Memory may be used by any thread, an access by that which holds it; `tests/compile` has what does not compile.
#[test]
fn memory_goes_to_threads() {
    fn takes<T: Send + Sync>() {}
    takes::<KeyedMemory<ipc_safe::memory::backing::Private, ReadWrite>>();
    takes::<ipc_safe::memory::ProtectionKey>();
    assert!(size_of::<KeyedAccess<'_, ReadWrite>>() <= 4 * size_of::<usize>());
}
