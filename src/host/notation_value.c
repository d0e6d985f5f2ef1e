// What stands at the cursor: words, numbers, addresses, texts, and the value of each type of field.
#include "host/notation_cursor.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/icmp6.h"
#include "wire/ip4.h"

unsigned sok_cursor_skip(struct sok_cursor *c)
{
    unsigned n = 0;
    for (; *c->p == ' ' || *c->p == '\t'; c->p++)
        n += *c->p == '\t' ? 8 : 1;
    return n;
}

size_t sok_cursor_word(const char *p)
{
    size_t n = 0;
    while (!sok_cursor_stop(p[n]))
        n++;
    return n;
}

bool sok_cursor_is(const char *p, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(p, word, len) == 0;
}

// Takes the words of a phrase, one space between two of them.
bool sok_cursor_take(struct sok_cursor *c, const char *phrase)
{
    size_t n = strlen(phrase);
    if (strncmp(c->p, phrase, n) != 0 || !sok_cursor_stop(c->p[n]))
        return false;
    c->p += n;
    return true;
}

bool sok_cursor_space(struct sok_cursor *c)
{
    if (*c->p != ' ')
        return false;
    c->p++;
    return true;
}

bool sok_cursor_i64(struct sok_cursor *c, int64_t min, int64_t max, int64_t *out)
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

bool sok_cursor_u32(struct sok_cursor *c, uint32_t *out)
{
    int64_t v;
    // -1 is the number before the initial one.
    if (!sok_cursor_i64(c, -INT64_C(0x80000000), UINT32_MAX, &v))
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
    if (!sok_cursor_stop(*p) || (unit > 1000000000 && whole > 1000000) ||
        whole > INT64_MAX / unit - 1)
        return false;
    if (unit > 1000000000) { // keeps the product in range
        frac = frac * 1000000 / scale;
        scale = 1000000;
    }
    *ns = whole * unit + frac * unit / scale;
    *text = p;
    return true;
}

bool sok_cursor_end(struct sok_cursor *c, struct sok_endpoint *e, bool *has_port)
{
    char text[SOK_ENDPOINT_TEXT_MAX];
    size_t n = sok_cursor_word(c->p);
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

bool sok_cursor_ends(
    struct sok_cursor *c, struct sok_endpoint *src, struct sok_endpoint *dst, bool *no_port)
{
    const char *start = c->p;
    struct sok_endpoint a, b;
    bool a_port, b_port;
    if (sok_cursor_end(c, &a, &a_port) && strncmp(c->p, " > ", 3) == 0) {
        c->p += 3;
        if (sok_cursor_end(c, &b, &b_port) && a_port == b_port) {
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

int sok_cursor_hex_byte(const char *p)
{
    int hi = hex_digit(p[0]), lo = hi < 0 ? -1 : hex_digit(p[1]);
    return lo < 0 ? -1 : hi << 4 | lo;
}

// One character of a quoted text; -1: malformed.
static int take_char(struct sok_cursor *c)
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
        int byte = sok_cursor_hex_byte(c->p);
        c->p += byte < 0 ? 0 : 2;
        return byte;
    }
    default:
        return -1;
    }
}

bool sok_cursor_text(struct sok_cursor *c)
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
    return sok_cursor_stop(*c->p);
}

static bool take_sack(struct sok_cursor *c)
{
    struct sok_line *l = c->l;
    for (l->sack_count = 0; l->sack_count < 4;) {
        uint32_t *start = &l->sack[l->sack_count].start, *end = &l->sack[l->sack_count].end;
        if (!sok_cursor_u32(c, start) || *c->p != '-')
            return false;
        c->p++;
        if (!sok_cursor_u32(c, end))
            return false;
        l->sack_count++;
        if (*c->p != ',')
            return true;
        c->p++;
    }
    return false;
}

// "len 65160 (45×1448)"
static bool take_len(struct sok_cursor *c)
{
    if (!sok_cursor_u32(c, &c->l->len))
        return false;
    const char *before = c->p;
    uint32_t count, rest = 0;
    if (strncmp(c->p, " (", 2) != 0)
        return true;
    c->p += 2;
    bool ok = sok_cursor_u32(c, &count);
    size_t sign = *c->p == 'x' ? 1 : strncmp(c->p, "×", strlen("×")) == 0 ? strlen("×") : 0;
    c->p += sign;
    ok = ok && sign && sok_cursor_u32(c, &c->l->per_frame);
    if (ok && *c->p == '+') {
        c->p++;
        ok = sok_cursor_u32(c, &rest);
    }
    if (ok && *c->p == ')' && (uint64_t)count * c->l->per_frame + rest == c->l->len) {
        c->p++;
        return true;
    }
    c->l->per_frame = 0;
    c->p = before;
    return true;
}

static bool take_quote(struct sok_cursor *c)
{
    struct sok_line *l = c->l;
    memset(&l->quote, 0, sizeof l->quote);
    const char *before = c->p;
    if (sok_cursor_space(c)) {
        if (sok_cursor_take(c, "TCP"))
            l->quote.proto = SOK_IPPROTO_TCP;
        else if (sok_cursor_take(c, "UDP"))
            l->quote.proto = SOK_IPPROTO_UDP;
        else if (sok_cursor_take(c, "ICMP"))
            l->quote.proto = SOK_IPPROTO_ICMP;
        else if (sok_cursor_take(c, "ICMP6"))
            l->quote.proto = SOK_IPPROTO_ICMP6;
        if (!l->quote.proto)
            c->p = before;
    }
    before = c->p;
    bool no_port;
    if (sok_cursor_space(c) && sok_cursor_ends(c, &l->quote.src, &l->quote.dst, &no_port))
        l->quote.has_ends = true;
    else
        c->p = before;
    before = c->p;
    if (sok_cursor_space(c) && sok_cursor_take(c, "seq") && sok_cursor_space(c) &&
        sok_cursor_u32(c, &l->quote.seq))
        l->quote.has_seq = true;
    else
        c->p = before;
    return true;
}

bool sok_cursor_name(struct sok_cursor *c, char *out, size_t cap)
{
    size_t n = sok_cursor_word(c->p);
    if (n == 0 || n >= cap)
        return false;
    memcpy(out, c->p, n);
    out[n] = 0;
    c->p += n;
    return true;
}

// The value of a field, behind its word.
bool sok_cursor_value(struct sok_cursor *c, unsigned field)
{
    const struct sok_line_row *row = &sok_line_rows[field];
    void *p = (char *)c->l + row->offset;
    if (row->type == SOK_LINE_TYPE_FLAG) {
        *(uint8_t *)p = 1;
        return true;
    }
    if (row->type == SOK_LINE_TYPE_QUOTE)
        return take_quote(c);
    if (!sok_cursor_space(c))
        return false;
    while (*c->p == ' ')
        c->p++;
    uint32_t *u = p;
    bool port;
    switch ((enum sok_line_type)row->type) {
    case SOK_LINE_TYPE_U32:
        return sok_cursor_u32(c, u);
    case SOK_LINE_TYPE_LIMIT:
        if (sok_cursor_take(c, "none")) {
            *u = UINT32_MAX;
            return true;
        }
        return sok_cursor_u32(c, u);
    case SOK_LINE_TYPE_PAIR: {
        if (!sok_cursor_u32(c, &u[0]))
            return false;
        const char *before = c->p;
        if (!sok_cursor_space(c) || !sok_cursor_u32(c, &u[1]))
            c->p = before;
        return true;
    }
    case SOK_LINE_TYPE_I64:
        return sok_cursor_i64(c, INT64_MIN, INT64_MAX, p);
    case SOK_LINE_TYPE_TIME:
        return sok_duration_parse(&c->p, p);
    case SOK_LINE_TYPE_LEN:
        return take_len(c);
    case SOK_LINE_TYPE_SACK:
        return take_sack(c);
    case SOK_LINE_TYPE_WORD:
        return sok_cursor_name(c, p, SOK_LINE_WORD_MAX);
    case SOK_LINE_TYPE_LIST:
        return sok_cursor_name(c, p, SOK_LINE_LIST_MAX);
    case SOK_LINE_TYPE_END:
        return sok_cursor_end(c, p, &port);
    default:
        return false;
    }
}
