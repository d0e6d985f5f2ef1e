// DNS: names that refer to others, records as values, and any bytes.
#include "wire/dns.h"
#include "wire/registry.h"
#include "wire/testing.h"
#include "wire/text.h"

// A question for www.org; an answer that is a CNAME, ftp.org; its address.
static const uint8_t reply[] = {0, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, 3, 'w', 'w', 'w', 3, 'o',
    'r', 'g', 0, 0, 1, 0, 1, 0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 1, 0, 6, 3, 'f', 't', 'p', 0xc0, 0x10,
    0xc0, 0x25, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 7};

static struct sok_item section(
    const uint8_t *p, size_t len, unsigned which, struct sok_items *to, bool *ok)
{
    uint8_t fixed[64];
    struct sok_span spans[SOK_PARTS_MAX];
    struct sok_item out = {0};
    sok_parts_find(&sok_proto_dns, p, len, fixed, spans);
    const struct sok_part *part = &sok_proto_dns.parts[which];
    *ok = part->get(part, &spans[which], to, &out);
    return out;
}

static void names_are_written_out(void **state)
{
    _Alignas(16) uint8_t memory[2048];
    struct sok_items to = sok_items(memory, sizeof memory);
    struct sok_layer layer;
    bool ok;
    (void)state;
    assert_null(sok_layer_read(&sok_proto_dns, reply, sizeof reply, &layer));
    assert_int_equal(layer.header, sizeof reply);
    struct sok_item an = section(reply, sizeof reply, 1, &to, &ok);
    assert_true(ok);
    assert_int_equal(an.count, 2);
    assert_string_equal(an.list[0].proto->name, "DNSRR");
    static const uint8_t cname[] = {3, 'w', 'w', 'w', 3, 'o', 'r', 'g', 0, 0, 5, 0, 1, 0, 0, 0, 1,
        0, 9, 3, 'f', 't', 'p', 3, 'o', 'r', 'g', 0};
    assert_int_equal(an.list[0].count, sizeof cname);
    assert_memory_equal(an.list[0].bytes, cname, sizeof cname);
    static const uint8_t address[] = {
        3, 'f', 't', 'p', 3, 'o', 'r', 'g', 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 7};
    assert_int_equal(an.list[1].count, sizeof address);
    assert_memory_equal(an.list[1].bytes, address, sizeof address);
}

// A value of a part of a record.
static bool value(const struct sok_proto *proto, const uint8_t *p, size_t len, const char *name,
    struct sok_items *to, struct sok_item *out)
{
    uint8_t fixed[64];
    struct sok_span spans[SOK_PARTS_MAX];
    sok_parts_find(proto, p, len, fixed, spans);
    const struct sok_part *part = sok_proto_part(proto, name);
    return part->get(part, &spans[part - proto->parts], to, out);
}

static void data_by_type(void **state)
{
    _Alignas(16) uint8_t memory[2048];
    struct sok_items to = sok_items(memory, sizeof memory);
    struct sok_item out;
    static const uint8_t txt[] = {0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 6, 2, 'a', 'b', 2, 'c', 'd'};
    static const uint8_t mx[] = {1, 'c', 0, 0, 15, 0, 1, 0, 0, 0, 0, 0, 5, 0, 9, 1, 'm', 0};
    (void)state;
    const struct sok_proto *rr = sok_dns_record_proto(SOK_DNS_TXT);
    assert_true(value(rr, txt, sizeof txt, "rdata", &to, &out));
    assert_int_equal(out.count, 2);
    assert_true(sok_item_is(&out.list[1], "cd"));
    assert_true(value(rr, txt, sizeof txt, "rrname", &to, &out));
    assert_true(sok_item_is(&out, "."));
    assert_string_equal(sok_dns_record_proto(SOK_DNS_MX)->name, "DNSRRMX");
    assert_true(value(sok_dns_record_proto(SOK_DNS_MX), mx, sizeof mx, "exchange", &to, &out));
    assert_true(sok_item_is(&out, "m."));
}

// Pointers to itself, forwards, past the end: an end is found, and it is no name.
static void pointers_that_loop(void **state)
{
    static const uint8_t self[] = {0xc0, 0}, forward[] = {0xc0, 2, 0}, cut[] = {0xc0};
    static const uint8_t around[] = {1, 'a', 0xc0, 0}, late[] = {3, 'a', 'b'};
    uint8_t out[512];
    struct sok_sink to = sok_sink(out, sizeof out);
    (void)state;
    assert_false(sok_dns_name_expand(self, 2, 0, &to));
    assert_false(sok_dns_name_expand(forward, 3, 0, &to));
    assert_false(sok_dns_name_expand(cut, 1, 0, &to));
    assert_false(sok_dns_name_expand(around, 4, 0, &to));
    assert_false(sok_dns_name_expand(late, 3, 0, &to));
    uint8_t chain[600] = {0}; // 255 bytes are the most that pointers may add up to
    for (unsigned i = 0; i < 100; i++) {
        chain[6 * i] = 3;
        memset(chain + 6 * i + 1, 'x', 3);
        sok_put16(chain + 6 * i + 4, (uint16_t)(i ? 0xc000 + 6 * (i - 1) : 0));
    }
    struct sok_sink whole = sok_sink(out, sizeof out);
    assert_true(sok_dns_name_expand(chain, sizeof chain, 6 * 60, &whole));
    assert_false(sok_dns_name_expand(chain, sizeof chain, 6 * 99, &whole));
}

// Pointers to pointers: a name has 127 labels at most, so more of them are no name. Nor is the time that they take.
static void chains_of_pointers(void **state)
{
    uint8_t message[1000] = {0}, out[512];
    (void)state;
    for (unsigned i = 1; i < 400; i++)
        sok_put16(message + 2 * i, (uint16_t)(0xc000 + 2 * (i - 1)));
    struct sok_sink to = sok_sink(out, sizeof out);
    assert_true(sok_dns_name_expand(message, sizeof message, 2 * 128, &to));
    assert_false(sok_dns_name_expand(message, sizeof message, 2 * 129, &to));
}

// What is no letter comes back as it was: text is written as RFC 1035 section 5.1 has it.
static void names_given_again(void **state)
{
    static const uint8_t name[] = {5, 'a', '.', 'b', ' ', 0xff, 3, '\\', '1', '2', 1, 0, 0};
    _Alignas(16) uint8_t memory[512];
    struct sok_items to = sok_items(memory, sizeof memory);
    struct sok_span span = {name, sizeof name, 0, sizeof name, NULL};
    struct sok_item text;
    char why_text[160];
    uint8_t out[64];
    struct sok_text why = sok_text(why_text, sizeof why_text);
    struct sok_sink sink = sok_sink(out, sizeof out);
    (void)state;
    assert_true(sok_dns_name_get(NULL, &span, &to, &text));
    assert_true(sok_item_is(&text, "a\\.b\\032\\255.\\\\12.\\000."));
    assert_true(sok_dns_name_put(NULL, &text, &sink, &why));
    assert_int_equal(sink.used, sizeof name);
    assert_memory_equal(out, name, sizeof name);
    struct sok_item plain = sok_item_text("www.example.com"), end = sok_item_text("a\\");
    sink = sok_sink(out, sizeof out);
    assert_true(sok_dns_name_put(NULL, &plain, &sink, &why));
    assert_memory_equal(out, "\3www\7example\3com", sink.used);
    sink = sok_sink(out, sizeof out);
    assert_true(sok_dns_name_put(NULL, &end, &sink, &why));
    assert_memory_equal(out, "\2a\\", sink.used);
}

static void any_bytes(void **state)
{
    struct rng r = {9};
    _Alignas(16) uint8_t memory[8192];
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        uint8_t *p = malloc(sizeof reply); // its end is watched
        size_t len = rng_next(&r) % (sizeof reply + 1);
        memcpy(p, reply, sizeof reply);
        for (unsigned n = rng_below(&r, 6); n > 0; n--)
            p[rng_next(&r) % sizeof reply] = (uint8_t)rng_next(&r);
        uint8_t *exact = malloc(len ? len : 1);
        memcpy(exact, p, len);
        struct sok_layer layer;
        sok_layer_read(&sok_proto_dns, exact, len, &layer);
        for (unsigned which = 0; which < 4 && len >= SOK_DNS_HDR_LEN; which++) {
            struct sok_items to = sok_items(memory, sizeof memory);
            bool ok;
            struct sok_item out = section(exact, len, which, &to, &ok);
            for (unsigned i = 0; ok && i < out.count; i++)
                assert_true(sok_dns_record_size(out.list[i].bytes, out.list[i].count, which == 0) ==
                            out.list[i].count);
        }
        free(exact);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_written_out),
        cmocka_unit_test(data_by_type),
        cmocka_unit_test(pointers_that_loop),
        cmocka_unit_test(chains_of_pointers),
        cmocka_unit_test(names_given_again),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
