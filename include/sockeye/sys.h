// The sockets of POSIX over a host (sockeye/host.h): each call has the shape, the names, the errors and the options
// that a C programmer knows from socket(2), tcp(7), udp(7), ip(7), ipv6(7), raw(7) and packet(7), with a host before them.
// -1 and errno. No signal is raised: where a kernel sends SIGPIPE, there is EPIPE alone.
//
//   int s = sok_sys_socket(host, AF_INET, SOCK_STREAM, 0);
//   sok_sys_connect(host, s, (struct sockaddr *)&to, sizeof(to));
//   sok_sys_send(host, s, "hello", 5, 0);
//
// Descriptors are numbers of the host's own, from 3 up, the lowest free one first; no call of the operating system takes
// them. They block, unless SOCK_NONBLOCK, O_NONBLOCK or MSG_DONTWAIT says otherwise; a call that waits steps the host,
// and goes on after a signal. What is sent leaves within the call. What has arrived is taken in by calls that wait, by
// sok_sys_poll(), by calls that would say EAGAIN otherwise, and by sok_host_step().
//
// On a host of virtual time a call that would wait for ever, since nothing can come any more, says EDEADLK.
#ifndef SOCKEYE_SYS_H
#define SOCKEYE_SYS_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <sockeye/api.h>
#include <sockeye/host.h>

SOK_DECLS_BEGIN

#define SOK_SYS_FILES_MAX 65536 // descriptors of one host; more: EMFILE
#define SOK_SYS_FIRST     3

struct sok_socket;
struct mmsghdr;

// AF_INET, AF_INET6: SOCK_STREAM, SOCK_DGRAM, SOCK_RAW; AF_PACKET: SOCK_RAW, SOCK_DGRAM. SOCK_NONBLOCK, SOCK_CLOEXEC
// (kept and told by F_GETFD; nothing hangs on it).
int sok_sys_socket(struct sok_host *host, int domain, int type, int protocol);
int sok_sys_close(struct sok_host *host, int fd);

int sok_sys_bind(struct sok_host *host, int fd, const struct sockaddr *addr, socklen_t len);
int sok_sys_connect(struct sok_host *host, int fd, const struct sockaddr *addr, socklen_t len);
int sok_sys_listen(struct sok_host *host, int fd, int backlog);
int sok_sys_accept(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len);
int sok_sys_accept4(
    struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len, int flags);
int sok_sys_getsockname(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len);
int sok_sys_getpeername(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len);
int sok_sys_shutdown(struct sok_host *host, int fd, int how);

// flags: MSG_DONTWAIT, MSG_NOSIGNAL, MSG_OOB, MSG_MORE (streams), MSG_EOR, MSG_CONFIRM.
ssize_t sok_sys_send(struct sok_host *host, int fd, const void *data, size_t len, int flags);
ssize_t sok_sys_sendto(struct sok_host *host, int fd, const void *data, size_t len, int flags,
    const struct sockaddr *addr, socklen_t addr_len);
ssize_t sok_sys_sendmsg(struct sok_host *host, int fd, const struct msghdr *message, int flags);
int sok_sys_sendmmsg(
    struct sok_host *host, int fd, struct mmsghdr *messages, unsigned count, int flags);
ssize_t sok_sys_write(struct sok_host *host, int fd, const void *data, size_t len);
ssize_t sok_sys_writev(struct sok_host *host, int fd, const struct iovec *iov, int count);

// flags: MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_OOB.
ssize_t sok_sys_recv(struct sok_host *host, int fd, void *data, size_t len, int flags);
ssize_t sok_sys_recvfrom(struct sok_host *host, int fd, void *data, size_t len, int flags,
    struct sockaddr *addr, socklen_t *addr_len);
ssize_t sok_sys_recvmsg(struct sok_host *host, int fd, struct msghdr *message, int flags);
// timeout is looked at between messages, as Linux does; MSG_WAITFORONE.
int sok_sys_recvmmsg(struct sok_host *host, int fd, struct mmsghdr *messages, unsigned count,
    int flags, struct timespec *timeout);
ssize_t sok_sys_read(struct sok_host *host, int fd, void *data, size_t len);
ssize_t sok_sys_readv(struct sok_host *host, int fd, const struct iovec *iov, int count);

int sok_sys_setsockopt(
    struct sok_host *host, int fd, int level, int name, const void *value, socklen_t len);
int sok_sys_getsockopt(
    struct sok_host *host, int fd, int level, int name, void *value, socklen_t *len);
// FIONREAD, FIONBIO, SIOCOUTQ, SIOCATMARK.
int sok_sys_ioctl(struct sok_host *host, int fd, unsigned long request, void *arg);
// F_GETFL, F_SETFL (O_NONBLOCK), F_GETFD, F_SETFD.
int sok_sys_fcntl(struct sok_host *host, int fd, int command, int arg);
// Descriptors of this host alone. For those of the operating system as well: sok_host_watch(), sok_host_fd().
int sok_sys_poll(struct sok_host *host, struct pollfd *fds, nfds_t count, int timeout_ms);

// The handle behind a descriptor, for what has no name in POSIX (sockeye/socket.h): sending and receiving without a
// copy, sok_getinfo(), sok_socket_notify(). It does not block and stays the descriptor's: do not close it. NULL: EBADF.
struct sok_socket *sok_sys_handle(struct sok_host *host, int fd);
// The handle, no more the descriptor's: that is closed, and the handle is the caller's; for sok_socket_fd(), say, which
// gives a descriptor of the operating system for any event loop. NULL: EBADF.
struct sok_socket *sok_sys_detach(struct sok_host *host, int fd);

SOK_DECLS_END

#endif
