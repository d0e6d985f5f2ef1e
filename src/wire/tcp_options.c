#include "wire/tcp_options.h"

#include <string.h>
#include "base/bytes.h"
#include "wire/options.h"

static void get_sack(const struct sok_option *opt, struct sok_tcp_opts *o)
{
    o->sack_count = 0;
    for (unsigned at = 0; at < opt->len && o->sack_count < SOK_TCP_SACKS_MAX; at += 8) {
        o->sack[o->sack_count].start = sok_get32(opt->data + at);
        o->sack[o->sack_count].end = sok_get32(opt->data + at + 4);
        o->sack_count++;
    }
}

// 4 to 16 bytes, an even number of them; none asks for one (RFC 7413 section 4.1.1).
static bool get_cookie(const struct sok_option *opt, struct sok_tcp_opts *o)
{
    if (opt->len % 2 != 0 || opt->len > SOK_TCP_COOKIE_MAX || opt->len == 2)
        return false;
    o->has_cookie = true;
    o->cookie_len = (uint8_t)opt->len;
    memcpy(o->cookie, opt->data, opt->len);
    return true;
}

// False: not a kind we know, or of a length it cannot have.
static bool get_one(const struct sok_option *opt, struct sok_tcp_opts *o)
{
    switch (opt->kind << 8 | opt->len) {
    case SOK_TCP_OPT_END << 8:
    case SOK_TCP_OPT_NOP << 8:
        return true;
    case SOK_TCP_OPT_MSS << 8 | 2:
        o->has_mss = true;
        o->mss = sok_get16(opt->data);
        return true;
    case SOK_TCP_OPT_WSCALE << 8 | 1:
        o->has_wscale = true;
        o->wscale = opt->data[0];
        return true;
    case SOK_TCP_OPT_SACK_OK << 8:
        o->sack_ok = true;
        return true;
    case SOK_TCP_OPT_TS << 8 | 8:
        o->has_ts = true;
        o->tsval = sok_get32(opt->data);
        o->tsecr = sok_get32(opt->data + 4);
        return true;
    default:
        if (opt->kind == SOK_TCP_OPT_COOKIE)
            return get_cookie(opt, o);
        if (opt->kind != SOK_TCP_OPT_SACK || opt->len == 0 || opt->len % 8 != 0)
            return false;
        get_sack(opt, o);
        return true;
    }
}

bool sok_tcp_opts_get(const uint8_t *p, size_t len, struct sok_tcp_opts *o)
{
    memset(o, 0, sizeof(*o));
    // Most data segments carry exactly this (RFC 7323 appendix A).
    if (len == 12 && sok_get32(p) == 0x0101080a) {
        o->has_ts = true;
        o->tsval = sok_get32(p + 4);
        o->tsecr = sok_get32(p + 8);
        return true;
    }
    struct sok_options options = sok_options(p, len);
    struct sok_option opt;
    while (sok_option_next(&options, &opt)) {
        if (!get_one(&opt, o) && o->unknown < UINT8_MAX)
            o->unknown++;
    }
    return !options.malformed;
}

static uint8_t *put_head(uint8_t *p, uint8_t kind, uint8_t len)
{
    p[0] = kind;
    p[1] = len;
    return p + 2;
}

static uint8_t *put_nops(uint8_t *p, unsigned count)
{
    memset(p, SOK_TCP_OPT_NOP, count);
    return p + count;
}

// sackOK and the timestamps share two words; either alone is padded in front.
static uint8_t *put_sack_ok_and_ts(uint8_t *p, const struct sok_tcp_opts *o)
{
    if (!o->sack_ok && !o->has_ts)
        return p;
    if (!o->sack_ok || !o->has_ts)
        p = put_nops(p, 2);
    if (o->sack_ok)
        p = put_head(p, SOK_TCP_OPT_SACK_OK, 2);
    if (o->has_ts) {
        p = put_head(p, SOK_TCP_OPT_TS, 10);
        sok_put32(p, o->tsval);
        sok_put32(p + 4, o->tsecr);
        p += 8;
    }
    return p;
}

static uint8_t *put_sack(uint8_t *p, size_t room, const struct sok_tcp_opts *o)
{
    size_t count = room < 4 ? 0 : (room - 4) / 8;
    if (count > o->sack_count)
        count = o->sack_count;
    if (count > SOK_TCP_SACKS_MAX)
        count = SOK_TCP_SACKS_MAX;
    if (count == 0)
        return p;
    p = put_nops(p, 2);
    p = put_head(p, SOK_TCP_OPT_SACK, (uint8_t)(2 + 8 * count));
    for (size_t i = 0; i < count; i++, p += 8) {
        sok_put32(p, o->sack[i].start);
        sok_put32(p + 4, o->sack[i].end);
    }
    return p;
}

// Padded behind, as in Linux; left out when it does not fit.
static uint8_t *put_cookie(uint8_t *p, size_t room, const struct sok_tcp_opts *o)
{
    size_t len = o->cookie_len <= SOK_TCP_COOKIE_MAX ? o->cookie_len : SOK_TCP_COOKIE_MAX;
    size_t pad = (2 + len) % 4 ? 4 - (2 + len) % 4 : 0;
    if (!o->has_cookie || 2 + len + pad > room)
        return p;
    p = put_head(p, SOK_TCP_OPT_COOKIE, (uint8_t)(2 + len));
    memcpy(p, o->cookie, len);
    return put_nops(p + len, (unsigned)pad);
}

size_t sok_tcp_opts_put(uint8_t out[SOK_TCP_OPTIONS_MAX], const struct sok_tcp_opts *o)
{
    uint8_t *p = out;
    if (o->has_mss) {
        p = put_head(p, SOK_TCP_OPT_MSS, 4);
        sok_put16(p, o->mss);
        p += 2;
    }
    p = put_sack_ok_and_ts(p, o);
    if (o->has_wscale) {
        p = put_nops(p, 1);
        p = put_head(p, SOK_TCP_OPT_WSCALE, 3);
        *p++ = o->wscale;
    }
    p = put_cookie(p, SOK_TCP_OPTIONS_MAX - (size_t)(p - out), o);
    p = put_sack(p, SOK_TCP_OPTIONS_MAX - (size_t)(p - out), o);
    return (size_t)(p - out);
}
