// A bad wire around any link. Each direction draws from its own sequence of random numbers, and each
// frame draws the same count whatever is asked for, so what happens to the n-th frame of a direction
// depends on the seed and n alone.
//
// A frame that is not lost gets a time and waits in a heap, ordered by time and then by arrival. The rate
// is a queue in front of the delay. Jitter and reordering let frames overtake each other.
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "link/internal.h"

#define QUEUE_DEFAULT 1000
#define IN_MAX        64               // frames taken from under it in one call
#define LATE_MIN      INT64_C(1000000) // a reordered frame comes late by up to the delay, or this
#define SPLIT_MAX     256

struct held {
    struct sok_frame frame;
    int64_t due;
    uint64_t order;
};

struct way {
    struct held *heap;
    unsigned count, cap;
    uint64_t order;
    uint64_t random[2];   // state
    int64_t line_free;    // when the rate lets the next frame begin
    const uint64_t *drop; // numbers to lose
    struct sok_impair_way counts;
};

struct impair_link {
    struct sok_link link;
    struct sok_link *under;
    struct sok_impair what;
    struct way out, in;
    struct sok_link_queue pieces; // of a super-frame being cut
    bool under_over;              // said SOK_ELINKDOWN
};

// ---- random numbers: xoroshiro128+ (Blackman and Vigna), seeded by splitmix64 ----

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t draw(uint64_t s[2])
{
    uint64_t a = s[0], b = s[1], result = a + b;
    b ^= a;
    s[0] = rotate(a, 24) ^ b ^ (b << 16);
    s[1] = rotate(b, 37);
    return result;
}

static double draw_unit(uint64_t s[2])
{
    return (double)(draw(s) >> 11) * 0x1p-53;
}

// ---- the heap ----

static bool before(const struct held *a, const struct held *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static bool heap_reserve(struct way *way, const struct sok_mem *mem)
{
    if (way->count < way->cap)
        return true;
    unsigned cap = way->cap ? way->cap * 2 : 16;
    struct held *heap =
        sok_mem_resize(mem, way->heap, way->cap * sizeof(*heap), cap * sizeof(*heap));
    if (!heap)
        return false;
    way->heap = heap;
    way->cap = cap;
    return true;
}

static void heap_put(struct way *way, struct held item)
{
    unsigned i = way->count++;
    while (i > 0 && before(&item, &way->heap[(i - 1) / 2])) {
        way->heap[i] = way->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    way->heap[i] = item;
}

static struct sok_frame heap_take(struct way *way)
{
    struct sok_frame first = way->heap[0].frame;
    struct held last = way->heap[--way->count];
    unsigned i = 0;
    for (;;) {
        unsigned child = 2 * i + 1;
        if (child >= way->count)
            break;
        if (child + 1 < way->count && before(&way->heap[child + 1], &way->heap[child]))
            child++;
        if (!before(&way->heap[child], &last))
            break;
        way->heap[i] = way->heap[child];
        i = child;
    }
    if (way->count > 0)
        way->heap[i] = last;
    return first;
}

// ---- what happens to a frame ----

static bool lost_by_number(const struct way *way)
{
    for (unsigned i = 0; i < 8 && way->drop[i] != 0; i++) {
        if (way->drop[i] == way->counts.frames)
            return true;
    }
    return false;
}

// Flips one bit in a copy. The sum of a corrupted frame is not to be trusted, whoever verified it.
static bool corrupt(const struct sok_mem *mem, struct sok_frame *frame, uint64_t where)
{
    struct sok_buf *copy = frame->len ? sok_buf_new(mem, frame->len) : NULL;
    if (!copy)
        return false;
    memcpy(copy->data, frame->buf->data + frame->off, frame->len);
    where %= (uint64_t)frame->len * 8;
    copy->data[where / 8] ^= (uint8_t)(1 << (where % 8));
    sok_buf_unref(frame->buf);
    frame->buf = copy;
    frame->off = 0;
    return true;
}

struct fate {
    bool lost, twice, late, corrupt;
    double jitter, lateness;
    uint64_t where;
};

static struct fate fate_draw(const struct sok_impair *w, uint64_t s[2])
{
    struct fate f;
    f.lost = draw_unit(s) < w->loss;
    f.twice = draw_unit(s) < w->duplicate;
    f.late = draw_unit(s) < w->reorder;
    f.corrupt = draw_unit(s) < w->corrupt;
    f.jitter = draw_unit(s) * 2 - 1;
    f.lateness = draw_unit(s);
    f.where = draw(s);
    return f;
}

static int64_t fate_due(
    const struct sok_impair *w, struct way *way, const struct fate *f, uint32_t len, int64_t now)
{
    int64_t due = now;
    if (w->rate > 0) {
        if (way->line_free < now)
            way->line_free = now;
        way->line_free += (int64_t)((double)len * 8e9 / (double)w->rate);
        due = way->line_free;
    }
    int64_t delay = w->delay + (int64_t)((double)w->jitter * f->jitter);
    if (f->late)
        delay += 1 + (int64_t)((double)(w->delay > LATE_MIN ? w->delay : LATE_MIN) * f->lateness);
    return delay > 0 ? due + delay : due;
}

// Takes the frame's reference over.
static void pass(struct impair_link *im, struct way *way, struct sok_frame *frame, int64_t now)
{
    const struct sok_mem *mem = im->link.mem;
    struct fate f = fate_draw(&im->what, way->random);
    way->counts.frames++;
    if (f.lost || lost_by_number(way)) {
        way->counts.lost++;
        goto gone;
    }
    if (way->count >= im->what.queue || !heap_reserve(way, mem)) {
        way->counts.overflowed++;
        im->link.lost++;
        goto gone;
    }
    frame->meta.csum_valid = false;
    way->counts.reordered += f.late;
    if (f.corrupt && corrupt(mem, frame, f.where))
        way->counts.corrupted++;
    int64_t due = fate_due(&im->what, way, &f, frame->len, now);
    heap_put(way, (struct held){*frame, due, way->order++});
    if (f.twice && way->count < im->what.queue && heap_reserve(way, mem)) {
        sok_buf_ref(frame->buf);
        heap_put(way, (struct held){*frame, due, way->order++});
        way->counts.duplicated++;
    }
    return;
gone:
    sok_buf_unref(frame->buf);
}

static void pass_pieces(
    struct impair_link *im, struct way *way, const struct sok_frame_out *frame, int64_t now)
{
    struct sok_frame piece;
    im->link.lost += sok_link_cut(im->link.mem, frame, im->link.info.caps, &im->pieces, SPLIT_MAX);
    while (sok_link_queue_take(&im->pieces, &piece))
        pass(im, way, &piece, now);
}

// Hands what is due to the link under it. False: that is full.
static bool push_out(struct impair_link *im, int64_t now)
{
    struct way *way = &im->out;
    im->link.wants_out = false;
    while (way->count > 0 && way->heap[0].due <= now) {
        struct sok_frame_out frame = sok_link_scatter(&way->heap[0].frame);
        int r = im->under->ops->send(im->under, &frame, now);
        if (r == SOK_EAGAIN) {
            im->link.wants_out = true;
            return false;
        }
        if (r == SOK_ELINKDOWN)
            im->under_over = true;
        way->counts.passed += r == 0;
        sok_buf_unref(heap_take(way).buf);
    }
    return true;
}

static int impair_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct impair_link *im = (struct impair_link *)link;
    if (!push_out(im, now))
        return SOK_EAGAIN;
    pass_pieces(im, &im->out, frame, now);
    push_out(im, now);
    return im->under_over ? SOK_ELINKDOWN : 0;
}

static void pull_in(struct impair_link *im, int64_t now)
{
    struct sok_frame frame;
    for (unsigned i = 0; i < IN_MAX; i++) {
        int r = im->under->ops->recv(im->under, &frame, now);
        im->link.busy = im->under->busy;
        if (r == SOK_ELINKDOWN)
            im->under_over = true;
        if (r < 0)
            return;
        if (frame.meta.gso != SOK_GSO_NONE || frame.meta.csum_partial) {
            struct sok_frame_out super = sok_link_scatter(&frame);
            pass_pieces(im, &im->in, &super, now);
            sok_buf_unref(frame.buf);
        } else {
            pass(im, &im->in, &frame, now);
        }
    }
}

static int impair_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct impair_link *im = (struct impair_link *)link;
    struct way *way = &im->in;
    push_out(im, now);
    if (way->count == 0 || way->heap[0].due > now)
        pull_in(im, now);
    if (way->count > 0 && way->heap[0].due <= now) {
        *frame = heap_take(way);
        way->counts.passed++;
        return 0;
    }
    return im->under_over ? SOK_ELINKDOWN : SOK_EAGAIN;
}

static int64_t impair_deadline(const struct sok_link *link)
{
    const struct impair_link *im = (const struct impair_link *)link;
    int64_t due = im->under->ops->deadline(im->under);
    if (im->in.count > 0 && im->in.heap[0].due < due)
        due = im->in.heap[0].due;
    // While the link under it is full, its descriptor says when to go on.
    if (im->out.count > 0 && im->out.heap[0].due < due && !im->link.wants_out)
        due = im->out.heap[0].due;
    return due;
}

static void way_free(struct way *way, const struct sok_mem *mem)
{
    for (unsigned i = 0; i < way->count; i++)
        sok_buf_unref(way->heap[i].frame.buf);
    sok_mem_free(mem, way->heap, way->cap * sizeof(*way->heap));
}

static void impair_close(struct sok_link *link)
{
    struct impair_link *im = (struct impair_link *)link;
    im->under->ops->close(im->under);
    way_free(&im->out, link->mem);
    way_free(&im->in, link->mem);
    sok_link_queue_free(&im->pieces, link->mem);
    sok_mem_free(link->mem, im, sizeof(*im));
}

static const struct sok_link_ops impair_ops = {
    impair_send, impair_recv, impair_deadline, impair_close};

int sok_link_impair(struct sok_link *under, const struct sok_impair *what, struct sok_link **out)
{
    struct impair_link *im =
        (struct impair_link *)sok_link_new(under->mem, sizeof(*im), &impair_ops);
    if (!im)
        return SOK_ENOMEM;
    im->under = under;
    im->what = *what;
    if (im->what.queue == 0)
        im->what.queue = QUEUE_DEFAULT;
    im->link.info = under->info;
    im->link.interface = under->interface;
    // Whole frames with whole sums: what goes by is what a wire would see, and each has its event.
    im->link.info.caps &= ~(uint32_t)(SOK_LINK_CSUM | SOK_LINK_TSO);
    im->link.fd = under->fd;
    uint64_t seed = what->seed;
    for (int i = 0; i < 2; i++) {
        im->out.random[i] = mix(&seed);
        im->in.random[i] = mix(&seed);
    }
    im->out.drop = im->what.drop_out;
    im->in.drop = im->what.drop_in;
    *out = &im->link;
    return 0;
}

void sok_impair_ways(
    const struct sok_link *link, struct sok_impair_way *out, struct sok_impair_way *in)
{
    assert(link->ops == &impair_ops);
    *out = ((const struct impair_link *)link)->out.counts;
    *in = ((const struct impair_link *)link)->in.counts;
}

void sok_impair_counts(const struct sok_link *link, struct sok_impair_counts *out)
{
    struct sok_impair_way a, b;
    sok_impair_ways(link, &a, &b);
    *out = (struct sok_impair_counts){
        .in = b.passed,
        .out = a.passed,
        .lost = a.lost + b.lost,
        .duplicated = a.duplicated + b.duplicated,
        .reordered = a.reordered + b.reordered,
        .corrupted = a.corrupted + b.corrupted,
        .overflowed = a.overflowed + b.overflowed,
    };
}
