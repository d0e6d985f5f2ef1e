// Segments that belong to no connection (any more): resets, and the SYN,ACKs of cookies. RFC 9293 section 3.5.2: a reset takes its
// sequence number from the ACK of what it answers; without one it is 0 and acknowledges what came.
#include <string.h>
#include "tcp/internal.h"

void sok_tcp_reply_push(struct sok_tcp *t, const struct sok_tcp_reply *r)
{
    if (t->reply_count == SOK_TCP_REPLIES_MAX) {
        t->drops[SOK_DROP_TCP_REPLY_QUEUE]++;
        return;
    }
    *sok_tcp_reply_at(t, t->reply_count++) = *r;
}

// Resets to neighbours that do not answer take half of the room at most, so that others still go.
void sok_tcp_reply_park(struct sok_tcp *t, unsigned i)
{
    unsigned parked = 0;
    for (unsigned k = 0; k < t->reply_count; k++) {
        parked += sok_tcp_reply_at(t, k)->parked;
    }
    if (parked < SOK_TCP_REPLIES_MAX / 2) {
        sok_tcp_reply_at(t, i)->parked = true;
    } else {
        sok_tcp_reply_remove(t, i);
        t->drops[SOK_DROP_TCP_REPLY_QUEUE]++;
    }
}

void sok_tcp_reply_remove(struct sok_tcp *t, unsigned i)
{
    for (; i > 0; i--) { // nearly always it is the first
        *sok_tcp_reply_at(t, i) = *sok_tcp_reply_at(t, i - 1);
    }
    t->reply_head = (t->reply_head + 1) & (SOK_TCP_REPLIES_MAX - 1);
    t->reply_count--;
}

void sok_tcp_reset_for(struct sok_tcp *t, const struct sok_tcp_in *in, enum sok_reason why)
{
    struct sok_tcp_reply r = {
        .from = in->from->to,
        .to = in->from->from,
        .reason = (uint8_t)why,
        .conn = in->out->conn,
        .has_base = in->out->has_base,
        .seq_base = in->out->ack_base,
        .ack_base = in->out->seq_base,
    };
    if (in->h.flags & SOK_TCP_ACK) {
        r.flags = SOK_TCP_RST;
        r.seq = in->h.ack;
    } else {
        r.flags = SOK_TCP_RST | SOK_TCP_ACK;
        r.ack = in->h.seq + in->from->segment.len - 4u * in->h.dataofs;
        r.ack += (in->h.flags & SOK_TCP_SYN ? 1 : 0) + (in->h.flags & SOK_TCP_FIN ? 1 : 0);
        r.seq_base = 0; // SEQ is 0 by rule and is shown so
    }
    if (t->env.route(t->env.route_ctx, &r.from.addr, &r.to, &r.path) == 0) {
        sok_tcp_reply_push(t, &r);
    }
}

void sok_tcp_reset_conn(struct sok_tcp_conn *c, enum sok_reason why)
{
    struct sok_tcp_reply r = {
        .from = c->local,
        .to = c->remote,
        .path = c->path,
        .flags = SOK_TCP_RST | SOK_TCP_ACK,
        .seq = c->snd_nxt,
        .ack = c->rcv_nxt,
        .reason = (uint8_t)why,
        .conn = c->sock.id,
        .has_base = true,
    };
    sok_tcp_bases(c, &r.seq_base, &r.ack_base);
    sok_tcp_reply_push(c->tcp, &r);
}

void sok_tcp_reply_segment(const struct sok_tcp_reply *r, struct sok_tcp_segment *out)
{
    struct sok_tcp_hdr h = {
        .sport = r->from.port,
        .dport = r->to.port,
        .seq = r->seq,
        .ack = r->ack,
        .dataofs = (uint8_t)((SOK_TCP_HDR_LEN + r->options_len) / 4),
        .flags = r->flags,
        .window = r->window,
    };
    *out = (struct sok_tcp_segment){
        .from = r->from,
        .to = r->to,
        .next_hop = r->path.next_hop,
        .link = r->path.link,
        .head_len = (uint8_t)(SOK_TCP_HDR_LEN + r->options_len),
        .reason = r->reason,
        .conn = r->conn,
        .has_base = r->has_base,
        .seq_base = r->seq_base,
        .ack_base = r->ack_base,
    };
    sok_tcp_hdr_put(out->head, &h);
    memcpy(out->head + SOK_TCP_HDR_LEN, r->options, r->options_len);
}
