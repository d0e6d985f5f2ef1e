// The wire in memory: order, bounds, super-frames whole and cut, one end closed, no memory.
#include "link/testing.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t ips[8] = {192, 0, 2, 1, 192, 0, 2, 2};
static struct sok_link *a, *b;

static int start(void **state)
{
    (void)state;
    test_mem_start();
    return 0;
}

static void pair(uint32_t caps, unsigned frames)
{
    assert_int_equal(sok_link_mem_pair(&test_mem, 1500, caps, frames, &a, &b), 0);
}

static void pair_over(void)
{
    if (a)
        a->ops->close(a);
    if (b)
        b->ops->close(b);
    test_mem_end();
}

static void test_pieces_arrive_as_one_buffer(void **state)
{
    (void)state;
    uint8_t bytes[100];
    struct sok_frame got;
    pair(0, 4);
    struct sok_frame_out f = test_frame(bytes, 100, mac_b, mac_a, 7);
    f.iov[0].len = 14;
    f.iov[1] = (struct sok_iov){bytes + 14, 1};
    f.iov[2] = (struct sok_iov){bytes + 15, 85};
    f.iov_count = 3;
    assert_int_equal(a->ops->recv(a, &got, 0), SOK_EAGAIN);
    assert_int_equal(b->ops->deadline(b), INT64_MAX);
    assert_int_equal(a->ops->send(a, &f, 0), 0);
    assert_true(b->ops->deadline(b) <= 0);
    assert_int_equal(b->ops->recv(b, &got, 0), 0);
    assert_int_equal(got.len, 100);
    assert_memory_equal(got.buf->data + got.off, bytes, 100);
    sok_buf_unref(got.buf);
    pair_over();
}

static void test_full_and_order(void **state)
{
    (void)state;
    uint8_t bytes[60];
    struct sok_frame got;
    pair(0, 3);
    for (uint32_t round = 0; round < 5; round++) {
        struct sok_frame_out f;
        for (uint32_t i = 0; i < 3; i++) {
            f = test_frame(bytes, 60, mac_b, mac_a, round * 10 + i);
            assert_int_equal(a->ops->send(a, &f, 0), 0);
        }
        assert_int_equal(a->ops->send(a, &f, 0), SOK_EAGAIN);
        assert_true(a->wants_out);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(b->ops->recv(b, &got, 0), 0);
            assert_int_equal(test_number(&got), round * 10 + i);
            sok_buf_unref(got.buf);
        }
        assert_int_equal(b->ops->recv(b, &got, 0), SOK_EAGAIN);
    }
    assert_int_equal(a->lost, 0);
    pair_over();
}

static void test_super_frame_whole(void **state)
{
    (void)state;
    static uint8_t bytes[40000];
    struct sok_frame got;
    pair(SOK_LINK_CSUM | SOK_LINK_TSO, 4);
    struct sok_frame_out f = test_super(bytes, 30000, 1448, mac_b, mac_a, ips);
    assert_int_equal(a->ops->send(a, &f, 0), 0);
    assert_int_equal(b->ops->recv(b, &got, 0), 0);
    assert_int_equal(got.len, TEST_SUPER_HDR + 30000);
    assert_memory_equal(got.buf->data + got.off, bytes, got.len);
    assert_int_equal(got.meta.gso, SOK_GSO_TCP4);
    assert_int_equal(got.meta.gso_size, 1448);
    assert_true(got.meta.csum_partial && got.meta.csum_valid);
    sok_buf_unref(got.buf);
    pair_over();
}

static void test_super_frame_cut(void **state)
{
    (void)state;
    static uint8_t bytes[40000];
    struct sok_frame got;
    pair(0, 4); // fewer than the pieces: one that was begun is finished
    struct sok_frame_out f = test_super(bytes, 10000, 1448, mac_b, mac_a, ips);
    assert_int_equal(a->ops->send(a, &f, 0), 0);
    uint32_t bytes_got = 0;
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(b->ops->recv(b, &got, 0), 0);
        assert_int_equal(got.meta.gso, SOK_GSO_NONE);
        assert_false(got.meta.csum_partial || got.meta.csum_valid);
        assert_true(test_tcp_sum_ok(&got));
        assert_int_equal(sok_get32(got.buf->data + got.off + 38), 1 + bytes_got);
        assert_memory_equal(got.buf->data + got.off + TEST_SUPER_HDR,
            bytes + TEST_SUPER_HDR + bytes_got, got.len - TEST_SUPER_HDR);
        bytes_got += got.len - TEST_SUPER_HDR;
        sok_buf_unref(got.buf);
    }
    assert_int_equal(bytes_got, 10000);
    assert_int_equal(b->ops->recv(b, &got, 0), SOK_EAGAIN);
    pair_over();
}

static void test_other_end_closed(void **state)
{
    (void)state;
    uint8_t bytes[60];
    struct sok_frame got;
    pair(0, 4);
    struct sok_frame_out f = test_frame(bytes, 60, mac_b, mac_a, 1);
    assert_int_equal(a->ops->send(a, &f, 0), 0);
    a->ops->close(a);
    a = NULL;
    assert_int_equal(b->ops->recv(b, &got, 0), 0); // what was on its way still comes
    sok_buf_unref(got.buf);
    assert_int_equal(b->ops->recv(b, &got, 0), SOK_ELINKDOWN);
    assert_int_equal(b->ops->send(b, &f, 0), SOK_ELINKDOWN);
    pair_over();
}

static void test_no_memory(void **state)
{
    (void)state;
    uint8_t bytes[60];
    struct sok_frame got;
    pair(0, 4);
    struct sok_frame_out f = test_frame(bytes, 60, mac_b, mac_a, 1);
    test_counter.bytes_limit = test_counter.bytes + 30;
    assert_int_equal(a->ops->send(a, &f, 0), SOK_ENOMEM);
    assert_int_equal(a->lost, 1);
    test_counter.bytes_limit = 0;
    assert_int_equal(a->ops->send(a, &f, 0), 0);
    assert_int_equal(b->ops->recv(b, &got, 0), 0);
    sok_buf_unref(got.buf);
    pair_over();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pieces_arrive_as_one_buffer, start),
        cmocka_unit_test_setup(test_full_and_order, start),
        cmocka_unit_test_setup(test_super_frame_whole, start),
        cmocka_unit_test_setup(test_super_frame_cut, start),
        cmocka_unit_test_setup(test_other_end_closed, start),
        cmocka_unit_test_setup(test_no_memory, start),
    };
    return cmocka_run_group_tests_name("link/mem", tests, NULL, NULL);
}
