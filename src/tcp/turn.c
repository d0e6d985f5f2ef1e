// A link's turn: resets and other answers first, then connections, each as long as it has something. What one of them sends
// is output.c's.
#include "tcp/internal.h"

// Its place in the ring; reply_count: there is none.
static unsigned next_reply(struct sok_tcp *t, uint8_t link)
{
    unsigned i = 0;
    while (i < t->reply_count &&
           (sok_tcp_reply_at(t, i)->path.link != link || sok_tcp_reply_at(t, i)->parked)) {
        i++;
    }
    return i;
}

bool sok_tcp_ready(struct sok_tcp *t, uint8_t link, int64_t now, struct sok_addr *next_hop)
{
    (void)now;
    unsigned r = next_reply(t, link);
    struct sok_tcp_conn *c = t->lanes[link].ready_first;
    if (r < t->reply_count) {
        *next_hop = sok_tcp_reply_at(t, r)->path.next_hop;
    } else if (c) {
        sok_tcp_path_refresh(c);
        *next_hop = c->path.next_hop;
    }
    return r < t->reply_count || c;
}

bool sok_tcp_output(struct sok_tcp *t, uint8_t link, int64_t now, struct sok_tcp_segment *out)
{
    unsigned r = next_reply(t, link);
    t->now = now;
    if (r < t->reply_count) {
        sok_tcp_reply_segment(sok_tcp_reply_at(t, r), out);
        sok_tcp_reply_remove(t, r);
        return true;
    }
    struct sok_tcp_conn *c = t->lanes[link].ready_first;
    if (!c) {
        return false;
    }
    sok_tcp_rest(c);
    sok_tcp_mtu_refresh(c, now);
    if (!sok_tcp_conn_output(c, now, out)) {
        sok_tcp_limited_judge(c, now);
        return false;
    }
    if (out->data_len > 0) {
        sok_tcp_limited_by_link(c, now); // until it is asked again
    }
    sok_tcp_want_output(c); // behind the others
    return true;
}
