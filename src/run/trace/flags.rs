//! Names of numbers, as in the headers. Where one name's bits contain another's, it stands first.

/// Numbers and their names.
pub(super) type Names = &'static [(u64, &'static str)];

macro_rules! names {
    ($($(#[$about:meta])* $table:ident: $($name:ident)*;)*) => {
        $($(#[$about])* pub(super) const $table: Names = &[$((libc::$name as u64, stringify!($name))),*];)*
    };
}

names! {
    /// Of `msgrcv` and `msgsnd`.
    MESSAGE: IPC_NOWAIT MSG_NOERROR MSG_EXCEPT MSG_COPY;
    ATTACH: SHM_RDONLY SHM_RND SHM_REMAP SHM_EXEC;
    /// How a file is opened, but for reading and writing.
    OPEN: O_CREAT O_EXCL O_TRUNC O_APPEND O_NONBLOCK O_CLOEXEC O_NOFOLLOW O_TMPFILE O_DIRECTORY O_PATH O_SYNC O_DSYNC O_DIRECT;
    ACCESS: O_RDONLY O_WRONLY O_RDWR;
    FOLDER: AT_FDCWD;
    UNLINK: AT_REMOVEDIR;
    LINK: AT_SYMLINK_FOLLOW AT_EMPTY_PATH;
    PROTECTION: PROT_READ PROT_WRITE PROT_EXEC;
    /// Of mappings, but for which kind they are.
    MAPPING: MAP_ANONYMOUS MAP_FIXED_NOREPLACE MAP_FIXED MAP_GROWSDOWN MAP_LOCKED MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK
        MAP_STACK MAP_HUGETLB MAP_SYNC;
    SHARING: MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE;
    SYNC: MS_ASYNC MS_INVALIDATE MS_SYNC;
    MEMFD: MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL MFD_EXEC;
    SEALS: F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW F_SEAL_WRITE F_SEAL_FUTURE_WRITE F_SEAL_EXEC;
    FILE_CONTROL: F_ADD_SEALS F_GET_SEALS F_SETPIPE_SZ F_GETPIPE_SZ;
    PIPE: O_CLOEXEC O_NONBLOCK O_DIRECT;
    COUNTER: EFD_CLOEXEC EFD_NONBLOCK EFD_SEMAPHORE;
    SIGNAL_DESCRIPTOR: SFD_CLOEXEC SFD_NONBLOCK;
    MASK: SIG_BLOCK SIG_UNBLOCK SIG_SETMASK;
    ACTION: SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND;
    CODE: SI_QUEUE SI_USER SI_TKILL SI_TIMER SI_MESGQ SI_ASYNCIO SI_SIGIO;
    INTERVAL: ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF;
    CLOCK: CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID CLOCK_BOOTTIME;
    FAMILY: AF_UNSPEC AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_VSOCK;
    SOCKET: SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET SOCK_RAW;
    SOCKET_FLAGS: SOCK_CLOEXEC SOCK_NONBLOCK;
    SPLICE: SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT;
    FUTEX: FUTEX_WAIT FUTEX_WAKE FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP FUTEX_LOCK_PI FUTEX_UNLOCK_PI
        FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI FUTEX_CMP_REQUEUE_PI FUTEX_LOCK_PI2;
    FUTEX_FLAGS: FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME;
}

/// Of `msgget`, `semget` and `shmget`. What is above the ninth bit means something to `shmget` only.
pub(super) const GET: Names = &[
    (libc::IPC_CREAT as u64, "IPC_CREAT"),
    (libc::IPC_EXCL as u64, "IPC_EXCL"),
    (libc::SHM_HUGETLB as u64, "SHM_HUGETLB"),
    (libc::SHM_NORESERVE as u64, "SHM_NORESERVE"),
];

/// Of a semaphore operation.
pub(super) const OPERATION: Names = &[(libc::IPC_NOWAIT as u64, "IPC_NOWAIT"), (0x1000, "SEM_UNDO")];

/// Commands that `msgctl`, `semctl` and `shmctl` have in common.
pub(super) const CONTROL: Names = &[(0, "IPC_RMID"), (1, "IPC_SET"), (2, "IPC_STAT"), (3, "IPC_INFO")];

/// Commands of `msgctl`.
pub(super) const QUEUE_CONTROL: Names = &[(11, "MSG_STAT"), (12, "MSG_INFO"), (13, "MSG_STAT_ANY")];

/// Commands of `semctl`.
pub(super) const SET_CONTROL: Names = &[
    (11, "GETPID"),
    (12, "GETVAL"),
    (13, "GETALL"),
    (14, "GETNCNT"),
    (15, "GETZCNT"),
    (16, "SETVAL"),
    (17, "SETALL"),
    (18, "SEM_STAT"),
    (19, "SEM_INFO"),
    (20, "SEM_STAT_ANY"),
];

/// Commands of `shmctl`.
pub(super) const SEGMENT_CONTROL: Names =
    &[(11, "SHM_LOCK"), (12, "SHM_UNLOCK"), (13, "SHM_STAT"), (14, "SHM_INFO"), (15, "SHM_STAT_ANY")];
