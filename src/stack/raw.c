// Raw IP sockets, as raw(7) says: all datagrams of one protocol that are for us, also those that the stack handles
// itself; and datagrams of our own, with or without a header of the program's. Every socket that wants a datagram
// gets a copy: of IPv4 whole and with its IP header in front, of IPv6 what the headers carry (RFC 3542 section 3).
// A socket is of one family.
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "stack/inbox.h"
#include "wire/csum.h"

struct sok_raw {
    struct sok_sock sock;
    struct sok_stack *stack;
    struct sok_raw *next; // in stack->raws
    struct sok_addr local, remote;
    uint32_t zone;  // of remote
    uint8_t device; // link + 1 that it is bound to; 0: none
    uint8_t protocol;
    bool v6;
    int checksum; // IPv6: where in the payload it stands, filled in and verified; -1: nowhere
    bool connected, hdrincl;
    bool blocked; // waits for room in a link's queue
    int error;    // pending
    struct sok_dgram_opts opts;
    struct sok_multicast_opts multicast;
    struct sok_memberships groups;
    struct sok_inbox inbox;
    struct sok_errqueue errors;
    uint32_t kept_away[8]; // types of ICMP
};

#define ICMP6_SUM_AT 2 // always there (RFC 3542 section 3.1)

static struct sok_addr nobody(const struct sok_raw *r)
{
    return r->v6 ? (struct sok_addr){{0}} : sok_addr_v4(0);
}

static void update_ready(struct sok_raw *r)
{
    uint32_t bits = r->inbox.first ? SOK_READY_IN : 0;
    if (!r->blocked)
        bits |= SOK_READY_OUT;
    if (r->error)
        bits |= SOK_READY_ERROR | SOK_READY_IN | SOK_READY_OUT;
    if (r->errors.first)
        bits |= SOK_READY_ERROR;
    sok_sock_ready(&r->stack->changed, &r->sock, bits);
}

// ---- in ----

static bool is_between(
    const struct sok_raw *r, const struct sok_addr *local, const struct sok_addr *remote)
{
    return (sok_addr_is_any(r->local) || sok_addr_eq(r->local, *local)) &&
           (!r->connected || sok_addr_eq(r->remote, *remote));
}

// Whether it is in the group that a datagram is for, if it is for one.
static bool hears(const struct sok_raw *r, const struct sok_in *in)
{
    return !sok_addr_is_multicast(in->dst) ||
           sok_memberships_hear(&r->groups, in->group_link, &in->dst, &in->src, r->multicast.all);
}

// A type of ICMP that the program does not want (raw(7), RFC 3542 section 3.2); of IPv4 only the first 32 can be named.
static bool is_blocked(const struct sok_raw *r, const struct sok_in *in)
{
    bool icmp = r->protocol == (r->v6 ? SOK_IPPROTO_ICMP6 : SOK_IPPROTO_ICMP);
    uint8_t type = icmp && in->len > 0 ? in->data[0] : 0;
    return icmp && in->len > 0 && (r->v6 || type < 32) &&
           (r->kept_away[type / 32] >> type % 32 & 1);
}

// The sum that a program asked for (RFC 3542 section 3.1).
static bool is_damaged(const struct sok_raw *r, const struct sok_in *in)
{
    if (r->checksum < 0 || in->frame->meta.csum_valid || in->frame->meta.csum_partial)
        return false;
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &in->src, &in->dst, r->protocol, in->len);
    sok_csum_add(&c, in->data, in->len);
    return in->len < (uint32_t)r->checksum + 2 || sok_csum_final(&c) != 0;
}

// A checksum that the link left open is completed: a program is to see what a wire would have carried.
static enum sok_drop keep(struct sok_raw *r, const struct sok_in *in)
{
    const struct sok_frame *f = in->frame;
    const uint8_t *from = r->v6 ? in->data : in->packet;
    uint32_t len = r->v6 ? in->len : in->header_len + in->len;
    uint32_t before = (uint32_t)(from - (f->buf->data + f->off));
    enum sok_drop why;
    struct sok_letter *l = sok_inbox_add(r->stack, &r->inbox, len, SOK_DROP_RAW_QUEUE_FULL, &why);
    if (!l)
        return why;
    memcpy(l->data, from, len);
    l->src = in->src;
    l->from.link = in->link;
    struct sok_frame_meta meta = f->meta;
    if (meta.csum_partial && meta.csum_start >= before) {
        meta.csum_start = (uint16_t)(meta.csum_start - before);
        sok_frame_complete(l->data, len, &meta);
    }
    update_ready(r);
    sok_sock_touch(&r->stack->changed, &r->sock);
    return SOK_DROP_NONE;
}

struct sok_raw_taken sok_raw_input(struct sok_stack *s, const struct sok_in *in)
{
    struct sok_raw_taken taken = {0};
    if (in->proto == SOK_IPPROTO_RAW)
        return taken;
    for (struct sok_raw *r = s->raws; r; r = r->next) {
        if (r->protocol != in->proto || r->v6 != in->v6 || !is_between(r, &in->dst, &in->src) ||
            !sok_device_hears(s, r->device, in->group_link, &in->dst) || !hears(r, in) ||
            is_blocked(r, in))
            continue;
        enum sok_drop bad = is_damaged(r, in) ? SOK_DROP_RAW_CHECKSUM : keep(r, in);
        taken.wanted = true;
        if (bad == SOK_DROP_NONE && !taken.conn)
            taken.conn = r->sock.id;
        if (bad != SOK_DROP_NONE) {
            taken.drop = bad;
            sok_stack_drop(s, bad);
        }
    }
    return taken;
}

static void fail(struct sok_raw *r, int err)
{
    r->error = err;
    struct sok_event *e =
        sok_events_push(&r->stack->events, SOK_EVENT_ERROR, r->stack->now, r->sock.id);
    if (e)
        e->error.err = err;
    update_ready(r);
}

static bool may_have_sent(const struct sok_raw *r, const struct sok_icmp_news *n)
{
    return r->protocol == n->proto && r->v6 == !sok_addr_is_v4(n->local.addr);
}

uint32_t sok_raw_sender(const struct sok_stack *s, const struct sok_icmp_news *n)
{
    for (const struct sok_raw *r = s->raws; r; r = r->next)
        if (may_have_sent(r, n) && is_between(r, &n->local.addr, &n->remote.addr) &&
            sok_ip_heeds(&r->opts, &n->remote.addr))
            return r->sock.id;
    return 0;
}

// As in Linux a connected socket alone hears of errors, and of such that will not pass, unless it asked for all. Who cannot reach the
// next hop hears that, too: nobody can have made it up.
uint32_t sok_raw_news(struct sok_stack *s, const struct sok_icmp_news *n)
{
    bool own = sok_addr_eq(n->from, n->local.addr);
    uint32_t told = 0;
    bool lasting = own || n->hard || n->err == SOK_EPROTO || n->err == SOK_EMSGSIZE;
    for (struct sok_raw *r = s->raws; r; r = r->next) {
        bool wants = r->opts.recverr || (r->connected && lasting);
        if (!wants || !may_have_sent(r, n) || !is_between(r, &n->local.addr, &n->remote.addr))
            continue;
        if (r->opts.recverr)
            sok_errqueue_add(s, &r->errors, n, 0);
        fail(r, n->err);
        told = told ? told : r->sock.id;
    }
    return told;
}

void sok_raw_addr_gone(struct sok_stack *s, const struct sok_addr *addr, int err)
{
    for (struct sok_raw *r = s->raws; r; r = r->next) {
        if (sok_addr_eq(r->local, *addr)) {
            r->error = err;
            update_ready(r);
        }
    }
}

// ---- opening, naming, closing ----

static int open_raw(struct sok_stack *stack, uint8_t protocol, bool v6, struct sok_raw **out)
{
    if (protocol == 0)
        return SOK_EINVAL;
    struct sok_raw *r = sok_mem_zalloc(sok_stack_mem(stack), sizeof(*r));
    if (!r)
        return SOK_ENOMEM;
    r->sock.kind = SOK_SOCK_RAW;
    sok_sock_born(&stack->socks, &r->sock);
    r->stack = stack;
    r->protocol = protocol;
    r->hdrincl = protocol == SOK_IPPROTO_RAW;
    r->v6 = v6;
    r->checksum = v6 && protocol == SOK_IPPROTO_ICMP6 ? ICMP6_SUM_AT : -1;
    r->local = nobody(r);
    r->multicast = (struct sok_multicast_opts)SOK_MULTICAST_OPTS_DEFAULT;
    r->next = stack->raws;
    stack->raws = r;
    update_ready(r);
    *out = r;
    return 0;
}

int sok_raw_open(struct sok_stack *stack, uint8_t protocol, struct sok_raw **out)
{
    return open_raw(stack, protocol, false, out);
}

int sok_raw_open6(struct sok_stack *stack, uint8_t protocol, struct sok_raw **out)
{
    return open_raw(stack, protocol, true, out);
}

static void free_socket(struct sok_raw *r)
{
    struct sok_stack *s = r->stack;
    struct sok_raw **at = &s->raws;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    sok_memberships_leave_all(s, &r->groups, s->now);
    sok_inbox_free(s, &r->inbox);
    sok_errqueue_clear(s, &r->errors);
    sok_sock_forget(&s->changed, &r->sock);
    sok_sock_gone(&s->socks, &r->sock);
    sok_mem_free(sok_stack_mem(s), r, sizeof(*r));
}

void sok_raw_close(struct sok_raw *r)
{
    sok_stack_call(r->stack, r->sock.id, SOK_CALL_CLOSE, -1, 0, r->stack->now);
    free_socket(r);
}

void sok_raw_free_all(struct sok_stack *s)
{
    while (s->raws)
        free_socket(s->raws);
}

int sok_raw_checksum(struct sok_raw *r, int offset)
{
    if (!r->v6)
        return SOK_EOPNOTSUPP;
    if (r->protocol == SOK_IPPROTO_ICMP6)
        return offset == ICMP6_SUM_AT ? 0 : SOK_EINVAL;
    if (offset > (int)UINT16_MAX || (offset >= 0 && offset % 2 != 0))
        return SOK_EINVAL;
    r->checksum = offset < 0 ? -1 : offset;
    return 0;
}

int sok_raw_checksum_at(const struct sok_raw *r)
{
    return r->checksum;
}

int sok_raw_bind(struct sok_raw *r, const struct sok_addr *local)
{
    if (sok_addr_is_v4(*local) == r->v6)
        return SOK_EAFNOSUPPORT;
    if (!sok_addr_is_any(*local) && !sok_addr_is_ours(r->stack, local))
        return SOK_EADDRNOTAVAIL;
    r->local = *local;
    return 0;
}

int sok_raw_connect(struct sok_raw *r, const struct sok_endpoint *remote)
{
    struct sok_stack *s = r->stack;
    struct sok_endpoint to = {.addr = remote->addr, .zone = remote->zone};
    struct sok_tcp_path path;
    int err = sok_addr_is_v4(to.addr) == r->v6
                  ? SOK_EAFNOSUPPORT
                  : sok_device_way(s, r->device, &r->local, &to, &path);
    if (err == 0) {
        r->remote = to.addr;
        r->zone = to.zone;
        r->local = path.source;
        r->connected = true;
    }
    struct sok_event *e = sok_stack_call(s, r->sock.id, SOK_CALL_CONNECT, -1, err, s->now);
    if (e) {
        e->call.has_remote = true;
        e->call.remote = to;
    }
    return err;
}

void sok_raw_use_device(struct sok_raw *r, uint8_t device)
{
    r->device = device;
}

void sok_raw_disconnect(struct sok_raw *r, const struct sok_addr *local)
{
    r->connected = false;
    r->remote = (struct sok_addr){{0}};
    r->local = *local;
}

struct sok_addr sok_raw_local(const struct sok_raw *r)
{
    return r->local;
}

int sok_raw_group(struct sok_raw *r, const struct sok_group_change *change, int64_t now)
{
    r->stack->now = now;
    return sok_memberships_change(r->stack, &r->groups, change, now);
}

int sok_raw_filter(struct sok_raw *r, int link, const struct sok_addr *group, bool exclude,
    const struct sok_addr *sources, unsigned count, int64_t now)
{
    r->stack->now = now;
    return sok_memberships_set(r->stack, &r->groups, link, group, exclude, sources, count, now);
}

int sok_raw_filter_get(const struct sok_raw *r, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count)
{
    return sok_memberships_get(&r->groups, link, group, exclude, sources, count);
}

void sok_raw_multicast(struct sok_raw *r, const struct sok_multicast_opts *opts)
{
    r->multicast = *opts;
}

void sok_raw_options(struct sok_raw *r, const struct sok_dgram_opts *opts)
{
    r->opts = *opts;
    r->inbox.most = opts->queue;
    if (!opts->recverr)
        sok_errqueue_clear(r->stack, &r->errors);
    update_ready(r);
}

void sok_raw_block_types(struct sok_raw *r, const uint32_t blocked[8])
{
    memcpy(r->kept_away, blocked, sizeof(r->kept_away));
}

void sok_raw_blocked_types(const struct sok_raw *r, uint32_t blocked[8])
{
    memcpy(blocked, r->kept_away, sizeof(r->kept_away));
}

void sok_raw_hdrincl(struct sok_raw *r, bool on)
{
    r->hdrincl = on;
}

bool sok_raw_has_hdrincl(const struct sok_raw *r)
{
    return r->hdrincl;
}

// ---- out ----

// raw(7), IP_HDRINCL: the total length and the checksum are always filled in, source and identification
// where they are 0. False: this is no header. Its version is not looked at, nor is anything else.
static bool complete_header(struct sok_stack *s, uint8_t *p, size_t len, const struct sok_ip_out *o)
{
    size_t header_len = 4u * (p[0] & 15);
    if (header_len < SOK_IP4_HDR_LEN || header_len > len)
        return false;
    sok_put16(p + 2, (uint16_t)len);
    if (sok_get16(p + 4) == 0)
        sok_put16(p + 4, sok_ip4_id(s, &o->dst, p[9], 1));
    if (sok_get32(p + 12) == 0)
        sok_put32(p + 12, sok_addr_to_v4(o->src));
    sok_ip4_seal(p, header_len);
    return true;
}

static int send_given(struct sok_raw *r, const struct sok_iov *iov, unsigned count, size_t len,
    const struct sok_ip_out *o, const struct sok_tcp_path *path, int64_t now)
{
    struct sok_stack *s = r->stack;
    uint32_t header_len = r->v6 ? SOK_IP6_HDR_LEN : SOK_IP4_HDR_LEN;
    if (len > s->links[path->link]->info.mtu)
        return SOK_EMSGSIZE;
    if (len < header_len)
        return SOK_EINVAL;
    uint8_t *behind;
    struct sok_packet *p = sok_ip_new(s, &o->dst, (uint32_t)len - header_len, &behind);
    if (!p)
        return SOK_ENOMEM;
    uint8_t *ip = behind - header_len;
    sok_iov_copy(ip, iov, count);
    if (!r->v6 && !complete_header(s, ip, len, o)) { // of IPv6 nothing is filled in
        sok_outgoing_free(s, p);
        return SOK_EINVAL;
    }
    return sok_ip_send_given(s, p, o, path, now);
}

// False: the place is not in it.
static bool put_checksum(
    const struct sok_raw *r, uint8_t *data, size_t len, const struct sok_ip_out *o)
{
    struct sok_csum c;
    if (len < (size_t)r->checksum + 2)
        return false;
    sok_put16(data + r->checksum, 0);
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &o->src, &o->dst, o->proto, (uint32_t)len);
    sok_csum_add(&c, data, len);
    sok_put16(data + r->checksum, sok_csum_final(&c));
    return true;
}

static int send_payload(struct sok_raw *r, const struct sok_iov *iov, unsigned count, size_t len,
    const struct sok_ip_out *o, const struct sok_tcp_path *path, int64_t now)
{
    struct sok_stack *s = r->stack;
    if (len + SOK_IP4_HDR_LEN > SOK_IP4_PACKET_MAX)
        return SOK_EMSGSIZE;
    uint8_t *data;
    struct sok_packet *p = sok_ip_new(s, &o->dst, (uint32_t)len, &data);
    if (!p)
        return SOK_ENOMEM;
    sok_iov_copy(data, iov, count);
    if (r->checksum >= 0 && !put_checksum(r, data, len, o)) {
        sok_outgoing_free(s, p);
        return SOK_EINVAL;
    }
    bool multicast = sok_addr_is_multicast(o->dst);
    if (multicast && r->multicast.loop && sok_group_has(s, path->link, &o->dst))
        sok_local_copy(s, data, (uint32_t)len, o, path->link, now);
    if (multicast && r->multicast.ttl == 0) {
        sok_outgoing_free(s, p);
        return 0;
    }
    return sok_ip_send(s, p, o, path, now);
}

static int64_t send_datagram(struct sok_raw *r, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *dest, int64_t now)
{
    size_t len = sok_iov_total(iov, count);
    const struct sok_addr *to = &dest->addr;
    struct sok_endpoint dst = {.addr = *to, .zone = dest->zone};
    struct sok_tcp_path path;
    bool multicast = sok_addr_is_multicast(*to);
    if (r->error)
        return sok_raw_error(r);
    if (sok_addr_is_v4(*to) == r->v6)
        return SOK_EAFNOSUPPORT;
    if (multicast && r->multicast.link >= 0)
        dst.zone = (uint32_t)r->multicast.link + 1;
    if (r->device)
        dst.zone = r->device;
    bool chosen = !multicast || !sok_addr_is_any(r->local);
    int err = sok_stack_route(r->stack, chosen ? &r->local : &r->multicast.source, &dst, &path);
    if (err == 0 && !r->opts.broadcast && sok_dst_kind(r->stack, 0, to) == SOK_DST_BROADCAST)
        err = SOK_EACCES;
    if (err < 0)
        return err;
    struct sok_ip_out o = {
        .src = path.source,
        .dst = *to,
        .proto = r->protocol,
        .tos = r->opts.tos,
        .ttl = multicast ? r->multicast.ttl : r->opts.ttl,
        .reason = SOK_REASON_RAW,
        .conn = r->sock.id,
    };
    sok_ip_discover(&o, &r->opts, &path);
    err = r->hdrincl ? send_given(r, iov, count, len, &o, &path, now)
                     : send_payload(r, iov, count, len, &o, &path, now);
    if (err == SOK_EAGAIN) {
        r->blocked = r->stack->links[path.link]->blocked = true;
        update_ready(r);
    }
    if (err == SOK_EMSGSIZE && r->opts.recverr) {
        struct sok_endpoint told = {.addr = *to, .zone = dest->zone};
        bool by_link = o.by_link || r->hdrincl;
        sok_errqueue_local(
            r->stack, &r->errors, &told, by_link ? path.mtu : sok_tcp_path_mtu(&path));
        update_ready(r);
    }
    return err < 0 ? err : (int64_t)len;
}

int64_t sok_raw_sendto(struct sok_raw *r, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to, int64_t now)
{
    struct sok_endpoint peer = {.addr = r->remote, .zone = r->zone};
    r->stack->now = now;
    if (!to && !r->connected)
        return SOK_ENOTCONN;
    if (!to)
        to = &peer;
    int64_t result = send_datagram(r, iov, count, to, now);
    if (result == SOK_EAGAIN)
        return result;
    struct sok_event *e = sok_stack_call(
        r->stack, r->sock.id, SOK_CALL_SENDTO, (int64_t)sok_iov_total(iov, count), result, now);
    if (e) {
        e->call.has_remote = true;
        e->call.remote.addr = to->addr;
        e->call.remote.zone = to->zone;
    }
    return result;
}

int64_t sok_raw_recvfrom(
    struct sok_raw *r, void *data, size_t len, struct sok_endpoint *from, int64_t *at, int64_t now)
{
    const struct sok_letter *l = r->inbox.first;
    r->stack->now = now;
    if (r->error)
        return sok_raw_error(r);
    if (!l)
        return SOK_EAGAIN;
    *from = sok_scoped(&l->src, (uint8_t)l->from.link, 0);
    *at = l->at;
    int64_t n = (int64_t)sok_inbox_take(r->stack, &r->inbox, data, len);
    update_ready(r);
    struct sok_event *e =
        sok_stack_call(r->stack, r->sock.id, SOK_CALL_RECVFROM, (int64_t)len, n, now);
    if (e) {
        e->call.has_remote = true;
        e->call.remote = *from;
    }
    return n;
}

int sok_raw_error(struct sok_raw *r)
{
    int err = r->error;
    r->error = 0;
    update_ready(r);
    return err;
}

int64_t sok_raw_recv_error(
    struct sok_raw *r, void *data, size_t len, struct sok_dgram_error *out, int64_t now)
{
    r->stack->now = now;
    int64_t n = sok_errqueue_take(r->stack, &r->errors, data, len, out, &r->error);
    update_ready(r);
    return n;
}

void sok_raw_room(struct sok_stack *s)
{
    for (struct sok_raw *r = s->raws; r; r = r->next) {
        r->blocked = false;
        update_ready(r);
    }
}

void sok_raw_about(const struct sok_raw *r, struct sok_sock_about *out)
{
    out->local.addr = r->local;
    out->remote.addr = r->connected ? r->remote : nobody(r);
    out->connected = r->connected;
    out->protocol = r->protocol;
    out->link = r->device - 1;
    out->held = r->inbox.held;
    out->most = sok_inbox_most(r->stack, &r->inbox);
}
