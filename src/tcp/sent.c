// The scoreboard: what is on its way, as records in sequence order. A record begins as one segment (or
// super-frame) and is cut where a SACK edge, an ACK or the MSS needs it. Sums by flag are kept with it.
#include "tcp/internal.h"

void sok_tcp_sent_free(struct sok_tcp_scoreboard *b, const struct sok_mem *mem)
{
    sok_mem_free(mem, b->ring, b->cap * sizeof(b->ring[0]));
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
    struct sok_tcp_sent *ring = sok_mem_alloc(mem, cap * sizeof(*ring));
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        ring[i] = *sok_tcp_sent_at(b, i);
    }
    sok_mem_free(mem, b->ring, b->cap * sizeof(*ring));
    b->ring = ring;
    b->cap = cap;
    b->head = 0;
    return true;
}

void sok_tcp_sent_push(struct sok_tcp_scoreboard *b, uint32_t start, uint32_t end, int64_t now)
{
    assert(b->count < b->cap);
    *sok_tcp_sent_at(b, b->count++) = (struct sok_tcp_sent){.at = now, .start = start, .end = end};
}

void sok_tcp_sent_pop(struct sok_tcp_scoreboard *b)
{
    struct sok_tcp_sent *r = sok_tcp_sent_at(b, 0);
    sok_tcp_sent_unmark(b, r, SOK_SENT_SACKED);
    sok_tcp_sent_unmark(b, r, SOK_SENT_LOST);
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
    assert(sok_seq_gt(seq, r->start) && sok_seq_lt(seq, r->end));
    for (uint32_t k = b->count; k > i + 1; k--) {
        *sok_tcp_sent_at(b, k) = *sok_tcp_sent_at(b, k - 1);
    }
    b->count++;
    struct sok_tcp_sent *rest = sok_tcp_sent_at(b, i + 1);
    *rest = *r;
    r->end = rest->start = seq;
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
    if (sum && !(r->flags & flag)) {
        *sum += r->end - r->start;
    }
    r->flags |= flag;
}

void sok_tcp_sent_unmark(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, uint8_t flag)
{
    uint32_t *sum = sum_of(b, flag);
    if (sum && (r->flags & flag)) {
        *sum -= r->end - r->start;
    }
    r->flags = (uint8_t)(r->flags & ~flag);
}
