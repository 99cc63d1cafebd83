//! The error numbers of the kernel, with their names.

use core::fmt;

/// An error number as the kernel returns it.
///
/// A newtype and not an enumeration: a number that this crate has no name for is still a valid value.
///
/// ```
/// use ipc_safe::error::Errno;
///
/// assert_eq!(Errno::INVAL.name(), Some("EINVAL"));
/// assert_eq!(Errno::INVAL.to_string(), "EINVAL");
/// assert_eq!(Errno::from_raw(4000).to_string(), "errno 4000");
/// ```
///
/// [errno(3)](https://man7.org/linux/man-pages/man3/errno.3.html)
#[doc(alias = "errno")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(i32);

impl Errno {
    /// `EPERM`: the operation needs an owner or a capability.
    pub const PERM: Self = Self(libc::EPERM);
    /// `ENOENT`: no such object.
    pub const NOENT: Self = Self(libc::ENOENT);
    /// `EINTR`: a signal handler ran while the call waited.
    pub const INTR: Self = Self(libc::EINTR);
    /// `E2BIG`: longer than the buffer, or too many operations.
    pub const TOOBIG: Self = Self(libc::E2BIG);
    /// `EAGAIN`: the call would have to wait.
    pub const AGAIN: Self = Self(libc::EAGAIN);
    /// `ENOMEM`: no memory.
    pub const NOMEM: Self = Self(libc::ENOMEM);
    /// `EACCES`: the permission bits refuse it.
    pub const ACCES: Self = Self(libc::EACCES);
    /// `EFAULT`: an address outside the memory of the process.
    pub const FAULT: Self = Self(libc::EFAULT);
    /// `EEXIST`: the object exists.
    pub const EXIST: Self = Self(libc::EEXIST);
    /// `EINVAL`: an argument that the call does not take.
    pub const INVAL: Self = Self(libc::EINVAL);
    /// `EFBIG`: a semaphore index past the end of its set.
    pub const FBIG: Self = Self(libc::EFBIG);
    /// `ENOSPC`: a limit of the system is reached.
    pub const NOSPC: Self = Self(libc::ENOSPC);
    /// `ERANGE`: a value out of its range.
    pub const RANGE: Self = Self(libc::ERANGE);
    /// `ENOSYS`: the kernel lacks the call.
    pub const NOSYS: Self = Self(libc::ENOSYS);
    /// `ENOMSG`: no message of that kind.
    pub const NOMSG: Self = Self(libc::ENOMSG);
    /// `EIDRM`: the object was removed while the call waited.
    pub const IDRM: Self = Self(libc::EIDRM);
    /// `ETIMEDOUT`: the time ran out.
    pub const TIMEDOUT: Self = Self(libc::ETIMEDOUT);

    /// The error number `raw`, whether it has a name or not.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// The number that the last failed C call of this thread left behind.
    pub(crate) fn last() -> Self {
        Self(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }

    /// The C name, `"EINVAL"`, where the number has one on Linux.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "EPERM",
            2 => "ENOENT",
            3 => "ESRCH",
            4 => "EINTR",
            5 => "EIO",
            6 => "ENXIO",
            7 => "E2BIG",
            8 => "ENOEXEC",
            9 => "EBADF",
            10 => "ECHILD",
            11 => "EAGAIN",
            12 => "ENOMEM",
            13 => "EACCES",
            14 => "EFAULT",
            15 => "ENOTBLK",
            16 => "EBUSY",
            17 => "EEXIST",
            18 => "EXDEV",
            19 => "ENODEV",
            20 => "ENOTDIR",
            21 => "EISDIR",
            22 => "EINVAL",
            23 => "ENFILE",
            24 => "EMFILE",
            25 => "ENOTTY",
            26 => "ETXTBSY",
            27 => "EFBIG",
            28 => "ENOSPC",
            29 => "ESPIPE",
            30 => "EROFS",
            31 => "EMLINK",
            32 => "EPIPE",
            33 => "EDOM",
            34 => "ERANGE",
            35 => "EDEADLK",
            36 => "ENAMETOOLONG",
            37 => "ENOLCK",
            38 => "ENOSYS",
            39 => "ENOTEMPTY",
            40 => "ELOOP",
            42 => "ENOMSG",
            43 => "EIDRM",
            44 => "ECHRNG",
            45 => "EL2NSYNC",
            46 => "EL3HLT",
            47 => "EL3RST",
            48 => "ELNRNG",
            49 => "EUNATCH",
            50 => "ENOCSI",
            51 => "EL2HLT",
            52 => "EBADE",
            53 => "EBADR",
            54 => "EXFULL",
            55 => "ENOANO",
            56 => "EBADRQC",
            57 => "EBADSLT",
            59 => "EBFONT",
            60 => "ENOSTR",
            61 => "ENODATA",
            62 => "ETIME",
            63 => "ENOSR",
            64 => "ENONET",
            65 => "ENOPKG",
            66 => "EREMOTE",
            67 => "ENOLINK",
            68 => "EADV",
            69 => "ESRMNT",
            70 => "ECOMM",
            71 => "EPROTO",
            72 => "EMULTIHOP",
            73 => "EDOTDOT",
            74 => "EBADMSG",
            75 => "EOVERFLOW",
            76 => "ENOTUNIQ",
            77 => "EBADFD",
            78 => "EREMCHG",
            79 => "ELIBACC",
            80 => "ELIBBAD",
            81 => "ELIBSCN",
            82 => "ELIBMAX",
            83 => "ELIBEXEC",
            84 => "EILSEQ",
            85 => "ERESTART",
            86 => "ESTRPIPE",
            87 => "EUSERS",
            88 => "ENOTSOCK",
            89 => "EDESTADDRREQ",
            90 => "EMSGSIZE",
            91 => "EPROTOTYPE",
            92 => "ENOPROTOOPT",
            93 => "EPROTONOSUPPORT",
            94 => "ESOCKTNOSUPPORT",
            95 => "EOPNOTSUPP",
            96 => "EPFNOSUPPORT",
            97 => "EAFNOSUPPORT",
            98 => "EADDRINUSE",
            99 => "EADDRNOTAVAIL",
            100 => "ENETDOWN",
            101 => "ENETUNREACH",
            102 => "ENETRESET",
            103 => "ECONNABORTED",
            104 => "ECONNRESET",
            105 => "ENOBUFS",
            106 => "EISCONN",
            107 => "ENOTCONN",
            108 => "ESHUTDOWN",
            109 => "ETOOMANYREFS",
            110 => "ETIMEDOUT",
            111 => "ECONNREFUSED",
            112 => "EHOSTDOWN",
            113 => "EHOSTUNREACH",
            114 => "EALREADY",
            115 => "EINPROGRESS",
            116 => "ESTALE",
            117 => "EUCLEAN",
            118 => "ENOTNAM",
            119 => "ENAVAIL",
            120 => "EISNAM",
            121 => "EREMOTEIO",
            122 => "EDQUOT",
            123 => "ENOMEDIUM",
            124 => "EMEDIUMTYPE",
            125 => "ECANCELED",
            126 => "ENOKEY",
            127 => "EKEYEXPIRED",
            128 => "EKEYREVOKED",
            129 => "EKEYREJECTED",
            130 => "EOWNERDEAD",
            131 => "ENOTRECOVERABLE",
            132 => "ERFKILL",
            133 => "EHWPOISON",
            _ => return None,
        })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}
