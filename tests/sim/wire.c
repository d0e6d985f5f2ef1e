#include "tests/sim/wire.h"

#include <stdlib.h>
#include <string.h>
#include "tests/sim/router.h"
#include "wire/split.h"

#define ETH_LEN     14
#define REORDER_MAX INT64_C(20000000)
#define QUEUE_MAX   4096

static void *need(void *p)
{
    if (!p)
        abort(); // the test's own memory, not the stack's
    return p;
}

void wire_init(struct wire *w, const struct wire_spec *spec, struct rng rng)
{
    *w = (struct wire){.spec = *spec, .rng = rng};
    if (w->spec.queue == 0 || w->spec.queue > QUEUE_MAX)
        w->spec.queue = QUEUE_MAX;
    w->leaving = need(calloc(w->spec.queue, sizeof(int64_t)));
}

void wire_free(struct wire *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->heap[i]);
    free(w->heap);
    free(w->leaving);
    w->heap = NULL;
    w->leaving = NULL;
    w->count = w->cap = 0; // the counters stay
}

static bool before(const struct wire_frame *a, const struct wire_frame *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_push(struct wire *w, struct wire_frame *f)
{
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        w->heap = need(realloc(w->heap, w->cap * sizeof(w->heap[0])));
    }
    size_t i = w->count++;
    while (i > 0 && before(f, w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = f;
}

static struct wire_frame *heap_pop(struct wire *w)
{
    struct wire_frame *first = w->heap[0], *last = w->heap[--w->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->count)
            break;
        if (child + 1 < w->count && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!before(w->heap[child], last))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    if (w->count)
        w->heap[i] = last;
    return first;
}

static struct wire_frame *gather(const struct sok_frame_out *out)
{
    struct wire_frame *f = need(malloc(sizeof(*f) + out->len));
    f->len = 0;
    f->meta = out->meta;
    for (unsigned i = 0; i < out->iov_count; i++) {
        memcpy(f->data + f->len, out->iov[i].base, out->iov[i].len);
        f->len += (uint32_t)out->iov[i].len;
    }
    if (f->len != out->len)
        abort(); // the stack lied about a frame's length
    return f;
}

static struct wire_frame *copy_of(const struct wire_frame *f)
{
    struct wire_frame *c = need(malloc(sizeof(*c) + f->len));
    memcpy(c, f, sizeof(*f));
    memcpy(c->data, f->data, f->len);
    return c;
}

// ARP has no checksum of its own, and an unfinished sum cannot notice anything. Nor can one notice flips
// in two fragments that cancel each other.
static bool may_corrupt(const struct wire_frame *f)
{
    return f->len >= ETH_LEN + 20 && f->data[12] == 8 && f->data[13] == 0 &&
           !f->meta.csum_partial && !(f->data[ETH_LEN + 6] & 0x3f) && !f->data[ETH_LEN + 7];
}

// All flips are in one 16-bit word of the sum, so none cancels another.
static void corrupt(struct wire *w, struct wire_frame *f)
{
    uint32_t ip_len = (uint32_t)f->data[16] << 8 | f->data[17];
    if (ip_len < 20 || ip_len > f->len - ETH_LEN)
        return;
    uint32_t at = (uint32_t)rng_below(&w->rng, ip_len);
    f->data[ETH_LEN + at] ^= (uint8_t)(1U << rng_below(&w->rng, 8));
    w->corrupted++;
}

static void release(struct wire *w, int64_t now)
{
    while (w->waiting && w->leaving[w->leave_head] <= now) {
        w->leave_head = (w->leave_head + 1) % w->spec.queue;
        w->waiting--;
    }
}

bool wire_full(struct wire *w, int64_t now)
{
    release(w, now);
    return w->spec.backpressure && w->waiting >= w->spec.queue;
}

static int64_t leave_at(struct wire *w, uint32_t len, int64_t now)
{
    if (!w->spec.rate)
        return now;
    int64_t start = w->free_at > now ? w->free_at : now;
    w->free_at = start + (int64_t)((uint64_t)len * 8 * 1000000000 / w->spec.rate);
    w->leaving[(w->leave_head + w->waiting++) % w->spec.queue] = w->free_at;
    return w->free_at;
}

static void put(struct wire *w, struct wire_frame *f, int64_t due)
{
    f->due = due;
    f->order = w->orders++;
    heap_push(w, f);
}

// What a bad wire does to one frame that leaves it at `due`.
static void travel(struct wire *w, struct wire_frame *f, int64_t due)
{
    if (rng_chance(&w->rng, w->spec.loss)) {
        w->lost++;
        free(f);
        return;
    }
    due += (int64_t)rng_below(&w->rng, (uint64_t)w->spec.jitter + 1);
    if (!w->spec.jitter_reorders && due < w->last_due)
        due = w->last_due;
    w->last_due = due;
    if (rng_chance(&w->rng, w->spec.reorder)) {
        due += (int64_t)rng_scale(&w->rng, REORDER_MAX);
        w->reordered++;
    }
    if (rng_chance(&w->rng, w->spec.duplicate)) {
        put(w, copy_of(f), due + (int64_t)rng_scale(&w->rng, REORDER_MAX));
        w->duplicated++;
    }
    if (may_corrupt(f) && rng_chance(&w->rng, w->spec.corrupt))
        corrupt(w, f);
    put(w, f, due);
}

// A frame the way does not take: cut, or refused with or without a word.
static void too_large(
    struct wire *w, struct wire_frame *f, uint16_t mtu, enum path_says says, int64_t due)
{
    w->too_large++;
    if (router_may_cut(f)) {
        struct wire_frame *part;
        uint32_t at = 0;
        while ((part = router_cut(f, mtu, &at)))
            travel(w, part, due);
    } else {
        struct wire_frame *answer = router_says(f, mtu, says);
        if (answer)
            travel(w->back, answer, due + w->back->spec.delay);
    }
    free(f);
}

static void carry(struct wire *w, const struct sok_frame_out *out, int64_t now)
{
    w->frames++;
    w->bytes += out->len;
    release(w, now);
    if (w->spec.rate && w->waiting >= w->spec.queue) {
        w->overflowed++;
        return;
    }
    int64_t due = leave_at(w, out->len, now) + w->spec.delay;
    enum path_says says = PATH_TELLS;
    uint16_t mtu = router_mtu(w, now, &says);
    struct wire_frame *f = gather(out);
    router_mark(w, f);
    if (mtu && f->len > (uint32_t)mtu + ETH_LEN)
        too_large(w, f, mtu, says, due);
    else
        travel(w, f, due);
}

void wire_send(struct wire *w, const struct sok_frame_out *out, int64_t now)
{
    if (!w->spec.cut) {
        carry(w, out, now);
        return;
    }
    struct sok_split split;
    struct sok_frame_out one;
    sok_split_begin(&split, out, 0);
    while (sok_split_next(&split, &one))
        carry(w, &one, now);
}

struct wire_frame *wire_take(struct wire *w, int64_t now)
{
    return w->count && w->heap[0]->due <= now ? heap_pop(w) : NULL;
}

int64_t wire_deadline(const struct wire *w)
{
    int64_t due = w->count ? w->heap[0]->due : INT64_MAX;
    if (w->spec.backpressure && w->waiting >= w->spec.queue && w->leaving[w->leave_head] < due)
        due = w->leaving[w->leave_head];
    return due;
}
