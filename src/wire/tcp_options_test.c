// TCP options: the order written, the limit of 40 bytes, back and forth, malformed ones, any bytes.
#include "wire/testing.h"

#include "wire/tcp_options.h"

// In a block of its own of just this size, so that a sanitizer sees a byte too many.
static bool get(const uint8_t *p, size_t len, struct sok_tcp_opts *o)
{
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, p, len);
    bool ok = sok_tcp_opts_get(exact, len, o);
    free(exact);
    return ok;
}

static void assert_put(const struct sok_tcp_opts *o, const uint8_t *want, size_t len)
{
    uint8_t out[SOK_TCP_OPTIONS_MAX];
    assert_int_equal(sok_tcp_opts_put(out, o), len);
    assert_memory_equal(out, want, len);
}

static const struct sok_tcp_opts syn = {.has_mss = true,
    .mss = 1460,
    .has_wscale = true,
    .wscale = 7,
    .sack_ok = true,
    .has_ts = true,
    .tsval = 0x01020304,
    .tsecr = 0x0a0b0c0d};

// The orders and paddings that Linux uses.
static void order_of_linux(void **state)
{
    static const uint8_t full[] = {
        2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 10, 11, 12, 13, 1, 3, 3, 7};
    static const uint8_t no_ts[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};
    static const uint8_t no_sack[] = {
        2, 4, 5, 0xb4, 1, 1, 8, 10, 1, 2, 3, 4, 10, 11, 12, 13, 1, 3, 3, 7};
    static const uint8_t mss_only[] = {2, 4, 5, 0xb4};
    static const uint8_t ts[] = {1, 1, 8, 10, 1, 2, 3, 4, 10, 11, 12, 13};
    static const uint8_t ts_sack[] = {
        1, 1, 8, 10, 1, 2, 3, 4, 10, 11, 12, 13, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    struct sok_tcp_opts o = syn;
    (void)state;
    assert_put(&o, full, sizeof(full));
    o.has_ts = false;
    assert_put(&o, no_ts, sizeof(no_ts));
    o = syn;
    o.sack_ok = false;
    assert_put(&o, no_sack, sizeof(no_sack));
    o = (struct sok_tcp_opts){.has_mss = true, .mss = 1460};
    assert_put(&o, mss_only, sizeof(mss_only));
    o = (struct sok_tcp_opts){.has_ts = true, .tsval = 0x01020304, .tsecr = 0x0a0b0c0d};
    assert_put(&o, ts, sizeof(ts));
    o.sack_count = 1;
    o.sack[0].start = 1;
    o.sack[0].end = 2;
    assert_put(&o, ts_sack, sizeof(ts_sack));
    o = (struct sok_tcp_opts){0};
    assert_put(&o, NULL, 0);
}

static void fits_in_forty(void **state)
{
    uint8_t out[SOK_TCP_OPTIONS_MAX];
    struct sok_tcp_opts o = {.sack_count = 4}, back;
    (void)state;
    assert_int_equal(sok_tcp_opts_put(out, &o), 36);
    o.has_ts = true;
    assert_int_equal(sok_tcp_opts_put(out, &o), 40); // three of the four
    assert_true(get(out, 40, &back));
    assert_int_equal(back.sack_count, 3);
    o.has_mss = o.has_wscale = o.sack_ok = true;
    o.sack_count = 255; // nonsense from a caller stays inside, too
    assert_int_equal(sok_tcp_opts_put(out, &o), 40);
}

static void back_and_forth(void **state)
{
    struct rng r = {6};
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        struct sok_tcp_opts o, back;
        uint8_t out[SOK_TCP_OPTIONS_MAX];
        uint64_t bits = rng_next(&r);
        memset(&o, 0, sizeof(o));
        o.has_mss = bits & 1;
        o.has_wscale = bits >> 1 & 1;
        o.has_ts = bits >> 2 & 1;
        o.sack_ok = bits >> 3 & 1;
        o.sack_count = o.has_mss || o.has_wscale || o.sack_ok ? 0 : bits >> 4 & 3;
        o.mss = o.has_mss ? (uint16_t)(bits >> 8) : 0;
        o.wscale = o.has_wscale ? (uint8_t)(bits >> 24) : 0;
        o.tsval = o.has_ts ? (uint32_t)rng_next(&r) : 0;
        o.tsecr = o.has_ts ? (uint32_t)rng_next(&r) : 0;
        for (unsigned i = 0; i < o.sack_count; i++) {
            o.sack[i].start = (uint32_t)rng_next(&r);
            o.sack[i].end = (uint32_t)rng_next(&r);
        }
        size_t len = sok_tcp_opts_put(out, &o);
        assert_int_equal(len % 4, 0);
        assert_true(get(out, len, &back));
        assert_memory_equal(&o, &back, sizeof(o));
    }
}

static void malformed(void **state)
{
    static const struct {
        uint8_t bytes[12];
        uint8_t len;
        bool ok, mss;
        uint8_t unknown;
    } cases[] = {
        {{2, 4, 5, 0xb4, 99, 0}, 6, false, true, 0}, // length 0
        {{2, 4, 5, 0xb4, 99, 1}, 6, false, true, 0}, // length 1
        {{2, 4, 5, 0xb4, 99, 3}, 6, false, true, 0}, // past the end
        {{2, 4, 5, 0xb4, 99}, 5, false, true, 0},    // a kind without a length
        {{2, 4, 5, 0xb4, 2}, 5, false, true, 0},     // the same for a known kind
        {{99, 2, 2, 4, 5, 0xb4}, 6, true, true, 1},  // unknown, skipped
        {{2, 2, 1, 1}, 4, true, false, 1},           // known kind, impossible length: skipped
        {{2, 3, 5, 1}, 4, true, false, 1}, {{2, 5, 5, 0xb4, 0, 1, 1, 1}, 8, true, false, 1},
        {{3, 2, 1, 1}, 4, true, false, 1}, {{4, 3, 0, 1}, 4, true, false, 1},
        {{8, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, 12, true, false, 1},
        {{8, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 12, true, false, 1},
        {{5, 2, 1, 1}, 4, true, false, 1},                          // SACK without a block
        {{5, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, 12, true, false, 1}, // not 8n + 2
        {{5, 255}, 2, false, false, 0},
        {{0, 2, 4, 5, 0xb4, 0, 0, 0}, 8, true, false, 0}, // nothing counts after END (MUST-69)
        {{1, 1, 1, 1, 2, 4, 5, 0xb4}, 8, true, true, 0},  // any alignment (MUST-64)
        {{1, 2, 4, 5, 0xb4, 1, 1, 1}, 8, true, true, 0},
        {{2, 4, 0, 1, 2, 4, 5, 0xb4}, 8, true, true, 0}, // the last one counts
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sok_tcp_opts o;
        bool ok = get(cases[i].bytes, cases[i].len, &o);
        if (ok != cases[i].ok || o.has_mss != cases[i].mss || o.unknown != cases[i].unknown)
            fail_msg("case %u: ok %d mss %d unknown %u", i, ok, o.has_mss, o.unknown);
        if (o.has_mss)
            assert_int_equal(o.mss, 1460);
    }
}

static void any_bytes(void **state)
{
    struct rng r = {7};
    (void)state;
    for (unsigned run = 0; run < 50000; run++) {
        uint8_t p[SOK_TCP_OPTIONS_MAX];
        struct sok_tcp_opts o;
        rng_fill(&r, p, sizeof(p));
        for (unsigned i = 0; i < sizeof(p); i++) { // mostly plausible kinds and lengths
            if (rng_below(&r, 4))
                p[i] = (uint8_t)rng_below(&r, 12);
        }
        get(p, rng_below(&r, sizeof(p) + 1), &o);
        assert_true(o.sack_count <= SOK_TCP_SACKS_MAX);
    }
}

// Fast Open (RFC 7413 4.1.1): 4 to 16 bytes, an even number; none asks; other lengths are nothing known.
static void cookies(void **state)
{
    static const uint8_t asks[] = {34, 2, 1, 1};
    static const uint8_t eight[] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    uint8_t any[SOK_TCP_OPTIONS_MAX] = {34};
    struct sok_tcp_opts o = {.has_cookie = true}, again;
    (void)state;
    assert_put(&o, asks, sizeof(asks));
    o.cookie_len = 8;
    memcpy(o.cookie, eight + 2, 8);
    assert_put(&o, eight, sizeof(eight));
    assert_true(get(eight, sizeof(eight), &again));
    assert_true(again.has_cookie && again.cookie_len == 8);
    assert_memory_equal(again.cookie, o.cookie, 8);
    for (uint8_t len = 0; len <= 20; len++) {
        bool right = len == 0 || (len >= 4 && len <= 16 && len % 2 == 0);
        any[1] = (uint8_t)(2 + len);
        assert_true(get(any, 2u + len, &again));
        assert_int_equal(again.has_cookie, right);
        assert_int_equal(again.unknown, !right);
    }
    o = syn; // the longest that fits beside all others
    o.has_cookie = true;
    o.cookie_len = 16;
    assert_int_equal(sok_tcp_opts_put(any, &o), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_linux),
        cmocka_unit_test(fits_in_forty),
        cmocka_unit_test(back_and_forth),
        cmocka_unit_test(cookies),
        cmocka_unit_test(malformed),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
