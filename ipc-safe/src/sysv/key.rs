//! How unrelated processes find the same object.

use crate::error::{Errno, Error, Result};
use core::fmt;
use core::num::NonZeroU8;
use core::str::FromStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The key of a System V object: 32 bits that processes agree on.
///
/// Printed in hexadecimal as `ipcs` does, and read back in that form or in decimal:
///
/// ```
/// use ipc_safe::sysv::Key;
///
/// let key = Key::new(0x2a);
/// assert_eq!(key.to_string(), "0x0000002a");
/// assert_eq!("42".parse::<Key>()?, key);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// The three kinds of object have tables of their own: a queue and a segment may have the same key.
#[doc(alias = "key_t")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(i32);

impl Key {
    /// No key: every call with it makes a new object, which others find by its id only.
    #[doc(alias = "IPC_PRIVATE")]
    pub const PRIVATE: Self = Self(ipc_sys::ipc::IPC_PRIVATE);

    /// The constant key `raw`. Zero is [`PRIVATE`](Self::PRIVATE); negative ones are as good as others.
    #[must_use]
    pub const fn new(raw: i32) -> Self {
        Self(raw)
    }

    /// The key that C's `ftok` makes from an existing file and a number: 8 bits of the number, 8 of the device, 16 of the
    /// inode. Symbolic links are followed.
    ///
    /// The same file and number give the same key in every process, as long as the file is not made anew. Different files
    /// can give the same key: 24 bits are few. Number 0 is left out, because POSIX does not say what it means.
    ///
    /// ```
    /// use ipc_safe::sysv::Key;
    /// use std::num::NonZeroU8;
    ///
    /// let project = NonZeroU8::new(b'A').unwrap();
    /// assert_eq!(Key::from_path("/tmp", project)?, Key::from_path("/tmp/.", project)?);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when there is no such file,
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when a directory on the way cannot be searched.
    ///
    /// [ftok(3)](https://man7.org/linux/man-pages/man3/ftok.3.html)
    #[doc(alias = "ftok")]
    pub fn from_path(path: impl AsRef<Path>, project: NonZeroU8) -> Result<Self> {
        let path = path.as_ref();
        let file = std::fs::metadata(path).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EINVAL));
            let reason = match errno {
                Errno::NOENT => "the file that the key is made from must exist",
                _ => "the file that the key is made from cannot be looked at",
            };
            Error::new("ftok", errno).about(path.display().to_string()).because(reason)
        })?;
        Ok(Self(formula(file.dev(), file.ino(), project.get())))
    }

    /// A random key that no object of any kind has at this moment. Create with `create_new` and try another one when
    /// somebody was faster.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) without System V IPC, or when the kernel has no random numbers;
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) where a sandbox forbids to look.
    pub fn random() -> Result<Self> {
        use rustix::rand::{GetRandomFlags, getrandom};
        // Even with as many objects as can be, one try in ten thousand fails: a sandbox says that all keys are taken.
        const ATTEMPTS: u32 = 64;
        for _ in 0..ATTEMPTS {
            let mut bytes = [0; 4];
            rustix::io::retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))
                .map_err(|errno| Error::new("getrandom", Errno::from_raw(errno.raw_os_error())))?;
            let key = Self(i32::from_ne_bytes(bytes));
            if !key.is_private() && key.is_unused()? {
                return Ok(key);
            }
        }
        Err(Error::new("msgget", Errno::ACCES).because("every key that was tried is in use, or the sandbox says so"))
    }

    /// The number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Whether this is [`PRIVATE`](Self::PRIVATE).
    #[must_use]
    pub const fn is_private(self) -> bool {
        self.0 == Self::PRIVATE.0
    }

    /// Whether no kind of object has the key.
    fn is_unused(self) -> Result<bool> {
        use super::raw::{msg, sem, shm};
        let unused = |call, found| match found {
            Err(Errno::NOENT) => Ok(true),
            // An object that the caller may not use is one.
            Ok(_) | Err(Errno::ACCES) => Ok(false),
            Err(errno) => Err(super::fault::on_get(call, errno, self.0, "object")),
        };
        Ok(unused("msgget", msg::get(self.0, 0))?
            && unused("semget", sem::get(self.0, 0, 0))?
            && unused("shmget", shm::get(self.0, 0, 0))?)
    }
}

/// What `ftok` computes.
pub(crate) const fn formula(device: u64, inode: u64, project: u8) -> i32 {
    let bits = ((project as u32) << 24) | (((device & 0xff) as u32) << 16) | (inode & 0xffff) as u32;
    bits.cast_signed()
}

impl From<i32> for Key {
    fn from(raw: i32) -> Self {
        Self(raw)
    }
}

impl From<Key> for i32 {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).map(u32::cast_signed),
            None => text.parse::<i32>(),
        };
        parsed.map(Self).map_err(|_| {
            Error::invalid("Key::from_str", "a key is a 32-bit number: 0x and hexadecimal digits, or decimal")
                .without_errno()
                .about(format!("{text:?}"))
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_takes_8_8_and_16_bits() {
        assert_eq!(formula(0x1234, 0x5678_9abc, 0x42), 0x4234_9abc);
        assert!(formula(0, 0, 0x80) < 0);
    }
}
