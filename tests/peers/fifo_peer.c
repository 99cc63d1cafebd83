/* FIFOs as a C program uses them, and a filter. A record is that of the fifo_writer example: 64 bytes, a number, the time, and a
 * text that zero bytes fill up. */
#include "peer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

struct record {
    unsigned char number[4];
    unsigned char time[8];
    char text[52];
};

_Static_assert(sizeof(struct record) == 64, "as the example has it");

static int open_fifo(const char *path, int flags)
{
    int fifo = open(path, flags | O_CLOEXEC);
    if (fifo == -1)
        fail("open");
    return fifo;
}

/* All of it, however many calls that takes. */
static void write_whole(int fifo, const void *bytes, size_t size)
{
    const char *rest = bytes;
    while (size > 0) {
        ssize_t written = write(fifo, rest, size);
        if (written == -1)
            fail("write");
        rest += written;
        size -= (size_t)written;
    }
}

/* Whether there was so much before the end; a part of it is an error. */
static int read_whole(int fifo, void *bytes, size_t size)
{
    size_t there = 0;
    while (there < size) {
        ssize_t got = read(fifo, (char *)bytes + there, size - there);
        if (got == -1)
            fail("read");
        if (got == 0 && there > 0) {
            errno = ENODATA;
            fail("read");
        }
        if (got == 0)
            return 0;
        there += (size_t)got;
    }
    return 1;
}

static void write_records(const char *path, long records)
{
    int fifo = open_fifo(path, O_WRONLY);
    for (long i = 0; i < records; i++) {
        struct record record = {{(unsigned char)i}, {0}, {0}};
        snprintf(record.text, sizeof record.text, "record %ld from C", i);
        write_whole(fifo, &record, sizeof record);
    }
}

static void read_records(const char *path)
{
    int fifo = open_fifo(path, O_RDONLY);
    struct record record;
    while (read_whole(fifo, &record, sizeof record))
        say("%d %.52s", record.number[0], record.text);
    say("end");
}

/* Bytes that tell where they are. */
static unsigned char byte_at(uint64_t at)
{
    return (unsigned char)(at * 31 % 251);
}

static void send_bytes(const char *path, long size)
{
    int fifo = open_fifo(path, O_WRONLY);
    unsigned char bytes[10000];
    for (uint64_t at = 0; at < (uint64_t)size;) {
        size_t part = (uint64_t)size - at < sizeof bytes ? (size_t)((uint64_t)size - at) : sizeof bytes;
        for (size_t i = 0; i < part; i++)
            bytes[i] = byte_at(at + i);
        write_whole(fifo, bytes, part);
        at += part;
    }
}

static void check_bytes(const char *path)
{
    int fifo = open_fifo(path, O_RDONLY);
    unsigned char bytes[7000];
    uint64_t at = 0;
    ssize_t got;
    while ((got = read(fifo, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < got; i++, at++)
            if (bytes[i] != byte_at(at)) {
                errno = EILSEQ;
                fail("compare");
            }
    if (got == -1)
        fail("read");
    say("%" PRIu64, at);
}

/* Whole records of one letter, as long as one write may be that is not torn. */
static void write_letters(const char *path, char letter, long records)
{
    int fifo = open_fifo(path, O_WRONLY);
    char record[4096];
    memset(record, letter, sizeof record);
    for (long i = 0; i < records; i++)
        if (write(fifo, record, sizeof record) != (ssize_t)sizeof record)
            fail("write");
}

/* What one read or write answers that does not wait. */
static void try_read(const char *path)
{
    int fifo = open_fifo(path, O_RDONLY | O_NONBLOCK);
    char byte;
    ssize_t got = read(fifo, &byte, 1);
    if (got == -1)
        fail("read");
    say("%zd", got);
}

static void try_write(const char *path, long size)
{
    int fifo = open_fifo(path, O_WRONLY | O_NONBLOCK);
    char *bytes = calloc((size_t)size, 1);
    if (bytes == NULL)
        fail("calloc");
    ssize_t written = write(fifo, bytes, (size_t)size);
    if (written == -1)
        fail("write");
    free(bytes);
    say("%zd", written);
}

/* Opens one end, and keeps it until a line comes. */
static void hold(const char *path, int flags)
{
    int fifo = open_fifo(path, flags);
    say("open");
    wait_for_line();
    close(fifo);
}

/* Two integers a line; flushes, or keeps its output back as C does for a pipe. */
static void add(int flushes)
{
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        long one, two;
        char rest;
        if (sscanf(line, "%ld %ld %c", &one, &two, &rest) == 2)
            printf("%ld\n", one + two);
        else
            puts("invalid parameter.");
        if (flushes && fflush(stdout) == EOF)
            fail("fflush");
    }
}

int main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";
    if (strcmp(command, "make") == 0 && count == 4) {
        if (mkfifo(words[2], (mode_t)number(words[3], 0, 0777)) == -1)
            fail("mkfifo");
    } else if (strcmp(command, "write") == 0 && count == 4)
        write_records(words[2], number(words[3], 0, 255));
    else if (strcmp(command, "read") == 0 && count == 3)
        read_records(words[2]);
    else if (strcmp(command, "send") == 0 && count == 4)
        send_bytes(words[2], number(words[3], 0, 1L << 30));
    else if (strcmp(command, "check") == 0 && count == 3)
        check_bytes(words[2]);
    else if (strcmp(command, "letters") == 0 && count == 5)
        write_letters(words[2], words[3][0], number(words[4], 0, 1L << 20));
    else if (strcmp(command, "try-read") == 0 && count == 3)
        try_read(words[2]);
    else if (strcmp(command, "try-write") == 0 && count == 4)
        try_write(words[2], number(words[3], 1, 1L << 20));
    else if (strcmp(command, "hold-reader") == 0 && count == 3)
        hold(words[2], O_RDONLY);
    else if (strcmp(command, "hold-writer") == 0 && count == 3)
        hold(words[2], O_WRONLY);
    else if (strcmp(command, "add") == 0 && count == 2)
        add(1);
    else if (strcmp(command, "add-without-flush") == 0 && count == 2)
        add(0);
    else
        misused(command);
    return 0;
}
