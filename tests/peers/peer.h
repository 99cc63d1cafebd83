/* What the C peers have in common. They stand for the programs of others: plain C, every result checked, no code shared with
 * the crates. Each is called with a command and its arguments, says what it found on standard output, one line at a time,
 * and ends with status 0; with 1 and "call: ERRNO" on standard error when a call fails; with 2 when it is misused. */
#ifndef PEER_H
#define PEER_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/types.h>

_Noreturn static inline void fail(const char *call)
{
    const char *name = strerrorname_np(errno);
    fprintf(stderr, "%s: %s\n", call, name ? name : "?");
    exit(1);
}

_Noreturn static inline void misused(const char *what)
{
    fprintf(stderr, "misused: %s\n", what);
    exit(2);
}

/* One line of output, which the other side sees at once. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int printed = vprintf(format, arguments);
    va_end(arguments);
    if (printed < 0 || putchar('\n') == EOF || fflush(stdout) == EOF)
        fail("printf");
}

/* Waits for a line, or the end, of standard input. */
static inline void wait_for_line(void)
{
    int byte;
    do
        byte = getchar();
    while (byte != '\n' && byte != EOF);
}

static inline long number(const char *text, long lowest, long highest)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || value < lowest || value > highest)
        misused(text);
    return value;
}

/* A key as the crate and ipcs print it: 0x and eight hexadecimal digits, of which the first may be the sign. */
static inline key_t key_of(const char *text)
{
    return (key_t)(int)(unsigned)number(text, 0, 0xffffffffL);
}

/* Whether an object is named by its key, in hexadecimal, and not by its id. */
static inline int is_key(const char *text)
{
    return strncmp(text, "0x", 2) == 0;
}

static inline int id_of(const char *text)
{
    return (int)number(text, 0, 0x7fffffff);
}

#endif
