#include "stack/reassembly.h"

#include <string.h>
#include "base/bytes.h"
#include "base/siphash.h"
#include "stack/internal.h"
#include "wire/tcp.h"

// A fragment's bytes, in a buffer of their own: what the frame's buffer holds beside them would not be
// counted.
struct part {
    struct sok_buf *buf;
    uint32_t start, end; // in the datagram, without the IP header
};

// What a fragment says of itself, in IPv4's header or in IPv6's fragment header.
struct fragment {
    uint32_t id;
    uint32_t start; // of its data in the datagram
    bool more;      // others follow
    uint32_t head;  // bytes of the headers that every fragment has
    uint8_t
        proto; // IPv4: which is part of the identification. IPv6: of the first header that was cut,
    size_t proto_at; // and where in the headers of all its number belongs
    bool v6;
};

// The headers that all fragments of a datagram have: IPv4's with options, or IPv6's with the extension headers before
// the fragment header. A sender has no reason for more.
#define HEADERS_MAX 128

struct sok_partial {
    struct sok_map_node node;
    struct sok_partial *older, *newer;
    struct sok_addr src, dst;
    uint32_t id;
    uint8_t proto, proto_at, link; // as in struct fragment, of the first one once it is here
    bool unicast, v6;
    uint64_t order; // in which all began
    int64_t until;
    uint8_t header[HEADERS_MAX]; // of the first fragment, once that is here
    uint32_t header_len;         // 0: it is not
    uint32_t total;              // of the data; 0: the last one is not here
    uint32_t have;               // bytes of it
    uint32_t memory;             // counted in sok_reassembly
    struct part *parts;          // in order, without overlaps
    uint32_t cap, count;
};

void sok_reassembly_init(struct sok_stack *s)
{
    sok_map_init(&s->reassembly.map, sok_stack_mem(s));
}

// ---- finding, beginning, forgetting ----

static uint64_t hash_of(
    const struct sok_stack *s, const struct sok_in *in, const struct fragment *f)
{
    uint8_t key[37];
    memcpy(key, in->src.b, 16);
    memcpy(key + 16, in->dst.b, 16);
    sok_put32(key + 32, f->id);
    key[36] = f->v6 ? 0 : f->proto; // RFC 8200 section 4.5: not part of it
    return sok_siphash(s->hash_key, key, sizeof(key));
}

static struct sok_partial *find(
    const struct sok_stack *s, const struct sok_in *in, const struct fragment *f, uint64_t hash)
{
    struct sok_map_node *n = sok_map_first(&s->reassembly.map, hash);
    for (; n; n = sok_map_next(n)) {
        struct sok_partial *p = SOK_CONTAINER_OF(n, struct sok_partial, node);
        if (sok_addr_eq(p->src, in->src) && sok_addr_eq(p->dst, in->dst) && p->id == f->id &&
            (f->v6 || p->proto == f->proto) && p->link == in->link)
            return p;
    }
    return NULL;
}

static void charge(struct sok_stack *s, struct sok_partial *p, uint32_t bytes)
{
    p->memory += bytes;
    s->reassembly.memory += bytes;
}

static uint32_t part_memory(const struct part *part)
{
    return (uint32_t)sizeof(struct sok_buf) + part->end - part->start;
}

static void enlist(struct sok_partials *l, struct sok_partial *p)
{
    p->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = p;
    l->newest = p;
}

static void forget(struct sok_stack *s, struct sok_partial *p)
{
    struct sok_reassembly *r = &s->reassembly;
    struct sok_partials *l = &r->lists[p->v6];
    sok_map_remove(&r->map, &p->node);
    *(p->older ? &p->older->newer : &l->oldest) = p->newer;
    *(p->newer ? &p->newer->older : &l->newest) = p->older;
    r->count--;
    r->memory -= p->memory;
    for (uint32_t i = 0; i < p->count; i++)
        sok_buf_unref(p->parts[i].buf);
    sok_mem_free(sok_stack_mem(s), p->parts, p->cap * sizeof(*p->parts));
    sok_mem_free(sok_stack_mem(s), p, sizeof(*p));
}

// Of both families; NULL: there is none.
static struct sok_partial *oldest(const struct sok_reassembly *r)
{
    struct sok_partial *a = r->lists[0].oldest, *b = r->lists[1].oldest;
    return !a || (b && b->order < a->order) ? b : a;
}

static void evict(struct sok_stack *s)
{
    sok_stack_drop(s, SOK_DROP_IP_FRAGMENT_LIMIT);
    forget(s, oldest(&s->reassembly));
}

static struct sok_partial *begin(
    struct sok_stack *s, const struct sok_in *in, const struct fragment *f, uint64_t hash)
{
    struct sok_reassembly *r = &s->reassembly;
    if (r->count >= (uint64_t)s->config.frag_datagrams)
        evict(s);
    struct sok_partial *p = sok_mem_zalloc(sok_stack_mem(s), sizeof(*p));
    if (!p)
        return NULL;
    p->src = in->src;
    p->dst = in->dst;
    p->id = f->id;
    p->proto = f->proto;
    p->v6 = f->v6;
    p->link = in->link;
    p->unicast = in->unicast;
    p->order = r->begun++;
    p->until = in->now + (p->v6 ? s->config.frag_timeout6 : s->config.frag_timeout);
    enlist(&r->lists[p->v6], p);
    r->count++;
    sok_map_add(&r->map, &p->node, hash);
    charge(s, p, sizeof(*p));
    return p;
}

// ---- one fragment ----

// What no honest sender makes. A first fragment that leaves out part of the TCP header, or one that would
// overwrite it, is made to fool filters (RFC 1858, RFC 7112).
static bool is_malformed(const struct sok_in *in, const struct fragment *f)
{
    if (in->len == 0 || (f->more && in->len % 8 != 0) || f->head > HEADERS_MAX)
        return true;
    if (f->proto != SOK_IPPROTO_TCP)
        return false;
    return f->start == 0 ? in->len < SOK_TCP_HDR_LEN : f->start < SOK_TCP_HDR_LEN;
}

// Index of the first part that ends after `at`.
static uint32_t part_at(const struct sok_partial *p, uint32_t at)
{
    uint32_t lo = 0, hi = p->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p->parts[mid].end > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

// Whether [start, end) is here already, byte for byte. i: the first part that ends after start.
static bool is_duplicate(
    const struct sok_partial *p, uint32_t i, uint32_t start, uint32_t end, const uint8_t *data)
{
    uint32_t at = start;
    for (; at < end && i < p->count && p->parts[i].start <= at; i++) {
        const struct part *part = &p->parts[i];
        uint32_t stop = part->end < end ? part->end : end;
        if (memcmp(part->buf->data + (at - part->start), data + (at - start), stop - at) != 0)
            return false;
        at = stop;
    }
    return at == end;
}

// Room for one part more, in the array and within the limits; not at the cost of p itself.
static enum sok_drop make_room(struct sok_stack *s, struct sok_partial *p, uint32_t bytes)
{
    struct sok_reassembly *r = &s->reassembly;
    if (p->count >= (uint64_t)s->config.frag_count)
        return SOK_DROP_IP_FRAGMENT_LIMIT;
    uint32_t cap = p->cap ? p->cap * 2 : 4;
    uint32_t grown = p->count == p->cap ? (cap - p->cap) * (uint32_t)sizeof(*p->parts) : 0;
    while (r->memory + grown + bytes > (uint64_t)s->config.frag_memory) {
        if (oldest(r) == p)
            return SOK_DROP_IP_FRAGMENT_LIMIT;
        evict(s);
    }
    if (grown == 0)
        return SOK_DROP_NONE;
    struct part *parts = sok_mem_alloc(sok_stack_mem(s), cap * sizeof(*parts));
    if (!parts)
        return SOK_DROP_NO_MEMORY;
    if (p->count > 0)
        memcpy(parts, p->parts, p->count * sizeof(*parts));
    sok_mem_free(sok_stack_mem(s), p->parts, p->cap * sizeof(*parts));
    p->parts = parts;
    p->cap = cap;
    charge(s, p, grown);
    return SOK_DROP_NONE;
}

static enum sok_drop insert(
    struct sok_stack *s, struct sok_partial *p, uint32_t i, const struct sok_in *in, uint32_t start)
{
    struct part part = {.start = start, .end = start + in->len};
    enum sok_drop bad = make_room(s, p, part_memory(&part));
    if (bad != SOK_DROP_NONE)
        return bad;
    part.buf = sok_buf_new(sok_stack_mem(s), in->len);
    if (!part.buf)
        return SOK_DROP_NO_MEMORY;
    memcpy(part.buf->data, in->data, in->len);
    for (uint32_t k = p->count; k > i; k--)
        p->parts[k] = p->parts[k - 1];
    p->parts[i] = part;
    p->count++;
    p->have += in->len;
    charge(s, p, part_memory(&part));
    return SOK_DROP_NONE;
}

// Whether the whole could still be sent as one packet; if not it is the "ping of death".
static bool is_too_long(const struct sok_partial *p, const struct fragment *f, uint32_t end)
{
    uint32_t header = p->header_len > f->head ? p->header_len : f->head;
    uint32_t here = p->count ? p->parts[p->count - 1].end : 0;
    uint32_t max = p->v6 ? SOK_IP6_HDR_LEN + UINT16_MAX : SOK_IP4_PACKET_MAX;
    return header + (end > here ? end : here) > max;
}

// Whether the datagram, as far as it is known, has this fragment's end inside.
static bool fits(const struct sok_partial *p, const struct fragment *f, uint32_t end)
{
    uint32_t here = p->count ? p->parts[p->count - 1].end : 0;
    if (f->more)
        return p->total == 0 || end <= p->total;
    return p->total ? end == p->total : end >= here;
}

static void keep_header(struct sok_partial *p, const struct sok_in *in, const struct fragment *f)
{
    memcpy(p->header, in->packet, f->head);
    p->header_len = f->head;
    p->proto = f->proto;
    if (p->v6) // in place of the fragment header's number
        p->header[f->proto_at] = f->proto;
    p->proto_at = (uint8_t)f->proto_at;
}

static enum sok_drop add(
    struct sok_stack *s, struct sok_partial *p, struct sok_in *in, const struct fragment *f)
{
    uint32_t start = f->start, end = start + in->len;
    if (is_too_long(p, f, end))
        return SOK_DROP_IP_FRAGMENT;
    if (!fits(p, f, end))
        return SOK_DROP_IP_FRAGMENT_OVERLAP;
    uint32_t i = part_at(p, start);
    if (i < p->count && p->parts[i].start < end) {
        if (!is_duplicate(p, i, start, end, in->data))
            return SOK_DROP_IP_FRAGMENT_OVERLAP;
        in->out->effects |= SOK_EFFECT_DUPLICATE;
        return SOK_DROP_NONE;
    }
    enum sok_drop bad = insert(s, p, i, in, start);
    if (bad != SOK_DROP_NONE)
        return bad;
    if (!f->more)
        p->total = end;
    if (start == 0)
        keep_header(p, in, f);
    return SOK_DROP_NONE;
}

// The header of the first fragment (RFC 791: its options are the whole packet's; RFC 8200 section 4.5), `gap` bytes
// more for the caller, then all the data. NULL: no memory.
static struct sok_buf *join(
    struct sok_stack *s, const struct sok_partial *p, uint32_t gap, uint32_t data_len)
{
    uint32_t head = p->header_len + gap;
    struct sok_buf *buf = sok_buf_new(sok_stack_mem(s), head + data_len);
    if (!buf)
        return NULL;
    memcpy(buf->data, p->header, p->header_len);
    for (uint32_t i = 0; i < p->count && p->parts[i].start < data_len; i++) {
        const struct part *part = &p->parts[i];
        uint32_t end = part->end < data_len ? part->end : data_len;
        memcpy(buf->data + head + part->start, part->buf->data, end - part->start);
    }
    if (p->v6)
        sok_put16(buf->data + 4, (uint16_t)(head + data_len - SOK_IP6_HDR_LEN));
    else
        sok_put16(buf->data + 2, (uint16_t)(head + data_len));
    return buf;
}

static struct sok_buf *join_all(struct sok_stack *s, const struct sok_partial *p)
{
    struct sok_buf *whole = join(s, p, 0, p->total);
    if (whole && !p->v6) {
        sok_put16(whole->data + 6, 0);
        sok_ip4_seal(whole->data, p->header_len);
    }
    return whole;
}

static struct sok_buf *fragment_input(
    struct sok_stack *s, struct sok_in *in, const struct fragment *f)
{
    uint64_t hash = hash_of(s, in, f);
    if (is_malformed(in, f)) {
        in->out->drop = SOK_DROP_IP_FRAGMENT;
        return NULL;
    }
    struct sok_partial *p = find(s, in, f, hash);
    if (!p)
        p = begin(s, in, f, hash);
    in->out->drop = p ? add(s, p, in, f) : SOK_DROP_NO_MEMORY;
    if (in->out->drop != SOK_DROP_NONE) {
        if (p) // nothing is left that others could be joined to
            forget(s, p);
        return NULL;
    }
    p->unicast = p->unicast && in->unicast;
    if (p->total == 0 || p->have < p->total) {
        if (!(in->out->effects & SOK_EFFECT_DUPLICATE))
            in->out->effects |= SOK_EFFECT_PART;
        return NULL;
    }
    struct sok_buf *whole = join_all(s, p);
    in->unicast = p->unicast;
    in->out->effects |= SOK_EFFECT_COMPLETE;
    in->out->drop = whole ? SOK_DROP_NONE : SOK_DROP_NO_MEMORY;
    forget(s, p);
    return whole;
}

struct sok_buf *sok_reassembly_input(struct sok_stack *s, struct sok_in *in)
{
    struct fragment f = {
        .id = in->ip.id,
        .start = in->ip.frag * 8u,
        .more = in->ip.flags & SOK_IP4_MF,
        .head = in->header_len,
        .proto = in->ip.proto,
    };
    return fragment_input(s, in, &f);
}

// A length that is not in units of 8 and one past the longest packet are told to the sender (RFC 8200 section 4.5).
static bool is_refused(struct sok_stack *s, const struct sok_in *in, const struct fragment *f)
{
    uint32_t end = f->head - SOK_IP6_HDR_LEN + f->start + in->len;
    bool length = f->more && in->len % 8 != 0, far = end > UINT16_MAX;
    if (length || far)
        sok_icmp6_answer(s, in, SOK_ICMP6_PARAMETER, SOK_ICMP6_FIELD,
            length ? 4 : in->header_len - SOK_IP6_FRAG_LEN + 2, SOK_REASON_ICMP_PARAMETER);
    return length || far;
}

struct sok_buf *sok_reassembly6_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_ip6_walk *walk)
{
    struct fragment f = {
        .id = walk->frag.id,
        .start = walk->frag.offset * 8u,
        .more = walk->frag.m,
        .head = in->header_len - SOK_IP6_FRAG_LEN,
        .proto = walk->frag.nh,
        .proto_at = walk->before,
        .v6 = true,
    };
    if (is_refused(s, in, &f)) {
        in->out->drop = SOK_DROP_IP_FRAGMENT;
        return NULL;
    }
    return fragment_input(s, in, &f);
}

// ---- time ----

// The first fragment as it came: the headers, the fragment header, its data. NULL: no memory.
static struct sok_buf *first_fragment(struct sok_stack *s, const struct sok_partial *p)
{
    struct sok_buf *first =
        join(s, p, p->v6 ? SOK_IP6_FRAG_LEN : 0, p->parts[0].end - p->parts[0].start);
    if (first && p->v6) {
        struct sok_ip6_frag_hdr h = {.nh = p->proto, .m = 1, .id = p->id};
        first->data[p->proto_at] = SOK_IP6_FRAG;
        sok_ip6_frag_hdr_put(first->data + p->header_len, &h);
    } else if (first) {
        sok_put16(first->data + 6, SOK_IP4_MF << 13);
        sok_ip4_seal(first->data, p->header_len);
    }
    return first;
}

// The sender learns which packet it was by the first fragment.
static void tell_sender(struct sok_stack *s, const struct sok_partial *p, int64_t now)
{
    if (p->header_len == 0)
        return;
    struct sok_buf *first = first_fragment(s, p);
    if (!first)
        return;
    struct sok_in in = {
        .link = p->link,
        .now = now,
        .unicast = p->unicast,
        .v6 = p->v6,
        .proto = p->proto,
        .src = p->src,
        .dst = p->dst,
        .packet = first->data,
        .header_len = p->header_len + (p->v6 ? SOK_IP6_FRAG_LEN : 0),
        .len = p->parts[0].end,
    };
    in.data = first->data + in.header_len;
    if (p->v6) {
        sok_icmp6_answer(
            s, &in, SOK_ICMP6_TIME_EXCEEDED, SOK_ICMP6_REASSEMBLY, 0, SOK_REASON_ICMP_REASSEMBLY);
    } else {
        sok_ip4_hdr_get(first->data, &in.ip);
        sok_icmp_answer(
            s, &in, SOK_ICMP_TIME_EXCEEDED, SOK_ICMP_REASSEMBLY, SOK_REASON_ICMP_REASSEMBLY);
    }
    sok_buf_unref(first);
}

void sok_reassembly_advance(struct sok_stack *s, int64_t now)
{
    for (unsigned i = 0; i < 2; i++) {
        for (struct sok_partial *p; (p = s->reassembly.lists[i].oldest) && p->until <= now;) {
            sok_stack_drop(s, SOK_DROP_IP_FRAGMENT_LATE);
            tell_sender(s, p, now);
            forget(s, p);
        }
    }
}

int64_t sok_reassembly_deadline(const struct sok_stack *s)
{
    int64_t due = SOK_TIME_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        const struct sok_partial *p = s->reassembly.lists[i].oldest;
        due = p && p->until < due ? p->until : due;
    }
    return due;
}

// ---- the end, and invariants ----

void sok_reassembly_free(struct sok_stack *s)
{
    for (struct sok_partial *p; (p = oldest(&s->reassembly));)
        forget(s, p);
    sok_map_free(&s->reassembly.map);
}

static const char *partial_check(const struct sok_partial *p, int64_t count_max)
{
    uint32_t have = 0, memory = sizeof(*p) + p->cap * (uint32_t)sizeof(*p->parts);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct part *part = &p->parts[i];
        if (part->start >= part->end || (i > 0 && p->parts[i - 1].end > part->start))
            return "reassembly: parts overlap";
        if (p->total && part->end > p->total)
            return "reassembly: data behind the end";
        have += part->end - part->start;
        memory += part_memory(part);
    }
    if (p->count == 0 || p->count > (uint64_t)count_max)
        return "reassembly: wrong count of parts";
    if (have != p->have || memory != p->memory)
        return "reassembly: wrong sums of a datagram";
    return p->total && have >= p->total ? "reassembly: whole and not delivered" : NULL;
}

static const char *list_check(const struct sok_stack *s, bool v6, uint32_t *count, uint64_t *memory)
{
    const struct sok_partials *l = &s->reassembly.lists[v6];
    const char *wrong = NULL;
    for (const struct sok_partial *p = l->oldest; p && !wrong; p = p->newer) {
        wrong = partial_check(p, s->config.frag_count);
        *count += 1;
        *memory += p->memory;
        if ((p->newer ? p->newer->older : l->newest) != p || p->v6 != v6)
            wrong = "reassembly: list broken";
        if (p->newer && p->newer->until < p->until)
            wrong = "reassembly: list not in order";
    }
    return wrong;
}

const char *sok_reassembly_check(const struct sok_stack *s)
{
    const struct sok_reassembly *r = &s->reassembly;
    uint32_t count = 0;
    uint64_t memory = 0;
    const char *wrong = list_check(s, false, &count, &memory);
    if (!wrong)
        wrong = list_check(s, true, &count, &memory);
    if (wrong)
        return wrong;
    if (count != r->count || count != sok_map_count(&r->map) || memory != r->memory)
        return "reassembly: wrong sums";
    if (memory > (uint64_t)s->config.frag_memory || count > (uint64_t)s->config.frag_datagrams)
        return "reassembly: over its limits";
    return NULL;
}
