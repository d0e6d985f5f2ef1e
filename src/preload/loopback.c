// 127.0.0.0/8 and ::1 stay with the kernel, unless the host was asked to have a loopback of its own. That a
// socket is meant for it is known at bind, connect or sendto only: then a socket of the kernel takes the
// place of the pair, with the options that were set so far, and in the epoll sets where it is.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "preload/preload.h"

static bool is_loopback(const void *addr, socklen_t len)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (!addr || len < sizeof(in))
        return false;
    memcpy(&in, addr, sizeof(in));
    if (in.sin_family == AF_INET)
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    if (in.sin_family != AF_INET6 || len < 24)
        return false;
    memset(&in6, 0, sizeof(in6));
    memcpy(&in6, addr, len < sizeof(in6) ? len : sizeof(in6));
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
}

struct early_one {
    int level, name;
    socklen_t len;
    const void *value;
};

static void add_early(struct entry *e, const void *with)
{
    const struct early_one *one = with;
    if (!e->early && !(e->early = calloc(1, sizeof(*e->early))))
        return;
    struct early *all = e->early;
    if (all->count == EARLY_MAX)
        return;
    all->options[all->count].level = one->level;
    all->options[all->count].name = one->name;
    all->options[all->count].len = one->len;
    memcpy(all->options[all->count].value, one->value, one->len);
    all->count++;
}

void sok_early_option(
    int fd, const struct entry *e, int level, int name, const void *v, socklen_t len)
{
    struct early_one one = {level, name, len, v};
    bool undecided = e->kind == KIND_STREAM ? e->state == SOK_CALLS_IDLE : !e->connected;
    if (undecided && len > 0 && len <= 16 && !sok_host_has_loopback())
        sok_table_change(fd, e->cookie, add_early, &one);
}

static void replay(int fd, const struct entry *e)
{
    for (unsigned i = 0; e->early && i < e->early->count; i++)
        sok_k_setsockopt(fd, e->early->options[i].level, e->early->options[i].name,
            e->early->options[i].value, e->early->options[i].len);
}

void sok_into_epolls(int fd, const struct entry *e)
{
    for (unsigned i = 0; i < EPOLLS_MAX; i++) {
        struct epoll_event ev = {.events = e->epolls[i].events, .data.u64 = e->epolls[i].data};
        if (e->epolls[i].epfd >= 0)
            sok_reals()->epoll_ctl(e->epolls[i].epfd, EPOLL_CTL_ADD, fd, &ev);
    }
}

bool sok_loopback_taken(int fd, const struct entry *e, const void *addr, socklen_t len)
{
    bool undecided = e->kind == KIND_STREAM ? e->state == SOK_CALLS_IDLE && !e->bound
                                            : e->kind == KIND_DGRAM && !e->bound && !e->connected;
    if (sok_host_has_loopback() || !undecided || !is_loopback(addr, len))
        return false;
    int flags = sok_reals()->fcntl(fd, F_GETFD), status = sok_reals()->fcntl(fd, F_GETFL);
    int made =
        sok_k_socket(e->domain, e->type | (status & O_NONBLOCK ? SOCK_NONBLOCK : 0), e->protocol);
    if (made < 0)
        return false;
    replay(made, e);
    if (sok_reals()->dup3(made, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0) {
        sok_reals()->close(made);
        return false;
    }
    sok_reals()->close(made);
    sok_into_epolls(fd, e);
    sok_table_clear(fd, KIND_OTHER);
    return true;
}

// ---- which epoll sets an undecided socket is in ----

struct epoll_change {
    int epfd, op;
    struct epoll_event event;
};

static void note_epoll(struct entry *e, const void *with)
{
    const struct epoll_change *c = with;
    for (unsigned i = 0; i < EPOLLS_MAX; i++) {
        bool here = e->epolls[i].epfd == c->epfd;
        if (here && c->op == EPOLL_CTL_DEL)
            e->epolls[i].epfd = -1;
        if ((here || e->epolls[i].epfd < 0) && c->op != EPOLL_CTL_DEL) {
            e->epolls[i].epfd = c->epfd;
            e->epolls[i].events = c->event.events;
            e->epolls[i].data = c->event.data.u64;
            return;
        }
    }
}

SOK_EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    int r = sok_reals()->epoll_ctl(epfd, op, fd, event);
    struct entry e;
    if (r < 0 || sok_table_kind(fd) <= KIND_OTHER || sok_table_state(fd) == SOK_CALLS_CONNECTING ||
        sok_host_has_loopback() || !sok_table_get(fd, false, &e) ||
        (e.kind == KIND_STREAM && e.state != SOK_CALLS_IDLE))
        return r;
    struct epoll_change c = {.epfd = epfd, .op = op};
    if (event)
        c.event = *event;
    sok_table_change(fd, e.cookie, note_epoll, &c);
    return r;
}
