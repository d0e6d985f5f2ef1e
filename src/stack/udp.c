// UDP (RFC 768, RFC 1122 section 4.1, RFC 8200 section 8.1): sockets, what comes in, receiving; sending is in udp_send.c.
// A socket's queue is bounded in bytes, overhead included.
#include "stack/udp.h"

#include <string.h>
#include "wire/dhcp.h"
#include "wire/dhcp6.h"
#include "wire/udp.h"

struct sok_datagram {
    struct sok_datagram *next;
    struct sok_endpoint from;
    struct sok_udp_heard heard;
    uint32_t len;
    uint8_t data[];
};

static size_t datagram_size(const struct sok_datagram *d)
{
    return sizeof(*d) + d->len;
}

void sok_udp_update(struct sok_udp *u)
{
    uint32_t bits = u->first ? SOK_READY_IN : 0;
    if (!u->blocked)
        bits |= SOK_READY_OUT;
    if (u->error)
        bits |= SOK_READY_ERROR | SOK_READY_IN | SOK_READY_OUT;
    if (u->errors.first)
        bits |= SOK_READY_ERROR;
    sok_sock_ready(&u->stack->changed, &u->sock, bits);
}

// ---- finding ----

static struct sok_udp *first_at(const struct sok_stack *s, uint16_t port)
{
    struct sok_map_node *n = sok_map_first(&s->udp, port);
    return n ? SOK_CONTAINER_OF(n, struct sok_udp, node) : NULL;
}

static struct sok_udp *next_at(const struct sok_udp *u)
{
    struct sok_map_node *n = sok_map_next(&u->node);
    return n ? SOK_CONTAINER_OF(n, struct sok_udp, node) : NULL;
}

static bool same_endpoint(const struct sok_endpoint *a, const struct sok_endpoint *b)
{
    return a->port == b->port && a->zone == b->zone && sok_addr_eq(a->addr, b->addr);
}

#define ANY_LINK (-1)

// link: that it came on.
static bool matches(
    const struct sok_udp *u, const struct sok_addr *dst, const struct sok_endpoint *from, int link)
{
    bool here = sok_addr_hears(u->local.addr, u->flags & SOK_BIND_V6ONLY, *dst);
    uint8_t device = sok_bind_device(u->flags);
    if (device && link != ANY_LINK && !sok_device_hears(u->stack, device, (uint8_t)link, dst))
        return false;
    return here && (!u->connected || same_endpoint(&u->remote, from));
}

static uint64_t sender_hash(const struct sok_stack *s, const struct sok_addr *dst, uint16_t port,
    const struct sok_endpoint *from)
{
    struct sok_endpoint to = {.addr = *dst, .port = port};
    return sok_tcp_hash(s->tcp, &to, from) >> 32;
}

// How well one that matches is meant: one that is connected, the nearest address, one that is bound to the device, the
// newest.
static bool better(const struct sok_udp *u, const struct sok_udp *best)
{
    unsigned near = sok_addr_nearness(u->local.addr), there = sok_addr_nearness(best->local.addr);
    if (u->connected != best->connected)
        return u->connected;
    if (near != there)
        return near > there;
    bool bound = sok_bind_device(u->flags), other = sok_bind_device(best->flags);
    return bound != other ? bound : u->sock.id > best->sock.id;
}

static bool beside(const struct sok_udp *u, const struct sok_udp *best, const struct sok_addr *dst,
    const struct sok_endpoint *from)
{
    return u->spread && !u->connected && matches(u, dst, from, ANY_LINK) &&
           sok_bind_device(u->flags) == sok_bind_device(best->flags) &&
           sok_addr_eq(u->local.addr, best->local.addr);
}

// One of those that `best` shares with and that match as well as it does.
static struct sok_udp *spread(const struct sok_stack *s, struct sok_udp *best,
    const struct sok_addr *dst, const struct sok_endpoint *from)
{
    uint16_t port = best->local.port;
    uint64_t count = 0, pick = sender_hash(s, dst, port, from);
    for (struct sok_udp *u = first_at(s, port); u; u = next_at(u))
        count += beside(u, best, dst, from);
    pick %= count;
    for (struct sok_udp *u = first_at(s, port); u; u = next_at(u))
        if (beside(u, best, dst, from) && pick-- == 0)
            return u;
    return best;
}

// At most one socket takes a datagram to one host: an address and port is given out once (is_taken), or to
// sockets that share it.
static struct sok_udp *find(const struct sok_stack *s, const struct sok_addr *dst, uint16_t port,
    const struct sok_endpoint *from, int link)
{
    struct sok_udp *best = NULL;
    for (struct sok_udp *u = first_at(s, port); u; u = next_at(u))
        if (matches(u, dst, from, link) && (!best || better(u, best)))
            best = u;
    return best && best->spread && !best->connected ? spread(s, best, dst, from) : best;
}

// ---- in ----

static size_t queue_most(const struct sok_udp *u)
{
    return u->opts.queue ? u->opts.queue : (size_t)u->stack->config.udp_queue;
}

static enum sok_drop enqueue(struct sok_udp *u, const struct sok_in *in,
    const struct sok_endpoint *from, const struct sok_endpoint *to, const uint8_t *data,
    uint32_t len)
{
    struct sok_stack *s = u->stack;
    if (u->queued + sizeof(struct sok_datagram) + len > queue_most(u))
        return SOK_DROP_UDP_QUEUE_FULL;
    struct sok_datagram *d = sok_mem_alloc(sok_stack_mem(s), sizeof(*d) + len);
    if (!d)
        return SOK_DROP_NO_MEMORY;
    *d = (struct sok_datagram){.from = *from, .len = len};
    d->heard = (struct sok_udp_heard){
        .to = *to, .len = len, .at = s->now, .link = in->link, .ttl = in->ttl, .tos = in->tos};
    memcpy(d->data, data, len);
    if (u->last)
        u->last->next = d;
    else
        u->first = d;
    u->last = d;
    u->queued += datagram_size(d);
    sok_udp_update(u);
    sok_sock_touch(&s->changed, &u->sock);
    return SOK_DROP_NONE;
}

// To a group or a broadcast address: all sockets that want it hear it (RFC 1112 section 7, RFC 1122 section 3.3.6).
static enum sok_drop to_all(struct sok_stack *s, struct sok_in *in, const struct sok_endpoint *from,
    const struct sok_endpoint *to, const uint8_t *data)
{
    bool multicast = sok_addr_is_multicast(in->dst);
    enum sok_drop drop = SOK_DROP_UDP_NO_SOCKET;
    for (struct sok_udp *u = first_at(s, to->port); u; u = next_at(u)) {
        if (!matches(u, &in->dst, from, in->group_link))
            continue;
        if (multicast && !sok_memberships_hear(
                             &u->groups, in->group_link, &in->dst, &in->src, u->multicast.all)) {
            drop = drop == SOK_DROP_UDP_NO_SOCKET ? SOK_DROP_GROUP_SOURCE : drop;
            continue;
        }
        enum sok_drop bad = enqueue(u, in, from, to, data, in->out->data);
        if (bad == SOK_DROP_NONE || drop != SOK_DROP_NONE)
            drop = bad;
        in->out->conn = u->sock.id;
    }
    return drop;
}

static void refuse(struct sok_stack *s, const struct sok_in *in)
{
    if (in->v6)
        sok_icmp6_answer(s, in, SOK_ICMP6_UNREACHABLE, SOK_ICMP6_PORT, 0, SOK_REASON_ICMP_PORT);
    else
        sok_icmp_answer(s, in, SOK_ICMP_UNREACHABLE, SOK_ICMP_PORT, SOK_REASON_ICMP_PORT);
}

static enum sok_drop datagram_input(struct sok_stack *s, struct sok_in *in)
{
    struct sok_udp_hdr h;
    if (!sok_udp_get(in->data, in->len, &h))
        return SOK_DROP_UDP_SHORT;
    enum sok_drop bad = sok_udp_check(&h, in->len);
    if (bad != SOK_DROP_NONE)
        return bad;
    if (!in->frame->meta.csum_valid && !sok_udp_verify(in->data, h.len, &in->src, &in->dst))
        return SOK_DROP_UDP_CHECKSUM;
    if (in->v6 && h.chksum == 0) // RFC 8200 section 8.1
        return SOK_DROP_UDP_CHECKSUM;
    if (h.sport == 0 || h.dport == 0)
        return SOK_DROP_UDP_PORT_ZERO;
    if (h.dport == SOK_DHCP_CLIENT &&
        sok_dhcp_input(s, in, in->data + SOK_UDP_HDR_LEN, h.len - SOK_UDP_HDR_LEN))
        return in->out->drop;
    if (h.dport == SOK_DHCP6_CLIENT &&
        sok_dhcp6_input(s, in, in->data + SOK_UDP_HDR_LEN, h.len - SOK_UDP_HDR_LEN))
        return in->out->drop;
    struct sok_endpoint from = {
        .addr = in->src, .zone = sok_zone_of(&in->src, in->link), .port = h.sport};
    struct sok_endpoint to = {.addr = in->dst, .port = h.dport};
    in->out->data = h.len - SOK_UDP_HDR_LEN;
    if (!in->unicast) {
        bad = to_all(s, in, &from, &to, in->data + SOK_UDP_HDR_LEN);
        in->out->effects |= bad == SOK_DROP_NONE ? SOK_EFFECT_DELIVERED : 0u;
        return bad;
    }
    struct sok_udp *u = find(s, &in->dst, h.dport, &from, in->link);
    if (!u && in->unicast && sok_dst_kind4(s, in->ip.dst) != SOK_DST_OURS)
        u = first_at(s, 0);
    if (!u) {
        refuse(s, in);
        return SOK_DROP_UDP_NO_SOCKET;
    }
    in->out->conn = u->sock.id;
    bad = enqueue(u, in, &from, &to, in->data + SOK_UDP_HDR_LEN, in->out->data);
    if (bad == SOK_DROP_NONE)
        in->out->effects |= SOK_EFFECT_DELIVERED;
    return bad;
}

void sok_udp_input(struct sok_stack *s, struct sok_in *in)
{
    in->out->drop = datagram_input(s, in);
}

// Errors go to connected sockets, which know whom they are about (RFC 1122 section 4.1.3.3), and to those that want them
// with what they are about.
uint32_t sok_udp_news(struct sok_stack *s, const struct sok_icmp_news *n)
{
    struct sok_udp *u = find(s, &n->local.addr, n->local.port, &n->remote, ANY_LINK);
    if (!u || (!u->connected && !u->opts.recverr))
        return 0;
    u->error = n->err;
    if (u->opts.recverr)
        sok_errqueue_add(s, &u->errors, n, SOK_UDP_HDR_LEN);
    struct sok_event *e = sok_events_push(&s->events, SOK_EVENT_ERROR, s->now, u->sock.id);
    if (e)
        e->error.err = n->err;
    sok_udp_update(u);
    return u->sock.id;
}

// Only who asked for it hears that a datagram was too large: others see the path's new MTU when they send.
void sok_udp_too_big(struct sok_stack *s, const struct sok_icmp_news *n)
{
    const struct sok_udp *u = find(s, &n->local.addr, n->local.port, &n->remote, ANY_LINK);
    if (u && u->opts.recverr)
        sok_udp_news(s, n);
}

uint32_t sok_udp_sender(const struct sok_stack *s, const struct sok_icmp_news *n)
{
    const struct sok_udp *u = find(s, &n->local.addr, n->local.port, &n->remote, ANY_LINK);
    return u && sok_ip_heeds(&u->opts, &n->remote.addr) ? u->sock.id : 0;
}

// ---- opening and closing ----

// Whether a socket has it that does not share it, or that would share it with one that does not.
static bool is_taken(const struct sok_stack *s, const struct sok_endpoint *local, unsigned flags)
{
    for (struct sok_udp *u = first_at(s, local->port); u; u = next_at(u)) {
        if ((flags & u->flags & SOK_BIND_SHARED) || sok_bind_apart(flags, u->flags))
            continue;
        if (sok_addr_overlaps(
                local->addr, flags & SOK_BIND_V6ONLY, u->local.addr, u->flags & SOK_BIND_V6ONLY))
            return true;
    }
    return false;
}

// RFC 6056 section 3.3.1: at random, then upwards from there.
static int pick_port(struct sok_stack *s, struct sok_endpoint *local, unsigned flags)
{
    const struct sok_tcp_config *config = sok_tcp_config(s->tcp);
    uint32_t first = (uint32_t)config->port_first, count = (uint32_t)config->port_count;
    if (count > 65536 - first)
        count = 65536 - first;
    uint32_t start = (uint32_t)(sok_stack_random(s) % count);
    for (uint32_t i = 0; i < count; i++) {
        local->port = (uint16_t)(first + (start + i) % count);
        if (!is_taken(s, local, flags & ~(unsigned)SOK_BIND_SHARED))
            return 0;
    }
    return SOK_EADDRINUSE;
}

// An address of ours, or a group or broadcast address: then only datagrams to it come.
static bool can_be_local(const struct sok_stack *s, const struct sok_addr *a)
{
    return sok_addr_is_ours(s, a) || sok_dst_kind(s, 0, a) != SOK_DST_OTHER;
}

static int choose_local(struct sok_stack *s, struct sok_endpoint *local, unsigned flags)
{
    bool any = sok_addr_is_any(local->addr);
    if (!any && !can_be_local(s, &local->addr))
        return SOK_EADDRNOTAVAIL;
    if (local->port == 0)
        return pick_port(s, local, flags);
    if (!sok_port_is_ours(s, local->port))
        return SOK_EADDRNOTAVAIL;
    return is_taken(s, local, flags) ? SOK_EADDRINUSE : 0;
}

static int open_at(struct sok_stack *stack, struct sok_endpoint at, struct sok_udp **out)
{
    struct sok_udp *u = sok_mem_zalloc(sok_stack_mem(stack), sizeof(*u));
    if (!u)
        return SOK_ENOMEM;
    u->sock.kind = SOK_SOCK_UDP;
    sok_sock_born(&stack->socks, &u->sock);
    u->stack = stack;
    u->local = at;
    u->multicast = (struct sok_multicast_opts)SOK_MULTICAST_OPTS_DEFAULT;
    sok_map_add(&stack->udp, &u->node, at.port);
    sok_udp_update(u);
    *out = u;
    return 0;
}

int sok_udp_open_as(
    struct sok_stack *stack, const struct sok_endpoint *local, unsigned flags, struct sok_udp **out)
{
    struct sok_endpoint at = {.port = 0};
    if (local)
        at = *local;
    int err = choose_local(stack, &at, flags);
    if (err == 0)
        err = open_at(stack, at, out);
    if (err == 0)
        (*out)->flags = flags;
    return err;
}

int sok_udp_open(struct sok_stack *stack, const struct sok_endpoint *local, struct sok_udp **out)
{
    return sok_udp_open_as(stack, local, 0, out);
}

void sok_udp_spread(struct sok_udp *u, bool on)
{
    u->spread = on;
}

int sok_udp_open_any(struct sok_stack *stack, struct sok_udp **out)
{
    struct sok_endpoint every = {.port = 0};
    return first_at(stack, 0) ? SOK_EADDRINUSE : open_at(stack, every, out);
}

static void free_socket(struct sok_udp *u)
{
    struct sok_stack *s = u->stack;
    for (struct sok_datagram *d; (d = u->first);) {
        u->first = d->next;
        sok_mem_free(sok_stack_mem(s), d, datagram_size(d));
    }
    sok_errqueue_clear(s, &u->errors);
    sok_memberships_leave_all(s, &u->groups, s->now);
    sok_map_remove(&s->udp, &u->node);
    sok_sock_forget(&s->changed, &u->sock);
    sok_sock_gone(&s->socks, &u->sock);
    sok_mem_free(sok_stack_mem(s), u, sizeof(*u));
}

void sok_udp_close(struct sok_udp *u)
{
    sok_stack_call(u->stack, u->sock.id, SOK_CALL_CLOSE, -1, 0, u->stack->now);
    free_socket(u);
}

// Who is bound to it hears that it is gone.
void sok_udp_addr_gone(struct sok_stack *s, const struct sok_addr *addr, int err)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&s->udp, &it); n; n = sok_map_step(&s->udp, &it)) {
        struct sok_udp *u = SOK_CONTAINER_OF(n, struct sok_udp, node);
        if (!sok_addr_eq(u->local.addr, *addr))
            continue;
        u->error = err;
        sok_udp_update(u);
    }
}

void sok_udp_free_all(struct sok_stack *s)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&s->udp, &it); n; n = sok_map_step(&s->udp, &it))
        free_socket(SOK_CONTAINER_OF(n, struct sok_udp, node));
}

bool sok_udp_other_family(const struct sok_udp *u, const struct sok_addr *to)
{
    return sok_addr_is_any(u->local.addr) &&
           !sok_addr_hears(u->local.addr, u->flags & SOK_BIND_V6ONLY, *to);
}

void sok_udp_use_device(struct sok_udp *u, uint8_t device)
{
    u->flags = sok_bind_on(u->flags, device);
}

int sok_udp_connect(struct sok_udp *u, const struct sok_endpoint *given)
{
    struct sok_stack *s = u->stack;
    struct sok_endpoint there = *given, *remote = &there;
    struct sok_tcp_path path;
    int err = remote->port == 0 ? SOK_EINVAL
              : sok_udp_other_family(u, &remote->addr)
                  ? SOK_ENETUNREACH
                  : sok_device_way(s, sok_bind_device(u->flags), &u->local.addr, remote, &path);
    if (err == 0) {
        u->remote = *remote;
        u->connected = true;
        u->local.addr = path.source;
    }
    struct sok_event *e = sok_stack_call(s, u->sock.id, SOK_CALL_CONNECT, -1, err, s->now);
    if (e) {
        e->call.has_remote = e->call.has_local = true;
        e->call.remote = *remote;
        e->call.local = u->local;
    }
    return err;
}

void sok_udp_disconnect(struct sok_udp *u, const struct sok_endpoint *local)
{
    u->connected = false;
    u->remote = (struct sok_endpoint){.port = 0};
    u->local.addr = local->addr;
}

// ---- receiving ----

int64_t sok_udp_recvfrom(
    struct sok_udp *u, void *data, size_t len, struct sok_endpoint *from, int64_t now)
{
    struct sok_endpoint to;
    return sok_udp_recv_any(u, data, len, from, &to, now);
}

int64_t sok_udp_recv_any(struct sok_udp *u, void *data, size_t len, struct sok_endpoint *from,
    struct sok_endpoint *to, int64_t now)
{
    struct sok_udp_heard heard;
    int64_t n = sok_udp_recv_heard(u, data, len, from, &heard, now);
    if (n >= 0)
        *to = heard.to;
    return n;
}

int64_t sok_udp_recv_heard(struct sok_udp *u, void *data, size_t len, struct sok_endpoint *from,
    struct sok_udp_heard *heard, int64_t now)
{
    struct sok_stack *s = u->stack;
    struct sok_datagram *d = u->first;
    s->now = now;
    if (u->error)
        return sok_udp_error(u);
    if (!d)
        return SOK_EAGAIN;
    size_t n = d->len < len ? d->len : len;
    if (n > 0)
        memcpy(data, d->data, n);
    struct sok_event *e =
        sok_stack_call(s, u->sock.id, SOK_CALL_RECVFROM, (int64_t)len, (int64_t)n, now);
    if (e) {
        e->call.has_remote = true;
        e->call.remote = d->from;
    }
    if (from)
        *from = d->from;
    *heard = d->heard;
    u->first = d->next;
    if (!u->first)
        u->last = NULL;
    u->queued -= datagram_size(d);
    sok_mem_free(sok_stack_mem(s), d, datagram_size(d));
    sok_udp_update(u);
    return (int64_t)n;
}

int sok_udp_group(struct sok_udp *u, const struct sok_group_change *change, int64_t now)
{
    u->stack->now = now;
    return sok_memberships_change(u->stack, &u->groups, change, now);
}

int sok_udp_filter(struct sok_udp *u, int link, const struct sok_addr *group, bool exclude,
    const struct sok_addr *sources, unsigned count, int64_t now)
{
    u->stack->now = now;
    return sok_memberships_set(u->stack, &u->groups, link, group, exclude, sources, count, now);
}

int sok_udp_filter_get(const struct sok_udp *u, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count)
{
    return sok_memberships_get(&u->groups, link, group, exclude, sources, count);
}

void sok_udp_multicast(struct sok_udp *u, const struct sok_multicast_opts *opts)
{
    u->multicast = *opts;
}

void sok_udp_options(struct sok_udp *u, const struct sok_dgram_opts *opts)
{
    u->opts = *opts;
    if (!opts->recverr)
        sok_errqueue_clear(u->stack, &u->errors);
    sok_udp_update(u);
}

int sok_udp_error(struct sok_udp *u)
{
    int err = u->error;
    u->error = 0;
    sok_udp_update(u);
    return err;
}

int64_t sok_udp_recv_error(
    struct sok_udp *u, void *data, size_t len, struct sok_dgram_error *out, int64_t now)
{
    u->stack->now = now;
    int64_t n = sok_errqueue_take(u->stack, &u->errors, data, len, out, &u->error);
    sok_udp_update(u);
    return n;
}

struct sok_endpoint sok_udp_local(const struct sok_udp *u)
{
    return u->local;
}

void sok_udp_room(struct sok_stack *s)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&s->udp, &it); n; n = sok_map_step(&s->udp, &it)) {
        struct sok_udp *u = SOK_CONTAINER_OF(n, struct sok_udp, node);
        u->blocked = false;
        sok_udp_update(u);
    }
}

// ---- for onlookers ----

void sok_udp_about(const struct sok_udp *u, struct sok_sock_about *out)
{
    out->local = u->local;
    out->connected = u->connected;
    out->v6only = u->flags & SOK_BIND_V6ONLY;
    out->link = sok_bind_device(u->flags) - 1;
    if (u->connected)
        out->remote = u->remote;
    out->held = u->queued;
    out->most = queue_most(u);
}

// The port stays the holder's, as with the kernel's sockets; its peer is forgotten.
void sok_udp_kill(struct sok_udp *u)
{
    u->connected = false;
    u->remote = (struct sok_endpoint){.port = 0};
    u->error = SOK_EABORTED;
    sok_udp_update(u);
}
