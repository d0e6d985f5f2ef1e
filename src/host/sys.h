// Inside sockeye/sys.h: descriptors, and how calls wait. sys.c has the table, sys_open.c what makes and names
// connections, sys_send.c and sys_recv.c the bytes, sys_options.c options, ioctl and fcntl, sys_poll.c readiness.
//
// Inside, every function gives 0, a count, or -errno; sok_sys_result() is where errno is set. The handles never block:
// waiting is here (sok_sys_until), so that a descriptor's time-outs are its own for each direction.
#ifndef SOK_HOST_SYS_H
#define SOK_HOST_SYS_H

#include <errno.h>
#include <sockeye/sys.h>
#include "host/host.h"
#include "host/posix.h"

#define SOK_SYS_DATAGRAM_MAX 65600 // a frame of the loopback, at most

// A datagram that was taken from the handle.
struct sok_sys_datagram {
    uint8_t addr[SOK_POSIX_ADDR_MAX];
    uint32_t addr_len;
    size_t len;
    struct sok_calls_packet head; // what came along
    uint8_t data[];
};

struct sok_sys_file {
    struct sok_host *host;
    struct sok_socket *s;
    struct sok_posix posix;
    bool nonblock, cloexec;
    bool port_given;               // to bind()
    bool connect_told;             // connect() said how it ended
    bool read_over, write_over;    // shutdown()
    int64_t recv_limit_ns;         // a call waits so long; 0: no limit
    int64_t send_limit_ns;         //
    struct sok_packet_addr frames; // of a packet socket: what it is bound to
    int64_t error;                 // of datagrams: taken from the handle, and still to be told
    struct sok_sys_datagram *held; // looked at with MSG_PEEK, and still to be received
    bool more;                     // corked by MSG_MORE
    bool urgent_taken;             // with MSG_OOB; and
    uint64_t urgent_at;            // where in the stream it ended
};

struct sok_sys {
    struct sok_sys_file **files; // by descriptor - SOK_SYS_FIRST; NULL: free
    unsigned room, count;
    unsigned first_free;            // none is free below
    struct sok_sys_datagram *space; // SOK_SYS_DATAGRAM_MAX bytes of data: what is just received
};

void sok_sys_free(struct sok_host *host); // with its host
// NULL: EBADF.
struct sok_sys_file *sok_sys_file(struct sok_host *host, int fd);
// A descriptor for a handle, which is its own from now on; on failure it is closed. -errno: EMFILE, ENOMEM.
int sok_sys_add(
    struct sok_host *host, struct sok_socket *s, const struct sok_posix *posix, int flags);
struct sok_sys_datagram *sok_sys_space(struct sok_host *host); // NULL: ENOMEM

static inline int64_t sok_sys_result(int64_t r)
{
    if (r >= 0)
        return r;
    errno = (int)-r;
    return -1;
}

// 0 and above, or -errno, of what the calls on handles give.
static inline int64_t sok_sys_errno(int64_t r)
{
    return r < 0 ? -sok_errno((int)r) : r;
}

static inline bool sok_sys_is_stream(const struct sok_sys_file *f)
{
    return f->posix.type == SOCK_STREAM;
}

// Makes attempts while they give -EAGAIN: until time is over when `wait` is so, else as long as the host has something
// to take in that has arrived. limit_ns 0: none.
typedef int64_t (*sok_sys_try)(struct sok_sys_file *f, void *with);
int64_t sok_sys_until(
    struct sok_sys_file *f, sok_sys_try attempt, void *with, bool wait, int64_t limit_ns);
// Sleeps until something has happened. 0, -EAGAIN: end has come, or -EDEADLK.
int sok_sys_sleep(struct sok_host *host, int64_t end);
int64_t sok_sys_end(
    const struct sok_host *host, int64_t limit_ns); // limit_ns from now; <= 0: never
void sok_sys_take_in(struct sok_host *host);        // what has arrived

// Bytes in buffers; -EFAULT, -EINVAL, -EMSGSIZE: they are none.
int64_t sok_sys_total(const struct iovec *iov, size_t count);
// The buffer, or what is left of it, where byte `done` of all goes. Empty: there is none.
struct iovec sok_sys_piece(const struct iovec *iov, size_t count, size_t done);

// ---- sys_open.c ----
// Writes an address where a program wants it (both may be NULL). -EINVAL: its room is negative.
int sok_sys_give_addr(
    const uint8_t *from, uint32_t from_len, struct sockaddr *addr, socklen_t *len);
void sok_sys_unlinger(struct sok_sys_file *f); // SO_LINGER before close

// ---- sys_recv.c ----
// The next datagram, and it stays the next. NULL: none.
struct sok_sys_datagram *sok_sys_look(struct sok_sys_file *f);
static inline int64_t sok_sys_take_error(struct sok_sys_file *f)
{
    int64_t error = f->error;
    f->error = 0;
    return error;
}
// Of a stream: what can be read before the urgent byte, how far that is (0: there is none) and the place of its end.
struct sok_sys_stream {
    uint32_t queued, urgent;
    uint64_t urgent_at;
    bool ended; // the peer's end has come
    bool over;  // it, or that of the connection: no more will come
};
void sok_sys_stream(const struct sok_sys_file *f, struct sok_sys_stream *out);
// A reset after the peer's end is a broken pipe: what it had to say was said (as Linux).
int64_t sok_sys_stream_error(const struct sok_sys_file *f, int64_t r);

// ---- sys_poll.c ----
short sok_sys_events(struct sok_sys_file *f); // POLLIN, ... as it is now

#endif
