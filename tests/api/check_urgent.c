// Urgent data (tcp(7)): one byte beside the stream, or in it.
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include "check.h"

static int at_mark(int fd)
{
    int yes = -1;
    return os.ioctl(fd, SIOCATMARK, &yes) < 0 ? -1 : yes;
}

static void beside(void)
{
    struct pair p = pair();
    char text[16] = "";
    CALL("oob-none", os.recv(p.b, text, 1, MSG_OOB | MSG_DONTWAIT));
    os.send(p.a, "ab", 2, 0);
    CALL("oob-send", os.send(p.a, "cX", 2, MSG_OOB));
    os.send(p.a, "de", 2, 0);
    os.settle();
    TEXT("oob-ready", "%s", events_text(ready(p.b, POLLIN | POLLPRI, 1000)));
    CALL("oob-mark-before", at_mark(p.b));
    int n = 0;
    os.ioctl(p.b, FIONREAD, &n);
    TEXT("oob-fionread", "%d", n);
    CALL("oob-stops", os.recv(p.b, text, sizeof(text), 0));
    TEXT("oob-stops-text", "%.3s", text);
    CALL("oob-mark", at_mark(p.b));
    CALL("oob-peek", os.recv(p.b, text, 1, MSG_OOB | MSG_PEEK));
    CALL("oob", os.recv(p.b, text, 1, MSG_OOB));
    TEXT("oob-is", "%.1s", text);
    CALL("oob-twice", os.recv(p.b, text, 1, MSG_OOB));
    TEXT("oob-taken-ready", "%s", events_text(ready(p.b, POLLIN | POLLPRI, 0)));
    CALL("oob-after", os.recv(p.b, text, sizeof(text), 0));
    TEXT("oob-after-text", "%.2s", text);
    CALL("oob-mark-after", at_mark(p.b));
    pair_close(p);
}

static void within(void)
{
    struct pair p = pair();
    char text[16] = "";
    set_int(p.b, SOL_SOCKET, SO_OOBINLINE, 1);
    os.send(p.a, "ab", 2, 0);
    os.send(p.a, "X", 1, MSG_OOB);
    os.send(p.a, "cd", 2, 0);
    os.settle();
    CALL("inline-oob", os.recv(p.b, text, 1, MSG_OOB));
    CALL("inline-stops", os.recv(p.b, text, sizeof(text), 0));
    CALL("inline-mark", at_mark(p.b));
    CALL("inline-rest", os.recv(p.b, text, sizeof(text), 0));
    TEXT("inline-text", "%.3s", text);
    pair_close(p);
}

static void skipped(void)
{
    struct pair p = pair();
    char text[16] = "";
    os.send(p.a, "X", 1, MSG_OOB);
    os.settle();
    TEXT("oob-only-ready", "%s", events_text(ready(p.b, POLLIN | POLLPRI, 0)));
    CALL("oob-only-recv", os.recv(p.b, text, 1, MSG_DONTWAIT));
    os.send(p.a, "ab", 2, 0);
    os.settle();
    CALL("oob-passed-recv", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    CALL("oob-passed", os.recv(p.b, text, 1, MSG_OOB | MSG_DONTWAIT));
    struct msghdr m = {.msg_iov = &(struct iovec){text, 1}, .msg_iovlen = 1};
    os.send(p.a, "Y", 1, MSG_OOB);
    os.settle();
    CALL("oob-recvmsg", os.recvmsg(p.b, &m, MSG_OOB));
    TEXT("oob-recvmsg-flags", "%x", m.msg_flags);
    pair_close(p);
    int u = dgram();
    struct place at = nobody();
    CALL("oob-dgram", os.sendto(u, "x", 1, MSG_OOB, AT(at)));
    CALL("atmark-dgram", at_mark(u));
    os.close(u);
}

void check_urgent(void)
{
    beside();
    within();
    skipped();
}
