//! Where the crate libc has the same name, it has the same value, the same type of the value, and the same layout.
//!
//! Names that differ, and are not compared: `SIGRTMIN` and `SIGRTMAX` (calls in both), `SIGSTKSZ` and `MINSIGSTKSZ` (numbers
//! from before glibc 2.34 in libc, calls here), `SHMLBA` (not in libc).

use std::fmt::Debug;

/// Both of one type, and equal.
fn same<T: PartialEq + Debug>(name: &str, ours: T, theirs: T) {
    assert_eq!(ours, theirs, "{name}");
}

macro_rules! constants {
    ($($module:ident: $($name:ident)+;)+) => {
        $($(same(stringify!($name), ipc_sys::$module::$name, libc::$name);)+)+
    };
}

macro_rules! types {
    ($($module:ident: $($name:ident)+;)+) => {
        $($(
            same(concat!("size of ", stringify!($name)), size_of::<ipc_sys::$module::$name>(), size_of::<libc::$name>());
            same(concat!("alignment of ", stringify!($name)), align_of::<ipc_sys::$module::$name>(), align_of::<libc::$name>());
        )+)+
    };
}

#[test]
fn constants() {
    constants! {
        ipc:
            IPC_CREAT IPC_EXCL IPC_NOWAIT IPC_RMID IPC_SET IPC_STAT IPC_INFO IPC_PRIVATE;
        msg:
            MSG_NOERROR MSG_EXCEPT MSG_COPY MSG_STAT MSG_INFO;
        sem:
            SEM_UNDO GETPID GETVAL GETALL GETNCNT GETZCNT SETVAL SETALL SEM_STAT SEM_INFO SEM_STAT_ANY;
        shm:
            SHM_R SHM_W SHM_RDONLY SHM_RND SHM_REMAP SHM_EXEC SHM_LOCK SHM_UNLOCK SHM_HUGETLB SHM_NORESERVE;
        mman:
            MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK
            MAP_STACK MAP_HUGETLB MAP_SYNC MAP_FIXED_NOREPLACE PROT_READ PROT_WRITE PROT_EXEC PROT_NONE
            PROT_GROWSDOWN PROT_GROWSUP MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_TYPE MAP_FIXED MAP_FILE
            MAP_ANONYMOUS MAP_ANON MAP_HUGE_SHIFT MAP_HUGE_MASK MS_ASYNC MS_SYNC MS_INVALIDATE MADV_NORMAL
            MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE MADV_REMOVE MADV_DONTFORK
            MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP
            MADV_DODUMP MADV_WIPEONFORK MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ
            MADV_POPULATE_WRITE MADV_DONTNEED_LOCKED MADV_HWPOISON POSIX_MADV_NORMAL POSIX_MADV_RANDOM
            POSIX_MADV_SEQUENTIAL POSIX_MADV_WILLNEED POSIX_MADV_DONTNEED MCL_CURRENT MCL_FUTURE MCL_ONFAULT
            MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB
            MLOCK_ONFAULT MADV_SOFT_OFFLINE MADV_COLLAPSE MAP_HUGE_64KB MAP_HUGE_512KB MAP_HUGE_1MB
            MAP_HUGE_2MB MAP_HUGE_8MB MAP_HUGE_16MB MAP_HUGE_32MB MAP_HUGE_256MB MAP_HUGE_512MB MAP_HUGE_1GB
            MAP_HUGE_2GB MAP_HUGE_16GB MFD_HUGE_SHIFT MFD_HUGE_MASK MFD_HUGE_64KB MFD_HUGE_512KB MFD_HUGE_1MB
            MFD_HUGE_2MB MFD_HUGE_8MB MFD_HUGE_16MB MFD_HUGE_32MB MFD_HUGE_256MB MFD_HUGE_512MB MFD_HUGE_1GB
            MFD_HUGE_2GB MFD_HUGE_16GB MAP_FAILED MAP_DROPPABLE MFD_NOEXEC_SEAL MFD_EXEC;
        signal:
            SIGINT SIGILL SIGABRT SIGFPE SIGSEGV SIGTERM SIGHUP SIGQUIT SIGTRAP SIGKILL SIGPIPE SIGALRM SIGIOT
            SIGSTKFLT SIGPWR SIGBUS SIGSYS SIGURG SIGSTOP SIGTSTP SIGCONT SIGCHLD SIGTTIN SIGTTOU SIGPOLL
            SIGXFSZ SIGXCPU SIGVTALRM SIGPROF SIGUSR1 SIGUSR2 SIGWINCH SIGIO SA_NOCLDSTOP SA_NOCLDWAIT
            SA_SIGINFO SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND SIG_BLOCK SIG_UNBLOCK SIG_SETMASK
            SI_ASYNCNL SI_DETHREAD SI_TKILL SI_SIGIO SI_ASYNCIO SI_MESGQ SI_TIMER SI_QUEUE SI_USER SI_KERNEL
            BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO TRAP_BRKPT TRAP_TRACE TRAP_BRANCH
            TRAP_HWBKPT TRAP_UNK CLD_EXITED CLD_KILLED CLD_DUMPED CLD_TRAPPED CLD_STOPPED CLD_CONTINUED
            SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD SIGEV_THREAD_ID SS_ONSTACK SS_DISABLE SIG_DFL SIG_IGN SIG_ERR;
    }
}

#[test]
fn types() {
    types! {
        ipc:
            ipc_perm;
        msg:
            msgqnum_t msglen_t msqid_ds msginfo;
        sem:
            semid_ds seminfo sembuf;
        shm:
            shmatt_t shmid_ds;
        signal:
            sigset_t sigval siginfo_t sigevent sighandler_t sigaction stack_t mcontext_t ucontext_t;
        types:
            uid_t gid_t mode_t key_t time_t pid_t off_t timespec pthread_t pthread_attr_t iovec size_t ssize_t;
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn names_of_x86_64() {
    constants! {
        mman:
            MAP_32BIT;
        signal:
            REG_R8 REG_R9 REG_R10 REG_R11 REG_R12 REG_R13 REG_R14 REG_R15 REG_RDI REG_RSI REG_RBP REG_RBX
            REG_RDX REG_RAX REG_RCX REG_RSP REG_RIP REG_EFL REG_CSGSFS REG_ERR REG_TRAPNO REG_OLDMASK REG_CR2;
    }
    types! {
        signal:
            greg_t _libc_fpxreg _libc_xmmreg _libc_fpstate;
    }
}
