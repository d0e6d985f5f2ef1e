#include "host/intake.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "calls/descriptor.h"
#include "calls/region.h"
#include "host/region.h"

#define MOVE_MAX   (256 << 10) // bytes in one piece
#define COPY_UNDER 8192        // fewer are copied into the connection's own buffers
#define SMALL_RUN  4           // small writes in a row: more are expected
#define PIECES_MAX 8           // looked at, and not taken out yet

// Bytes looked at, and not taken out yet. Each may have been a write of its own, for which the kernel takes about 768 bytes of
// the pair's buffer, and a program that waits for room, of which 208 KB (net.core.wmem_max) are sure to be there, is woken
// when three quarters are free.
#define LEFT_MAX 96

// Takes out what was passed on, but for the byte that stays. False: broken.
static bool settle(struct sok_intake *in, struct sok_host *host, int fd)
{
    while (in->passed > 1) {
        size_t len = in->passed - 1;
        len = len < SOK_HOST_SCRATCH ? len : SOK_HOST_SCRATCH;
        ssize_t n = recv(fd, host->scratch, len, MSG_DONTWAIT);
        if (n <= 0)
            return false;
        in->passed -= (uint32_t)n;
    }
    in->pieces = 0;
    return true;
}

// Reads behind the byte that stays from last time. *region_fd: the descriptor that came along, or -1; false:
// it was cut, or the pair is broken.
static bool read_pair(int fd, size_t lag, uint8_t *into, size_t len, ssize_t *got, int *region_fd)
{
    uint8_t old;
    struct iovec iov[2] = {{&old, lag}, {into, len}};
    union sok_one_descriptor control;
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    sok_one_descriptor_room(&control, &m);
    *region_fd = -1;
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < (ssize_t)lag)
        return false;
    *region_fd = sok_one_descriptor_get(&m);
    *got = n - (ssize_t)lag;
    return !(m.msg_flags & MSG_CTRUNC);
}

// Takes len bytes, which are there; when they are the last, the very last of them is left. False: broken.
static bool take_exactly(struct sok_intake *in, int fd, uint8_t *into, size_t len, bool last)
{
    size_t now = last ? len - 1 : len;
    if (now > 0 && recv(fd, into, now, MSG_DONTWAIT) != (ssize_t)now)
        return false;
    if (last && recv(fd, into + now, 1, MSG_DONTWAIT | MSG_PEEK) != 1)
        return false;
    in->passed = last;
    return true;
}

// A note ends what was read, or was cut there: the whole of it, then the block that it is about. Returns how
// many bytes before it are the program's.
static ssize_t take_note(struct sok_intake *in, struct sok_host *host, int fd, int region_fd,
    const uint8_t *data, size_t len, size_t behind)
{
    uint8_t note[SOK_REGION_NOTE];
    unsigned block;
    uint32_t size;
    size_t part = len > 0 ? sok_region_note_part(data[len - 1]) : 0;
    in->region = sok_region_get(host, in->region, region_fd);
    if (!in->region || part == 0 || part > len || SOK_REGION_NOTE - part > behind)
        return SOK_EIO;
    memcpy(note, data + len - part, part);
    size_t rest = SOK_REGION_NOTE - part;
    in->passed = 0;
    if (rest > 0 && !take_exactly(in, fd, note + part, rest, rest == behind))
        return SOK_EIO;
    if (!sok_region_note_get(note, &block, &size))
        return SOK_EIO;
    struct sok_buf *buf = sok_region_buf(in->region, block, size);
    if (!buf)
        return SOK_ENOMEM;
    in->lent = (struct sok_slice){buf, 0, size};
    return (ssize_t)(len - part);
}

// Up to len new bytes of the queued ones; how many, which may be 0 when a block was lent.
static ssize_t take(
    struct sok_intake *in, struct sok_host *host, int fd, uint8_t *into, size_t len, size_t queued)
{
    int region_fd = -1;
    ssize_t got = 0;
    size_t lag = in->passed;
    size_t now = lag + len == queued ? len - 1 : len; // the last of all is only looked at
    if (lag + now > 0 && !read_pair(fd, lag, into, now, &got, &region_fd)) {
        if (region_fd >= 0)
            close(region_fd);
        return SOK_EIO;
    }
    if (region_fd >= 0) {
        got = take_note(in, host, fd, region_fd, into, (size_t)got, queued - lag - (size_t)got);
        close(region_fd);
        return got;
    }
    if ((size_t)got != now)
        return SOK_EIO;
    in->passed = 0;
    if (now < len && !take_exactly(in, fd, into + now, 1, true))
        return SOK_EIO;
    return (ssize_t)len;
}

// ---- to the connection ----

static int64_t pass_lent(struct sok_intake *in, struct sok_tcp_conn *c, int64_t now)
{
    uint32_t room = sok_tcp_send_room(c);
    struct sok_slice piece = in->lent;
    piece.len = piece.len < room ? piece.len : room;
    int64_t sent = piece.len > 0 ? sok_tcp_send_slice(c, piece, now) : 0;
    if (sent <= 0)
        return sent;
    in->lent.off += (uint32_t)sent;
    in->lent.len -= (uint32_t)sent;
    if (in->lent.len == 0) {
        sok_buf_unref(in->lent.buf);
        in->lent.buf = NULL;
    }
    return sent;
}

// Room was asked for before: what is not accepted now had no memory, and a stream without it is broken.
static int64_t send_all(struct sok_tcp_conn *c, const uint8_t *data, size_t len, int64_t now)
{
    struct sok_iov iov = {data, len};
    int64_t sent = sok_tcp_send(c, &iov, 1, now);
    return sent >= 0 && (size_t)sent < len ? SOK_ENOMEM : sent;
}

static int64_t pass_copied(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, size_t len, size_t queued, int64_t now)
{
    ssize_t n = take(in, host, fd, host->scratch, len, queued);
    return n > 0 ? send_all(c, host->scratch, (size_t)n, now) : n;
}

static int64_t pass_kept(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, size_t len, size_t queued, int64_t now)
{
    struct sok_buf *buf = sok_buf_new(&host->mem, (uint32_t)len);
    if (!buf)
        return SOK_ENOMEM;
    ssize_t n = take(in, host, fd, buf->data, len, queued);
    struct sok_slice slice = {buf, 0, n > 0 ? (uint32_t)n : 0};
    int64_t r = n > 0 ? sok_tcp_send_slice(c, slice, now) : n;
    sok_buf_unref(buf);
    return r >= 0 && r < n ? SOK_ENOMEM : r;
}

// ---- small writes ----

// A program that answers small questions writes little at a time, and often. To ask how much is there, to take it
// and to look at its last byte would be three system calls for each; to look at it behind what was passed on
// (SO_PEEK_OFF of socket(7)) is one, which also says when nothing is left.
static void look_from_now(struct sok_intake *in, int fd)
{
    int at = (int)in->passed;
    in->small = 0;
    in->looks = setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)) == 0;
}

static bool look_no_more(struct sok_intake *in, struct sok_host *host, int fd)
{
    int off = -1;
    if (!in->looks)
        return true;
    in->looks = false;
    return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) == 0 && settle(in, host, fd);
}

// As sok_intake_move(). in->looks is false afterwards: it is much, or lent, and nothing was passed on.
static int64_t pass_looked(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, size_t room, int64_t now, bool *empty)
{
    size_t most = room < COPY_UNDER ? room : COPY_UNDER;
    struct iovec into = {host->scratch, most};
    struct msghdr m = {.msg_iov = &into, .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_PEEK);
    if (n <= 0) {
        in->reset |= n < 0 && errno == ECONNRESET;
        *empty = true;
        return 0;
    }
    if (n == COPY_UNDER || m.msg_flags & MSG_CTRUNC)
        return look_no_more(in, host, fd) ? 0 : SOK_EIO;
    *empty = (size_t)n < most;
    int64_t sent = send_all(c, host->scratch, (size_t)n, now);
    in->passed += (uint32_t)n;
    if (++in->pieces >= PIECES_MAX || in->passed > LEFT_MAX)
        return settle(in, host, fd) ? sent : SOK_EIO;
    return sent;
}

static int64_t pass_taken(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, size_t room, int64_t now, bool *empty)
{
    int queued = 0;
    if (ioctl(fd, FIONREAD, &queued) < 0)
        return SOK_EIO;
    size_t all = (size_t)queued > in->passed ? (size_t)queued - in->passed : 0;
    size_t len = all < room ? all : room;
    *empty = all == 0;
    len = len < MOVE_MAX ? len : MOVE_MAX;
    if (len == 0)
        return 0;
    int64_t r = len < COPY_UNDER ? pass_copied(in, host, fd, c, len, (size_t)queued, now)
                                 : pass_kept(in, host, fd, c, len, (size_t)queued, now);
    *empty = r == (int64_t)all;
    in->small = *empty && len < COPY_UNDER ? in->small + 1 : 0;
    return r;
}

int64_t sok_intake_move(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, int64_t now, bool *empty)
{
    *empty = false;
    if (in->lent.len > 0)
        return pass_lent(in, c, now);
    size_t room = sok_tcp_send_room(c);
    int64_t r = 0;
    if (in->looks && room > 0)
        r = pass_looked(in, host, fd, c, room, now, empty);
    if (r != 0 || *empty || (in->looks && room > 0))
        return r;
    r = pass_taken(in, host, fd, c, room, now, empty);
    if (in->small >= SMALL_RUN)
        look_from_now(in, fd);
    if (r < 0 || in->lent.len == 0)
        return r;
    int64_t more = pass_lent(in, c, now);
    return more < 0 ? more : r + more;
}

void sok_intake_end(struct sok_intake *in, struct sok_host *host, int fd)
{
    int queued = 0;
    sok_buf_unref(in->lent.buf);
    in->lent = (struct sok_slice){0};
    // What lies there is looked at only when there may be notes in it.
    bool notes = in->region && look_no_more(in, host, fd);
    while (notes && ioctl(fd, FIONREAD, &queued) == 0 && (size_t)queued > in->passed) {
        size_t len = (size_t)queued - in->passed;
        len = len < SOK_HOST_SCRATCH ? len : SOK_HOST_SCRATCH;
        if (take(in, host, fd, host->scratch, len, (size_t)queued) < 0)
            break;
        sok_buf_unref(in->lent.buf);
        in->lent = (struct sok_slice){0};
    }
    sok_region_unref(in->region);
    in->region = NULL;
}
