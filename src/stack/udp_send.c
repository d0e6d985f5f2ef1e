// Datagrams out: their way, their header and checksum (RFC 768, RFC 1122 section 4.1, RFC 8200 section 8.1).
#include "stack/udp.h"

#include "wire/csum.h"
#include "wire/udp.h"

static void build(uint8_t *p, const struct sok_iov *iov, unsigned count, uint16_t len,
    const struct sok_endpoint *from, const struct sok_endpoint *to)
{
    struct sok_udp_hdr h = {.sport = from->port, .dport = to->port, .len = len};
    sok_udp_hdr_put(p, &h);
    sok_iov_copy(p + SOK_UDP_HDR_LEN, iov, count);
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &from->addr, &to->addr, SOK_IPPROTO_UDP, len);
    sok_csum_add(&c, p, len);
    uint16_t sum = sok_csum_final(&c);
    sok_put16(p + SOK_UDP_CSUM_OFFSET, sum ? sum : 0xffff); // 0 would say that there is none
}

// The way to a group is the socket's choice before it is the routes'.
static int find_path(const struct sok_udp *u, const struct sok_endpoint *local,
    const struct sok_endpoint *to, int link, struct sok_tcp_path *path)
{
    struct sok_stack *s = u->stack;
    uint8_t device = link >= 0 ? (uint8_t)(link + 1) : sok_bind_device(u->flags);
    struct sok_addr source = local->addr;
    struct sok_endpoint dst = *to;
    bool multicast = sok_addr_is_multicast(to->addr);
    if (sok_udp_other_family(u, &to->addr))
        return SOK_ENETUNREACH;
    if (multicast && u->multicast.link >= 0)
        dst.zone = (uint32_t)u->multicast.link + 1;
    if (device)
        dst.zone = device;
    bool chosen = !sok_addr_is_any(source) && !sok_addr_is_multicast(source) &&
                  sok_dst_kind(s, 0, &source) != SOK_DST_BROADCAST;
    if (!chosen)
        source = multicast ? u->multicast.source : sok_addr_v4(0);
    int err = sok_stack_route(s, &source, &dst, path);
    if (err == 0 && !u->opts.broadcast && !s->any &&
        sok_dst_kind(s, 0, &to->addr) == SOK_DST_BROADCAST)
        err = SOK_EACCES;
    return err;
}

int sok_udp_way(const struct sok_udp *u, const struct sok_endpoint *to)
{
    struct sok_tcp_path path;
    return find_path(u, &u->local, to, -1, &path);
}

// As Linux: of IPv4 the port is told that the socket is connected to, and of what no length can say nothing is.
static int refuse_large(struct sok_udp *u, const struct sok_endpoint *to, size_t len, uint32_t mtu)
{
    struct sok_endpoint told = *to;
    bool v4 = sok_addr_is_v4(to->addr);
    if (v4)
        told.port = u->connected ? u->remote.port : 0;
    if (u->opts.recverr && (!v4 || len <= UINT16_MAX)) {
        sok_errqueue_local(u->stack, &u->errors, &told, mtu);
        sok_udp_update(u);
    }
    return SOK_EMSGSIZE;
}

int sok_udp_fits(struct sok_udp *u, const struct sok_endpoint *to, size_t len)
{
    struct sok_tcp_path path;
    if (!to && !u->connected)
        return SOK_ENOTCONN;
    const struct sok_endpoint *there = to ? to : &u->remote;
    int err = find_path(u, &u->local, there, -1, &path);
    if (err < 0)
        return err;
    struct sok_ip_out o = {.dst = there->addr};
    sok_ip_discover(&o, &u->opts, &path);
    size_t headers =
        SOK_UDP_HDR_LEN + (sok_addr_is_v4(there->addr) ? SOK_IP4_HDR_LEN : SOK_IP6_HDR_LEN);
    uint16_t mtu = o.by_link ? path.mtu : sok_tcp_path_mtu(&path);
    if (o.uncut && len + headers > mtu)
        return refuse_large(u, there, len, mtu);
    return len + SOK_UDP_HDR_LEN > sok_ip_data_max(&there->addr)
               ? refuse_large(u, there, len, sok_tcp_path_mtu(&path))
               : 0;
}

static int64_t send_datagram(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    size_t len, const struct sok_endpoint *to, const struct sok_udp_how *how, int64_t now)
{
    struct sok_stack *s = u->stack;
    struct sok_tcp_path path;
    bool multicast = sok_addr_is_multicast(to->addr);
    if (u->error)
        return sok_udp_error(u);
    if (to->port == 0)
        return SOK_EINVAL;
    int err = find_path(u, &how->from, to, how->link, &path);
    if (err < 0)
        return err;
    uint16_t mtu = sok_tcp_path_mtu(&path);
    if (len + SOK_UDP_HDR_LEN > sok_ip_data_max(&to->addr))
        return refuse_large(u, to, len, mtu);
    uint8_t *p;
    struct sok_packet *packet = sok_ip_new(s, &to->addr, SOK_UDP_HDR_LEN + (uint32_t)len, &p);
    if (!packet)
        return SOK_ENOMEM;
    struct sok_endpoint from = {.addr = path.source, .port = how->from.port};
    build(p, iov, count, (uint16_t)(SOK_UDP_HDR_LEN + len), &from, to);
    struct sok_ip_out o = {
        .src = from.addr,
        .dst = to->addr,
        .proto = SOK_IPPROTO_UDP,
        .tos = how->tos >= 0 ? (uint8_t)how->tos : u->opts.tos,
        .ttl = how->ttl > 0 ? (uint8_t)how->ttl
               : multicast  ? u->multicast.ttl
                            : u->opts.ttl,
        .reason = SOK_REASON_DATAGRAM,
        .conn = u->sock.id,
    };
    sok_ip_discover(&o, &u->opts, &path);
    if (multicast && u->multicast.loop && sok_group_has(s, path.link, &to->addr))
        sok_local_copy(s, p, SOK_UDP_HDR_LEN + (uint32_t)len, &o, path.link, now);
    if (multicast && u->multicast.ttl == 0) {
        sok_outgoing_free(s, packet);
        return (int64_t)len;
    }
    err = sok_ip_send(s, packet, &o, &path, now);
    if (err == SOK_EMSGSIZE)
        return refuse_large(u, to, len, o.by_link ? path.mtu : mtu);
    if (err == SOK_EAGAIN) {
        u->blocked = s->links[path.link]->blocked = true;
        sok_udp_update(u);
    }
    return err < 0 ? err : (int64_t)len;
}

static int64_t send_how(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to, const struct sok_udp_how *how, int64_t now)
{
    size_t len = sok_iov_total(iov, count);
    u->stack->now = now;
    int64_t result = send_datagram(u, iov, count, len, to, how, now);
    if (result == SOK_EAGAIN)
        return result;
    struct sok_event *e =
        sok_stack_call(u->stack, u->sock.id, SOK_CALL_SENDTO, (int64_t)len, result, now);
    if (e) {
        e->call.has_remote = true;
        e->call.remote = *to;
    }
    return result;
}

int64_t sok_udp_sendto(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to, int64_t now)
{
    if (!to && !u->connected)
        return SOK_ENOTCONN;
    if (!to)
        to = &u->remote;
    return sok_udp_send_any(u, iov, count, &u->local, to, now);
}

int64_t sok_udp_send_any(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *from, const struct sok_endpoint *to, int64_t now)
{
    struct sok_udp_how how = {.from = *from, .link = -1, .ttl = -1, .tos = -1};
    return send_how(u, iov, count, to, &how, now);
}

int64_t sok_udp_send_how(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to, const struct sok_udp_how *how, int64_t now)
{
    struct sok_udp_how as = *how;
    if (!to && !u->connected)
        return SOK_ENOTCONN;
    if (how->link >= (int)u->stack->link_count)
        return SOK_ENODEV;
    as.from.port = u->local.port;
    if (sok_addr_is_any(as.from.addr))
        as.from.addr = u->local.addr;
    return send_how(u, iov, count, to ? to : &u->remote, &as, now);
}
