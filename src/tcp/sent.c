// The scoreboard: what is on its way, as records in sequence order. A record begins as one segment (or
// super-frame) and is cut where a SACK edge, an ACK or the MSS needs it. Sums by flag are kept with it, and
// the order in which what is on its way was sent.
#include <string.h>
#include "tcp/internal.h"

#define NONE SOK_TCP_SENT_NONE

static size_t block_size(uint32_t cap)
{
    return cap * (sizeof(struct sok_tcp_sent) + sizeof(uint16_t));
}

void sok_tcp_sent_free(struct sok_tcp_scoreboard *b, const struct sok_mem *mem)
{
    sok_mem_free(mem, b->pool, block_size(b->cap));
    *b = (struct sok_tcp_scoreboard){0};
}

bool sok_tcp_sent_room(struct sok_tcp_scoreboard *b, const struct sok_mem *mem)
{
    if (b->count < b->cap) {
        return true;
    }
    if (b->count >= SOK_TCP_SENT_MAX) {
        return false;
    }
    uint32_t cap = b->cap ? b->cap * 2 : SOK_TCP_RING_KEPT;
    struct sok_tcp_sent *pool = sok_mem_alloc(mem, block_size(cap));
    if (!pool) {
        return false;
    }
    uint16_t *order = (uint16_t *)(pool + cap);
    if (b->cap) {
        memcpy(pool, b->pool, b->cap * sizeof(*pool));
    } else {
        b->oldest = b->newest = NONE;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        order[i] = b->order[(b->head + i) & (b->cap - 1)];
    }
    for (uint32_t i = b->cap; i < cap; i++) {
        pool[i].newer = (uint16_t)(i + 1 < cap ? i + 1 : NONE);
    }
    b->free = (uint16_t)b->cap; // the pool was full: only the new places are free
    sok_mem_free(mem, b->pool, block_size(b->cap));
    b->pool = pool;
    b->order = order;
    b->cap = cap;
    b->head = 0;
    return true;
}

// ---- the order of time ----

static uint16_t place_of(const struct sok_tcp_scoreboard *b, const struct sok_tcp_sent *r)
{
    return (uint16_t)(r - b->pool);
}

static void unlink_time(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r)
{
    *(r->older == NONE ? &b->oldest : &b->pool[r->older].newer) = r->newer;
    *(r->newer == NONE ? &b->newest : &b->pool[r->newer].older) = r->older;
}

static void link_behind(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, uint16_t older)
{
    uint16_t *from = older == NONE ? &b->oldest : &b->pool[older].newer;
    r->older = older;
    r->newer = *from;
    *from = place_of(b, r);
    *(r->newer == NONE ? &b->newest : &b->pool[r->newer].older) = place_of(b, r);
}

// Where its time belongs. It was lost and is not held to be any more, so it is among the oldest.
static void link_by_time(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r)
{
    uint16_t older = NONE;
    for (uint16_t at = b->oldest; at != NONE; at = b->pool[at].newer) {
        const struct sok_tcp_sent *x = &b->pool[at];
        if (x->at > r->at || (x->at == r->at && sok_seq_gt(x->end, r->end))) {
            break;
        }
        older = at;
    }
    link_behind(b, r, older);
}

static bool on_its_way(const struct sok_tcp_sent *r)
{
    return !(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST));
}

void sok_tcp_sent_again(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, int64_t now)
{
    sok_tcp_sent_unmark(b, r, SOK_SENT_LOST);
    unlink_time(b, r);
    r->at = now;
    r->flags |= SOK_SENT_AGAIN;
    link_behind(b, r, b->newest);
}

// ---- the order of sequence numbers ----

static uint16_t take_place(struct sok_tcp_scoreboard *b)
{
    uint16_t place = b->free;
    assert(b->count < b->cap && place != NONE);
    b->free = b->pool[place].newer;
    return place;
}

void sok_tcp_sent_push(struct sok_tcp_scoreboard *b, uint32_t start, uint32_t end, int64_t now)
{
    uint16_t place = take_place(b);
    struct sok_tcp_sent *r = &b->pool[place];
    *r = (struct sok_tcp_sent){.at = now, .first = now, .start = start, .end = end};
    b->order[(b->head + b->count++) & (b->cap - 1)] = place;
    link_behind(b, r, b->newest);
}

void sok_tcp_sent_pop(struct sok_tcp_scoreboard *b)
{
    struct sok_tcp_sent *r = sok_tcp_sent_at(b, 0);
    uint32_t len = r->end - r->start;
    b->sacked -= r->flags & SOK_SENT_SACKED ? len : 0;
    b->lost -= r->flags & SOK_SENT_LOST ? len : 0;
    if (on_its_way(r)) {
        unlink_time(b, r);
    }
    r->newer = b->free;
    b->free = place_of(b, r);
    b->head++;
    b->count--;
}

void sok_tcp_sent_trim(struct sok_tcp_scoreboard *b, uint32_t seq)
{
    struct sok_tcp_sent *r = sok_tcp_sent_at(b, 0);
    uint32_t gone = seq - r->start;
    assert(sok_seq_ge(seq, r->start) && sok_seq_lt(seq, r->end));
    b->sacked -= r->flags & SOK_SENT_SACKED ? gone : 0;
    b->lost -= r->flags & SOK_SENT_LOST ? gone : 0;
    r->start = seq;
}

uint32_t sok_tcp_sent_find(const struct sok_tcp_scoreboard *b, uint32_t seq)
{
    uint32_t lo = 0, hi = b->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sok_seq_gt(sok_tcp_sent_at(b, mid)->end, seq)) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

bool sok_tcp_sent_split(
    struct sok_tcp_scoreboard *b, const struct sok_mem *mem, uint32_t i, uint32_t seq)
{
    if (!sok_tcp_sent_room(b, mem)) {
        return false;
    }
    struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
    uint32_t mask = b->cap - 1;
    uint16_t place = take_place(b);
    assert(sok_seq_gt(seq, r->start) && sok_seq_lt(seq, r->end));
    for (uint32_t k = b->count; k > i + 1; k--) {
        b->order[(b->head + k) & mask] = b->order[(b->head + k - 1) & mask];
    }
    b->order[(b->head + i + 1) & mask] = place;
    b->count++;
    struct sok_tcp_sent *rest = &b->pool[place];
    *rest = *r;
    r->end = rest->start = seq;
    if (on_its_way(r)) {
        link_behind(b, rest, place_of(b, r));
    }
    return true;
}

static uint32_t *sum_of(struct sok_tcp_scoreboard *b, uint8_t flag)
{
    return flag == SOK_SENT_SACKED ? &b->sacked : flag == SOK_SENT_LOST ? &b->lost : NULL;
}

void sok_tcp_sent_mark(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, uint8_t flag)
{
    uint32_t *sum = sum_of(b, flag);
    if (flag == SOK_SENT_LOST && (b->lost == 0 || sok_seq_lt(r->start, b->lost_from))) {
        b->lost_from = r->start;
    }
    if (sum && on_its_way(r)) {
        unlink_time(b, r);
    }
    if (sum && !(r->flags & flag)) {
        *sum += r->end - r->start;
    }
    r->flags |= flag;
}

void sok_tcp_sent_unmark(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, uint8_t flag)
{
    uint32_t *sum = sum_of(b, flag);
    bool had = r->flags & flag;
    r->flags = (uint8_t)(r->flags & ~flag);
    if (sum && had) {
        *sum -= r->end - r->start;
        if (on_its_way(r)) {
            link_by_time(b, r);
        }
    }
}
