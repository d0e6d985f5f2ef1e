// Packets of ours that wait: for their link, or for a neighbour's address.
#include "stack/internal.h"

#include <string.h>

size_t sok_iov_total(const struct sok_iov *iov, unsigned count)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++)
        len += iov[i].len;
    return len;
}

void sok_iov_copy(uint8_t *to, const struct sok_iov *iov, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (iov[i].len > 0)
            memcpy(to, iov[i].base, iov[i].len);
        to += iov[i].len;
    }
}

struct sok_packet *sok_outgoing_new(struct sok_stack *s, uint32_t frame_len)
{
    uint32_t size = SOK_VLAN_HDR_LEN + frame_len;
    struct sok_packet *p = sok_mem_alloc(sok_stack_mem(s), sizeof(*p) + size);
    if (p)
        *p = (struct sok_packet){
            .len = frame_len, .size = size, .frame = p->bytes + SOK_VLAN_HDR_LEN};
    return p;
}

void sok_outgoing_free(struct sok_stack *s, struct sok_packet *p)
{
    if (p)
        sok_mem_free(sok_stack_mem(s), p, sizeof(*p) + p->size);
}

void sok_outgoing_push(struct sok_packet_queue *q, struct sok_packet *p)
{
    p->next = NULL;
    if (q->last)
        q->last->next = p;
    else
        q->first = p;
    q->last = p;
    q->count++;
}

struct sok_packet *sok_outgoing_pop(struct sok_packet_queue *q)
{
    struct sok_packet *p = q->first;
    if (!p)
        return NULL;
    q->first = p->next;
    if (!q->first)
        q->last = NULL;
    q->count--;
    p->next = NULL;
    return p;
}

void sok_outgoing_free_all(struct sok_stack *s, struct sok_packet_queue *q)
{
    struct sok_packet *p;
    while ((p = sok_outgoing_pop(q)))
        sok_outgoing_free(s, p);
}
