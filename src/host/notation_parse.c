// Text to lines: the same table of fields, in any order. What cannot be a field and stands behind a gap
// of two spaces is the reason.
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "host/notation.h"
#include "host/notation_cursor.h"
#include "host/notation_flow.h"
#include "wire/tcp.h"

__attribute__((format(printf, 2, 3))) static int fail(struct sok_cursor *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(c->err, SOK_LINE_ERR_MAX, format, ap);
    va_end(ap);
    return -1;
}

static bool take_field(struct sok_cursor *c, uint64_t allowed)
{
    struct sok_line *l = c->l;
    const char *start = c->p;
    if (*c->p == '"') {
        bool ok = (allowed & SOK_HAS(TEXT)) && sok_cursor_text(c);
        l->has |= ok ? SOK_HAS(TEXT) : 0;
        return ok;
    }
    if ((allowed & SOK_HAS(ENDS)) && sok_cursor_ends(c, &l->src, &l->dst, &l->no_port)) {
        l->has |= SOK_HAS(ENDS);
        return true;
    }
    size_t n = sok_cursor_word(c->p);
    for (unsigned f = 0; f < SOK_LINE_FIELD_COUNT; f++) {
        if (!(allowed & UINT64_C(1) << f) || !sok_cursor_is(c->p, n, sok_line_rows[f].word))
            continue;
        c->p += n;
        if (sok_cursor_value(c, f) && sok_cursor_stop(*c->p)) {
            l->has |= UINT64_C(1) << f;
            return true;
        }
        break;
    }
    c->p = start;
    return false;
}

static void allowed_words(uint64_t allowed, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = 0;
    for (unsigned f = 0; f < SOK_LINE_FIELD_COUNT; f++) {
        if ((allowed & UINT64_C(1) << f) && sok_line_rows[f].word[0] != '-' && used < cap)
            used += (size_t)snprintf(out + used, cap - used, " %s", sok_line_rows[f].word);
    }
    if ((allowed & SOK_HAS(TEXT)) && used < cap)
        snprintf(out + used, cap - used, " \"text\"");
}

// The rest of the line: fields, then the reason.
static int parse_fields(struct sok_cursor *c, uint64_t allowed)
{
    struct sok_line *l = c->l;
    for (;;) {
        unsigned gap = sok_cursor_skip(c);
        if (!*c->p)
            return 0;
        if (take_field(c, allowed))
            continue;
        if (gap >= 2 || (gap && !allowed)) {
            size_t n = strlen(c->p);
            while (n && isspace((unsigned char)c->p[n - 1]))
                n--;
            if (n >= sizeof l->reason)
                return fail(c, "the reason is longer than %zu characters", sizeof l->reason - 1);
            memcpy(l->reason, c->p, n);
            l->reason[n] = 0;
            c->p += strlen(c->p);
            return 0;
        }
        char words[200];
        allowed_words(allowed, words, sizeof words);
        return fail(c, "'%.*s' is not understood here (allowed:%s; two spaces, then the reason)",
            (int)(strlen(c->p) < 24 ? strlen(c->p) : 24), c->p, words);
    }
}

// ---- packets ----

static bool parse_flags(struct sok_cursor *c, size_t n)
{
    struct sok_line *l = c->l;
    if (sok_cursor_is(c->p, n, "DATA")) {
        l->any_psh = true;
        l->flags = SOK_TCP_ACK;
        return true;
    }
    if (sok_cursor_is(c->p, n, "null"))
        return true;
    for (size_t i = 0; i < n;) {
        const char *p = c->p + i;
        size_t len = 0;
        while (i + len < n && p[len] != ',')
            len++;
        const struct sok_flag_name *f = sok_flag_names;
        while (f->bit && !sok_cursor_is(p, len, f->name))
            f++;
        if (!f->bit)
            return false;
        l->flags |= f->bit;
        i += len + 1;
    }
    return n > 0 && c->p[n - 1] != ',';
}

static void parse_icmp_name(struct sok_cursor *c)
{
    sok_cursor_skip(c);
    const struct sok_icmp_name *n = c->l->head == SOK_HEAD_ICMP6 ? sok_icmp6_names : sok_icmp_names;
    for (; n->name; n++) {
        if (sok_cursor_take(c, n->name)) {
            c->l->type = n->type;
            c->l->code = n->code;
            c->l->has |= SOK_HAS(TYPE) | SOK_HAS(CODE);
            return;
        }
    }
}

static int parse_arp(struct sok_cursor *c)
{
    struct sok_line *l = c->l;
    struct sok_endpoint e;
    bool port;
    sok_cursor_skip(c);
    l->has |= SOK_HAS(ARP);
    if (sok_cursor_take(c, "who has")) {
        l->arp_op = 1;
        if (sok_cursor_space(c) && sok_cursor_end(c, &e, &port) && !port && sok_cursor_space(c) &&
            sok_cursor_take(c, "tell")) {
            l->arp_about = e.addr;
            if (sok_cursor_space(c) && sok_cursor_end(c, &e, &port) && !port) {
                l->arp_tell = e.addr;
                return 0;
            }
        }
    } else if (sok_cursor_end(c, &e, &port) && !port && sok_cursor_space(c) &&
               sok_cursor_take(c, "is at") && sok_cursor_space(c)) {
        l->arp_op = 2;
        l->arp_about = e.addr;
        unsigned i = 0;
        for (; i < 6; i++) {
            int byte = sok_cursor_hex_byte(c->p);
            if (byte < 0 || (i < 5 ? c->p[2] != ':' : !sok_cursor_stop(c->p[2])))
                break;
            l->arp_mac[i] = (uint8_t)byte;
            c->p += i < 5 ? 3 : 2;
        }
        if (i == 6)
            return 0;
    }
    return fail(c, "ARP is 'who has ADDRESS tell ADDRESS' or 'ADDRESS is at MAC'");
}

static int parse_hex(struct sok_cursor *c)
{
    struct sok_line *l = c->l;
    sok_cursor_skip(c);
    if (sok_cursor_take(c, "len")) {
        if (!sok_cursor_space(c) || !sok_cursor_u32(c, &l->len))
            return fail(c, "hex is 'hex [len N] DIGITS'");
        l->has |= SOK_HAS(LEN);
        if (c->p[0] == ' ' && !sok_cursor_stop(c->p[1]))
            c->p++;
    }
    while (!sok_cursor_stop(*c->p)) {
        int byte = sok_cursor_hex_byte(c->p);
        if (byte < 0)
            return fail(c, "hex is 'hex [len N] DIGITS', two for a byte");
        if (l->hex_len == SOK_LINE_HEX_MAX)
            return fail(c, "hex takes %d bytes at most", SOK_LINE_HEX_MAX);
        l->hex[l->hex_len++] = (uint8_t)byte;
        c->p += 2;
    }
    l->has |= SOK_HAS(HEX);
    if (!(l->has & SOK_HAS(LEN)))
        l->len = l->hex_len;
    l->has |= SOK_HAS(LEN);
    return 0;
}

#define IP_FIELDS                                                                                  \
    (SOK_HAS(ENDS) | SOK_HAS(TTL) | SOK_HAS(TOS) | SOK_HAS(DF) | SOK_HAS(BADIPSUM) |               \
        SOK_HAS(FLOW) | SOK_HAS(HEADERS))

static int parse_packet(struct sok_cursor *c)
{
    static const uint64_t allowed[SOK_HEAD_COUNT] = {
        [SOK_HEAD_TCP] = IP_FIELDS | SOK_HAS(SEQ) | SOK_HAS(ACK) | SOK_HAS(LEN) | SOK_HAS(WIN) |
                         SOK_HAS(URG) | SOK_HAS(MSS) | SOK_HAS(SACKOK) | SOK_HAS(TS) |
                         SOK_HAS(WSCALE) | SOK_HAS(TFO) | SOK_HAS(SACK) | SOK_HAS(OPTIONS) |
                         SOK_HAS(BADSUM) | SOK_HAS(TEXT),
        [SOK_HEAD_UDP] = IP_FIELDS | SOK_HAS(LEN) | SOK_HAS(BADSUM) | SOK_HAS(TEXT),
        [SOK_HEAD_ICMP] = IP_FIELDS | SOK_HAS(TYPE) | SOK_HAS(CODE) | SOK_HAS(ID) | SOK_HAS(SEQ) |
                          SOK_HAS(LEN) | SOK_HAS(MTU) | SOK_HAS(BADSUM) | SOK_HAS(QUOTE),
        [SOK_HEAD_ICMP6] = IP_FIELDS | SOK_HAS(TYPE) | SOK_HAS(CODE) | SOK_HAS(ID) | SOK_HAS(SEQ) |
                           SOK_HAS(LEN) | SOK_HAS(MTU) | SOK_HAS(POINTER) | SOK_HAS(TARGET) |
                           SOK_HAS(WITH) | SOK_HAS(BADSUM) | SOK_HAS(QUOTE),
        [SOK_HEAD_ARP] = 0,
        [SOK_HEAD_IP] = IP_FIELDS | SOK_HAS(PROTO) | SOK_HAS(ID) | SOK_HAS(OFF) | SOK_HAS(MORE) |
                        SOK_HAS(LEN) | SOK_HAS(TEXT),
        [SOK_HEAD_ETH] = SOK_HAS(TYPE) | SOK_HAS(LEN),
        [SOK_HEAD_HEX] = 0,
    };
    struct sok_line *l = c->l;
    size_t n = sok_cursor_word(c->p);
    l->head = SOK_HEAD_COUNT;
    for (unsigned h = SOK_HEAD_UDP; h < SOK_HEAD_COUNT; h++) {
        if (sok_cursor_is(c->p, n, sok_head_word(h)))
            l->head = (uint8_t)h;
    }
    if (l->head == SOK_HEAD_COUNT) {
        l->head = SOK_HEAD_TCP;
        if (!parse_flags(c, n))
            return fail(c,
                "no such packet: '%.*s' (TCP flags as in SYN,ACK or FIN,PSH,ACK or DATA, UDP, "
                "ICMP, ICMP6, ARP, IP, ETH, hex)",
                (int)n, c->p);
    }
    c->p += n;
    if (l->head == SOK_HEAD_ICMP || l->head == SOK_HEAD_ICMP6)
        parse_icmp_name(c);
    else if (l->head == SOK_HEAD_ARP && parse_arp(c))
        return -1;
    else if (l->head == SOK_HEAD_HEX && parse_hex(c))
        return -1;
    return parse_fields(c, allowed[l->head]);
}

static void skip_sign(struct sok_cursor *c)
{
    static const char *const signs[] = {"←", "→", "↻", "✗", "<-", "->", ">>", "x"};
    sok_cursor_skip(c);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (sok_cursor_take(c, signs[i]))
            return;
    }
}

// ---- the other kinds ----

static int parse_states(struct sok_cursor *c)
{
    uint8_t *const state[2] = {&c->l->from, &c->l->to};
    for (unsigned k = 0; k < 2; k++) {
        sok_cursor_skip(c);
        size_t n = sok_cursor_word(c->p);
        unsigned s = 0;
        while (s < SOK_TCP_STATE_COUNT && !sok_cursor_is(c->p, n, sok_tcp_state_text(s)))
            s++;
        if (s == SOK_TCP_STATE_COUNT)
            return fail(c, "no such state: '%.*s' (as in SYN-SENT → ESTABLISHED)", (int)n, c->p);
        *state[k] = (uint8_t)s;
        c->p += n;
        sok_cursor_skip(c);
        if (k == 0 && !sok_cursor_take(c, "→") && !sok_cursor_take(c, "->"))
            return fail(c, "a state line is FROM → TO");
    }
    c->l->has |= SOK_HAS(STATES);
    return parse_fields(c, 0);
}

static int parse_call(struct sok_cursor *c)
{
    struct sok_line *l = c->l;
    size_t n = sok_cursor_word(c->p);
    unsigned call = 0;
    while (call < SOK_LINE_CALL_COUNT && !sok_cursor_is(c->p, n, sok_line_call_word(call)))
        call++;
    if (call == SOK_LINE_CALL_COUNT)
        return fail(c,
            "no such call: '%.*s' (connect listen accept send recv shutdown close abort option "
            "urgent error udp raw sendto recvfrom ping slaac join leave)",
            (int)n, c->p);
    c->p += n;
    l->call = (uint8_t)call;
    l->has |= SOK_HAS(CALL);
    bool port = false, bare = sok_line_call_is_bare(call);
    bool remote = call == SOK_CALL_CONNECT || call == SOK_CALL_SENDTO || bare;
    bool local = call == SOK_CALL_LISTEN || call == SOK_LINE_CALL_BIND;
    if (remote || local) {
        sok_cursor_skip(c);
        bool either = call == SOK_CALL_SENDTO; // a raw socket has no ports
        if (!sok_cursor_end(c, &l->src, &port) || (!either && port == bare))
            return fail(c, "%s needs %s", sok_line_call_word(call),
                bare    ? "an address"
                : local ? "[ADDRESS]:PORT"
                        : "ADDRESS:PORT");
        l->has |= SOK_HAS(TO);
    }
    if (call == SOK_LINE_CALL_OPTION) {
        sok_cursor_skip(c);
        bool ok = sok_cursor_name(c, l->option, sizeof l->option);
        sok_cursor_skip(c);
        if (!ok || !sok_cursor_name(c, l->value, sizeof l->value))
            return fail(c, "option needs a name and a value (option nodelay on)");
    }
    bool amount = call == SOK_CALL_SEND || call == SOK_LINE_CALL_URGENT || call == SOK_CALL_RECV ||
                  call == SOK_CALL_SENDTO || call == SOK_CALL_RECVFROM || call == SOK_CALL_PING ||
                  call == SOK_LINE_CALL_RAW;
    const char *before = c->p;
    sok_cursor_skip(c);
    if (amount && sok_cursor_i64(c, 0, INT64_C(1) << 40, &l->amount)) {
        l->has |= SOK_HAS(AMOUNT);
    } else if (amount && *c->p == '"') {
        if (!sok_cursor_text(c) || l->text_more)
            return fail(c, "a text is \"...\" with \\n \\r \\t \\\" \\\\ \\xNN, %d bytes at most",
                SOK_LINE_TEXT_MAX);
        l->amount = l->text_len;
        l->has |= SOK_HAS(AMOUNT) | SOK_HAS(TEXT);
    } else if (amount && call != SOK_CALL_PING) {
        return fail(c, "%s needs a number of bytes or a \"text\"", sok_line_call_word(call));
    } else {
        c->p = before;
    }
    return parse_fields(
        c, SOK_HAS(FROM) | SOK_HAS(BACKLOG) | SOK_HAS(RESULT) | SOK_HAS(TFO) | SOK_HAS(V6ONLY));
}

// rtt, cwnd, held, lost: a value that stands alone, a noun perhaps, then fields.
static int parse_value(struct sok_cursor *c, unsigned first, const char *noun, uint64_t allowed)
{
    const struct sok_line_row *row = &sok_line_rows[first];
    void *p = (char *)c->l + row->offset;
    const char *before = c->p;
    bool ok = row->type == SOK_LINE_TYPE_TIME  ? sok_duration_parse(&c->p, p)
              : row->type == SOK_LINE_TYPE_I64 ? sok_cursor_i64(c, 0, INT64_MAX, p)
                                               : sok_cursor_u32(c, p);
    if (ok && sok_cursor_stop(*c->p)) {
        c->l->has |= UINT64_C(1) << first;
        size_t len = noun && *c->p == ' ' && c->p[1] != ' ' ? sok_cursor_word(c->p + 1) : 0;
        // "bytes" or "byte"
        if (len && (sok_cursor_is(c->p + 1, len, noun) ||
                       (len + 1 == strlen(noun) && !strncmp(c->p + 1, noun, len))))
            c->p += 1 + len;
    } else {
        c->p = before - 1; // the space before what follows at once
    }
    return parse_fields(c, allowed);
}

static int parse_body(struct sok_cursor *c)
{
    struct sok_line *l = c->l;
    switch ((enum sok_line_kind)l->kind) {
    case SOK_LINE_IN:
    case SOK_LINE_OUT:
        return parse_packet(c);
    case SOK_LINE_STATE:
        return parse_states(c);
    case SOK_LINE_CALL:
        return parse_call(c);
    case SOK_LINE_RTT:
        return parse_value(
            c, SOK_LINE_FIELD_SAMPLE, NULL, SOK_HAS(SRTT) | SOK_HAS(RTTVAR) | SOK_HAS(RTO));
    case SOK_LINE_CWND:
        return parse_value(c, SOK_LINE_FIELD_BYTES, NULL, SOK_HAS(SSTHRESH));
    case SOK_LINE_HELD:
        return parse_value(c, SOK_LINE_FIELD_BYTES, "bytes", 0);
    case SOK_LINE_LOST:
        return parse_value(c, SOK_LINE_FIELD_EVENTS, "events", 0);
    case SOK_LINE_LOSS:
        c->p--;
        return parse_fields(c, SOK_HAS(SEQ) | SOK_HAS(LEN));
    case SOK_LINE_ERROR:
    case SOK_LINE_ADDR:
    case SOK_LINE_DHCP:
        c->p--;
        return parse_fields(c, 0);
    case SOK_LINE_KIND_COUNT:
        break;
    }
    return fail(c, "no such line");
}

int sok_line_parse(const char *text, struct sok_line *out, char *err)
{
    memset(out, 0, sizeof *out);
    struct sok_cursor c = {text, out, err};
    err[0] = 0;
    sok_cursor_skip(&c);
    size_t n = sok_cursor_word(c.p);
    unsigned kind = 0;
    while (kind < SOK_LINE_KIND_COUNT && !sok_cursor_is(c.p, n, sok_line_kind_word(kind)))
        kind++;
    if (kind == SOK_LINE_KIND_COUNT)
        return fail(&c,
            "'%.*s' begins no line (call in out state rtt cwnd loss held error addr dhcp)", (int)n,
            c.p);
    out->kind = (uint8_t)kind;
    c.p += n;
    if (kind == SOK_LINE_IN || kind == SOK_LINE_OUT)
        skip_sign(&c);
    sok_cursor_skip(&c);
    if (*c.p == '@') {
        c.p++;
        if (!sok_cursor_name(&c, out->tag, sizeof out->tag))
            return fail(&c, "a tag is @ and at most %d characters", SOK_LINE_TAG_MAX - 1);
        sok_cursor_skip(&c);
    }
    if (!*c.p)
        return fail(&c, "'%s' says nothing", sok_line_kind_word(kind));
    return parse_body(&c);
}
