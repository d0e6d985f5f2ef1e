#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preload/preload.h"

static struct sok_reals found;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t mark; // in the upper half of a descriptor, where the kernel does not look

static void find(void)
{
    const char *text = getenv("SOCKEYE_MARK");
    mark = text ? strtoull(text, NULL, 16) << 32 : 0;
    // A function's address comes as an object's: POSIX says how (dlsym(3)).
#define SOK_X(type, name, args) *(void **)(void *)&found.name = dlsym(RTLD_NEXT, #name);
    REALS(SOK_X)
#undef SOK_X
}

const struct sok_reals *sok_reals(void)
{
    pthread_once(&once, find);
    return &found;
}

static long marked(int fd)
{
    sok_reals();
    return (long)(mark | (uint32_t)fd);
}

int sok_fail(int error)
{
    errno = error;
    return -1;
}

int sok_k_socket(int domain, int type, int protocol)
{
    sok_reals();
    return (int)syscall(SYS_socket, domain, type, protocol, (long)mark);
}

int sok_k_bind(int fd, const void *addr, socklen_t len)
{
    return (int)syscall(SYS_bind, marked(fd), addr, len);
}

int sok_k_connect(int fd, const void *addr, socklen_t len)
{
    return (int)syscall(SYS_connect, marked(fd), addr, len);
}

int sok_k_listen(int fd, int backlog)
{
    return (int)syscall(SYS_listen, marked(fd), backlog);
}

int sok_k_accept4(int fd, void *addr, socklen_t *len, int flags)
{
    return (int)syscall(SYS_accept4, marked(fd), addr, len, flags);
}

int sok_k_getsockname(int fd, void *addr, socklen_t *len)
{
    return (int)syscall(SYS_getsockname, marked(fd), addr, len);
}

int sok_k_getpeername(int fd, void *addr, socklen_t *len)
{
    return (int)syscall(SYS_getpeername, marked(fd), addr, len);
}

int sok_k_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return (int)syscall(SYS_setsockopt, marked(fd), level, name, value, len);
}

int sok_k_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return (int)syscall(SYS_getsockopt, marked(fd), level, name, value, len);
}

int sok_k_shutdown(int fd, int how)
{
    return (int)syscall(SYS_shutdown, marked(fd), how);
}

ssize_t sok_k_sendmsg(int fd, const struct msghdr *m, int flags)
{
    return syscall(SYS_sendmsg, marked(fd), m, flags);
}

ssize_t sok_k_recvmsg(int fd, struct msghdr *m, int flags)
{
    return syscall(SYS_recvmsg, marked(fd), m, flags);
}

ssize_t sok_k_sendto(
    int fd, const void *data, size_t len, int flags, const void *addr, socklen_t addr_len)
{
    return syscall(SYS_sendto, marked(fd), data, len, flags, addr, addr_len);
}

ssize_t sok_k_recvfrom(int fd, void *data, size_t len, int flags, void *addr, socklen_t *addr_len)
{
    return syscall(SYS_recvfrom, marked(fd), data, len, flags, addr, addr_len);
}

int sok_k_sendmmsg(int fd, void *messages, unsigned count, int flags)
{
    return (int)syscall(SYS_sendmmsg, marked(fd), messages, count, flags);
}

int sok_k_recvmmsg(int fd, void *messages, unsigned count, int flags, void *timeout)
{
    return (int)syscall(SYS_recvmmsg, marked(fd), messages, count, flags, timeout);
}
