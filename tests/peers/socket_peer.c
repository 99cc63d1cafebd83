/* A program that uses local sockets as C programs do. */
#include "peer.h"
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROOM = 65536, MOST = 8 };

/* A path, or @ and an abstract name; the length of the address. A path of 108 bytes has no zero byte at its end. */
static socklen_t address_of(const char *text, struct sockaddr_un *address)
{
    size_t length = strlen(text);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length > sizeof address->sun_path)
        misused(text);
    memcpy(address->sun_path, text, length);
    if (text[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int kind_of(const char *word)
{
    if (strcmp(word, "stream") == 0)
        return SOCK_STREAM;
    if (strcmp(word, "datagram") == 0)
        return SOCK_DGRAM;
    if (strcmp(word, "seqpacket") == 0)
        return SOCK_SEQPACKET;
    misused(word);
}

static int make(const char *kind)
{
    int descriptor = socket(AF_UNIX, kind_of(kind) | SOCK_CLOEXEC, 0);
    if (descriptor == -1)
        fail("socket");
    return descriptor;
}

static int bound(const char *kind, const char *name)
{
    struct sockaddr_un address;
    socklen_t length = address_of(name, &address);
    int descriptor = make(kind);
    if (bind(descriptor, (struct sockaddr *)&address, length) == -1)
        fail("bind");
    return descriptor;
}

/* Waits for one connection. */
static int accepted(const char *kind, const char *name)
{
    int listener = bound(kind, name);
    int on = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1)
        fail("setsockopt");
    if (listen(listener, 5) == -1)
        fail("listen");
    say("listening");
    int connection = accept(listener, NULL, NULL);
    if (connection == -1)
        fail("accept");
    if (name[0] != '@' && unlink(name) == -1)
        fail("unlink");
    return connection;
}

static int connected(const char *kind, const char *name)
{
    struct sockaddr_un address;
    socklen_t length = address_of(name, &address);
    int descriptor = make(kind);
    if (connect(descriptor, (struct sockaddr *)&address, length) == -1)
        fail("connect");
    return descriptor;
}

static void send_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (sent == -1)
            fail("send");
        bytes += sent;
        length -= (size_t)sent;
    }
}

/* Sends everything back until the end. */
static void echo(int descriptor)
{
    static char bytes[ROOM];
    size_t total = 0;
    for (;;) {
        ssize_t length = recv(descriptor, bytes, sizeof bytes, 0);
        if (length == -1)
            fail("recv");
        if (length == 0)
            break;
        send_all(descriptor, bytes, (size_t)length);
        total += (size_t)length;
    }
    say("closed after %zu bytes", total);
}

static void receive_exactly(int descriptor, void *bytes, size_t length)
{
    ssize_t received = recv(descriptor, bytes, length, MSG_WAITALL);
    if (received == -1)
        fail("recv");
    if ((size_t)received != length)
        misused("the stream ended");
}

/* Sends what is on standard input, and shows what comes back. */
static void ask(int descriptor)
{
    static char bytes[ROOM], back[ROOM];
    size_t length = fread(bytes, 1, sizeof bytes, stdin);
    if (ferror(stdin))
        fail("fread");
    send_all(descriptor, bytes, length);
    receive_exactly(descriptor, back, length);
    say("%zu bytes, %s", length, memcmp(bytes, back, length) == 0 ? "the same" : "others");
}

/* Sends bytes with descriptors of files. */
static void give(int descriptor, const void *bytes, size_t length, char **files, int count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MOST * sizeof(int))];
    } control;
    int descriptors[MOST];
    if (count < 1 || count > MOST)
        misused("how many files");
    for (int i = 0; i < count; i++)
        if ((descriptors[i] = open(files[i], O_RDONLY | O_CLOEXEC)) == -1)
            fail("open");
    size_t size = (size_t)count * sizeof(int);
    memset(&control, 0, sizeof control);
    struct iovec slice = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {
        .msg_iov = &slice, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), descriptors, size);
    if (sendmsg(descriptor, &message, MSG_NOSIGNAL) == -1)
        fail("sendmsg");
}

/* Shows a message: its bytes, who sent it, and what is in the files that came with it. */
static void take(int descriptor)
{
    static char bytes[ROOM];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MOST * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec slice = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &slice, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC);
    if (length == -1)
        fail("recvmsg");
    say("bytes %.*s", (int)length, bytes);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        size_t size = header->cmsg_len - CMSG_LEN(0);
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(header), sizeof sender);
            say("from process %d of user %u", sender.pid, sender.uid);
        } else if (header->cmsg_type == SCM_RIGHTS) {
            int descriptors[MOST];
            memcpy(descriptors, CMSG_DATA(header), size);
            for (size_t i = 0; i < size / sizeof(int); i++) {
                ssize_t read_length = pread(descriptors[i], bytes, sizeof bytes, 0);
                if (read_length == -1)
                    fail("pread");
                say("file %.*s", (int)read_length, bytes);
            }
        }
    }
}

/* Answers one datagram at the address that it came from. */
static void answer(const char *name)
{
    static char bytes[ROOM];
    struct sockaddr_un sender;
    socklen_t length = sizeof sender;
    int descriptor = bound("datagram", name);
    say("bound");
    ssize_t received = recvfrom(descriptor, bytes, sizeof bytes, 0, (struct sockaddr *)&sender, &length);
    if (received == -1)
        fail("recvfrom");
    /* The kernel counts the zero byte that it puts behind a path of 108 bytes, for which there is no room. */
    if (length > sizeof sender)
        length = sizeof sender;
    if (sendto(descriptor, bytes, (size_t)received, 0, (struct sockaddr *)&sender, length) == -1)
        fail("sendto");
    say("%zd bytes", received);
}

/* Sends a datagram from an address of its own, and shows the reply. */
static void ask_datagram(const char *name, const char *own, const char *text)
{
    static char bytes[ROOM];
    struct sockaddr_un address;
    socklen_t length = address_of(name, &address);
    int descriptor = bound("datagram", own);
    if (sendto(descriptor, text, strlen(text), 0, (struct sockaddr *)&address, length) == -1)
        fail("sendto");
    ssize_t received = recv(descriptor, bytes, sizeof bytes, 0);
    if (received == -1)
        fail("recv");
    say("%.*s", (int)received, bytes);
}

static void put_little_endian(unsigned char *place, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        place[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t get_little_endian(const unsigned char *place)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)place[i] << 8 * i;
    return value;
}

/* A frame as the crate has it, with the descriptors of files; then one comes back. */
static void frame(int descriptor, const char *text, char **files, int count)
{
    static unsigned char bytes[ROOM];
    size_t length = strlen(text);
    if (length > sizeof bytes - 8)
        misused("a long text");
    put_little_endian(bytes, (uint32_t)length);
    put_little_endian(bytes + 4, (uint32_t)count);
    memcpy(bytes + 8, text, length);
    give(descriptor, bytes, length + 8, files, count);
    receive_exactly(descriptor, bytes, 8);
    uint32_t back = get_little_endian(bytes);
    if (back > sizeof bytes || get_little_endian(bytes + 4) != 0)
        misused("a frame that was not expected");
    receive_exactly(descriptor, bytes, back);
    say("%.*s", (int)back, (char *)bytes);
}

int main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";
    if (strcmp(command, "serve") == 0 && count == 4)
        echo(accepted(words[2], words[3]));
    else if (strcmp(command, "ask") == 0 && count == 4)
        ask(connected(words[2], words[3]));
    else if (strcmp(command, "give") == 0 && count >= 6)
        give(connected(words[2], words[3]), words[4], strlen(words[4]), words + 5, count - 5);
    else if (strcmp(command, "take") == 0 && count == 4)
        take(accepted(words[2], words[3]));
    else if (strcmp(command, "answer") == 0 && count == 3)
        answer(words[2]);
    else if (strcmp(command, "ask-datagram") == 0 && count == 5)
        ask_datagram(words[2], words[3], words[4]);
    else if (strcmp(command, "frame") == 0 && count >= 5)
        frame(connected("stream", words[2]), words[3], words + 4, count - 4);
    else
        misused(command);
    return 0;
}
