// Super-frames of many sizes and gather layouts are cut; every piece is checked by code that knows nothing of
// split.c, and the pieces put together are the super-frame again.
#include "wire/testing.h"

#include "wire/ip4.h"
#include "wire/split.h"
#include "wire/tcp.h"

#define L3         14
#define SUPER_MAX  66000
#define PIECES_MAX 5000

struct super {
    uint8_t bytes[SUPER_MAX]; // the whole frame, as one run
    uint32_t len, l4, hdr_len;
    struct sok_frame_out out;
};

static uint16_t naive_tcp_sum(const uint8_t *frame, uint32_t len, uint32_t l4)
{
    uint32_t tcp_len = len - l4;
    uint8_t pseudo[12] = {0};
    memcpy(pseudo, frame + L3 + 12, 8);
    pseudo[9] = 6;
    pseudo[10] = (uint8_t)(tcp_len >> 8);
    pseudo[11] = (uint8_t)tcp_len;
    return (uint16_t)naive_sum(naive_sum(0, pseudo, 12), frame + l4, tcp_len);
}

// Cuts the bytes into gather elements; the first holds at least the headers.
static void lay_out(struct super *s, struct rng *r, unsigned iovs)
{
    uint32_t at = 0;
    s->out.iov_count = 0;
    s->out.len = s->len;
    for (unsigned i = 0; i < iovs && (at < s->len || i == 0); i++) {
        uint32_t left = s->len - at, n = i + 1 == iovs ? left : rng_below(r, left + 1);
        if (i == 0)
            n = rng_below(r, 2) ? s->hdr_len : s->hdr_len + n % (s->len - s->hdr_len + 1);
        if (i == 0 && iovs == 1)
            n = left;
        s->out.iov[i] = (struct sok_iov){s->bytes + at, n};
        s->out.iov_count++;
        at += n;
    }
    if (at < s->len)
        s->out.iov[s->out.iov_count - 1].len += s->len - at;
}

static void make(struct super *s, struct rng *r, uint32_t payload, uint16_t gso_size)
{
    uint32_t ip_options = 4 * rng_below(r, 4), tcp_options = 4 * rng_below(r, 11);
    s->l4 = L3 + 20 + ip_options;
    s->hdr_len = s->l4 + 20 + tcp_options;
    s->len = s->hdr_len + payload;
    assert_true(s->len <= SUPER_MAX);
    rng_fill(r, s->bytes, s->len);
    sok_put16(s->bytes + 12, 0x0800);
    struct sok_ip4_hdr ip = {.version = 4,
        .ihl = (uint8_t)((20 + ip_options) / 4),
        .len = (uint16_t)(s->len - L3),
        .id = (uint16_t)rng_next(r),
        .flags = SOK_IP4_DF,
        .ttl = 64,
        .proto = 6,
        .src = (uint32_t)rng_next(r),
        .dst = (uint32_t)rng_next(r)};
    sok_ip4_hdr_put(s->bytes + L3, &ip);
    sok_ip4_seal(s->bytes + L3, 20 + ip_options);
    struct sok_tcp_hdr tcp;
    sok_tcp_hdr_get(s->bytes + s->l4, &tcp);
    tcp.dataofs = (uint8_t)((20 + tcp_options) / 4);
    tcp.chksum = 0;
    sok_tcp_hdr_put(s->bytes + s->l4, &tcp);
    s->out.meta = (struct sok_frame_meta){.gso = SOK_GSO_TCP4,
        .csum_partial = true,
        .gso_size = gso_size,
        .hdr_len = (uint16_t)s->hdr_len,
        .csum_start = (uint16_t)s->l4,
        .csum_offset = 16};
}

static void check_meta(const struct sok_frame_out *out, const struct super *s, uint32_t caps)
{
    assert_int_equal(out->meta.gso, SOK_GSO_NONE);
    assert_int_equal(out->meta.gso_size, 0);
    assert_int_equal(out->meta.csum_partial, !!(caps & SOK_LINK_CSUM));
    if (caps & SOK_LINK_CSUM) {
        assert_int_equal(out->meta.csum_start, s->l4);
        assert_int_equal(out->meta.csum_offset, 16);
    }
    size_t sum = 0;
    assert_in_range(out->iov_count, 1, SOK_OUT_IOV_MAX);
    for (unsigned i = 0; i < out->iov_count; i++)
        sum += out->iov[i].len;
    assert_int_equal(sum, out->len);
}

// One piece, against the super-frame's own headers.
static void check_piece(const struct super *s, uint8_t *f, uint32_t len, uint32_t at,
    unsigned number, uint32_t payload, struct sok_frame_meta *meta)
{
    struct sok_ip4_hdr ip, ip0;
    struct sok_tcp_hdr tcp, tcp0;
    uint32_t piece = len - s->hdr_len;
    sok_ip4_hdr_get(f + L3, &ip);
    sok_ip4_hdr_get(s->bytes + L3, &ip0);
    sok_tcp_hdr_get(f + s->l4, &tcp);
    sok_tcp_hdr_get(s->bytes + s->l4, &tcp0);
    assert_memory_equal(f, s->bytes, L3);
    assert_int_equal(ip.len, len - L3);
    assert_int_equal(ip.id, (uint16_t)(ip0.id + number));
    assert_int_equal(naive_sum(0, f + L3, s->l4 - L3), 0xffff);
    assert_int_equal(tcp.seq, tcp0.seq + at);
    bool first = at == 0, last = at + piece == payload;
    uint16_t flags = tcp0.flags;
    if (!last)
        flags &= (uint16_t) ~(SOK_TCP_FIN | SOK_TCP_PSH);
    if (!first)
        flags &= (uint16_t)~SOK_TCP_CWR;
    assert_int_equal(tcp.flags, flags);
    sok_frame_complete(f, len, meta); // what a device does; nothing if it is complete
    assert_false(meta->csum_partial);
    assert_int_equal(naive_tcp_sum(f, len, s->l4), 0xffff);
    // What must not change: all else.
    ip.len = ip0.len, ip.id = ip0.id, ip.chksum = ip0.chksum;
    sok_tcp_hdr_get(f + s->l4, &tcp);
    tcp.seq = tcp0.seq, tcp.flags = tcp0.flags, tcp.chksum = tcp0.chksum;
    sok_ip4_hdr_put(f + L3, &ip);
    sok_tcp_hdr_put(f + s->l4, &tcp);
    assert_memory_equal(f, s->bytes, s->hdr_len);
    assert_memory_equal(f + s->hdr_len, s->bytes + s->hdr_len + at, piece);
}

static unsigned cut_and_check(const struct super *s, uint32_t caps)
{
    static uint8_t f[SUPER_MAX];
    struct sok_split split;
    struct sok_frame_out out;
    uint32_t payload = s->len - s->hdr_len, at = 0;
    unsigned number = 0;
    sok_split_begin(&split, &s->out, caps);
    while (sok_split_next(&split, &out)) {
        check_meta(&out, s, caps);
        assert_true(out.len - s->hdr_len <= s->out.meta.gso_size);
        assert_int_equal(sok_frame_gather(&out, f, sizeof(f)), out.len);
        struct sok_frame_meta meta = out.meta;
        check_piece(s, f, out.len, at, number, payload, &meta);
        at += out.len - s->hdr_len;
        number++;
        assert_in_range(number, 1, PIECES_MAX);
    }
    assert_int_equal(at, payload);
    assert_false(sok_split_next(&split, &out));
    return number;
}

static struct super s;

static void sizes_and_layouts(void **state)
{
    struct rng r = {8};
    (void)state;
    for (unsigned run = 0; run < 1500; run++) {
        uint32_t payload = run % 3 ? rng_below(&r, 8000) : rng_below(&r, 65400);
        uint16_t gso = (uint16_t)(run % 2 ? 1448 : 20 + rng_below(&r, 3000));
        make(&s, &r, payload, gso);
        lay_out(&s, &r, 1 + rng_below(&r, SOK_OUT_IOV_MAX));
        unsigned n = cut_and_check(&s, run % 5 ? 0 : SOK_LINK_CSUM);
        assert_true(n >= (payload + gso - 1) / gso);
        if (s.out.iov_count < SOK_OUT_IOV_MAX)
            assert_int_equal(n, payload ? (payload + gso - 1) / gso : 1);
    }
}

static void edges(void **state)
{
    struct rng r = {9};
    static const uint32_t payloads[] = {0, 1, 1447, 1448, 1449, 2895, 2896, 2897, 65160};
    (void)state;
    for (unsigned i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
        for (unsigned iovs = 1; iovs <= SOK_OUT_IOV_MAX; iovs++) {
            make(&s, &r, payloads[i], 1448);
            lay_out(&s, &r, iovs);
            cut_and_check(&s, 0);
        }
    }
}

static void tso_takes_it_whole(void **state)
{
    struct rng r = {10};
    struct sok_split split;
    struct sok_frame_out out;
    (void)state;
    make(&s, &r, 40000, 1448);
    lay_out(&s, &r, 5);
    sok_split_begin(&split, &s.out, SOK_LINK_TSO | SOK_LINK_CSUM);
    assert_true(sok_split_next(&split, &out));
    assert_int_equal(out.len, s.out.len);
    assert_ptr_equal(out.iov[0].base, s.bytes);
    assert_int_equal(out.meta.gso, SOK_GSO_TCP4);
    assert_false(sok_split_next(&split, &out));
}

// Frames that are not super-frames: the sum of the pseudo header stands in the field.
static void completion(void **state)
{
    struct rng r = {11};
    static uint8_t f[SUPER_MAX];
    (void)state;
    for (unsigned run = 0; run < 2000; run++) {
        make(&s, &r, rng_below(&r, 1500), 1448);
        sok_put16(s.bytes + s.l4 + 16, 0);
        uint8_t pseudo[12] = {0};
        memcpy(pseudo, s.bytes + L3 + 12, 8);
        pseudo[9] = 6;
        sok_put16(pseudo + 10, (uint16_t)(s.len - s.l4));
        sok_put16(s.bytes + s.l4 + 16, (uint16_t)naive_sum(0, pseudo, 12));
        s.out.meta.gso = SOK_GSO_NONE;
        s.out.meta.gso_size = 0;
        lay_out(&s, &r, 1 + rng_below(&r, SOK_OUT_IOV_MAX - 1));
        struct sok_split split;
        struct sok_frame_out out;
        sok_split_begin(&split, &s.out, run % 4 ? 0 : SOK_LINK_CSUM);
        assert_true(sok_split_next(&split, &out));
        assert_int_equal(out.len, s.len);
        assert_int_equal(out.meta.csum_partial, run % 4 == 0);
        assert_int_equal(sok_frame_gather(&out, f, sizeof(f)), s.len);
        if (run % 4 == 0)
            assert_memory_equal(f, s.bytes, s.len);
        else
            assert_int_equal(naive_tcp_sum(f, s.len, s.l4), 0xffff);
        // All but the checksum is as it was.
        sok_put16(f + s.l4 + 16, sok_get16(s.bytes + s.l4 + 16));
        assert_memory_equal(f, s.bytes, s.len);
        assert_false(sok_split_next(&split, &out));
    }
}

// IPv6, with an extension header that only csum_start tells of, and behind VLAN tags.
static void version_6_and_vlan(void **state)
{
    struct rng r = {13};
    static uint8_t f[SUPER_MAX];
    (void)state;
    for (unsigned run = 0; run < 300; run++) {
        uint32_t l3 = 14 + 4 * (run % 3), l4 = l3 + 40 + 8 * (run / 3 % 2), hdr = l4 + 20;
        uint32_t payload = rng_below(&r, 9000), at = 0;
        s.len = hdr + payload;
        rng_fill(&r, s.bytes, s.len);
        for (uint32_t tag = 12; tag < l3 - 2; tag += 4)
            sok_put16(s.bytes + tag, tag == 12 && l3 == 22 ? 0x88a8 : 0x8100);
        sok_put16(s.bytes + l3 - 2, 0x86dd);
        s.bytes[l3] = 0x60;
        s.bytes[l4 + 12] = 5 << 4;
        uint32_t seq = sok_get32(s.bytes + l4 + 4);
        s.hdr_len = hdr;
        s.out.meta = (struct sok_frame_meta){.gso = SOK_GSO_TCP6,
            .csum_partial = true,
            .gso_size = 1000,
            .csum_start = (uint16_t)l4,
            .csum_offset = 16};
        lay_out(&s, &r, 1 + rng_below(&r, 10));
        struct sok_split split;
        struct sok_frame_out out;
        sok_split_begin(&split, &s.out, 0);
        while (sok_split_next(&split, &out)) {
            uint32_t len = sok_frame_gather(&out, f, sizeof(f)), tcp_len = len - l4;
            uint8_t pseudo[40] = {0};
            memcpy(pseudo, f + l3 + 8, 32);
            sok_put32(pseudo + 32, tcp_len);
            pseudo[39] = 6;
            assert_int_equal(naive_sum(naive_sum(0, pseudo, 40), f + l4, tcp_len), 0xffff);
            assert_int_equal(sok_get16(f + l3 + 4), len - l3 - 40);
            assert_int_equal(sok_get32(f + l4 + 4), seq + at);
            assert_int_equal(len - hdr, payload - at < 1000 ? payload - at : 1000);
            assert_memory_equal(f + hdr, s.bytes + hdr + at, len - hdr);
            assert_memory_equal(f, s.bytes, l3 + 4);
            at += len - hdr;
        }
        assert_int_equal(at, payload);
    }
}

// A UDP checksum that comes out as 0 is sent as 0xffff.
static void udp_zero(void **state)
{
    uint8_t f[14 + 20 + 8 + 2] = {0};
    struct sok_frame_meta meta = {.csum_partial = true, .csum_start = 34, .csum_offset = 6};
    (void)state;
    sok_put16(f + 42, 0xffff); // all else 0: the sum is 0xffff, its complement 0
    sok_frame_complete(f, sizeof(f), &meta);
    assert_int_equal(sok_get16(f + 40), 0xffff);
    assert_false(meta.csum_partial);
}

// Metadata that contradicts the bytes: the frame comes out once, as it is, and nothing is touched.
static void lies(void **state)
{
    struct rng r = {12};
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        struct sok_split split;
        struct sok_frame_out out;
        volatile uint32_t seen = 0;
        uint32_t pieces = 0;
        make(&s, &r, rng_below(&r, 300), (uint16_t)(1 + rng_below(&r, 100)));
        s.len = s.hdr_len < s.len ? s.len : s.hdr_len;
        lay_out(&s, &r, 1 + rng_below(&r, 4));
        uint64_t what = rng_next(&r);
        s.out.meta.gso = (uint8_t)(what & 3);
        s.out.meta.csum_partial = what >> 2 & 1;
        s.out.meta.csum_start = (uint16_t)(what >> 8 & (what >> 3 & 1 ? 0xffff : 63));
        s.out.meta.csum_offset = (uint16_t)(what >> 24 & (what >> 4 & 1 ? 0xffff : 31));
        s.out.meta.gso_size = (uint16_t)(what >> 40 & (what >> 5 & 1 ? 0xffff : 3));
        s.bytes[rng_below(&r, 60)] = (uint8_t)rng_next(&r);
        uint8_t *exact = malloc(s.out.iov[0].len ? s.out.iov[0].len : 1);
        assert_non_null(exact);
        memcpy(exact, s.out.iov[0].base, s.out.iov[0].len);
        s.out.iov[0].base = exact;
        if (rng_below(&r, 4) == 0) { // a first element that holds less than the headers
            uint32_t n = rng_below(&r, (uint32_t)s.out.iov[0].len + 1);
            s.out.len -= (uint32_t)s.out.iov[0].len - n;
            s.out.iov[0].len = n;
        }
        sok_split_begin(&split, &s.out, rng_below(&r, 4));
        while (sok_split_next(&split, &out)) {
            for (unsigned i = 0; i < out.iov_count; i++) {
                for (size_t k = 0; k < out.iov[i].len; k++)
                    seen = seen + out.iov[i].base[k]; // reads every byte, for the sanitizer
            }
            assert_true(++pieces < PIECES_MAX);
        }
        assert_true(pieces > 0);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_layouts),
        cmocka_unit_test(edges),
        cmocka_unit_test(tso_takes_it_whole),
        cmocka_unit_test(completion),
        cmocka_unit_test(version_6_and_vlan),
        cmocka_unit_test(udp_zero),
        cmocka_unit_test(lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
