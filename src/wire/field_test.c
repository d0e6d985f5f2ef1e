// The expansions of a field list and its rows are two readings of the same text: they must agree on every
// header, for any bytes.
#include "wire/testing.h"

#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/registry.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define RUNS 2000

static uint64_t member(const struct sok_field *f, const void *hdr)
{
    const uint8_t *p = (const uint8_t *)hdr + f->member;
    uint16_t v16;
    uint32_t v32;
    switch (f->size) {
    case 1:
        return *p;
    case 2:
        memcpy(&v16, p, 2);
        return v16;
    default:
        memcpy(&v32, p, 4);
        return v32;
    }
}

static void rows_agree(const struct sok_proto *proto, const uint8_t *p, const void *hdr)
{
    for (unsigned i = 0; i < proto->field_count; i++) {
        const struct sok_field *f = &proto->fields[i];
        if (f->bytes)
            assert_memory_equal(p + f->bit / 8, (const uint8_t *)hdr + f->member, f->size);
        else
            assert_int_equal(sok_field_get(f, p), member(f, hdr));
    }
}

// Sets one field by its row and nothing else moves.
static void set_moves_only_itself(const struct sok_proto *proto, const uint8_t *p, struct rng *r)
{
    for (unsigned i = 0; i < proto->field_count; i++) {
        const struct sok_field *f = &proto->fields[i];
        uint8_t q[64];
        uint64_t v = rng_next(r);
        if (f->bytes)
            continue;
        memcpy(q, p, proto->hdr_len);
        sok_field_set(f, q, v);
        assert_int_equal(sok_field_get(f, q), v & sok_bits_mask(f->bits));
        for (unsigned bit = 0; bit < proto->hdr_len * 8u; bit++) {
            if (bit < f->bit || bit >= f->bit + f->bits)
                assert_int_equal(q[bit / 8] >> (7 - bit % 8) & 1, p[bit / 8] >> (7 - bit % 8) & 1);
        }
    }
}

static void rows_cover(const struct sok_proto *proto)
{
    uint32_t bit = 0;
    for (unsigned i = 0; i < proto->field_count; i++) {
        assert_int_equal(proto->fields[i].bit, bit);
        assert_ptr_equal(sok_proto_field(proto, proto->fields[i].name), &proto->fields[i]);
        bit += proto->fields[i].bits;
    }
    assert_int_equal(bit, proto->hdr_len * 8);
    assert_null(sok_proto_field(proto, "no such field"));
}

#define TEST_OF(P)                                                                                 \
    static void P##_agrees(void **state)                                                           \
    {                                                                                              \
        struct rng r = {4};                                                                        \
        (void)state;                                                                               \
        rows_cover(&sok_proto_##P);                                                                \
        for (unsigned run = 0; run < RUNS; run++) {                                                \
            uint8_t p[64], q[64];                                                                  \
            struct sok_##P##_hdr h;                                                                \
            size_t len = sok_proto_##P.hdr_len;                                                    \
            rng_fill(&r, p, sizeof(p));                                                            \
            rng_fill(&r, q, sizeof(q));                                                            \
            sok_##P##_hdr_get(p, &h);                                                              \
            sok_##P##_hdr_put(q, &h);                                                              \
            assert_memory_equal(p, q, len);                                                        \
            rows_agree(&sok_proto_##P, p, &h);                                                     \
            set_moves_only_itself(&sok_proto_##P, p, &r);                                          \
            memset(&h, (int)rng_next(&r), sizeof(h)); /* values too wide for their fields */       \
            sok_##P##_hdr_put(q, &h);                                                              \
            for (unsigned i = 0; i < sok_proto_##P.field_count; i++) {                             \
                const struct sok_field *f = &sok_proto_##P.fields[i];                              \
                if (!f->bytes)                                                                     \
                    assert_int_equal(sok_field_get(f, q), member(f, &h) & sok_bits_mask(f->bits)); \
            }                                                                                      \
            assert_false(sok_##P##_get(p, len - 1, &h));                                           \
            assert_true(sok_##P##_get(p, len, &h));                                                \
        }                                                                                          \
        uint8_t p[64];                                                                             \
        struct sok_##P##_hdr h = sok_##P##_hdr_default();                                          \
        sok_##P##_hdr_put(p, &h);                                                                  \
        for (unsigned i = 0; i < sok_proto_##P.field_count; i++) {                                 \
            const struct sok_field *f = &sok_proto_##P.fields[i];                                  \
            if (!f->bytes)                                                                         \
                assert_int_equal(sok_field_get(f, p), f->initial);                                 \
        }                                                                                          \
    }
TEST_OF(eth)
TEST_OF(arp)
TEST_OF(ip4)
TEST_OF(icmp)
TEST_OF(udp)
TEST_OF(tcp)

// Against bytes laid out by hand from the RFCs' pictures.
static void known_bytes(void **state)
{
    static const uint8_t ip[20] = {0x45, 0xb8, 0x05, 0xdc, 0x12, 0x34, 0x5f, 0xff, 0x40, 0x06, 0xab,
        0xcd, 192, 0, 2, 1, 198, 51, 100, 7};
    static const uint8_t tcp[20] = {0xc0, 0x00, 0x00, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0xaf, 0x12,
        0xfa, 0xf0, 0x11, 0x22, 0x33, 0x44};
    struct sok_ip4_hdr i;
    struct sok_tcp_hdr t;
    (void)state;
    sok_ip4_hdr_get(ip, &i);
    assert_int_equal(i.version, 4);
    assert_int_equal(i.ihl, 5);
    assert_int_equal(i.tos, 0xb8);
    assert_int_equal(i.len, 1500);
    assert_int_equal(i.id, 0x1234);
    assert_int_equal(i.flags, SOK_IP4_DF);
    assert_int_equal(i.frag, 0x1fff);
    assert_int_equal(i.ttl, 64);
    assert_int_equal(i.proto, SOK_IPPROTO_TCP);
    assert_int_equal(i.chksum, 0xabcd);
    assert_int_equal(i.src, 0xc0000201);
    assert_int_equal(i.dst, 0xc6336407);
    sok_tcp_hdr_get(tcp, &t);
    assert_int_equal(t.sport, 49152);
    assert_int_equal(t.dport, 80);
    assert_int_equal(t.seq, 0x01020304);
    assert_int_equal(t.ack, 0x05060708);
    assert_int_equal(t.dataofs, 10);
    assert_int_equal(t.reserved, 7);
    assert_int_equal(t.flags, SOK_TCP_AE | SOK_TCP_ACK | SOK_TCP_SYN);
    assert_int_equal(t.window, 64240);
    assert_int_equal(t.chksum, 0x1122);
    assert_int_equal(t.urgptr, 0x3344);
}

// Widths and offsets that no header here has: 64 bits, and every run of bits of up to 8 bytes.
static void any_bits(void **state)
{
    struct rng r = {5};
    (void)state;
    for (unsigned bit = 0; bit < 24; bit++) {
        for (unsigned bits = 1; bit % 8 + bits <= 64; bits++) {
            uint8_t p[12], q[12];
            struct sok_field f = {.name = "x", .bit = bit, .bits = bits};
            uint64_t v = rng_next(&r) & sok_bits_mask(bits), naive = 0;
            rng_fill(&r, p, sizeof(p));
            memcpy(q, p, sizeof(p));
            sok_field_set(&f, p, v);
            for (unsigned i = 0; i < bits; i++)
                naive = naive << 1 | (p[(bit + i) / 8] >> (7 - (bit + i) % 8) & 1);
            assert_true(naive == v);
            assert_true(sok_field_get(&f, p) == v);
            for (unsigned i = 0; i < bit;
                 i++) // what _put writes keeps what stands before it in the byte
                q[i / 8] = (uint8_t)((q[i / 8] & ~(0x80 >> i % 8)) | (p[i / 8] & 0x80 >> i % 8));
            if (bit % 8)
                q[bit / 8] &= (uint8_t) ~(0xff >> bit % 8);
            sok_bits_put(q, bit, bits, v);
            assert_true(sok_bits_get(q, bit, bits) == v);
            for (unsigned i = 0; i < bit; i++)
                assert_int_equal(q[i / 8] & 0x80 >> i % 8, p[i / 8] & 0x80 >> i % 8);
        }
    }
}

static void registry_is_sound(void **state)
{
    unsigned count = 0;
    (void)state;
    for (const struct sok_proto *p; (p = sok_proto_at(count)) != NULL; count++) {
        assert_ptr_equal(sok_proto_find(p->name), p);
        assert_non_null(p->title);
        for (unsigned i = 0; i < p->bind_count; i++)
            assert_true(sok_bind_field(&p->binds[i]) < p->binds[i].under->field_count);
        for (unsigned i = 0; i < p->option_count; i++)
            assert_non_null(p->options[i].name);
    }
    assert_true(count >= 8);
    assert_null(sok_proto_find("NoSuch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eth_agrees),
        cmocka_unit_test(arp_agrees),
        cmocka_unit_test(ip4_agrees),
        cmocka_unit_test(icmp_agrees),
        cmocka_unit_test(udp_agrees),
        cmocka_unit_test(tcp_agrees),
        cmocka_unit_test(known_bytes),
        cmocka_unit_test(any_bits),
        cmocka_unit_test(registry_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
