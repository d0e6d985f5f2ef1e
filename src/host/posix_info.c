// TCP_INFO, as tcp(7) and the kernel's header have it: counts are of segments, times of microseconds or milliseconds.
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "host/host.h"
#include "host/posix.h"

// The kernel's numbers, which no header of its own has.
enum {
    STATE_ESTABLISHED = 1,
    STATE_SYN_SENT,
    STATE_SYN_RECV,
    STATE_FIN_WAIT1,
    STATE_FIN_WAIT2,
    STATE_TIME_WAIT,
    STATE_CLOSE,
    STATE_CLOSE_WAIT,
    STATE_LAST_ACK,
    STATE_LISTEN,
    STATE_CLOSING,
};
enum { CA_OPEN = 0, CA_DISORDER = 1, CA_RECOVERY = 3, CA_LOSS = 4 };
#define NO_THRESHOLD 0x7fffffff

static uint8_t state_of(enum sok_tcp_state state)
{
    static const uint8_t states[] = {
        [SOK_TCP_CLOSED] = STATE_CLOSE,
        [SOK_TCP_LISTEN] = STATE_LISTEN,
        [SOK_TCP_SYN_SENT] = STATE_SYN_SENT,
        [SOK_TCP_SYN_RECEIVED] = STATE_SYN_RECV,
        [SOK_TCP_ESTABLISHED] = STATE_ESTABLISHED,
        [SOK_TCP_FIN_WAIT_1] = STATE_FIN_WAIT1,
        [SOK_TCP_FIN_WAIT_2] = STATE_FIN_WAIT2,
        [SOK_TCP_CLOSE_WAIT] = STATE_CLOSE_WAIT,
        [SOK_TCP_CLOSING] = STATE_CLOSING,
        [SOK_TCP_LAST_ACK] = STATE_LAST_ACK,
        [SOK_TCP_TIME_WAIT] = STATE_TIME_WAIT,
    };
    return state < sizeof(states) ? states[state] : STATE_CLOSE;
}

static uint32_t us(int64_t ns)
{
    return (uint32_t)(ns / 1000);
}

static uint32_t ms(int64_t ns)
{
    return (uint32_t)(ns / 1000000);
}

static uint64_t us_of(const struct sok_tcp_info *i, enum sok_tcp_limit limit)
{
    return (uint64_t)(i->limited[limit] / 1000);
}

static uint8_t congestion_state(const struct sok_tcp_info *i)
{
    if (i->backoff > 0 && i->lost > 0)
        return CA_LOSS;
    if (i->limit == SOK_TCP_LIMIT_RECOVERY)
        return CA_RECOVERY;
    return i->sacked > 0 ? CA_DISORDER : CA_OPEN;
}

// What was there when the kernel's struct was short.
static void put_first(struct tcp_info *t, const struct sok_tcp_info *i, uint32_t mss)
{
    t->tcpi_state = state_of(i->state);
    t->tcpi_ca_state = congestion_state(i);
    t->tcpi_retransmits = (uint8_t)(i->retries < 255 ? i->retries : 255);
    t->tcpi_backoff = i->backoff;
    t->tcpi_options =
        (uint8_t)((i->timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (i->sack ? TCPI_OPT_SACK : 0) |
                  (i->window_scale ? TCPI_OPT_WSCALE : 0) | (i->ecn ? TCPI_OPT_ECN : 0) |
                  (i->fastopen ? TCPI_OPT_SYN_DATA : 0));
    t->tcpi_snd_wscale = i->snd_wscale & 0xfU;
    t->tcpi_rcv_wscale = i->rcv_wscale & 0xfU;
    t->tcpi_delivery_rate_app_limited = i->delivery_rate_limited;
    t->tcpi_rto = us(i->rto);
    t->tcpi_snd_mss = i->snd_mss;
    t->tcpi_rcv_mss = i->rcv_mss;
    t->tcpi_unacked = (i->snd_unacked + mss - 1) / mss;
    t->tcpi_sacked = i->sacked / mss;
    t->tcpi_lost = i->lost / mss;
    t->tcpi_last_data_sent = ms(i->since_sent);
    t->tcpi_last_data_recv = ms(i->since_received);
    t->tcpi_last_ack_recv = ms(i->since_segment);
    t->tcpi_pmtu = i->path_mtu;
    t->tcpi_rcv_ssthresh = i->rcv_wnd;
    t->tcpi_rtt = us(i->srtt);
    t->tcpi_rttvar = us(i->rttvar);
    t->tcpi_snd_ssthresh = i->ssthresh == UINT32_MAX ? NO_THRESHOLD : i->ssthresh / mss;
    t->tcpi_snd_cwnd = i->cwnd / mss;
    t->tcpi_advmss = i->own_mss;
    t->tcpi_reordering = 3;
    t->tcpi_rcv_space = i->rcv_wnd;
    t->tcpi_total_retrans = (uint32_t)i->segments_again;
}

static void put_rest(struct tcp_info *t, const struct sok_tcp_info *i, uint32_t mss)
{
    uint64_t waited = us_of(i, SOK_TCP_LIMIT_HANDSHAKE) + us_of(i, SOK_TCP_LIMIT_APPLICATION);
    uint64_t age = (uint64_t)(i->age / 1000);
    t->tcpi_pacing_rate = UINT64_MAX; // there is none
    t->tcpi_max_pacing_rate = UINT64_MAX;
    t->tcpi_bytes_acked = i->bytes_acked;
    t->tcpi_bytes_received = i->bytes_received;
    t->tcpi_segs_out = (uint32_t)i->segments_out;
    t->tcpi_segs_in = (uint32_t)i->segments_in;
    t->tcpi_notsent_bytes = i->snd_unsent;
    t->tcpi_min_rtt = i->min_rtt ? us(i->min_rtt) : UINT32_MAX;
    t->tcpi_data_segs_in = (uint32_t)i->data_in;
    t->tcpi_data_segs_out = (uint32_t)i->data_out;
    t->tcpi_delivery_rate = i->delivery_rate;
    t->tcpi_busy_time = age > waited ? age - waited : 0;
    t->tcpi_rwnd_limited = us_of(i, SOK_TCP_LIMIT_RECEIVER);
    t->tcpi_sndbuf_limited = us_of(i, SOK_TCP_LIMIT_SEND_BUFFER);
    t->tcpi_delivered = (uint32_t)((i->bytes_acked + i->sacked + mss - 1) / mss);
    t->tcpi_delivered_ce = i->ecn_marks;
    t->tcpi_bytes_sent = i->bytes_sent + i->bytes_again; // the kernel counts both
    t->tcpi_bytes_retrans = i->bytes_again;
    t->tcpi_dsack_dups = (uint32_t)((i->bytes_spurious + mss - 1) / mss);
    t->tcpi_reord_seen = i->reordering;
    t->tcpi_snd_wnd = i->snd_wnd;
}

int sok_posix_info(
    const struct sok_posix *p, const struct sok_socket *s, uint8_t *out, uint32_t want)
{
    struct tcp_info t = {.tcpi_state = p->listens ? STATE_LISTEN : STATE_CLOSE};
    struct sok_tcp_conn *c = s ? sok_socket_conn(s) : NULL;
    uint32_t waiting, most;
    if (p->type != SOCK_STREAM)
        return -EOPNOTSUPP;
    if (c) {
        struct sok_tcp_info i;
        sok_tcp_info(c, &i);
        uint32_t mss = i.snd_mss ? i.snd_mss : 1;
        put_first(&t, &i, mss);
        put_rest(&t, &i, mss);
    } else if (p->listens && s && s->sock) { // as the kernel: the queue of those that wait
        sok_tcp_listener_queue((const struct sok_tcp_listener *)s->sock, &waiting, &most);
        t.tcpi_unacked = waiting;
        t.tcpi_sacked = most;
    }
    uint32_t n = want < sizeof(t) ? want : (uint32_t)sizeof(t);
    memcpy(out, &t, n);
    return (int)n;
}
