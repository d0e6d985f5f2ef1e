// The supervisor's channel to the host. Requests carry the number of their call; a call has one at a time.
#include <errno.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/notifier_internal.h"

#define CHANNEL_BUFFER (1 << 20)

static int through_the_door(int door, int end)
{
    union sok_one_descriptor control;
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_put(&control, &m, end);
    return sendmsg(door, &m, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int connect_door(const char *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!place || strlen(place) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, place);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

// 0 or an errno.
static int transmit(
    struct sok_supervisor *s, const struct sok_calls_request *request, const void *bytes)
{
    struct iovec iov[2] = {
        {(void *)(uintptr_t)request, sizeof(*request)}, {(void *)(uintptr_t)bytes, request->len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;
    do
        n = sendmsg(s->channel, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? ENETDOWN : 0;
}

// id 0: no answer is wanted.
static int greet(struct sok_supervisor *s, uint32_t id, pid_t process, const char *name)
{
    struct sok_calls_request hello = {.id = id,
        .op = SOK_CALLS_HELLO,
        .a = SOK_CALLS_VERSION,
        .b = process,
        .len = (uint32_t)strlen(name)};
    return transmit(s, &hello, name);
}

// One reply into s->answer: its request's number and true, or false: there is none now.
static bool receive(struct sok_supervisor *s, int flags, uint32_t *request)
{
    struct sok_host_answer *a = &s->answer;
    struct sok_calls_reply reply = {0};
    union sok_one_descriptor control;
    struct iovec iov[2] = {{&reply, sizeof(reply)}, {a->bytes, sizeof(a->bytes)}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    sok_one_descriptor_room(&control, &m);
    ssize_t n;
    do
        n = recvmsg(s->channel, &m, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return false;
    a->fd = n < 0 ? -1 : sok_one_descriptor_get(&m);
    if (n < (ssize_t)sizeof(reply) || reply.len != (size_t)n - sizeof(reply)) {
        close(s->channel);
        s->channel = -1;
        return false;
    }
    a->result = reply.result;
    a->len = reply.len;
    *request = reply.id;
    return true;
}

int sok_host_open(struct sok_supervisor *s, int door, const char *place)
{
    int pair[2], room = CHANNEL_BUFFER, own = -1;
    uint32_t request;
    if (door < 0 && (door = own = connect_door(place)) < 0)
        return -door;
    int error = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? errno : 0;
    if (!error) {
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        error = through_the_door(door, pair[1]);
        close(pair[1]);
        s->channel = pair[0];
    }
    if (!error)
        error = greet(s, 1, getpid(), "sockeye-notifier");
    if (!error &&
        (!receive(s, 0, &request) || s->answer.result < 0 || s->answer.len < sizeof(s->welcome)))
        error = EPROTO;
    if (!error) {
        memcpy(&s->welcome, s->answer.bytes, sizeof(s->welcome));
        error = s->welcome.version == SOK_CALLS_VERSION ? 0 : EPROTO;
    }
    if (own >= 0)
        close(own);
    return error;
}

void sok_host_ask(struct sok_supervisor *s, struct sok_notified *n,
    const struct sok_calls_request *request, const void *bytes, sok_notified_next *next)
{
    struct sok_calls_request r = *request;
    r.id = n->request;
    r.cookie = n->known.cookie;
    n->next = next;
    n->asked = true;
    if (s->channel >= 0 && transmit(s, &r, bytes) == 0)
        return;
    n->asked = false;
    s->answer = (struct sok_host_answer){.result = -ENETDOWN, .fd = -1};
    next(s, n, &s->answer);
}

void sok_host_tell(struct sok_supervisor *s, const struct sok_notified *n,
    struct sok_calls_request *request, const char *text)
{
    request->cookie = n->known.cookie;
    request->len = (uint32_t)strlen(text);
    if (s->channel >= 0)
        transmit(s, request, text);
}

// The channel is everybody's; what is asked for from here on is this process's.
void sok_host_introduce(struct sok_supervisor *s, pid_t tid)
{
    char name[16] = "";
    pid_t process = sok_target_process(tid, name);
    if (process == 0 || process == s->introduced || s->channel < 0)
        return;
    s->introduced = process;
    greet(s, 0, process, name);
}

static void all_gone(struct sok_supervisor *s)
{
    for (unsigned i = 1; i < SOK_NOTIFIED_MAX; i++) {
        struct sok_notified *n = s->slots[i];
        if (!n || !n->asked)
            continue;
        n->asked = false;
        s->answer.result = -ENETDOWN;
        s->answer.len = 0;
        s->answer.fd = -1;
        n->next(s, n, &s->answer);
    }
}

void sok_host_hear(struct sok_supervisor *s)
{
    uint32_t request = 0;
    while (receive(s, MSG_DONTWAIT, &request)) {
        struct sok_notified *n = sok_notified_find(s, request);
        if (n && n->asked) {
            n->asked = false;
            n->next(s, n, &s->answer);
        }
        if (s->answer.fd >= 0)
            close(s->answer.fd);
        s->answer.fd = -1;
        if (s->channel < 0)
            break;
    }
    if (s->channel < 0)
        all_gone(s);
}
