// Comparing lines: what the wanted line says must be so; what it leaves out may be anything.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "host/notation.h"
#include "wire/tcp.h"

__attribute__((format(printf, 2, 3))) static const char *differs(char *err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(err, SOK_LINE_ERR_MAX, format, ap);
    va_end(ap);
    return err;
}

// "a, b" is said by "a, x, b": the reasons of a received frame, some of them in their order. One token
// of the text moves on; "µs" and "us" are the same.
static size_t next_token(const char **p, char *out, size_t cap)
{
    size_t n = 0;
    while (**p && strncmp(*p, ", ", 2) != 0) {
        const char *s = *p;
        bool micro = s[0] == '\xc2' && s[1] == '\xb5';
        if (n + 1 < cap)
            out[n++] = micro ? 'u' : *s;
        *p += micro ? 2 : 1;
    }
    if (**p)
        *p += 2;
    out[n] = 0;
    return n;
}

static bool reason_says(const char *got, const char *want)
{
    char a[SOK_LINE_REASON_MAX], b[SOK_LINE_REASON_MAX];
    while (*want) {
        next_token(&want, a, sizeof a);
        do {
            if (!*got)
                return false;
            next_token(&got, b, sizeof b);
        } while (strcmp(a, b) != 0);
    }
    return true;
}

static bool endpoint_says(const struct sok_endpoint *got, const struct sok_endpoint *want)
{
    return (sok_addr_is_any(want->addr) || sok_addr_eq(want->addr, got->addr)) &&
           want->port == got->port;
}

static bool text_says(const struct sok_line *got, const struct sok_line *want)
{
    // What was printed may have been cut before what is wanted ends.
    uint32_t n = want->text_len;
    if (got->text_more && got->text_len < n)
        n = got->text_len;
    if (got->text_len < n || memcmp(got->text, want->text, n) != 0)
        return false;
    return want->text_more || got->text_more || got->text_len == want->text_len;
}

static bool field_says(const struct sok_line *got, const struct sok_line *want, unsigned field)
{
    const struct sok_line_row *row = &sok_line_rows[field];
    const void *a = (const char *)want + row->offset, *b = (const char *)got + row->offset;
    const int64_t *ta = a, *tb = b;
    const struct sok_endpoint *ea = a, *eb = b;
    switch ((enum sok_line_type)row->type) {
    case SOK_LINE_TYPE_U32:
    case SOK_LINE_TYPE_LIMIT:
    case SOK_LINE_TYPE_BYTES:
        return memcmp(a, b, sizeof(uint32_t)) == 0;
    case SOK_LINE_TYPE_PAIR:
        return memcmp(a, b, 2 * sizeof(uint32_t)) == 0;
    case SOK_LINE_TYPE_I64:
        return *ta == *tb;
    case SOK_LINE_TYPE_TIME:
        return *ta / 1000 == *tb / 1000;
    case SOK_LINE_TYPE_LEN:
        return want->len == got->len && (!want->per_frame || want->per_frame == got->per_frame);
    case SOK_LINE_TYPE_FLAG:
        return true;
    case SOK_LINE_TYPE_SACK:
        return want->sack_count == got->sack_count &&
               memcmp(want->sack, got->sack, want->sack_count * sizeof want->sack[0]) == 0;
    case SOK_LINE_TYPE_WORD:
        return strcmp(a, b) == 0;
    case SOK_LINE_TYPE_LIST:
        return sok_icmp6_items_say(b, a);
    case SOK_LINE_TYPE_TEXT:
        return text_says(got, want);
    case SOK_LINE_TYPE_HEX:
        return want->hex_len <= got->hex_len && memcmp(want->hex, got->hex, want->hex_len) == 0;
    case SOK_LINE_TYPE_END:
        return endpoint_says(eb, ea);
    case SOK_LINE_TYPE_ENDS:
        return endpoint_says(&got->src, &want->src) && endpoint_says(&got->dst, &want->dst);
    case SOK_LINE_TYPE_QUOTE:
        return (!want->quote.has_seq ||
                   (got->quote.has_seq && want->quote.seq == got->quote.seq)) &&
               (!want->quote.proto || want->quote.proto == got->quote.proto || !got->quote.proto) &&
               (!want->quote.has_ends || !got->quote.has_ends ||
                   (endpoint_says(&got->quote.src, &want->quote.src) &&
                       endpoint_says(&got->quote.dst, &want->quote.dst)));
    case SOK_LINE_TYPE_ARP:
        return want->arp_op == got->arp_op && sok_addr_eq(want->arp_about, got->arp_about) &&
               (want->arp_op == 1 ? sok_addr_eq(want->arp_tell, got->arp_tell)
                                  : memcmp(want->arp_mac, got->arp_mac, 6) == 0);
    case SOK_LINE_TYPE_CALL:
        return want->call == got->call && strcmp(want->option, got->option) == 0 &&
               strcmp(want->value, got->value) == 0;
    case SOK_LINE_TYPE_STATES:
        return want->from == got->from && want->to == got->to;
    }
    return false;
}

static const char *field_name(unsigned field)
{
    const char *word = sok_line_rows[field].word;
    return word[0] == '-' ? word + 1 : word;
}

const char *sok_line_match(const struct sok_line *want, const struct sok_line *got, char *err)
{
    err[0] = 0;
    if (want->kind != got->kind)
        return differs(err, "'%s' was expected, not '%s'", sok_line_kind_word(want->kind),
            sok_line_kind_word(got->kind));
    bool packet = want->kind == SOK_LINE_IN || want->kind == SOK_LINE_OUT;
    if (packet && want->head != got->head)
        return differs(
            err, "%s was expected, not %s", sok_head_word(want->head), sok_head_word(got->head));
    if (packet && want->head == SOK_HEAD_TCP) {
        uint16_t flags = want->any_psh ? got->flags & (uint16_t)~SOK_TCP_PSH : got->flags;
        if (want->flags != flags)
            return differs(err, "the flags are different");
    }
    for (unsigned f = 0; f < SOK_LINE_FIELD_COUNT; f++) {
        if (!(want->has & UINT64_C(1) << f))
            continue;
        if (!(got->has & UINT64_C(1) << f))
            return differs(err, "it has no %s", field_name(f));
        if (!field_says(got, want, f))
            return differs(err, "%s is different", field_name(f));
    }
    bool some = want->kind == SOK_LINE_IN;
    if (want->reason[0] &&
        (some ? !reason_says(got->reason, want->reason) : strcmp(got->reason, want->reason) != 0))
        return differs(err, "the reason is different");
    return NULL;
}
