// Headers that look otherwise behind some protocol, and messages said in fewer bytes.
#include "craft/testing.h"

static uint8_t out[SOK_CRAFT_PACKET_MAX];

static struct sok_packet *query(const struct sok_book *book, const char *below)
{
    struct sok_packet *p = sok_packet_new(book), *q = sok_packet_new(book);
    push(p, "IP");
    push(p, below);
    give_text(p, 0, "src", "192.0.2.2");
    give_text(p, 0, "dst", "192.0.2.1");
    push(q, "DNS");
    assert_int_equal(give(q, 0, "id", sok_item_number(77), NULL), 0);
    assert_int_equal(sok_packet_join(p, q, 0), 0);
    sok_packet_free(q);
    return p;
}

static void over_tcp(void **state)
{
    struct sok_packet *p = query(*state, "TCP"), *q;
    assert_string_equal(sok_packet_layer(p, 2)->name, "DNSTCP");
    assert_true(sok_packet_find(p, sok_book_find(*state, "DNS"), 1) == 2);
    int len = sok_packet_build(p, 0, NULL, out, sizeof out);
    assert_int_equal(len, 40 + 2 + 12 + 21);
    assert_int_equal(out[41], 12 + 21);
    assert_int_equal(out[43], 77);
    assert_int_equal(sok_packet_dissect(*state, sok_packet_layer(p, 0), out, (size_t)len, &q), 0);
    assert_int_equal(sok_packet_count(q), 3);
    assert_int_equal(number(q, 2, "length"), 33);
    assert_int_equal(number(q, 2, "id"), 77);
    sok_packet_free(p);
    sok_packet_free(q);
}

// From one into the other and back: what was given stays, the length comes and goes.
static void there_and_back(void **state)
{
    struct sok_packet *udp = query(*state, "UDP"), *tcp = query(*state, "TCP");
    struct sok_slot slot;
    struct sok_item two[2] = {sok_item_number(5), sok_item_number(6)};
    assert_int_equal(give(tcp, 2, "length", sok_item_number(9), NULL), 0);
    assert_int_equal(give(tcp, 2, "id", sok_item_list(two, 2), NULL), 0);
    sok_packet_cut(udp, 2);
    assert_int_equal(sok_packet_join(udp, tcp, 2), 0);
    assert_string_equal(sok_packet_layer(udp, 2)->name, "DNS");
    assert_int_equal(sok_packet_expand_count(udp), 2);
    assert_int_equal(number(udp, 2, "id"), 5);
    sok_packet_cut(tcp, 2);
    assert_int_equal(sok_packet_join(tcp, udp, 2), 0);
    assert_true(sok_packet_slot(tcp, 2, "length", &slot));
    assert_false(sok_packet_is_set(tcp, 2, &slot));
    assert_int_equal(sok_packet_expand_count(tcp), 2);
    sok_packet_free(udp);
    sok_packet_free(tcp);
}

// A message whose second name refers to the first; from UDP it goes into TCP.
static const uint8_t reply[] = {0, 77, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 2, 'i', 'o', 0, 0,
    1, 0, 1, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, 'b', 0xc0, 14};

static void names_that_refer(void **state)
{
    struct sok_packet *p = query(*state, "TCP"), *q, *shorter;
    sok_packet_cut(p, 2);
    assert_int_equal(
        sok_packet_dissect(*state, sok_book_find(*state, "DNS"), reply, sizeof reply, &q), 0);
    assert_int_equal(sok_packet_join(p, q, 0), 0);
    assert_int_equal(sok_packet_build(p, 2, NULL, out, sizeof out), 2 + sizeof reply + 4 + 2);
    assert_int_equal(sok_packet_compress(p, 0, &shorter), 0);
    assert_int_equal(sok_packet_build(shorter, 2, NULL, out, sizeof out), 2 + sizeof reply);
    assert_int_equal(out[1], sizeof reply);
    assert_memory_equal(out + 2, reply, sizeof reply);
    sok_packet_free(p);
    sok_packet_free(q);
    sok_packet_free(shorter);
}

static void nothing_to_compress(void **state)
{
    static const uint8_t bad[] = {0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1};
    struct sok_packet *p = query(*state, "UDP"), *none = NULL;
    assert_int_equal(sok_packet_compress(p, 3, &none), SOK_EINVAL);
    sok_packet_cut(p, 2);
    assert_int_equal(sok_packet_compress(p, 0, &none), SOK_EINVAL);
    sok_packet_free(p);
    for (size_t len = 0; len <= sizeof bad; len++) {
        assert_int_equal(sok_packet_dissect(*state, sok_book_find(*state, "DNS"), bad, len, &p), 0);
        assert_int_equal(sok_packet_compress(p, 0, &none), SOK_EINVAL);
        assert_null(none);
        sok_packet_free(p);
    }
}

// What begins in the middle of a message, or says more than is there, is bytes; two messages are two layers.
static void segments(void **state)
{
    struct sok_packet *p = query(*state, "TCP"), *q;
    const struct sok_proto *ip = sok_packet_layer(p, 0);
    push(p, "DNS");
    assert_string_equal(sok_packet_layer(p, 3)->name, "DNSTCP");
    int len = sok_packet_build(p, 0, NULL, out, sizeof out);
    assert_int_equal(len, 40 + 35 + 35);
    assert_int_equal(sok_packet_dissect(*state, ip, out, (size_t)len, &q), 0);
    assert_int_equal(sok_packet_count(q), 4);
    sok_packet_free(q);
    sok_put16(out + 2, 40 + 34);
    assert_int_equal(sok_packet_dissect(*state, ip, out, 40 + 34, &q), 0);
    assert_string_equal(sok_packet_layer(q, 2)->name, "Raw");
    sok_packet_free(p);
    sok_packet_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_tcp),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(names_that_refer),
        cmocka_unit_test(nothing_to_compress),
        cmocka_unit_test(segments),
    };
    return cmocka_run_group_tests(tests, make_book, drop_book);
}
