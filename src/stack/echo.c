// ICMP echo sockets (RFC 792, RFC 4443 section 4): one identifier each, of both families. A reply counts when it answers a request that is still
// remembered: same identifier, sequence number and host, once.
#include "stack/internal.h"

#include <string.h>
#include "wire/csum.h"
#include "wire/ip6.h"

#define ASKED_MAX   128 // requests remembered; the oldest is forgotten
#define REPLIES_MAX 64  // replies that wait to be read

struct asked {
    struct sok_addr to;
    int64_t at;
    uint16_t seq;
    bool open;
};

struct sok_echo {
    struct sok_sock sock;
    struct sok_stack *stack;
    struct sok_map_node node; // in stack->echo, by identifier
    uint16_t id;
    bool v6; // the last request was of IPv6
    uint32_t asked_next, reply_head, reply_count;
    struct asked asked[ASKED_MAX];
    struct sok_echo_reply replies[REPLIES_MAX];
};

static void update_ready(struct sok_echo *e)
{
    uint32_t bits = SOK_READY_OUT | (e->reply_count ? SOK_READY_IN : 0);
    sok_sock_ready(&e->stack->changed, &e->sock, bits);
}

static struct sok_echo *find(const struct sok_stack *s, uint16_t id)
{
    struct sok_map_node *n = sok_map_first(&s->echo, id);
    return n ? SOK_CONTAINER_OF(n, struct sok_echo, node) : NULL;
}

int sok_echo_open(struct sok_stack *stack, struct sok_echo **out)
{
    if (sok_map_count(&stack->echo) > UINT16_MAX / 2)
        return SOK_EADDRINUSE;
    struct sok_echo *e = sok_mem_zalloc(sok_stack_mem(stack), sizeof(*e));
    if (!e)
        return SOK_ENOMEM;
    e->id = (uint16_t)sok_stack_random(stack);
    while (find(stack, e->id))
        e->id++;
    e->stack = stack;
    e->sock.kind = SOK_SOCK_ECHO;
    sok_sock_born(&stack->socks, &e->sock);
    sok_map_add(&stack->echo, &e->node, e->id);
    update_ready(e);
    *out = e;
    return 0;
}

static void free_socket(struct sok_echo *e)
{
    sok_map_remove(&e->stack->echo, &e->node);
    sok_sock_forget(&e->stack->changed, &e->sock);
    sok_sock_gone(&e->stack->socks, &e->sock);
    sok_mem_free(sok_stack_mem(e->stack), e, sizeof(*e));
}

void sok_echo_close(struct sok_echo *e)
{
    sok_stack_call(e->stack, e->sock.id, SOK_CALL_CLOSE, -1, 0, e->stack->now);
    free_socket(e);
}

void sok_echo_free_all(struct sok_stack *s)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&s->echo, &it); n; n = sok_map_step(&s->echo, &it))
        free_socket(SOK_CONTAINER_OF(n, struct sok_echo, node));
}

// ---- asking ----

static void remember(struct sok_echo *e, const struct sok_addr *to, uint16_t seq, int64_t now)
{
    e->asked[e->asked_next++ % ASKED_MAX] =
        (struct asked){.to = *to, .at = now, .seq = seq, .open = true};
}

// The headers of both families' messages are alike but for the type, and the pseudo header in the sum.
static void build(uint8_t *p, const struct sok_icmp_hdr *echo, const void *data, size_t len,
    const struct sok_addr *src, const struct sok_addr *dst)
{
    struct sok_icmp_hdr h = *echo;
    bool v4 = sok_addr_is_v4(*dst);
    h.type = v4 ? SOK_ICMP_ECHO : SOK_ICMP6_ECHO;
    sok_icmp_hdr_put(p, &h);
    if (len > 0)
        memcpy(p + SOK_ICMP_HDR_LEN, data, len);
    if (!v4) {
        sok_icmp6_seal(p, SOK_ICMP6_HDR_LEN + len, src, dst);
        return;
    }
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add(&c, p, SOK_ICMP_HDR_LEN + len);
    sok_put16(p + 2, sok_csum_final(&c));
}

static int send_echo(struct sok_echo *e, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl, int64_t now)
{
    struct sok_stack *s = e->stack;
    bool v4 = sok_addr_is_v4(to->addr);
    struct sok_addr any = v4 ? sok_addr_v4(0) : (struct sok_addr){{0}};
    struct sok_tcp_path path;
    int err = sok_stack_route(s, &any, to, &path);
    if (err < 0)
        return err;
    if (len + SOK_ICMP_HDR_LEN > sok_ip_data_max(&to->addr))
        return SOK_EMSGSIZE;
    uint8_t *p;
    struct sok_packet *packet = sok_ip_new(s, &to->addr, SOK_ICMP_HDR_LEN + (uint32_t)len, &p);
    if (!packet)
        return SOK_ENOMEM;
    struct sok_icmp_hdr h = {.id = e->id, .seq = seq};
    e->v6 = !v4;
    build(p, &h, data, len, &path.source, &to->addr);
    struct sok_ip_out o = {
        .src = path.source,
        .dst = to->addr,
        .proto = v4 ? SOK_IPPROTO_ICMP : SOK_IPPROTO_ICMP6,
        .ttl = ttl,
        .reason = SOK_REASON_ECHO_ASK,
        .conn = e->sock.id,
    };
    remember(
        e, &to->addr, seq, now); // before sending, which can fail at once for want of a neighbour
    return sok_ip_send(s, packet, &o, &path, now);
}

int sok_echo_send(struct sok_echo *e, const struct sok_addr *to, uint16_t seq, const void *data,
    size_t len, uint8_t ttl, int64_t now)
{
    struct sok_endpoint dst = {.addr = *to};
    return sok_echo_sendto(e, &dst, seq, data, len, ttl, now);
}

int sok_echo_sendto(struct sok_echo *e, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl, int64_t now)
{
    e->stack->now = now;
    struct sok_event *ev =
        sok_stack_call(e->stack, e->sock.id, SOK_CALL_PING, (int64_t)len, 0, now);
    uint64_t position = sok_events_next(&e->stack->events) - 1;
    if (ev) {
        ev->call.has_remote = true;
        ev->call.remote = *to;
        ev->call.remote.port = 0;
    }
    int err = send_echo(e, to, seq, data, len, ttl, now);
    ev = ev ? sok_events_at(&e->stack->events, position) : NULL;
    if (ev)
        ev->call.result = err;
    return err;
}

// ---- answers ----

static void push_reply(struct sok_echo *e, const struct sok_echo_reply *r)
{
    if (e->reply_count == REPLIES_MAX) {
        e->reply_head++;
        e->reply_count--;
    }
    e->replies[(e->reply_head + e->reply_count++) % REPLIES_MAX] = *r;
    update_ready(e);
    sok_sock_touch(&e->stack->changed, &e->sock);
}

// The newest open request with this sequence number to this host, or to a group.
static struct asked *find_asked(struct sok_echo *e, const struct sok_addr *host, uint16_t seq)
{
    for (uint32_t i = 1; i <= ASKED_MAX; i++) {
        struct asked *a = &e->asked[(e->asked_next - i) % ASKED_MAX];
        if (!a->open || a->seq != seq)
            continue;
        if (sok_addr_eq(a->to, *host))
            return a;
        enum sok_dst_kind kind = sok_dst_kind(e->stack, 0, &a->to);
        if (kind == SOK_DST_BROADCAST || kind == SOK_DST_MULTICAST)
            return a;
    }
    return NULL;
}

uint32_t sok_echo_reply_input(
    struct sok_stack *s, const struct sok_in *in, uint8_t type, uint16_t id, uint16_t seq)
{
    struct sok_echo *e = find(s, id);
    struct asked *a = e ? find_asked(e, &in->src, seq) : NULL;
    if (!a)
        return 0;
    struct sok_echo_reply r = {
        .from = in->src,
        .seq = seq,
        .ttl = in->ttl,
        .icmp_type = type,
        .rtt = in->now - a->at,
        .len = in->len - SOK_ICMP_HDR_LEN,
    };
    a->open = !sok_addr_eq(a->to, in->src); // a group answers with many
    push_reply(e, &r);
    return e->sock.id;
}

uint32_t sok_echo_news(struct sok_stack *s, const struct sok_icmp_news *n, int64_t now)
{
    struct sok_echo *e = find(s, n->echo_id);
    struct asked *a = e ? find_asked(e, &n->remote.addr, n->echo_seq) : NULL;
    if (!a)
        return 0;
    struct sok_echo_reply r = {
        .from = n->from,
        .err = n->err,
        .seq = n->echo_seq,
        .icmp_type = n->type,
        .icmp_code = n->code,
        .rtt = now - a->at,
    };
    a->open = false;
    push_reply(e, &r);
    return e->sock.id;
}

int sok_echo_recv(struct sok_echo *e, struct sok_echo_reply *out, int64_t now)
{
    e->stack->now = now;
    if (e->reply_count == 0)
        return SOK_EAGAIN;
    *out = e->replies[e->reply_head++ % REPLIES_MAX];
    e->reply_count--;
    update_ready(e);
    return 0;
}

void sok_echo_about(const struct sok_echo *e, struct sok_sock_about *out)
{
    out->local = (struct sok_endpoint){.port = e->id};
    out->protocol = e->v6 ? SOK_IPPROTO_ICMP6 : SOK_IPPROTO_ICMP;
    if (!e->v6)
        out->local.addr = sok_addr_v4(0);
    out->held = e->reply_count * sizeof(e->replies[0]);
    out->most = sizeof(e->replies);
}
