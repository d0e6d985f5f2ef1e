#include "calls/client.h"
#include "calls/descriptor.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "calls/place.h"

// Makes a pair and sends one end through the door.
static int make_channel(struct sok_calls_client *c)
{
    int ends[2];
    char byte = 0;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    union sok_one_descriptor control;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    struct timeval patience = {.tv_sec = SOK_CALLS_PATIENCE};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    sok_one_descriptor_put(&control, &m, ends[1]);
    int r = sendmsg(c->door, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
    close(ends[1]);
    c->channel = ends[0];
    setsockopt(c->channel, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(c->channel, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return r;
}

static int send_request(
    struct sok_calls_client *c, const struct sok_calls_request *q, const void *bytes)
{
    struct iovec iov[2] = {{.iov_base = (void *)(uintptr_t)q, .iov_len = sizeof(*q)},
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = q->len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = q->len ? 2 : 1};
    ssize_t n;
    do {
        n = sendmsg(c->channel, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? 0 : errno == EAGAIN ? -ETIMEDOUT : -errno;
}

// The answer to the question with this number; others are of questions that were given up.
static int receive_reply(
    struct sok_calls_client *c, struct sok_calls_reply *reply, void *out, size_t size)
{
    struct iovec iov[2] = {
        {.iov_base = reply, .iov_len = sizeof(*reply)}, {.iov_base = out, .iov_len = size}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    do {
        ssize_t n = recvmsg(c->channel, &m, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -EPIPE : errno == EAGAIN ? -ETIMEDOUT : -errno;
        if ((size_t)n < sizeof(*reply) || (m.msg_flags & MSG_TRUNC) ||
            reply->len != (size_t)n - sizeof(*reply))
            return -EPROTO;
    } while (reply->id != c->last_id);
    return 0;
}

static int ask(struct sok_calls_client *c, struct sok_calls_request *q, const void *bytes,
    void *out, size_t *len)
{
    struct sok_calls_reply reply = {0};
    q->id = ++c->last_id;
    int r = send_request(c, q, bytes);
    if (r == 0)
        r = receive_reply(c, &reply, out, *len);
    if (r < 0)
        return r;
    *len = reply.len;
    return reply.result;
}

int sok_calls_open(struct sok_calls_client *c, const char *door, const char *program)
{
    struct sok_calls_request hello = {.op = SOK_CALLS_HELLO,
        .a = SOK_CALLS_VERSION,
        .b = (int32_t)getpid(),
        .len = (uint32_t)strlen(program) + 1};
    size_t len = sizeof(c->welcome);
    *c = (struct sok_calls_client){.door = -1, .channel = -1};
    c->door = sok_place_connect(door);
    int r = c->door < 0 ? c->door : make_channel(c);
    if (r == 0)
        r = ask(c, &hello, program, &c->welcome, &len);
    if (r >= 0 && (len != sizeof(c->welcome) || c->welcome.version != SOK_CALLS_VERSION))
        r = -EPROTO;
    if (r < 0)
        sok_calls_close(c);
    return r < 0 ? r : 0;
}

void sok_calls_close(struct sok_calls_client *c)
{
    if (c->channel >= 0)
        close(c->channel);
    if (c->door >= 0)
        close(c->door);
    c->channel = c->door = -1;
}

int sok_calls_ask(
    struct sok_calls_client *c, enum sok_calls_op op, int32_t a, void *out, size_t *len)
{
    struct sok_calls_request q = {.op = op, .a = a};
    return ask(c, &q, NULL, out, len);
}

int sok_calls_list(
    struct sok_calls_client *c, uint32_t after_id, struct sok_row rows[SOK_CALLS_ROWS_MAX])
{
    size_t len = SOK_CALLS_ROWS_MAX * sizeof(*rows);
    int r = sok_calls_ask(c, SOK_CALLS_LIST, (int32_t)after_id, rows, &len);
    if (r < 0)
        return r;
    return len % sizeof(*rows) ? -EPROTO : (int)(len / sizeof(*rows));
}

int sok_calls_kill(struct sok_calls_client *c, uint32_t id)
{
    size_t len = 0;
    return sok_calls_ask(c, SOK_CALLS_KILL, (int32_t)id, NULL, &len);
}
