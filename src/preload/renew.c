// A stream whose connect() failed may try again, and connect() to AF_UNSPEC takes the peer away: on every
// kernel the socket is as new then, but for its options and an address it was bound to. A pair that is broken
// stays so: another takes its place under the same descriptor.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include "preload/preload.h"

static int new_pair(const struct entry *e, struct sok_calls_socket *s)
{
    struct call c = {.op = SOK_CALLS_SOCKET,
        .a = e->domain,
        .b = e->type,
        .c = e->protocol,
        .reply = s,
        .reply_max = sizeof(*s),
        .take_fd = true,
        .cloexec = true};
    int32_t r = sok_ask(&c);
    return r < 0 || c.reply_len != sizeof(*s) ? -1 : c.fd;
}

static void copy_timeouts(int from, int to)
{
    static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint8_t value[16];
        socklen_t len = sizeof(value);
        if (sok_k_getsockopt(from, SOL_SOCKET, names[i], value, &len) == 0)
            sok_k_setsockopt(to, SOL_SOCKET, names[i], value, len);
    }
}

static void copy_options(uint64_t cookie, const struct early *early)
{
    for (unsigned i = 0; early && i < early->count; i++) {
        struct call c = {.op = SOK_CALLS_SETOPT,
            .cookie = cookie,
            .a = early->options[i].level,
            .b = early->options[i].name,
            .bytes = early->options[i].value,
            .len = early->options[i].len};
        sok_ask(&c);
    }
}

// What it was bound to, before the old one goes; bytes, 0: nothing.
static uint32_t old_name(const struct entry *e, uint8_t name[SOK_CALLS_ADDR_MAX])
{
    struct call c = {
        .op = SOK_CALLS_NAME, .cookie = e->cookie, .reply = name, .reply_max = SOK_CALLS_ADDR_MAX};
    return e->bound && sok_ask(&c) >= 0 ? c.reply_len : 0;
}

static void reset_old(const struct entry *e)
{
    struct linger now = {1, 0};
    struct call c = {.op = SOK_CALLS_SETOPT,
        .cookie = e->cookie,
        .a = SOL_SOCKET,
        .b = SO_LINGER,
        .bytes = &now,
        .len = sizeof(now)};
    if (e->kind == KIND_STREAM)
        sok_ask(&c);
}

bool sok_socket_renew(int fd, const struct entry *e)
{
    struct sok_calls_socket s;
    uint8_t name[SOK_CALLS_ADDR_MAX];
    uint32_t name_len = old_name(e, name);
    int flags = sok_reals()->fcntl(fd, F_GETFD), status = sok_reals()->fcntl(fd, F_GETFL);
    int made = new_pair(e, &s);
    if (made < 0)
        return false;
    sok_reals()->fcntl(made, F_SETFL, status);
    copy_timeouts(fd, made);
    reset_old(e);
    int r = sok_reals()->dup3(made, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    sok_reals()->close(made);
    if (r < 0)
        return false;
    struct entry fresh = *e;
    fresh.cookie = s.cookie;
    fresh.kind = (uint8_t)(2 + s.kind);
    fresh.state = s.state;
    fresh.bound = fresh.connected = false;
    fresh.error = fresh.name_len = fresh.peer_len = 0;
    copy_options(s.cookie, e->early);
    struct call c = {.op = SOK_CALLS_BIND, .cookie = s.cookie, .bytes = name, .len = name_len};
    fresh.bound = name_len > 0 && sok_ask(&c) >= 0;
    sok_table_set(fd, &fresh);
    sok_into_epolls(fd, e);
    return true;
}
