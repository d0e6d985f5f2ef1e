// Lines to text: the table of fields, printed in its order.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "host/notation.h"
#include "host/notation_flow.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

const struct sok_line_row sok_line_rows[SOK_LINE_FIELD_COUNT] = {
#define SOK_X(name, word, type, member)                                                            \
    [SOK_LINE_FIELD_##name] = {word, SOK_LINE_TYPE_##type, offsetof(struct sok_line, member)},
    SOK_LINE_FIELDS(SOK_X)
#undef SOK_X
};

const struct sok_flag_name sok_flag_names[] = {
    {SOK_TCP_SYN, "SYN"},
    {SOK_TCP_FIN, "FIN"},
    {SOK_TCP_RST, "RST"},
    {SOK_TCP_PSH, "PSH"},
    {SOK_TCP_URG, "URG"},
    {SOK_TCP_ACK, "ACK"},
    {SOK_TCP_ECE, "ECE"},
    {SOK_TCP_CWR, "CWR"},
    {SOK_TCP_AE, "AE"},
    {0, NULL},
};

const char *sok_line_kind_word(enum sok_line_kind kind)
{
    static const char *const words[] = {
#define SOK_X(name, word) word,
        SOK_LINE_KINDS(SOK_X)
#undef SOK_X
    };
    return words[kind];
}

const char *sok_line_call_word(unsigned call)
{
    static const char *const words[] = {
#define SOK_X(name, word) word,
        SOK_LINE_CALLS(SOK_X)
#undef SOK_X
    };
    return call < SOK_CALL_COUNT ? sok_call_text(call) : words[call - SOK_CALL_COUNT];
}

const char *sok_head_word(enum sok_head head)
{
    static const char *const words[] = {"TCP", "UDP", "ICMP", "ICMP6", "ARP", "IP", "ETH", "hex"};
    return words[head];
}

// A text that grows, cut at its end.
struct out {
    char *p;
    size_t cap, used;
    bool utf8;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(o->p + o->used, o->cap - o->used, format, ap);
    va_end(ap);
    if (n > 0)
        o->used = o->used + (size_t)n < o->cap ? o->used + (size_t)n : o->cap - 1;
}

const char *sok_duration_format(int64_t ns, bool utf8, char out[SOK_DURATION_MAX])
{
    int64_t us = ns / 1000, unit = 1;
    const char *name = utf8 ? "µs" : "us";
    if (us >= 1000000) {
        unit = 1000000;
        name = "s";
    } else if (us >= 1000) {
        unit = 1000;
        name = "ms";
    }
    char frac[8] = "";
    if (us % unit) {
        snprintf(frac, sizeof frac, unit == 1000 ? ".%03d" : ".%06d", (int)(us % unit));
        for (size_t n = strlen(frac); frac[n - 1] == '0'; n--)
            frac[n - 1] = 0;
    }
    snprintf(out, SOK_DURATION_MAX, "%" PRId64 "%s %s", us / unit, frac, name);
    return out;
}

bool sok_line_call_is_bare(unsigned call)
{
    return call == SOK_CALL_PING || call == SOK_LINE_CALL_JOIN || call == SOK_LINE_CALL_LEAVE;
}

// A ping's end, a group's, and that of a raw socket.
static bool has_no_port(const struct sok_line *l, const struct sok_endpoint *e)
{
    bool datagram = l->call == SOK_CALL_SENDTO || l->call == SOK_CALL_RECVFROM;
    return sok_line_call_is_bare(l->call) ||
           (e->port == 0 && (datagram || l->call == SOK_CALL_CONNECT));
}

static void put_end(struct out *o, const struct sok_endpoint *e, bool no_port)
{
    char text[SOK_ENDPOINT_TEXT_MAX];
    if (no_port)
        put(o, "%s", sok_addr_format(e->addr, text));
    else if (sok_addr_is_any(e->addr) && !sok_addr_is_v4(e->addr))
        put(o, ":%u", e->port);
    else
        put(o, "%s", sok_endpoint_format(e, text));
}

static void put_ends(
    struct out *o, const struct sok_endpoint *src, const struct sok_endpoint *dst, bool no_port)
{
    put_end(o, src, no_port);
    put(o, " > ");
    put_end(o, dst, no_port);
}

static void put_text(struct out *o, const struct sok_line *l)
{
    put(o, "\"");
    for (uint32_t i = 0; i < l->text_len; i++) {
        uint8_t c = l->text[i];
        if (c == '\n' || c == '\r' || c == '\t')
            put(o, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c == '"' || c == '\\')
            put(o, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            put(o, "\\x%02x", c);
        else
            put(o, "%c", c);
    }
    put(o, "\"%s", !l->text_more ? "" : o->utf8 ? "…" : "...");
}

static void put_len(struct out *o, const struct sok_line *l)
{
    put(o, "len %u", l->len);
    if (!l->per_frame)
        return;
    uint32_t whole = l->len / l->per_frame, rest = l->len % l->per_frame;
    put(o, " (%u%s%u", whole, o->utf8 ? "×" : "x", l->per_frame);
    if (rest)
        put(o, "+%u", rest);
    put(o, ")");
}

static void put_quote(struct out *o, const struct sok_line *l)
{
    put(o, "quoting");
    if (l->quote.proto)
        put(o, " %s",
            l->quote.proto == SOK_IPPROTO_TCP     ? "TCP"
            : l->quote.proto == SOK_IPPROTO_UDP   ? "UDP"
            : l->quote.proto == SOK_IPPROTO_ICMP6 ? "ICMP6"
                                                  : "ICMP");
    if (l->quote.has_ends) {
        bool no_port = l->quote.proto == SOK_IPPROTO_ICMP || l->quote.proto == SOK_IPPROTO_ICMP6;
        put(o, " ");
        put_ends(o, &l->quote.src, &l->quote.dst, no_port);
    }
    if (l->quote.has_seq)
        put(o, " seq %u", l->quote.seq);
}

static void put_arp(struct out *o, const struct sok_line *l)
{
    char about[SOK_ADDR_TEXT_MAX], tell[SOK_ADDR_TEXT_MAX];
    sok_addr_format(l->arp_about, about);
    if (l->arp_op == 1) {
        put(o, "who has %s tell %s", about, sok_addr_format(l->arp_tell, tell));
    } else {
        const uint8_t *m = l->arp_mac;
        put(o, "%s is at %02x:%02x:%02x:%02x:%02x:%02x", about, m[0], m[1], m[2], m[3], m[4], m[5]);
    }
}

static void put_sack(struct out *o, const struct sok_line *l)
{
    put(o, "sack ");
    for (unsigned i = 0; i < l->sack_count; i++)
        put(o, "%s%u-%u", i ? "," : "", l->sack[i].start, l->sack[i].end);
}

static void put_call(struct out *o, const struct sok_line *l)
{
    put(o, "%s", sok_line_call_word(l->call));
    if (l->call == SOK_LINE_CALL_OPTION)
        put(o, " %s %s", l->option, l->value);
}

static void put_field(struct out *o, const struct sok_line *l, unsigned field)
{
    const struct sok_line_row *row = &sok_line_rows[field];
    const void *p = (const char *)l + row->offset;
    const uint32_t *u = p;
    const int64_t *i = p;
    char text[SOK_DURATION_MAX];
    bool silent = row->word[0] == '-';
    if (!silent && row->type != SOK_LINE_TYPE_LEN && row->type != SOK_LINE_TYPE_SACK &&
        row->type != SOK_LINE_TYPE_QUOTE)
        put(o, row->type == SOK_LINE_TYPE_FLAG ? "%s" : "%s ", row->word);
    switch ((enum sok_line_type)row->type) {
    case SOK_LINE_TYPE_U32:
        put(o, "%u", *u);
        break;
    case SOK_LINE_TYPE_I64:
        put(o, "%" PRId64 "%s", *i, field == SOK_LINE_FIELD_EVENTS ? " events" : "");
        break;
    case SOK_LINE_TYPE_LIMIT:
        if (*u == UINT32_MAX)
            put(o, "none");
        else
            put(o, "%u", *u);
        break;
    case SOK_LINE_TYPE_FLAG:
        break;
    case SOK_LINE_TYPE_PAIR:
        // Without ACK nothing is echoed (RFC 7323 3.2).
        put(o, (l->flags & SOK_TCP_ACK) || u[1] ? "%u %u" : "%u", u[0], u[1]);
        break;
    case SOK_LINE_TYPE_TIME:
        put(o, "%s", sok_duration_format(*i, o->utf8, text));
        break;
    case SOK_LINE_TYPE_LEN:
        put_len(o, l);
        break;
    case SOK_LINE_TYPE_BYTES:
        put(o, "%u%s", *u, l->kind != SOK_LINE_HELD ? "" : *u == 1 ? " byte" : " bytes");
        break;
    case SOK_LINE_TYPE_SACK:
        put_sack(o, l);
        break;
    case SOK_LINE_TYPE_WORD:
    case SOK_LINE_TYPE_LIST:
        put(o, "%s", (const char *)p);
        break;
    case SOK_LINE_TYPE_TEXT:
        put_text(o, l);
        break;
    case SOK_LINE_TYPE_HEX:
        for (uint32_t k = 0; k < l->hex_len; k++)
            put(o, "%02x", l->hex[k]);
        break;
    case SOK_LINE_TYPE_END:
        put_end(o, p,
            row->offset == offsetof(struct sok_line, target) ||
                (l->kind == SOK_LINE_CALL && has_no_port(l, p)));
        break;
    case SOK_LINE_TYPE_ENDS:
        put_ends(o, &l->src, &l->dst, l->no_port);
        break;
    case SOK_LINE_TYPE_QUOTE:
        put_quote(o, l);
        break;
    case SOK_LINE_TYPE_ARP:
        put_arp(o, l);
        break;
    case SOK_LINE_TYPE_CALL:
        put_call(o, l);
        break;
    case SOK_LINE_TYPE_STATES:
        put(o, "%s %s %s", sok_tcp_state_text(l->from), o->utf8 ? "→" : "->",
            sok_tcp_state_text(l->to));
        break;
    }
}

// The first word of a packet, and for ICMP the name of the message. Returns what that says already.
static uint64_t put_head(struct out *o, const struct sok_line *l)
{
    char flags[48] = "";
    if (l->head == SOK_HEAD_TCP && l->any_psh) {
        snprintf(flags, sizeof flags, "DATA");
    } else if (l->head == SOK_HEAD_TCP) {
        size_t used = 0;
        for (const struct sok_flag_name *f = sok_flag_names; f->bit; f++) {
            if (l->flags & f->bit)
                used += (size_t)snprintf(
                    flags + used, sizeof flags - used, "%s%s", used ? "," : "", f->name);
        }
        if (!used)
            snprintf(flags, sizeof flags, "null");
    }
    put(o, "%-8s ", l->head == SOK_HEAD_TCP ? flags : sok_head_word(l->head));
    const struct sok_icmp_name *n = l->head == SOK_HEAD_ICMP    ? sok_icmp_names
                                    : l->head == SOK_HEAD_ICMP6 ? sok_icmp6_names
                                                                : NULL;
    if (!n || !(l->has & SOK_HAS(TYPE)))
        return 0;
    for (; n->name; n++) {
        if (n->type == l->type && n->code == l->code) {
            put(o, "%s ", n->name);
            return SOK_HAS(TYPE) | SOK_HAS(CODE);
        }
    }
    return 0;
}

static void put_kind(struct out *o, const struct sok_line *l)
{
    const char *sign = "";
    if (l->kind == SOK_LINE_IN)
        sign = l->dropped ? (o->utf8 ? "✗" : "x") : o->utf8 ? "←" : "<-";
    else if (l->kind == SOK_LINE_OUT)
        sign = l->again ? (o->utf8 ? "↻" : ">>") : o->utf8 ? "→" : "->";
    put(o, *sign ? "%-3s %s" : "%s%s", sok_line_kind_word(l->kind), sign);
}

// "µ" becomes "u" when only ASCII is wanted.
static void put_reason(struct out *o, const char *text)
{
    for (; *text; text++) {
        if (!o->utf8 && text[0] == '\xc2' && text[1] == '\xb5') {
            put(o, "u");
            text++;
        } else {
            put(o, "%c", *text);
        }
    }
}

void sok_line_text(const struct sok_line *l, bool utf8, bool full, struct sok_line_text *t)
{
    memset(t, 0, sizeof *t);
    if (l->has_time)
        snprintf(t->time, sizeof t->time, "%" PRId64 ".%06d", l->time / 1000000000,
            (int)(l->time % 1000000000 / 1000));
    struct out kind = {t->kind, sizeof t->kind, 0, utf8};
    put_kind(&kind, l);
    if (l->tag[0])
        snprintf(t->tag, sizeof t->tag, "@%s", l->tag);
    struct out o = {t->body, sizeof t->body, 0, utf8};
    uint64_t show = full ? l->has : l->has & ~l->plain;
    if (l->kind == SOK_LINE_IN || l->kind == SOK_LINE_OUT)
        show &= ~put_head(&o, l);
    // A part of the bytes needs the length of all.
    if (l->head == SOK_HEAD_HEX && l->len == l->hex_len)
        show &= ~SOK_HAS(LEN);
    if (l->kind == SOK_LINE_CALL && (l->has & SOK_HAS(TEXT)))
        show &= ~SOK_HAS(AMOUNT);
    for (unsigned f = 0; f < SOK_LINE_FIELD_COUNT; f++) {
        if (show & UINT64_C(1) << f) {
            put_field(&o, l, f);
            put(&o, " ");
        }
    }
    while (o.used && t->body[o.used - 1] == ' ')
        t->body[--o.used] = 0;
    if (l->kind == SOK_LINE_ADDR || l->kind == SOK_LINE_DHCP) {
        put_reason(&o, l->reason); // all there is to say
        return;
    }
    struct out r = {t->reason, sizeof t->reason, 0, utf8};
    put_reason(&r, l->reason);
}

// Columns that a UTF-8 text takes: none of ours is wide or combining.
static unsigned width(const char *s)
{
    unsigned n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void put_padded(struct out *o, const char *text, unsigned columns)
{
    put(o, "%s", text);
    for (unsigned w = width(text); w < columns; w++)
        put(o, " ");
}

void sok_line_join(const struct sok_line_text *t, unsigned tag_width, char out[SOK_LINE_MAX])
{
    struct out o = {out, SOK_LINE_MAX, 0, true};
    out[0] = 0;
    put(&o, "%10s  ", t->time);
    put_padded(&o, t->kind, 7);
    if (tag_width) {
        unsigned w = width(t->tag) + 1;
        put_padded(&o, t->tag, w > tag_width ? w : tag_width);
    }
    put(&o, "%s", t->body);
    if (t->reason[0]) {
        unsigned w = width(out);
        put_padded(&o, "", w + 2 < SOK_LINE_REASON_COLUMN ? SOK_LINE_REASON_COLUMN - w : 2);
        put(&o, "%s", t->reason);
    } else {
        while (o.used && out[o.used - 1] == ' ')
            out[--o.used] = 0;
    }
}
