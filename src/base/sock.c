// The queue of socks whose readiness changed.
#include "base/sock.h"

static void append(struct sok_sock_queue *q, struct sok_sock *s)
{
    if (s->queued)
        return;
    s->queued = true;
    s->next = NULL;
    s->prev = q->last;
    if (q->last)
        q->last->next = s;
    else
        q->first = s;
    q->last = s;
}

void sok_sock_ready(struct sok_sock_queue *q, struct sok_sock *s, uint32_t ready)
{
    if (s->ready == ready)
        return;
    s->ready = ready;
    append(q, s);
}

void sok_sock_touch(struct sok_sock_queue *q, struct sok_sock *s)
{
    append(q, s);
}

struct sok_sock *sok_sock_next(struct sok_sock_queue *q)
{
    struct sok_sock *s = q->first;
    if (s)
        sok_sock_forget(q, s);
    return s;
}

void sok_sock_forget(struct sok_sock_queue *q, struct sok_sock *s)
{
    if (!s->queued)
        return;
    s->queued = false;
    if (s->prev)
        s->prev->next = s->next;
    else
        q->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    else
        q->last = s->prev;
    s->next = s->prev = NULL;
}
