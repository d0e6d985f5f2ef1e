// 127.0.0.0/8 and ::1 are the kernel's, unless the host has them for its own: who binds or connects a
// host's socket there gets a kernel's socket in its place, with the options it has set, and the call goes
// on. Copies of the descriptor that were made before (dup, fork, epoll) keep the host's.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <unistd.h>
#include "cli/notifier_internal.h"

static const struct {
    int level, name;
} carried[] = {
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_BROADCAST},
    {SOL_SOCKET, SO_LINGER},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_IPV6, IPV6_V6ONLY},
};
#define CARRIED_COUNT (sizeof(carried) / sizeof(carried[0]))

static bool is_loopback(const void *address, uint32_t len)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    sa_family_t family = AF_UNSPEC;
    if (len >= sizeof(in))
        memcpy(&family, address, sizeof(family));
    if (family == AF_INET) {
        memcpy(&in, address, sizeof(in));
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    if (family != AF_INET6 || len < sizeof(in6))
        return false;
    memcpy(&in6, address, sizeof(in6));
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
}

static void carry_timeout(const struct sok_notified *n, int name)
{
    struct timeval t;
    socklen_t len = sizeof(t);
    if (getsockopt(n->fd, SOL_SOCKET, name, &t, &len) == 0)
        setsockopt(n->replacement, SOL_SOCKET, name, &t, len);
}

static void replace(struct sok_supervisor *s, struct sok_notified *n)
{
    bool cloexec = sok_target_cloexec(n->tid, (int)n->args[0]);
    carry_timeout(n, SO_RCVTIMEO);
    carry_timeout(n, SO_SNDTIMEO);
    fcntl(n->replacement, F_SETFL, n->flags);
    if (sok_notified_put(s, n, n->replacement, cloexec))
        sok_notified_continue(s, n);
    else
        sok_notified_answer(s, n, -ENETUNREACH);
}

static void ask_next(struct sok_supervisor *s, struct sok_notified *n);

static void answered_option(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    int level = carried[n->step].level, name = carried[n->step].name, value = 0;
    if (answer->result >= 0 && answer->len >= sizeof(value)) {
        memcpy(&value, answer->bytes, sizeof(value));
        if (value != 0)
            setsockopt(n->replacement, level, name, answer->bytes, answer->len);
    }
    n->step++;
    ask_next(s, n);
}

static void ask_next(struct sok_supervisor *s, struct sok_notified *n)
{
    if (n->step >= CARRIED_COUNT) {
        replace(s, n);
        return;
    }
    struct sok_calls_request r = {.op = SOK_CALLS_GETOPT,
        .a = carried[n->step].level,
        .b = carried[n->step].name,
        .c = sizeof(struct linger)};
    sok_host_ask(s, n, &r, NULL, answered_option);
}

bool sok_notified_to_kernel(
    struct sok_supervisor *s, struct sok_notified *n, const void *address, uint32_t len)
{
    if (s->welcome.loopback || !is_loopback(address, len))
        return false;
    n->replacement = socket(n->known.domain, n->known.type | SOCK_CLOEXEC, n->known.protocol);
    if (n->replacement < 0)
        return false;
    n->step = 0;
    ask_next(s, n);
    return true;
}
