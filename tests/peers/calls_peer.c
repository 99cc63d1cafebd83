/* A program that makes system calls to be looked at, with arguments as programs give them and with arguments that nobody
 * should. Whether a call succeeds does not matter to it, but for those that the next ones need.
 *
 *   calls_peer GROUP      sysv, posix, memory, signals, pipes, sockets
 *   calls_peer hostile    pointers to nowhere, text without an end, arrays without one
 *   calls_peer loop N     N times semop, and how many nanoseconds one took
 */
#include "peer.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void sysv(void)
{
    struct {
        long type;
        char text[40];
    } message = {5, "hello"};
    int queue = msgget(0x2a, IPC_CREAT | IPC_EXCL | 0600);
    if (queue == -1)
        fail("msgget");
    msgsnd(queue, &message, 5, 0);
    msgsnd(queue, &message, 40, IPC_NOWAIT);
    msgrcv(queue, &message, 40, -9, IPC_NOWAIT | MSG_NOERROR);
    msgctl(queue, IPC_RMID, NULL);
    msgctl(0, MSG_STAT, NULL);
    int set = semget(IPC_PRIVATE, 2, 0640);
    if (set == -1)
        fail("semget");
    struct sembuf operations[] = {{0, 1, SEM_UNDO}, {1, 2, 0}, {0, -1, SEM_UNDO | IPC_NOWAIT}};
    struct timespec half = {0, 500000000};
    semop(set, operations, 3);
    semtimedop(set, operations, 1, &half);
    semctl(set, 1, SETVAL, 7);
    semctl(set, 1, GETVAL);
    semctl(set, 0, IPC_RMID);
    int segment = shmget(IPC_PRIVATE, 5000, IPC_CREAT | SHM_NORESERVE | 0600);
    if (segment == -1)
        fail("shmget");
    void *memory = shmat(segment, NULL, SHM_RDONLY);
    shmctl(segment, IPC_RMID, NULL);
    shmctl(segment, SHM_LOCK, NULL);
    shmdt(memory);
}

static void posix(void)
{
    int object = shm_open("/calls-peer", O_RDWR | O_CREAT | O_EXCL, 0640);
    if (object == -1)
        fail("shm_open");
    shm_unlink("/calls-peer");
    int ordinary = open("/dev/null", O_RDONLY);
    syscall(SYS_unlinkat, AT_FDCWD, "/dev/shm/sem.nobody", 0);
    close(ordinary);
}

static void memory(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    msync(shared, 4096, MS_SYNC);
    int memfd = memfd_create("frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ftruncate(memfd, 8192) == -1)
        fail("ftruncate");
    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL);
    close(fcntl(memfd, F_DUPFD_CLOEXEC, 0));
    syscall(SYS_futex, shared, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = SA_RESTART};
    sigaddset(&action.sa_mask, SIGTERM);
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigaddset(&some, SIGRTMIN + 1);
    struct itimerval timer = {.it_value = {3600, 0}};
    struct timespec none = {0, 0};
    sigaction(SIGUSR2, &action, NULL);
    sigprocmask(SIG_BLOCK, &some, NULL);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 7});
    kill(getpid(), SIGUSR1);
    kill(getpid(), 0);
    sigtimedwait(&some, NULL, &none);
    setitimer(ITIMER_REAL, &timer, NULL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static void pipes(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1)
        fail("pipe2");
    fcntl(ends[0], F_SETPIPE_SZ, 8192);
    mkfifo("/nowhere/fifo", 0622);
    mknod("/nowhere/device", S_IFCHR | 0600, 0);
}

static void sockets(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
        fail("socketpair");
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nowhere/\"socket\"\x1b[2J"};
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(client, (struct sockaddr *)&address, sizeof address);
    memcpy(address.sun_path, "\0name", 5);
    connect(client, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 5);
    struct sockaddr_in internet = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    connect(client, (struct sockaddr *)&internet, sizeof internet);
    listen(client, 5);
}

static void hostile(void)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE) == -1)
        fail("mprotect");
    memset(pages, 'x', 4096);
    struct sembuf *many = (struct sembuf *)pages;
    void *nowhere = (void *)8;
    void *end = pages + 4093;
    /* Objects of nobody: the kernel finds none below 0. */
    syscall(SYS_semtimedop, -1, nowhere, 1, NULL);
    syscall(SYS_semtimedop, -1, many, SIZE_MAX, nowhere);
    syscall(SYS_semtimedop, -1, end, 1, NULL);
    syscall(SYS_semtimedop, -1, NULL, 0, NULL);
    syscall(SYS_msgsnd, -1, nowhere, 5, 0);
    syscall(SYS_msgsnd, -1, pages + 4084, SIZE_MAX, 0);
    syscall(SYS_msgget, 0xffffffff7fffffffL, -1L & ~IPC_CREAT);
    syscall(SYS_memfd_create, end, -1);
    syscall(SYS_memfd_create, pages, 0x40000000);
    syscall(SYS_memfd_create, nowhere, 0);
    syscall(SYS_memfd_create, "two\nlines\t\xff", 0x40000000);
    syscall(SYS_execve, nowhere, nowhere, NULL);
    syscall(SYS_execve, "/nowhere/program", pages, NULL);
    syscall(SYS_connect, -1, end, 1000);
    syscall(SYS_connect, -1, pages, UINT_MAX);
    syscall(SYS_connect, -1, pages, 1);
    syscall(SYS_openat, AT_FDCWD, nowhere, 0);
    syscall(SYS_kill, INT_MIN, 1000);
    syscall(SYS_rt_sigaction, 1000, end, NULL, 8);
    syscall(SYS_rt_sigprocmask, 77, end, NULL, 8);
    syscall(SYS_semctl, -1, INT_MAX, 4711, nowhere);
}

static void loop(long count)
{
    int set = semget(IPC_PRIVATE, 1, 0600);
    if (set == -1)
        fail("semget");
    struct sembuf operation = {0, 0, 0};
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < count; i++)
        if (semop(set, &operation, 1) == -1)
            fail("semop");
    clock_gettime(CLOCK_MONOTONIC, &end);
    semctl(set, 0, IPC_RMID);
    long nanoseconds = (end.tv_sec - start.tv_sec) * 1000000000L + (end.tv_nsec - start.tv_nsec);
    say("%ld", nanoseconds / count);
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        void (*run)(void);
    } groups[] = {{"sysv", sysv},   {"posix", posix},     {"memory", memory},  {"signals", signals},
                  {"pipes", pipes}, {"sockets", sockets}, {"hostile", hostile}};
    if (argc == 3 && strcmp(argv[1], "loop") == 0) {
        loop(number(argv[2], 1, 100000000));
        return 0;
    }
    for (size_t i = 0; argc == 2 && i < sizeof groups / sizeof *groups; i++)
        if (strcmp(argv[1], groups[i].name) == 0) {
            groups[i].run();
            return 0;
        }
    misused(argc > 1 ? argv[1] : "no group");
}
