// HTTP and TLS: what is read, and nothing outside of what is there.
#include "wire/http.h"
#include "wire/registry.h"
#include "wire/testing.h"
#include "wire/tls.h"

static const char request[] =
    "GET /x?y HTTP/1.1\r\nHost: example.com\r\nnot a header\r\nA:b\r\n\r\nbody";

// A record with a ClientHello: no session, two suites, one method, a server_name.
static const uint8_t hello[] = {22, 3, 1, 0, 67, 1, 0, 0, 63, 3, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 19, 1, 19, 2, 1, 0, 0,
    18, 0, 0, 0, 14, 0, 12, 0, 0, 9, 120, 46, 101, 120, 97, 109, 112, 108, 101};

static struct sok_item part_of(const struct sok_proto *proto, const uint8_t *p, size_t len,
    const char *name, struct sok_items *to)
{
    uint8_t fixed[64];
    struct sok_span spans[SOK_PARTS_MAX];
    struct sok_item out = {0};
    const struct sok_part *part = sok_proto_part(proto, name);
    sok_parts_find(proto, p, len, fixed, spans);
    assert_true(part->get(part, &spans[part - proto->parts], to, &out));
    return out;
}

static void a_request(void **state)
{
    _Alignas(16) uint8_t memory[2048];
    struct sok_items to = sok_items(memory, sizeof memory);
    const uint8_t *p = (const uint8_t *)request;
    size_t len = sizeof request - 1;
    struct sok_layer layer;
    (void)state;
    const struct sok_proto *proto = sok_proto_http.variant(p, len);
    assert_string_equal(proto->name, "HTTPRequest");
    assert_null(sok_layer_read(proto, p, len, &layer));
    assert_int_equal(layer.payload, 4);
    struct sok_item method = part_of(proto, p, layer.header, "Method", &to);
    struct sok_item path = part_of(proto, p, layer.header, "Path", &to);
    struct sok_item version = part_of(proto, p, layer.header, "Http_Version", &to);
    struct sok_item headers = part_of(proto, p, layer.header, "headers", &to);
    assert_true(sok_item_is(&method, "GET"));
    assert_true(sok_item_is(&path, "/x?y"));
    assert_true(sok_item_is(&version, "HTTP/1.1"));
    assert_int_equal(headers.count, 2);
    assert_true(sok_item_is(&headers.list[0].list[1], "example.com"));
    assert_true(sok_item_is(&headers.list[1].list[0], "A"));
    assert_null(sok_proto_http.variant((const uint8_t *)"GOT / HTTP", 10));
    assert_null(sok_proto_http.variant(p, 3));
}

static void a_hello(void **state)
{
    _Alignas(16) uint8_t memory[2048];
    struct sok_items to = sok_items(memory, sizeof memory);
    struct sok_layer layer;
    (void)state;
    assert_ptr_equal(sok_proto_tls.variant(hello, sizeof hello), &sok_proto_tls);
    assert_null(sok_proto_tls.variant((const uint8_t *)"GET / ", 6));
    assert_ptr_equal(
        sok_layer_read(&sok_proto_tls, hello, sizeof hello, &layer), &sok_proto_tls_hello);
    const uint8_t *p = hello + SOK_TLS_HDR_LEN;
    size_t len = sizeof hello - SOK_TLS_HDR_LEN;
    assert_null(sok_layer_read(&sok_proto_tls_hello, p, len, &layer));
    assert_int_equal(layer.header, len);
    assert_false(layer.malformed || layer.cut);
    struct sok_item ciphers = part_of(&sok_proto_tls_hello, p, len, "ciphers", &to);
    assert_int_equal(ciphers.count, 2);
    assert_int_equal(ciphers.list[1].number, 0x1302);
    struct sok_item ext = part_of(&sok_proto_tls_hello, p, len, "ext", &to);
    assert_int_equal(ext.count, 1);
    assert_true(sok_item_is(&ext.list[0].list[0], "server_name"));
    assert_true(sok_item_is(&ext.list[0].list[1], "x.example"));
}

// A hello or a head goes on in the next segment: it is cut then, not malformed.
static void in_segments(void **state)
{
    struct sok_layer layer;
    (void)state;
    for (size_t len = SOK_TLS_HDR_LEN; len < sizeof hello; len++) {
        sok_layer_read(&sok_proto_tls, hello, len, &layer);
        assert_true(layer.cut && !layer.malformed);
        size_t there = len - SOK_TLS_HDR_LEN;
        sok_layer_read(&sok_proto_tls_hello, hello + SOK_TLS_HDR_LEN, there, &layer);
        assert_true((there < SOK_TLS_HELLO_LEN ? layer.truncated : layer.cut) && !layer.malformed);
    }
    const uint8_t *head = (const uint8_t *)request;
    for (size_t len = 4; len < sizeof request - 1 - 4; len++) {
        sok_layer_read(sok_proto_http.variant(head, len), head, len, &layer);
        assert_true(layer.cut && !layer.malformed);
        assert_int_equal(layer.header, len);
    }
}

// Cut and changed anywhere.
static void any_bytes(void **state)
{
    struct rng r = {12};
    _Alignas(16) uint8_t memory[8192];
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        bool tls = run % 2;
        size_t whole = tls ? sizeof hello - SOK_TLS_HDR_LEN : sizeof request - 1;
        size_t len = 1 + rng_below(&r, (uint32_t)whole);
        uint8_t *p = malloc(len), fixed[64];
        memcpy(p, tls ? hello + SOK_TLS_HDR_LEN : (const uint8_t *)request, len);
        for (unsigned n = rng_below(&r, 4); n > 0; n--)
            p[rng_below(&r, (uint32_t)len)] = (uint8_t)rng_next(&r);
        const struct sok_proto *proto = tls ? &sok_proto_tls_hello : sok_proto_http.variant(p, len);
        struct sok_span spans[SOK_PARTS_MAX];
        struct sok_layer layer;
        if (proto) {
            sok_layer_read(proto, p, len, &layer);
            sok_parts_find(proto, p, layer.header, fixed, spans);
        }
        for (unsigned i = 0; proto && i < proto->part_count; i++) {
            struct sok_items to = sok_items(memory, sizeof memory);
            struct sok_item out;
            if (proto->parts[i].get)
                (void)proto->parts[i].get(&proto->parts[i], &spans[i], &to, &out);
        }
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),
        cmocka_unit_test(a_hello),
        cmocka_unit_test(in_segments),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
