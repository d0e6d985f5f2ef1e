// Oracle: the sum written the slow and obvious way (testing.h).
#include "wire/testing.h"

#include "wire/csum.h"

#define MAX 4096

static uint8_t bytes[MAX + 64];

static int fill(void **state)
{
    struct rng r = {1};
    (void)state;
    rng_fill(&r, bytes, sizeof(bytes));
    return 0;
}

static uint16_t sum_of(const uint8_t *p, size_t len)
{
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add(&c, p, len);
    return sok_csum_fold(&c);
}

// 0 and 0xffff are the same number in one's complement; a sum of nothing but zeros is 0 in both.
static void every_length_and_alignment(void **state)
{
    (void)state;
    for (size_t off = 0; off < 33; off++) {
        for (size_t len = 0; len <= 700; len++) {
            uint32_t naive = naive_sum(0, bytes + off, len);
            if (sum_of(bytes + off, len) != naive)
                fail_msg(
                    "off %zu len %zu: %04x, not %04x", off, len, sum_of(bytes + off, len), naive);
        }
    }
}

static void extremes(void **state)
{
    static uint8_t ones[70000], zeros[70000];
    (void)state;
    memset(ones, 0xff, sizeof(ones));
    for (size_t len = 0; len < sizeof(ones); len += len < 600 ? 1 : 997) {
        assert_int_equal(sum_of(zeros, len), 0);
        assert_int_equal(sum_of(ones, len), naive_sum(0, ones, len));
    }
}

static void pieces_of_any_length(void **state)
{
    struct rng r = {2};
    (void)state;
    for (unsigned run = 0; run < 3000; run++) {
        size_t off = rng_below(&r, 32), len = rng_below(&r, MAX), at = 0;
        struct sok_csum c;
        sok_csum_init(&c);
        while (at < len) {
            size_t n = run % 2 ? 1 + rng_below(&r, 9) : rng_below(&r, 700);
            if (n > len - at)
                n = len - at;
            sok_csum_add(&c, bytes + off + at, n);
            at += n;
        }
        assert_int_equal(sok_csum_fold(&c), naive_sum(0, bytes + off, len));
        assert_int_equal(sok_csum_final(&c), (uint16_t)~naive_sum(0, bytes + off, len));
    }
}

// A pseudo header may come at any time, also when an odd number of bytes came before.
static void pseudo_headers(void **state)
{
    struct rng r = {3};
    (void)state;
    for (unsigned run = 0; run < 1000; run++) {
        struct sok_addr src = sok_addr_v4((uint32_t)rng_next(&r)),
                        dst = sok_addr_v4((uint32_t)rng_next(&r));
        uint8_t proto = (uint8_t)rng_next(&r), pseudo[40] = {0};
        uint32_t len = rng_below(&r, 65536);
        size_t data = rng_below(&r, 300), n = 12;
        if (run % 2) {
            rng_fill(&r, src.b, 16);
            src.b[0] = 0x20;
            rng_fill(&r, dst.b, 16);
            dst.b[0] = 0x20;
            n = 40;
            memcpy(pseudo, src.b, 16);
            memcpy(pseudo + 16, dst.b, 16);
            pseudo[34] = (uint8_t)(len >> 8);
            pseudo[35] = (uint8_t)len;
            pseudo[39] = proto;
        } else {
            memcpy(pseudo, src.b + 12, 4);
            memcpy(pseudo + 4, dst.b + 12, 4);
            pseudo[9] = proto;
            pseudo[10] = (uint8_t)(len >> 8);
            pseudo[11] = (uint8_t)len;
        }
        struct sok_csum c;
        sok_csum_init(&c);
        sok_csum_add(&c, bytes, data / 2);
        sok_csum_add_pseudo(&c, &src, &dst, proto, len);
        sok_csum_add(&c, bytes + data / 2, data - data / 2);
        assert_int_equal(sok_csum_fold(&c), naive_sum(naive_sum(0, pseudo, n), bytes, data));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_alignment),
        cmocka_unit_test(extremes),
        cmocka_unit_test(pieces_of_any_length),
        cmocka_unit_test(pseudo_headers),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
