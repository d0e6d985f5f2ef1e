// The kernel's sockets, in a network namespace of their own whose only interface is its loopback.
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "calls.h"

static int kernel_ioctl(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg);
}

static int kernel_fcntl(int fd, int command, int arg)
{
    return fcntl(fd, command, arg);
}

static int marker = -1; // a datagram socket that talks to itself

// The loopback delivers within the call, but for what a busy kernel puts off. What a processor has put off it does in
// its order, and this process stays on one: what is sent now arrives after it. What that has caused to be sent comes
// after the next.
static void kernel_settle(void)
{
    int error = errno;
    char byte;
    for (int i = 0; i < 8; i++) {
        send(marker, "x", 1, 0);
        poll(&(struct pollfd){marker, POLLIN, 0}, 1, 5000);
        recv(marker, &byte, 1, MSG_DONTWAIT);
    }
    errno = error;
}

static bool make_marker(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    marker = fcntl(fd, F_DUPFD_CLOEXEC, 200); // out of the way of what is checked
    close(fd);
    return sched_setaffinity(0, sizeof(one), &one) == 0 &&
           bind(marker, (struct sockaddr *)&at, sizeof(at)) == 0 &&
           getsockname(marker, (struct sockaddr *)&at, &len) == 0 &&
           connect(marker, (struct sockaddr *)&at, len) == 0;
}

static int64_t kernel_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct calls kernel_calls = {
    .socket = socket,
    .close = close,
    .bind = bind,
    .connect = connect,
    .listen = listen,
    .accept = accept,
    .accept4 = accept4,
    .getsockname = getsockname,
    .getpeername = getpeername,
    .shutdown = shutdown,
    .send = send,
    .sendto = sendto,
    .sendmsg = sendmsg,
    .sendmmsg = sendmmsg,
    .write = write,
    .writev = writev,
    .recv = recv,
    .recvfrom = recvfrom,
    .recvmsg = recvmsg,
    .recvmmsg = recvmmsg,
    .read = read,
    .readv = readv,
    .setsockopt = setsockopt,
    .getsockopt = getsockopt,
    .ioctl = kernel_ioctl,
    .fcntl = kernel_fcntl,
    .poll = poll,
    .settle = kernel_settle,
    .now_ms = kernel_now_ms,
};

// With root, or as root of a user namespace.
bool kernel_begin(void)
{
    struct ifreq q = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        printf("SKIP: no network namespace: %s\n", strerror(errno));
        return false;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &q) < 0) {
        printf("SKIP: the loopback does not come up: %s\n", strerror(errno));
        return false;
    }
    close(fd);
    if (!make_marker()) {
        printf("SKIP: no socket that talks to itself: %s\n", strerror(errno));
        return false;
    }
    return true;
}
