// A 4-ary heap that keeps each timer told of its place.
#include "base/timers.h"

#include <assert.h>
#include "base/err.h"

#define ARITY 4

void sok_timers_init(struct sok_timers *t, const struct sok_mem *mem)
{
    *t = (struct sok_timers){.mem = mem};
}

void sok_timers_free(struct sok_timers *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        t->heap[i].timer->slot = 0;
    sok_mem_free(t->mem, t->heap, t->cap * sizeof(*t->heap));
    sok_timers_init(t, t->mem);
}

int sok_timers_reserve(struct sok_timers *t, uint32_t n)
{
    if (n <= t->cap)
        return 0;
    uint32_t cap = t->cap ? t->cap : 16;
    while (cap < n) {
        if (cap > UINT32_MAX / 2)
            return SOK_ENOMEM;
        cap *= 2;
    }
    struct sok_timers_entry *heap =
        sok_mem_resize(t->mem, t->heap, t->cap * sizeof(*t->heap), cap * sizeof(*t->heap));
    if (!heap)
        return SOK_ENOMEM;
    t->heap = heap;
    t->cap = cap;
    return 0;
}

static inline void place(struct sok_timers *t, uint32_t i, struct sok_timers_entry e)
{
    t->heap[i] = e;
    e.timer->slot = i + 1;
}

static void sift_up(struct sok_timers *t, uint32_t i, struct sok_timers_entry e)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / ARITY;
        if (t->heap[parent].due <= e.due)
            break;
        place(t, i, t->heap[parent]);
        i = parent;
    }
    place(t, i, e);
}

static void sift_down(struct sok_timers *t, uint32_t i, struct sok_timers_entry e)
{
    for (;;) {
        uint64_t child = (uint64_t)i * ARITY + 1;
        if (child >= t->count)
            break;
        uint64_t end = child + ARITY < t->count ? child + ARITY : t->count;
        uint32_t least = (uint32_t)child;
        for (uint32_t c = least + 1; c < end; c++)
            if (t->heap[c].due < t->heap[least].due)
                least = c;
        if (t->heap[least].due >= e.due)
            break;
        place(t, i, t->heap[least]);
        i = least;
    }
    place(t, i, e);
}

void sok_timer_set(struct sok_timers *t, struct sok_timer *timer, int64_t due)
{
    struct sok_timers_entry e = {due, timer};
    if (timer->slot == 0) {
        assert(t->count < t->cap);
        timer->due = due;
        sift_up(t, t->count++, e);
        return;
    }
    int64_t before = timer->due;
    timer->due = due;
    if (due < before)
        sift_up(t, timer->slot - 1, e);
    else
        sift_down(t, timer->slot - 1, e);
}

void sok_timer_cancel(struct sok_timers *t, struct sok_timer *timer)
{
    if (timer->slot == 0)
        return;
    uint32_t i = timer->slot - 1;
    timer->slot = 0;
    struct sok_timers_entry last = t->heap[--t->count];
    if (last.timer == timer)
        return;
    if (last.due < timer->due)
        sift_up(t, i, last);
    else
        sift_down(t, i, last);
}
