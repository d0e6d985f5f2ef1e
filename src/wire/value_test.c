// What people write, into bits and bytes, and back: options, addresses, what is refused and in which words.
#include "wire/value.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/options.h"
#include "wire/parts.h"
#include "wire/registry.h"
#include "wire/tcp.h"
#include "wire/testing.h"
#include "wire/text.h"

static char said[256];

static bool put(const struct sok_proto *proto, const char *name, struct sok_item v, uint8_t *p)
{
    struct sok_text why = sok_text(said, sizeof said);
    return sok_value_put(sok_proto_field(proto, name), p, &v, &why);
}

static void rows(void **state)
{
    uint8_t p[64] = {0};
    (void)state;
    assert_true(put(&sok_proto_tcp, "flags", sok_item_text("SA"), p));
    assert_int_equal(p[13], SOK_TCP_SYN | SOK_TCP_ACK);
    assert_true(put(&sok_proto_tcp, "dport", sok_item_text("https"), p));
    assert_int_equal(sok_get16(p + 2), 443);
    assert_true(put(&sok_proto_tcp, "dport", sok_item_text("0x50"), p));
    assert_int_equal(sok_get16(p + 2), 80);
    assert_true(put(&sok_proto_ip4, "flags", sok_item_text("DF+MF"), p));
    assert_int_equal(p[6] >> 5, SOK_IP4_DF | SOK_IP4_MF);
    assert_true(put(&sok_proto_ip4, "dst", sok_item_text("192.0.2.7"), p));
    assert_int_equal(sok_get32(p + 16), 0xc0000207);
    assert_false(put(&sok_proto_ip4, "ttl", sok_item_number(256), p));
    assert_string_equal(said, "256 is too large (0 to 255)");
    assert_false(put(&sok_proto_tcp, "flags", sok_item_text("SX"), p));
    assert_string_equal(said, "'X' is no flag; known: FSRPAUECN");
    assert_false(put(&sok_proto_ip4, "src", sok_item_text("192.0.2"), p));
    assert_string_equal(said, "'192.0.2' is no IPv4 address");
    assert_false(put(&sok_proto_ip4, "proto", sok_item_text("TPC"), p));
    assert_non_null(strstr(said, "'TPC' is no value of it; known: ICMP, IGMP"));
    struct sok_item list = sok_item_list(NULL, 0);
    assert_false(put(&sok_proto_ip4, "ttl", list, p));
    assert_string_equal(said, "a list where a number belongs");
    assert_false(put(&sok_proto_ip4, "ttl", sok_item_packet(&sok_proto_tcp, p, 20), p));
    assert_string_equal(said, "a packet (TCP) where a number belongs");
}

// In capitals or not, with whatever stands between the words; what is written exactly so comes first.
static void names(void **state)
{
    static const struct sok_value values[] = {
        {1, "Port unreachable"}, {2, "A"}, {3, "a"}, {0, NULL}};
    static const struct sok_field row = {
        .name = "x", .values = values, .bits = 8, .as = SOK_AS_NAME};
    static const struct {
        const char *text;
        uint8_t value;
    } cases[] = {{"Port unreachable", 1}, {"port-unreachable", 1}, {"PORT_UNREACHABLE", 1},
        {"A", 2}, {"a", 3}, {"7", 7}, {"port-unreachabl", 0}, {"port+unreachable", 0}};
    (void)state;
    for (unsigned i = 0; i < SOK_COUNT_OF(cases); i++) {
        uint8_t p[8] = {0};
        struct sok_text why = sok_text(said, sizeof said);
        struct sok_item v = sok_item_text(cases[i].text);
        assert_int_equal(sok_value_put(&row, p, &v, &why), cases[i].value != 0);
        assert_int_equal(p[0], cases[i].value);
    }
    assert_string_equal(
        said, "'port+unreachable' is no value of it; known: Port unreachable, A, a");
}

static const struct sok_part *options(void)
{
    return sok_proto_part(&sok_proto_tcp, "options");
}

static size_t written(const struct sok_item *list, unsigned count, uint8_t out[64])
{
    struct sok_text why = sok_text(said, sizeof said);
    struct sok_item v = sok_item_list(list, count);
    struct sok_sink to = sok_sink(out, 64);
    return options()->put(options(), &v, &to, &why) ? to.used : 0;
}

static void options_of_tcp(void **state)
{
    struct sok_item mss[] = {sok_item_text("MSS"), sok_item_number(1460)};
    struct sok_item times[] = {sok_item_number(1), sok_item_number(2)};
    struct sok_item ts[] = {sok_item_text("Timestamp"), sok_item_list(times, 2)};
    struct sok_item scale[] = {sok_item_text("WScale"), sok_item_number(7)};
    struct sok_item list[] = {sok_item_list(mss, 2), sok_item_list(ts, 2), sok_item_list(scale, 2)};
    static const uint8_t want[20] = {2, 4, 0x05, 0xb4, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 3, 3, 7};
    uint8_t out[64];
    (void)state;
    assert_int_equal(written(list, 3, out), sizeof want);
    assert_memory_equal(out, want, sizeof want);
    _Alignas(16) uint8_t memory[1024];
    struct sok_items to = sok_items(memory, sizeof memory);
    struct sok_span span = {out, 20, 0, 20, NULL};
    struct sok_item got;
    assert_true(options()->get(options(), &span, &to, &got));
    assert_int_equal(got.count, 4); // and the end of the list
    assert_true(sok_item_is(&got.list[1].list[0], "Timestamp"));
    assert_int_equal(got.list[1].list[1].list[1].number, 2);
    struct sok_item wrong[] = {sok_item_text("MMS"), sok_item_number(1)};
    struct sok_item lists[] = {sok_item_list(wrong, 2)};
    assert_int_equal(written(lists, 1, out), 0);
    assert_non_null(strstr(said, "'MMS' is no option; known: EOL, NOP, MSS"));
    mss[1] = sok_item_number(70000);
    assert_int_equal(written(list, 1, out), 0);
    assert_string_equal(said, "70000 is too large (0 to 65535)");
}

// Whatever the parts read, written again it is the same bytes; and nothing outside is read.
static void any_parts(void **state)
{
    struct rng r = {11};
    _Alignas(16) uint8_t memory[16384];
    const struct sok_proto *proto;
    (void)state;
    for (unsigned i = 0; (proto = sok_proto_at(i)) != NULL; i++) {
        for (unsigned run = 0; run < 300 && proto->hdr_len <= 64; run++) {
            uint8_t fixed[128], again[512];
            struct sok_span spans[SOK_PARTS_MAX];
            size_t len = proto->hdr_len + rng_next(&r) % 64;
            uint8_t *p = malloc(len ? len : 1);
            rng_fill(&r, p, len);
            for (size_t k = 0; run % 2 && k < len; k++)
                p[k] &= 15; // lengths that make sense
            sok_parts_find(proto, p, len, fixed, spans);
            for (unsigned k = 0; k < proto->part_count; k++) {
                struct sok_items to = sok_items(memory, sizeof memory);
                const struct sok_part *part = &proto->parts[k];
                struct sok_item v;
                struct sok_text why = sok_text(said, sizeof said);
                struct sok_sink out = sok_sink(again, sizeof again);
                out.fixed = fixed;
                spans[k].fixed = fixed;
                assert_true(spans[k].off + spans[k].len <= len);
                if (part->get && part->get(part, &spans[k], &to, &v) && part->put)
                    (void)part->put(part, &v, &out, &why);
            }
            free(p);
        }
    }
}

static void full_memory(void **state)
{
    static const uint8_t mss[4] = {2, 4, 5, 0xb4};
    struct sok_span span = {mss, 4, 0, 4, NULL};
    _Alignas(16) uint8_t memory[256];
    (void)state;
    for (size_t room = 0; room < sizeof memory; room++) {
        struct sok_items to = sok_items(memory, room);
        struct sok_item got;
        bool ok = options()->get(options(), &span, &to, &got);
        assert_true(ok != to.full);
        if (ok)
            assert_int_equal(got.list[0].list[1].number, 1460);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(names),
        cmocka_unit_test(options_of_tcp),
        cmocka_unit_test(any_parts),
        cmocka_unit_test(full_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
