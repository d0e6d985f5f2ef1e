// TCP options: MSS (RFC 9293), window scale and timestamps (RFC 7323), SACK (RFC 2018), Fast Open
// (RFC 7413). What a value means
// in a state (a scale above 14, an MSS on a data segment) is TCP's business, not this file's.
#ifndef SOK_WIRE_TCP_OPTIONS_H
#define SOK_WIRE_TCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOK_TCP_OPTIONS_MAX 40
#define SOK_TCP_SACKS_MAX   4
#define SOK_TCP_COOKIE_MAX  16 // of Fast Open

enum sok_tcp_option {
    SOK_TCP_OPT_END = 0,
    SOK_TCP_OPT_NOP = 1,
    SOK_TCP_OPT_MSS = 2,
    SOK_TCP_OPT_WSCALE = 3,
    SOK_TCP_OPT_SACK_OK = 4,
    SOK_TCP_OPT_SACK = 5,
    SOK_TCP_OPT_TS = 8,
    SOK_TCP_OPT_COOKIE = 34,
};

struct sok_tcp_opts {
    bool has_mss, has_wscale, has_ts, sack_ok, has_cookie;
    uint16_t mss;
    uint8_t wscale;
    uint32_t tsval, tsecr;
    uint8_t sack_count;
    struct {
        uint32_t start, end;
    } sack[SOK_TCP_SACKS_MAX];
    uint8_t cookie_len; // 0: one is asked for
    uint8_t cookie[SOK_TCP_COOKIE_MAX];
    uint8_t
        unknown; // options that were skipped: of another kind, or of a known kind and a wrong length
};

// False: malformed at some point; what came before is kept. Never reads past len. An option that comes
// again replaces the one before.
bool sok_tcp_opts_get(const uint8_t *p, size_t len, struct sok_tcp_opts *o);

// In Linux's order and padding; the result is a multiple of 4. SACK blocks that do not fit are left out.
size_t sok_tcp_opts_put(uint8_t out[SOK_TCP_OPTIONS_MAX], const struct sok_tcp_opts *o);

#endif
