// Text to lines: the same table of fields, in any order. What cannot be a field and stands behind a gap
// of two spaces is the reason.
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/notation.h"
#include "host/notation_flow.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

struct cursor {
    const char *p;
    struct sok_line *l;
    char *err;
};

__attribute__((format(printf, 2, 3))) static int fail(struct cursor *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(c->err, SOK_LINE_ERR_MAX, format, ap);
    va_end(ap);
    return -1;
}

static unsigned skip_space(struct cursor *c)
{
    unsigned n = 0;
    for (; *c->p == ' ' || *c->p == '\t'; c->p++)
        n += *c->p == '\t' ? 8 : 1;
    return n;
}

static bool is_end(char ch)
{
    return ch == 0 || ch == ' ' || ch == '\t';
}

static size_t word_length(const char *p)
{
    size_t n = 0;
    while (!is_end(p[n]))
        n++;
    return n;
}

static bool is_word(const char *p, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(p, word, len) == 0;
}

// Takes the words of a phrase, one space between two of them.
static bool take(struct cursor *c, const char *phrase)
{
    size_t n = strlen(phrase);
    if (strncmp(c->p, phrase, n) != 0 || !is_end(c->p[n]))
        return false;
    c->p += n;
    return true;
}

static bool take_space(struct cursor *c)
{
    if (*c->p != ' ')
        return false;
    c->p++;
    return true;
}

static bool take_i64(struct cursor *c, int64_t min, int64_t max, int64_t *out)
{
    const char *digits = c->p + (*c->p == '-');
    if (!isdigit((unsigned char)*digits))
        return false;
    char *end;
    int64_t v = strtoll(c->p, &end, 10);
    if (v < min || v > max || end - digits > 18)
        return false;
    c->p = end;
    *out = v;
    return true;
}

static bool take_u32(struct cursor *c, uint32_t *out)
{
    int64_t v;
    // -1 is the number before the initial one.
    if (!take_i64(c, -INT64_C(0x80000000), UINT32_MAX, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

bool sok_duration_parse(const char **text, int64_t *ns)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1}, {"µs", 1000}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000},
        {"m", INT64_C(60000000000)}, {"h", INT64_C(3600000000000)}};
    const char *p = *text;
    if (!isdigit((unsigned char)*p))
        return false;
    int64_t whole = 0, frac = 0, scale = 1;
    for (; isdigit((unsigned char)*p); p++) {
        if (whole > INT64_C(1000000000000))
            return false;
        whole = whole * 10 + (*p - '0');
    }
    if (*p == '.' && isdigit((unsigned char)p[1])) {
        for (p++; isdigit((unsigned char)*p); p++) {
            if (scale >= 1000000000)
                continue; // finer than a nanosecond
            frac = frac * 10 + (*p - '0');
            scale *= 10;
        }
    }
    int64_t unit = 1000000000;
    const char *u = *p == ' ' ? p + 1 : p;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].name);
        if (strncmp(u, units[i].name, n) == 0 && !isalnum((unsigned char)u[n])) {
            unit = units[i].ns;
            p = u + n;
            break;
        }
    }
    if (!is_end(*p) || (unit > 1000000000 && whole > 1000000) || whole > INT64_MAX / unit - 1)
        return false;
    if (unit > 1000000000) { // keeps the product in range
        frac = frac * 1000000 / scale;
        scale = 1000000;
    }
    *ns = whole * unit + frac * unit / scale;
    *text = p;
    return true;
}

static bool take_end(struct cursor *c, struct sok_endpoint *e, bool *has_port)
{
    char text[SOK_ENDPOINT_TEXT_MAX];
    size_t n = word_length(c->p);
    if (n == 0 || n >= sizeof text)
        return false;
    memcpy(text, c->p, n);
    text[n] = 0;
    memset(e, 0, sizeof *e);
    char *addr = text, *port = NULL;
    if (text[0] == '[') {
        char *close = strchr(text, ']');
        if (!close || (close[1] && close[1] != ':'))
            return false;
        addr++;
        port = close[1] ? close + 2 : NULL;
        *close = 0;
    } else if ((port = strchr(text, ':')) && strchr(port + 1, ':')) {
        port = NULL; // an IPv6 address alone
    } else if (port) {
        *port++ = 0;
    }
    if (*addr && !sok_addr_parse(addr, &e->addr))
        return false;
    if (!*addr && !port)
        return false;
    if (port) {
        char *end;
        unsigned long v = strtoul(port, &end, 10);
        if (!isdigit((unsigned char)*port) || *end || v > 65535)
            return false;
        e->port = (uint16_t)v;
    }
    *has_port = port != NULL;
    c->p += n;
    return true;
}

static bool take_ends(
    struct cursor *c, struct sok_endpoint *src, struct sok_endpoint *dst, bool *no_port)
{
    const char *start = c->p;
    struct sok_endpoint a, b;
    bool a_port, b_port;
    if (take_end(c, &a, &a_port) && strncmp(c->p, " > ", 3) == 0) {
        c->p += 3;
        if (take_end(c, &b, &b_port) && a_port == b_port) {
            *src = a;
            *dst = b;
            *no_port = !a_port;
            return true;
        }
    }
    c->p = start;
    return false;
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = (char)tolower((unsigned char)ch);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

// One character of a quoted text; -1: malformed.
static int take_char(struct cursor *c)
{
    if (*c->p != '\\')
        return (unsigned char)*c->p++;
    c->p++;
    char ch = *c->p++;
    switch (ch) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
        return ch;
    case 'x': {
        int hi = hex_digit(c->p[0]), lo = hi < 0 ? -1 : hex_digit(c->p[1]);
        if (lo < 0)
            return -1;
        c->p += 2;
        return hi << 4 | lo;
    }
    default:
        return -1;
    }
}

static bool take_text(struct cursor *c)
{
    struct sok_line *l = c->l;
    c->p++;
    l->text_len = 0;
    while (*c->p != '"') {
        int ch = *c->p ? take_char(c) : -1;
        if (ch < 0 || l->text_len == SOK_LINE_TEXT_MAX)
            return false;
        l->text[l->text_len++] = (uint8_t)ch;
    }
    c->p++;
    if (strncmp(c->p, "…", strlen("…")) == 0) {
        l->text_more = true;
        c->p += strlen("…");
    } else if (strncmp(c->p, "...", 3) == 0) {
        l->text_more = true;
        c->p += 3;
    }
    return is_end(*c->p);
}

static bool take_sack(struct cursor *c)
{
    struct sok_line *l = c->l;
    for (l->sack_count = 0; l->sack_count < 4;) {
        uint32_t *start = &l->sack[l->sack_count].start, *end = &l->sack[l->sack_count].end;
        if (!take_u32(c, start) || *c->p != '-')
            return false;
        c->p++;
        if (!take_u32(c, end))
            return false;
        l->sack_count++;
        if (*c->p != ',')
            return true;
        c->p++;
    }
    return false;
}

// "len 65160 (45×1448)"
static bool take_len(struct cursor *c)
{
    if (!take_u32(c, &c->l->len))
        return false;
    const char *before = c->p;
    uint32_t count, rest = 0;
    if (strncmp(c->p, " (", 2) != 0)
        return true;
    c->p += 2;
    bool ok = take_u32(c, &count);
    size_t sign = *c->p == 'x' ? 1 : strncmp(c->p, "×", strlen("×")) == 0 ? strlen("×") : 0;
    c->p += sign;
    ok = ok && sign && take_u32(c, &c->l->per_frame);
    if (ok && *c->p == '+') {
        c->p++;
        ok = take_u32(c, &rest);
    }
    if (ok && *c->p == ')' && (uint64_t)count * c->l->per_frame + rest == c->l->len) {
        c->p++;
        return true;
    }
    c->l->per_frame = 0;
    c->p = before;
    return true;
}

static bool take_quote(struct cursor *c)
{
    struct sok_line *l = c->l;
    memset(&l->quote, 0, sizeof l->quote);
    const char *before = c->p;
    if (take_space(c)) {
        if (take(c, "TCP"))
            l->quote.proto = SOK_IPPROTO_TCP;
        else if (take(c, "UDP"))
            l->quote.proto = SOK_IPPROTO_UDP;
        else if (take(c, "ICMP"))
            l->quote.proto = SOK_IPPROTO_ICMP;
        if (!l->quote.proto)
            c->p = before;
    }
    before = c->p;
    bool no_port;
    if (take_space(c) && take_ends(c, &l->quote.src, &l->quote.dst, &no_port))
        l->quote.has_ends = true;
    else
        c->p = before;
    before = c->p;
    if (take_space(c) && take(c, "seq") && take_space(c) && take_u32(c, &l->quote.seq))
        l->quote.has_seq = true;
    else
        c->p = before;
    return true;
}

static bool take_word(struct cursor *c, char *out, size_t cap)
{
    size_t n = word_length(c->p);
    if (n == 0 || n >= cap)
        return false;
    memcpy(out, c->p, n);
    out[n] = 0;
    c->p += n;
    return true;
}

// The value of a field, behind its word.
static bool take_value(struct cursor *c, unsigned field)
{
    const struct sok_line_row *row = &sok_line_rows[field];
    void *p = (char *)c->l + row->offset;
    if (row->type == SOK_LINE_TYPE_FLAG) {
        *(uint8_t *)p = 1;
        return true;
    }
    if (row->type == SOK_LINE_TYPE_QUOTE)
        return take_quote(c);
    if (!take_space(c))
        return false;
    while (*c->p == ' ')
        c->p++;
    uint32_t *u = p;
    bool port;
    switch ((enum sok_line_type)row->type) {
    case SOK_LINE_TYPE_U32:
        return take_u32(c, u);
    case SOK_LINE_TYPE_LIMIT:
        if (take(c, "none")) {
            *u = UINT32_MAX;
            return true;
        }
        return take_u32(c, u);
    case SOK_LINE_TYPE_PAIR: {
        if (!take_u32(c, &u[0]))
            return false;
        const char *before = c->p;
        if (!take_space(c) || !take_u32(c, &u[1]))
            c->p = before;
        return true;
    }
    case SOK_LINE_TYPE_I64:
        return take_i64(c, INT64_MIN, INT64_MAX, p);
    case SOK_LINE_TYPE_TIME:
        return sok_duration_parse(&c->p, p);
    case SOK_LINE_TYPE_LEN:
        return take_len(c);
    case SOK_LINE_TYPE_SACK:
        return take_sack(c);
    case SOK_LINE_TYPE_WORD:
        return take_word(c, p, SOK_LINE_WORD_MAX);
    case SOK_LINE_TYPE_END:
        return take_end(c, p, &port);
    default:
        return false;
    }
}

static bool take_field(struct cursor *c, uint64_t allowed)
{
    struct sok_line *l = c->l;
    const char *start = c->p;
    if (*c->p == '"') {
        bool ok = (allowed & SOK_HAS(TEXT)) && take_text(c);
        l->has |= ok ? SOK_HAS(TEXT) : 0;
        return ok;
    }
    if ((allowed & SOK_HAS(ENDS)) && take_ends(c, &l->src, &l->dst, &l->no_port)) {
        l->has |= SOK_HAS(ENDS);
        return true;
    }
    size_t n = word_length(c->p);
    for (unsigned f = 0; f < SOK_LINE_FIELD_COUNT; f++) {
        if (!(allowed & UINT64_C(1) << f) || !is_word(c->p, n, sok_line_rows[f].word))
            continue;
        c->p += n;
        if (take_value(c, f) && is_end(*c->p)) {
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
static int parse_fields(struct cursor *c, uint64_t allowed)
{
    struct sok_line *l = c->l;
    for (;;) {
        unsigned gap = skip_space(c);
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

static bool parse_flags(struct cursor *c, size_t n)
{
    struct sok_line *l = c->l;
    if (is_word(c->p, n, "DATA")) {
        l->any_psh = true;
        l->flags = SOK_TCP_ACK;
        return true;
    }
    if (is_word(c->p, n, "null"))
        return true;
    for (size_t i = 0; i < n;) {
        const char *p = c->p + i;
        size_t len = 0;
        while (i + len < n && p[len] != ',')
            len++;
        const struct sok_flag_name *f = sok_flag_names;
        while (f->bit && !is_word(p, len, f->name))
            f++;
        if (!f->bit)
            return false;
        l->flags |= f->bit;
        i += len + 1;
    }
    return n > 0 && c->p[n - 1] != ',';
}

static void parse_icmp_name(struct cursor *c)
{
    skip_space(c);
    for (const struct sok_icmp_name *n = sok_icmp_names; n->name; n++) {
        if (take(c, n->name)) {
            c->l->type = n->type;
            c->l->code = n->code;
            c->l->has |= SOK_HAS(TYPE) | SOK_HAS(CODE);
            return;
        }
    }
}

static int parse_arp(struct cursor *c)
{
    struct sok_line *l = c->l;
    struct sok_endpoint e;
    bool port;
    skip_space(c);
    l->has |= SOK_HAS(ARP);
    if (take(c, "who has")) {
        l->arp_op = 1;
        if (take_space(c) && take_end(c, &e, &port) && !port && take_space(c) && take(c, "tell")) {
            l->arp_about = e.addr;
            if (take_space(c) && take_end(c, &e, &port) && !port) {
                l->arp_tell = e.addr;
                return 0;
            }
        }
    } else if (take_end(c, &e, &port) && !port && take_space(c) && take(c, "is at") &&
               take_space(c)) {
        l->arp_op = 2;
        l->arp_about = e.addr;
        unsigned i = 0;
        for (; i < 6; i++) {
            int hi = hex_digit(c->p[0]), lo = hi < 0 ? -1 : hex_digit(c->p[1]);
            if (lo < 0 || (i < 5 ? c->p[2] != ':' : !is_end(c->p[2])))
                break;
            l->arp_mac[i] = (uint8_t)(hi << 4 | lo);
            c->p += i < 5 ? 3 : 2;
        }
        if (i == 6)
            return 0;
    }
    return fail(c, "ARP is 'who has ADDRESS tell ADDRESS' or 'ADDRESS is at MAC'");
}

static int parse_hex(struct cursor *c)
{
    struct sok_line *l = c->l;
    skip_space(c);
    if (take(c, "len")) {
        if (!take_space(c) || !take_u32(c, &l->len))
            return fail(c, "hex is 'hex [len N] DIGITS'");
        l->has |= SOK_HAS(LEN);
        if (c->p[0] == ' ' && !is_end(c->p[1]))
            c->p++;
    }
    while (!is_end(*c->p)) {
        int hi = hex_digit(c->p[0]), lo = hi < 0 ? -1 : hex_digit(c->p[1]);
        if (lo < 0)
            return fail(c, "hex is 'hex [len N] DIGITS', two for a byte");
        if (l->hex_len == SOK_LINE_HEX_MAX)
            return fail(c, "hex takes %d bytes at most", SOK_LINE_HEX_MAX);
        l->hex[l->hex_len++] = (uint8_t)(hi << 4 | lo);
        c->p += 2;
    }
    l->has |= SOK_HAS(HEX);
    if (!(l->has & SOK_HAS(LEN)))
        l->len = l->hex_len;
    l->has |= SOK_HAS(LEN);
    return 0;
}

#define IP_FIELDS (SOK_HAS(ENDS) | SOK_HAS(TTL) | SOK_HAS(TOS) | SOK_HAS(DF) | SOK_HAS(BADIPSUM))

static int parse_packet(struct cursor *c)
{
    static const uint64_t allowed[SOK_HEAD_COUNT] = {
        [SOK_HEAD_TCP] = IP_FIELDS | SOK_HAS(SEQ) | SOK_HAS(ACK) | SOK_HAS(LEN) | SOK_HAS(WIN) |
                         SOK_HAS(URG) | SOK_HAS(MSS) | SOK_HAS(SACKOK) | SOK_HAS(TS) |
                         SOK_HAS(WSCALE) | SOK_HAS(SACK) | SOK_HAS(OPTIONS) | SOK_HAS(BADSUM) |
                         SOK_HAS(TEXT),
        [SOK_HEAD_UDP] = IP_FIELDS | SOK_HAS(LEN) | SOK_HAS(BADSUM) | SOK_HAS(TEXT),
        [SOK_HEAD_ICMP] = IP_FIELDS | SOK_HAS(TYPE) | SOK_HAS(CODE) | SOK_HAS(ID) | SOK_HAS(SEQ) |
                          SOK_HAS(LEN) | SOK_HAS(MTU) | SOK_HAS(BADSUM) | SOK_HAS(QUOTE),
        [SOK_HEAD_ARP] = 0,
        [SOK_HEAD_IP] =
            IP_FIELDS | SOK_HAS(PROTO) | SOK_HAS(ID) | SOK_HAS(OFF) | SOK_HAS(MORE) | SOK_HAS(LEN),
        [SOK_HEAD_ETH] = SOK_HAS(TYPE) | SOK_HAS(LEN),
        [SOK_HEAD_HEX] = 0,
    };
    struct sok_line *l = c->l;
    size_t n = word_length(c->p);
    l->head = SOK_HEAD_COUNT;
    for (unsigned h = SOK_HEAD_UDP; h < SOK_HEAD_COUNT; h++) {
        if (is_word(c->p, n, sok_head_word(h)))
            l->head = (uint8_t)h;
    }
    if (l->head == SOK_HEAD_COUNT) {
        l->head = SOK_HEAD_TCP;
        if (!parse_flags(c, n))
            return fail(c,
                "no such packet: '%.*s' (TCP flags as in SYN,ACK or FIN,PSH,ACK or DATA, UDP, "
                "ICMP, ARP, IP, ETH, hex)",
                (int)n, c->p);
    }
    c->p += n;
    if (l->head == SOK_HEAD_ICMP)
        parse_icmp_name(c);
    else if (l->head == SOK_HEAD_ARP && parse_arp(c))
        return -1;
    else if (l->head == SOK_HEAD_HEX && parse_hex(c))
        return -1;
    return parse_fields(c, allowed[l->head]);
}

static void skip_sign(struct cursor *c)
{
    static const char *const signs[] = {"←", "→", "↻", "✗", "<-", "->", ">>", "x"};
    skip_space(c);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (take(c, signs[i]))
            return;
    }
}

// ---- the other kinds ----

static int parse_states(struct cursor *c)
{
    uint8_t *const state[2] = {&c->l->from, &c->l->to};
    for (unsigned k = 0; k < 2; k++) {
        skip_space(c);
        size_t n = word_length(c->p);
        unsigned s = 0;
        while (s < SOK_TCP_STATE_COUNT && !is_word(c->p, n, sok_tcp_state_text(s)))
            s++;
        if (s == SOK_TCP_STATE_COUNT)
            return fail(c, "no such state: '%.*s' (as in SYN-SENT → ESTABLISHED)", (int)n, c->p);
        *state[k] = (uint8_t)s;
        c->p += n;
        skip_space(c);
        if (k == 0 && !take(c, "→") && !take(c, "->"))
            return fail(c, "a state line is FROM → TO");
    }
    c->l->has |= SOK_HAS(STATES);
    return parse_fields(c, 0);
}

static int parse_call(struct cursor *c)
{
    struct sok_line *l = c->l;
    size_t n = word_length(c->p);
    unsigned call = 0;
    while (call < SOK_LINE_CALL_COUNT && !is_word(c->p, n, sok_line_call_word(call)))
        call++;
    if (call == SOK_LINE_CALL_COUNT)
        return fail(c,
            "no such call: '%.*s' (connect listen accept send recv shutdown close abort option "
            "error udp sendto recvfrom ping)",
            (int)n, c->p);
    c->p += n;
    l->call = (uint8_t)call;
    l->has |= SOK_HAS(CALL);
    bool port = false,
         remote = call == SOK_CALL_CONNECT || call == SOK_CALL_SENDTO || call == SOK_CALL_PING;
    bool local = call == SOK_CALL_LISTEN || call == SOK_LINE_CALL_BIND;
    if (remote || local) {
        skip_space(c);
        if (!take_end(c, &l->src, &port) || port == (call == SOK_CALL_PING))
            return fail(c, "%s needs %s", sok_line_call_word(call),
                call == SOK_CALL_PING ? "an address"
                : local               ? "[ADDRESS]:PORT"
                                      : "ADDRESS:PORT");
        l->has |= SOK_HAS(TO);
    }
    if (call == SOK_LINE_CALL_OPTION) {
        skip_space(c);
        bool ok = take_word(c, l->option, sizeof l->option);
        skip_space(c);
        if (!ok || !take_word(c, l->value, sizeof l->value))
            return fail(c, "option needs a name and a value (option nodelay on)");
    }
    bool amount = call == SOK_CALL_SEND || call == SOK_CALL_RECV || call == SOK_CALL_SENDTO ||
                  call == SOK_CALL_RECVFROM || call == SOK_CALL_PING;
    const char *before = c->p;
    skip_space(c);
    if (amount && take_i64(c, 0, INT64_C(1) << 40, &l->amount)) {
        l->has |= SOK_HAS(AMOUNT);
    } else if (amount && *c->p == '"') {
        if (!take_text(c) || l->text_more)
            return fail(c, "a text is \"...\" with \\n \\r \\t \\\" \\\\ \\xNN, %d bytes at most",
                SOK_LINE_TEXT_MAX);
        l->amount = l->text_len;
        l->has |= SOK_HAS(AMOUNT) | SOK_HAS(TEXT);
    } else if (amount && call != SOK_CALL_PING) {
        return fail(c, "%s needs a number of bytes or a \"text\"", sok_line_call_word(call));
    } else {
        c->p = before;
    }
    return parse_fields(c, SOK_HAS(FROM) | SOK_HAS(BACKLOG) | SOK_HAS(RESULT));
}

// rtt, cwnd, held, lost: a value that stands alone, a noun perhaps, then fields.
static int parse_value(struct cursor *c, unsigned first, const char *noun, uint64_t allowed)
{
    const struct sok_line_row *row = &sok_line_rows[first];
    void *p = (char *)c->l + row->offset;
    const char *before = c->p;
    bool ok = row->type == SOK_LINE_TYPE_TIME  ? sok_duration_parse(&c->p, p)
              : row->type == SOK_LINE_TYPE_I64 ? take_i64(c, 0, INT64_MAX, p)
                                               : take_u32(c, p);
    if (ok && is_end(*c->p)) {
        c->l->has |= UINT64_C(1) << first;
        size_t len = noun && *c->p == ' ' && c->p[1] != ' ' ? word_length(c->p + 1) : 0;
        // "bytes" or "byte"
        if (len && (is_word(c->p + 1, len, noun) ||
                       (len + 1 == strlen(noun) && !strncmp(c->p + 1, noun, len))))
            c->p += 1 + len;
    } else {
        c->p = before - 1; // the space before what follows at once
    }
    return parse_fields(c, allowed);
}

static int parse_body(struct cursor *c)
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
    struct cursor c = {text, out, err};
    err[0] = 0;
    skip_space(&c);
    size_t n = word_length(c.p);
    unsigned kind = 0;
    while (kind < SOK_LINE_KIND_COUNT && !is_word(c.p, n, sok_line_kind_word(kind)))
        kind++;
    if (kind == SOK_LINE_KIND_COUNT)
        return fail(
            &c, "'%.*s' begins no line (call in out state rtt cwnd loss held error)", (int)n, c.p);
    out->kind = (uint8_t)kind;
    c.p += n;
    if (kind == SOK_LINE_IN || kind == SOK_LINE_OUT)
        skip_sign(&c);
    skip_space(&c);
    if (*c.p == '@') {
        c.p++;
        if (!take_word(&c, out->tag, sizeof out->tag))
            return fail(&c, "a tag is @ and at most %d characters", SOK_LINE_TAG_MAX - 1);
        skip_space(&c);
    }
    if (!*c.p)
        return fail(&c, "'%s' says nothing", sok_line_kind_word(kind));
    return parse_body(&c);
}
