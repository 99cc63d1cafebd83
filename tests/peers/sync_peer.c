/* A program that has a mutex and a semaphore of the C library in a shared memory segment. */
#include "peer.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/shm.h>

/* Where things lie in the segment; tests/interop says the same in Rust. */
struct place {
    _Alignas(64) pthread_mutex_t mutex;
    _Alignas(64) uint64_t count;
    _Alignas(64) sem_t semaphore;
};

static void check(const char *call, int code)
{
    if (code != 0) {
        errno = code;
        fail(call);
    }
}

static void make_mutex(struct place *place, const char *kind)
{
    pthread_mutexattr_t attributes;
    check("pthread_mutexattr_init", pthread_mutexattr_init(&attributes));
    check("pthread_mutexattr_setpshared", pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
    if (strcmp(kind, "robust") == 0)
        check("pthread_mutexattr_setrobust", pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
    else if (strcmp(kind, "checked") == 0)
        check("pthread_mutexattr_settype", pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK));
    else if (strcmp(kind, "plain") != 0)
        misused(kind);
    check("pthread_mutex_init", pthread_mutex_init(&place->mutex, &attributes));
    check("pthread_mutexattr_destroy", pthread_mutexattr_destroy(&attributes));
}

/* Locks, says whether the owner had died, and repairs nothing. */
static void lock_once(struct place *place, int repair)
{
    int code = pthread_mutex_lock(&place->mutex);
    if (code == EOWNERDEAD) {
        say("died");
        if (repair)
            check("pthread_mutex_consistent", pthread_mutex_consistent(&place->mutex));
    } else {
        check("pthread_mutex_lock", code);
        say("locked");
    }
}

static void unlock(struct place *place)
{
    check("pthread_mutex_unlock", pthread_mutex_unlock(&place->mutex));
}

static void count(struct place *place, long rounds)
{
    for (long i = 0; i < rounds; i++) {
        check("pthread_mutex_lock", pthread_mutex_lock(&place->mutex));
        place->count++;
        unlock(place);
    }
    say("%lu", (unsigned long)place->count);
}

static void post(struct place *place, long times)
{
    for (long i = 0; i < times; i++)
        if (sem_post(&place->semaphore) == -1)
            fail("sem_post");
}

static void take(struct place *place, long times)
{
    for (long i = 0; i < times; i++)
        if (sem_wait(&place->semaphore) == -1)
            fail("sem_wait");
    say("taken");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        misused("layout | COMMAND SEGMENT ...");
    if (strcmp(argv[1], "layout") == 0) {
        say("%zu %zu", sizeof(pthread_mutex_t), sizeof(sem_t));
        return 0;
    }
    if (argc < 3)
        misused("COMMAND SEGMENT ...");
    struct place *place = shmat(id_of(argv[2]), NULL, 0);
    if (place == (void *)-1)
        fail("shmat");
    const char *command = argv[1];
    const char *last = argv[argc - 1];
    if (strcmp(command, "make-mutex") == 0) {
        make_mutex(place, last);
    } else if (strcmp(command, "count") == 0) {
        count(place, number(last, 0, 100000000));
    } else if (strcmp(command, "hold") == 0) {
        /* Ends with the lock when nobody says anything. */
        lock_once(place, 1);
        wait_for_line();
        if (!feof(stdin))
            unlock(place);
    } else if (strcmp(command, "lock") == 0) {
        lock_once(place, 1);
        unlock(place);
    } else if (strcmp(command, "give-up") == 0) {
        lock_once(place, 0);
        unlock(place);
    } else if (strcmp(command, "make-semaphore") == 0) {
        if (sem_init(&place->semaphore, 1, (unsigned)number(last, 0, 1000000)) == -1)
            fail("sem_init");
    } else if (strcmp(command, "post") == 0) {
        post(place, number(last, 0, 1000000));
    } else if (strcmp(command, "take") == 0) {
        take(place, number(last, 0, 1000000));
    } else {
        misused(command);
    }
    return 0;
}
