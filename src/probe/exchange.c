#include "probe/exchange.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/bytes.h"
#include "capture/capture.h"
#include "probe/sender.h"

#define LATENCY_MS   1
#define STOP_EVERY   50 // ms: how often stop() is asked while nothing comes
#define NEIGHBOUR_MS 1000
#define HEAR_MAX     100000 // packets in a row: where there are always more, time has to be looked at
#define NOBODY       UINT32_MAX

// A packet that is one of many to the same host, all to other ports say, is found by its finer key: an answer mostly has
// it, too. If not, by the wide one.
enum { WIDE, FINE, KEYS };

// What was sent, as others see it: built and taken apart again, so that nothing of it is left open. That it is only
// where something came that may be its answer; and with one of these that is all there is to it.
struct probe {
    uint8_t *bytes; // NULL: not sent, or nothing more is expected
    struct sok_packet *packet;
    uint64_t hash[KEYS];
    uint32_t next[KEYS]; // of the same chain, later ones; NOBODY
    uint32_t len;
    bool sent;
};

struct chain {
    uint32_t first, last; // NOBODY: it is empty
};

struct run {
    const struct sok_mem *mem;
    const struct sok_book *book;
    const struct sok_exchange_options *o;
    struct sok_exchange *x;
    struct sok_packet *const *packets;
    struct sok_capture *capture;
    struct sok_sender *sender;
    struct probe *probes;
    struct chain *chains[KEYS]; // by hash
    uint32_t chain_count;       // a power of 2, of each
    struct chain
        groups; // sent to a group: the hash of an answer says nothing, it may be to us alone
    const struct sok_proto *ethernet, *ip, *ip6;
    struct sok_craft_world world;
    int64_t asked; // when stop() was asked
    struct sok_lost before;
    char *err;
    uint8_t bytes[SOK_CRAFT_PACKET_MAX];
};

static int64_t wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int no_memory(struct run *r)
{
    snprintf(r->err, SOK_PROBE_ERR_MAX, "no memory for what is sent and heard");
    return SOK_ENOMEM;
}

// ---- hearing ----

// Where IP begins in what was captured, and which; NULL: it is something else.
static const struct sok_proto *find_ip(
    const struct run *r, const struct sok_capture_record *record, uint32_t *at)
{
    uint32_t off = 0;
    if (record->linktype == SOK_CAPTURE_ETHERNET) {
        off = 14;
        while (off < record->len && sok_get16(record->data + off - 2) == 0x8100)
            off += 4;
    }
    *at = off;
    if (off >= record->len)
        return NULL;
    switch (record->data[off] >> 4) {
    case 4:
        return r->ip;
    case 6:
        return r->ip6;
    default:
        return NULL;
    }
}

static void forget(struct run *r, struct probe *probe)
{
    sok_packet_free(probe->packet);
    sok_mem_free(r->mem, probe->bytes, probe->len);
    probe->packet = NULL;
    probe->bytes = NULL;
}

// Of further answers there is no end that the packets set.
static bool has_room(struct run *r, uint32_t sent)
{
    struct sok_exchange *x = r->x;
    if (x->answers_to[sent] == 0)
        return true;
    if (x->more == (r->o->more_max ? r->o->more_max : SOK_EXCHANGE_MORE_MAX)) {
        x->left_out++;
        return false;
    }
    x->more++;
    return true;
}

static int keep(struct run *r, uint32_t sent, struct sok_packet *packet, int64_t time)
{
    struct sok_exchange *x = r->x;
    if (x->answer_count == x->answer_cap) {
        unsigned cap = x->answer_cap ? 2 * x->answer_cap : 64;
        void *more = sok_mem_resize(
            r->mem, x->answers, x->answer_cap * sizeof(*x->answers), cap * sizeof(*x->answers));
        if (!more)
            return no_memory(r);
        x->answers = more;
        x->answer_cap = cap;
    }
    x->answers[x->answer_count++] =
        (struct sok_exchange_answer){sent, sok_packet_pack(packet), time};
    x->answered += x->answers_to[sent]++ == 0;
    if (!r->o->multi)
        forget(r, &r->probes[sent]);
    return 0;
}

static bool is_answer(struct run *r, const struct sok_packet *packet, uint32_t i)
{
    struct probe *probe = &r->probes[i];
    const struct sok_proto *first = sok_packet_layer(r->packets[i], 0);
    if (!probe->packet && probe->bytes &&
        sok_packet_dissect(r->book, first, probe->bytes, probe->len, &probe->packet) < 0)
        return false;
    return probe->packet && sok_packet_answers(packet, probe->packet);
}

// How far a search came.
struct search {
    const struct sok_packet *packet;
    uint64_t hash[KEYS];
    uint32_t again; // has an answer; with `multi` this is another. NOBODY
    bool answered;  // one with this finer key has an answer
};

// Those at the head that have an answer are of no further use, but for one of each finer key, which tells that.
static void shorten(struct run *r, struct chain *chain, int key)
{
    uint32_t i, next;
    while (!r->o->multi && (i = chain->first) != NOBODY && r->x->answers_to[i] > 0) {
        next = r->probes[i].next[key];
        if (key == FINE &&
            (next == NOBODY || r->probes[next].hash[FINE] != r->probes[i].hash[FINE]))
            return;
        chain->first = next;
    }
}

// The first of a chain that has none yet.
static uint32_t asked_among(struct run *r, struct search *s, struct chain *chain, int key)
{
    shorten(r, chain, key);
    for (uint32_t i = chain->first; i != NOBODY; i = r->probes[i].next[key]) {
        if (r->probes[i].hash[key] != s->hash[key])
            continue;
        s->answered |= key == FINE && r->x->answers_to[i] > 0;
        if (r->x->answers_to[i] > 0 && (!r->o->multi || s->again != NOBODY))
            continue;
        if (!is_answer(r, s->packet, i))
            continue;
        if (r->x->answers_to[i] == 0)
            return i;
        s->again = i;
    }
    return NOBODY;
}

static struct chain *chain_at(struct run *r, int key, uint64_t hash)
{
    return &r->chains[key][hash & (r->chain_count - 1)];
}

// What answers once more what has its answer is not taken for the answer to something else.
static uint32_t asked_by(struct run *r, const struct sok_packet *packet)
{
    struct search s = {.packet = packet, .again = NOBODY};
    uint32_t i = NOBODY;
    s.hash[WIDE] = sok_packet_keys(packet, &s.hash[FINE]);
    if (s.hash[FINE] != 0)
        i = asked_among(r, &s, chain_at(r, FINE, s.hash[FINE]), FINE);
    if (i == NOBODY && !s.answered)
        i = asked_among(r, &s, chain_at(r, WIDE, s.hash[WIDE]), WIDE);
    s.hash[WIDE] = 0;
    if (i == NOBODY && !s.answered)
        i = asked_among(r, &s, &r->groups, WIDE);
    return i != NOBODY ? i : s.again;
}

static int hear(struct run *r, const struct sok_capture_record *record)
{
    struct sok_packet *packet;
    const struct sok_proto *first = r->ethernet;
    uint32_t at = 0;
    // A bridge's port shows what the bridge is to get: once is enough.
    if (!r->o->frames && !r->o->interface && record->for_others)
        return 0;
    if (!r->o->frames)
        first = find_ip(r, record, &at);
    else if (record->linktype != SOK_CAPTURE_ETHERNET)
        return 0;
    if (!first)
        return 0;
    if (sok_packet_dissect(r->book, first, record->data + at, record->len - at, &packet) < 0)
        return no_memory(r);
    r->x->heard++;
    uint32_t sent = asked_by(r, packet);
    if (r->o->heard)
        r->o->heard(r->o->told_ctx, sent != NOBODY);
    bool kept = sent != NOBODY && has_room(r, sent);
    int e = kept ? keep(r, sent, packet, record->time) : 0;
    if (!kept || e < 0)
        sok_packet_free(packet);
    return e;
}

static int hear_all(struct run *r)
{
    struct sok_capture_record record;
    int n = 1, e = 0;
    for (unsigned i = 0; i < HEAR_MAX && e == 0; i++) {
        if ((n = sok_capture_next(r->capture, &record)) != 1)
            break;
        e = hear(r, &record);
    }
    if (e == 0 && (n == SOK_ELINKDOWN || n == SOK_ENODEV)) {
        r->x->stopped = r->x->lost = true;
        return 0;
    }
    if (n < 0 && e == 0) {
        snprintf(r->err, SOK_PROBE_ERR_MAX, "listening: %s", sok_strerror(n));
        return n;
    }
    return e;
}

// ---- waiting ----

static bool is_over(struct run *r)
{
    if (!r->x->stopped && r->o->stop && r->o->stop(r->o->stop_ctx))
        r->x->stopped = true;
    r->asked = monotonic();
    return r->x->stopped;
}

static bool has_all(const struct run *r)
{
    return r->x->answered == r->x->count && !r->o->multi;
}

// Hears until then (monotonic; below 0: for ever), or until stopped or (`all`) everything is answered.
static int hear_until(struct run *r, int64_t end, bool all)
{
    for (;;) {
        int e = hear_all(r);
        int64_t left = end - monotonic();
        if (e < 0 || (all && has_all(r)) || is_over(r) || (end >= 0 && left <= 0))
            return e;
        struct pollfd p = {.fd = sok_capture_fd(r->capture), .events = POLLIN};
        int64_t ms = STOP_EVERY * 1000000LL;
        if (end >= 0 && left < ms)
            ms = left;
        struct timespec t = {.tv_sec = 0, .tv_nsec = ms};
        ppoll(&p, 1, &t, NULL);
    }
}

// ---- sending ----

static struct chain *wide_chain(
    struct run *r, const struct probe *probe, const struct sok_packet *packet)
{
    bool group = probe->hash[WIDE] == 0 && (sok_packet_find(packet, r->ip, 1) >= 0 ||
                                               sok_packet_find(packet, r->ip6, 1) >= 0);
    return group ? &r->groups : chain_at(r, WIDE, probe->hash[WIDE]);
}

static void append(struct run *r, struct chain *chain, int key, uint32_t i)
{
    r->probes[i].next[key] = NOBODY;
    if (chain->first == NOBODY)
        chain->first = i;
    else
        r->probes[chain->last].next[key] = i;
    chain->last = i;
}

static int make_probe(struct run *r, uint32_t i, size_t len)
{
    struct probe *probe = &r->probes[i];
    const struct sok_proto *first = sok_packet_layer(r->packets[i], 0);
    struct sok_packet *packet;
    if (probe->sent) // now once more
        return 0;
    probe->len = (uint32_t)len;
    probe->bytes = sok_mem_alloc(r->mem, len);
    if (!probe->bytes || sok_packet_dissect(r->book, first, r->bytes, len, &packet) < 0)
        return no_memory(r);
    memcpy(probe->bytes, r->bytes, len);
    probe->sent = true;
    probe->hash[WIDE] = sok_packet_keys(packet, &probe->hash[FINE]);
    append(r, wide_chain(r, probe, packet), WIDE, i);
    if (probe->hash[FINE] != 0)
        append(r, chain_at(r, FINE, probe->hash[FINE]), FINE, i);
    sok_packet_free(packet);
    return 0;
}

static int send_one(struct run *r, uint32_t i)
{
    int len = sok_packet_build(r->packets[i], 0, &r->world, r->bytes, sizeof(r->bytes));
    if (len < 0) {
        struct sok_craft_error e;
        sok_packet_build_error(r->packets[i], len, &e);
        snprintf(r->err, SOK_PROBE_ERR_MAX, "packet %u cannot be built: %.200s", i + 1, e.text);
        return len;
    }
    int e = make_probe(r, i, (size_t)len);
    if (e == 0) {
        r->x->sent_time[i] = wall();
        e = sok_sender_put(r->sender, r->bytes, (size_t)len, r->err);
    }
    return e;
}

// All that have no answer, at their pace, listening in between.
static int send_all(struct run *r)
{
    int64_t due = monotonic();
    unsigned in_batch = 0;
    int e = 0;
    for (uint32_t i = 0; i < r->x->count && e == 0 && !r->x->stopped; i++) {
        if (r->x->answers_to[i] > 0)
            continue;
        e = send_one(r, i);
        if (e == 0 && (r->o->inter_ns > 0 || ++in_batch % SOK_SENDER_BATCH == 0)) {
            e = sok_sender_flush(r->sender, r->err);
            due += r->o->inter_ns;
            if (e == 0)
                e = r->o->inter_ns > 0 ? hear_until(r, due, false) : hear_all(r);
            if (monotonic() - r->asked > STOP_EVERY * 1000000LL)
                is_over(r);
        }
    }
    return e < 0 || r->x->lost ? e : sok_sender_flush(r->sender, r->err);
}

static int send_and_hear(struct run *r)
{
    int e = 0;
    for (unsigned round = 0; round <= r->o->retry && e == 0; round++) {
        if (round > 0 && (r->x->answered == r->x->count || r->x->stopped))
            break;
        e = send_all(r);
        if (e == 0 && round == 0 && r->o->sent)
            r->o->sent(r->o->told_ctx, (unsigned)sok_sender_sent(r->sender));
        if (e == 0)
            e = hear_until(r, r->o->timeout_ns < 0 ? -1 : monotonic() + r->o->timeout_ns, true);
    }
    return e;
}

// ---- beginning and end ----

static int allocate(struct run *r)
{
    struct sok_exchange *x = r->x;
    unsigned n = x->count;
    for (r->chain_count = 16; r->chain_count < n; r->chain_count *= 2)
        continue;
    x->sent_time = sok_mem_zalloc(r->mem, n * sizeof(*x->sent_time));
    x->answers_to = sok_mem_zalloc(r->mem, n * sizeof(*x->answers_to));
    r->probes = sok_mem_zalloc(r->mem, n * sizeof(*r->probes));
    if (!x->sent_time || !x->answers_to || !r->probes)
        return no_memory(r);
    for (int key = 0; key < KEYS; key++) {
        r->chains[key] = sok_mem_alloc(r->mem, r->chain_count * sizeof(struct chain));
        if (!r->chains[key])
            return no_memory(r);
        memset(r->chains[key], 0xff, r->chain_count * sizeof(struct chain)); // NOBODY
    }
    r->groups = (struct chain){NOBODY, NOBODY};
    return 0;
}

static int open_both(struct run *r, struct sok_ways *ways)
{
    const struct sok_sender_options to = {.interface = r->o->interface,
        .frames = r->o->frames,
        .paced = true,
        .neighbour_ms = NEIGHBOUR_MS};
    const struct sok_capture_options from = {
        .interface = r->o->interface,
        .filter = r->o->filter,
        .ring_bytes = r->o->ring_bytes,
        .latency_ms = LATENCY_MS,
        .incoming = true,
    };
    int e = sok_sender_open(r->mem, ways, &to, &r->sender, r->err);
    return e < 0 ? e : sok_capture_open(r->mem, &from, &r->capture, r->err);
}

static void end(struct run *r)
{
    unsigned n = r->x->count;
    struct sok_lost now;
    if (r->capture) {
        struct sok_capture_stats s;
        sok_capture_stats(r->capture, &s);
        r->x->dropped = s.dropped;
        sok_lost_read(&now);
        r->x->lost_by = sok_lost_since(&r->before, &now);
    }
    sok_capture_close(r->capture);
    sok_sender_close(r->sender);
    for (unsigned i = 0; r->probes && i < n; i++)
        forget(r, &r->probes[i]);
    sok_mem_free(r->mem, r->probes, n * sizeof(*r->probes));
    for (int key = 0; key < KEYS; key++)
        sok_mem_free(r->mem, r->chains[key], r->chain_count * sizeof(struct chain));
    sok_mem_free(r->mem, r, sizeof(*r));
}

int sok_exchange_run(const struct sok_book *book, struct sok_ways *ways,
    struct sok_packet *const *packets, unsigned count, const struct sok_exchange_options *options,
    struct sok_exchange *out, char *err)
{
    const struct sok_mem *mem = sok_book_mem(book);
    *out = (struct sok_exchange){.mem = mem, .count = count};
    if (count == 0) // nobody is asked
        return 0;
    struct run *r = sok_mem_zalloc(mem, sizeof(*r));
    if (!r || count > SOK_EXCHANGE_PACKETS_MAX) {
        sok_mem_free(mem, r, sizeof(*r));
        out->count = 0;
        snprintf(err, SOK_PROBE_ERR_MAX, "no memory for %u packets", count);
        return SOK_ENOMEM;
    }
    r->mem = mem;
    r->book = book;
    r->o = options;
    r->x = out;
    r->packets = packets;
    r->err = err;
    r->ethernet = sok_book_find(book, "Ether");
    r->ip = sok_book_find(book, "IP");
    r->ip6 = sok_book_find(book, "IPv6");
    sok_ways_forget(ways);
    sok_ways_world(ways, NEIGHBOUR_MS, &r->world);
    sok_lost_read(&r->before);
    int e = allocate(r);
    if (e == 0)
        e = open_both(r, ways);
    if (e == 0)
        e = send_and_hear(r);
    end(r);
    return e;
}

void sok_exchange_free(struct sok_exchange *x)
{
    for (unsigned i = 0; i < x->answer_count; i++)
        sok_packet_free(x->answers[i].packet);
    sok_mem_free(x->mem, x->answers, x->answer_cap * sizeof(*x->answers));
    sok_mem_free(x->mem, x->sent_time, x->count * sizeof(*x->sent_time));
    sok_mem_free(x->mem, x->answers_to, x->count * sizeof(*x->answers_to));
    *x = (struct sok_exchange){0};
}

struct sok_packet *sok_exchange_take(struct sok_exchange *x, unsigned answer)
{
    struct sok_packet *packet = x->answers[answer].packet;
    x->answers[answer].packet = NULL;
    return packet;
}
