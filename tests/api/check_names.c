// bind(), getsockname(), getpeername(): addresses in and out.
#include "check.h"

static void names_of_unbound(void)
{
    int fd = stream();
    struct place p = name_of(fd), q = {.len = sizeof(q.at)};
    TEXT("unbound-name", "family %s, length %s, port %d",
        p.at.any.sa_family == family ? "its" : "other", p.len == here(0).len ? "its" : "other",
        port_of(&p));
    CALL("unbound-peer", os.getpeername(fd, &q.at.any, &q.len));
    os.close(fd);
}

static void bind_chooses(void)
{
    int fd = stream();
    struct place p = anywhere(0);
    CALL("bind-port-0", os.bind(fd, AT(p)));
    p = name_of(fd);
    TEXT("bind-port-0-chosen", "%s", port_of(&p) > 1023 ? "some" : "none");
    CALL("bind-again", os.bind(fd, AT(p)));
    os.close(fd);
}

static void bind_refuses(void)
{
    int fd = stream();
    struct place p = elsewhere(), h = here(0);
    CALL("bind-not-ours", os.bind(fd, AT(p)));
    CALL("bind-short", os.bind(fd, &h.at.any, 7));
    CALL("bind-empty", os.bind(fd, &h.at.any, 0));
    CALL("bind-long", os.bind(fd, &h.at.any, 300));
    CALL("bind-minus", os.bind(fd, &h.at.any, (socklen_t)-1));
    CALL("bind-null", os.bind(fd, NULL, h.len));
    h.at.any.sa_family = AF_APPLETALK;
    CALL("bind-family", os.bind(fd, AT(h)));
    h = here(0);
    CALL("bind-after-refusals", os.bind(fd, AT(h)));
    os.close(fd);
}

static void bind_in_use(
    int type, const char *first, const char *second, const char *third, const char *free_again)
{
    int a = os.socket(family, type, 0), b = os.socket(family, type, 0),
        c = os.socket(family, type, 0);
    struct place p = here(0);
    CALL(first, os.bind(a, AT(p)));
    p = name_of(a);
    CALL(second, os.bind(b, AT(p)));
    struct place any = anywhere(port_of(&p));
    CALL(third, os.bind(c, AT(any)));
    os.close(a);
    CALL(free_again, os.bind(b, AT(p)));
    os.close(b);
    os.close(c);
}

static void bind_reuse(void)
{
    int a = stream(), b = stream();
    struct place p = here(0);
    set_int(a, SOL_SOCKET, SO_REUSEADDR, 1);
    set_int(b, SOL_SOCKET, SO_REUSEADDR, 1);
    CALL("reuse-bind", os.bind(a, AT(p)));
    p = name_of(a);
    CALL("reuse-bind-both", os.bind(b, AT(p)));
    CALL("reuse-listen", os.listen(a, 1));
    CALL("reuse-listen-both", os.listen(b, 1));
    int c = stream();
    set_int(c, SOL_SOCKET, SO_REUSEADDR, 1);
    CALL("reuse-bind-listening", os.bind(c, AT(p)));
    os.close(a);
    os.close(b);
    os.close(c);
}

static void lengths(void)
{
    int fd = stream();
    struct place p = here(0), q = {.len = 4}, whole;
    os.bind(fd, AT(p));
    whole = name_of(fd);
    CALL("name-short", os.getsockname(fd, &q.at.any, &q.len));
    TEXT("name-short-length", "%s, its first bytes %s", q.len == whole.len ? "whole" : "other",
        memcmp(&q.at, &whole.at, 4) == 0 ? "right" : "wrong");
    q.len = 0;
    CALL("name-none", os.getsockname(fd, &q.at.any, &q.len));
    q.len = (socklen_t)-1;
    CALL("name-minus", os.getsockname(fd, &q.at.any, &q.len));
    CALL("name-null-length", os.getsockname(fd, &q.at.any, NULL));
    q.len = sizeof(q.at);
    CALL("name-null", os.getsockname(fd, NULL, &q.len));
    os.close(fd);
}

static void names_of_pair(void)
{
    struct pair p = pair();
    struct place a = name_of(p.a), b = name_of(p.b), pa = {.len = sizeof(pa.at)},
                 pb = {.len = sizeof(pb.at)};
    CALL("peer-a", os.getpeername(p.a, &pa.at.any, &pa.len));
    CALL("peer-b", os.getpeername(p.b, &pb.at.any, &pb.len));
    TEXT("peers-cross", "%s %s", port_of(&a) == port_of(&pb) ? "yes" : "no",
        port_of(&b) == port_of(&pa) ? "yes" : "no");
    struct place h = here(0);
    CALL("bind-connected", os.bind(p.a, AT(h)));
    pair_close(p);
}

static void autobind(void)
{
    int u = dgram(), l = stream();
    struct place p = here(9), n;
    CALL("connect-binds", os.connect(u, AT(p)));
    n = name_of(u);
    TEXT("connect-binds-port", "%s", port_of(&n) ? "some" : "none");
    CALL("listen-binds", os.listen(l, 1));
    n = name_of(l);
    TEXT("listen-binds-port", "%s", port_of(&n) ? "some" : "none");
    CALL("bind-after-listen", os.bind(l, AT(p)));
    os.close(u);
    os.close(l);
}

void check_names(void)
{
    names_of_unbound();
    bind_chooses();
    bind_refuses();
    bind_in_use(SOCK_STREAM, "stream-bind", "stream-bind-taken", "stream-bind-taken-any",
        "stream-bind-free");
    bind_in_use(
        SOCK_DGRAM, "dgram-bind", "dgram-bind-taken", "dgram-bind-taken-any", "dgram-bind-free");
    bind_reuse();
    lengths();
    names_of_pair();
    autobind();
}
