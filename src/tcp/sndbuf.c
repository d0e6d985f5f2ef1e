// How much an application may give before it waits: as in Linux (tcp_wmem of tcp(7)) a buffer begins small, has room for two
// windows of congestion, with what each segment costs beside its data, once the connection is open, and grows with the
// window while its writer waits for room. It never shrinks; what the application asked for stays as it is.
#include "tcp/internal.h"

// What Linux reckons with: a segment's headers and the memory that describes it, rounded up to a power of two,
// and its handle. The sizes that programs are told are so the same.
#define COST_OF_HEADERS 640
#define COST_OF_HANDLE  256
#define SEGMENTS_LEAST  10 // the initial window of RFC 6928

uint32_t sok_tcp_sndbuf_first(const struct sok_tcp_config *config, const struct sok_tcp_wishes *w)
{
    int64_t first =
        config->snd_buf_initial < config->snd_buf ? config->snd_buf_initial : config->snd_buf;
    return w->snd_buf ? w->snd_buf : (uint32_t)first;
}

uint32_t sok_tcp_sndbuf_most(const struct sok_tcp_conn *c)
{
    return c->wishes.snd_buf ? c->wishes.snd_buf : (uint32_t)c->tcp->config.snd_buf;
}

static uint64_t cost_of_segment(const struct sok_tcp_conn *c)
{
    uint32_t mss = sok_tcp_send_mss(c);
    uint64_t data = c->peer_mss > mss ? c->peer_mss : mss, cost = 1024;
    while (cost < data + COST_OF_HEADERS) {
        cost *= 2;
    }
    return cost + COST_OF_HANDLE;
}

void sok_tcp_sndbuf_grow(struct sok_tcp_conn *c)
{
    const struct sok_tcp_config *config = &c->tcp->config;
    uint64_t segments = c->cwnd / sok_tcp_send_mss(c);
    segments = segments > SEGMENTS_LEAST ? segments : SEGMENTS_LEAST;
    uint64_t size = 2 * segments * cost_of_segment(c), most = (uint64_t)config->snd_buf;
    size = size < most ? size : most;
    if (!c->wishes.snd_buf && size > c->snd_buf) {
        c->snd_buf = (uint32_t)size;
    }
}

// Its writer waits, and yet the network would carry more than was given.
static bool holds_back(const struct sok_tcp_conn *c)
{
    uint64_t given = (uint64_t)sok_tcp_pipe(c) + sok_tcp_unsent(c);
    return !c->orphan && !(c->sock.ready & SOK_READY_OUT) && given < c->cwnd;
}

void sok_tcp_sndbuf_on_ack(struct sok_tcp_conn *c)
{
    bool may = !c->wishes.snd_buf && c->snd_buf < c->tcp->config.snd_buf;
    if (may && c->tcp->send_held < (uint64_t)c->tcp->config.snd_buf_all && holds_back(c)) {
        sok_tcp_sndbuf_grow(c);
    }
}
