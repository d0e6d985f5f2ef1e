// Packets made, built, taken apart and made again.
#include "craft/testing.h"

static struct sok_packet *syn(const struct sok_book *book)
{
    struct sok_packet *p = sok_packet_new(book);
    unsigned ip = push(p, "IP"), tcp = push(p, "TCP");
    give_text(p, ip, "src", "192.0.2.2");
    give_text(p, ip, "dst", "192.0.2.1");
    give_text(p, tcp, "flags", "S");
    assert_true(sok_packet_push_bytes(p, "hello", 5) >= 0);
    return p;
}

static void builds(void **state)
{
    uint8_t out[100];
    struct sok_packet *p = syn(*state);
    static const uint8_t want[] = {0x45, 0, 0, 45, 0, 1, 0, 0, 64, 6, 0xf6, 0xc6, 192, 0, 2, 2, 192,
        0, 2, 1, 0, 20, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0xc7, 0xa3, 0, 0, 'h', 'e',
        'l', 'l', 'o'};
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 45);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(sok_packet_build(p, 2, NULL, out, sizeof out), 5);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(number(p, 0, "proto"), 6);
    sok_packet_free(p);
}

static void again(void **state)
{
    uint8_t out[100], back[100];
    struct sok_packet *p = syn(*state), *q = NULL;
    int len = sok_packet_build(p, 0, NULL, out, sizeof out);
    assert_int_equal(sok_packet_dissect(*state, sok_packet_layer(p, 0), out, (size_t)len, &q), 0);
    assert_int_equal(sok_packet_count(q), 3);
    assert_int_equal(sok_packet_build(q, 0, NULL, back, sizeof back), len);
    assert_memory_equal(out, back, (size_t)len);
    sok_packet_free(p);
    sok_packet_free(q);
}

static void errors(void **state)
{
    struct sok_craft_error e;
    struct sok_packet *p = syn(*state);
    assert_int_equal(give(p, 0, "ttl", sok_item_number(256), &e), SOK_EINVAL);
    assert_string_equal(e.text, "IP.ttl: 256 is too large (0 to 255)");
    assert_int_equal(give(p, 1, "flags", sok_item_text("SX"), &e), SOK_EINVAL);
    assert_string_equal(e.text, "TCP.flags: 'X' is no flag; known: FSRPAUECN");
    assert_int_equal(give(p, 0, "dst", sok_item_text("192.0.2"), &e), SOK_EINVAL);
    assert_string_equal(e.text, "IP.dst: '192.0.2' is no IPv4 address");
    sok_packet_free(p);
}

static void sets(void **state)
{
    struct sok_packet *p = syn(*state);
    struct sok_item range[2] = {sok_item_number(1), sok_item_number(3)};
    struct sok_item ports[2] = {sok_item_number(80), sok_item_list(range, 2)};
    assert_int_equal(give(p, 1, "dport", sok_item_list(ports, 2), NULL), 0);
    give_text(p, 0, "dst", "198.51.100.0/31");
    assert_int_equal(sok_packet_expand_count(p), 8);
    static const uint16_t want[] = {80, 1, 2, 3};
    for (unsigned i = 0; i < 8; i++) {
        struct sok_packet *q = sok_packet_expand(p, i);
        assert_non_null(q);
        assert_int_equal(number(q, 1, "dport"), want[i % 4]);
        assert_int_equal(number(q, 0, "dst"), 0xc6336400u + i / 4);
        sok_packet_free(q);
    }
    assert_null(sok_packet_expand(p, 8));
    sok_packet_free(p);
}

static void many_values(void **state)
{
    static struct sok_item values[3001];
    struct sok_item range[2] = {sok_item_number(7), sok_item_number(8)};
    struct sok_packet *p = syn(*state);
    for (unsigned i = 0; i < 3001; i++)
        values[i] = sok_item_number(65535 - i);
    for (unsigned mixed = 0; mixed < 2; mixed++) {
        values[3000] = mixed ? sok_item_list(range, 2) : values[3000];
        assert_int_equal(give(p, 1, "dport", sok_item_list(values, 3001), NULL), 0);
        assert_int_equal(sok_packet_expand_count(p), 3001 + mixed);
        for (unsigned i = 0; i < 3001 + mixed; i += 300) {
            struct sok_packet *q = sok_packet_expand(p, i);
            assert_int_equal(number(q, 1, "dport"), i < 3000 || !mixed ? 65535 - i : 7);
            assert_int_equal(sok_packet_expand_count(q), 1);
            sok_packet_free(q);
        }
    }
    sok_packet_free(p);
}

// A packet is changed as often as somebody likes; what nobody needs any more is not kept.
static void changed_for_ever(void **state)
{
    static const char load[1000];
    struct sok_packet *p = syn(*state);
    struct sok_item range[2] = {sok_item_number(1), sok_item_number(3)};
    struct sok_item ports[2] = {sok_item_number(80), sok_item_list(range, 2)};
    for (unsigned i = 0; i < 40000; i++) {
        assert_int_equal(give(p, 2, "load", sok_item_bytes(load, i % 2 ? 1000 : 7), NULL), 0);
        assert_int_equal(give(p, 1, "dport", sok_item_list(ports, 2), NULL), 0);
    }
    assert_int_equal(sok_packet_expand_count(p), 4);
    assert_int_equal(number(p, 0, "dst"), 0xc0000201);
    assert_int_equal(sok_packet_build(p, 0, NULL, NULL, 0), 1040);
    sok_packet_free(p);
}

static void joined_to_itself(void **state)
{
    static const char load[500];
    uint8_t out[1500];
    struct sok_packet *p = syn(*state);
    assert_int_equal(give(p, 2, "load", sok_item_bytes(load, sizeof load), NULL), 0);
    give_text(p, 0, "dst", "198.51.100.0/31");
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(sok_packet_join(p, p, 0), 0);
        assert_int_equal(sok_packet_count(p), 6);
        assert_int_equal(sok_packet_expand_count(p), 4);
        assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 1080);
        sok_packet_cut(p, 3);
    }
    sok_packet_free(p);
    p = sok_packet_pack(syn(*state)); // its layers move twice: out of the packet, and on
    for (unsigned layers = 3; layers < SOK_CRAFT_LAYERS_MAX / 2; layers = sok_packet_count(p))
        assert_int_equal(sok_packet_join(p, p, 0), 0);
    assert_int_equal(number(p, 21, "dst"), 0xc0000201);
    sok_packet_free(p);
}

// What is refused leaves the packet as it was.
static void refused_sets(void **state)
{
    struct sok_packet *p = syn(*state);
    uint8_t *large = calloc(1, 9000000);
    struct sok_item two[2] = {sok_item_bytes(large, 9000000), sok_item_bytes(large, 9000000)};
    assert_non_null(large);
    assert_true(give(p, 2, "load", sok_item_list(two, 2), NULL) < 0);
    assert_true(give(p, 2, "load", sok_item_list(two, 0), NULL) < 0);
    assert_true(give(p, 2, "load", sok_item_list(two, 1), NULL) < 0);
    assert_int_equal(sok_packet_expand_count(p), 1);
    free(large);
    sok_packet_free(p);
}

// "2001:db8:10::/48" has as many characters as an address has bytes.
static void a_network_of_sixteen(void **state)
{
    struct sok_packet *p = sok_packet_new(*state);
    unsigned ip = push(p, "IPv6");
    struct sok_craft_error e;
    give_text(p, ip, "dst", "2001:db8:10::/48");
    assert_true(sok_packet_expand_count(p) == UINT64_MAX);
    give_text(p, ip, "dst", "2001:db8::10/126");
    assert_int_equal(sok_packet_expand_count(p), 4);
    assert_int_equal(give(p, ip, "dst", sok_item_bytes("\xff\x02\0\0//////////22", 16), &e), 0);
    assert_int_equal(sok_packet_expand_count(p), 1);
    assert_int_equal(give(p, ip, "dst", sok_item_text("2001:db8::/129"), &e), SOK_EINVAL);
    sok_packet_free(p);
}

// A type that is no longer given is the header's default, whatever layout it leaves.
static void a_type_given_no_more(void **state)
{
    struct sok_packet *p = sok_packet_new(*state);
    unsigned icmp = push(p, "ICMP");
    assert_int_equal(give(p, icmp, "type", sok_item_number(11), NULL), 0);
    assert_int_equal(give(p, icmp, "type", (struct sok_item){0}, NULL), 0);
    assert_int_equal(number(p, icmp, "type"), 8);
    sok_packet_free(p);
}

// Lengths that follow from the rest: where a header was cut they have no place, and nothing else gets them.
static void finish_inside(const struct sok_book *book, const char *proto, const uint8_t *bytes,
    size_t len, const char *const *fields)
{
    struct sok_packet *p = NULL;
    struct sok_slot slot;
    assert_int_equal(sok_packet_dissect(book, sok_book_find(book, proto), bytes, len, &p), 0);
    for (; *fields; fields++) {
        assert_true(sok_packet_slot(p, 0, *fields, &slot));
        sok_packet_unset(p, 0, &slot);
    }
    uint8_t *out = malloc(len + 16);
    memset(out, 0x5a, len + 16);
    assert_int_equal(sok_packet_build(p, 0, NULL, out, len), (int)len);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(out[len + i], 0x5a);
    free(out);
    sok_packet_free(p);
}

static void cut_headers(void **state)
{
    static const char *const lengths[] = {"sidlen", "cipherslen", "complen", "extlen", NULL};
    static const char *const rdlen[] = {"rdlen", NULL};
    uint8_t hello[44] = {
        1, 0, 0, 40, 3, 3, [38] = 10};           // a session's 10 bytes, of which 5 are there
    static const uint8_t record[12] = {63, 'x'}; // a name that does not end
    finish_inside(*state, "TLSClientHello", hello, sizeof hello, lengths);
    finish_inside(*state, "DNSRR", record, sizeof record, rdlen);
}

// An option of no known form that has the number of one.
static void an_option_of_two_bytes(void **state)
{
    uint8_t out[8] = {1, 1, 0x5a};
    struct sok_packet *p = sok_packet_new(*state);
    unsigned option = push(p, "ICMPv6NDOptUnknown");
    assert_int_equal(give(p, option, "type", sok_item_number(24), NULL), 0);
    assert_int_equal(sok_packet_build(p, 0, NULL, out, 2), 2);
    assert_int_equal(out[0], 24);
    assert_int_equal(out[2], 0x5a);
    sok_packet_free(p);
}

static void nothing_at_all(void **state)
{
    struct sok_packet *p = sok_packet_new(*state);
    assert_int_equal(sok_packet_build(p, 0, NULL, NULL, 0), 0);
    push(p, "Raw");
    assert_int_equal(sok_packet_build(p, 0, NULL, NULL, 0), 0);
    sok_packet_free(p);
}

static void texts(void **state)
{
    char out[4096];
    struct sok_packet *p = syn(*state);
    struct sok_text t = sok_text(out, sizeof out);
    sok_packet_show(p, 0, true, &t);
    assert_non_null(strstr(out, "     dport     = http\n"));
    assert_non_null(strstr(out, "     chksum    = 0xc7a3\n"));
    t = sok_text(out, sizeof out);
    sok_packet_summary(p, 0, &t);
    assert_string_equal(out, "IP / TCP 192.0.2.2:ftp_data > 192.0.2.1:http S / Raw");
    t = sok_text(out, sizeof out);
    sok_packet_command(p, 0, &t);
    assert_string_equal(
        out, "IP{src=\"192.0.2.2\", dst=\"192.0.2.1\"}/TCP{flags=\"S\"}/Raw{load=\"hello\"}");
    sok_packet_free(p);
}

// Packets in a field, and what is in them; as JSON, too.
static void packets_in_fields(void **state)
{
    static const uint8_t answer[] = {0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, //
        1, 'a', 0, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    char out[8192];
    struct sok_packet *p = NULL;
    assert_int_equal(
        sok_packet_dissect(*state, sok_book_find(*state, "DNS"), answer, sizeof answer, &p), 0);
    struct sok_text t = sok_text(out, sizeof out);
    sok_packet_show(p, 0, false, &t);
    assert_non_null(strstr(out, "  \\qd        \\\n"
                                "   |###[ DNSQR ]###\n"
                                "   |  qname     = \"a.\"\n"
                                "   |  qtype     = A\n"));
    assert_non_null(strstr(out, "   |###[ DNSRR ]###\n   |  rrname    = \"a.\"\n"));
    assert_non_null(strstr(out, "   |  rdata     = \"192.0.2.1\"\n"));
    t = sok_text(out, sizeof out);
    sok_packet_json(p, 0, false, &t);
    assert_non_null(strstr(out, "\"qd\":[[{\"protocol\":\"DNSQR\",\"fields\":{\"qname\":\"a.\","
                                "\"qtype\":1,\"qclass\":1}}]],\"an\":[[{\"protocol\":\"DNSRR\""));
    sok_packet_free(p);
}

static void json(void **state)
{
    char out[4096];
    struct sok_packet *p = syn(*state);
    struct sok_item ports[] = {sok_item_number(1), sok_item_number(9)};
    struct sok_item set[] = {sok_item_number(80), sok_item_list(ports, 2)};
    assert_int_equal(give(p, 1, "dport", sok_item_list(set, 2), NULL), 0);
    sok_packet_cut(p, 2);
    assert_true(sok_packet_push_bytes(p, "a\"\\\n", 4) >= 0);
    struct sok_text t = sok_text(out, sizeof out);
    sok_packet_json(p, 1, false, &t);
    assert_string_equal(out,
        "[{\"protocol\":\"TCP\",\"fields\":{\"sport\":20,\"dport\":{\"any\":[80,{\"from\":1,\"to\":"
        "9}]},"
        "\"seq\":0,\"ack\":0,\"dataofs\":null,\"reserved\":0,\"flags\":\"S\",\"window\":8192,"
        "\"chksum\":null,\"urgptr\":0,\"options\":[]}},"
        "{\"protocol\":\"Raw\",\"fields\":{\"load\":\"a\\\"\\\\\\n\"}}]");
    sok_packet_cut(p, 1);
    assert_true(sok_packet_push_bytes(p, "\x00\xff", 2) >= 0);
    t = sok_text(out, sizeof out);
    sok_packet_json(p, 0, true, &t);
    assert_non_null(strstr(out, "\"len\":22,"));
    assert_non_null(strstr(out, "\"src\":\"192.0.2.2\",\"dst\":\"192.0.2.1\","));
    assert_non_null(strstr(out, "{\"load\":{\"hex\":\"00ff\"}}"));
    sok_packet_free(p);
}

// What a code means and which fields there are depends on the type.
static void depends_on_type(void **state)
{
    char out[4096];
    struct sok_craft_error e = {{0}};
    struct sok_packet *p = sok_packet_new(*state);
    struct sok_slot slot;
    uint64_t v;
    push(p, "ICMP");
    assert_int_equal(give(p, 0, "nexthopmtu", sok_item_number(1300), &e), SOK_EINVAL);
    assert_string_equal(e.text, "ICMP.nexthopmtu: no such field with this type: give type first");
    assert_true(sok_packet_slot(p, 0, "nexthopmtu", &slot));
    assert_false(sok_packet_number(p, 0, &slot, &v));
    assert_int_equal(give(p, 0, "code", sok_item_text("port-unreachable"), &e), SOK_EINVAL);
    give_text(p, 0, "type", "dest-unreach");
    give_text(p, 0, "code", "fragmentation-needed");
    assert_int_equal(give(p, 0, "nexthopmtu", sok_item_number(1300), &e), 0);
    assert_int_equal(number(p, 0, "nexthopmtu"), 1300);
    assert_int_equal(number(p, 0, "code"), 4);
    struct sok_text t = sok_text(out, sizeof out);
    sok_packet_show(p, 0, false, &t);
    assert_non_null(strstr(out, "  code      = fragmentation-needed\n"));
    sok_packet_free(p);
    p = sok_packet_new(*state);
    push(p, "ICMPv6DestUnreach");
    give_text(p, 0, "code", "port-unreachable");
    assert_int_equal(number(p, 0, "code"), 4);
    sok_packet_free(p);
}

static struct sok_packet *of(const struct sok_book *book, const char *src, const char *dst,
    const char *proto, const char *field_a, uint64_t a, const char *field_b, uint64_t b)
{
    struct sok_packet *p = sok_packet_new(book);
    unsigned ip = push(p, strchr(src, ':') ? "IPv6" : "IP"), up = push(p, proto);
    give_text(p, ip, "src", src);
    give_text(p, ip, "dst", dst);
    assert_int_equal(give(p, up, field_a, sok_item_number(a), NULL), 0);
    assert_int_equal(give(p, up, field_b, sok_item_number(b), NULL), 0);
    return p;
}

// Both ways: an answer is found by its key, and is no answer the other way round.
static void is_answer(struct sok_packet *reply, struct sok_packet *sent, bool yes)
{
    assert_int_equal(sok_packet_answers(reply, sent), yes);
    if (yes && sok_packet_hashret(sent))
        assert_true(sok_packet_hashret(reply) == sok_packet_hashret(sent));
    sok_packet_free(reply);
    sok_packet_free(sent);
}

static struct sok_packet *segment(const struct sok_book *book, bool back, uint64_t sport,
    uint64_t dport, const char *flags, uint64_t seq, uint64_t ack)
{
    const char *a = "192.0.2.2", *b = "192.0.2.1";
    struct sok_packet *p =
        of(book, back ? b : a, back ? a : b, "TCP", "sport", sport, "dport", dport);
    give_text(p, 1, "flags", flags);
    assert_int_equal(give(p, 1, "seq", sok_item_number(seq), NULL), 0);
    assert_int_equal(give(p, 1, "ack", sok_item_number(ack), NULL), 0);
    return p;
}

// Fields that others announce: what came or went before them moves them, with their values.
static void fields_move(void **state)
{
    uint8_t out[40];
    struct sok_craft_error e;
    struct sok_packet *p = sok_packet_new(*state);
    unsigned gre = push(p, "GRE");
    assert_int_equal(give(p, gre, "key", sok_item_number(7), &e), SOK_EINVAL);
    assert_string_equal(
        e.text, "GRE.key: no such field with this key_present: give key_present first");
    give_text(p, gre, "key_present", "1");
    give_text(p, gre, "key", "7");
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 8);
    assert_int_equal(sok_get32(out + 4), 7);
    give_text(p, gre, "chksum_present", "1");
    assert_int_equal(number(p, gre, "key"), 7);
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 12);
    assert_int_equal(sok_get32(out + 8), 7);
    assert_int_equal(sok_get32(out), 0xa0000000);
    assert_int_equal(sok_get16(out + 4), 0xffff - 0xa007); // computed, not what the key was given
    give_text(p, gre, "chksum_present", "0");
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 8);
    assert_int_equal(sok_get32(out + 4), 7);
    sok_packet_free(p);
}

// What another field has by default is not left where it was.
static void defaults_do_not_stay(void **state)
{
    uint8_t out[48];
    struct sok_packet *p = sok_packet_new(*state);
    unsigned ntp = push(p, "NTP");
    assert_int_equal(number(p, ntp, "id"), 0x7f000001);
    give_text(p, ntp, "stratum", "1");
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 48);
    assert_int_equal(sok_get32(out + 12), 0);
    give_text(p, ntp, "ref_id", "GPS");
    give_text(p, ntp, "sent", "3900000000.5");
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 48);
    assert_memory_equal(out + 12, "GPS", 4);
    assert_int_equal(sok_get64(out + 40), (uint64_t)3900000000u << 32 | 0x80000000u);
    give_text(p, ntp, "stratum", "3");
    assert_int_equal(number(p, ntp, "id"), 0x7f000001);
    sok_packet_free(p);
}

// A set moves, too.
static void sets_move(void **state)
{
    static const unsigned lengths[] = {8, 12, 8, 12};
    struct sok_packet *p = sok_packet_new(*state);
    struct sok_craft_error e;
    struct sok_item keys[2] = {sok_item_number(5), sok_item_number(6)},
                    flags[2] = {sok_item_number(0), sok_item_number(1)};
    unsigned gre = push(p, "GRE");
    give_text(p, gre, "key_present", "1");
    assert_int_equal(give(p, gre, "key", sok_item_list(keys, 2), &e), 0);
    assert_int_equal(give(p, gre, "chksum_present", sok_item_list(flags, 2), &e), 0);
    assert_int_equal(sok_packet_expand_count(p), 4);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t out[40];
        struct sok_packet *q = sok_packet_expand(p, i);
        unsigned len = (unsigned)sok_packet_build(q, 0, NULL, out, sizeof out);
        assert_int_equal(len, lengths[i]);
        assert_int_equal(sok_get32(out + len - 4), 5 + i / 2);
        sok_packet_free(q);
    }
    sok_packet_free(p);
}

static void tcp_answers(void **state)
{
    const struct sok_book *b = *state;
#define SYN segment(b, false, 20, 80, "S", 100, 0)
    is_answer(segment(b, true, 80, 20, "SA", 9, 101), SYN, true);
    is_answer(segment(b, true, 80, 20, "RA", 0, 101), SYN, true);
    is_answer(segment(b, true, 80, 21, "SA", 9, 101), SYN, false);
    is_answer(segment(b, false, 80, 20, "SA", 9, 101), SYN, false);
    is_answer(segment(b, true, 80, 20, "SA", 9, 201), SYN, false);
    is_answer(segment(b, true, 80, 20, "S", 9, 101), SYN, false);
    is_answer(segment(b, true, 80, 20, "R", 9, 0), SYN, true);
    is_answer(segment(b, true, 80, 20, "A", 5, 105), segment(b, false, 20, 80, "PA", 104, 5), true);
    is_answer(
        segment(b, true, 80, 20, "A", 9, 105), segment(b, false, 20, 80, "PA", 104, 5), false);
    is_answer(SYN, SYN, false);
}

static void ping_answers(void **state)
{
    const struct sok_book *b = *state;
    struct sok_packet *reply = of(b, "192.0.2.1", "192.0.2.2", "ICMP", "id", 7, "seq", 3);
    assert_int_equal(give(reply, 1, "type", sok_item_number(0), NULL), 0);
    is_answer(reply, of(b, "192.0.2.2", "192.0.2.1", "ICMP", "id", 7, "seq", 3), true);
    is_answer(of(b, "192.0.2.1", "192.0.2.2", "ICMP", "id", 7, "seq", 3),
        of(b, "192.0.2.2", "192.0.2.1", "ICMP", "id", 7, "seq", 3), false);
}

// An error about a segment of which 8 bytes are quoted.
static void error_answers(void **state)
{
    uint8_t bytes[200];
    for (unsigned port = 80; port < 82; port++) {
        struct sok_packet *about = segment(*state, false, 20, port, "S", 100, 0), *error = NULL;
        struct sok_packet *head =
            of(*state, "198.51.100.1", "192.0.2.2", "ICMP", "type", 11, "code", 0);
        assert_int_equal(sok_packet_build(head, 0, NULL, bytes, sizeof bytes), 28);
        assert_int_equal(sok_packet_build(about, 0, NULL, bytes + 28, sizeof bytes - 28), 40);
        bytes[3] = 28 + 28;
        bytes[28 + 3] = 40;
        assert_int_equal(
            sok_packet_dissect(*state, sok_book_find(*state, "IP"), bytes, 56, &error), 0);
        is_answer(error, segment(*state, false, 20, 80, "S", 100, 0), port == 80);
        sok_packet_free(about);
        sok_packet_free(head);
    }
}

static void arp_answers(void **state)
{
    struct sok_packet *ask = sok_packet_new(*state), *tell = sok_packet_new(*state);
    push(ask, "ARP");
    push(tell, "ARP");
    give_text(ask, 0, "pdst", "192.0.2.1");
    give_text(tell, 0, "psrc", "192.0.2.1");
    give_text(tell, 0, "op", "is-at");
    is_answer(tell, ask, true);
}

static uint64_t finer(struct sok_packet *p)
{
    uint64_t key, wide = sok_packet_keys(p, &key);
    assert_true(wide == sok_packet_hashret(p));
    sok_packet_free(p);
    return key;
}

static struct sok_packet *datagram(
    const struct sok_book *book, bool back, uint64_t mine, uint64_t yours, unsigned dns_id)
{
    const char *a = "192.0.2.2", *b = "192.0.2.1";
    struct sok_packet *p = of(book, back ? b : a, back ? a : b, "UDP", back ? "dport" : "sport",
        mine, back ? "sport" : "dport", yours);
    if (dns_id != 0)
        assert_int_equal(give(p, push(p, "DNS"), "id", sok_item_number(dns_id), NULL), 0);
    return p;
}

// Of many packets to one host the answers tell which; but one from another port is an answer, too.
static void finer_keys(void **state)
{
    const struct sok_book *b = *state;
    const uint64_t key = finer(datagram(b, false, 53, 80, 0));
    assert_true(key != 0 && key == finer(datagram(b, true, 53, 80, 0)));
    assert_true(key != finer(datagram(b, true, 53, 81, 0)));
    is_answer(datagram(b, true, 53, 81, 0), datagram(b, false, 53, 80, 0), true);
    assert_true(finer(datagram(b, false, 9, 53, 7)) == finer(datagram(b, true, 9, 53, 7)));
    assert_true(finer(datagram(b, false, 9, 53, 7)) != finer(datagram(b, true, 9, 53, 8)));
    assert_true(finer(segment(b, false, 20, 80, "S", 1, 0)) == 0); // the wide one knows
    struct sok_packet *ask = sok_packet_new(b), *tell = sok_packet_new(b);
    push(ask, "IPv6");
    push(tell, "IPv6");
    give_text(ask, 0, "dst", "ff02::1:ff00:1");
    give_text(ask, push(ask, "ICMPv6ND_NS"), "tgt", "2001:db8::1");
    give_text(tell, push(tell, "ICMPv6ND_NA"), "tgt", "2001:db8::1");
    assert_true(sok_packet_hashret(ask) == 0);
    uint64_t asked = finer(ask);
    assert_true(asked != 0 && asked == finer(tell));
}

// What was packed is the same, and grows again, also one that has as many layers as there may be.
static void packed(void **state)
{
    uint8_t bytes[200];
    struct sok_packet *p = datagram(*state, false, 9, 53, 7), *q = sok_packet_copy(p),
                      *whole = NULL;
    int len = sok_packet_build(p, 0, NULL, bytes, sizeof bytes);
    p = sok_packet_pack(p);
    assert_true(sok_packet_equal(p, q));
    for (unsigned i = sok_packet_count(p); i < SOK_CRAFT_LAYERS_MAX; i++)
        assert_int_equal(sok_packet_push_bytes(p, "more", 4), i);
    assert_int_equal(sok_packet_push_bytes(p, "more", 4), SOK_EMSGSIZE);
    p = sok_packet_pack(p);
    assert_int_equal(sok_packet_count(p), SOK_CRAFT_LAYERS_MAX);
    assert_int_equal(number(p, 0, "ttl"), 64);
    assert_int_equal(
        sok_packet_dissect(*state, sok_book_find(*state, "IP"), bytes, (size_t)len, &whole), 0);
    whole = sok_packet_pack(whole);
    assert_int_equal(number(whole, 2, "id"), 7);
    uint8_t again[200];
    assert_int_equal(sok_packet_build(whole, 0, NULL, again, sizeof again), len);
    assert_memory_equal(bytes, again, (size_t)len);
    sok_packet_free(p);
    sok_packet_free(q);
    sok_packet_free(whole);
    p = sok_packet_pack(sok_packet_new(*state)); // of nothing at all
    assert_int_equal(push(p, "IP"), 0);
    sok_packet_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds),
        cmocka_unit_test(again),
        cmocka_unit_test(errors),
        cmocka_unit_test(sets),
        cmocka_unit_test(many_values),
        cmocka_unit_test(changed_for_ever),
        cmocka_unit_test(joined_to_itself),
        cmocka_unit_test(refused_sets),
        cmocka_unit_test(a_network_of_sixteen),
        cmocka_unit_test(a_type_given_no_more),
        cmocka_unit_test(cut_headers),
        cmocka_unit_test(an_option_of_two_bytes),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(texts),
        cmocka_unit_test(packets_in_fields),
        cmocka_unit_test(json),
        cmocka_unit_test(depends_on_type),
        cmocka_unit_test(fields_move),
        cmocka_unit_test(defaults_do_not_stay),
        cmocka_unit_test(sets_move),
        cmocka_unit_test(tcp_answers),
        cmocka_unit_test(ping_answers),
        cmocka_unit_test(error_answers),
        cmocka_unit_test(arp_answers),
        cmocka_unit_test(finer_keys),
        cmocka_unit_test(packed),
    };
    return cmocka_run_group_tests(tests, make_book, drop_book);
}
