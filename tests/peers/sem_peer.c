/* A program that uses semaphore sets as C programs do, with the usual protocol for their first values: who creates the set
 * exclusively sets the values and then operates on it, and who finds it waits until somebody has operated (sem_otime). */
#include "peer.h"
#include <sys/sem.h>
#include <time.h>

enum { MOST = 64 };

/* The C library leaves it to the program. */
union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static struct semid_ds status_of(int set)
{
    struct semid_ds status;
    union semun argument = { .buf = &status };
    if (semctl(set, 0, IPC_STAT, argument) == -1)
        fail("semctl IPC_STAT");
    return status;
}

static int set_of(const char *text)
{
    if (!is_key(text))
        return id_of(text);
    int id = semget(key_of(text), 0, 0);
    if (id == -1)
        fail("semget");
    return id;
}

static void operate(int set, int index, int change, int flags)
{
    struct sembuf operation = { (unsigned short)index, (short)change, (short)flags };
    if (semop(set, &operation, 1) == -1)
        fail("semop");
}

static void say_values(int set)
{
    unsigned short values[MOST];
    union semun argument = { .array = values };
    size_t count = status_of(set).sem_nsems;
    if (count > MOST)
        misused("a large set");
    if (semctl(set, 0, GETALL, argument) == -1)
        fail("semctl GETALL");
    printf("%d:", set);
    for (size_t i = 0; i < count; i++)
        printf(" %u", values[i]);
    say("%s", "");
}

/* Makes a set; between the making and the values, waits for a line of input if asked to. */
static void create(const char *key, char **words, int count, int pausing)
{
    unsigned short values[MOST];
    union semun argument = { .array = values };
    if (count > MOST)
        misused("many values");
    for (int i = 0; i < count; i++)
        values[i] = (unsigned short)number(words[i], 0, 32767);
    int set = semget(key_of(key), count, IPC_CREAT | IPC_EXCL | 0600);
    if (set == -1)
        fail("semget");
    say("%d", set);
    if (pausing)
        wait_for_line();
    if (semctl(set, 0, SETALL, argument) == -1)
        fail("semctl SETALL");
    struct sembuf touch[] = { { 0, 1, 0 }, { 0, -1, 0 } };
    if (semop(set, touch, 2) == -1)
        fail("semop");
}

/* Finds a set, waits until it has its values, and says them. */
static void open_set(const char *key)
{
    const struct timespec pause = { 0, 1000000 };
    int set = set_of(key);
    if (status_of(set).sem_otime == 0)
        say("waiting");
    for (int i = 0; status_of(set).sem_otime == 0; i++) {
        if (i == 30000)
            misused("nobody initialised the set");
        nanosleep(&pause, NULL);
    }
    say_values(set);
}

/* Takes units that the kernel gives back if this process dies; gives them back itself after a line of input. */
static void hold(int set, int index, int units)
{
    operate(set, index, -units, SEM_UNDO);
    say("held");
    wait_for_line();
    operate(set, index, units, SEM_UNDO);
}

int main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";
    int units = count == 5 ? (int)number(words[4], 0, 32767) : 0;
    if (strcmp(command, "create") == 0 && count >= 4)
        create(words[2], words + 3, count - 3, 0);
    else if (strcmp(command, "create-pausing") == 0 && count >= 4)
        create(words[2], words + 3, count - 3, 1);
    else if (strcmp(command, "open") == 0 && count == 3)
        open_set(words[2]);
    else if (strcmp(command, "values") == 0 && count == 3)
        say_values(set_of(words[2]));
    else if (strcmp(command, "add") == 0 && count == 5)
        operate(set_of(words[2]), id_of(words[3]), units, 0);
    else if (strcmp(command, "take") == 0 && count == 5)
        operate(set_of(words[2]), id_of(words[3]), -units, 0);
    else if (strcmp(command, "try-take") == 0 && count == 5)
        operate(set_of(words[2]), id_of(words[3]), -units, IPC_NOWAIT);
    else if (strcmp(command, "zero") == 0 && count == 4)
        operate(set_of(words[2]), id_of(words[3]), 0, 0);
    else if (strcmp(command, "hold") == 0 && count == 5)
        hold(set_of(words[2]), id_of(words[3]), units);
    else if (strcmp(command, "remove") == 0 && count == 3) {
        if (semctl(set_of(words[2]), 0, IPC_RMID) == -1)
            fail("semctl IPC_RMID");
    } else
        misused(command);
    return 0;
}
