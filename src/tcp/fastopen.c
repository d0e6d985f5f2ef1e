// TCP Fast Open (RFC 7413): data in the SYN, for a client that shows a cookie it was given before. The cookie
// proves that the client's address is its own; the server's application must bear data that comes twice.
//
// Client (4.1.3, 4.2.1): cookies are kept for addresses, in a table of fixed size. A connect that wants it and has a
// cookie waits for the first data, which then travels in the SYN; without a cookie the SYN asks for one. A SYN
// that has to go again goes plain, and an address where that helped is left in peace for a while (7.1).
// Server (4.1.2, 4.2.2): a SYN with data and the right cookie is delivered at once, in SYN-RECEIVED. How
// many such connections there are is limited (5.1); beyond it the data is left for the client to send again.
#include <string.h>
#include "base/siphash.h"
#include "tcp/internal.h"

#define COOKIE_LEN   8
#define CACHE_MAX    64           // addresses; the one used longest ago gives way
#define REST         (60 * SOK_S) // after a SYN with data that was lost; doubles with each
#define REST_DOUBLED 8
#define MSS_UNKNOWN  536 // 4.1.3.1

// What a client knows of a server's address.
struct known {
    struct sok_addr addr;
    int64_t used;
    int64_t rests_until;
    uint16_t mss;
    uint8_t losses, len;
    uint8_t cookie[SOK_TCP_COOKIE_MAX];
};
struct sok_tcp_cookies {
    unsigned count;
    struct known of[CACHE_MAX];
};

static bool is_client(const struct sok_tcp *t)
{
    return t->config.fastopen == SOK_FASTOPEN_CLIENT || t->config.fastopen == SOK_FASTOPEN_BOTH;
}

static bool is_server(const struct sok_tcp *t)
{
    return t->config.fastopen == SOK_FASTOPEN_SERVER || t->config.fastopen == SOK_FASTOPEN_BOTH;
}

// ---- the client's cookies ----

static struct known *find(const struct sok_tcp *t, const struct sok_addr *addr)
{
    for (unsigned i = 0; t->cookies && i < t->cookies->count; i++) {
        if (sok_addr_eq(t->cookies->of[i].addr, *addr)) {
            return &t->cookies->of[i];
        }
    }
    return NULL;
}

static struct known *find_or_make(struct sok_tcp *t, const struct sok_addr *addr)
{
    struct known *k = find(t, addr);
    if (!t->cookies) {
        t->cookies = sok_mem_zalloc(t->env.mem, sizeof(*t->cookies));
    }
    if (k || !t->cookies) {
        return k;
    }
    k = &t->cookies->of[0];
    for (unsigned i = 1; i < t->cookies->count; i++) {
        k = t->cookies->of[i].used < k->used ? &t->cookies->of[i] : k;
    }
    if (t->cookies->count < CACHE_MAX) {
        k = &t->cookies->of[t->cookies->count++];
    }
    *k = (struct known){.addr = *addr, .rests_until = INT64_MIN};
    return k;
}

void sok_tcp_fastopen_free(struct sok_tcp *t)
{
    if (t->cookies) {
        sok_mem_free(t->env.mem, t->cookies, sizeof(*t->cookies));
    }
}

// ---- client ----

// The application wants it: before the SYN was sent.
int sok_tcp_fastopen_want(struct sok_tcp_conn *c, int64_t now)
{
    struct known *k = find(c->tcp, &c->remote.addr);
    if (c->state != SOK_TCP_SYN_SENT || c->syn_is_out) {
        return SOK_EINVAL;
    }
    if (!is_client(c->tcp) || (k && now < k->rests_until)) {
        return 0;
    }
    c->tfo = SOK_TFO_ASKS;
    if (k && k->len > 0) {
        k->used = now;
        c->tfo = SOK_TFO_WAITS;
        c->syn_why = SOK_REASON_NONE;
        sok_tcp_timer_set(c, SOK_TCP_TIMER_CORK, now + c->tcp->config.cork_max);
        sok_tcp_ready_update(c);
    }
    return 0;
}

// There is data, or it was waited for in vain: the SYN goes, with the cookie.
void sok_tcp_fastopen_go(struct sok_tcp_conn *c)
{
    if (c->tfo == SOK_TFO_WAITS) {
        c->tfo = SOK_TFO_SHOWS;
        c->syn_why = SOK_REASON_OPEN;
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_CORK);
        sok_tcp_want_output(c);
    }
}

void sok_tcp_fastopen_option(const struct sok_tcp_conn *c, struct sok_tcp_opts *o)
{
    if (c->state == SOK_TCP_SYN_RECEIVED) {
        o->has_cookie = c->tfo == SOK_TFO_GIVES;
        o->cookie_len = o->has_cookie ? COOKIE_LEN : 0;
        if (o->has_cookie) {
            sok_tcp_fastopen_cookie(c->tcp, &c->local.addr, &c->remote.addr, o->cookie);
        }
        return;
    }
    const struct known *k = c->tfo == SOK_TFO_SHOWS ? find(c->tcp, &c->remote.addr) : NULL;
    if (c->syn_again || (c->tfo != SOK_TFO_ASKS && !k)) { // what goes again goes plain
        return;
    }
    o->has_cookie = true;
    if (k) {
        o->cookie_len = k->len;
        memcpy(o->cookie, k->cookie, k->len);
    }
}

// Data that goes in this SYN: what a segment takes that the server is known to take.
uint32_t sok_tcp_fastopen_room(const struct sok_tcp_conn *c, unsigned options_len)
{
    const struct known *k = find(c->tcp, &c->remote.addr);
    if (c->state != SOK_TCP_SYN_SENT || c->tfo != SOK_TFO_SHOWS || c->syn_again || !k) {
        return 0;
    }
    uint16_t own = sok_tcp_own_mss(c), mss = k->mss < own ? k->mss : own;
    uint32_t all = sok_tcp_sendq_len(&c->sendq);
    uint32_t room = mss > options_len ? mss - options_len : 0;
    return all < room ? all : room;
}

static void learn(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    struct known *k = find_or_make(c->tcp, &c->remote.addr);
    if (k) {
        k->used = in->now;
        k->mss = in->o.has_mss ? in->o.mss : MSS_UNKNOWN;
        k->len = in->o.cookie_len;
        memcpy(k->cookie, in->o.cookie, in->o.cookie_len);
    }
}

// The SYN,ACK, once its numbers and options are taken: a cookie is kept; data it does not acknowledge goes again,
// which is no sign of congestion (4.2.1).
void sok_tcp_fastopen_answered(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    struct known *k = find(c->tcp, &c->remote.addr);
    bool with_data = c->sent.count > 0, plain = c->syn_again;
    if (c->tfo == SOK_TFO_NONE) {
        return;
    }
    if (in->o.has_cookie && in->o.cookie_len > 0) {
        learn(c, in);
    }
    if (k && with_data && plain) { // it was the data, or the cookie, that did not get through
        k->losses = k->losses < REST_DOUBLED ? (uint8_t)(k->losses + 1) : k->losses;
        k->rests_until = in->now + (REST << (k->losses - 1));
    } else if (k && with_data) {
        k->losses = 0;
    }
    c->tfo_taken = with_data && in->h.ack != c->iss + 1;
    if (with_data && !c->tfo_taken) {
        sok_tcp_mark_lost(c, sok_tcp_sent_at(&c->sent, 0), SOK_REASON_FASTOPEN, in->now);
        c->recovery = SOK_RECOVERY_MTU; // costs nothing
        c->recover = c->snd_nxt;
        c->send_one = true;
    }
}

// ---- server ----

void sok_tcp_fastopen_cookie(const struct sok_tcp *t, const struct sok_addr *local,
    const struct sok_addr *remote, uint8_t out[COOKIE_LEN])
{
    uint8_t in[16 + 16 + 1];
    memcpy(in, local->b, 16);
    memcpy(in + 16, remote->b, 16);
    in[32] = 0xf0; // for this, and nothing else
    uint64_t cookie = sok_siphash(t->env.secret, in, sizeof(in));
    memcpy(out, &cookie, COOKIE_LEN);
}

static bool cookie_holds(const struct sok_tcp_conn *c, const struct sok_tcp_opts *o)
{
    uint8_t right[COOKIE_LEN];
    sok_tcp_fastopen_cookie(c->tcp, &c->local.addr, &c->remote.addr, right);
    return o->cookie_len == COOKIE_LEN && memcmp(o->cookie, right, COOKIE_LEN) == 0;
}

// A SYN made c. True: it is to be offered to the application at once, with the data.
bool sok_tcp_fastopen_syn(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    struct sok_tcp *t = c->tcp;
    if (!in->o.has_cookie || !is_server(t) || c->undecided) {
        return false;
    }
    if (!cookie_holds(c, &in->o)) { // none, or an old one: here is a new one
        c->tfo = SOK_TFO_GIVES;
        return false;
    }
    if (t->fastopen_pending >= t->config.fastopen_pending) {
        return false;
    }
    t->fastopen_pending++;
    c->tfo = SOK_TFO_PENDING;
    c->tfo_taken = in->data.len > 0;
    in->out->effects |= SOK_EFFECT_FASTOPEN;
    if (in->data.len > 0) {
        in->seq++; // past the SYN
        sok_tcp_syn_text(c, in);
    }
    return true;
}

// The handshake is done, or will never be.
void sok_tcp_fastopen_done(struct sok_tcp_conn *c)
{
    if (c->tfo == SOK_TFO_PENDING) {
        c->tfo = SOK_TFO_NONE;
        c->tcp->fastopen_pending--;
    }
}
