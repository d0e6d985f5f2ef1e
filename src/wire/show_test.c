// Frames as text. That whole lines are tcpdump's is tests/golden; here: what tcpdump cannot be asked (cut and
// malformed frames), the tree, and taking apart.
#include "wire/testing.h"

#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/show.h"
#include "wire/tcp.h"
#include "wire/udp.h"

// SYN,ACK from 192.0.2.2.80 with MSS, SACK permitted, timestamps and window scale.
static const uint8_t syn_ack[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,                  //
    0x45, 0, 0, 60, 0, 7, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1,                  //
    0, 80, 0xc3, 0x50, 0, 0, 0, 100, 0, 0, 0, 200, 0xa0, 0x12, 0xfe, 0x88, 0x12, 0x34, 0, 0, //
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7};

static void line_is(const uint8_t *p, size_t len, const char *want)
{
    char text[512];
    size_t used = sok_show_line(text, sizeof(text), p, len);
    assert_int_equal(used, strlen(text));
    assert_string_equal(text, want);
}

static void lines(void **state)
{
    uint8_t p[sizeof(syn_ack)];
    (void)state;
    line_is(syn_ack, sizeof(syn_ack),
        "IP 192.0.2.2.80 > 192.0.2.1.50000: Flags [S.], seq 100, ack 200, win 65160, options [mss "
        "1460,sackOK,TS val 1 ecr 2,nop,wscale 7], length 0");
    line_is(syn_ack, 0, "[Ether, 0 of 14 header bytes]");
    line_is(syn_ack, 20, "[IP, 6 of 20 header bytes]");
    line_is(syn_ack, 38, "IP [TCP, 4 of 20 header bytes]");
    memcpy(p, syn_ack, sizeof(p));
    p[12] = 0x88, p[13] = 0xcc;
    line_is(p, sizeof(p), "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype 0x88cc, length 60");
    memcpy(p, syn_ack, sizeof(p));
    p[14] = 0x43; // IHL 3
    line_is(p, sizeof(p),
        "IP 192.0.2.2 > 192.0.2.1: malformed, version 4, header 12, total length 60 of 60");
    memcpy(p, syn_ack, sizeof(p));
    p[46] = 0x40; // data offset 4
    line_is(
        p, sizeof(p), "IP 192.0.2.2.80 > 192.0.2.1.50000: Flags [S.], malformed, header 16 of 40");
    memcpy(p, syn_ack, sizeof(p));
    p[55] = 30; // an option past the end
    line_is(p, sizeof(p),
        "IP 192.0.2.2.80 > 192.0.2.1.50000: Flags [S.], seq 100, ack 200, win 65160, options [bad "
        "opt], "
        "length 0");
    memcpy(p, syn_ack, sizeof(p));
    p[20] = 0x20, p[21] = 5; // a later fragment
    line_is(p, sizeof(p), "IP 192.0.2.2 > 192.0.2.1: TCP, fragment 7 at 40+, length 40");
    memcpy(p, syn_ack, sizeof(p));
    p[23] = 102;
    line_is(p, sizeof(p), "IP 192.0.2.2 > 192.0.2.1: ip-proto-102, length 40");
    p[23] = 17;
    line_is(p, sizeof(p), "IP 192.0.2.2.80 > 192.0.2.1.50000: UDP, malformed, length field 0");
}

static void fits_any_room(void **state)
{
    char whole[4096], text[4096];
    (void)state;
    for (unsigned tree = 0; tree < 2; tree++) {
        size_t (*show)(char *, size_t, const uint8_t *, size_t) =
            tree ? sok_show_tree : sok_show_line;
        size_t used = show(whole, sizeof(whole), syn_ack, sizeof(syn_ack));
        assert_true(used < sizeof(whole));
        for (size_t room = 1; room <= used + 1; room++) {
            memset(text, 'x', sizeof(text));
            assert_int_equal(show(text, room, syn_ack, sizeof(syn_ack)), used);
            assert_int_equal(text[room - 1], 0);
            assert_memory_equal(text, whole, room - 1);
            assert_int_equal(text[room], 'x');
        }
        assert_int_equal(show(NULL, 0, syn_ack, sizeof(syn_ack)), used);
    }
}

static void cut_everywhere(void **state)
{
    char text[4096];
    (void)state;
    for (size_t len = 0; len <= sizeof(syn_ack); len++) {
        uint8_t *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, syn_ack, len);
        assert_true(sok_show_line(text, sizeof(text), exact, len) > 0);
        assert_true(sok_show_tree(text, sizeof(text), exact, len) > 0);
        free(exact);
    }
}

static void tree(void **state)
{
    static const char want[] = "Ethernet II (Ether), 14 bytes\n"
                               "    dst        = 02:00:00:00:00:01\n"
                               "    src        = 02:00:00:00:00:02\n"
                               "    type       = IPv4 (0x0800)\n"
                               "Internet Protocol version 4 (IP), 20 bytes\n"
                               "    version    = 4\n"
                               "    ihl        = 5\n"
                               "    tos        = 0x00\n"
                               "    len        = 60\n"
                               "    id         = 7\n"
                               "    flags      = DF (0x2)\n"
                               "    frag       = 0\n"
                               "    ttl        = 64\n"
                               "    proto      = TCP (6)\n"
                               "    chksum     = 0x0000\n"
                               "    src        = 192.0.2.2\n"
                               "    dst        = 192.0.2.1\n"
                               "Transmission Control Protocol (TCP), 40 bytes\n"
                               "    sport      = 80\n"
                               "    dport      = 50000\n"
                               "    seq        = 100\n"
                               "    ack        = 200\n"
                               "    dataofs    = 10\n"
                               "    reserved   = 0\n"
                               "    flags      = SA (0x12)\n"
                               "    window     = 65160\n"
                               "    chksum     = 0x1234\n"
                               "    urgptr     = 0\n"
                               "    option MSS\n"
                               "      mss        = 1460\n"
                               "    option SAckOK\n"
                               "    option Timestamp\n"
                               "      tsval      = 1\n"
                               "      tsecr      = 2\n"
                               "    option NOP\n"
                               "    option WScale\n"
                               "      shift      = 7\n";
    char text[4096];
    (void)state;
    sok_show_tree(text, sizeof(text), syn_ack, sizeof(syn_ack));
    assert_string_equal(text, want);
}

static unsigned dissect(const uint8_t *p, size_t len, struct sok_layer *layers)
{
    return sok_dissect(&sok_proto_eth, p, len, layers);
}

static void layers_of_a_frame(void **state)
{
    uint8_t p[100] = {0};
    struct sok_layer l[SOK_LAYERS_MAX];
    (void)state;
    memcpy(p, syn_ack, sizeof(syn_ack));
    p[17] = 64; // 4 bytes of data, then padding
    assert_int_equal(dissect(p, sizeof(p), l), 4);
    assert_ptr_equal(l[0].proto, &sok_proto_eth);
    assert_ptr_equal(l[1].proto, &sok_proto_ip4);
    assert_ptr_equal(l[2].proto, &sok_proto_tcp);
    assert_int_equal(l[2].header, 40);
    assert_int_equal(l[2].payload, 4);
    assert_null(l[3].proto);
    assert_int_equal(l[3].off, 74);
    assert_int_equal(l[3].header, 4);
    assert_false(l[1].malformed || l[1].cut);
    assert_int_equal(dissect(p, 76, l), 4); // cut in the data
    assert_true(l[1].cut);
    assert_int_equal(l[3].header, 2);
}

// An ICMP error that quotes an ICMP error that quotes ...: bounded.
static void nested_for_ever(void **state)
{
    static uint8_t p[3000];
    struct sok_layer l[SOK_LAYERS_MAX];
    char text[20000];
    size_t at = 14;
    (void)state;
    sok_put16(p + 12, SOK_ETHERTYPE_IP4);
    while (at + 28 <= sizeof(p)) {
        struct sok_ip4_hdr ip = sok_ip4_hdr_default();
        struct sok_icmp_hdr icmp = {.type = SOK_ICMP_TIME_EXCEEDED};
        ip.len = (uint16_t)(sizeof(p) - at);
        ip.proto = SOK_IPPROTO_ICMP;
        sok_ip4_hdr_put(p + at, &ip);
        sok_icmp_hdr_put(p + at + 20, &icmp);
        at += 28;
    }
    assert_int_equal(dissect(p, sizeof(p), l), SOK_LAYERS_MAX);
    assert_null(l[SOK_LAYERS_MAX - 1].proto);
    assert_int_equal(l[SOK_LAYERS_MAX - 1].off + l[SOK_LAYERS_MAX - 1].header, sizeof(p));
    assert_true(sok_show_tree(text, sizeof(text), p, sizeof(p)) < sizeof(text));
    line_is(p, sizeof(p), "IP 0.0.0.0 > 127.0.0.1: ICMP time-exceeded, code 0, length 2966");
}

// The quoted packet of an error is shown as far as it is there.
static void quote_in_tree(void **state)
{
    uint8_t p[14 + 20 + 8 + 20 + 8] = {0};
    struct sok_ip4_hdr ip = sok_ip4_hdr_default();
    struct sok_icmp_hdr icmp = {
        .type = SOK_ICMP_UNREACHABLE, .code = SOK_ICMP_FRAG_NEEDED, .seq = 1400};
    char text[8192];
    (void)state;
    sok_put16(p + 12, SOK_ETHERTYPE_IP4);
    ip.len = sizeof(p) - 14;
    ip.proto = SOK_IPPROTO_ICMP;
    sok_ip4_hdr_put(p + 14, &ip);
    sok_icmp_hdr_put(p + 34, &icmp);
    ip.len = 1500;
    ip.proto = SOK_IPPROTO_TCP;
    sok_ip4_hdr_put(p + 42, &ip);
    sok_put16(p + 62, 4321);
    sok_show_tree(text, sizeof(text), p, sizeof(p));
    assert_non_null(strstr(text, "    type       = dest-unreach (3)\n"));
    assert_non_null(strstr(text, "    nexthopmtu = 1400\n"));
    assert_non_null(strstr(text, "(IP), 20 bytes, says it is longer than what is here\n"));
    assert_non_null(strstr(text, "(TCP), 8 bytes, truncated\n    sport      = 4321\n"));
    assert_null(strstr(text, "dataofs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(fits_any_room),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(tree),
        cmocka_unit_test(layers_of_a_frame),
        cmocka_unit_test(nested_for_ever),
        cmocka_unit_test(quote_in_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
