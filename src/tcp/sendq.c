// The send buffer: bytes from SND.UNA to the last one the application gave, as a ring of chunks in
// sequence order. Small writes are appended to the last chunk; acknowledged chunks are given back.
#include <string.h>
#include "tcp/internal.h"

static struct sok_tcp_chunk *chunk_at(const struct sok_tcp_sendq *q, uint32_t i)
{
    return &q->ring[(q->head + i) & (q->cap - 1)];
}

void sok_tcp_sendq_init(struct sok_tcp_sendq *q, uint32_t seq)
{
    memset(q, 0, sizeof(*q));
    q->start = q->end = seq;
}

void sok_tcp_sendq_free(struct sok_tcp_sendq *q, const struct sok_mem *mem)
{
    for (uint32_t i = 0; i < q->count; i++) {
        sok_buf_unref(chunk_at(q, i)->slice.buf);
    }
    sok_mem_free(mem, q->ring, q->cap * sizeof(q->ring[0]));
    sok_tcp_sendq_init(q, q->end);
}

static bool make_room(struct sok_tcp_sendq *q, const struct sok_mem *mem)
{
    if (q->count < q->cap) {
        return true;
    }
    uint32_t cap = q->cap ? q->cap * 2 : SOK_TCP_RING_KEPT;
    struct sok_tcp_chunk *ring = sok_mem_alloc(mem, cap * sizeof(*ring));
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < q->count; i++) {
        ring[i] = *chunk_at(q, i);
    }
    sok_mem_free(mem, q->ring, q->cap * sizeof(*ring));
    q->ring = ring;
    q->cap = cap;
    q->head = 0;
    return true;
}

static void push(struct sok_tcp_sendq *q, struct sok_slice s, bool ours)
{
    *chunk_at(q, q->count++) = (struct sok_tcp_chunk){.slice = s, .seq = q->end, .ours = ours};
    q->end += s.len;
}

// Appends to the last chunk what fits there.
static size_t fill_last(struct sok_tcp_sendq *q, const uint8_t *data, size_t len)
{
    if (q->count == 0 || len == 0) {
        return 0;
    }
    struct sok_tcp_chunk *last = chunk_at(q, q->count - 1);
    uint32_t used = last->slice.off + last->slice.len;
    if (!last->ours || used == last->slice.buf->cap) {
        return 0;
    }
    size_t n = last->slice.buf->cap - used;
    n = n < len ? n : len;
    memcpy(last->slice.buf->data + used, data, n);
    last->slice.len += (uint32_t)n;
    q->end += (uint32_t)n;
    return n;
}

size_t sok_tcp_sendq_append(
    struct sok_tcp_sendq *q, const struct sok_mem *mem, const uint8_t *data, size_t len)
{
    size_t done = fill_last(q, data, len);
    while (done < len) {
        size_t left = len - done;
        uint32_t cap = left > SOK_TCP_CHUNK_SMALL ? SOK_TCP_CHUNK_LARGE : SOK_TCP_CHUNK_SMALL;
        uint32_t n = left < cap ? (uint32_t)left : cap;
        struct sok_buf *buf = make_room(q, mem) ? sok_buf_new(mem, cap) : NULL;
        if (!buf) {
            break;
        }
        memcpy(buf->data, data + done, n);
        push(q, (struct sok_slice){.buf = buf, .len = n}, true);
        done += n;
    }
    return done;
}

int sok_tcp_sendq_append_slice(
    struct sok_tcp_sendq *q, const struct sok_mem *mem, struct sok_slice s)
{
    if (!make_room(q, mem)) {
        return SOK_ENOMEM;
    }
    sok_buf_ref(s.buf);
    push(q, s, false);
    return 0;
}

void sok_tcp_sendq_drop(struct sok_tcp_sendq *q, const struct sok_mem *mem, uint32_t upto)
{
    assert(sok_seq_ge(upto, q->start) && sok_seq_le(upto, q->end));
    q->start = upto;
    while (q->count > 0) {
        struct sok_tcp_chunk *first = chunk_at(q, 0);
        if (sok_seq_gt(first->seq + first->slice.len, upto)) {
            return;
        }
        sok_buf_unref(first->slice.buf);
        q->head++;
        q->count--;
    }
    if (q->cap > SOK_TCP_RING_KEPT) {
        sok_mem_free(mem, q->ring, q->cap * sizeof(q->ring[0]));
        q->ring = NULL;
        q->cap = q->head = 0;
    }
}

// The chunk that holds seq, by bisection: chunks are in sequence order without gaps.
static uint32_t find_chunk(const struct sok_tcp_sendq *q, uint32_t seq)
{
    uint32_t lo = 0, hi = q->count;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sok_seq_le(chunk_at(q, mid)->seq, seq)) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return lo;
}

uint32_t sok_tcp_sendq_gather(
    const struct sok_tcp_sendq *q, uint32_t seq, uint32_t len, struct sok_iov *iov, unsigned *count)
{
    unsigned max = *count, n = 0;
    uint32_t done = 0;
    assert(sok_seq_ge(seq, q->start) && sok_seq_le(seq, q->end));
    for (uint32_t i = find_chunk(q, seq); i < q->count && n < max && done < len; i++) {
        const struct sok_tcp_chunk *chunk = chunk_at(q, i);
        uint32_t skip = seq + done - chunk->seq;
        uint32_t part = chunk->slice.len - skip;
        part = part < len - done ? part : len - done;
        iov[n++] = (struct sok_iov){sok_slice_data(chunk->slice) + skip, part};
        done += part;
    }
    *count = n;
    return done;
}
