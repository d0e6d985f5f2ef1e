// Readiness: poll, select, epoll level and edge.
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include "behave.h"

static void polls(void)
{
    long id;
    char c;
    int fd = call_peer(&id), all = POLLIN | POLLOUT | POLLRDHUP | POLLPRI;
    is("poll-idle", poll_one(fd, all, 0), POLLOUT);
    is("poll-idle-in", poll_one(fd, POLLIN, 20), 0);
    peer_later(50, "say %ld ab", id);
    is("poll-data", poll_one(fd, POLLIN, 5000), POLLIN);
    is("poll-data-again", poll_one(fd, all, 0), POLLIN | POLLOUT);
    is("poll-names", poll_one(fd, POLLRDNORM | POLLWRNORM, 0), POLLRDNORM | POLLWRNORM);
    is("poll-data-part", read(fd, &c, 1), 1);
    is("poll-data-rest", poll_one(fd, POLLIN, 0), POLLIN);
    is("poll-data-all", read(fd, &c, 1), 1);
    is("poll-data-none", poll_one(fd, POLLIN, 0), 0);
    struct pollfd two[2] = {{-1, POLLIN, 7}, {fd, POLLOUT, 0}};
    is("poll-skips", poll(two, 2, 1000), 1);
    is("poll-skips-revents", two[0].revents, 0);
    close(fd);
    is("poll-closed", poll_one(fd, POLLIN, 0), POLLNVAL);
    struct timespec t = {0, 20000000};
    fd = call_peer(&id);
    is("ppoll-timeout", ppoll(&(struct pollfd){fd, POLLIN, 0}, 1, &t, NULL), 0);
}

static int selected(int fd, int ms)
{
    fd_set in, out, other;
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&other);
    FD_SET(fd, &in), FD_SET(fd, &out), FD_SET(fd, &other);
    if (select(fd + 1, &in, &out, &other, &t) < 0)
        return -1;
    return (FD_ISSET(fd, &in) ? 1 : 0) + (FD_ISSET(fd, &out) ? 2 : 0) +
           (FD_ISSET(fd, &other) ? 4 : 0);
}

static void selects(void)
{
    long id;
    int fd = call_peer(&id);
    is("select-idle", selected(fd, 0), 2);
    peer("say %ld x", id);
    poll_until(fd, POLLIN);
    is("select-data", selected(fd, 0), 3);
    peer("room %ld 4096", id);
    fill(fd);
    is("select-full", selected(fd, 0), 1);
    int silent = tcp(), open = tcp(), closed = tcp();
    no_waiting(silent), no_waiting(open), no_waiting(closed);
    dial(silent, (int)peer("silent"));
    is("select-silent", selected(silent, 50), 0);
    dial(open, (int)peer("port"));
    is("select-connected", selected(open, 5000), 2);
    dial(closed, (int)peer("closed"));
    poll_until(closed, POLLERR);
    is("select-refused", selected(closed, 5000), 3);
    int l = listening(3);
    is("select-listener", selected(l, 0), 0);
    peer("connect %d", port_of(l));
    poll_until(l, POLLIN);
    is("select-connection", selected(l, 0), 1);
}

static int at;
static int add(int fd, unsigned events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0x1234567890 + (unsigned)fd};
    return epoll_ctl(at, EPOLL_CTL_ADD, fd, &e);
}

static int change(int fd, unsigned events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0x1234567890 + (unsigned)fd};
    return epoll_ctl(at, EPOLL_CTL_MOD, fd, &e);
}

// Events of the one descriptor; 0: none; -2: of something else.
static int events_of(int fd, int ms)
{
    struct epoll_event e[4];
    int n = epoll_wait(at, e, 4, ms);
    if (n <= 0)
        return n;
    return n == 1 && e[0].data.u64 == 0x1234567890U + (unsigned)fd ? (int)e[0].events : -2;
}

static void level(void)
{
    long id;
    char c;
    int fd = call_peer(&id);
    at = epoll_create1(EPOLL_CLOEXEC);
    gives("epoll-add", add(fd, EPOLLIN | EPOLLRDHUP), 0);
    gives("epoll-add-again", add(fd, EPOLLIN), EEXIST);
    is("epoll-nothing", events_of(fd, 20), 0);
    peer_later(30, "say %ld ab", id);
    is("epoll-data", events_of(fd, 5000), EPOLLIN);
    is("epoll-data-again", events_of(fd, 0), EPOLLIN);
    gives("epoll-change", change(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP), 0);
    is("epoll-both", events_of(fd, 0), EPOLLIN | EPOLLOUT);
    is("epoll-read", read(fd, (char[4]){0}, 4), 2);
    is("epoll-out", events_of(fd, 0), EPOLLOUT);
    peer("shut %ld", id);
    poll_until(fd, POLLRDHUP);
    is("epoll-end", events_of(fd, 0), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    gives("epoll-remove", epoll_ctl(at, EPOLL_CTL_DEL, fd, NULL), 0);
    gives("epoll-remove-again", epoll_ctl(at, EPOLL_CTL_DEL, fd, NULL), ENOENT);
    gives("epoll-change-none", change(fd, EPOLLIN), ENOENT);
    is("epoll-empty", events_of(fd, 0), 0);
    add(fd, EPOLLIN);
    close(fd);
    is("epoll-closed", events_of(fd, 0), 0);
    fd = call_peer(&id);
    add(fd, EPOLLIN | EPOLLONESHOT);
    peer("say %ld ab", id);
    is("epoll-once", events_of(fd, 5000), EPOLLIN);
    is("epoll-once-again", events_of(fd, 20), 0);
    change(fd, EPOLLIN | EPOLLONESHOT);
    is("epoll-once-armed", events_of(fd, 0), EPOLLIN);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    change(fd, EPOLLIN | EPOLLRDHUP);
    is("epoll-reset", events_of(fd, 0), EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
    (void)c;
}

static void edge(void)
{
    long id;
    char room[100];
    int fd = call_peer(&id);
    at = epoll_create1(0);
    no_waiting(fd);
    add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    is("edge-first", events_of(fd, 1000), EPOLLOUT);
    is("edge-nothing", events_of(fd, 20), 0);
    peer("say %ld abcd", id);
    is("edge-data", events_of(fd, 5000), EPOLLIN | EPOLLOUT);
    is("edge-data-once", events_of(fd, 20), 0);
    is("edge-part", read(fd, room, 2), 2);
    is("edge-part-no-event", events_of(fd, 20), 0);
    peer("say %ld ef", id);
    is("edge-more", events_of(fd, 5000), EPOLLIN | EPOLLOUT);
    is("edge-all", read(fd, room, 100), 4);
    gives("edge-none", read(fd, room, 100), EAGAIN);
    peer("room %ld 4096", id);
    fill(fd);
    events_of(fd, 0);
    is("edge-full", events_of(fd, 20), 0);
    peer("drain %ld", id);
    is("edge-writable", events_of(fd, 5000) & EPOLLOUT, EPOLLOUT);
    int unsent = 1;
    while (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        nap(10);
    while (events_of(fd, 100) > 0) // and nothing makes room any more
        continue;
    peer("say %ld end", id);
    peer("shut %ld", id);
    poll_until(fd, POLLRDHUP);
    int last = events_of(fd, 5000);
    is_true("edge-end", last > 0 && last & EPOLLRDHUP);
    is("edge-end-read", read_all(fd), 3);
    is("edge-end-once", events_of(fd, 20), 0);
}

static void connecting(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    at = epoll_create1(0);
    add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    is("connecting-before", events_of(fd, 20), EPOLLOUT | EPOLLHUP);
    dial(fd, (int)peer("port"));
    is("connecting-open", events_of(fd, 5000), EPOLLOUT);
    is("connecting-open-once", events_of(fd, 20), 0);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    dial(fd, (int)peer("closed"));
    poll_until(fd, POLLERR);
    add(fd, EPOLLOUT);
    is("connecting-closed", events_of(fd, 0), EPOLLOUT | EPOLLERR | EPOLLHUP);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    dial(fd, (int)peer("silent"));
    add(fd, EPOLLIN | EPOLLOUT);
    is("connecting-silent", events_of(fd, 50), 0);
    close(fd);
    fd = listening(9);
    no_waiting(fd);
    add(fd, EPOLLIN | EPOLLET);
    is("listener-edge-nothing", events_of(fd, 20), 0);
    peer("connect %d", port_of(fd));
    is("listener-edge", events_of(fd, 5000), EPOLLIN);
    is("listener-edge-once", events_of(fd, 20), 0);
    peer("connect %d", port_of(fd));
    is("listener-edge-second", events_of(fd, 5000), EPOLLIN);
    gives("listener-edge-accept", accept(fd, NULL, NULL), 0);
    gives("listener-edge-accept-2", accept(fd, NULL, NULL), 0);
    gives("listener-edge-accept-none", accept(fd, NULL, NULL), EAGAIN);
}

static void copies(void)
{
    long id;
    int fd = call_peer(&id), copy = dup(fd);
    at = epoll_create1(0);
    add(fd, EPOLLIN);
    gives("epoll-copy-add", add(copy, EPOLLIN), 0);
    epoll_ctl(at, EPOLL_CTL_DEL, copy, NULL);
    close(copy);
    peer("say %ld x", id);
    is("epoll-copy-closed", events_of(fd, 5000), EPOLLIN);
    copy = dup(fd);
    close(fd);
    is("epoll-copy-keeps", events_of(fd, 100), EPOLLIN);
    close(copy);
    is("epoll-copy-gone", events_of(fd, 20), 0);
    int inner = epoll_create1(0);
    fd = call_peer(&id);
    epoll_ctl(inner, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
    add(inner, EPOLLIN);
    is("epoll-nested-nothing", events_of(inner, 20), 0);
    peer("say %ld x", id);
    is("epoll-nested", events_of(inner, 5000), EPOLLIN);
}

const struct group poll_groups[] = {
    {"poll", polls},
    {"select", selects},
    {"epoll-level", level},
    {"epoll-edge", edge},
    {"epoll-connect", connecting},
    {"epoll-copies", copies},
    {NULL, NULL},
};
