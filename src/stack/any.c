// A stack that answers for every address: the gateway behind the link `user`. What TCP and UDP need for it
// is in tcp/listen.c and udp.c; here are echo requests, which are handed over, and the ICMP errors a
// router would send about packets that did not get through.
#include "stack/internal.h"

#include <string.h>
#include "wire/csum.h"
#include "wire/ip6.h"

void sok_stack_any(struct sok_stack *stack, bool on)
{
    stack->any = stack->loopback_out = on;
}

void sok_stack_loopback_out(struct sok_stack *stack, bool on)
{
    stack->loopback_out = on;
}

// ---- echo requests ----

void sok_stack_echo_hand_over(struct sok_stack *stack, bool on)
{
    stack->echo_handed = on;
}

enum sok_drop sok_echo_hand_over(
    struct sok_stack *s, const struct sok_in *in, uint16_t id, uint16_t seq)
{
    uint32_t len = in->len - SOK_ICMP_HDR_LEN;
    if (!in->unicast)
        return SOK_DROP_ICMP_BROADCAST;
    if (s->echo_count == SOK_ECHO_REQUESTS_MAX)
        return SOK_DROP_OUT_QUEUE;
    struct sok_echo_request *r = sok_mem_alloc(sok_stack_mem(s), sizeof(*r) + len);
    if (!r)
        return SOK_DROP_NO_MEMORY;
    *r = (struct sok_echo_request){
        .from = in->src,
        .to = in->dst,
        .id = id,
        .seq = seq,
        .ttl = in->ttl,
        .tos = in->tos,
        .len = len,
    };
    memcpy(r->data, in->data + SOK_ICMP_HDR_LEN, len);
    if (s->echo_last)
        s->echo_last->next = r;
    else
        s->echo_first = r;
    s->echo_last = r;
    s->echo_count++;
    in->out->effects |= SOK_EFFECT_DELIVERED;
    return SOK_DROP_NONE;
}

struct sok_echo_request *sok_stack_echo_take(struct sok_stack *stack)
{
    struct sok_echo_request *r = stack->echo_first;
    if (!r)
        return NULL;
    stack->echo_first = r->next;
    if (!r->next)
        stack->echo_last = NULL;
    stack->echo_count--;
    return r;
}

void sok_stack_echo_done(struct sok_stack *stack, struct sok_echo_request *r)
{
    sok_mem_free(sok_stack_mem(stack), r, sizeof(*r) + r->len);
}

void sok_any_free(struct sok_stack *s)
{
    for (struct sok_echo_request *r; (r = sok_stack_echo_take(s));)
        sok_stack_echo_done(s, r);
}

// ---- ICMP in the name of others ----

// An ICMP message of `len` bytes behind its header, at *data once it is there; *packet stays the caller's.
static int new_message(struct sok_stack *s, const struct sok_addr *to, const struct sok_icmp_hdr *h,
    size_t len, struct sok_packet **packet, uint8_t **data)
{
    uint8_t *p;
    *packet = sok_ip_new(s, to, SOK_ICMP_HDR_LEN + (uint32_t)len, &p);
    if (!*packet)
        return SOK_ENOMEM;
    sok_icmp_hdr_put(p, h);
    *data = p + SOK_ICMP_HDR_LEN;
    return 0;
}

static int send_message(struct sok_stack *s, struct sok_packet *packet, uint8_t *data, size_t len,
    const struct sok_ip_out *o, int64_t now)
{
    uint8_t *message = data - SOK_ICMP_HDR_LEN;
    struct sok_endpoint to = {.addr = o->dst};
    struct sok_tcp_path path;
    struct sok_csum c;
    int err = sok_stack_route(s, &o->src, &to, &path);
    if (err < 0) {
        sok_outgoing_free(s, packet);
        return err;
    }
    if (o->proto == SOK_IPPROTO_ICMP6) {
        sok_icmp6_seal(message, SOK_ICMP6_HDR_LEN + len, &o->src, &o->dst);
        return sok_ip_send(s, packet, o, &path, now);
    }
    sok_csum_init(&c);
    sok_csum_add(&c, message, SOK_ICMP_HDR_LEN + len);
    sok_put16(message + 2, sok_csum_final(&c));
    return sok_ip_send(s, packet, o, &path, now);
}

int sok_stack_echo_answer(struct sok_stack *stack, const struct sok_echo_request *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl, int64_t now)
{
    bool v4 = sok_addr_is_v4(to->from);
    struct sok_icmp_hdr h = {
        .type = v4 ? SOK_ICMP_ECHO_REPLY : SOK_ICMP6_ECHO_REPLY, .id = to->id, .seq = seq};
    struct sok_ip_out o = {
        .src = to->to,
        .dst = to->from,
        .proto = v4 ? SOK_IPPROTO_ICMP : SOK_IPPROTO_ICMP6,
        .tos = to->tos,
        .ttl = ttl,
        .reason = SOK_REASON_ECHO_REPLY,
    };
    struct sok_packet *packet;
    uint8_t *p;
    stack->now = now;
    int err = new_message(stack, &o.dst, &h, len, &packet, &p);
    if (err < 0)
        return err;
    if (len > 0)
        memcpy(p, data, len);
    return send_message(stack, packet, p, len, &o, now);
}

static enum sok_reason reason_of(const struct sok_complaint *c)
{
    uint8_t port = sok_addr_is_v4(c->asker) ? SOK_ICMP_PORT : SOK_ICMP6_PORT;
    return c->code == port ? SOK_REASON_ICMP_PORT : SOK_REASON_ICMP_PROTO;
}

// The IP header of the packet complained about, as it may have been. Gives its length.
static uint32_t put_about(uint8_t *p, const struct sok_complaint *c)
{
    if (sok_addr_is_v4(c->asker)) {
        struct sok_ip4_hdr about = {
            .version = 4,
            .ihl = SOK_IP4_HDR_LEN / 4,
            .len = (uint16_t)(SOK_IP4_HDR_LEN + c->len),
            .ttl = 1,
            .proto = c->proto,
            .src = sok_addr_to_v4(c->asker),
            .dst = sok_addr_to_v4(c->about),
        };
        sok_ip4_hdr_put(p, &about);
        sok_ip4_seal(p, SOK_IP4_HDR_LEN);
        return SOK_IP4_HDR_LEN;
    }
    struct sok_ip6_hdr about = {.version = 6, .plen = c->len, .nh = c->proto, .hlim = 1};
    memcpy(about.src, c->asker.b, 16);
    memcpy(about.dst, c->about.b, 16);
    sok_ip6_hdr_put(p, &about);
    return SOK_IP6_HDR_LEN;
}

int sok_stack_complain(struct sok_stack *stack, const struct sok_complaint *c, int64_t now)
{
    struct sok_icmp_hdr h = {.type = c->type, .code = c->code};
    bool v4 = sok_addr_is_v4(c->asker);
    uint32_t header_len = v4 ? SOK_IP4_HDR_LEN : SOK_IP6_HDR_LEN;
    struct sok_ip_out o = {
        .src = c->from,
        .dst = c->asker,
        .proto = v4 ? SOK_IPPROTO_ICMP : SOK_IPPROTO_ICMP6,
        .reason = (uint8_t)reason_of(c),
    };
    struct sok_packet *packet;
    uint8_t *p;
    stack->now = now;
    int err = new_message(stack, &o.dst, &h, header_len + sizeof(c->head), &packet, &p);
    if (err < 0)
        return err;
    memcpy(p + put_about(p, c), c->head, sizeof(c->head));
    return send_message(stack, packet, p, header_len + sizeof(c->head), &o, now);
}
