//! Which header files belong to which module.

/// A module, the header files that belong to it, and the constants that it takes from kernel headers.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its name.
    pub(crate) name: &'static str,
    /// How the paths of its files end; `*` stands for a part of the file's name.
    pub(crate) files: &'static [&'static str],
    /// How the names of the constants begin that it takes from the kernel's headers.
    pub(crate) kernel_constants: &'static [&'static str],
}

/// All modules.
pub(crate) const MODULES: [Module; 6] = [
    Module { name: "ipc", files: &["sys/ipc.h", "bits/ipc*.h"], kernel_constants: &[] },
    Module { name: "msg", files: &["sys/msg.h", "bits/msq.h", "bits/types/struct_msqid*.h"], kernel_constants: &[] },
    Module { name: "sem", files: &["sys/sem.h", "bits/sem.h", "bits/types/struct_semid*.h"], kernel_constants: &[] },
    Module {
        name: "shm",
        files: &["sys/shm.h", "bits/shm*.h", "bits/types/struct_shmid*.h"],
        kernel_constants: &["SHM_HUGE_"],
    },
    Module {
        name: "mman",
        files: &["sys/mman.h", "bits/mman*.h"],
        kernel_constants: &["MADV_", "MAP_", "MCL_", "MFD_", "MLOCK_", "MREMAP_", "MS_", "PKEY_", "PROT_"],
    },
    Module {
        name: "signal",
        files: &[
            "include/signal.h",
            "bits/sig*.h",
            "bits/ss_flags.h",
            "bits/types/sig*.h",
            "bits/types/__sig*.h",
            "bits/types/stack_t.h",
            "bits/types/struct_sigstack.h",
            "sys/ucontext.h",
            "asm/sigcontext.h",
        ],
        kernel_constants: &[],
    },
];
