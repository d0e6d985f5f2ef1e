// Datagrams of UDP, raw and packet sockets: every packet in the pair has its address in front (struct sok_calls_packet).
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "preload/preload.h"

#define IOV_MAX_HERE 1024

static size_t total(const struct msghdr *m)
{
    size_t len = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        len += m->msg_iov[i].iov_len;
    return len;
}

// The caller's buffers with the head in front. NULL: errno.
static struct iovec *with_head(const struct msghdr *m, struct sok_calls_packet *head)
{
    if (m->msg_iovlen > IOV_MAX_HERE) {
        errno = EMSGSIZE;
        return NULL;
    }
    struct iovec *iov = malloc((m->msg_iovlen + 1) * sizeof(*iov));
    if (!iov) {
        errno = ENOMEM;
        return NULL;
    }
    iov[0] = (struct iovec){head, sizeof(*head)};
    if (m->msg_iovlen > 0)
        memcpy(iov + 1, m->msg_iov, m->msg_iovlen * sizeof(*iov));
    return iov;
}

static void set_error(struct entry *e, const void *with)
{
    e->error = *(const uint32_t *)with;
}

void sok_packet_keep_error(int fd, int error)
{
    struct entry e;
    uint32_t kept = (uint32_t)error;
    if (sok_table_get(fd, false, &e) && e.kind == KIND_DGRAM)
        sok_table_change(fd, e.cookie, set_error, &kept);
}

// An error that came for this socket: told once, by whatever call is next.
static bool take_error(int fd, const struct entry *e)
{
    uint32_t none = 0;
    if (!e->error)
        return false;
    sok_table_change(fd, e->cookie, set_error, &none);
    errno = (int)e->error;
    return true;
}

// Errors that wait in front of everything else in the pair.
static bool error_waits(int fd)
{
    struct sok_calls_packet head;
    ssize_t n = sok_k_recvfrom(fd, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
    if (n != (ssize_t)sizeof(head) || !head.error)
        return false;
    sok_k_recvfrom(fd, &head, sizeof(head), MSG_DONTWAIT, NULL, NULL);
    errno = (int)head.error;
    return true;
}

int sok_packet_error(int fd, const struct entry *e)
{
    return take_error(fd, e) || error_waits(fd) ? errno : 0;
}

bool sok_packet_error_waits(int fd, const struct entry *e)
{
    struct sok_calls_packet head;
    ssize_t n =
        e->error ? 0 : sok_k_recvfrom(fd, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
    return e->error || (n == (ssize_t)sizeof(head) && head.error);
}

// What sendto() refuses at once; an errno, 0: nothing.
static int bad_address(const struct entry *e, const void *name, socklen_t len)
{
    struct sockaddr_in in;
    if (len < sizeof(in))
        return EINVAL;
    memcpy(&in, name, sizeof(in));
    if (e->domain == AF_INET && in.sin_family != AF_INET && in.sin_family != AF_UNSPEC)
        return EAFNOSUPPORT;
    if (e->domain == AF_INET6 && in.sin_family != AF_INET6 && in.sin_family != AF_INET)
        return EAFNOSUPPORT;
    return e->domain != AF_PACKET && e->type == SOCK_DGRAM && in.sin_port == 0 ? EINVAL : 0;
}

static void set_way(struct entry *e, const void *with)
{
    memcpy(e->way, with, sizeof(e->way));
}

// A datagram is on its way before the host has seen it: whether there is a way is asked before, once for each
// address. An errno; 0: there is.
static int no_way(int fd, const struct entry *e, const struct sok_calls_packet *head)
{
    uint8_t way[SOK_CALLS_ADDR_MAX] = {0};
    if (e->type != SOCK_DGRAM || e->domain == AF_PACKET)
        return 0;
    memcpy(way, head->addr, head->len);
    memset(way + offsetof(struct sockaddr_in, sin_port), 0, sizeof(in_port_t)); // of both families
    if (memcmp(way, e->way, sizeof(way)) == 0)
        return 0;
    struct call c = {.op = SOK_CALLS_SETOPT,
        .cookie = e->cookie,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_WAY,
        .bytes = head->addr,
        .len = head->len};
    int32_t r = sok_ask(&c);
    if (r == 0)
        sok_table_change(fd, e->cookie, set_way, way);
    return r < 0 ? -r : 0;
}

#define SURE_TO_FIT  508 // bytes: with headers what every host takes (RFC 791)
#define DATAGRAM_MAX 65507

// A datagram that may not be cut, and would have to be, or that no packet holds: EMSGSIZE, which the host then tells in the
// queue of errors, too; 0: it may go.
static int too_large(const struct entry *e, const struct sok_calls_packet *head, size_t len)
{
    bool looks = e->uncut ? len > SURE_TO_FIT : len > DATAGRAM_MAX;
    if (e->type != SOCK_DGRAM || e->domain == AF_PACKET || !looks)
        return 0;
    struct call c = {.op = SOK_CALLS_SETOPT,
        .cookie = e->cookie,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_WAY,
        .c = len < INT32_MAX ? (int32_t)len : INT32_MAX,
        .bytes = head->addr,
        .len = head->len};
    return sok_ask(&c) == -EMSGSIZE || len > DATAGRAM_MAX ? EMSGSIZE : 0;
}

// Nothing can be sent any more: this end was shut down, unless the host is gone.
static int why_broken(const struct entry *e)
{
    struct sok_calls_socket s;
    struct call c = {
        .op = SOK_CALLS_LOOK, .cookie = e->cookie, .reply = &s, .reply_max = sizeof(s)};
    return sok_ask(&c) == -ENETDOWN ? ENETDOWN : EPIPE;
}

ssize_t sok_packet_send(int fd, const struct entry *e, const struct msghdr *m, int flags)
{
    struct sok_calls_packet head = {.error = 0};
    size_t len = total(m);
    bool named = m->msg_name && m->msg_namelen > 0;
    if (flags & MSG_OOB)
        return sok_fail(EOPNOTSUPP);
    if (take_error(fd, e) || (e->connected && error_waits(fd)))
        return -1;
    if (!named && e->domain == AF_PACKET ? !e->bound : !named && !e->connected)
        return sok_fail(e->domain == AF_PACKET ? ENXIO : EDESTADDRREQ);
    int wrong = named ? bad_address(e, m->msg_name, m->msg_namelen) : 0;
    if (!wrong && e->domain != AF_PACKET)
        wrong = sok_control_in(m, &head);
    if (wrong)
        return sok_fail(wrong);
    if (len > 65549 && (e->type != SOCK_DGRAM || e->domain == AF_PACKET))
        return sok_fail(EMSGSIZE);
    if (named) {
        head.len = m->msg_namelen < SOK_CALLS_ADDR_MAX ? m->msg_namelen : SOK_CALLS_ADDR_MAX;
        memcpy(head.addr, m->msg_name, head.len);
        wrong = no_way(fd, e, &head);
        if (wrong)
            return sok_fail(wrong);
    }
    wrong = too_large(e, &head, len);
    if (wrong)
        return sok_fail(wrong);
    struct iovec *iov = with_head(m, &head);
    if (!iov)
        return -1;
    struct msghdr out = {.msg_iov = iov, .msg_iovlen = m->msg_iovlen + 1};
    ssize_t n = sok_k_sendmsg(fd, &out, (flags & ~(MSG_CONFIRM | MSG_MORE)) | MSG_NOSIGNAL);
    int error = errno;
    free(iov);
    if (n < 0)
        return sok_fail(error == EPIPE || error == ECONNRESET ? why_broken(e) : error);
    return n - (ssize_t)sizeof(head);
}

// What the queue of errors has (MSG_ERRQUEUE). As with a kernel's socket, the news that is told so is not told by the next
// call once more.
static ssize_t receive_news(int fd, const struct entry *e, struct msghdr *m)
{
    struct {
        struct sok_calls_news head;
        uint8_t data[SOK_CALLS_BYTES_MAX - sizeof(struct sok_calls_news)];
    } news;
    struct call c = {.op = SOK_CALLS_GETOPT,
        .cookie = e->cookie,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_NEWS,
        .c = sizeof(news),
        .reply = &news,
        .reply_max = sizeof(news)};
    int32_t r = sok_ask(&c);
    if (r < (int32_t)sizeof(news.head))
        return sok_fail(r < 0 ? -r : EAGAIN);
    sok_packet_error(fd, e);
    size_t len = (size_t)r - sizeof(news.head), done = 0;
    for (size_t i = 0; i < m->msg_iovlen && done < len; i++) {
        size_t n = m->msg_iov[i].iov_len < len - done ? m->msg_iov[i].iov_len : len - done;
        memcpy(m->msg_iov[i].iov_base, news.data + done, n);
        done += n;
    }
    sok_control_news(m, &news.head);
    m->msg_flags |= news.head.len > done ? MSG_TRUNC : 0;
    return (ssize_t)done;
}

// It tells of a ring (capture.c) and is nothing to be read.
static bool is_told(int fd, const struct entry *e, const struct sok_calls_packet *head, int flags)
{
    if (e->domain != AF_PACKET || head->error || head->len > 0)
        return false;
    if (flags & MSG_PEEK)
        sok_k_recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    return true;
}

ssize_t sok_packet_recv(int fd, const struct entry *e, struct msghdr *m, int flags)
{
    struct sok_calls_packet head;
    size_t room = total(m);
    if (flags & MSG_ERRQUEUE)
        return receive_news(fd, e, m);
    if (take_error(fd, e))
        return -1;
    struct iovec *iov = with_head(m, &head);
    if (!iov)
        return -1;
    struct msghdr in = {.msg_iov = iov, .msg_iovlen = m->msg_iovlen + 1};
    ssize_t n = sok_k_recvmsg(fd, &in, flags | MSG_TRUNC);
    int error = errno;
    free(iov);
    if (n < 0)
        return sok_fail(error == ECONNRESET ? ENETDOWN : error);
    if (n < (ssize_t)sizeof(head))
        return n == 0 ? 0 : sok_fail(ENETDOWN); // shut down for reading; or the host is gone
    if (is_told(fd, e, &head, flags))
        return sok_packet_recv(fd, e, m, flags);
    if (head.error) {
        if (flags & MSG_PEEK)
            sok_k_recvfrom(fd, &head, sizeof(head), MSG_DONTWAIT, NULL, NULL);
        return sok_fail((int)head.error);
    }
    size_t len = (size_t)n - sizeof(head);
    m->msg_flags = in.msg_flags & ~MSG_TRUNC;
    sok_control_out(m, &head);
    if (len > room)
        m->msg_flags |= MSG_TRUNC;
    if (m->msg_name)
        memcpy(m->msg_name, head.addr, m->msg_namelen < head.len ? m->msg_namelen : head.len);
    m->msg_namelen = m->msg_name ? head.len : 0;
    return (ssize_t)(len > room && !(flags & MSG_TRUNC) ? room : len);
}
