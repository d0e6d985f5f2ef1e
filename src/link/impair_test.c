// Each harm of the bad wire by itself, on a wire in memory under a time that is handed in; and its words.
#include "link/testing.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t ips[8] = {192, 0, 2, 1, 192, 0, 2, 2};
#define MS   INT64_C(1000000)
#define CAPS (SOK_LINK_CSUM | SOK_LINK_TSO)
#define HELD 4096

// A wire whose near end is impaired; the far end is what the world sees.
static struct sok_link *near_end, *far_end;

static int start(void **state)
{
    (void)state;
    test_mem_start();
    return 0;
}

static void wire(const char *words)
{
    struct sok_impair what;
    char err[SOK_LINK_ERR_MAX] = "";
    struct sok_link *bare;
    int r = sok_impair_parse(words, &what, err);
    assert_string_equal(err, "");
    assert_int_equal(r, 0);
    assert_int_equal(sok_link_mem_pair(&test_mem, 1500, CAPS, HELD, &bare, &far_end), 0);
    assert_int_equal(sok_link_impair(bare, &what, &near_end), 0);
}

static void wire_over(void)
{
    near_end->ops->close(near_end);
    far_end->ops->close(far_end);
    test_mem_end();
}

static struct sok_impair_counts counts(void)
{
    struct sok_impair_counts c;
    sok_impair_counts(near_end, &c);
    return c;
}

static void put(struct sok_link *link, uint32_t number, int64_t now)
{
    uint8_t bytes[100];
    struct sok_frame_out f = test_frame(bytes, 100, mac_b, mac_a, number);
    assert_int_equal(link->ops->send(link, &f, now), 0);
}

// The numbers that arrive, at most max.
static unsigned take(struct sok_link *link, uint32_t *numbers, unsigned max, int64_t now)
{
    struct sok_frame got;
    unsigned n = 0;
    while (n < max && link->ops->recv(link, &got, now) == 0) {
        numbers[n++] = test_number(&got);
        sok_buf_unref(got.buf);
    }
    return n;
}

static void test_nothing_asked_nothing_done(void **state)
{
    (void)state;
    uint32_t numbers[300];
    wire("");
    assert_int_equal(near_end->info.caps & CAPS, 0);
    for (uint32_t i = 0; i < 200; i++) {
        put(near_end, i, 5);
        put(far_end, 1000 + i, 5);
    }
    assert_int_equal(take(far_end, numbers, 300, 5), 200);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(numbers[i], i);
    assert_int_equal(take(near_end, numbers, 300, 5), 200);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(numbers[i], 1000 + i);
    wire_over();
}

static void test_lost_by_number(void **state)
{
    (void)state;
    uint32_t numbers[20];
    wire("drop-out=3/9,drop-in=1");
    for (uint32_t i = 1; i <= 10; i++) {
        put(near_end, i, 0);
        put(far_end, i, 0);
    }
    assert_int_equal(take(far_end, numbers, 20, 0), 8);
    const uint32_t want[8] = {1, 2, 4, 5, 6, 7, 8, 10};
    assert_memory_equal(numbers, want, sizeof(want));
    assert_int_equal(take(near_end, numbers, 20, 0), 9);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(counts().lost, 3);
    wire_over();
}

// What goes through of 2000 frames each way, 1 ms apart.
static unsigned story(const char *words, uint32_t *numbers, bool both_ways)
{
    unsigned n = 0;
    wire(words);
    for (uint32_t i = 0; i < 2100; i++) {
        if (i < 2000)
            put(near_end, i, i * MS);
        if (i < 2000 && both_ways)
            put(far_end, i, i * MS);
        uint32_t ignored[64];
        take(near_end, ignored, 64, i * MS);
        n += take(far_end, numbers + n, 4096 - n, i * MS);
    }
    return n;
}

static void test_same_seed_same_story(void **state)
{
    (void)state;
    static uint32_t first[4096], second[4096];
    const char *words = "loss=5%,dup=3%,reorder=4%,jitter=3ms,delay=10ms,corrupt=0%,seed=42";
    unsigned n = story(words, first, false);
    struct sok_impair_counts one = counts();
    wire_over();
    // The other direction's traffic changes nothing in this one.
    assert_int_equal(story(words, second, true), n);
    wire_over();
    assert_memory_equal(first, second, n * sizeof(*first));
    assert_in_range(one.lost, 60, 140);
    assert_in_range(one.duplicated, 30, 90);
    assert_in_range(one.reordered, 45, 120);
    assert_int_equal(n, 2000 - one.lost + one.duplicated);
    unsigned overtaken = 0;
    for (unsigned i = 1; i < n; i++)
        overtaken += first[i] < first[i - 1];
    assert_true(overtaken > 100); // jitter of three frames
    n = story("loss=5%,seed=43", second, false);
    wire_over();
    assert_int_not_equal(memcmp(first, second, 500 * sizeof(*first)), 0);
}

static void test_delay_and_deadline(void **state)
{
    (void)state;
    uint32_t numbers[4];
    wire("delay=20ms");
    assert_int_equal(near_end->ops->deadline(near_end), INT64_MAX);
    put(near_end, 1, 100 * MS);
    put(near_end, 2, 105 * MS);
    assert_int_equal(near_end->ops->deadline(near_end), 120 * MS);
    struct sok_frame got;
    assert_int_equal(near_end->ops->recv(near_end, &got, 119 * MS), SOK_EAGAIN);
    assert_int_equal(take(far_end, numbers, 4, 119 * MS), 0);
    assert_int_equal(near_end->ops->recv(near_end, &got, 120 * MS), SOK_EAGAIN);
    assert_int_equal(take(far_end, numbers, 4, 120 * MS), 1);
    assert_int_equal(near_end->ops->deadline(near_end), 125 * MS);
    put(far_end, 9, 121 * MS);
    assert_int_equal(take(near_end, numbers, 4, 125 * MS), 0);
    assert_int_equal(near_end->ops->deadline(near_end), 145 * MS);
    assert_int_equal(take(far_end, numbers, 4, 125 * MS), 1);
    assert_int_equal(take(near_end, numbers, 4, 145 * MS), 1);
    assert_int_equal(numbers[0], 9);
    wire_over();
}

static void test_rate_and_queue(void **state)
{
    (void)state;
    uint32_t numbers[20];
    wire("rate=800kbit,queue=5"); // 100 bytes take 1 ms
    for (uint32_t i = 1; i <= 8; i++)
        put(near_end, i, 0);
    assert_int_equal(counts().overflowed, 3);
    struct sok_frame got;
    for (int64_t t = 1; t <= 5; t++) {
        assert_int_equal(near_end->ops->deadline(near_end), t * MS);
        near_end->ops->recv(near_end, &got, t * MS - 1);
        assert_int_equal(take(far_end, numbers, 20, t * MS), 0);
        near_end->ops->recv(near_end, &got, t * MS);
        assert_int_equal(take(far_end, numbers, 20, t * MS), 1);
        assert_int_equal(numbers[0], t);
    }
    wire_over();
}

static void test_corruption_is_one_bit(void **state)
{
    (void)state;
    uint8_t bytes[100];
    struct sok_frame got;
    wire("corrupt=100%,dup=100%");
    struct sok_frame_out f = test_frame(bytes, 100, mac_b, mac_a, 5);
    assert_int_equal(near_end->ops->send(near_end, &f, 0), 0);
    for (int copy = 0; copy < 2; copy++) {
        unsigned bits = 0;
        assert_int_equal(far_end->ops->recv(far_end, &got, 0), 0);
        for (unsigned i = 0; i < 100; i++)
            bits += (unsigned)__builtin_popcount(got.buf->data[got.off + i] ^ bytes[i]);
        assert_int_equal(bits, 1);
        assert_false(got.meta.csum_valid);
        sok_buf_unref(got.buf);
    }
    assert_int_equal(counts().corrupted, 1);
    wire_over();
}

// Both ways: the wire sees frames with whole sums, and drop-in counts those.
static void test_super_frames_are_cut_first(void **state)
{
    (void)state;
    static uint8_t bytes[20000];
    struct sok_frame got;
    wire("drop-in=2,drop-out=2");
    for (int way = 0; way < 2; way++) {
        struct sok_link *from = way ? far_end : near_end, *to = way ? near_end : far_end;
        struct sok_frame_out f = test_super(bytes, 5000, 1448, mac_b, mac_a, ips);
        assert_int_equal(from->ops->send(from, &f, 0), 0);
        const uint32_t starts[3] = {0, 2896, 4344};
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(to->ops->recv(to, &got, 0), 0);
            assert_int_equal(got.meta.gso, SOK_GSO_NONE);
            assert_false(got.meta.csum_partial || got.meta.csum_valid);
            assert_true(test_tcp_sum_ok(&got));
            assert_int_equal(sok_get32(got.buf->data + got.off + 38), 1 + starts[i]);
            sok_buf_unref(got.buf);
        }
        assert_int_equal(to->ops->recv(to, &got, 0), SOK_EAGAIN);
    }
    wire_over();
}

static void test_full_link_under_it(void **state)
{
    (void)state;
    struct sok_impair what = {.seed = 1};
    struct sok_link *bare;
    uint32_t numbers[8];
    assert_int_equal(sok_link_mem_pair(&test_mem, 1500, CAPS, 2, &bare, &far_end), 0);
    assert_int_equal(sok_link_impair(bare, &what, &near_end), 0);
    put(near_end, 1, 0);
    put(near_end, 2, 0);
    put(near_end, 3, 0); // taken, waits inside
    assert_true(near_end->wants_out);
    uint8_t bytes[100];
    struct sok_frame_out f = test_frame(bytes, 100, mac_b, mac_a, 4);
    assert_int_equal(near_end->ops->send(near_end, &f, 0), SOK_EAGAIN);
    assert_int_equal(take(far_end, numbers, 8, 0), 2);
    assert_int_equal(near_end->ops->send(near_end, &f, 0), 0);
    assert_int_equal(take(far_end, numbers, 8, 0), 2);
    assert_int_equal(numbers[0], 3);
    assert_int_equal(numbers[1], 4);
    wire_over();
}

static void test_link_over(void **state)
{
    (void)state;
    struct sok_frame got;
    uint32_t numbers[4];
    wire("delay=1ms");
    put(far_end, 1, 0);
    assert_int_equal(near_end->ops->recv(near_end, &got, 0), SOK_EAGAIN);
    far_end->ops->close(far_end);
    assert_int_equal(take(near_end, numbers, 4, MS), 1);
    assert_int_equal(near_end->ops->recv(near_end, &got, MS), SOK_ELINKDOWN);
    near_end->ops->close(near_end);
    test_mem_end();
}

static void test_words(void **state)
{
    (void)state;
    struct sok_impair w;
    char err[SOK_LINK_ERR_MAX] = "";
    assert_int_equal(
        sok_impair_parse("loss=1%,delay=20ms,jitter=2ms,dup=0.1%,reorder=1%,corrupt=0.5,"
                         "rate=10mbit,queue=77,seed=7,drop-out=3/9,drop-in=1",
            &w, err),
        0);
    assert_true(w.loss > 0.0099 && w.loss < 0.0101 && w.corrupt == 0.5);
    assert_int_equal(w.delay, 20 * MS);
    assert_int_equal(w.jitter, 2 * MS);
    assert_int_equal(w.rate, 10000000);
    assert_int_equal(w.queue, 77);
    assert_int_equal(w.seed, 7);
    assert_int_equal(w.drop_out[0], 3);
    assert_int_equal(w.drop_out[1], 9);
    assert_int_equal(w.drop_out[2], 0);
    assert_int_equal(w.drop_in[0], 1);
}

static void test_bad_words(void **state)
{
    (void)state;
    static const char *const bad[] = {"loss", "loss=", "loss=x", "loss=101%", "loss=-1%",
        "loss=1%%", "loss=nan", "loss=1e999", "delay=20", "delay=20m", "delay=5000s", "rate=0bit",
        "rate=10", "queue=0", "queue=-1", "queue=99999999", "seed=-1",
        "seed=99999999999999999999999", "drop-out=0", "drop-out=", "drop-out=1/2/3/4/5/6/7/8/9",
        "drop-out=1//2", "lose=1%", ",", "loss=1%,", "loss=1%,,dup=1%", "=",
        "loss=00000000000000000000000000000000000000000000000000000000000000000000000001"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sok_impair w = {.queue = 123};
        char err[SOK_LINK_ERR_MAX] = "";
        assert_int_equal(sok_impair_parse(bad[i], &w, err), SOK_EINVAL);
        assert_memory_equal(err, "impair: ", 8);
        assert_null(strchr(err, '\n'));
        assert_int_equal(w.queue, 123); // nothing is set halfway
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_asked_nothing_done, start),
        cmocka_unit_test_setup(test_lost_by_number, start),
        cmocka_unit_test_setup(test_same_seed_same_story, start),
        cmocka_unit_test_setup(test_delay_and_deadline, start),
        cmocka_unit_test_setup(test_rate_and_queue, start),
        cmocka_unit_test_setup(test_corruption_is_one_bit, start),
        cmocka_unit_test_setup(test_super_frames_are_cut_first, start),
        cmocka_unit_test_setup(test_full_link_under_it, start),
        cmocka_unit_test_setup(test_link_over, start),
        cmocka_unit_test_setup(test_words, start),
        cmocka_unit_test_setup(test_bad_words, start),
    };
    return cmocka_run_group_tests_name("link/impair", tests, NULL, NULL);
}
