// Segments as lines, in relative numbers; what follows from what was said before is plain.
#include <stdio.h>
#include <string.h>
#include "base/seq.h"
#include "host/notation_flow.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

static void side_see_base(struct sok_flow *f, unsigned from, const struct sok_event_packet *p,
    const struct sok_tcp_hdr *h)
{
    struct sok_flow_side *s = &f->side[from], *other = &f->side[!from];
    if (p->has_base && p->drop == SOK_DROP_NONE) {
        s->base = p->seq_base;
        s->has_base = true;
        if (h->flags & SOK_TCP_ACK) {
            other->base = p->ack_base;
            other->has_base = true;
        }
    } else if (!s->has_base && (h->flags & SOK_TCP_SYN)) {
        s->base = h->seq;
        s->has_base = true;
    }
}

static const char *option_word(uint8_t kind)
{
    static const char *const known[] = {[0] = "eol",
        [1] = "nop",
        [2] = "mss",
        [3] = "wscale",
        [4] = "sackOK",
        [5] = "sack",
        [8] = "TS",
        [34] = "tfo"};
    return kind < sizeof known / sizeof *known ? known[kind] : NULL;
}

// The options in their order: words, and KIND:LENGTH for what has none.
static void line_add_options(struct sok_line *l, const uint8_t *p, size_t len)
{
    size_t used = 0;
    l->options[0] = 0;
    for (size_t i = 0; i < len;) {
        char word[16];
        bool one = p[i] <= 1;
        unsigned step = one ? 1 : i + 1 < len ? p[i + 1] : 0;
        snprintf(word, sizeof word, "%u:%u", p[i], step);
        const char *w = option_word(p[i]);
        int n = snprintf(
            l->options + used, sizeof l->options - used, "%s%s", used ? "," : "", w ? w : word);
        if (n < 0 || used + (size_t)n >= sizeof l->options)
            break;
        used += (size_t)n;
        if (p[i] == 0 || step < 1 || (!one && step < 2) || i + step > len)
            break; // the end, or malformed from here on
        i += step;
    }
    if (!len)
        snprintf(l->options, sizeof l->options, "none");
    l->has |= SOK_HAS(OPTIONS);
}

// The usual order and padding goes without saying.
static bool options_usual(const struct sok_tcp_opts *o, const uint8_t *p, size_t len)
{
    uint8_t again[40];
    struct sok_tcp_opts zero = *o;
    size_t n = sok_tcp_opts_put(again, &zero);
    return !o->unknown && n == len && memcmp(again, p, len) == 0;
}

// A clock of milliseconds that began with the first timestamp would say about this.
static bool ts_as_clock(const struct sok_flow_side *s, uint32_t tsval, int64_t time)
{
    int64_t apart = (int64_t)(tsval - s->ts_base) - (time - s->ts_start) / 1000000;
    return apart >= -10 && apart <= 10;
}

static void line_of_options(
    struct sok_line *l, struct sok_flow *f, unsigned from, struct sok_bytes b, uint32_t len)
{
    struct sok_tcp_opts o;
    memset(&o, 0, sizeof o);
    if (len > b.have)
        len = b.have;
    sok_tcp_opts_get(b.p, len, &o);
    line_add_options(l, b.p, len);
    if (options_usual(&o, b.p, len))
        l->plain |= SOK_HAS(OPTIONS);
    l->mss = o.mss;
    l->wscale = o.wscale;
    l->sackok = o.sack_ok;
    for (unsigned i = 0; i < o.cookie_len; i++)
        snprintf(l->tfo + 2 * i, 3, "%02x", o.cookie[i]);
    if (o.has_cookie && o.cookie_len == 0)
        snprintf(l->tfo, sizeof l->tfo, "ask");
    l->has |= o.has_cookie ? SOK_HAS(TFO) : 0;
    l->has |= (o.has_mss ? SOK_HAS(MSS) : 0) | (o.has_wscale ? SOK_HAS(WSCALE) : 0) |
              (o.sack_ok ? SOK_HAS(SACKOK) : 0) | (o.sack_count ? SOK_HAS(SACK) : 0);
    struct sok_flow_side *s = f ? &f->side[from] : NULL, *other = f ? &f->side[!from] : NULL;
    l->sack_count = o.sack_count;
    for (unsigned i = 0; i < o.sack_count; i++) {
        uint32_t base = other && other->has_base ? other->base : 0;
        l->sack[i].start = o.sack[i].start - base;
        l->sack[i].end = o.sack[i].end - base;
    }
    if (!o.has_ts)
        return;
    l->has |= SOK_HAS(TS);
    l->tsval = o.tsval;
    l->tsecr = o.tsecr;
    if (!s)
        return;
    if (!s->has_ts) {
        s->has_ts = true;
        s->ts_base = s->ts_last = o.tsval;
        s->ts_start = l->time;
    }
    l->tsval -= s->ts_base;
    if (other->has_ts && (l->flags & SOK_TCP_ACK))
        l->tsecr -= other->ts_base;
    if (!(l->flags & SOK_TCP_SYN) && !l->dropped && ts_as_clock(s, o.tsval, l->time) &&
        (o.tsecr == other->ts_last || l->kind == SOK_LINE_OUT))
        l->plain |= SOK_HAS(TS);
    if (!l->dropped && sok_seq_gt(o.tsval, s->ts_last))
        s->ts_last = o.tsval;
}

// Which fields follow from what was said before, and what is to be remembered for the next line.
static void tcp_remember(struct sok_line *l, struct sok_flow_side *s)
{
    bool bare = l->len == 0 && !(l->flags & (SOK_TCP_SYN | SOK_TCP_FIN | SOK_TCP_RST));
    uint32_t end = l->seq + l->len + !!(l->flags & SOK_TCP_SYN) + !!(l->flags & SOK_TCP_FIN);
    if (bare && s->has_next && l->seq == s->next)
        l->plain |= SOK_HAS(SEQ);
    if ((!s->has_next || sok_seq_gt(end, s->next)) && !l->dropped) {
        s->next = end;
        s->has_next = true;
    }
    if (l->len == 0)
        l->plain |= SOK_HAS(LEN);
    if (!(l->flags & SOK_TCP_SYN) && (s->has_win && s->win == l->win))
        l->plain |= SOK_HAS(WIN);
    if (l->flags & SOK_TCP_RST)
        l->plain |= SOK_HAS(WIN);
    else if (!l->dropped) {
        s->win = l->win;
        s->has_win = true;
    }
}

void sok_notation_tcp(
    struct sok_notation *n, const struct sok_event *e, struct sok_bytes b, struct sok_line *l)
{
    const struct sok_event_packet *p = &e->packet;
    bool out = l->kind == SOK_LINE_OUT;
    unsigned from = out ? 0 : 1;
    struct sok_tcp_hdr h;
    sok_tcp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_TCP;
    l->no_port = false;
    l->src.port = h.sport;
    l->dst.port = h.dport;
    l->flags = h.flags;
    const struct sok_endpoint *local = out ? &l->src : &l->dst, *remote = out ? &l->dst : &l->src;
    bool by_cookie = (p->effects & SOK_EFFECT_COOKIE) && (h.flags & SOK_TCP_ACK);
    struct sok_flow *before = by_cookie ? sok_notation_flow_of_ends(n, local, remote) : NULL;
    struct sok_flow *f = sok_notation_flow(n, e->conn, local, remote);
    if (before && f && before != f) // nobody's until now: the stack kept nothing of its SYN
        memcpy(f->side, before->side, sizeof f->side);
    uint32_t seq_base = 0, ack_base = 0;
    if (f) {
        side_see_base(f, from, p, &h);
        seq_base = f->side[from].base; // 0 until known
        ack_base = f->side[!from].base;
        if (f->tag)
            snprintf(l->tag, sizeof l->tag, "%u", f->tag);
        if (f->introduced)
            l->plain |= SOK_HAS(ENDS);
        f->introduced = f->tag != 0;
    }
    // The reset of a closed port begins no numbers: its SEQ is 0 (RFC 9293 3.10.7.1).
    if (p->reason == SOK_REASON_RST_CLOSED && h.seq == 0)
        seq_base = 0;
    uint32_t head = h.dataofs * 4u;
    l->seq = h.seq - seq_base;
    l->ack = h.ack - ack_base;
    l->win = (uint32_t)h.window << p->win_shift;
    l->len = b.len > head ? b.len - head : 0;
    l->urg = h.urgptr;
    // A congestion mark is news (RFC 3168), and so is what a SYN came with.
    if ((l->tos & 3) == 3 || ((h.flags & SOK_TCP_SYN) && l->tos))
        l->plain &= ~SOK_HAS(TOS);
    l->has |= SOK_HAS(SEQ) | SOK_HAS(LEN) | SOK_HAS(WIN) |
              (h.flags & SOK_TCP_ACK ? SOK_HAS(ACK) : 0) |
              (h.flags & SOK_TCP_URG ? SOK_HAS(URG) : 0);
    if (p->gso_size && l->len > p->gso_size)
        l->per_frame = p->gso_size;
    line_of_options(l, f, from, sok_bytes_skip(b, SOK_TCP_HDR_LEN), head - SOK_TCP_HDR_LEN);
    if (f)
        tcp_remember(l, &f->side[from]);
    sok_notation_text(l, sok_bytes_skip(b, head), l->len);
    if (!f || l->len == 0)
        return;
    // The first words of a message tell something, those in the midst of it do not.
    if (f->side[from].amid)
        l->plain |= SOK_HAS(TEXT);
    f->side[from].amid = !(l->flags & SOK_TCP_PSH);
    f->side[!from].amid = false;
}
