// What a stream says of itself, as the public header tells it.
#include "host/host.h"

_Static_assert(SOK_LIMITS == SOK_TCP_LIMIT_COUNT, "the limits are TCP's");
#define SOK_X(name, text)                                                                          \
    _Static_assert((int)SOK_LIMIT_##name == (int)SOK_TCP_LIMIT_##name, "in TCP's order");
SOK_TCP_LIMITS(SOK_X)
#undef SOK_X

const char *sok_limit_text(enum sok_limit limit)
{
    return sok_tcp_limit_text((enum sok_tcp_limit)limit);
}

int sok_getinfo(const struct sok_socket *s, struct sok_info *out)
{
    struct sok_tcp_info t;
    if (s->type != SOK_STREAM)
        return SOK_EOPNOTSUPP;
    if (!s->sock || s->sock->kind != SOK_SOCK_TCP)
        return SOK_ENOTCONN;
    sok_tcp_info((const struct sok_tcp_conn *)s->sock, &t);
    *out = (struct sok_info){
        .state = sok_tcp_state_text(t.state),
        .congestion = t.congestion,
        .rtt = t.srtt,
        .rtt_var = t.rttvar,
        .rtt_min = t.min_rtt,
        .rto = t.rto,
        .cwnd = t.cwnd,
        .ssthresh = t.ssthresh,
        .send_mss = t.snd_mss,
        .recv_mss = t.rcv_mss,
        .send_window = t.snd_wnd,
        .recv_window = t.rcv_wnd,
        .send_queued = t.snd_queued,
        .send_unacked = t.snd_unacked,
        .send_unsent = t.snd_unsent,
        .sacked = t.sacked,
        .lost = t.lost,
        .recv_queued = t.rcv_queued,
        .recv_early = t.rcv_early,
        .bytes_sent = t.bytes_sent,
        .bytes_acked = t.bytes_acked,
        .bytes_again = t.bytes_again,
        .bytes_spurious = t.bytes_spurious,
        .bytes_received = t.bytes_received,
        .segments_out = t.segments_out,
        .segments_in = t.segments_in,
        .timeouts = t.timeouts,
        .fast_retransmits = t.fast_retransmits,
        .tail_probes = t.tail_probes,
        .undone = t.undone,
        .send_shift = t.snd_wscale,
        .recv_shift = t.rcv_wscale,
        .sack = t.sack,
        .timestamps = t.timestamps,
        .reordering = t.reordering,
        .delivery_rate = t.delivery_rate,
        .delivery_rate_limited = t.delivery_rate_limited,
        .limit = (enum sok_limit)t.limit,
        .age = t.age,
    };
    for (int i = 0; i < SOK_LIMITS; i++)
        out->limited[i] = t.limited[i];
    return 0;
}
