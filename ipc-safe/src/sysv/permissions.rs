//! Who may use an object.

use super::key::Key;
use crate::error::{Errno, Error, Object, Result};
use core::ffi::c_int;

/// Owner, creator and permission bits of an object, with its key.
///
/// [sysvipc(7)](https://man7.org/linux/man-pages/man7/sysvipc.7.html)
#[doc(alias = "ipc_perm")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permissions {
    /// The key, [`Key::PRIVATE`] when the object has none (any more).
    pub key: Key,
    /// User id of the owner, who may be set.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// User id of the creator, which stays.
    pub creator_uid: u32,
    /// Group id of the creator.
    pub creator_gid: u32,
    /// The nine permission bits. Those for execution are kept and mean nothing.
    pub mode: u32,
    /// The sequence number of the object's place in the kernel's table; part of the id.
    pub sequence: u32,
}

impl Permissions {
    pub(super) fn of(raw: &ipc_sys::ipc::ipc_perm) -> Self {
        Self {
            key: Key::new(raw.__key),
            uid: raw.uid,
            gid: raw.gid,
            creator_uid: raw.cuid,
            creator_gid: raw.cgid,
            mode: raw.mode & MODE_BITS,
            sequence: u32::from(raw.__seq),
        }
    }
}

const MODE_BITS: u32 = 0o777;

/// The permission bits for a call; anything else in them would be taken for flags.
pub(super) fn mode_bits(call: &'static str, mode: u32) -> Result<c_int> {
    if mode & !MODE_BITS != 0 {
        let reason = "permission bits are nine: 0o000 to 0o777";
        return Err(Error::invalid(call, reason).about(format!("mode {mode:#o}")));
    }
    Ok(mode.cast_signed())
}

/// How an object is found or made: what all three kinds have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creation {
    pub(super) mode: u32,
    pub(super) create: bool,
    pub(super) create_new: bool,
}

impl Creation {
    pub(super) const DEFAULT: Self = Self { mode: 0o600, create: false, create_new: false };

    /// Refuses the private key where nothing is to be made: the kernel would make an object, that nobody may use.
    pub(super) fn check_key(self, call: &'static str, key: Key, noun: &str) -> Result<()> {
        if key.is_private() && !self.create && !self.create_new {
            let error = Error::new(call, Errno::NOENT).on(Object::Key(key.as_raw()));
            return Err(error.because(format!("a private {noun} is found by its id")));
        }
        Ok(())
    }

    /// The flags of a `get` call.
    pub(super) fn flags(self, call: &'static str) -> Result<c_int> {
        use ipc_sys::ipc::{IPC_CREAT, IPC_EXCL};
        let mode = mode_bits(call, self.mode)?;
        Ok(match (self.create, self.create_new) {
            (_, true) => mode | IPC_CREAT | IPC_EXCL,
            (true, false) => mode | IPC_CREAT,
            (false, false) => 0,
        })
    }
}
