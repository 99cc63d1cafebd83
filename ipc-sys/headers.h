/* Everything that ipc-sys binds. The list of files that belong to a module is in build/generate.rs. */
#define _GNU_SOURCE 1

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/mman.h>
#include <signal.h>

/* The kernel's headers know names that glibc's lack: huge page sizes, newer advice and flags. */
#include <linux/mman.h>
#include <linux/memfd.h>

/* linux/shm.h and what it includes define structures that glibc's headers define too. */
#define ipc_perm kernel_ipc_perm
#define shmid_ds kernel_shmid_ds
#define shminfo kernel_shminfo
#define shm_info kernel_shm_info
#include <linux/shm.h>
#undef ipc_perm
#undef shmid_ds
#undef shminfo
#undef shm_info

/* process_madvise takes a structure that only this header completes. */
#include <sys/uio.h>

/* Recorded at the head of the bindings. */
#include <features.h>
#include <linux/version.h>
