// How connections end: shutdown, close, resets, lingering, time-outs.
#include "check.h"

static void half_close(void)
{
    struct pair p = pair();
    char text[8];
    CALL("shutdown-write", os.shutdown(p.a, SHUT_WR));
    CALL("shutdown-send", os.send(p.a, "x", 1, MSG_NOSIGNAL));
    CALL("shutdown-end", os.recv(p.b, text, sizeof(text), 0));
    CALL("shutdown-end-again", os.recv(p.b, text, sizeof(text), 0));
    CALL("shutdown-still-sends", os.send(p.b, "abc", 3, 0));
    CALL("shutdown-still-reads", os.recv(p.a, text, sizeof(text), 0));
    CALL("shutdown-write-again", os.shutdown(p.a, SHUT_WR));
    CALL("shutdown-odd", os.shutdown(p.a, 9));
    CALL("shutdown-both", os.shutdown(p.b, SHUT_RDWR));
    os.settle();
    struct place peer = {.len = sizeof(peer.at)};
    CALL("shutdown-after-both", os.recv(p.a, text, sizeof(text), 0));
    CALL("shutdown-peer", os.getpeername(p.b, &peer.at.any, &peer.len));
    CALL("shutdown-closed", os.shutdown(p.a, SHUT_WR));
    pair_close(p);
}

static void no_more_reading(void)
{
    struct pair p = pair();
    char text[8];
    os.send(p.a, "abc", 3, 0);
    os.settle();
    CALL("shutdown-read", os.shutdown(p.b, SHUT_RD));
    CALL("shutdown-read-rest", os.recv(p.b, text, sizeof(text), 0));
    CALL("shutdown-read-end", os.recv(p.b, text, sizeof(text), 0));
    CALL("shutdown-read-peer-sends", os.send(p.a, "def", 3, 0));
    os.settle();
    CALL("shutdown-read-comes", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    CALL("shutdown-read-sends", os.send(p.b, "x", 1, 0));
    pair_close(p);
}

static void reset(void)
{
    struct pair p = pair();
    struct linger zero = {1, 0};
    char text[8];
    os.send(p.a, "abc", 3, 0);
    os.settle();
    os.setsockopt(p.a, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
    CALL("reset-close", os.close(p.a));
    os.settle();
    TEXT("reset-ready", "%s", events_text(ready(p.b, POLLIN | POLLOUT | POLLRDHUP, 1000)));
    CALL("reset-recv", os.recv(p.b, text, sizeof(text), 0));
    CALL("reset-recv-again", os.recv(p.b, text, sizeof(text), 0));
    CALL("reset-send", os.send(p.b, "x", 1, MSG_NOSIGNAL));
    CALL("reset-error", get_int(p.b, SOL_SOCKET, SO_ERROR));
    os.close(p.b);
    p = pair();
    os.setsockopt(p.a, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
    os.close(p.a);
    os.settle();
    CALL("reset-so-error", get_int(p.b, SOL_SOCKET, SO_ERROR));
    CALL("reset-so-error-again", get_int(p.b, SOL_SOCKET, SO_ERROR));
    CALL("reset-then-recv", os.recv(p.b, text, sizeof(text), 0));
    CALL("reset-then-send", os.send(p.b, "x", 1, MSG_NOSIGNAL));
    os.close(p.b);
    p = pair();
    os.setsockopt(p.a, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
    os.close(p.a);
    os.settle();
    CALL("reset-send-first", os.send(p.b, "x", 1, MSG_NOSIGNAL));
    CALL("reset-send-second", os.send(p.b, "x", 1, MSG_NOSIGNAL));
    os.close(p.b);
}

static void unread(void)
{
    struct pair p = pair();
    char text[8];
    os.send(p.a, "abc", 3, 0);
    os.settle();
    os.close(p.b);
    os.settle();
    CALL("unread-resets", os.recv(p.a, text, sizeof(text), 0));
    os.close(p.a);
    p = pair();
    os.close(p.b);
    os.settle();
    CALL("gone-end", os.recv(p.a, text, sizeof(text), 0));
    CALL("gone-send", os.send(p.a, "x", 1, MSG_NOSIGNAL));
    os.settle();
    CALL("gone-send-again", os.send(p.a, "x", 1, MSG_NOSIGNAL));
    CALL("gone-recv", os.recv(p.a, text, sizeof(text), 0));
    os.close(p.a);
}

static void lingers(void)
{
    struct pair p = pair();
    struct linger five = {1, 5}, is = {0, 0};
    socklen_t len = sizeof(is);
    char text[8];
    CALL("linger-set", os.setsockopt(p.a, SOL_SOCKET, SO_LINGER, &five, sizeof(five)));
    CALL("linger-get", os.getsockopt(p.a, SOL_SOCKET, SO_LINGER, &is, &len));
    TEXT("linger-is", "%d %d", is.l_onoff, is.l_linger);
    CALL("linger-short", os.setsockopt(p.a, SOL_SOCKET, SO_LINGER, &five, 4));
    os.send(p.a, "abc", 3, 0);
    int64_t before = os.now_ms();
    CALL("linger-close", os.close(p.a));
    TEXT("linger-time", "%s", os.now_ms() - before < 4000 ? "little" : "much");
    CALL("linger-arrives", os.recv(p.b, text, sizeof(text), 0));
    CALL("linger-end", os.recv(p.b, text, sizeof(text), 0));
    os.close(p.b);
}

static const char *about(int64_t ms, int64_t expected)
{
    return ms < expected - 5 ? "too early" : ms > expected + 30000 ? "too late" : "in time";
}

static void time_outs(void)
{
    struct pair p = pair();
    struct timeval limit = {.tv_usec = 60000}, is = {0};
    socklen_t len = sizeof(is);
    char text[8];
    static char block[1 << 20];
    CALL("rcvtimeo", os.setsockopt(p.a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
    CALL("rcvtimeo-get", os.getsockopt(p.a, SOL_SOCKET, SO_RCVTIMEO, &is, &len));
    TEXT("rcvtimeo-is", "%ld s %s", (long)is.tv_sec,
        is.tv_usec >= 50000 && is.tv_usec <= 70000 ? "60 ms" : "else");
    int64_t before = os.now_ms();
    CALL("rcvtimeo-recv", os.recv(p.a, text, sizeof(text), 0));
    TEXT("rcvtimeo-time", "%s", about(os.now_ms() - before, 60));
    os.setsockopt(p.a, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    long n = 0;
    for (int i = 0; i < 64 && n >= 0; i++)
        n = os.send(p.a, block, sizeof(block), 0);
    CALL("sndtimeo-send", n);
    limit.tv_usec = 1000000;
    CALL("rcvtimeo-odd", os.setsockopt(p.a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
    CALL("rcvtimeo-short", os.setsockopt(p.a, SOL_SOCKET, SO_RCVTIMEO, &limit, 4));
    pair_close(p);
    struct place at;
    int l = listener(&at, 1);
    limit.tv_usec = 60000;
    os.setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    before = os.now_ms();
    CALL("accept-timeo", os.accept(l, NULL, NULL));
    TEXT("accept-timeo-time", "%s", about(os.now_ms() - before, 60));
    before = os.now_ms();
    TEXT("poll-timeout", "%s", events_text(ready(l, POLLIN, 60)));
    TEXT("poll-timeout-time", "%s", about(os.now_ms() - before, 60));
    os.close(l);
}

void check_ends(void)
{
    half_close();
    no_more_reading();
    reset();
    unread();
    lingers();
    time_outs();
}
