// socket(), close(), fcntl(): what can be made, and what a descriptor is.
#include <fcntl.h>
#include <stdio.h>
#include "check.h"

static void make(const char *name, int domain, int type, int protocol)
{
    errno = 0;
    int fd = os.socket(domain, type, protocol);
    if (fd < 0) {
        CALL(name, -1);
        return;
    }
    TEXT(name, "made: domain %s, type %d, protocol %d",
        get_int(fd, SOL_SOCKET, SO_DOMAIN) == domain ? "its" : "other",
        get_int(fd, SOL_SOCKET, SO_TYPE), get_int(fd, SOL_SOCKET, SO_PROTOCOL));
    os.close(fd);
}

static void flags(void)
{
    int fd = os.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    TEXT("make-nonblock", "%x", os.fcntl(fd, F_GETFL, 0) & (O_NONBLOCK | O_ACCMODE));
    CALL("make-no-cloexec", os.fcntl(fd, F_GETFD, 0));
    CALL("setfd", os.fcntl(fd, F_SETFD, FD_CLOEXEC));
    CALL("setfd-then", os.fcntl(fd, F_GETFD, 0));
    CALL("setfl-block", os.fcntl(fd, F_SETFL, 0));
    TEXT("setfl-block-then", "%x", os.fcntl(fd, F_GETFL, 0) & (O_NONBLOCK | O_ACCMODE));
    CALL("fcntl-unknown", os.fcntl(fd, 9999, 0));
    os.close(fd);
    fd = os.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CALL("make-cloexec", os.fcntl(fd, F_GETFD, 0));
    os.close(fd);
}

static void numbers(void)
{
    int first = stream(), second = stream(), third = stream();
    TEXT("numbers-rise", "%d %d", second - first, third - second);
    os.close(second);
    int again = stream();
    TEXT("numbers-lowest-free", "%d", again - second);
    CALL("close", os.close(third));
    CALL("close-twice", os.close(third));
    CALL("close-minus-one", os.close(-1));
    os.close(first);
    os.close(again);
}

void check_make(void)
{
    make("make-stream", family, SOCK_STREAM, 0);
    make("make-stream-tcp", family, SOCK_STREAM, IPPROTO_TCP);
    make("make-stream-udp", family, SOCK_STREAM, IPPROTO_UDP);
    make("make-dgram", family, SOCK_DGRAM, 0);
    make("make-dgram-udp", family, SOCK_DGRAM, IPPROTO_UDP);
    make("make-dgram-tcp", family, SOCK_DGRAM, IPPROTO_TCP);
    make("make-raw-none", family, SOCK_RAW, 0);
    make("make-rdm", family, SOCK_RDM, 0);
    make("make-type-0", family, 0, 0);
    make("make-type-99", family, 99, 0);
    make("make-protocol-minus", family, SOCK_STREAM, -1);
    make("make-protocol-9999", family, SOCK_STREAM, 9999);
    make("make-domain-minus", -1, SOCK_STREAM, 0);
    make("make-domain-9999", 9999, SOCK_STREAM, 0);
    flags();
    numbers();
}
