// SYN cookies (RFC 4987 section 3.6): when a listener has no room for another half-open connection, all that is
// worth knowing of a SYN goes into the numbers of its SYN,ACK, and nothing is kept. The ACK brings them back.
//
//   ISS  = age (2 bits), MSS (3 bits), proof (27 bits: keyed, over addresses, ports, the peer's ISS and the age)
//   TSval = our clock, of which the lowest 6 bits say: window scale (4 bits, 15: none), SACK, ECN
//
// Without timestamps there are no such bits: the connection then does without scaling, SACK and ECN.
#include <string.h>
#include "base/siphash.h"
#include "tcp/internal.h"

#define AGE_UNIT   (64 * SOK_S) // a cookie is good for one to two of these
#define AGE_BITS   2
#define MSS_BITS   3
#define PROOF_BITS (32 - AGE_BITS - MSS_BITS)

#define TS_BITS  6
#define TS_SCALE 15u // no window scaling
#define TS_SACK  16u
#define TS_ECN   32u

// The largest that is not above what the peer said is remembered.
static const uint16_t mss_table[1 << MSS_BITS] = {88, 216, 536, 1220, 1360, 1440, 1460, 8940};

static uint32_t proof(const struct sok_tcp *t, const struct sok_tcp_arrival *a, uint32_t peer_iss,
    uint32_t age, uint32_t mss_index)
{
    uint8_t in[16 + 16 + 2 + 2 + 4 + 4 + 1] = {0};
    memcpy(in, a->to.addr.b, 16);
    memcpy(in + 16, a->from.addr.b, 16);
    memcpy(in + 32, &a->to.port, 2);
    memcpy(in + 34, &a->from.port, 2);
    memcpy(in + 36, &peer_iss, 4);
    memcpy(in + 40, &age, 4);
    in[44] = (uint8_t)mss_index;
    return (uint32_t)(sok_siphash(t->env.secret, in, sizeof(in)) >> (64 - PROOF_BITS));
}

static uint32_t compose(uint32_t age, uint32_t mss_index, uint32_t proof_bits)
{
    return age << (32 - AGE_BITS) | mss_index << PROOF_BITS | proof_bits;
}

static uint32_t mss_index(const struct sok_tcp_in *in)
{
    uint16_t unsaid = sok_addr_is_v4(in->from->from.addr) ? 536 : 1220; // MUST-15
    uint16_t mss = in->o.has_mss ? in->o.mss : unsaid;
    uint32_t i = (1 << MSS_BITS) - 1;
    while (i > 0 && mss_table[i] > mss) {
        i--;
    }
    return i;
}

// ---- the SYN,ACK ----

// The clock, set back a little so that its lowest bits say what was agreed on.
static uint32_t clock_saying(uint32_t clock, uint32_t bits)
{
    uint32_t said = (clock & ~((1u << TS_BITS) - 1)) | bits;
    return said > clock ? said - (1u << TS_BITS) : said;
}

static void answer_options(const struct sok_tcp_listener *l, const struct sok_tcp_in *in,
    uint16_t own_mss, bool ecn, struct sok_tcp_opts *o)
{
    const struct sok_tcp *t = l->tcp;
    const struct sok_tcp_arrival *a = in->from;
    *o = (struct sok_tcp_opts){.has_mss = true, .mss = own_mss};
    if (!t->config.timestamps || !in->o.has_ts) {
        return;
    }
    uint8_t scale = in->o.wscale < 14 ? in->o.wscale : 14;
    o->sack_ok = t->config.sack && in->o.sack_ok;
    o->has_wscale = t->config.window_scale && in->o.has_wscale;
    o->wscale = sok_tcp_scale_for(&t->config, &l->wishes);
    o->has_ts = true;
    o->tsecr = in->o.tsval;
    uint32_t clock = (uint32_t)(in->now / SOK_MS) + sok_tcp_ts_offset(t, &a->to, &a->from);
    o->tsval = clock_saying(clock,
        (o->has_wscale ? scale : TS_SCALE) | (o->sack_ok ? TS_SACK : 0) | (ecn ? TS_ECN : 0));
}

void sok_tcp_cookie_send(struct sok_tcp_listener *l, struct sok_tcp_in *in)
{
    struct sok_tcp *t = l->tcp;
    const struct sok_tcp_arrival *a = in->from;
    struct sok_tcp_opts o;
    struct sok_tcp_reply r = {.from = a->to,
        .to = a->from,
        .ack = in->h.seq + 1,
        .flags = SOK_TCP_SYN | SOK_TCP_ACK,
        .reason = SOK_REASON_OPEN_COOKIE,
        .has_base = true};
    if (sok_tcp_route_on(t, sok_bind_device(l->flags), &a->to.addr, &a->from, &r.path) != 0) {
        in->out->drop = SOK_DROP_NO_MEMORY;
        return;
    }
    uint32_t age = (uint32_t)(in->now / AGE_UNIT), index = mss_index(in);
    uint16_t own_mss = sok_tcp_wished_mss(&l->wishes, sok_tcp_path_mss(&r.path, &a->from.addr));
    bool ecn = sok_tcp_ecn_asked(t, in) && in->o.has_ts && t->config.timestamps;
    answer_options(l, in, own_mss, ecn, &o);
    r.flags |= ecn ? SOK_TCP_ECE : 0;
    r.seq = compose(age, index, proof(t, a, in->h.seq, age, index));
    r.window = (uint16_t)sok_tcp_whole_segments(
        sok_tcp_wished_window(&t->config, &l->wishes), own_mss - (o.has_ts ? 12u : 0u));
    r.seq_base = r.seq;
    r.ack_base = in->h.seq;
    r.options_len = (uint8_t)sok_tcp_opts_put(r.options, &o);
    sok_tcp_reply_push(t, &r);
    l->cookie_at = in->now;
    in->out->has_base = true;
    in->out->seq_base = in->h.seq;
    in->out->ack_base = r.seq;
    in->out->effects |= SOK_EFFECT_COOKIE;
}

// ---- the ACK ----

// False: not a number of ours, or too old a one.
static bool holds(
    const struct sok_tcp *t, const struct sok_tcp_in *in, uint32_t cookie, uint32_t *index)
{
    uint32_t now = (uint32_t)(in->now / AGE_UNIT);
    uint32_t old = (now - (cookie >> (32 - AGE_BITS))) & ((1u << AGE_BITS) - 1);
    uint32_t age = now - old;
    *index = cookie >> PROOF_BITS & ((1u << MSS_BITS) - 1);
    return old < 2 &&
           cookie == compose(age, *index, proof(t, in->from, in->h.seq - 1, age, *index));
}

// The SYN as it was, as far as it is known.
static struct sok_tcp_in syn_again(
    const struct sok_tcp *t, const struct sok_tcp_in *in, uint32_t index)
{
    struct sok_tcp_in syn = *in;
    uint32_t bits = in->o.tsecr & ((1u << TS_BITS) - 1);
    syn.h.seq = in->h.seq - 1;
    syn.h.flags = SOK_TCP_SYN;
    syn.o = (struct sok_tcp_opts){.has_mss = true, .mss = mss_table[index]};
    if (t->config.timestamps && in->o.has_ts) {
        syn.o.has_ts = true;
        syn.o.tsval = in->o.tsval;
        syn.o.has_wscale = (bits & TS_SCALE) != TS_SCALE;
        syn.o.wscale = bits & TS_SCALE;
        syn.o.sack_ok = bits & TS_SACK;
        syn.h.flags |= bits & TS_ECN ? SOK_TCP_ECE | SOK_TCP_CWR : 0;
    }
    return syn;
}

bool sok_tcp_cookies_recent(const struct sok_tcp_listener *l, int64_t now)
{
    return l->tcp->config.syn_cookies != SOK_COOKIES_OFF && now - l->cookie_at < 2 * AGE_UNIT;
}

struct sok_tcp_conn *sok_tcp_cookie_take(struct sok_tcp_listener *l, struct sok_tcp_in *in)
{
    uint32_t cookie = in->h.ack - 1, index;
    if (!sok_tcp_cookies_recent(l, in->now) || (in->h.flags & SOK_TCP_SYN) ||
        !holds(l->tcp, in, cookie, &index)) {
        return NULL;
    }
    struct sok_tcp_arrival plain = *in->from; // a mark on the ACK is not one on the SYN
    struct sok_tcp_in syn = syn_again(l->tcp, in, index);
    plain.tos = 0;
    syn.from = &plain;
    struct sok_tcp_conn *c = sok_tcp_listen_open(l, &syn);
    if (!c) {
        return NULL;
    }
    sok_tcp_start_at(c, cookie);
    c->snd_nxt = cookie + 1;
    c->syn_is_out = c->by_cookie = true; // the clock of the SYN,ACK was set back: no RTT sample
    c->syn_why = SOK_REASON_NONE;
    c->stalled_at = in->now;
    sok_tcp_retransmit_arm(c, in->now); // should this ACK not be one after all
    in->out->effects |= SOK_EFFECT_COOKIE;
    return c;
}
