#include "stack/errqueue.h"

#include <string.h>
#include "stack/internal.h"

struct sok_errqueue_entry {
    struct sok_errqueue_entry *next;
    struct sok_dgram_error about;
    uint8_t data[];
};

static size_t size_of(const struct sok_errqueue_entry *e)
{
    return sizeof(*e) + e->about.len;
}

// NULL: the queue is full, or there is no memory.
static struct sok_errqueue_entry *append(struct sok_stack *s, struct sok_errqueue *q, uint32_t len)
{
    struct sok_errqueue_entry *e =
        q->count < SOK_ERRQUEUE_MAX ? sok_mem_alloc(sok_stack_mem(s), sizeof(*e) + len) : NULL;
    if (!e)
        return NULL;
    e->next = NULL;
    *(q->last ? &q->last->next : &q->first) = e;
    q->last = e;
    q->count++;
    return e;
}

void sok_errqueue_add(
    struct sok_stack *s, struct sok_errqueue *q, const struct sok_icmp_news *n, uint32_t skip)
{
    uint32_t len = n->data_len > skip ? n->data_len - skip : 0;
    len = len < SOK_ERRQUEUE_DATA ? len : SOK_ERRQUEUE_DATA;
    struct sok_errqueue_entry *e = append(s, q, len);
    if (!e)
        return;
    e->about = (struct sok_dgram_error){
        .err = n->err,
        .to = n->remote,
        .from = n->from,
        .type = n->type,
        .code = n->code,
        .mtu = n->mtu,
        .len = len,
    };
    if (len > 0)
        memcpy(e->data, n->data + skip, len);
}

void sok_errqueue_local(
    struct sok_stack *s, struct sok_errqueue *q, const struct sok_endpoint *to, uint32_t mtu)
{
    struct sok_errqueue_entry *e = append(s, q, 0);
    if (e)
        e->about =
            (struct sok_dgram_error){.err = SOK_EMSGSIZE, .to = *to, .mtu = mtu, .local = true};
}

static void drop_first(struct sok_stack *s, struct sok_errqueue *q)
{
    struct sok_errqueue_entry *e = q->first;
    q->first = e->next;
    q->last = q->first ? q->last : NULL;
    q->count--;
    sok_mem_free(sok_stack_mem(s), e, size_of(e));
}

int64_t sok_errqueue_take(struct sok_stack *s, struct sok_errqueue *q, void *data, size_t len,
    struct sok_dgram_error *out, int *next)
{
    const struct sok_errqueue_entry *e = q->first;
    if (!e)
        return SOK_EAGAIN;
    size_t n = e->about.len < len ? e->about.len : len;
    if (n > 0)
        memcpy(data, e->data, n);
    *out = e->about;
    *next = e->next && !e->next->about.local ? e->next->about.err : 0;
    drop_first(s, q);
    return (int64_t)n;
}

void sok_errqueue_clear(struct sok_stack *s, struct sok_errqueue *q)
{
    while (q->first)
        drop_first(s, q);
}
