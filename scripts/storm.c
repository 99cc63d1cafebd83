/* Preloaded by scripts/storm: from its start on, the program runs a handler on SIGURG, which interrupts what it waits in.
   A thread may block it; a program that does not inherit this library ignores it, as everybody does by default. */
#include <signal.h>
#include <stddef.h>

static void gust(int number)
{
    (void)number;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_handler = gust}; /* without SA_RESTART */
    sigaction(SIGURG, &action, NULL);
}
