// See inbox.h.
#include "stack/inbox.h"

#include <string.h>
#include "stack/internal.h"

size_t sok_inbox_most(const struct sok_stack *s, const struct sok_inbox *inbox)
{
    return inbox->most ? inbox->most : (size_t)s->config.raw_queue;
}

struct sok_letter *sok_inbox_add(struct sok_stack *s, struct sok_inbox *inbox, uint32_t len,
    enum sok_drop full, enum sok_drop *why)
{
    uint32_t size = (uint32_t)sizeof(struct sok_letter) + len;
    struct sok_letter *l = NULL;
    *why = full;
    if (inbox->held + size <= sok_inbox_most(s, inbox)) {
        *why = SOK_DROP_NO_MEMORY;
        l = sok_mem_alloc(sok_stack_mem(s), size);
    }
    if (!l)
        return NULL;
    *l = (struct sok_letter){.at = s->now, .size = size, .len = len};
    if (inbox->last)
        inbox->last->next = l;
    else
        inbox->first = l;
    inbox->last = l;
    inbox->held += size;
    return l;
}

static void take_off(struct sok_stack *s, struct sok_inbox *inbox)
{
    struct sok_letter *l = inbox->first;
    inbox->first = l->next;
    if (!inbox->first)
        inbox->last = NULL;
    inbox->held -= l->size;
    sok_mem_free(sok_stack_mem(s), l, l->size);
}

size_t sok_inbox_take(struct sok_stack *s, struct sok_inbox *inbox, void *data, size_t len)
{
    size_t n = inbox->first->len < len ? inbox->first->len : len;
    if (n > 0)
        memcpy(data, inbox->first->data, n);
    take_off(s, inbox);
    return n;
}

void sok_inbox_free(struct sok_stack *s, struct sok_inbox *inbox)
{
    while (inbox->first)
        take_off(s, inbox);
}
