// connect(), listen(), accept().
#include <fcntl.h>
#include "check.h"

static void blocking(void)
{
    struct place at, peer = {.len = sizeof(peer.at)};
    int l = listener(&at, 2), c = stream();
    CALL("connect", os.connect(c, AT(at)));
    CALL("connect-again", os.connect(c, AT(at)));
    TEXT("listener-ready", "%s", events_text(ready(l, POLLIN | POLLOUT, 1000)));
    int s = os.accept(l, &peer.at.any, &peer.len);
    struct place name = name_of(c);
    TEXT("accept", "%s, length %s, from %s", s >= 0 ? "made" : "none",
        peer.len == name.len ? "whole" : "other",
        port_of(&peer) == port_of(&name) ? "the caller" : "somebody");
    CALL("connect-listener", os.connect(l, AT(at)));
    CALL("listen-connected", os.listen(c, 1));
    CALL("accept-connected", os.accept(c, NULL, NULL));
    os.close(s);
    os.close(c);
    os.close(l);
}

static void not_blocking(void)
{
    struct place at;
    int l = listener(&at, 2), c = os.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    nonblocking(l);
    CALL("accept-nobody", os.accept(l, NULL, NULL));
    CALL("connect-begins", os.connect(c, AT(at)));
    TEXT("connect-ready", "%s", events_text(ready(c, POLLOUT, 1000)));
    CALL("connect-error", get_int(c, SOL_SOCKET, SO_ERROR));
    CALL("connect-tells", os.connect(c, AT(at)));
    CALL("connect-told", os.connect(c, AT(at)));
    int s = os.accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    TEXT("accept4-flags", "%d %d", !!(os.fcntl(s, F_GETFL, 0) & O_NONBLOCK),
        os.fcntl(s, F_GETFD, 0));
    CALL("accept4-odd", os.accept4(l, NULL, NULL, 1));
    os.close(s);
    os.close(c);
    os.close(l);
}

static void refused(void)
{
    struct place at = nobody(), peer = {.len = sizeof(peer.at)};
    int c = stream();
    CALL("refused", os.connect(c, AT(at)));
    CALL("refused-error", get_int(c, SOL_SOCKET, SO_ERROR));
    CALL("refused-peer", os.getpeername(c, &peer.at.any, &peer.len));
    CALL("refused-recv", os.recv(c, &at, 1, MSG_DONTWAIT));
    CALL("refused-send", os.send(c, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
    CALL("refused-again", os.connect(c, AT(at)));
    struct place good;
    int l = listener(&good, 1);
    CALL("refused-then-other", os.connect(c, AT(good)));
    CALL("refused-then-send", os.send(c, "x", 1, 0));
    os.close(c);
    os.close(l);
}

static void refused_later(void)
{
    struct place at = nobody();
    int c = os.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CALL("refused-begins", os.connect(c, AT(at)));
    TEXT("refused-ready", "%s", events_text(ready(c, POLLIN | POLLOUT | POLLRDHUP, 1000)));
    CALL("refused-later-error", get_int(c, SOL_SOCKET, SO_ERROR));
    CALL("refused-later-again", get_int(c, SOL_SOCKET, SO_ERROR));
    CALL("refused-later-connect", os.connect(c, AT(at)));
    CALL("refused-later-new", os.connect(c, AT(at)));
    os.settle();
    CALL("refused-later-tells", os.connect(c, AT(at)));
    os.close(c);
}

static void wrong(void)
{
    struct place at = here(9), far = elsewhere();
    int c = stream();
    CALL("connect-no-route", os.connect(c, AT(far)));
    CALL("connect-short", os.connect(c, &at.at.any, 7));
    CALL("connect-null", os.connect(c, NULL, at.len));
    CALL("connect-long", os.connect(c, &at.at.any, 300));
    at.at.any.sa_family = AF_APPLETALK;
    CALL("connect-family", os.connect(c, AT(at)));
    CALL("accept-fresh", os.accept(c, NULL, NULL));
    os.close(c);
    int u = dgram();
    CALL("accept-dgram", os.accept(u, NULL, NULL));
    CALL("listen-dgram", os.listen(u, 1));
    os.close(u);
}

static void away(void)
{
    struct pair p = pair();
    struct place none = {.len = sizeof(none.at.any)}, peer = {.len = sizeof(peer.at)};
    char byte;
    none.at.any.sa_family = AF_UNSPEC;
    CALL("unspec", os.connect(p.a, AT(none)));
    CALL("unspec-peer", os.getpeername(p.a, &peer.at.any, &peer.len));
    os.settle();
    CALL("unspec-other-end", os.recv(p.b, &byte, 1, MSG_DONTWAIT));
    struct place at;
    int l = listener(&at, 1);
    CALL("unspec-connect", os.connect(p.a, AT(at)));
    CALL("unspec-send", os.send(p.a, "x", 1, 0));
    os.close(l);
    pair_close(p);
}

static void backlog(void)
{
    struct place at;
    int l = listener(&at, 1), c[4], done = 0;
    for (int i = 0; i < 4; i++) {
        c[i] = os.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        os.connect(c[i], AT(at));
        os.settle();
        done += ready(c[i], POLLOUT, 0) == POLLOUT;
    }
    TEXT("backlog-1", "%d connected", done);
    CALL("backlog-more", os.listen(l, 8));
    nonblocking(l);
    int taken = 0;
    for (int s; (s = os.accept(l, NULL, NULL)) >= 0; taken++)
        os.close(s);
    TEXT("backlog-taken", "%d", taken);
    for (int i = 0; i < 4; i++)
        os.close(c[i]);
    os.close(l);
}

static void listener_ends(void)
{
    struct place at;
    int l = listener(&at, 4), c = stream();
    char byte;
    os.connect(c, AT(at));
    os.close(l);
    os.settle();
    CALL("listener-closed-waiting", os.recv(c, &byte, 1, MSG_DONTWAIT));
    os.close(c);
    l = listener(&at, 4);
    CALL("listener-shutdown", os.shutdown(l, SHUT_RD));
    CALL("listener-shutdown-accept", os.accept(l, NULL, NULL));
    CALL("listener-listens-again", os.listen(l, 4));
    os.close(l);
    l = listener(&at, 4);
    CALL("listener-send", os.send(l, "x", 1, MSG_NOSIGNAL));
    CALL("listener-recv", os.recv(l, &byte, 1, 0));
    os.close(l);
}

void check_connect(void)
{
    blocking();
    not_blocking();
    refused();
    refused_later();
    wrong();
    away();
    backlog();
    listener_ends();
}
