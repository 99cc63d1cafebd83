//! Keys: having them, sharing them, running out of them.

use crate::support::{fork, watchdog};
use crate::tools::{key, memory_of};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::memory::{KeyRights, PrivateMemory, ProtectionKey};

/// Without the hardware there is an error that says so, and nothing else happens.
#[test]
fn a_missing_feature_is_unsupported_in_words() {
    let error = match ProtectionKey::new() {
        Ok(key) => return println!("skipped: this processor has protection keys: {key:?}"),
        Err(error) => error,
    };

    assert_eq!((error.kind(), error.call()), (ErrorKind::Unsupported, "pkey_alloc"));
    let errno = error.errno().unwrap();
    assert!([Errno::INVAL, Errno::NOSPC, Errno::NOSYS].contains(&errno), "{errno}");
    let expected = format!("pkey_alloc: {errno}: this processor, or this kernel on it, has no protection keys");
    assert_eq!(error.to_string(), expected);
    assert_eq!(std::io::Error::from(error).raw_os_error(), Some(errno.as_raw()));
}

#[test]
fn a_new_key_gives_no_rights_and_is_like_its_clones_only() {
    let (Some(one), Some(two)) = (key(), key()) else { return };

    assert_eq!((one.rights(), two.rights()), (KeyRights::Nothing, KeyRights::Nothing));
    assert_eq!(one, one.clone());
    assert_ne!(one, two);
    assert_ne!(one.as_raw(), two.as_raw());
    assert_eq!(format!("{one:?}"), format!("ProtectionKey({})", one.as_raw()));
}

/// All keys that can still be had.
fn all_keys() -> Vec<ProtectionKey> {
    let mut keys = Vec::new();
    loop {
        match ProtectionKey::new() {
            Ok(key) => keys.push(key),
            Err(error) => {
                assert_eq!((error.kind(), error.errno()), (ErrorKind::LimitReached, Some(Errno::NOSPC)));
                let words = "pkey_alloc: ENOSPC: all protection keys of the process are in use";
                assert_eq!(error.to_string(), words);
                return keys;
            }
        }
    }
}

/// In a child, which has the numbers for itself.
fn alone(body: impl FnOnce()) {
    fork(|| {
        body();
        0
    })
    .succeed();
}

#[test]
fn keys_run_out_and_come_back_with_their_last_clone() {
    let _watchdog = watchdog();
    let Some(one) = key() else { return };
    alone(|| {
        drop(one);
        let keys = all_keys();
        assert!(!keys.is_empty());

        let copies = keys.clone();
        drop(keys);
        assert_eq!(all_keys(), [], "the clones keep them");

        let count = copies.len();
        drop(copies);
        assert_eq!(all_keys().len(), count);
    });
}

/// The kernel would give the number out again while pages still have it, and whoever gets it would have their memory.
#[test]
fn a_key_is_not_given_back_while_memory_has_it() {
    let _watchdog = watchdog();
    let Some(first) = key() else { return };
    alone(|| {
        let number = first.as_raw();
        let memory = memory_of(&first);
        drop(first);

        assert!(all_keys().iter().all(|other| other.as_raw() != number));
        let plain = memory.release().unwrap();
        assert!(all_keys().iter().any(|other| other.as_raw() == number), "no memory has it any more");
        assert_eq!(&plain[..4], b"text");
    });
}

#[test]
fn a_key_is_given_back_with_the_memory_that_has_it() {
    let _watchdog = watchdog();
    let Some(first) = key() else { return };
    alone(|| {
        let number = first.as_raw();
        drop(memory_of(&first));
        drop(first);

        assert!(all_keys().iter().any(|other| other.as_raw() == number));
    });
}

/// Who forgot a guard of an earlier key has no rights to the memory of a new one because the numbers are equal.
#[test]
fn a_forgotten_access_to_an_earlier_key_counts_for_nothing() {
    let _watchdog = watchdog();
    let Some(first) = key() else { return };
    alone(|| {
        let number = first.as_raw();
        let memory = memory_of(&first);
        std::mem::forget(memory.write_access().unwrap());
        assert_eq!(first.rights(), KeyRights::Writing);
        drop((memory, first));

        let again = all_keys().into_iter().find(|other| other.as_raw() == number).unwrap();
        assert_eq!(again.rights(), KeyRights::Nothing);
        let memory = memory_of(&again);
        drop(memory.read_access().unwrap());
        assert_eq!(again.rights(), KeyRights::Nothing);
    });
}

/// What fails half way leaves nothing behind, and what went in comes back out.
#[test]
fn memory_that_cannot_get_the_key_comes_back_without_it() {
    let _watchdog = watchdog();
    let Some(key) = key() else { return };
    alone(|| {
        let before = all_keys().len();
        let kept = memory_of(&key);
        refuse_pkey_mprotect();

        let (memory, error) = key.protect(PrivateMemory::new(100).unwrap()).unwrap_err().into_parts();
        assert_eq!((error.kind(), error.call()), (ErrorKind::OutOfMemory, "pkey_mprotect"));
        assert_eq!(memory[99], 0);

        let (kept, error) = kept.release().unwrap_err().into_parts();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert_eq!(kept.read_access().unwrap().load::<[u8; 4]>(0).unwrap(), *b"text");
        assert_eq!(all_keys().len(), before);
    });
}

/// From here on, `pkey_mprotect` fails with `ENOMEM` in this process.
fn refuse_pkey_mprotect() {
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        statement((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0), // the number of the call
        statement((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, 0, 1, libc::SYS_pkey_mprotect as u32),
        statement((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOMEM as u32),
        statement((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: a filter of four instructions, for this process only.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter), 0);
    }
}
