// DHCP messages: what is built is read back, what is malformed is not read at all, and nothing is read
// outside whatever the lengths say.
#include "wire/testing.h"

#include <stdlib.h>
#include "wire/dhcp.h"
#include "wire/show.h"

static struct sok_bootp_hdr reply(void)
{
    struct sok_bootp_hdr h = sok_bootp_hdr_default();
    h.op = SOK_BOOTP_REPLY;
    h.xid = 0x12345678;
    h.yiaddr = 0xc0000207;
    memcpy(h.chaddr, "\x02\0\0\0\0\x01", 6);
    return h;
}

static size_t offer(uint8_t *p, size_t room)
{
    struct sok_bootp_hdr h = reply();
    struct sok_dhcp_writer w;
    static const uint8_t dns[8] = {192, 0, 2, 53, 192, 0, 2, 54};
    sok_dhcp_begin(&w, p, room, &h, SOK_DHCP_OFFER);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_MASK, 0xffffff00);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_ROUTER, 0xc00002fe);
    sok_dhcp_put(&w, SOK_DHCP_OPT_DNS, dns, sizeof(dns));
    sok_dhcp_put32(&w, SOK_DHCP_OPT_LEASE, 3600);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_T1, 1800);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_T2, 3150);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_SERVER, 0xc0000201);
    sok_dhcp_put16(&w, SOK_DHCP_OPT_MTU, 1400);
    sok_dhcp_put(&w, SOK_DHCP_OPT_DOMAIN, "example.org", 11);
    return sok_dhcp_end(&w);
}

static void reads_what_was_built(void **state)
{
    uint8_t p[576];
    struct sok_bootp_hdr h;
    struct sok_dhcp_said s;
    (void)state;
    size_t len = offer(p, sizeof(p));
    assert_int_equal(len, 307);
    assert_true(sok_dhcp_get(p, len, &h, &s));
    assert_int_equal(h.xid, 0x12345678);
    assert_int_equal(h.yiaddr, 0xc0000207);
    assert_int_equal(s.message, SOK_DHCP_OFFER);
    assert_true(s.has_mask && s.prefix_len == 24);
    assert_true(s.router_count == 1 && s.router[0] == 0xc00002fe);
    assert_true(s.dns_count == 2 && s.dns[1] == 0xc0000236);
    assert_true(s.has_lease && s.lease == 3600 && s.t1 == 1800 && s.t2 == 3150);
    assert_int_equal(s.server, 0xc0000201);
    assert_int_equal(s.mtu, 1400);
    assert_string_equal(s.domain, "example.org");
    assert_false(sok_dhcp_get(p, SOK_BOOTP_HDR_LEN - 1, &h, &s));
    p[236] ^= 1; // the cookie
    assert_false(sok_dhcp_get(p, len, &h, &s));
}

// The fixed part of an offer, and these options instead of its own.
static bool with(const char *options, size_t len, struct sok_dhcp_said *s)
{
    uint8_t p[576] = {0};
    struct sok_bootp_hdr h = reply();
    sok_bootp_hdr_put(p, &h);
    memcpy(p + SOK_BOOTP_HDR_LEN, options, len);
    return sok_dhcp_get(p, SOK_BOOTP_HDR_LEN + len, &h, s);
}
#define WITH(options) with("\x35\1\2" options, sizeof("\x35\1\2" options) - 1, &s)

static void wrong_options(void **state)
{
    struct sok_dhcp_said s;
    (void)state;
    assert_true(WITH("\xff"));
    assert_true(WITH("")); // no END: Linux and others take it
    assert_true(WITH("\0\0\0\xff\1"));
    assert_false(WITH("\1"));                      // no length
    assert_false(WITH("\1\0\xff"));                // a mask of no bytes
    assert_false(WITH("\1\4\xff\xff"));            // past the end
    assert_false(WITH("\1\xff\xff\xff\xff\0"));    // far past it
    assert_false(WITH("\1\4\xff\0\xff\0\xff"));    // a mask with holes
    assert_false(WITH("\1\4\0\0\0\0\xff"));        // a mask of nothing
    assert_true(WITH("\1\4\xff\xff\xff\xff\xff")); // of one host
    assert_int_equal(s.prefix_len, 32);
    assert_false(WITH("\3\0\xff"));
    assert_false(WITH("\3\3\1\1\1\xff"));
    assert_false(WITH("\6\6\1\1\1\1\1\1\xff"));
    assert_false(WITH("\x33\2\1\1\xff"));
    assert_false(WITH("\x36\5\1\1\1\1\1\xff"));
    assert_false(WITH("\x34\1\4\xff")); // overload of what there is not
    assert_false(WITH("\x35\1\x63\xff"));
    assert_false(WITH("\x35\2\1\1\xff"));
    assert_false(with("\xff", 1, &s)); // BOOTP: of no type
    assert_true(WITH("\x1a\2\0\x43\xff"));
    assert_int_equal(s.mtu, 0); // too small to be meant
    assert_true(WITH("\x0f\4a\nb.\xff"));
    assert_string_equal(s.domain, "");
}

static void more_than_fits_is_left_out(void **state)
{
    struct sok_dhcp_said s;
    char options[2 + 4 * 63 + 3] = "\x35\1\2\6\xfc";
    (void)state;
    assert_true(with(options, 5 + 252, &s));
    assert_int_equal(s.dns_count, SOK_DHCP_ADDRS_MAX);
}

static void overloaded(void **state)
{
    uint8_t p[576];
    struct sok_bootp_hdr h = reply();
    struct sok_dhcp_said s;
    struct sok_dhcp_writer w;
    uint8_t both = 3;
    (void)state;
    memcpy(h.file, "\1\4\xff\xff\0\0\xff", 7);
    memcpy(h.sname, "\3\4\xc0\0\2\1\xff", 7);
    sok_dhcp_begin(&w, p, sizeof(p), &h, SOK_DHCP_ACK);
    size_t len = sok_dhcp_end(&w);
    assert_true(sok_dhcp_get(p, len, &h, &s));
    assert_false(s.has_mask);
    sok_dhcp_begin(&w, p, sizeof(p), &h, SOK_DHCP_ACK);
    sok_dhcp_put(&w, SOK_DHCP_OPT_OVERLOAD, &both, 1);
    len = sok_dhcp_end(&w);
    assert_true(sok_dhcp_get(p, len, &h, &s));
    assert_true(s.prefix_len == 16 && s.router_count == 1);
}

static void search_lists(void **state)
{
    struct sok_dhcp_said s;
    (void)state;
    // In two pieces, the second name ends in the first (RFC 3397).
    assert_true(WITH("\x77\x09\3eng\7exam\x77\x09"
                     "ple\0\2hr\xc0\4\xff"));
    assert_int_equal(s.search_count, 2);
    assert_string_equal(s.search[0], "eng.example");
    assert_string_equal(s.search[1], "hr.example");
    assert_true(WITH("\x77\4\1a\xc0\0\xff")); // a circle
    assert_int_equal(s.search_count, 0);
    assert_true(WITH("\x77\2\xc0\0\xff")); // to itself
    assert_int_equal(s.search_count, 0);
    assert_true(WITH("\x77\3\x3f"
                     "ab\xff")); // longer than the list
    assert_int_equal(s.search_count, 0);
}

static void building_is_bounded(void **state)
{
    uint8_t p[300];
    struct sok_bootp_hdr h = reply();
    struct sok_dhcp_writer w;
    (void)state;
    sok_dhcp_begin(&w, p, 299, &h, SOK_DHCP_DISCOVER);
    assert_int_equal(sok_dhcp_end(&w), 0);
    sok_dhcp_begin(&w, p, 300, &h, SOK_DHCP_DISCOVER);
    sok_dhcp_put(&w, SOK_DHCP_OPT_HOSTNAME, p, 54);
    assert_int_equal(sok_dhcp_end(&w), 300);
    sok_dhcp_begin(&w, p, 300, &h, SOK_DHCP_DISCOVER);
    sok_dhcp_put(&w, SOK_DHCP_OPT_HOSTNAME, p, 55);
    assert_int_equal(sok_dhcp_end(&w), 0);
}

// Every byte of a good offer changed, every length it may be cut to: never past the end (in an exact buffer).
static void survives_damage(void **state)
{
    uint8_t good[576];
    struct sok_bootp_hdr h;
    struct sok_dhcp_said s;
    struct rng r = {9};
    size_t len = offer(good, sizeof(good));
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        size_t cut = run % 2 ? len : rng_below(&r, (uint32_t)len + 1);
        uint8_t *p = malloc(cut ? cut : 1);
        memcpy(p, good, cut);
        for (unsigned i = 0; i < 3 && cut > SOK_BOOTP_HDR_LEN; i++)
            p[SOK_BOOTP_HDR_LEN + rng_below(&r, (uint32_t)(cut - SOK_BOOTP_HDR_LEN))] =
                (uint8_t)rng_next(&r);
        if (sok_dhcp_get(p, cut, &h, &s)) {
            assert_true(s.router_count <= SOK_DHCP_ADDRS_MAX && s.prefix_len <= 32);
            assert_true(strlen(s.domain) < SOK_DHCP_NAME_MAX);
        }
        free(p);
    }
}

static void leases(void **state)
{
    char out[SOK_DHCP_LEASE_TEXT_MAX];
    (void)state;
    assert_string_equal(sok_dhcp_lease_text(3600, out), "1h");
    assert_string_equal(sok_dhcp_lease_text(86400 * 2, out), "2d");
    assert_string_equal(sok_dhcp_lease_text(90, out), "90s");
    assert_string_equal(sok_dhcp_lease_text(0, out), "0s");
    assert_string_equal(sok_dhcp_lease_text(UINT32_MAX, out), "for ever");
}

static void shown(void **state)
{
    uint8_t frame[14 + 20 + 8 + 307] = {0};
    char text[8192];
    uint8_t *p = frame;
    (void)state;
    size_t len = offer(frame + 42, 307);
    sok_put16(p + 12, 0x0800);
    p += 14;
    p[0] = 0x45;
    sok_put16(p + 2, (uint16_t)(28 + len));
    p[8] = 64;
    p[9] = 17;
    sok_put32(p + 12, 0xc0000201);
    sok_put32(p + 16, 0xc0000207);
    sok_put16(p + 20, 67);
    sok_put16(p + 22, 68);
    sok_put16(p + 24, (uint16_t)(8 + len));
    sok_show_line(text, sizeof(text), frame, sizeof(frame));
    assert_non_null(strstr(text, "192.0.2.1.67 > 192.0.2.7.68: DHCP offer 192.0.2.7/24 lease 1h"));
    assert_non_null(strstr(text, "router 192.0.2.254 dns 192.0.2.53,192.0.2.54"));
    sok_show_tree(text, sizeof(text), frame, sizeof(frame));
    assert_non_null(strstr(text, "option renewal_time"));
    assert_non_null(strstr(text, "seconds    = 3150"));
    assert_null(strstr(text, "malformed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_built),
        cmocka_unit_test(wrong_options),
        cmocka_unit_test(more_than_fits_is_left_out),
        cmocka_unit_test(overloaded),
        cmocka_unit_test(search_lists),
        cmocka_unit_test(building_is_bounded),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(leases),
        cmocka_unit_test(shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
