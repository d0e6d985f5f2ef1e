// Path MTU discovery (RFC 1191): segments go with DF set, and a router that cannot hand one on says what it
// can. That is believed only about something that is on its way (RFC 5927 section 7), it only ever lowers
// the MTU, and ends after a while. What was too large goes again at once; that is no sign of congestion, so
// the congestion window stays (RFC 1191 section 6.5).
#include "tcp/internal.h"

static uint32_t data_len(const struct sok_tcp_conn *c, const struct sok_tcp_sent *r)
{
    uint32_t end = sok_seq_gt(r->end, c->sendq.end) ? c->sendq.end : r->end; // without FIN
    return end - r->start;
}

static bool holds(const struct sok_tcp_sent *r, uint32_t seq)
{
    return sok_seq_le(r->start, seq) && sok_seq_lt(seq, r->end);
}

// What a router had to refuse but may cut from now on keeps its size: of that only what it quoted is known.
static void too_large_again(struct sok_tcp_conn *c, const uint32_t *quoted, int64_t now)
{
    uint32_t mss = sok_tcp_send_mss(c);
    for (uint32_t i = 0; i < c->sent.count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, i);
        bool refused = data_len(c, r) > mss || (quoted && holds(r, *quoted));
        if (!(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST)) && refused) {
            sok_tcp_mark_lost(c, r, SOK_REASON_PATH_MTU, now);
        }
    }
    if (c->sent.lost == 0) {
        return;
    }
    if (c->recovery == SOK_RECOVERY_NONE || c->recovery == SOK_RECOVERY_CWR) {
        c->recovery = SOK_RECOVERY_MTU;
        c->recover = c->snd_nxt;
    }
    c->send_one = true; // what never left needs no leave from what arrived (PRR)
    sok_tcp_want_output(c);
}

static bool is_lower(const struct sok_tcp_conn *c, const struct sok_path_mtu *said)
{
    const struct sok_path_mtu *known = &c->path.known;
    if (c->mtu_deaf) {
        return false;
    }
    bool may_cut_now = said->may_cut && !(known->mtu && known->may_cut);
    return said->mtu && (said->mtu < sok_tcp_path_mtu(&c->path) || may_cut_now);
}

enum sok_tcp_mtu sok_tcp_mtu(struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, uint32_t seq, const struct sok_path_mtu *said,
    uint32_t *conn, int64_t now)
{
    struct sok_tcp_conn *c = sok_tcp_find(t, local, remote);
    if (!c || sok_seq_lt(seq, c->snd_una) || sok_seq_ge(seq, c->snd_nxt)) {
        return SOK_TCP_MTU_NOBODY;
    }
    *conn = c->sock.id;
    if (!is_lower(c, said)) {
        return SOK_TCP_MTU_KNOWN;
    }
    t->mtu_changes++;
    c->path.known = *said;
    too_large_again(c, said->may_cut ? &seq : NULL, now);
    return SOK_TCP_MTU_LOWER;
}

void sok_tcp_mtu_changed(struct sok_tcp *tcp)
{
    tcp->mtu_changes++;
}

void sok_tcp_mtu_refresh(struct sok_tcp_conn *c, int64_t now)
{
    struct sok_tcp *t = c->tcp;
    struct sok_tcp_path path;
    if (c->path.known.mtu && now >= c->path.known.until) {
        c->path.known = (struct sok_path_mtu){0};
    }
    if (c->mtu_seen == t->mtu_changes) {
        return;
    }
    c->mtu_seen = t->mtu_changes;
    if (sok_tcp_route_on(t, c->device, &c->local.addr, &c->remote, &path) != 0 ||
        !is_lower(c, &path.known)) {
        return;
    }
    c->path.known = path.known;
    too_large_again(c, NULL, now);
}
