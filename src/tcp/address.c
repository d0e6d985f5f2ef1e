// An address of ours is gone: it was somebody else's (RFC 5227), or its lease is over (RFC 2131). Nothing
// may be sent from it any more, not even a reset.
#include "tcp/internal.h"

static void drop_replies_from(struct sok_tcp *t, const struct sok_addr *addr)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < t->reply_count; i++) {
        const struct sok_tcp_reply *r = sok_tcp_reply_at(t, i);
        if (!sok_addr_eq(r->from.addr, *addr))
            *sok_tcp_reply_at(t, kept++) = *r;
    }
    t->reply_count = kept;
}

void sok_tcp_addr_gone(struct sok_tcp *tcp, const struct sok_addr *addr, int err, int64_t now)
{
    struct sok_tcp_conn *next;
    drop_replies_from(tcp, addr);
    for (struct sok_tcp_conn *c = tcp->all; c; c = next) {
        next = c->all_next; // freeing c touches no other connection
        if (c->state != SOK_TCP_CLOSED && sok_addr_eq(c->local.addr, *addr))
            sok_tcp_over(c, err, now);
    }
}
