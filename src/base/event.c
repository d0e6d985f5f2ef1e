// The ring of events, and the texts of everything in them.
#include "base/event.h"

#include <string.h>

#define RING_FIRST 64

void sok_events_init(struct sok_events *ev, const struct sok_mem *mem, bool on)
{
    memset(ev, 0, sizeof(*ev));
    ev->mem = mem;
    ev->on = on;
}

void sok_events_free(struct sok_events *ev)
{
    sok_mem_free(ev->mem, ev->ring, ev->cap * sizeof(*ev->ring));
    sok_events_init(ev, ev->mem, false);
}

static bool grow(struct sok_events *ev)
{
    if (ev->cap >= SOK_EVENTS_MAX)
        return false;
    uint32_t cap = ev->cap ? ev->cap * 2 : RING_FIRST;
    struct sok_event *ring = sok_mem_alloc(ev->mem, cap * sizeof(*ring));
    if (!ring)
        return false;
    for (uint32_t i = 0; i < ev->count; i++)
        ring[i] = ev->ring[(ev->head + i) & (ev->cap - 1)];
    sok_mem_free(ev->mem, ev->ring, ev->cap * sizeof(*ring));
    ev->ring = ring;
    ev->cap = cap;
    ev->head = 0;
    return true;
}

static struct sok_event *append(
    struct sok_events *ev, enum sok_event_kind kind, int64_t now, uint32_t conn)
{
    struct sok_event *e = &ev->ring[(ev->head + ev->count++) & (ev->cap - 1)];
    memset(e, 0, sizeof(*e));
    e->kind = (uint8_t)kind;
    e->now = now;
    e->conn = conn;
    return e;
}

// Room for `n` events more.
static bool room(struct sok_events *ev, uint32_t n)
{
    return ev->count + n <= ev->cap || (grow(ev) && ev->count + n <= ev->cap);
}

struct sok_event *sok_events_push(
    struct sok_events *ev, enum sok_event_kind kind, int64_t now, uint32_t conn)
{
    if (!ev->on)
        return NULL;
    // After a loss the LOST event comes first, in its place in the order.
    if (!room(ev, ev->lost ? 2 : 1)) {
        ev->lost++;
        memset(&ev->spare, 0, sizeof(ev->spare));
        return &ev->spare;
    }
    if (ev->lost) {
        append(ev, SOK_EVENT_LOST, now, 0)->lost.count = ev->lost;
        ev->lost = 0;
    }
    return append(ev, kind, now, conn);
}

uint64_t sok_events_next(const struct sok_events *ev)
{
    return ev->popped + ev->count;
}

struct sok_event *sok_events_at(struct sok_events *ev, uint64_t position)
{
    if (position < ev->popped || position - ev->popped >= ev->count)
        return NULL;
    return &ev->ring[(ev->head + (uint32_t)(position - ev->popped)) & (ev->cap - 1)];
}

bool sok_events_pop(struct sok_events *ev, struct sok_event *out)
{
    if (ev->count == 0) {
        if (ev->lost == 0)
            return false;
        memset(out, 0, sizeof(*out));
        out->kind = SOK_EVENT_LOST;
        out->lost.count = ev->lost;
        ev->lost = 0;
        return true;
    }
    *out = ev->ring[ev->head];
    ev->head = (ev->head + 1) & (ev->cap - 1);
    ev->count--;
    ev->popped++;
    return true;
}

#define TEXT_OF(list)                                                                              \
    static const char *const texts[] = {list(SOK_X)};                                              \
    return (unsigned)i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : "?"
#define SOK_X(name, text) text,

const char *sok_reason_text(enum sok_reason i)
{
    TEXT_OF(SOK_REASONS);
}

const char *sok_drop_text(enum sok_drop i)
{
    TEXT_OF(SOK_DROPS);
}

const char *sok_effect_text(enum sok_effect_bit i)
{
    TEXT_OF(SOK_EFFECTS);
}

const char *sok_hold_text(enum sok_hold i)
{
    TEXT_OF(SOK_HOLDS);
}

const char *sok_call_text(enum sok_call i)
{
    TEXT_OF(SOK_CALLS);
}

const char *sok_tcp_state_text(enum sok_tcp_state i)
{
    TEXT_OF(SOK_TCP_STATES);
}

const char *sok_addr_news_text(enum sok_addr_news i)
{
    TEXT_OF(SOK_ADDR_NEWS);
}
