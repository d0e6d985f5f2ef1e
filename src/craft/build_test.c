// What follows when a packet is built, where it has no room, and what is found when it is taken apart.
#include "craft/testing.h"

// ---- lengths that have no room ----

static struct sok_packet *datagram(const struct sok_book *book, size_t len)
{
    static const uint8_t zeros[SOK_CRAFT_PACKET_MAX];
    struct sok_packet *p = sok_packet_new(book);
    push(p, "IP");
    push(p, "UDP");
    give_text(p, 0, "src", "192.0.2.2");
    assert_true(sok_packet_push_bytes(p, zeros, len) >= 0);
    return p;
}

static uint8_t out[SOK_CRAFT_PACKET_MAX], again[SOK_CRAFT_PACKET_MAX];

static void refused(struct sok_packet *p, const char *why)
{
    struct sok_craft_error e = {{0}};
    int err = sok_packet_build(p, 0, NULL, out, sizeof out);
    assert_int_equal(err, SOK_EMSGSIZE);
    sok_packet_build_error(p, err, &e);
    assert_string_equal(e.text, why);
    sok_packet_free(p);
}

static void too_long(void **state)
{
    struct sok_packet *p = datagram(*state, 65535 - 28);
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 65535);
    sok_packet_free(p);
    refused(datagram(*state, 65535 - 27),
        "IP.len: 65536 is too large (0 to 65535): shorten what it counts, or give it a value");
    refused(datagram(*state, 65535 - 7),
        "UDP.len: 65536 is too large (0 to 65535): shorten what it counts, or give it a value");
    refused(datagram(*state, 65575), "a packet of 65603 bytes: more than 65575");
}

// Values that are given are kept, so a packet may be longer than it says.
static void too_long_as_given(void **state)
{
    struct sok_packet *p = datagram(*state, 65535);
    assert_int_equal(give(p, 0, "len", sok_item_number(28), NULL), 0);
    assert_int_equal(give(p, 1, "len", sok_item_number(8), NULL), 0);
    assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 65563);
    assert_int_equal(out[3], 28);
    sok_packet_free(p);
}

static void too_many_options(void **state)
{
    uint8_t nops[44];
    memset(nops, 1, sizeof nops);
    for (unsigned len = 40; len <= 44; len += 4) {
        struct sok_packet *p = sok_packet_new(*state);
        push(p, "TCP");
        assert_int_equal(give(p, 0, "options", sok_item_bytes(nops, len), NULL), 0);
        if (len > 40) {
            refused(p, "TCP.dataofs: 16 is too large (0 to 15): shorten what it counts, or give it "
                       "a value");
        } else {
            assert_int_equal(sok_packet_build(p, 0, NULL, out, sizeof out), 60);
            sok_packet_free(p);
        }
    }
}

// ---- what comes next ----

// All binds of the registry lead where the linear search leads.
static void finds_as_the_registry_does(void **state)
{
    const struct sok_proto *proto, *above;
    for (unsigned i = 0; (proto = sok_book_at(*state, i)); i++) {
        for (unsigned k = 0; (above = sok_book_at(*state, k)); k++) {
            for (unsigned n = 0; n < above->bind_count; n++) {
                const struct sok_bind *b = &above->binds[n];
                uint8_t bytes[1024] = {0};
                if (b->under != proto || proto->fields[sok_bind_field(b)].bytes)
                    continue;
                sok_field_set(&proto->fields[sok_bind_field(b)], bytes, b->value);
                assert_ptr_equal(sok_book_next(*state, proto, bytes, proto->hdr_len, sizeof bytes),
                    sok_proto_next(proto, bytes, proto->hdr_len, sizeof bytes));
            }
        }
    }
}

static const struct sok_proto *behind_udp(const struct sok_book *book, uint8_t dport)
{
    const struct sok_proto *udp = sok_book_find(book, "UDP");
    const uint8_t bytes[12] = {0, 0, 0, dport};
    return sok_book_next(book, udp, bytes, 8, sizeof bytes);
}

// Of added protocols the first; they come before those that were there.
static void added_come_first(void **state)
{
    static const struct sok_field row = {.name = "a", .bits = 8};
    struct sok_bind binds[2][64];
    struct sok_proto protos[2];
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 64; k++)
            binds[i][k] = (struct sok_bind){sok_book_find(*state, "UDP"), 1, 20 + 40 * i + k};
        protos[i] = (struct sok_proto){.name = i ? "Other" : "One",
            .fields = &row,
            .field_count = 1,
            .hdr_len = 1,
            .binds = binds[i],
            .bind_count = 64};
        assert_string_equal(behind_udp(*state, 67)->name, i ? "One" : "BOOTP");
        assert_int_equal(sok_book_add(*state, &protos[i]), 0);
    }
    assert_string_equal(behind_udp(*state, 20)->name, "One");
    assert_string_equal(behind_udp(*state, 67)->name, "One");
    assert_string_equal(behind_udp(*state, 83)->name, "One");
    assert_string_equal(behind_udp(*state, 84)->name, "Other");
    assert_string_equal(behind_udp(*state, 123)->name, "Other");
    assert_null(behind_udp(*state, 19));
}

// ---- the same ----

// An extension header that is longer than its rows and parts say: the bytes behind them count, too.
static void the_rest_counts(void **state)
{
    const struct sok_proto *proto = sok_book_find(*state, "TLSClientHello");
    uint8_t bytes[48] = {1, 0, 0, 44, 3, 3};
    struct sok_packet *p, *q;
    assert_int_equal(sok_packet_dissect(*state, proto, bytes, sizeof bytes, &p), 0);
    assert_int_equal(sok_packet_dissect(*state, proto, bytes, sizeof bytes, &q), 0);
    assert_true(sok_packet_equal(p, q));
    sok_packet_free(q);
    bytes[47] = 1; // behind the extensions, of which there are none
    assert_int_equal(sok_packet_dissect(*state, proto, bytes, sizeof bytes, &q), 0);
    assert_false(sok_packet_equal(p, q));
    sok_packet_free(p);
    sok_packet_free(q);
}

// ---- any ----

static void options_at_random(void **state)
{
    unsigned with = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sok_packet *p = sok_packet_new(*state), *q;
        push(p, "TCP");
        sok_packet_fuzz(p, seed);
        int len = sok_packet_build(p, 0, NULL, out, sizeof out);
        assert_in_range(len, 20, 60);
        assert_int_equal(len, 4 * (out[12] >> 4));
        with += len > 20;
        assert_int_equal(
            sok_packet_dissect(*state, sok_packet_layer(p, 0), out, (size_t)len, &q), 0);
        assert_int_equal(sok_packet_count(q), 1);
        sok_packet_free(p);
        sok_packet_free(q);
    }
    assert_true(with > 100);
}

// ---- answers without an id ----

static struct sok_packet *message(const struct sok_book *book, bool asks, const char *name)
{
    struct sok_packet *p = sok_packet_new(book), *record = sok_packet_new(book);
    push(record, asks ? "DNSQR" : "DNSRR");
    give_text(record, 0, asks ? "qname" : "rrname", name);
    push(p, "IP");
    push(p, "UDP");
    push(p, "DNS");
    give_text(p, 0, "src", asks ? "192.0.2.1" : "192.0.2.2");
    give_text(p, 0, "dst", "224.0.0.251");
    give_text(p, 1, "sport", "5353");
    give_text(p, 1, "dport", "5353");
    assert_int_equal(give(p, 2, "id", sok_item_number(asks ? 77 : 0), NULL), 0);
    assert_int_equal(give(p, 2, "qr", sok_item_number(!asks), NULL), 0);
    int len = sok_packet_build(record, 0, NULL, out, sizeof out);
    assert_true(len > 0);
    struct sok_item item = sok_item_packet(sok_packet_layer(record, 0), out, (size_t)len);
    assert_int_equal(give(p, 2, asks ? "qd" : "an", item, NULL), 0);
    sok_packet_free(record);
    return p;
}

static void mdns_answers(void **state)
{
    struct sok_packet *ask = message(*state, true, "Printer.local.");
    struct sok_packet *tell = message(*state, false, "printer.LOCAL."),
                      *other = message(*state, false, "printer2.local.");
    assert_true(sok_packet_answers(tell, ask));
    assert_false(sok_packet_answers(other, ask));
    assert_false(sok_packet_answers(ask, tell));
    assert_int_equal(sok_packet_hashret(ask), 0);
    sok_packet_free(ask);
    sok_packet_free(tell);
    sok_packet_free(other);
}

// Memory whose blocks move whenever they grow.
static void *moving(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    uint8_t *p = new_size ? malloc(new_size) : NULL;
    volatile uint8_t *old = ptr;
    (void)ctx;
    if (new_size && !p)
        return NULL;
    if (ptr && p)
        memcpy(p, ptr, old_size < new_size ? old_size : new_size);
    for (size_t i = 0; ptr && i < old_size; i++)
        old[i] = 0xdd;
    free(ptr);
    return p;
}

// The value that is drawn lies in the packet, whose memory grows for it.
static void bytes_are_drawn(void **state)
{
    static uint8_t b[1000], c[1000];
    const struct sok_mem mem = {moving, NULL};
    struct sok_book *book = sok_book_new(&mem);
    struct sok_item values[] = {
        sok_item_text("a"), sok_item_bytes(b, sizeof b), sok_item_bytes(c, sizeof c)};
    struct sok_slot slot;
    (void)state;
    assert_non_null(book);
    memset(b, 'b', sizeof b);
    memset(c, 'c', sizeof c);
    for (uint64_t seed = 0; seed < 32; seed++) {
        struct sok_packet *p = sok_packet_new(book);
        push(p, "Raw");
        assert_int_equal(give(p, 0, "load", sok_item_list(values, 3), NULL), 0);
        assert_true(sok_packet_slot(p, 0, "load", &slot));
        assert_int_equal(sok_packet_draw(p, 0, &slot, seed), 0);
        int len = sok_packet_build(p, 0, NULL, out, sizeof out);
        assert_int_equal(len, out[0] == 'a' ? 1 : 1000);
        if (len == 1000)
            assert_memory_equal(out, out[0] == 'b' ? b : c, 1000);
        sok_packet_free(p);
    }
    sok_book_free(book);
}

// ---- headers that stand in a row ----

static struct sok_packet *segment_of(const struct sok_book *book, unsigned records, uint8_t tail)
{
    struct sok_packet *p = sok_packet_new(book), *q;
    push(p, "IP");
    push(p, "TCP");
    give_text(p, 0, "dst", "192.0.2.2");
    give_text(p, 0, "src", "192.0.2.1");
    give_text(p, 1, "dport", "443");
    for (unsigned i = 0; i < records && i < 10; i++) {
        push(p, "TLS");
        assert_true(sok_packet_push_bytes(p, "a message of TLS", i) >= 0);
    }
    int len = sok_packet_build(p, 0, NULL, out, sizeof out);
    for (unsigned i = 10; i < records; i++, len += 5)
        memcpy(out + len, "\x17\x03\x03\0", 5); // empty ones
    memset(out + len, tail, tail);
    len += tail;
    sok_put16(out + 2, (uint16_t)len);
    assert_int_equal(sok_packet_dissect(book, sok_packet_layer(p, 0), out, (size_t)len, &q), 0);
    sok_packet_free(p);
    assert_int_equal(sok_packet_build(q, 0, NULL, again, sizeof again), len);
    assert_memory_equal(out, again, (size_t)len);
    return q;
}

static bool is_layer(const struct sok_packet *p, unsigned i, const char *name)
{
    return sok_packet_layer(p, i) == sok_book_find(sok_packet_book(p), name);
}

// Each has its own length, also where they are made; what is no further one is data, and layers have their limit.
static void records_in_a_row(void **state)
{
    struct sok_packet *p = segment_of(*state, 3, 0);
    assert_int_equal(sok_packet_count(p), 7); // the first is empty
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(number(p, 2 + (i ? 2 * i - 1 : 0), "len"), i);
    sok_packet_free(p);
    p = segment_of(*state, 2, 7);
    assert_int_equal(sok_packet_count(p), 6);
    assert_true(is_layer(p, 4, "Raw") && is_layer(p, 5, "Raw"));
    sok_packet_free(p);
    p = segment_of(*state, 200, 3);
    assert_in_range(sok_packet_count(p), 20, SOK_CRAFT_LAYERS_MAX);
    sok_packet_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_long),
        cmocka_unit_test(too_long_as_given),
        cmocka_unit_test(too_many_options),
        cmocka_unit_test(finds_as_the_registry_does),
        cmocka_unit_test(the_rest_counts),
        cmocka_unit_test(options_at_random),
        cmocka_unit_test(mdns_answers),
        cmocka_unit_test(bytes_are_drawn),
        cmocka_unit_test(records_in_a_row),
        cmocka_unit_test_setup_teardown(added_come_first, make_book, drop_book),
    };
    return cmocka_run_group_tests(tests, make_book, drop_book);
}
