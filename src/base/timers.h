// Timers: a 4-ary heap, so the first due time is exact. A timer is a member of what it belongs to, and is
// found there with SOK_CONTAINER_OF. Arming never fails, because room is reserved when the owner is made.
// Timers due at the same time come in no particular, but reproducible, order.
#ifndef SOK_BASE_TIMERS_H
#define SOK_BASE_TIMERS_H

#include <stdint.h>
#include "base/mem.h"

struct sok_timer {
    int64_t due;
    uint32_t slot; // place in the heap, from 1; 0: not armed
};

struct sok_timers_entry {
    int64_t due;
    struct sok_timer *timer;
};

struct sok_timers {
    const struct sok_mem *mem;
    struct sok_timers_entry *heap;
    uint32_t count, cap;
};

void sok_timers_init(struct sok_timers *t, const struct sok_mem *mem);
void sok_timers_free(struct sok_timers *t); // timers still armed are forgotten
// Room for n timers in all. 0 or SOK_ENOMEM.
int sok_timers_reserve(struct sok_timers *t, uint32_t n);
void sok_timer_set(struct sok_timers *t, struct sok_timer *timer, int64_t due); // arms or moves
void sok_timer_cancel(struct sok_timers *t, struct sok_timer *timer);           // armed or not

static inline struct sok_timer *sok_timers_first(const struct sok_timers *t)
{
    return t->count ? t->heap[0].timer : NULL;
}

// When the first is due; INT64_MAX: none is armed.
static inline int64_t sok_timers_deadline(const struct sok_timers *t)
{
    return t->count ? t->heap[0].due : INT64_MAX;
}

#endif
