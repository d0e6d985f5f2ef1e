// See stream.h. Data in order takes the short way in add_ready(); everything else becomes pieces for the
// gaps that a segment fills, made before anything changes, then run by run joined in one pass.
#include "base/stream.h"

#include <assert.h>
#include <string.h>
#include "base/err.h"
#include "base/seq.h"

#define OWN_FIRST 256  // capacity of the first buffer of our own, and doubling from there
#define OWN_MAX   4096 // unless one payload needs more

void sok_stream_init(struct sok_stream *s, const struct sok_mem *mem, uint32_t next_seq)
{
    memset(s, 0, sizeof(*s));
    s->mem = mem;
    s->next = next_seq;
}

// ---- pieces ----

static size_t piece_charge(const struct sok_stream_piece *p)
{
    return sizeof(*p) + sizeof(struct sok_buf) + p->slice.buf->cap;
}

static void piece_free(struct sok_stream *s, struct sok_stream_piece *p)
{
    s->charged -= piece_charge(p);
    sok_buf_unref(p->slice.buf);
    if (p == &s->spare)
        s->spare_used = false;
    else
        sok_mem_free(s->mem, p, sizeof(*p));
}

static void pieces_free(struct sok_stream *s, struct sok_stream_piece *p)
{
    while (p) {
        struct sok_stream_piece *next = p->next;
        piece_free(s, p);
        p = next;
    }
}

// Whether holding this much of a buffer wastes more than it is worth (see stream.h).
static bool is_small(struct sok_slice data)
{
    return data.len < data.buf->cap / 4;
}

// A buffer of our own with the data at its front; last_cap: of the one that is now full, or 0.
static struct sok_buf *own_buf(struct sok_stream *s, struct sok_slice data, uint32_t last_cap)
{
    uint32_t cap = last_cap ? last_cap * 2 : OWN_FIRST;
    if (cap > OWN_MAX)
        cap = OWN_MAX;
    if (cap < data.len)
        cap = data.len;
    struct sok_buf *buf = sok_buf_new(s->mem, cap);
    if (buf)
        memcpy(buf->data, sok_slice_data(data), data.len);
    return buf;
}

static struct sok_stream_piece *piece_new(
    struct sok_stream *s, struct sok_slice data, uint32_t last_cap)
{
    struct sok_stream_piece *p = &s->spare;
    if (s->spare_used)
        p = sok_mem_alloc(s->mem, sizeof(*p));
    if (!p)
        return NULL;
    *p = (struct sok_stream_piece){.slice = data};
    if (is_small(data)) {
        struct sok_buf *own = own_buf(s, data, last_cap);
        if (!own) {
            if (p != &s->spare)
                sok_mem_free(s->mem, p, sizeof(*p));
            return NULL;
        }
        p->slice = (struct sok_slice){own, 0, data.len};
        p->own = true;
        p->room = own->cap - data.len;
    } else {
        sok_buf_ref(data.buf);
    }
    if (p == &s->spare)
        s->spare_used = true;
    s->charged += piece_charge(p);
    return p;
}

// Whether the data can go behind what the piece holds.
static bool piece_takes(const struct sok_stream_piece *p, struct sok_slice data)
{
    return p && p->room >= data.len && is_small(data);
}

static void piece_extend(struct sok_stream_piece *p, struct sok_slice data)
{
    memcpy(p->slice.buf->data + p->slice.off + p->slice.len, sok_slice_data(data), data.len);
    p->slice.len += data.len;
    p->room -= data.len;
}

// The capacity of the piece's buffer if that is one of our own; else 0.
static uint32_t own_cap(const struct sok_stream_piece *p)
{
    return p && p->own ? p->slice.buf->cap : 0;
}

// ---- runs ----

static bool runs_reserve(struct sok_stream *s, uint32_t n)
{
    if (n <= s->run_cap)
        return true;
    uint32_t cap = s->run_cap ? s->run_cap * 2 : 4;
    struct sok_stream_run *runs =
        sok_mem_resize(s->mem, s->runs, s->run_cap * sizeof(*runs), cap * sizeof(*runs));
    if (!runs)
        return false;
    s->charged += (cap - s->run_cap) * sizeof(*runs);
    s->runs = runs;
    s->run_cap = cap;
    return true;
}

// Gives the array back when it is empty.
static void runs_release(struct sok_stream *s)
{
    if (s->run_count > 0)
        return;
    sok_mem_free(s->mem, s->runs, s->run_cap * sizeof(*s->runs));
    s->charged -= s->run_cap * sizeof(*s->runs);
    s->runs = NULL;
    s->run_cap = 0;
}

// Takes `count` runs from index i out of the array. Their pieces have gone elsewhere.
static void runs_remove(struct sok_stream *s, uint32_t i, uint32_t count)
{
    if (count == 0)
        return;
    memmove(&s->runs[i], &s->runs[i + count], (s->run_count - i - count) * sizeof(*s->runs));
    s->run_count -= count;
    runs_release(s);
}

// Index of the first run whose end is at or after seq (at: it can be joined).
static uint32_t runs_search(const struct sok_stream *s, uint32_t seq)
{
    uint32_t lo = 0, hi = s->run_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sok_seq_lt(s->runs[mid].end, seq))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool sok_stream_run(const struct sok_stream *s, unsigned i, uint32_t *start, uint32_t *end)
{
    if (i >= s->run_count)
        return false;
    *start = s->runs[i].start;
    *end = s->runs[i].end;
    return true;
}

bool sok_stream_find(const struct sok_stream *s, uint32_t seq, uint32_t *start, uint32_t *end)
{
    uint32_t i = runs_search(s, seq + 1);
    return i < s->run_count && sok_seq_le(s->runs[i].start, seq) &&
           sok_stream_run(s, i, start, end);
}

// ---- adding ----

static void list_append(struct sok_stream_piece **first, struct sok_stream_piece **last,
    struct sok_stream_piece *from, struct sok_stream_piece *to)
{
    if (!from)
        return;
    if (*last)
        (*last)->next = from;
    else
        *first = from;
    *last = to;
}

// In order, and nothing waits: the usual case.
static int64_t add_ready(struct sok_stream *s, struct sok_slice data)
{
    if (piece_takes(s->last, data)) {
        piece_extend(s->last, data);
    } else {
        struct sok_stream_piece *p = piece_new(s, data, own_cap(s->last));
        if (!p)
            return SOK_ENOMEM;
        list_append(&s->first, &s->last, p, p);
    }
    s->next += data.len;
    s->ready += data.len;
    return data.len;
}

static struct sok_slice part(struct sok_slice data, uint32_t seq, uint32_t from, uint32_t to)
{
    return (struct sok_slice){data.buf, data.off + (from - seq), to - from};
}

// Pieces for those parts of [seq, end) that the runs i to j do not hold, in order, in one list.
static bool gap_pieces(struct sok_stream *s, uint32_t seq, struct sok_slice data, uint32_t i,
    uint32_t j, struct sok_stream_piece **out)
{
    uint32_t at = seq, end = seq + data.len;
    struct sok_stream_piece *first = NULL, *last = NULL;
    for (uint32_t k = i; k <= j; k++) {
        uint32_t to = k < j && sok_seq_lt(s->runs[k].start, end) ? s->runs[k].start : end;
        if (sok_seq_lt(at, to)) {
            struct sok_stream_piece *p = piece_new(s, part(data, seq, at, to), 0);
            if (!p) {
                pieces_free(s, first);
                return false;
            }
            list_append(&first, &last, p, p);
        }
        if (k < j && sok_seq_lt(at, s->runs[k].end))
            at = s->runs[k].end;
    }
    *out = first;
    return true;
}

// Joins the runs i to j and the new pieces between, before and after them into run i.
static void runs_join(struct sok_stream *s, uint32_t seq, uint32_t end, uint32_t i, uint32_t j,
    struct sok_stream_piece *gaps)
{
    struct sok_stream_run joined = {.start = s->runs[i].start, .end = s->runs[j - 1].end};
    if (sok_seq_lt(seq, joined.start))
        joined.start = seq;
    if (sok_seq_gt(end, joined.end))
        joined.end = end;
    uint32_t at = joined.start;
    for (uint32_t k = i; k <= j; k++) {
        if (at != (k < j ? s->runs[k].start : joined.end)) {
            struct sok_stream_piece *gap = gaps;
            gaps = gap->next;
            gap->next = NULL;
            s->early += gap->slice.len;
            list_append(&joined.first, &joined.last, gap, gap);
        }
        if (k == j)
            break;
        list_append(&joined.first, &joined.last, s->runs[k].first, s->runs[k].last);
        at = s->runs[k].end;
    }
    assert(!gaps);
    s->runs[i] = joined;
    runs_remove(s, i + 1, j - i - 1);
}

static void runs_insert(
    struct sok_stream *s, uint32_t i, uint32_t seq, struct sok_stream_piece *piece)
{
    memmove(&s->runs[i + 1], &s->runs[i], (s->run_count - i) * sizeof(*s->runs));
    s->runs[i] = (struct sok_stream_run){seq, seq + piece->slice.len, piece, piece};
    s->run_count++;
    s->early += piece->slice.len;
}

// The first run, which `next` has reached, becomes readable.
static int64_t first_run_ready(struct sok_stream *s)
{
    struct sok_stream_run r = s->runs[0];
    uint32_t len = r.end - r.start;
    list_append(&s->first, &s->last, r.first, r.last);
    runs_remove(s, 0, 1);
    s->early -= len;
    s->ready += len;
    s->next = r.end;
    return len;
}

// A small piece right behind a run goes into the run's last buffer if that has room.
static bool run_extend(
    struct sok_stream *s, uint32_t i, uint32_t j, uint32_t seq, struct sok_slice data)
{
    if (j != i + 1 || s->runs[i].end != seq || !piece_takes(s->runs[i].last, data))
        return false;
    piece_extend(s->runs[i].last, data);
    s->runs[i].end += data.len;
    s->early += data.len;
    return true;
}

int64_t sok_stream_add(struct sok_stream *s, uint32_t seq, struct sok_slice data, unsigned runs_max)
{
    if (sok_seq_lt(seq, s->next)) {
        uint32_t old = s->next - seq;
        if (old >= data.len)
            return 0;
        data.off += old;
        data.len -= old;
        seq = s->next;
    }
    if (data.len == 0)
        return 0;
    uint32_t end = seq + data.len;
    if (seq == s->next && (s->run_count == 0 || sok_seq_lt(end, s->runs[0].start)))
        return add_ready(s, data);

    // Runs i to j (without j) overlap the segment or touch it.
    uint32_t i = runs_search(s, seq), j = i;
    while (j < s->run_count && sok_seq_le(s->runs[j].start, end))
        j++;
    if (run_extend(s, i, j, seq, data))
        return 0;
    if (i == j && s->run_count >= runs_max)
        return SOK_ENOBUFS;
    if (i == j && !runs_reserve(s, s->run_count + 1))
        return SOK_ENOMEM;
    struct sok_stream_piece *gaps;
    if (!gap_pieces(s, seq, data, i, j, &gaps)) {
        runs_release(s); // this was to be the only run
        return SOK_ENOMEM;
    }
    if (i == j)
        runs_insert(s, i, seq, gaps);
    else
        runs_join(s, seq, end, i, j, gaps);
    return s->runs[0].start == s->next ? first_run_ready(s) : 0;
}

// ---- reading ----

size_t sok_stream_peek(const struct sok_stream *s, struct sok_iov *iov, unsigned *count)
{
    unsigned n = 0;
    size_t bytes = 0;
    for (const struct sok_stream_piece *p = s->first; p && n < *count; p = p->next) {
        iov[n++] = (struct sok_iov){sok_slice_data(p->slice), p->slice.len};
        bytes += p->slice.len;
    }
    *count = n;
    return bytes;
}

size_t sok_stream_copy(const struct sok_stream *s, size_t skip, void *dst, size_t len)
{
    uint8_t *to = dst;
    size_t done = 0;
    for (const struct sok_stream_piece *p = s->first; p && done < len; p = p->next) {
        size_t from = skip < p->slice.len ? skip : p->slice.len;
        size_t n = p->slice.len - from < len - done ? p->slice.len - from : len - done;
        memcpy(to + done, sok_slice_data(p->slice) + from, n);
        skip -= from;
        done += n;
    }
    return done;
}

size_t sok_stream_read(struct sok_stream *s, void *dst, size_t len)
{
    uint8_t *to = dst;
    size_t done = 0;
    while (s->first && done < len) {
        struct sok_slice piece = s->first->slice;
        size_t n = piece.len < len - done ? piece.len : len - done;
        memcpy(to + done, sok_slice_data(piece), n);
        sok_stream_consume(s, n);
        done += n;
    }
    return done;
}

void sok_stream_consume(struct sok_stream *s, size_t len)
{
    assert(len <= s->ready);
    s->ready -= (uint32_t)len;
    while (len > 0) {
        struct sok_stream_piece *p = s->first;
        if (len < p->slice.len) {
            p->slice.off += (uint32_t)len;
            p->slice.len -= (uint32_t)len;
            return;
        }
        len -= p->slice.len;
        s->first = p->next;
        if (!s->first)
            s->last = NULL;
        piece_free(s, p);
    }
}

void sok_stream_free(struct sok_stream *s)
{
    pieces_free(s, s->first);
    for (uint32_t i = 0; i < s->run_count; i++)
        pieces_free(s, s->runs[i].first);
    runs_remove(s, 0, s->run_count);
    assert(s->charged == 0);
    sok_stream_init(s, s->mem, s->next);
}
