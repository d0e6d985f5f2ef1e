// The send buffer: what it is at first, how it grows with the window, and what keeps it from that. What Linux tells a
// program is the measure of the sizes.
#include "tcp/testing.h"

#define MUCH (24u << 20)

static struct world w;
static uint8_t bytes[1 << 20];

static int64_t sndbuf_of(const struct sok_tcp_conn *c)
{
    int64_t value = -1;
    assert_int_equal(sok_tcp_getopt(c, SOK_TCP_SNDBUF, &value), 0);
    return value;
}

static void fill(struct sok_tcp_conn *c, uint64_t *left)
{
    int64_t r = 1;
    while (*left > 0 && r > 0) {
        struct sok_iov iov = {bytes, *left < sizeof(bytes) ? *left : sizeof(bytes)};
        r = sok_tcp_send(c, &iov, 1, w.now);
        *left -= r > 0 ? (uint64_t)r : 0;
    }
    assert_true(r > 0 || r == SOK_EAGAIN);
}

// An application that gives all that is taken, whenever it hears that something is; how long it took.
static int64_t carry(struct sok_tcp_conn *a, struct sok_tcp_conn *b, uint64_t much)
{
    int64_t began = w.now, r;
    uint64_t left = much, came = 0;
    fill(a, &left);
    while (came < much) {
        assert_true(step(&w));
        while ((r = sok_tcp_recv(b, bytes, sizeof(bytes), w.now)) > 0) {
            came += (uint64_t)r;
        }
        if (a->sock.ready & SOK_READY_OUT) {
            fill(a, &left);
        }
    }
    return w.now - began;
}

static void sizes_are_those_of_linux(void **state)
{
    static const struct {
        int mss, size;
    } rows[] = {{1460, 87040}, {536, 46080}, {88, 2 * 10 * (1024 + 256)}};
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_new(&w, NULL);
        assert_int_equal(sok_tcp_default_opt(sok_tcp_config(w.ends[0].tcp), SOK_TCP_SNDBUF), 16384);
        struct sok_endpoint at = server_at(&w);
        assert_int_equal(sok_tcp_listen(w.ends[1].tcp, &at, 5, w.now, &l), 0);
        assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_MAXSEG, rows[i].mss), 0);
        a = dial(&w);
        assert_int_equal(sndbuf_of(a), 16384);
        while (sok_tcp_accept(l, w.now, &b) == SOK_EAGAIN) {
            assert_true(step(&w));
        }
        assert_int_equal(sndbuf_of(a), rows[i].size);
        assert_int_equal(sndbuf_of(b), rows[i].size);
        pair_free(&w, l, a, b);
    }
}

// The time that `MUCH` takes over a way of 200 ms, and the buffer afterwards. fixed: what the application asks for, 0: nothing.
static int64_t long_way(const struct sok_tcp_config *config, uint32_t fixed, int64_t *size)
{
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    world_new(&w, config);
    w.delay = 100 * SOK_MS;
    open_pair(&w, &l, &a, &b);
    if (fixed) {
        assert_int_equal(sok_tcp_setopt(a, SOK_TCP_SNDBUF, fixed, w.now), 0);
    }
    int64_t took = carry(a, b, MUCH);
    *size = sndbuf_of(a);
    pair_free(&w, l, a, b);
    return took;
}

static void long_fat_path_is_filled(void **state)
{
    struct sok_tcp_config config;
    int64_t size, large, small;
    (void)state;
    sok_tcp_config_default(&config);
    config.snd_buf_initial = config.snd_buf;
    large = long_way(&config, 0, &size);
    assert_int_equal(size, 4194304);
    int64_t grows = long_way(NULL, 0, &size);
    assert_int_equal(size, 4194304);
    assert_true(grows <= large + 400 * SOK_MS); // two round trips more at most
    small = long_way(NULL, 87040, &size);
    assert_int_equal(size, 87040);
    assert_true(small > 10 * grows);
}

static void what_was_asked_for_stays(void **state)
{
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    (void)state;
    world_new(&w, NULL);
    struct sok_endpoint at = server_at(&w);
    assert_int_equal(sok_tcp_listen(w.ends[1].tcp, &at, 5, w.now, &l), 0);
    assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_SNDBUF, 30000), 0);
    a = dial(&w);
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_SNDBUF, 6000, w.now), 0);
    while (sok_tcp_accept(l, w.now, &b) == SOK_EAGAIN) {
        assert_true(step(&w));
    }
    carry(a, b, 1 << 20);
    carry(b, a, 1 << 20);
    assert_int_equal(sndbuf_of(a), 6000);
    assert_int_equal(sndbuf_of(b), 30000);
    pair_free(&w, l, a, b);
}

// While all together hold too much, nobody gets more; and not what nobody waits for.
static void memory_is_bounded(void **state)
{
    struct sok_tcp_config config;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    int64_t size;
    (void)state;
    sok_tcp_config_default(&config);
    config.snd_buf_all = 0;
    long_way(&config, 0, &size);
    assert_int_equal(size, 87040);
    config.snd_buf_all = 1 << 30;
    config.snd_buf = 300000;
    long_way(&config, 0, &size);
    assert_int_equal(size, 300000);

    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    for (unsigned i = 0; i < 400; i++) {
        carry(a, b, 20000);
    }
    assert_int_equal(sndbuf_of(a), 87040);
    pair_free(&w, l, a, b);
}

// One piece of memory that is larger than the buffer is at present, but not than it may be, is taken alone.
static void lent_piece_larger_than_the_buffer(void **state)
{
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    (void)state;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    struct sok_slice s = {sok_buf_new(&w.mem, 200000), 0, 200000};
    assert_non_null(s.buf);
    memset(s.buf->data, 1, s.len);
    assert_int_equal(sok_tcp_send_slice(a, s, w.now), 200000);
    assert_int_equal(sok_tcp_send_slice(a, s, w.now), SOK_EAGAIN);
    assert_false(a->sock.ready & SOK_READY_OUT);
    for (int64_t came = 0; came < 200000;) {
        assert_true(step(&w));
        int64_t r = sok_tcp_recv(b, bytes, sizeof(bytes), w.now);
        came += r > 0 ? r : 0;
    }
    while (!(a->sock.ready & SOK_READY_OUT)) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_send_slice(a, s, w.now), 200000);
    sok_buf_unref(s.buf);
    pair_free(&w, l, a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_linux),
        cmocka_unit_test(long_fat_path_is_filled),
        cmocka_unit_test(what_was_asked_for_stays),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(lent_piece_larger_than_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
