// The queue of socks whose readiness changed, and the list of all.
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

void sok_sock_born(struct sok_sock_list *l, struct sok_sock *s)
{
    s->id = ++l->last_id;
    s->newer = NULL;
    s->older = l->newest;
    if (s->older)
        s->older->newer = s;
    l->newest = s;
}

void sok_sock_gone(struct sok_sock_list *l, struct sok_sock *s)
{
    if (s->newer)
        s->newer->older = s->older;
    else
        l->newest = s->older;
    if (s->older)
        s->older->newer = s->newer;
    if (l->place == s)
        l->place = s->older;
}

struct sok_sock *sok_sock_before(struct sok_sock_list *l, uint32_t id)
{
    struct sok_sock *s = l->place;
    if (id == 0 || !s || (s->newer && s->newer->id < id))
        s = l->newest;
    while (s && id > 0 && s->id >= id)
        s = s->older;
    l->place = s;
    return s;
}
