#include "host/census.h"
#include <string.h>
#include "host/host.h"
#include "host/posix.h"

_Static_assert(SOK_ROW_LIMIT_COUNT == SOK_TCP_LIMIT_COUNT, "the limits are TCP's");

static uint8_t state_of(enum sok_tcp_state state)
{
    static const uint8_t states[SOK_TCP_STATE_COUNT] = {
        [SOK_TCP_CLOSED] = SOK_ROW_CLOSE,
        [SOK_TCP_LISTEN] = SOK_ROW_LISTEN,
        [SOK_TCP_SYN_SENT] = SOK_ROW_SYN_SENT,
        [SOK_TCP_SYN_RECEIVED] = SOK_ROW_SYN_RECEIVED,
        [SOK_TCP_ESTABLISHED] = SOK_ROW_ESTABLISHED,
        [SOK_TCP_FIN_WAIT_1] = SOK_ROW_FIN_WAIT_1,
        [SOK_TCP_FIN_WAIT_2] = SOK_ROW_FIN_WAIT_2,
        [SOK_TCP_CLOSE_WAIT] = SOK_ROW_CLOSE_WAIT,
        [SOK_TCP_CLOSING] = SOK_ROW_CLOSING,
        [SOK_TCP_LAST_ACK] = SOK_ROW_LAST_ACK,
        [SOK_TCP_TIME_WAIT] = SOK_ROW_TIME_WAIT,
    };
    return states[state];
}

static uint8_t timer_of(enum sok_tcp_wait wait)
{
    static const uint8_t timers[] = {
        [SOK_TCP_WAIT_NONE] = SOK_ROW_TIMER_OFF,
        [SOK_TCP_WAIT_ACK] = SOK_ROW_TIMER_ON,
        [SOK_TCP_WAIT_WINDOW] = SOK_ROW_TIMER_PERSIST,
        [SOK_TCP_WAIT_SIGN] = SOK_ROW_TIMER_KEEPALIVE,
        [SOK_TCP_WAIT_END] = SOK_ROW_TIMER_TIME_WAIT,
    };
    return timers[wait];
}

static void put_ends(
    struct sok_row *row, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    bool v6 = !sok_addr_is_v4(local->addr);
    struct sok_addr any = v6 ? (struct sok_addr){{0}} : sok_addr_v4(0);
    memcpy(row->local, sok_addr_is_any(local->addr) ? any.b : local->addr.b, 16);
    memcpy(row->remote, sok_addr_is_any(remote->addr) ? any.b : remote->addr.b, 16);
    row->local_port = local->port;
    row->remote_port = remote->port;
    row->family = v6 ? 6 : 4;
}

static void put_v6only(struct sok_row *row, bool v6only)
{
    if (row->family == 6)
        row->flags |= SOK_ROW_V6ONLY_KNOWN | (v6only ? SOK_ROW_V6ONLY : 0U);
}

static uint32_t clamp32(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

// ---- TCP ----

static uint32_t segments(uint64_t bytes, uint32_t mss)
{
    return mss ? clamp32((bytes + mss - 1) / mss) : 0;
}

static uint32_t flags_of(const struct sok_tcp_info *t)
{
    return SOK_ROW_INFO | SOK_ROW_LIMITS | SOK_ROW_MEMORY | SOK_ROW_SHUT_KNOWN |
           (t->timestamps ? SOK_ROW_TIMESTAMPS : 0u) | (t->sack ? SOK_ROW_SACK : 0u) |
           (t->ecn ? SOK_ROW_ECN : 0u) | (t->ecn_marks ? SOK_ROW_ECN_SEEN : 0u) |
           (t->fastopen ? SOK_ROW_FASTOPEN : 0u) | (t->window_scale ? SOK_ROW_WSCALE : 0u) |
           (t->delivery_rate_limited ? SOK_ROW_APP_LIMITED : 0u) |
           (t->recv_over ? SOK_ROW_SHUT_IN : 0u) | (t->send_over ? SOK_ROW_SHUT_OUT : 0u);
}

// What ss counts in bytes sent has what was sent again in it, too.
static void put_bytes(struct sok_row_info *i, const struct sok_tcp_info *t)
{
    i->bytes_sent = t->bytes_sent + t->bytes_again;
    i->bytes_again = t->bytes_again;
    i->bytes_spurious = t->bytes_spurious;
    i->bytes_acked = t->bytes_acked;
    i->bytes_received = t->bytes_received;
    i->segs_out = clamp32(t->segments_out);
    i->segs_in = clamp32(t->segments_in);
    i->data_segs_out = clamp32(t->data_out);
    i->data_segs_in = clamp32(t->data_in);
    i->retrans_total = clamp32(t->segments_again);
    i->dsack_dups = segments(t->bytes_spurious, t->snd_mss);
    i->not_sent = t->snd_unsent;
    i->unacked = segments(t->snd_unacked, t->snd_mss);
    i->sacked = segments(t->sacked, t->snd_mss);
    i->lost = segments(t->lost, t->snd_mss);
    i->recv_early = segments(t->rcv_early, t->rcv_mss);
}

static void put_info(struct sok_row_info *i, const struct sok_tcp_info *t)
{
    i->rto = t->rto;
    i->rtt = t->srtt;
    i->rtt_var = t->rttvar;
    i->rtt_min = t->min_rtt;
    i->since_sent = t->since_sent;
    i->since_received = t->since_received;
    i->since_ack = t->since_segment;
    i->delivery_rate = t->delivery_rate;
    i->delivered_ce = 0;
    i->mss = t->snd_mss;
    i->mss_recv = t->rcv_mss;
    i->mss_offered = t->own_mss;
    i->pmtu = t->path_mtu;
    i->cwnd_bytes = t->cwnd;
    i->cwnd = t->snd_mss ? t->cwnd / t->snd_mss : 0;
    i->ssthresh = t->ssthresh == UINT32_MAX || !t->snd_mss ? 0 : t->ssthresh / t->snd_mss;
    i->backoff = t->backoff;
    i->reorder_seen = t->reordering;
    i->window_send = t->snd_wnd;
    i->window_recv = t->rcv_wnd;
    i->timeouts = t->timeouts;
    i->fast_retransmits = t->fast_retransmits;
    i->tail_probes = t->tail_probes;
    i->undone = t->undone;
}

static void put_limits(struct sok_row *row, const struct sok_tcp_info *t)
{
    row->limit = (uint8_t)t->limit;
    row->info.age = t->age;
    for (unsigned i = 0; i < SOK_ROW_LIMIT_COUNT; i++) {
        row->limited[i] = t->limited[i];
        if (i != SOK_TCP_LIMIT_HANDSHAKE && i != SOK_TCP_LIMIT_APPLICATION)
            row->info.busy += t->limited[i];
    }
    row->info.busy_receiver = t->limited[SOK_TCP_LIMIT_RECEIVER];
    row->info.busy_buffer = t->limited[SOK_TCP_LIMIT_SEND_BUFFER];
}

static void put_conn(struct sok_row *row, const struct sok_tcp_conn *c, int64_t now)
{
    struct sok_tcp_info t;
    struct sok_endpoint local = sok_tcp_local(c), remote = sok_tcp_remote(c);
    sok_tcp_info(c, &t);
    put_ends(row, &local, &remote);
    row->link = sok_tcp_device(c);
    row->flags |= flags_of(&t);
    row->state = state_of(t.state);
    row->timer = timer_of(t.wait);
    row->timer_left = t.wait && t.wait_until > now ? t.wait_until - now : 0;
    row->retries = t.wait_retries;
    row->recv_queue = t.rcv_queued;
    row->send_queue = t.snd_queued;
    row->send_shift = t.snd_wscale;
    row->recv_shift = t.rcv_wscale;
    row->memory = (struct sok_row_memory){
        .recv_alloc = t.rcv_held,
        .recv_buf = t.rcv_buf,
        .send_buf = t.snd_buf,
        .queued = t.snd_queued,
    };
    strncpy(row->congestion, t.congestion, sizeof(row->congestion) - 1);
    put_bytes(&row->info, &t);
    put_info(&row->info, &t);
    put_limits(row, &t);
}

static void put_listener(struct sok_row *row, const struct sok_tcp_listener *l)
{
    struct sok_endpoint local = sok_tcp_listener_local(l), nobody = {.addr = sok_addr_v4(0)};
    put_ends(row, &local, &nobody);
    put_v6only(row, sok_tcp_listener_v6only(l));
    row->link = sok_tcp_listener_device(l);
    row->state = SOK_ROW_CLOSE;
    if (sok_tcp_listener_open(l)) {
        row->state = SOK_ROW_LISTEN;
        sok_tcp_listener_queue(l, &row->recv_queue, &row->send_queue);
    }
}

// ---- the others ----

static void put_other(struct sok_row *row, const struct sok_sock *sock)
{
    struct sok_sock_about about;
    sok_stack_about(sock, &about);
    put_ends(row, &about.local, &about.remote);
    row->state = about.connected ? SOK_ROW_ESTABLISHED : SOK_ROW_CLOSE;
    row->protocol = about.protocol;
    row->recv_queue = clamp32(about.held);
    row->flags |= SOK_ROW_MEMORY;
    row->memory.recv_alloc = clamp32(about.held);
    row->memory.recv_buf = clamp32(about.most);
    row->kind = sock->kind == SOK_SOCK_UDP ? SOK_ROW_UDP : SOK_ROW_RAW;
    if (sock->kind == SOK_SOCK_FRAMES) {
        row->kind = SOK_ROW_PACKET;
        row->family = 0;
        row->local_port = about.type;
    }
    row->link = (uint32_t)(about.link + 1);
    put_v6only(row, about.v6only);
}

// ---- all ----

static void put(struct sok_row *row, const struct sok_sock *sock, int64_t now)
{
    *row = (struct sok_row){.id = sock->id, .kind = SOK_ROW_TCP, .fd = -1};
    if (sock->kind == SOK_SOCK_TCP)
        put_conn(row, (const struct sok_tcp_conn *)sock, now);
    else if (sock->kind == SOK_SOCK_TCP_LISTEN)
        put_listener(row, (const struct sok_tcp_listener *)sock);
    else
        put_other(row, sock);
}

static void put_interface(struct sok_row *row, const struct sok_host *host)
{
    struct sok_packet_link about;
    if (row->link && sok_packet_link(host, (int)row->link - 1, &about) == 0)
        sok_posix_link_name((int)row->link - 1, &about, row->interface);
}

unsigned sok_host_census(struct sok_host *host, uint32_t after_id, struct sok_row *rows,
    unsigned max, sok_census_owner_fn owner, void *ctx)
{
    int64_t now = sok_host_now(host);
    unsigned count = 0;
    if (after_id == 0) { // the times are those of now, not of when something last came
        sok_stack_advance(host->stack, now);
        host->dirty = true;
    }
    struct sok_sock *s = sok_stack_sock_before(host->stack, after_id);
    for (; s && count < max; s = sok_stack_sock_before(host->stack, s->id)) {
        put(&rows[count], s, now);
        put_interface(&rows[count], host);
        if (owner && s->user)
            owner(ctx, s->user, &rows[count]);
        count++;
    }
    return count;
}

int sok_host_kill(struct sok_host *host, uint32_t id)
{
    int r = sok_stack_kill(host->stack, id, sok_host_now(host));
    host->dirty = true;
    return r;
}
