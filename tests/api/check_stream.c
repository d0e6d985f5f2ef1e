// Bytes through a connection: whole, in pieces, looked at, thrown away.
#include <stdio.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include "check.h"

static void there_and_back(void)
{
    struct pair p = pair();
    char text[16] = "";
    CALL("send", os.send(p.a, "hello", 5, 0));
    CALL("recv", os.recv(p.b, text, sizeof(text), 0));
    TEXT("recv-text", "%s", text);
    CALL("write", os.write(p.b, "back", 4));
    CALL("read", os.read(p.a, text, 2));
    CALL("read-rest", os.read(p.a, text + 2, sizeof(text) - 2));
    TEXT("read-text", "%.4s", text);
    CALL("recv-nothing", os.recv(p.a, text, 1, MSG_DONTWAIT));
    CALL("send-nothing", os.send(p.a, "", 0, 0));
    CALL("recv-no-room", os.recv(p.a, text, 0, MSG_DONTWAIT));
    CALL("read-no-room", os.read(p.a, text, 0));
    CALL("recv-flag-unknown", os.recv(p.a, text, 1, MSG_DONTWAIT | 0x8000000));
    CALL("sendto-connected", os.sendto(p.a, "x", 1, 0, NULL, 0));
    struct place at = nobody(), from = {.len = sizeof(from.at)};
    CALL("sendto-other", os.sendto(p.a, "y", 1, 0, AT(at)));
    CALL("recvfrom", os.recvfrom(p.b, text, sizeof(text), MSG_WAITALL | MSG_PEEK | MSG_DONTWAIT,
                         &from.at.any, &from.len));
    TEXT("recvfrom-length", "%d", (int)from.len);
    pair_close(p);
}

static void vectors(void)
{
    struct pair p = pair();
    char one[4] = "", two[8] = "";
    struct iovec out[] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}}, in[] = {{one, 3}, {two, 7}};
    CALL("writev", os.writev(p.a, out, 3));
    CALL("readv", os.readv(p.b, in, 2));
    TEXT("readv-text", "%.3s %.7s", one, two);
    CALL("writev-none", os.writev(p.a, out, 0));
    CALL("writev-minus", os.writev(p.a, out, -1));
    CALL("writev-many", os.writev(p.a, out, 2000));
    CALL("readv-minus", os.readv(p.a, in, -1));
    struct msghdr m = {.msg_iov = out, .msg_iovlen = 3};
    CALL("sendmsg", os.sendmsg(p.b, &m, 0));
    m = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_flags = 0x7777};
    CALL("recvmsg", os.recvmsg(p.a, &m, 0));
    TEXT("recvmsg-says", "flags %x, name %d, control %d", m.msg_flags, (int)m.msg_namelen,
        (int)m.msg_controllen);
    m.msg_iovlen = 2000;
    CALL("sendmsg-many", os.sendmsg(p.b, &m, 0));
    pair_close(p);
}

static void looking(void)
{
    struct pair p = pair();
    char text[16] = "";
    int n = -1;
    os.send(p.a, "abcdef", 6, 0);
    os.settle();
    CALL("peek", os.recv(p.b, text, 3, MSG_PEEK));
    CALL("peek-again", os.recv(p.b, text, sizeof(text), MSG_PEEK));
    TEXT("peek-text", "%s", text);
    CALL("fionread", os.ioctl(p.b, FIONREAD, &n));
    TEXT("fionread-is", "%d", n);
    CALL("trunc", os.recv(p.b, text, 2, MSG_TRUNC));
    memset(text, 0, sizeof(text));
    CALL("trunc-rest", os.recv(p.b, text, sizeof(text), 0));
    TEXT("trunc-text", "%s", text);
    CALL("fionread-empty", os.ioctl(p.b, FIONREAD, &n));
    TEXT("fionread-empty-is", "%d", n);
    CALL("outq", os.ioctl(p.a, SIOCOUTQ, &n));
    TEXT("outq-is", "%d", n);
    CALL("ioctl-unknown", os.ioctl(p.a, 0x1234567, &n));
    CALL("peek-nothing", os.recv(p.b, text, 1, MSG_PEEK | MSG_DONTWAIT));
    pair_close(p);
}

static void all_of_it(void)
{
    struct pair p = pair();
    char text[16] = "";
    struct timeval limit = {.tv_usec = 50000};
    os.send(p.a, "ab", 2, 0);
    os.send(p.a, "cd", 2, 0);
    os.settle();
    CALL("waitall", os.recv(p.b, text, 4, MSG_WAITALL));
    os.send(p.a, "ef", 2, 0);
    os.setsockopt(p.b, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    CALL("waitall-time", os.recv(p.b, text, 4, MSG_WAITALL));
    os.send(p.a, "gh", 2, 0);
    os.shutdown(p.a, SHUT_WR);
    CALL("waitall-end", os.recv(p.b, text, 4, MSG_WAITALL));
    CALL("waitall-after", os.recv(p.b, text, 4, MSG_WAITALL));
    pair_close(p);
}

static void much(void)
{
    struct pair p = pair();
    static char block[65536], back[65536];
    long sent = 0, got = 0, wrong = 0;
    nonblocking(p.a);
    nonblocking(p.b);
    for (long n; sent < 64 << 20; sent += n) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((sent + (long)i) % 251);
        n = os.send(p.a, block, sizeof(block), 0);
        if (n < 0)
            break;
    }
    CALL("much-full", -1);
    TEXT("much-full-ready", "%s", events_text(ready(p.a, POLLOUT | POLLIN, 0)));
    while (got < sent && ready(p.b, POLLIN, 1000) & POLLIN)
        for (long n; (n = os.recv(p.b, back, sizeof(back), 0)) > 0; got += n)
            for (long i = 0; i < n; i++)
                wrong += back[i] != (char)((got + i) % 251);
    TEXT("much-arrives", "%s, %ld wrong", got == sent ? "all" : "less", wrong);
    TEXT("much-empty-ready", "%s", events_text(ready(p.a, POLLOUT | POLLIN, 1000)));
    pair_close(p);
}

// With MSG_MORE nothing leaves until there is enough, or a call without it.
static void more(void)
{
    struct pair p = pair();
    char text[16];
    CALL("more", os.send(p.a, "ab", 2, MSG_MORE));
    os.settle();
    CALL("more-waits", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    CALL("more-last", os.send(p.a, "cd", 2, 0));
    os.settle();
    CALL("more-comes", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    int on = 1, off = 0;
    os.setsockopt(p.a, IPPROTO_TCP, 3 /* TCP_CORK */, &on, sizeof(on));
    os.send(p.a, "ab", 2, 0);
    os.settle();
    CALL("cork-waits", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    os.setsockopt(p.a, IPPROTO_TCP, 3, &off, sizeof(off));
    os.settle();
    CALL("cork-off-comes", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    pair_close(p);
}

static void many_messages(void)
{
    struct pair p = pair();
    char text[2][4];
    struct iovec out[] = {{"ab", 2}, {"cde", 3}}, in[] = {{text[0], 4}, {text[1], 4}};
    struct mmsghdr m[] = {{.msg_hdr = {.msg_iov = &out[0], .msg_iovlen = 1}},
        {.msg_hdr = {.msg_iov = &out[1], .msg_iovlen = 1}}};
    CALL("stream-sendmmsg", os.sendmmsg(p.a, m, 2, 0));
    TEXT("stream-sendmmsg-each", "%u %u", m[0].msg_len, m[1].msg_len);
    m[0].msg_hdr.msg_iov = &in[0];
    m[1].msg_hdr.msg_iov = &in[1];
    os.settle();
    CALL("stream-recvmmsg", os.recvmmsg(p.b, m, 2, MSG_DONTWAIT, NULL));
    TEXT("stream-recvmmsg-each", "%u %u", m[0].msg_len, m[1].msg_len);
    pair_close(p);
}

static void unconnected(void)
{
    int s = stream();
    char byte;
    struct place at = nobody();
    CALL("fresh-send", os.send(s, "x", 1, MSG_NOSIGNAL));
    CALL("fresh-recv", os.recv(s, &byte, 1, 0));
    CALL("fresh-sendto", os.sendto(s, "x", 1, MSG_NOSIGNAL, AT(at)));
    CALL("fresh-shutdown", os.shutdown(s, SHUT_WR));
    os.close(s);
}

void check_stream(void)
{
    there_and_back();
    vectors();
    looking();
    all_of_it();
    much();
    more();
    many_messages();
    unconnected();
}
