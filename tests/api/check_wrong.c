// Every call with what it must refuse: no descriptor, a closed one, no memory, the wrong kind. Nothing changes.
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include "check.h"

static void every_call(const char *kind, int fd)
{
    struct place at = here(9), p = {.len = sizeof(p.at)};
    char byte = 0, name[96];
    int n = 0;
    socklen_t len = sizeof(n);
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr mm = {.msg_hdr = m};
#define ONE(call_name, call)                                                                       \
    snprintf(name, sizeof(name), "%s-%s", kind, call_name);                                        \
    CALL(name, call)
    ONE("bind", os.bind(fd, AT(at)));
    ONE("connect", os.connect(fd, AT(at)));
    ONE("listen", os.listen(fd, 1));
    ONE("accept", os.accept(fd, NULL, NULL));
    ONE("accept4", os.accept4(fd, NULL, NULL, 0));
    ONE("getsockname", os.getsockname(fd, &p.at.any, &p.len));
    ONE("getpeername", os.getpeername(fd, &p.at.any, &p.len));
    ONE("shutdown", os.shutdown(fd, SHUT_RD));
    ONE("send", os.send(fd, &byte, 1, MSG_NOSIGNAL));
    ONE("sendto", os.sendto(fd, &byte, 1, MSG_NOSIGNAL, AT(at)));
    ONE("sendmsg", os.sendmsg(fd, &m, MSG_NOSIGNAL));
    ONE("sendmmsg", os.sendmmsg(fd, &mm, 1, MSG_NOSIGNAL));
    ONE("write", os.write(fd, &byte, 1));
    ONE("writev", os.writev(fd, &iov, 1));
    ONE("recv", os.recv(fd, &byte, 1, 0));
    ONE("recvfrom", os.recvfrom(fd, &byte, 1, 0, &p.at.any, &p.len));
    ONE("recvmsg", os.recvmsg(fd, &m, 0));
    ONE("recvmmsg", os.recvmmsg(fd, &mm, 1, 0, NULL));
    ONE("read", os.read(fd, &byte, 1));
    ONE("readv", os.readv(fd, &iov, 1));
    ONE("setsockopt", os.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &n, sizeof(n)));
    ONE("getsockopt", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, &n, &len));
    ONE("ioctl", os.ioctl(fd, FIONREAD, &n));
    ONE("fcntl", os.fcntl(fd, F_GETFL, 0));
    ONE("close", os.close(fd));
#undef ONE
}

static void no_memory(void)
{
    struct pair p = pair();
    int u = dgram();
    struct place at = here(9);
    socklen_t len = sizeof(at.at);
    CALL("null-send", os.send(p.a, NULL, 3, 0));
    CALL("null-sendmsg", os.sendmsg(p.a, NULL, 0));
    CALL("null-writev", os.writev(p.a, NULL, 2));
    CALL("null-sendto", os.sendto(u, NULL, 3, 0, AT(at)));
    CALL("null-connect", os.connect(u, NULL, 16));
    CALL("null-peer", os.getpeername(p.a, NULL, &len));
    CALL("null-peer-length", os.getpeername(p.a, &at.at.any, NULL));
    CALL("null-fionread", os.ioctl(p.a, FIONREAD, NULL));
    CALL("null-fionbio", os.ioctl(p.a, FIONBIO, NULL));
    os.send(p.b, "abc", 3, 0);
    os.settle();
    CALL("null-recv", os.recv(p.a, NULL, 3, MSG_DONTWAIT));
    CALL("null-recvmsg", os.recvmsg(p.a, NULL, MSG_DONTWAIT));
    char text[8] = "";
    CALL("null-lost-nothing", os.recv(p.a, text, sizeof(text), MSG_DONTWAIT));
    CALL("null-still-sends", os.send(p.a, "abc", 3, 0));
    os.close(u);
    pair_close(p);
}

void check_wrong(void)
{
    int fd = stream();
    os.close(fd);
    every_call("closed", fd);
    every_call("minus-one", -1);
    no_memory();
}
