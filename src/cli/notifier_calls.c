// What the calls on names, options and connections do: mostly one request to the host, and its answer.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cli/notifier_internal.h"

#define ADDRESS_MAX 128 // struct sockaddr_storage

#ifndef SO_RCVTIMEO_NEW
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#endif

// ---- common ----

static void answered_result(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    sok_notified_answer(s, n, answer->result);
}

// An address of the target's, for bind and connect. Its length, or -errno.
static int read_address(struct sok_notified *n, uint8_t address[ADDRESS_MAX])
{
    int len = (int)n->args[2];
    if (len < 0 || len > ADDRESS_MAX)
        return -EINVAL;
    int error = sok_target_read(n->tid, n->args[1], address, (size_t)len);
    return error ? error : len;
}

static bool blocks(const struct sok_notified *n)
{
    return !(n->flags & O_NONBLOCK);
}

// While it connects the pair takes little; see SOK_CALLS_PAIR_BUFFER.
static void grow(struct sok_supervisor *s, struct sok_notified *n)
{
    int room = SOK_CALLS_PAIR_BUFFER;
    if (n->known.dgram || n->known.grown || n->fd < 0)
        return;
    if (setsockopt(n->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
        setsockopt(n->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    n->known.grown = true;
    sok_known_keep(s, &n->known);
}

// ---- socket ----

static void answered_socket(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    int fd = answer->fd, type = (int)n->args[1];
    if (answer->result < 0 || fd < 0) {
        sok_notified_answer(s, n, answer->result < 0 ? answer->result : -ENOBUFS);
        return;
    }
    answer->fd = -1;
    struct sok_calls_socket socket;
    if (answer->len >= sizeof(socket)) {
        memcpy(&socket, answer->bytes, sizeof(socket));
        n->known.cookie = socket.cookie;
        sok_known_set(&n->known, &socket);
        sok_known_keep(s, &n->known);
        n->known.cookie = 0; // the call's own: it has no descriptor
    }
    fcntl(fd, F_SETFL, type & SOCK_NONBLOCK ? O_RDWR | O_NONBLOCK : O_RDWR);
    sok_notified_give(s, n, fd, type & SOCK_CLOEXEC);
}

static void call_socket(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    int type = (int)n->args[1];
    (void)unused;
    if ((type & 0xf) > SOCK_PACKET) { // the kernel has no such type of any family
        sok_notified_answer(s, n, -EINVAL);
        return;
    }
    sok_host_introduce(s, n->tid);
    struct sok_calls_request r = {.op = SOK_CALLS_SOCKET,
        .a = (int32_t)n->args[0],
        .b = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
        .c = (int32_t)n->args[2]};
    sok_host_ask(s, n, &r, NULL, answered_socket);
}

// ---- connect, bind, listen ----

static void answered_plain(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    (void)answer;
    sok_notified_answer(s, n, 0);
}

// A packet socket has the mode that its being connected or not asks for: nobody sees read().
static void answered_connect(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    int32_t plain = n->step != AF_UNSPEC;
    struct sok_calls_request r = {.op = SOK_CALLS_SETOPT,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_PLAIN,
        .len = sizeof(plain)};
    if (answer->result == 0 && n->known.dgram) {
        n->known.plain = plain;
        sok_known_keep(s, &n->known);
        sok_host_ask(s, n, &r, &plain, answered_plain);
        return;
    }
    if (answer->result == 0)
        grow(s, n);
    sok_notified_answer(s, n, answer->result);
}

static void call_connect(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    uint8_t address[ADDRESS_MAX];
    uint16_t family = 0;
    int len = read_address(n, address);
    (void)unused;
    if (len < 0) {
        sok_notified_answer(s, n, len);
        return;
    }
    if (len >= (int)sizeof(family))
        memcpy(&family, address, sizeof(family));
    if (sok_notified_to_kernel(s, n, address, (uint32_t)len))
        return;
    n->once = true;
    n->step = family;
    struct sok_calls_request r = {.op = SOK_CALLS_CONNECT, .a = blocks(n), .len = (uint32_t)len};
    if (blocks(n) && !n->known.dgram)
        sok_notified_limit(n, SO_SNDTIMEO);
    sok_host_ask(s, n, &r, address, answered_connect);
}

static void call_bind(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    uint8_t address[ADDRESS_MAX];
    int len = read_address(n, address);
    (void)unused;
    if (len < 0) {
        sok_notified_answer(s, n, len);
        return;
    }
    if (sok_notified_to_kernel(s, n, address, (uint32_t)len))
        return;
    n->once = true;
    struct sok_calls_request r = {.op = SOK_CALLS_BIND, .len = (uint32_t)len};
    sok_host_ask(s, n, &r, address, answered_result);
}

static void answered_listen(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    n->known.listener = answer->result == 0;
    sok_known_keep(s, &n->known);
    sok_notified_answer(s, n, answer->result);
}

static void call_listen(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct sok_calls_request r = {.op = SOK_CALLS_LISTEN, .a = (int32_t)n->args[1]};
    (void)unused;
    sok_host_ask(s, n, &r, NULL, answered_listen);
}

// ---- accept ----

static void give_accepted(
    struct sok_supervisor *s, struct sok_notified *n, const struct sok_calls_accepted *a, int fd)
{
    int flags = n->nr == SYS_accept4 ? (int)n->args[3] : 0;
    uint32_t len = a->peer_len <= sizeof(a->peer) ? a->peer_len : 0;
    int error = sok_target_write_address(n->tid, n->args[1], n->args[2], a->peer, len);
    struct sok_known made = n->known;
    made.cookie = a->cookie;
    made.listener = false;
    made.grown = true;
    sok_known_keep(s, &made);
    fcntl(fd, F_SETFL, flags & SOCK_NONBLOCK ? O_RDWR | O_NONBLOCK : O_RDWR);
    send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); // it is taken
    if (error) {
        close(fd);
        sok_notified_answer(s, n, error);
        return;
    }
    sok_notified_give(s, n, fd, flags & SOCK_CLOEXEC);
}

static void try_accept(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct sok_calls_accepted a;
    union sok_one_descriptor control;
    struct iovec iov = {&a, sizeof(a)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_room(&control, &m);
    (void)unused;
    n->once = true;
    ssize_t got = recvmsg(n->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EAGAIN && blocks(n)) {
        sok_notified_wait(s, n, EPOLLIN, SO_RCVTIMEO, try_accept);
        return;
    }
    // The end: it listens no more, or the host has gone.
    int error = got < 0 && errno != ECONNRESET ? errno : s->channel < 0 ? ENETDOWN : EINVAL;
    int fd = got == sizeof(a) ? sok_one_descriptor_get(&m) : -1;
    if (fd < 0)
        sok_notified_answer(s, n, -error);
    else
        give_accepted(s, n, &a, fd);
}

static void answered_is_listener(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_socket socket = {0};
    if (answer->result >= 0 && answer->len >= sizeof(socket))
        memcpy(&socket, answer->bytes, sizeof(socket));
    n->known.listener = socket.kind == SOK_CALLS_LISTENER;
    sok_known_keep(s, &n->known);
    if (n->known.listener)
        try_accept(s, n, NULL);
    else
        sok_notified_answer(s, n, answer->result < 0 ? answer->result : -EINVAL);
}

static void call_accept(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK};
    int flags = n->nr == SYS_accept4 ? (int)n->args[3] : 0;
    (void)unused;
    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
        sok_notified_answer(s, n, -EINVAL);
    else if (n->known.dgram)
        sok_notified_answer(s, n, -EOPNOTSUPP);
    else if (n->known.listener)
        try_accept(s, n, NULL);
    else // somebody else may have made it one
        sok_host_ask(s, n, &look, NULL, answered_is_listener);
}

// ---- names ----

static void answered_name(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    int error = answer->result < 0 ? answer->result : 0;
    if (!error && n->nr == SYS_getpeername)
        grow(s, n);
    if (!error)
        error =
            sok_target_write_address(n->tid, n->args[1], n->args[2], answer->bytes, answer->len);
    sok_notified_answer(s, n, error);
}

static void call_name(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct sok_calls_request r = {.op = n->nr == SYS_getsockname ? SOK_CALLS_NAME : SOK_CALLS_PEER};
    (void)unused;
    sok_host_ask(s, n, &r, NULL, answered_name);
}

// ---- options ----

// How long the descriptor's own calls wait, and for how much: the pair's.
static bool of_the_pair(int level, int name)
{
    return level == SOL_SOCKET &&
           (name == SO_RCVTIMEO || name == SO_SNDTIMEO || name == SO_RCVTIMEO_NEW ||
               name == SO_SNDTIMEO_NEW || name == SO_RCVLOWAT || name == SO_COOKIE);
}

static bool is_about_size(int level, int name)
{
    return (level == IPPROTO_IP && name == IP_MTU_DISCOVER) ||
           (level == IPPROTO_IPV6 && (name == IPV6_MTU_DISCOVER || name == IPV6_DONTFRAG));
}

// Whether a datagram has a way may hang on it.
static void answered_set(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    if (answer->result >= 0 && n->known.dgram) {
        memset(n->known.way, 0, sizeof(n->known.way));
        n->known.uncut |= is_about_size((int)n->args[1], (int)n->args[2]);
        sok_known_keep(s, &n->known);
    }
    sok_notified_answer(s, n, answer->result);
}

static void call_setsockopt(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    uint8_t value[SOK_CALLS_BYTES_MAX];
    int level = (int)n->args[1], name = (int)n->args[2], len = (int)n->args[4];
    (void)unused;
    int error = len < 0 || len > (int)sizeof(value) ? -EINVAL
                : level == SOK_CALLS_LEVEL
                    ? -ENOPROTOOPT
                    : sok_target_read(n->tid, n->args[3], value, (size_t)len);
    struct sok_calls_request r = {
        .op = SOK_CALLS_SETOPT, .a = level, .b = name, .len = (uint32_t)len};
    if (error)
        sok_notified_answer(s, n, error);
    else if (of_the_pair(level, name))
        sok_notified_continue(s, n);
    else
        sok_host_ask(s, n, &r, value, answered_set);
}

// The value into the target's memory, cut to its room. 0 or -errno.
static int write_option(const struct sok_notified *n, const void *value, uint32_t len)
{
    int32_t room = 0;
    int error = sok_target_read(n->tid, n->args[4], &room, sizeof(room));
    if (!error && room < 0)
        error = -EINVAL;
    if (!error && len > (uint32_t)room)
        len = (uint32_t)room;
    if (!error)
        error = sok_target_write(n->tid, n->args[3], value, len);
    return error ? error : sok_target_write(n->tid, n->args[4], &len, sizeof(len));
}

static void answered_option(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    sok_notified_answer(
        s, n, answer->result < 0 ? answer->result : write_option(n, answer->bytes, answer->len));
}

static void answered_open(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_socket socket = {0};
    int32_t none = 0;
    if (answer->result >= 0 && answer->len >= sizeof(socket))
        memcpy(&socket, answer->bytes, sizeof(socket));
    if (socket.state == SOK_CALLS_OPEN)
        grow(s, n);
    sok_notified_answer(s, n, write_option(n, &none, sizeof(none)));
}

// SO_ERROR: the host's word, else the pair's, which is taken in any case, so that no read tells it again.
static void answered_error(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK};
    int32_t value = 0;
    int pending = 0;
    socklen_t len = sizeof(pending);
    if (n->fd >= 0)
        getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
    if (answer->result == -ENETDOWN)
        value = ENETDOWN;
    else if (answer->result >= 0 && answer->len >= sizeof(value))
        memcpy(&value, answer->bytes, sizeof(value));
    if (value == 0 && pending == ECONNRESET)
        value = pending;
    if (value == 0 && pending == 0 && !n->known.dgram && !n->known.grown)
        sok_host_ask(s, n, &look, NULL, answered_open);
    else
        sok_notified_answer(s, n, write_option(n, &value, sizeof(value)));
}

static const int32_t *of_the_socket(const struct sok_notified *n, int level, int name)
{
    if (level != SOL_SOCKET)
        return NULL;
    return name == SO_TYPE       ? &n->known.type
           : name == SO_DOMAIN   ? &n->known.domain
           : name == SO_PROTOCOL ? &n->known.protocol
                                 : NULL;
}

static void call_getsockopt(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    int level = (int)n->args[1], name = (int)n->args[2];
    const int32_t *known = of_the_socket(n, level, name);
    int32_t room = 0;
    (void)unused;
    int error = level == SOK_CALLS_LEVEL ? -ENOPROTOOPT
                                         : sok_target_read(n->tid, n->args[4], &room, sizeof(room));
    if (!error && room < 0)
        error = -EINVAL;
    struct sok_calls_request r = {.op = SOK_CALLS_GETOPT,
        .a = level,
        .b = name,
        .c = room < SOK_CALLS_BYTES_MAX ? room : SOK_CALLS_BYTES_MAX};
    bool is_error = level == SOL_SOCKET && name == SO_ERROR;
    n->once = is_error; // told once
    if (is_error)
        r.c = sizeof(int32_t);
    if (error)
        sok_notified_answer(s, n, error);
    else if (of_the_pair(level, name))
        sok_notified_continue(s, n);
    else if (known)
        sok_notified_answer(s, n, write_option(n, known, sizeof(*known)));
    else
        sok_host_ask(s, n, &r, NULL, is_error ? answered_error : answered_option);
}

// ---- shutdown ----

// The pair's shutdown is what the host sees; but a pair does not know that nothing is connected.
static void answered_state(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_socket socket = {0};
    if (answer->result >= 0 && answer->len >= sizeof(socket))
        memcpy(&socket, answer->bytes, sizeof(socket));
    bool idle = socket.kind == SOK_CALLS_DGRAM
                    ? !socket.connected
                    : socket.kind == SOK_CALLS_STREAM && socket.state == SOK_CALLS_IDLE;
    if (idle)
        sok_notified_answer(s, n, -ENOTCONN);
    else
        sok_notified_continue(s, n);
}

static void call_shutdown(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK};
    (void)unused;
    sok_host_ask(s, n, &look, NULL, answered_state);
}

// ---- all of them ----

sok_notified_next *sok_notified_call(int nr)
{
    switch (nr) {
    case SYS_socket:
        return call_socket;
    case SYS_connect:
        return call_connect;
    case SYS_bind:
        return call_bind;
    case SYS_listen:
        return call_listen;
    case SYS_accept:
    case SYS_accept4:
        return call_accept;
    case SYS_getsockname:
    case SYS_getpeername:
        return call_name;
    case SYS_setsockopt:
        return call_setsockopt;
    case SYS_getsockopt:
        return call_getsockopt;
    case SYS_shutdown:
        return call_shutdown;
    case SYS_sendto:
    case SYS_recvfrom:
    case SYS_sendmsg:
    case SYS_recvmsg:
    case SYS_sendmmsg:
    case SYS_recvmmsg:
        return sok_call_data;
    default:
        return NULL;
    }
}
