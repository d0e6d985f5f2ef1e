// What the notation remembers between lines, and the lines of all events but packets.
#include "host/notation.h"

#include <stdio.h>
#include <string.h>
#include "base/container.h"
#include "base/err.h"
#include "host/notation_flow.h"
#include "wire/dhcp.h"

// FNV-1a: ids are our own; strangers' endpoints are at most SOK_NOTATION_OVER_MAX.
static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t hash_id(uint32_t id)
{
    return hash_bytes(UINT64_C(0xcbf29ce484222325), &id, sizeof id);
}

static uint64_t hash_ends(const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    h = hash_bytes(h, local->addr.b, sizeof local->addr.b);
    h = hash_bytes(h, &local->port, sizeof local->port);
    h = hash_bytes(h, remote->addr.b, sizeof remote->addr.b);
    return hash_bytes(h, &remote->port, sizeof remote->port);
}

static bool endpoint_eq(const struct sok_endpoint *a, const struct sok_endpoint *b)
{
    return a->port == b->port && sok_addr_eq(a->addr, b->addr);
}

struct sok_notation *sok_notation_new(void)
{
    struct sok_mem mem = sok_mem_libc();
    struct sok_notation *n = sok_mem_zalloc(&mem, sizeof *n);
    if (!n)
        return NULL;
    n->mem = mem;
    sok_map_init(&n->ids, &n->mem);
    sok_map_init(&n->ends, &n->mem);
    return n;
}

static void flow_free(struct sok_notation *n, struct sok_flow *f)
{
    if (f->id)
        sok_map_remove(&n->ids, &f->by_id);
    if (f->has_ends)
        sok_map_remove(&n->ends, &f->by_ends);
    sok_mem_free(&n->mem, f, sizeof *f);
}

void sok_notation_free(struct sok_notation *n)
{
    if (!n)
        return;
    for (unsigned i = 0; i < SOK_NOTATION_OVER_MAX; i++) {
        if (n->over[i])
            flow_free(n, n->over[i]);
    }
    struct sok_map_iter it;
    for (struct sok_map_node *node = sok_map_begin(&n->ids, &it); node;
         node = sok_map_step(&n->ids, &it))
        flow_free(n, SOK_CONTAINER_OF(node, struct sok_flow, by_id));
    sok_map_free(&n->ids);
    sok_map_free(&n->ends);
    struct sok_mem mem = n->mem;
    sok_mem_free(&mem, n, sizeof *n);
}

void sok_notation_start(struct sok_notation *n, int64_t now)
{
    n->started = true;
    n->start = now;
}

unsigned sok_notation_tags(const struct sok_notation *n)
{
    return n->tags;
}

static struct sok_flow *flow_of_id(struct sok_notation *n, uint32_t id)
{
    for (struct sok_map_node *m = sok_map_first(&n->ids, hash_id(id)); m; m = sok_map_next(m)) {
        struct sok_flow *f = SOK_CONTAINER_OF(m, struct sok_flow, by_id);
        if (f->id == id)
            return f;
    }
    return NULL;
}

struct sok_flow *sok_notation_flow_of_ends(
    struct sok_notation *n, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    uint64_t hash = hash_ends(local, remote);
    for (struct sok_map_node *m = sok_map_first(&n->ends, hash); m; m = sok_map_next(m)) {
        struct sok_flow *f = SOK_CONTAINER_OF(m, struct sok_flow, by_ends);
        if (endpoint_eq(&f->local, local) && endpoint_eq(&f->remote, remote))
            return f;
    }
    return NULL;
}

// Of two flows with the same ends the newer is meant.
static void flow_set_ends(struct sok_notation *n, struct sok_flow *f,
    const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    if (f->has_ends) {
        if (endpoint_eq(&f->local, local) && endpoint_eq(&f->remote, remote))
            return;
        sok_map_remove(&n->ends, &f->by_ends);
    }
    struct sok_flow *old = sok_notation_flow_of_ends(n, local, remote);
    if (old) {
        sok_map_remove(&n->ends, &old->by_ends);
        old->has_ends = false;
    }
    f->local = *local;
    f->remote = *remote;
    f->has_ends = true;
    sok_map_add(&n->ends, &f->by_ends, hash_ends(local, remote));
}

static void flow_over(struct sok_notation *n, struct sok_flow *f)
{
    struct sok_flow **slot = &n->over[n->over_next++ % SOK_NOTATION_OVER_MAX];
    if (f->id) {
        sok_map_remove(&n->ids, &f->by_id);
        f->was = f->id;
        f->id = 0;
    }
    if (*slot)
        flow_free(n, *slot);
    *slot = f;
}

static struct sok_flow *flow_new(struct sok_notation *n, uint32_t id)
{
    struct sok_flow *f = sok_mem_zalloc(&n->mem, sizeof *f);
    if (!f)
        return NULL;
    if (id) {
        f->id = id;
        sok_map_add(&n->ids, &f->by_id, hash_id(id));
    } else {
        flow_over(n, f);
    }
    return f;
}

// The flow of a connection or socket; a new one gets the next number.
static struct sok_flow *flow_of_conn(struct sok_notation *n, uint32_t id, bool listener)
{
    struct sok_flow *f = flow_of_id(n, id);
    // What comes last of a connection that is over; new ones are rare enough to look.
    for (unsigned i = 0; !f && i < SOK_NOTATION_OVER_MAX && n->over[i]; i++)
        f = n->over[i]->was == id ? n->over[i] : NULL;
    if (f)
        return f;
    f = flow_new(n, id);
    if (!f)
        return NULL;
    f->listener = listener;
    f->tag = listener ? 0 : ++n->tags;
    return f;
}

struct sok_flow *sok_notation_flow(struct sok_notation *n, uint32_t id,
    const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    struct sok_flow *f =
        id ? flow_of_conn(n, id, false) : sok_notation_flow_of_ends(n, local, remote);
    if (!f)
        f = flow_new(n, 0);
    if (f && !f->listener)
        flow_set_ends(n, f, local, remote);
    return f;
}

static void set_tag(struct sok_line *l, const struct sok_flow *f)
{
    if (f && f->tag)
        snprintf(l->tag, sizeof l->tag, "%u", f->tag);
}

void sok_notation_tag(struct sok_notation *n, uint32_t id, struct sok_line *l)
{
    set_tag(l, id ? flow_of_conn(n, id, false) : NULL);
}

static bool call_has_amount(uint8_t call)
{
    return call == SOK_CALL_SEND || call == SOK_CALL_RECV || call == SOK_CALL_SENDTO ||
           call == SOK_CALL_RECVFROM || call == SOK_CALL_PING;
}

static void line_of_call(struct sok_notation *n, const struct sok_event *e, struct sok_line *l)
{
    l->call = e->call.call;
    l->has |= SOK_HAS(CALL);
    bool listen = l->call == SOK_CALL_LISTEN, accept = l->call == SOK_CALL_ACCEPT;
    struct sok_flow *f = e->conn ? flow_of_conn(n, e->conn, listen) : NULL;
    set_tag(l, f);
    // The first end is whom it is for (of listen: where), `from` is the other; accept tells who came.
    bool first = listen ? e->call.has_local : e->call.has_remote && !accept;
    bool from = accept ? e->call.has_remote : e->call.has_local && !listen && e->call.local.port;
    if (first) {
        l->src = listen ? e->call.local : e->call.remote;
        l->has |= SOK_HAS(TO);
    }
    if (from) {
        l->dst = accept ? e->call.remote : e->call.local;
        l->has |= SOK_HAS(FROM);
    }
    if (f && !f->listener && e->call.has_remote && e->call.has_local && e->call.local.port &&
        l->call == SOK_CALL_CONNECT) {
        flow_set_ends(n, f, &e->call.local, &e->call.remote);
        f->introduced = true;
    }
    if (e->call.amount >= 0 && call_has_amount(l->call)) {
        l->amount = e->call.amount;
        l->has |= SOK_HAS(AMOUNT);
    } else if (e->call.amount >= 0 && listen) {
        l->backlog = (uint32_t)e->call.amount;
        l->has |= SOK_HAS(BACKLOG);
    }
    if (e->call.result < 0) {
        // connect is always begun, never done, when it returns: no news.
        if (l->call != SOK_CALL_CONNECT || e->call.result != SOK_EINPROGRESS)
            snprintf(l->reason, sizeof l->reason, "%s", sok_strerror((int)e->call.result));
    } else if ((l->has & SOK_HAS(AMOUNT)) && e->call.result != e->call.amount &&
               l->call != SOK_CALL_PING) {
        l->result = e->call.result;
        l->has |= SOK_HAS(RESULT);
        if (l->call == SOK_CALL_RECV && e->call.result == 0)
            snprintf(l->reason, sizeof l->reason, "end of stream");
    }
}

static void line_of_addr(const struct sok_event *e, struct sok_line *l)
{
    const uint8_t *m = e->addr.mac;
    char addr[SOK_ADDR_TEXT_MAX];
    int n = snprintf(l->reason, sizeof l->reason, "%s/%u %s", sok_addr_format(e->addr.addr, addr),
        e->addr.prefix_len, sok_addr_news_text(e->addr.what));
    if (e->addr.what != SOK_ADDR_TAKEN && e->addr.what != SOK_ADDR_DEFENDED)
        return;
    snprintf(l->reason + n, sizeof l->reason - (size_t)n, " %s %02x:%02x:%02x:%02x:%02x:%02x",
        e->addr.what == SOK_ADDR_TAKEN ? "by" : "against", m[0], m[1], m[2], m[3], m[4], m[5]);
}

// " WORD ADDRESS" behind what is there, unless it was not said.
static void add_addr(struct sok_line *l, const char *name, struct sok_addr addr)
{
    char text[SOK_ADDR_TEXT_MAX];
    size_t n = strlen(l->reason);
    if (!sok_addr_is_any(addr))
        snprintf(l->reason + n, sizeof l->reason - n, " %s %s", name, sok_addr_format(addr, text));
}

// "offer 192.0.2.7/24 lease 1h server 192.0.2.1 router 192.0.2.1 dns 192.0.2.53"
static void line_of_dhcp(const struct sok_event *e, struct sok_line *l)
{
    char addr[SOK_ADDR_TEXT_MAX], lease[SOK_DHCP_LEASE_TEXT_MAX];
    const char *message = sok_dhcp_message_text(e->dhcp.message);
    int n = snprintf(l->reason, sizeof l->reason, "%s", message ? message : "message");
    if (!sok_addr_is_any(e->dhcp.addr))
        snprintf(l->reason + n, sizeof l->reason - (size_t)n, " %s/%u lease %s",
            sok_addr_format(e->dhcp.addr, addr), e->dhcp.prefix_len,
            sok_dhcp_lease_text(
                e->dhcp.lease == INT64_MAX ? UINT32_MAX : (uint32_t)(e->dhcp.lease / 1000000000),
                lease));
    add_addr(l, "server", e->dhcp.server);
    add_addr(l, "router", e->dhcp.router);
    add_addr(l, "dns", e->dhcp.dns);
}

static void line_of_change(struct sok_notation *n, const struct sok_event *e, struct sok_line *l)
{
    struct sok_flow *f = e->conn ? flow_of_conn(n, e->conn, false) : NULL;
    set_tag(l, f);
    switch (e->kind) {
    case SOK_EVENT_STATE:
        l->kind = SOK_LINE_STATE;
        l->has = SOK_HAS(STATES);
        l->from = e->state.from;
        l->to = e->state.to;
        if (f && f->id && l->to == SOK_TCP_CLOSED)
            flow_over(n, f);
        break;
    case SOK_EVENT_RTT:
        l->kind = SOK_LINE_RTT;
        l->has = SOK_HAS(SAMPLE) | SOK_HAS(SRTT) | SOK_HAS(RTTVAR) | SOK_HAS(RTO);
        l->sample = e->rtt.sample;
        l->srtt = e->rtt.srtt;
        l->rttvar = e->rtt.rttvar;
        l->rto = e->rtt.rto;
        break;
    case SOK_EVENT_CWND:
        l->kind = SOK_LINE_CWND;
        l->has = SOK_HAS(BYTES) | SOK_HAS(SSTHRESH);
        l->bytes = e->cwnd.cwnd;
        l->ssthresh = e->cwnd.ssthresh;
        snprintf(l->reason, sizeof l->reason, "%s", sok_reason_text(e->cwnd.why));
        break;
    case SOK_EVENT_LOSS:
        l->kind = SOK_LINE_LOSS;
        l->has = SOK_HAS(SEQ) | SOK_HAS(LEN);
        l->seq = e->loss.seq;
        l->len = e->loss.len;
        snprintf(l->reason, sizeof l->reason, "%s", sok_reason_text(e->loss.by));
        break;
    case SOK_EVENT_HELD:
        l->kind = SOK_LINE_HELD;
        l->has = e->held.bytes ? SOK_HAS(BYTES) : 0; // a SYN has none
        l->bytes = e->held.bytes;
        snprintf(l->reason, sizeof l->reason, "%s", sok_hold_text(e->held.by));
        break;
    default:
        l->kind = SOK_LINE_ERROR;
        snprintf(l->reason, sizeof l->reason, "%s", sok_strerror(e->error.err));
        break;
    }
}

int64_t sok_notation_time(struct sok_notation *n, int64_t now)
{
    if (!n->started)
        sok_notation_start(n, now);
    return now - n->start;
}

void sok_notation_line(struct sok_notation *n, const struct sok_event *e, struct sok_line *out)
{
    memset(out, 0, sizeof *out);
    if (!n->started)
        sok_notation_start(n, e->now);
    out->has_time = true;
    out->time = e->now - n->start;
    switch (e->kind) {
    case SOK_EVENT_CALL:
        out->kind = SOK_LINE_CALL;
        line_of_call(n, e, out);
        break;
    case SOK_EVENT_IN:
    case SOK_EVENT_OUT:
        out->kind = e->kind == SOK_EVENT_IN ? SOK_LINE_IN : SOK_LINE_OUT;
        sok_notation_packet(n, e, out);
        break;
    case SOK_EVENT_ADDR:
        out->kind = SOK_LINE_ADDR;
        line_of_addr(e, out);
        break;
    case SOK_EVENT_DHCP:
        out->kind = SOK_LINE_DHCP;
        line_of_dhcp(e, out);
        break;
    case SOK_EVENT_LOST:
        out->kind = SOK_LINE_LOST;
        out->has = SOK_HAS(EVENTS);
        out->amount = (int64_t)e->lost.count;
        break;
    default:
        line_of_change(n, e, out);
        break;
    }
}

bool sok_line_merge(struct sok_line *line, const struct sok_line *next)
{
    if (line->kind != SOK_LINE_IN || next->kind != SOK_LINE_RTT || line->time != next->time ||
        strcmp(line->tag, next->tag) != 0)
        return false;
    char text[SOK_DURATION_MAX];
    size_t used = strlen(line->reason);
    snprintf(line->reason + used, sizeof line->reason - used, "%srtt %s", used ? ", " : "",
        sok_duration_format(next->sample, true, text));
    return true;
}
