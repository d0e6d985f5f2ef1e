// poll(): what each kind of socket is ready for, in each of its states.
#include "check.h"

#define EVERYTHING (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

static void look(const char *name, int fd)
{
    os.settle();
    TEXT(name, "%s", events_text(ready(fd, EVERYTHING, 0)));
}

static void states(void)
{
    struct place at;
    int s = stream(), u = dgram(), l = listener(&at, 2);
    char byte;
    look("poll-fresh", s);
    look("poll-dgram", u);
    look("poll-listener", l);
    os.connect(s, AT(at));
    look("poll-listener-caller", l);
    look("poll-connected", s);
    int t = os.accept(l, NULL, NULL);
    look("poll-listener-taken", l);
    os.send(s, "x", 1, 0);
    look("poll-data", t);
    os.recv(t, &byte, 1, 0);
    look("poll-no-data", t);
    os.shutdown(s, SHUT_WR);
    look("poll-end", t);
    look("poll-shut", s);
    os.shutdown(t, SHUT_WR);
    look("poll-both-ended", t);
    look("poll-both-shut", s);
    os.close(s);
    os.close(t);
    os.close(u);
    os.close(l);
}

static void own_ends(void)
{
    struct pair p = pair();
    os.shutdown(p.a, SHUT_RD);
    look("poll-shut-read", p.a);
    os.shutdown(p.a, SHUT_RDWR);
    look("poll-shut-both", p.a);
    pair_close(p);
    struct place at;
    int l = listener(&at, 2);
    os.shutdown(l, SHUT_RD);
    look("poll-listener-shut", l);
    os.close(l);
    p = dgrams();
    os.shutdown(p.b, SHUT_WR);
    look("poll-dgram-shut-write", p.b);
    os.shutdown(p.b, SHUT_RD);
    look("poll-dgram-shut-both", p.b);
    pair_close(p);
}

static void low_water(void)
{
    struct pair p = pair();
    set_int(p.b, SOL_SOCKET, SO_RCVLOWAT, 4);
    os.send(p.a, "abc", 3, 0);
    look("poll-low-water", p.b);
    os.send(p.a, "d", 1, 0);
    look("poll-low-water-reached", p.b);
    pair_close(p);
}

static void errors(void)
{
    struct place at = nobody();
    int u = dgram();
    os.connect(u, AT(at));
    os.send(u, "x", 1, 0);
    look("poll-dgram-refused", u);
    CALL("poll-dgram-error", get_int(u, SOL_SOCKET, SO_ERROR));
    look("poll-dgram-told", u);
    os.close(u);
}

static void sets(void)
{
    struct pair p = pair();
    struct pollfd set[4] = {
        {p.a, POLLIN, 99}, {p.b, POLLOUT, 99}, {-1, POLLIN, 99}, {77777, POLLIN, 99}};
    CALL("poll-set", os.poll(set, 4, 0));
    TEXT("poll-set-each", "%d %d %d %d", set[0].revents, set[1].revents, set[2].revents,
        set[3].revents);
    set[1].events = POLLOUT | POLLWRNORM;
    os.poll(set, 2, 0);
    TEXT("poll-norm", "%d", set[1].revents);
    set[1].events = 0;
    CALL("poll-nothing-wanted", os.poll(set, 2, 0));
    CALL("poll-empty", os.poll(NULL, 0, 10));
    CALL("poll-null", os.poll(NULL, 1, 0));
    pair_close(p);
}

void check_poll(void)
{
    states();
    own_ends();
    low_water();
    errors();
    sets();
}
