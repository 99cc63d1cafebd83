/* A program that uses message queues as C programs do. */
#include "peer.h"
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/msg.h>
#include <unistd.h>

enum { ROOM = 65536, REQUEST = 888 };

struct message {
    long type;
    char text[ROOM];
};

/* A message with fields; tests/interop declares the same in Rust. */
struct reading {
    int64_t time;
    double value;
    int32_t sensor;
    uint16_t flags[2];
    char unit[8];
};

struct reading_message {
    long type;
    struct reading reading;
};

/* The request of the msg_server example: the process id, then a text up to the end. */
struct request_message {
    long type;
    struct {
        int pid;
        char text[ROOM];
    } request;
};

static int queue_of(const char *text)
{
    if (!is_key(text))
        return id_of(text);
    int id = msgget(key_of(text), 0);
    if (id == -1)
        fail("msgget");
    return id;
}

static void create(const char *key)
{
    int id = msgget(key_of(key), IPC_CREAT | IPC_EXCL | 0600);
    if (id == -1)
        fail("msgget");
    say("%d", id);
}

/* Sends what is on standard input. */
static void send_input(int queue, long type)
{
    static struct message message;
    message.type = type;
    size_t length = fread(message.text, 1, ROOM, stdin);
    if (ferror(stdin))
        fail("fread");
    say("sending");
    if (msgsnd(queue, &message, length, 0) == -1)
        fail("msgsnd");
    say("sent");
}

static int flag_of(const char *word)
{
    if (strcmp(word, "except") == 0)
        return MSG_EXCEPT;
    if (strcmp(word, "noerror") == 0)
        return MSG_NOERROR;
    if (strcmp(word, "nowait") == 0)
        return IPC_NOWAIT;
    misused(word);
}

static void receive(int queue, long type, size_t room, int flags)
{
    static struct message message;
    say("receiving");
    ssize_t length = msgrcv(queue, &message, room, type, flags);
    if (length == -1)
        fail("msgrcv");
    printf("%ld %zd ", message.type, length);
    for (ssize_t i = 0; i < length; i++)
        printf("%02x", (unsigned char)message.text[i]);
    say("%s", "");
}

static void send_reading(int queue)
{
    struct reading_message message;
    memset(&message, 0, sizeof message);
    message.type = LONG_MAX;
    message.reading.time = INT64_MIN;
    message.reading.value = -0.5;
    message.reading.sensor = -7;
    message.reading.flags[0] = 1;
    message.reading.flags[1] = 65535;
    memcpy(message.reading.unit, "celsius", 8);
    if (msgsnd(queue, &message, sizeof message.reading, 0) == -1)
        fail("msgsnd");
}

static void receive_reading(int queue)
{
    struct reading_message message;
    ssize_t length = msgrcv(queue, &message, sizeof message.reading, 0, 0);
    if (length == -1)
        fail("msgrcv");
    if ((size_t)length != sizeof message.reading)
        misused("a message of another length");
    struct reading *r = &message.reading;
    say("%ld: %lld %g %d %u %u %.8s", message.type, (long long)r->time, r->value, r->sensor, r->flags[0], r->flags[1], r->unit);
}

static void layout(void)
{
    say("%zu %zu %zu %zu %zu %zu", sizeof(struct reading), offsetof(struct reading, time), offsetof(struct reading, value),
        offsetof(struct reading, sensor), offsetof(struct reading, flags), offsetof(struct reading, unit));
}

/* A client of the msg_server example. */
static void request(int queue, const char *text)
{
    static struct request_message message;
    static struct message reply;
    size_t length = strlen(text);
    if (length > ROOM)
        misused("a long text");
    message.type = REQUEST;
    message.request.pid = getpid();
    memcpy(message.request.text, text, length);
    if (msgsnd(queue, &message, sizeof message.request.pid + length, 0) == -1)
        fail("msgsnd");
    ssize_t received = msgrcv(queue, &reply, ROOM, getpid(), 0);
    if (received == -1)
        fail("msgrcv");
    say("%.*s", (int)received, reply.text);
}

/* A server for one request of the msg_client example. */
static void serve(int queue)
{
    static struct request_message message;
    struct message reply;
    ssize_t length = msgrcv(queue, &message, sizeof message.request, REQUEST, 0);
    if (length == -1)
        fail("msgrcv");
    if ((size_t)length < sizeof message.request.pid)
        misused("a request without a process id");
    size_t text = (size_t)length - sizeof message.request.pid;
    reply.type = message.request.pid;
    int written = snprintf(reply.text, ROOM, "C to %d: %.*s", message.request.pid, (int)text, message.request.text);
    if (written < 0 || written >= ROOM)
        fail("snprintf");
    if (msgsnd(queue, &reply, (size_t)written, 0) == -1)
        fail("msgsnd");
}

static void status(int queue)
{
    struct msqid_ds status;
    if (msgctl(queue, IPC_STAT, &status) == -1)
        fail("msgctl");
    say("%lu messages, limit %lu, sent by %d, received by %d", (unsigned long)status.msg_qnum,
        (unsigned long)status.msg_qbytes, status.msg_lspid, status.msg_lrpid);
}

static void make_key(const char *path, const char *project)
{
    key_t key = ftok(path, (int)number(project, 0, 255));
    if (key == -1)
        fail("ftok");
    say("0x%08x", (unsigned)key);
}

int main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";
    if (strcmp(command, "key") == 0 && count == 4)
        make_key(words[2], words[3]);
    else if (strcmp(command, "create") == 0 && count == 3)
        create(words[2]);
    else if (strcmp(command, "send") == 0 && count == 4)
        send_input(queue_of(words[2]), number(words[3], LONG_MIN, LONG_MAX));
    else if (strcmp(command, "receive") == 0 && count >= 5) {
        int flags = 0;
        for (int i = 5; i < count; i++)
            flags |= flag_of(words[i]);
        long type = number(words[3], LONG_MIN, LONG_MAX);
        receive(queue_of(words[2]), type, (size_t)number(words[4], 0, ROOM), flags);
    } else if (strcmp(command, "send-reading") == 0 && count == 3)
        send_reading(queue_of(words[2]));
    else if (strcmp(command, "receive-reading") == 0 && count == 3)
        receive_reading(queue_of(words[2]));
    else if (strcmp(command, "layout") == 0 && count == 2)
        layout();
    else if (strcmp(command, "request") == 0 && count == 4)
        request(queue_of(words[2]), words[3]);
    else if (strcmp(command, "serve") == 0 && count == 3)
        serve(queue_of(words[2]));
    else if (strcmp(command, "status") == 0 && count == 3)
        status(queue_of(words[2]));
    else if (strcmp(command, "remove") == 0 && count == 3) {
        if (msgctl(queue_of(words[2]), IPC_RMID, NULL) == -1)
            fail("msgctl");
    } else
        misused(command);
    return 0;
}
