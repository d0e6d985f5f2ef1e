// Moving bytes through sockets. The waiting of blocking sockets is in one place, sok_socket_again().
#include "host/host.h"

_Static_assert(sizeof(struct iovec) == sizeof(struct sok_iov), "the same shape");

// *r is changed when waiting failed.
bool sok_socket_again(struct sok_socket *s, unsigned want, int64_t *r)
{
    if (*r >= 0)
        s->host->dirty = true; // there may be something to send now: data, a window update
    if (*r != SOK_EAGAIN || !s->blocking)
        return false;
    int w = sok_wait(s, want, s->timeout_ns > 0 ? s->timeout_ns : -1);
    if (w < 0 && w != SOK_ETIMEDOUT)
        *r = w;
    return w >= 0;
}

int64_t sok_sendv(struct sok_socket *s, const struct iovec *iov, int count)
{
    sok_host_mine(s->host);
    if (count < 0)
        return SOK_EINVAL;
    const struct sok_iov *v = (const struct sok_iov *)iov;
    if (s->type == SOK_RAW || s->type == SOK_PACKET)
        return sok_socket_raw_send(s, v, (unsigned)count, NULL);
    if (s->type == SOK_DGRAM && s->sock)
        s->host->dirty = true;
    if (s->type == SOK_DGRAM)
        return s->dialled ? sok_udp_sendto((struct sok_udp *)s->sock, v, (unsigned)count, NULL,
                                sok_host_now(s->host))
                          : SOK_ENOTCONN;
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (!c)
        return s->type == SOK_STREAM ? SOK_ENOTCONN : SOK_EOPNOTSUPP;
    int64_t r;
    do
        r = sok_tcp_send(c, v, (unsigned)count, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_OUT, &r));
    return r;
}

// A blocking send of a stream takes everything, as a program expects.
int64_t sok_send(struct sok_socket *s, const void *data, size_t len)
{
    size_t sent = 0;
    do {
        struct sok_iov iov = {len ? (const uint8_t *)data + sent : data, len - sent};
        int64_t r = sok_sendv(s, (const struct iovec *)&iov, 1);
        if (r < 0)
            return sent > 0 ? (int64_t)sent : r;
        sent += (size_t)r;
    } while (s->blocking && s->type == SOK_STREAM && sent < len);
    return (int64_t)sent;
}

int64_t sok_send_urgent(struct sok_socket *s, const void *data, size_t len)
{
    sok_host_mine(s->host);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    size_t sent = 0;
    if (!c)
        return s->type == SOK_STREAM ? SOK_ENOTCONN : SOK_EOPNOTSUPP;
    do {
        struct sok_iov iov = {len ? (const uint8_t *)data + sent : data, len - sent};
        int64_t r;
        do
            r = sok_tcp_send_urgent(c, &iov, 1, sok_host_now(s->host));
        while (sok_socket_again(s, SOK_POLL_OUT, &r));
        if (r < 0)
            return sent > 0 ? (int64_t)sent : r;
        sent += (size_t)r;
    } while (s->blocking && sent < len);
    return (int64_t)sent;
}

int64_t sok_recv(struct sok_socket *s, void *data, size_t len)
{
    sok_host_mine(s->host);
    if (s->type == SOK_DGRAM || s->type == SOK_RAW || s->type == SOK_PACKET)
        return sok_recvfrom(s, data, len, NULL);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (!c)
        return s->type == SOK_STREAM ? SOK_ENOTCONN : SOK_EOPNOTSUPP;
    int64_t r;
    do
        r = sok_tcp_recv(c, data, len, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_IN, &r));
    return r;
}

int64_t sok_sendto(
    struct sok_socket *s, const void *data, size_t len, const struct sok_endpoint *to)
{
    sok_host_mine(s->host);
    struct sok_iov iov = {data, len};
    if (s->type == SOK_RAW)
        return sok_socket_raw_send(s, &iov, 1, to);
    if (s->type != SOK_DGRAM || !to)
        return sok_send(s, data, len);
    int err = sok_socket_open_dgram(s);
    if (err < 0)
        return err;
    s->host->dirty = true;
    return sok_udp_sendto((struct sok_udp *)s->sock, &iov, 1, to, sok_host_now(s->host));
}

int64_t sok_recvfrom_info(struct sok_socket *s, void *data, size_t len, struct sok_endpoint *from,
    struct sok_dgram_info *info)
{
    struct sok_udp_heard heard;
    int64_t r;
    if (s->type != SOK_DGRAM || !s->sock) {
        r = sok_recvfrom(s, data, len, from);
        *info = (struct sok_dgram_info){
            .link = -1, .ttl = -1, .tos = -1, .stamp = s->stamp, .len = r > 0 ? (size_t)r : 0};
        return r;
    }
    do
        r = sok_udp_recv_heard(
            (struct sok_udp *)s->sock, data, len, from, &heard, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_IN, &r));
    if (r >= 0)
        *info = (struct sok_dgram_info){
            .to = heard.to,
            .link = heard.link,
            .ttl = heard.ttl,
            .tos = heard.tos,
            .stamp = heard.at,
            .len = heard.len,
        };
    return r;
}

int64_t sok_sendto_info(struct sok_socket *s, const void *data, size_t len,
    const struct sok_endpoint *to, const struct sok_dgram_info *info)
{
    struct sok_udp_how how = {
        .from = info->to, .link = info->link, .ttl = info->ttl, .tos = info->tos};
    struct sok_iov iov = {data, len};
    bool plain = info->link < 0 && info->ttl < 0 && info->tos < 0 && sok_addr_is_any(info->to.addr);
    if (s->type != SOK_DGRAM && !plain)
        return SOK_EOPNOTSUPP;
    if (s->type != SOK_DGRAM)
        return to ? sok_sendto(s, data, len, to) : sok_send(s, data, len);
    if (info->ttl > UINT8_MAX || info->ttl == 0 || info->tos > UINT8_MAX)
        return SOK_EINVAL;
    int err = to ? sok_socket_open_dgram(s) : s->dialled ? 0 : SOK_ENOTCONN;
    if (err < 0)
        return err;
    s->host->dirty = true;
    return sok_udp_send_how((struct sok_udp *)s->sock, &iov, 1, to, &how, sok_host_now(s->host));
}

int64_t sok_recv_news(struct sok_socket *s, void *data, size_t len, struct sok_dgram_news *news)
{
    sok_host_mine(s->host);
    struct sok_dgram_error e;
    int64_t now = sok_host_now(s->host), n = SOK_EAGAIN;
    if (s->type != SOK_DGRAM && s->type != SOK_RAW)
        return SOK_EOPNOTSUPP;
    if (s->sock && s->type == SOK_RAW)
        n = sok_raw_recv_error((struct sok_raw *)s->sock, data, len, &e, now);
    else if (s->sock)
        n = sok_udp_recv_error((struct sok_udp *)s->sock, data, len, &e, now);
    if (n >= 0)
        *news = (struct sok_dgram_news){
            .err = e.err,
            .to = e.to,
            .from = e.from,
            .type = e.type,
            .code = e.code,
            .mtu = e.mtu,
            .len = e.len,
            .local = e.local,
        };
    return n;
}

int sok_sendto_check(struct sok_socket *s, const struct sok_endpoint *to)
{
    if (s->type != SOK_DGRAM)
        return 0;
    int err = sok_socket_open_dgram(s);
    return err < 0 ? err : sok_udp_way((const struct sok_udp *)s->sock, to);
}

int sok_socket_fits(struct sok_socket *s, const struct sok_endpoint *to, size_t len)
{
    if (s->type != SOK_DGRAM)
        return 0;
    int err = sok_socket_open_dgram(s);
    return err < 0 ? err : sok_udp_fits((struct sok_udp *)s->sock, to, len);
}

int64_t sok_recvfrom(struct sok_socket *s, void *data, size_t len, struct sok_endpoint *from)
{
    sok_host_mine(s->host);
    if (s->type == SOK_STREAM) {
        if (from)
            sok_getpeername(s, from);
        return sok_recv(s, data, len);
    }
    if (s->type == SOK_RAW || s->type == SOK_PACKET)
        return sok_socket_raw_recv(s, data, len, from);
    if (s->type != SOK_DGRAM)
        return SOK_EOPNOTSUPP;
    if (!s->sock)
        return SOK_EINVAL; // nobody can send to it
    struct sok_endpoint ignored;
    int64_t r;
    do
        r = sok_udp_recvfrom(
            (struct sok_udp *)s->sock, data, len, from ? from : &ignored, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_IN, &r));
    return r;
}

int sok_shutdown(struct sok_socket *s)
{
    sok_host_mine(s->host);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (!c)
        return s->type == SOK_STREAM ? SOK_ENOTCONN : SOK_EOPNOTSUPP;
    s->host->dirty = true;
    return sok_tcp_shutdown(c, sok_host_now(s->host));
}

int64_t sok_peek(struct sok_socket *s, struct iovec *iov, int *count)
{
    sok_host_mine(s->host);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (!c)
        return SOK_ENOTCONN;
    if (*count <= 0)
        return SOK_EINVAL;
    int64_t r;
    unsigned n;
    do {
        n = (unsigned)*count;
        r = sok_tcp_peek(c, (struct sok_iov *)iov, &n);
        if (r == 0 && !(s->sock->ready & SOK_READY_IN))
            r = SOK_EAGAIN;
    } while (sok_socket_again(s, SOK_POLL_IN, &r));
    *count = r > 0 ? (int)n : 0;
    return r;
}

int sok_consume(struct sok_socket *s, size_t len)
{
    sok_host_mine(s->host);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (!c)
        return SOK_ENOTCONN;
    s->host->dirty = true;
    sok_tcp_consume(c, len, sok_host_now(s->host));
    return 0;
}

void *sok_reserve(struct sok_socket *s, size_t *len, int *err)
{
    sok_host_mine(s->host);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    *err = c && !s->reserved ? 0 : SOK_EINVAL;
    if (*err)
        return NULL;
    size_t room = sok_tcp_send_room(c);
    if (*len > room)
        *len = room;
    if (*len == 0) {
        *err = SOK_EAGAIN;
        return NULL;
    }
    s->reserved = sok_buf_new(&s->host->mem, (uint32_t)*len);
    if (!s->reserved)
        *err = SOK_ENOMEM;
    return s->reserved ? s->reserved->data : NULL;
}

int64_t sok_commit(struct sok_socket *s, size_t len)
{
    sok_host_mine(s->host);
    struct sok_buf *buf = s->reserved;
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (!buf || !c || len > buf->cap)
        return SOK_EINVAL;
    s->reserved = NULL;
    int64_t r = 0;
    if (len > 0 && len < buf->cap / 4) {
        // Little in much memory: a copy holds less.
        struct sok_iov iov = {buf->data, len};
        r = sok_tcp_send(c, &iov, 1, sok_host_now(s->host));
    } else if (len > 0) {
        struct sok_slice slice = {buf, 0, (uint32_t)len};
        r = sok_tcp_send_slice(c, slice, sok_host_now(s->host));
    }
    sok_buf_unref(buf);
    s->host->dirty = true;
    return r;
}

int sok_ping_send(struct sok_socket *s, const struct sok_addr *to, uint16_t seq, const void *data,
    size_t len, uint8_t ttl)
{
    struct sok_endpoint there = {.addr = *to};
    return sok_ping_sendto(s, &there, seq, data, len, ttl);
}

int sok_ping_sendto(struct sok_socket *s, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl)
{
    sok_host_mine(s->host);
    if (s->type != SOK_ECHO)
        return SOK_EOPNOTSUPP;
    s->host->dirty = true;
    return sok_echo_sendto(
        (struct sok_echo *)s->sock, to, seq, data, len, ttl, sok_host_now(s->host));
}

int sok_ping_recv(struct sok_socket *s, struct sok_ping_reply *out)
{
    sok_host_mine(s->host);
    if (s->type != SOK_ECHO)
        return SOK_EOPNOTSUPP;
    struct sok_echo_reply reply;
    int64_t r;
    do
        r = sok_echo_recv((struct sok_echo *)s->sock, &reply, sok_host_now(s->host));
    while (sok_socket_again(s, SOK_POLL_IN, &r));
    if (r < 0)
        return (int)r;
    *out = (struct sok_ping_reply){
        .from = reply.from,
        .err = reply.err,
        .seq = reply.seq,
        .ttl = reply.ttl,
        .icmp_type = reply.icmp_type,
        .icmp_code = reply.icmp_code,
        .rtt_ns = reply.rtt,
        .len = reply.len,
    };
    return 0;
}
