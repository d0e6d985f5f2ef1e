// A Sockeye host of virtual time without a link: what it sends to itself comes back over its loopback.
#include <stdio.h>
#include <sockeye/sys.h>
#include "calls.h"

static struct sok_host *host;

static int own_socket(int domain, int type, int protocol)
{
    return sok_sys_socket(host, domain, type, protocol);
}
static int own_close(int fd)
{
    return sok_sys_close(host, fd);
}
static int own_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return sok_sys_bind(host, fd, addr, len);
}
static int own_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return sok_sys_connect(host, fd, addr, len);
}
static int own_listen(int fd, int backlog)
{
    return sok_sys_listen(host, fd, backlog);
}
static int own_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return sok_sys_accept(host, fd, addr, len);
}
static int own_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return sok_sys_accept4(host, fd, addr, len, flags);
}
static int own_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return sok_sys_getsockname(host, fd, addr, len);
}
static int own_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return sok_sys_getpeername(host, fd, addr, len);
}
static int own_shutdown(int fd, int how)
{
    return sok_sys_shutdown(host, fd, how);
}
static ssize_t own_send(int fd, const void *data, size_t len, int flags)
{
    return sok_sys_send(host, fd, data, len, flags);
}
static ssize_t own_sendto(int fd, const void *data, size_t len, int flags,
    const struct sockaddr *addr, socklen_t addr_len)
{
    return sok_sys_sendto(host, fd, data, len, flags, addr, addr_len);
}
static ssize_t own_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return sok_sys_sendmsg(host, fd, message, flags);
}
static int own_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    return sok_sys_sendmmsg(host, fd, messages, count, flags);
}
static ssize_t own_write(int fd, const void *data, size_t len)
{
    return sok_sys_write(host, fd, data, len);
}
static ssize_t own_writev(int fd, const struct iovec *iov, int count)
{
    return sok_sys_writev(host, fd, iov, count);
}
static ssize_t own_recv(int fd, void *data, size_t len, int flags)
{
    return sok_sys_recv(host, fd, data, len, flags);
}
static ssize_t own_recvfrom(
    int fd, void *data, size_t len, int flags, struct sockaddr *addr, socklen_t *addr_len)
{
    return sok_sys_recvfrom(host, fd, data, len, flags, addr, addr_len);
}
static ssize_t own_recvmsg(int fd, struct msghdr *message, int flags)
{
    return sok_sys_recvmsg(host, fd, message, flags);
}
static int own_recvmmsg(
    int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    return sok_sys_recvmmsg(host, fd, messages, count, flags, timeout);
}
static ssize_t own_read(int fd, void *data, size_t len)
{
    return sok_sys_read(host, fd, data, len);
}
static ssize_t own_readv(int fd, const struct iovec *iov, int count)
{
    return sok_sys_readv(host, fd, iov, count);
}
static int own_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return sok_sys_setsockopt(host, fd, level, name, value, len);
}
static int own_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return sok_sys_getsockopt(host, fd, level, name, value, len);
}
static int own_ioctl(int fd, unsigned long request, void *arg)
{
    return sok_sys_ioctl(host, fd, request, arg);
}
static int own_fcntl(int fd, int command, int arg)
{
    return sok_sys_fcntl(host, fd, command, arg);
}
static int own_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return sok_sys_poll(host, fds, count, timeout_ms);
}

// As long as the kernel gets.
static void own_settle(void)
{
    int64_t end = sok_host_now(host) + 5000000, now;
    while ((now = sok_host_now(host)) < end)
        sok_host_step(host, end - now);
}

static int64_t own_now_ms(void)
{
    return sok_host_now(host) / 1000000;
}

const struct calls sockeye_calls = {
    .socket = own_socket,
    .close = own_close,
    .bind = own_bind,
    .connect = own_connect,
    .listen = own_listen,
    .accept = own_accept,
    .accept4 = own_accept4,
    .getsockname = own_getsockname,
    .getpeername = own_getpeername,
    .shutdown = own_shutdown,
    .send = own_send,
    .sendto = own_sendto,
    .sendmsg = own_sendmsg,
    .sendmmsg = own_sendmmsg,
    .write = own_write,
    .writev = own_writev,
    .recv = own_recv,
    .recvfrom = own_recvfrom,
    .recvmsg = own_recvmsg,
    .recvmmsg = own_recvmmsg,
    .read = own_read,
    .readv = own_readv,
    .setsockopt = own_setsockopt,
    .getsockopt = own_getsockopt,
    .ioctl = own_ioctl,
    .fcntl = own_fcntl,
    .poll = own_poll,
    .settle = own_settle,
    .now_ms = own_now_ms,
};

bool sockeye_begin(bool v6)
{
    struct sok_host_config config;
    char err[SOK_HOST_ERR_MAX] = "";
    (void)v6;
    sok_host_config_default(&config);
    config.virtual_time = true;
    config.start_ns = 1000000000;
    config.has_seed = true;
    config.seed = 1;
    if (sok_host_new(&config, &host, err) == 0)
        return true;
    printf("no host: %s\n", err);
    return false;
}

void sockeye_end(void)
{
    sok_host_free(host);
}
