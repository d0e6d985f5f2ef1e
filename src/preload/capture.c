// Packet sockets of programs that capture (libpcap and its kin): filters, and the memory in which frames are told (PACKET_RX_RING).
//
// That memory is made here, by the program's side, and mapped by both. Something in it makes the pair readable by a packet of
// a head alone. Who is going to wait takes these out, and asks: the host says it again if there is still something to read.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "calls/descriptor.h"
#include "preload/preload.h"

#define RING_MOST ((uint64_t)256 << 20)

static _Atomic bool any_ring; // of this process: others need not look

static int ask_set(
    const struct entry *e, int level, int name, int c, const void *bytes, uint32_t len)
{
    struct call call = {.op = SOK_CALLS_SETOPT,
        .cookie = e->cookie,
        .a = level,
        .b = name,
        .c = c,
        .bytes = bytes,
        .len = len};
    int32_t r = sok_ask(&call);
    return r < 0 ? sok_fail(-r) : 0;
}

// ---- filters ----

static int attach(const struct entry *e, const void *value, socklen_t len)
{
    struct sock_fprog program;
    const int most = SOK_CALLS_BYTES_MAX / sizeof(*program.filter);
    if (len != sizeof(program))
        return sok_fail(EINVAL);
    memcpy(&program, value, sizeof(program));
    if (!program.filter || program.len == 0 || program.len > BPF_MAXINSNS)
        return sok_fail(EINVAL);
    if (!SOK_READS(program.filter, program.len * sizeof(*program.filter)))
        return sok_fail(EFAULT);
    for (int at = 0; at < program.len; at += most) {
        int n = program.len - at < most ? program.len - at : most;
        if (ask_set(e, SOK_CALLS_LEVEL, SOK_CALLS_LEVEL_FILTER, at, program.filter + at,
                (uint32_t)((size_t)n * sizeof(*program.filter))) < 0)
            return -1;
    }
    return ask_set(e, SOL_SOCKET, SO_ATTACH_FILTER, 0, NULL, 0);
}

// ---- rings ----

static bool send_memory(int fd, int memory)
{
    struct sok_calls_packet head = {.len = 0};
    union sok_one_descriptor control;
    struct iovec iov = {&head, sizeof(head)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_put(&control, &m, memory);
    return sok_k_sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(head);
}

static bool take(int fd, struct sok_calls_packet *head, int flags)
{
    return sok_k_recvfrom(fd, head, sizeof(*head), flags | MSG_DONTWAIT, NULL, NULL) ==
           (ssize_t)sizeof(*head); // 0: the host is gone
}

// What told of something in the ring, and what came before there was one. An error stays where poll() sees it.
static void empty_pair(int fd)
{
    struct sok_calls_packet head;
    while (take(fd, &head, MSG_PEEK) && !head.error)
        if (take(fd, &head, 0) && head.error) // another thread took the other
            sok_packet_keep_error(fd, (int)head.error);
}

static void set_ring(struct entry *e, const void *with)
{
    e->ring = *(const bool *)with;
}

static int make_ring(int fd, const struct entry *e, const void *value, socklen_t len)
{
    struct tpacket_req q = {0};
    memcpy(&q, value, len < sizeof(q) ? len : sizeof(q));
    uint64_t size = (uint64_t)q.tp_block_size * q.tp_block_nr;
    bool some = size > 0 && size <= RING_MOST;
    int memory = some && !e->ring ? sok_shared_make("sockeye-ring", size) : -1;
    bool sent = memory >= 0 && send_memory(fd, memory);
    if (memory >= 0)
        sok_reals()->close(memory);
    if (size > RING_MOST || (some && !e->ring && !sent))
        return sok_fail(ENOMEM);
    if (ask_set(e, SOL_PACKET, PACKET_RX_RING, 0, value, len) < 0)
        return -1;
    sok_table_change(fd, e->cookie, set_ring, &some);
    any_ring = any_ring || some;
    empty_pair(fd);
    return 0;
}

bool sok_capture_option(int fd, const struct entry *e, int level, int name, const void *value,
    socklen_t len, int *result)
{
    if (e->domain != AF_PACKET || !value)
        return false;
    if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
        *result = attach(e, value, len);
    else if (level == SOL_PACKET && name == PACKET_RX_RING && len <= SOK_CALLS_BYTES_MAX)
        *result = make_ring(fd, e, value, len);
    else
        return false;
    return true;
}

void sok_capture_ring_inherited(void)
{
    any_ring = true;
}

void sok_capture_settle(int fd)
{
    struct entry e;
    int saved = errno;
    if (!any_ring || sok_table_kind(fd) != KIND_DGRAM || !sok_table_get(fd, false, &e) || !e.ring)
        return;
    empty_pair(fd);
    ask_set(&e, SOK_CALLS_LEVEL, SOK_CALLS_LEVEL_RINGLOOK, 0, NULL, 0);
    errno = saved;
}

// ---- mmap ----

static void *map(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}

// As packet_mmap() of Linux: all of it.
static void *map_ring(
    const struct entry *e, void *at, size_t len, int protection, int flags, off_t offset)
{
    struct stat st;
    struct call c = {.op = SOK_CALLS_RING, .cookie = e->cookie, .take_fd = true, .cloexec = true};
    int32_t r = sok_ask(&c);
    if (r < 0 || c.fd < 0) {
        errno = r < 0 ? -r : EMFILE;
        return MAP_FAILED;
    }
    bool whole = offset == 0 && fstat(c.fd, &st) == 0 && (uint64_t)st.st_size == len;
    void *memory = whole ? map(at, len, protection, flags, c.fd, 0) : MAP_FAILED;
    int error = whole ? errno : EINVAL;
    sok_reals()->close(c.fd);
    errno = error;
    return memory;
}

SOK_EXPORT void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    struct entry e;
    if (fd < 0 || sok_table_kind(fd) != KIND_DGRAM || !sok_table_get(fd, false, &e) ||
        e.domain != AF_PACKET)
        return map(at, len, protection, flags, fd, offset);
    return map_ring(&e, at, len, protection, flags, offset);
}

SOK_EXPORT void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
    return mmap(at, len, protection, flags, fd, (off_t)offset);
}
