// Oracle: an array with one cell per byte of the stream: not had, or which value arrived first.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/stream.h"

#define LENGTH 20000

struct model {
    uint8_t value[LENGTH];
    bool had[LENGTH];
    uint32_t next, read; // offsets
};

static uint32_t rng(uint64_t *s)
{
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*s >> 33);
}

static void model_add(struct model *m, uint32_t at, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (!m->had[at + i])
            m->value[at + i] = data[i];
        m->had[at + i] = true;
    }
    while (m->next < LENGTH && m->had[m->next])
        m->next++;
}

// Runs of the model from `next` on, compared with those of the stream.
static void check_runs(const struct model *m, const struct sok_stream *s, uint32_t base)
{
    unsigned n = 0;
    uint32_t early = 0;
    for (uint32_t i = m->next; i < LENGTH;) {
        if (!m->had[i]) {
            i++;
            continue;
        }
        uint32_t from = i, start, end;
        while (i < LENGTH && m->had[i])
            i++;
        early += i - from;
        assert_true(sok_stream_run(s, n++, &start, &end));
        assert_int_equal(start, base + from);
        assert_int_equal(end, base + i);
        uint32_t found_start, found_end;
        assert_true(sok_stream_find(s, base + from + (i - from) / 2, &found_start, &found_end));
        assert_true(found_start == start && found_end == end);
        assert_false(sok_stream_find(s, base + i, &found_start, &found_end));
    }
    assert_int_equal(sok_stream_runs(s), n);
    assert_int_equal(s->early, early);
}

static void read_some(struct model *m, struct sok_stream *s, uint64_t *seed)
{
    uint8_t bytes[3000];
    size_t want = rng(seed) % sizeof(bytes), got;
    if (rng(seed) % 2) {
        got = sok_stream_read(s, bytes, want);
    } else {
        struct sok_iov iov[3];
        unsigned count = 3;
        size_t seen = sok_stream_peek(s, iov, &count);
        assert_true(count <= 3 && (seen > 0) == (s->ready > 0));
        got = 0;
        for (unsigned i = 0; i < count && got + iov[i].len <= sizeof(bytes); i++) {
            memcpy(bytes + got, iov[i].base, iov[i].len);
            got += iov[i].len;
        }
        sok_stream_consume(s, got);
    }
    assert_memory_equal(bytes, m->value + m->read, got);
    m->read += (uint32_t)got;
}

static struct sok_buf *random_buf(
    const struct sok_mem *mem, uint32_t off, uint32_t len, uint64_t *seed)
{
    static const uint32_t caps[] = {0, 100, 3000, 16000, 65000};
    uint32_t cap = off + len + caps[rng(seed) % 5];
    struct sok_buf *buf = sok_buf_new(mem, cap);
    if (buf)
        for (uint32_t i = 0; i < len; i++)
            buf->data[off + i] = (uint8_t)rng(seed);
    return buf;
}

// size_max: of a segment; spread: how far from `next` it may begin; fail: allocations fail now and then.
static void run(uint32_t size_max, uint32_t spread, unsigned runs_max, bool fail, uint64_t seed)
{
    static struct model m;
    memset(&m, 0, sizeof(m));
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_stream s;
    uint32_t base = UINT32_MAX - LENGTH / 2; // wraps halfway
    sok_stream_init(&s, &mem, base);
    for (int step = 0; m.read < LENGTH && step < 200000; step++) {
        uint32_t at = m.next + (spread && rng(&seed) % 4 ? rng(&seed) % spread : 0);
        if (at < LENGTH) {
            uint32_t len = 1 + rng(&seed) % size_max, off = rng(&seed) % 80;
            if (len > LENGTH - at)
                len = LENGTH - at;
            struct sok_buf *buf = random_buf(&mem, off, len, &seed);
            assert_non_null(buf);
            uint32_t before = s.next;
            uint32_t early = s.early;
            size_t blocks = counter.blocks;
            counter.fail_after = fail ? 1 + rng(&seed) % 4 : 0;
            int64_t r = sok_stream_add(&s, base + at, (struct sok_slice){buf, off, len}, runs_max);
            counter.fail_after = 0;
            if (r >= 0) {
                model_add(&m, at, buf->data + off, len);
                assert_int_equal(r, s.next - before);
            } else {
                assert_true(r == SOK_ENOMEM || r == SOK_ENOBUFS);
                assert_true(r != SOK_ENOMEM || fail);
                assert_true(r != SOK_ENOBUFS || sok_stream_runs(&s) >= runs_max);
                assert_true(s.next == before && s.early == early);
                assert_true(counter.blocks <= blocks + 1); // the array of runs may have grown
            }
            sok_buf_unref(buf);
        }
        assert_int_equal(s.next, base + m.next);
        if (rng(&seed) % 3 == 0)
            read_some(&m, &s, &seed);
        assert_int_equal(s.ready, m.next - m.read);
        assert_true(sok_stream_runs(&s) <= runs_max);
        if (step % 16 == 0)
            check_runs(&m, &s, base);
        // What is charged covers what is held; buffers kept alive by several pieces count several times.
        assert_true(counter.bytes <= s.charged);
    }
    assert_int_equal(m.read, LENGTH);
    assert_int_equal(s.charged, 0);
    assert_int_equal(counter.bytes, 0); // an empty stream holds nothing
    sok_stream_free(&s);
    assert_int_equal(counter.blocks, 0);
}

static void against_array(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 7, 100, 1448, 9000};
    static const uint32_t spreads[] = {0, 2, 50, 3000, 20000};
    uint64_t seed = 1;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            run(sizes[i], spreads[j], 65535, false, seed++);
}

static void few_runs(void **state)
{
    (void)state;
    run(100, 3000, 1, false, 100);
    run(100, 3000, 3, false, 101);
    run(1448, 20000, 8, false, 102);
}

static void memory_fails(void **state)
{
    (void)state;
    run(100, 3000, 65535, true, 200);
    run(1448, 20000, 65535, true, 201);
}

// Freed with everything still inside.
static void freed_full(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_stream s;
    sok_stream_init(&s, &mem, 0);
    struct sok_buf *buf = sok_buf_new(&mem, 2000);
    memset(buf->data, 0, buf->cap);
    for (uint32_t seq = 0; seq < 10000; seq += 100)
        assert_true(sok_stream_add(&s, seq < 5000 ? seq : seq + 50 + seq / 10,
                        (struct sok_slice){buf, seq % 400, 100}, 65535) >= 0);
    sok_buf_unref(buf);
    assert_true(s.ready > 0 && s.early > 0);
    sok_stream_free(&s);
    assert_int_equal(counter.blocks, 0);
}

// One byte of each of many 64 KB buffers may not keep them all.
static void small_data_holds_little(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_stream s;
    sok_stream_init(&s, &mem, 0);
    for (uint32_t i = 0; i < 10000; i++) {
        struct sok_buf *buf = sok_buf_new(&mem, 65536);
        buf->data[7] = (uint8_t)i;
        assert_int_equal(sok_stream_add(&s, i, (struct sok_slice){buf, 7, 1}, 10), 1);
        sok_buf_unref(buf);
    }
    assert_in_range(counter.bytes, 10000, 16384);
    uint8_t bytes[10000];
    assert_int_equal(sok_stream_read(&s, bytes, sizeof(bytes)), sizeof(bytes));
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(bytes[i], (uint8_t)i);
    assert_int_equal(counter.bytes, 0);
}

// A large payload is not copied, and while the reader keeps up nothing is allocated.
static void large_data_is_not_copied(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_stream s;
    sok_stream_init(&s, &mem, 0);
    struct sok_buf *buf = sok_buf_new(&mem, 65536);
    memset(buf->data, 1, buf->cap);
    size_t blocks = counter.blocks;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(sok_stream_add(&s, s.next, (struct sok_slice){buf, 66, 64000}, 10), 64000);
        struct sok_iov iov;
        unsigned count = 1;
        assert_int_equal(sok_stream_peek(&s, &iov, &count), 64000);
        assert_ptr_equal(iov.base, buf->data + 66);
        assert_int_equal(counter.blocks, blocks);
        sok_stream_consume(&s, 64000);
    }
    sok_buf_unref(buf);
    assert_int_equal(counter.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_array),
        cmocka_unit_test(few_runs),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(freed_full),
        cmocka_unit_test(small_data_holds_little),
        cmocka_unit_test(large_data_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
