/* A program that uses shared memory segments as C programs do. */
#include "peer.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/shm.h>

/* The record of the shm_record examples. */
struct person {
    char name[64];
    int age;
};

/* What both sides count at once; tests/interop declares the same in Rust. */
struct counters {
    _Atomic uint64_t total;
    _Atomic uint32_t threes;
    _Atomic int32_t down;
    _Atomic uint16_t pairs[2];
    _Atomic uint8_t bytes[3];
    _Atomic uint8_t stage;
};

/* Stages of counting: nobody is there, the C side is, both begin. */
enum { ALONE, PRESENT, BEGIN };

static int segment_of(const char *text)
{
    if (!is_key(text))
        return id_of(text);
    int id = shmget(key_of(text), 0, 0);
    if (id == -1)
        fail("shmget");
    return id;
}

static void *attach(int segment, int flags)
{
    void *memory = shmat(segment, NULL, flags);
    if (memory == (void *)-1)
        fail("shmat");
    return memory;
}

static void detach(const void *memory)
{
    if (shmdt(memory) == -1)
        fail("shmdt");
}

static void create(const char *key, long size)
{
    int id = shmget(key_of(key), (size_t)size, IPC_CREAT | IPC_EXCL | 0600);
    if (id == -1)
        fail("shmget");
    say("%d", id);
}

static void write_person(int segment, const char *name, long age)
{
    struct person *person = attach(segment, 0);
    if (strlen(name) > sizeof person->name)
        misused("a long name");
    memset(person->name, 0, sizeof person->name);
    memcpy(person->name, name, strlen(name));
    person->age = (int)age;
    detach(person);
}

static void say_person(const struct person *person)
{
    say("%.*s, %d", (int)sizeof person->name, person->name, person->age);
}

static void read_person(int segment)
{
    const struct person *person = attach(segment, SHM_RDONLY);
    say_person(person);
    detach(person);
}

/* Keeps the segment attached until there is a line of input. */
static void hold(int segment)
{
    const struct person *person = attach(segment, SHM_RDONLY);
    say("attached");
    wait_for_line();
    say_person(person);
    detach(person);
}

/* Puts a text on the board of the blackboard examples: a 32-bit length, then the text. */
static void write_board(int segment, const char *text)
{
    char *board = attach(segment, 0);
    uint32_t length = (uint32_t)strlen(text);
    memcpy(board + sizeof length, text, length);
    memcpy(board, &length, sizeof length);
    detach(board);
}

static void count_up(int segment, long rounds)
{
    struct counters *counters = attach(segment, 0);
    atomic_store(&counters->stage, PRESENT);
    while (atomic_load(&counters->stage) != BEGIN)
        ;
    for (long i = 0; i < rounds; i++) {
        atomic_fetch_add_explicit(&counters->total, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->threes, 3, memory_order_relaxed);
        atomic_fetch_sub_explicit(&counters->down, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->pairs[1], 1, memory_order_relaxed);
        atomic_fetch_xor_explicit(&counters->pairs[0], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->bytes[2], 1, memory_order_relaxed);
    }
    detach(counters);
}

static void layout(void)
{
    say("%zu %zu", sizeof(struct person), offsetof(struct person, age));
    say("%zu %zu %zu %zu %zu %zu", sizeof(struct counters), offsetof(struct counters, threes),
        offsetof(struct counters, down), offsetof(struct counters, pairs), offsetof(struct counters, bytes),
        offsetof(struct counters, stage));
}

static void status(int segment)
{
    struct shmid_ds status;
    if (shmctl(segment, IPC_STAT, &status) == -1)
        fail("shmctl");
    say("%zu bytes, %lu attached%s", status.shm_segsz, (unsigned long)status.shm_nattch,
        status.shm_perm.mode & SHM_DEST ? ", removed" : "");
}

int main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";
    if (strcmp(command, "create") == 0 && count == 4)
        create(words[2], number(words[3], 0, 1L << 30));
    else if (strcmp(command, "write") == 0 && count == 5)
        write_person(segment_of(words[2]), words[3], number(words[4], -200, 200));
    else if (strcmp(command, "read") == 0 && count == 3)
        read_person(segment_of(words[2]));
    else if (strcmp(command, "hold") == 0 && count == 3)
        hold(segment_of(words[2]));
    else if (strcmp(command, "board") == 0 && count == 4)
        write_board(segment_of(words[2]), words[3]);
    else if (strcmp(command, "count") == 0 && count == 4)
        count_up(segment_of(words[2]), number(words[3], 0, 1L << 30));
    else if (strcmp(command, "layout") == 0 && count == 2)
        layout();
    else if (strcmp(command, "status") == 0 && count == 3)
        status(segment_of(words[2]));
    else if (strcmp(command, "remove") == 0 && count == 3) {
        if (shmctl(segment_of(words[2]), IPC_RMID, NULL) == -1)
            fail("shmctl");
    } else
        misused(command);
    return 0;
}
