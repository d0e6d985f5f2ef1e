// The calls that the checks make: a thin table, filled once with the kernel's sockets and once with those of a Sockeye
// host. A check must not know which.
#ifndef API_CALLS_H
#define API_CALLS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

struct calls {
    int (*socket)(int domain, int type, int protocol);
    int (*close)(int fd);
    int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(int fd, int backlog);
    int (*accept)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*accept4)(int fd, struct sockaddr *addr, socklen_t *len, int flags);
    int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*getpeername)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*shutdown)(int fd, int how);
    ssize_t (*send)(int fd, const void *data, size_t len, int flags);
    ssize_t (*sendto)(int fd, const void *data, size_t len, int flags, const struct sockaddr *addr,
        socklen_t addr_len);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    int (*sendmmsg)(int fd, struct mmsghdr *messages, unsigned count, int flags);
    ssize_t (*write)(int fd, const void *data, size_t len);
    ssize_t (*writev)(int fd, const struct iovec *iov, int count);
    ssize_t (*recv)(int fd, void *data, size_t len, int flags);
    ssize_t (*recvfrom)(
        int fd, void *data, size_t len, int flags, struct sockaddr *addr, socklen_t *addr_len);
    ssize_t (*recvmsg)(int fd, struct msghdr *message, int flags);
    int (*recvmmsg)(
        int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
    ssize_t (*read)(int fd, void *data, size_t len);
    ssize_t (*readv)(int fd, const struct iovec *iov, int count);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
    int (*ioctl)(int fd, unsigned long request, void *arg);
    int (*fcntl)(int fd, int command, int arg);
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    void (*settle)(void);    // what is on its way arrives
    int64_t (*now_ms)(void); // of the clock that time-outs go by
};

extern const struct calls kernel_calls, sockeye_calls;
// Before the first call, after the last. False: there is none here, and why was said.
bool kernel_begin(void);
bool sockeye_begin(bool v6);
void sockeye_end(void);

#endif
