/* A program that maps files, POSIX shared memory objects and memfds as C programs do. */
#include "peer.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What both sides count at once; tests/interop declares the same in Rust. */
struct counters {
    _Atomic uint64_t total;
    _Atomic uint32_t stage;
    _Atomic uint32_t rest;
};

/* Stages of counting: nobody is there, the C side is, both begin. */
enum { ALONE, PRESENT, BEGIN };

/* An object by its kind: a file by its path, a POSIX object by its name, or what this process inherited by its number. */
static int open_object(const char *kind, const char *name, int flags)
{
    int object = -1;
    if (strcmp(kind, "file") == 0)
        object = open(name, flags | O_CLOEXEC, 0600);
    else if (strcmp(kind, "object") == 0)
        object = shm_open(name, flags, 0600);
    else if (strcmp(kind, "descriptor") == 0)
        object = dup(id_of(name));
    else
        misused(kind);
    if (object == -1)
        fail(kind);
    return object;
}

static void resize(int object, long size)
{
    if (ftruncate(object, size) == -1)
        fail("ftruncate");
}

static size_t size_of(int object)
{
    struct stat status;
    if (fstat(object, &status) == -1)
        fail("fstat");
    return (size_t)status.st_size;
}

/* The whole object. */
static void *map(int object, int protection)
{
    void *memory = mmap(NULL, size_of(object), protection, MAP_SHARED, object, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

static void unmap(void *memory, int object)
{
    if (munmap(memory, size_of(object)) == -1)
        fail("munmap");
}

/* Whether so many bytes at this offset are in the object, as other programs want to know too. */
static void check(int object, long offset, size_t length)
{
    if ((size_t)offset + length > size_of(object))
        misused("a range outside the object");
}

static void write_text(int object, long offset, const char *text)
{
    check(object, offset, strlen(text));
    char *memory = map(object, PROT_READ | PROT_WRITE);
    memcpy(memory + offset, text, strlen(text));
    unmap(memory, object);
}

static void read_text(int object, long offset, long length)
{
    check(object, offset, (size_t)length);
    char *memory = map(object, PROT_READ);
    say("%.*s", (int)length, memory + offset);
    unmap(memory, object);
}

/* Keeps the object mapped, and reads again for each line of input. */
static void hold(int object, long offset, long length)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) == -1)
        fail("setrlimit");
    check(object, offset, (size_t)length);
    char *memory = map(object, PROT_READ);
    say("mapped");
    int byte;
    while ((byte = getchar()) != EOF)
        if (byte == '\n')
            say("%.*s", (int)length, memory + offset);
    unmap(memory, object);
}

/* Counts in a file of eight bytes, as the mmap_counter example does. */
static void count_locked(int file, long rounds)
{
    volatile uint64_t *number = map(file, PROT_READ | PROT_WRITE);
    for (long i = 0; i < rounds; i++) {
        if (flock(file, LOCK_EX) == -1)
            fail("flock");
        *number = *number + 1;
        if (flock(file, LOCK_UN) == -1)
            fail("flock");
    }
    say("%llu", (unsigned long long)*number);
}

static void count_up(int object, long rounds)
{
    struct counters *counters = map(object, PROT_READ | PROT_WRITE);
    alarm(60); /* Nobody spins for ever because the other side is gone. */
    atomic_store(&counters->stage, PRESENT);
    while (atomic_load(&counters->stage) != BEGIN)
        ;
    for (long i = 0; i < rounds; i++)
        atomic_fetch_add_explicit(&counters->total, 1, memory_order_relaxed);
    unmap(counters, object);
}

/* A memfd that cannot shrink, for others to open through /proc. */
static void make_memfd(long size, const char *text)
{
    int memfd = memfd_create("from C", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd == -1)
        fail("memfd_create");
    resize(memfd, size);
    write_text(memfd, 0, text);
    if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == -1)
        fail("fcntl");
    say("%d", memfd);
    wait_for_line();
    read_text(memfd, 0, (long)strlen(text));
}

int main(int count, char **words)
{
    const int both = O_RDWR;
    const char *command = count > 1 ? words[1] : "";
    if (strcmp(command, "create") == 0 && count == 5)
        resize(open_object(words[2], words[3], both | O_CREAT | O_EXCL), number(words[4], 0, 1L << 30));
    else if (strcmp(command, "resize") == 0 && count == 5)
        resize(open_object(words[2], words[3], both), number(words[4], 0, 1L << 30));
    else if (strcmp(command, "size") == 0 && count == 4)
        say("%zu", size_of(open_object(words[2], words[3], O_RDONLY)));
    else if (strcmp(command, "write") == 0 && count == 6)
        write_text(open_object(words[2], words[3], both), number(words[4], 0, 1L << 30), words[5]);
    else if (strcmp(command, "read") == 0 && count == 6)
        read_text(open_object(words[2], words[3], O_RDONLY), number(words[4], 0, 1L << 30),
            number(words[5], 0, 4096));
    else if (strcmp(command, "hold") == 0 && count == 6)
        hold(open_object(words[2], words[3], O_RDONLY), number(words[4], 0, 1L << 30), number(words[5], 0, 4096));
    else if (strcmp(command, "count") == 0 && count == 4)
        count_locked(open_object("file", words[2], both), number(words[3], 0, 1L << 30));
    else if (strcmp(command, "count-up") == 0 && count == 5)
        count_up(open_object(words[2], words[3], both), number(words[4], 0, 1L << 30));
    else if (strcmp(command, "memfd") == 0 && count == 4)
        make_memfd(number(words[2], 1, 1L << 30), words[3]);
    else if (strcmp(command, "unlink") == 0 && count == 3) {
        if (shm_unlink(words[2]) == -1)
            fail("shm_unlink");
    } else
        misused(command);
    return 0;
}
