// The send buffer against a plain array: random writes, drops and gathers.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tcp/internal.h"

#define MODEL_MAX (1 << 22)

static uint8_t model[MODEL_MAX];
static struct sok_mem_counter counter;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void compare(const struct sok_tcp_sendq *q, uint32_t base, uint32_t seq, uint32_t len)
{
    struct sok_iov iov[8];
    uint32_t done = 0;
    while (done < len) {
        unsigned count = 8;
        uint32_t got = sok_tcp_sendq_gather(q, seq + done, len - done, iov, &count);
        assert_true(got > 0 && count > 0);
        for (unsigned i = 0; i < count; i++) {
            assert_memory_equal(iov[i].base, model + (seq + done - base), iov[i].len);
            done += (uint32_t)iov[i].len;
        }
    }
    assert_int_equal(done, len);
}

static void append(
    struct sok_tcp_sendq *q, const struct sok_mem *mem, uint32_t base, uint32_t len, bool lend)
{
    uint32_t at = q->end - base;
    for (uint32_t i = 0; i < len; i++) {
        model[at + i] = (uint8_t)((at + i) * 31 + ((at + i) >> 8));
    }
    if (!lend) {
        assert_int_equal(sok_tcp_sendq_append(q, mem, model + at, len), len);
        return;
    }
    struct sok_buf *buf = sok_buf_new(mem, len + 7);
    memcpy(buf->data + 7, model + at, len);
    assert_int_equal(sok_tcp_sendq_append_slice(q, mem, (struct sok_slice){buf, 7, len}), 0);
    sok_buf_unref(buf);
}

static void random_walk(uint32_t seed, uint32_t base)
{
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_tcp_sendq q;
    uint32_t state = seed;
    sok_tcp_sendq_init(&q, base);
    while (q.end - base < MODEL_MAX - 300000) {
        uint32_t what = next_random(&state) % 4,
                 len = 1 + next_random(&state) % (what ? 3000 : 200000);
        append(&q, &mem, base, len, what == 3);
        uint32_t held = sok_tcp_sendq_len(&q);
        uint32_t from = next_random(&state) % held;
        compare(&q, base, q.start + from, 1 + next_random(&state) % (held - from));
        if (next_random(&state) % 2) {
            sok_tcp_sendq_drop(&q, &mem, q.start + next_random(&state) % (held + 1));
        }
    }
    sok_tcp_sendq_drop(&q, &mem, q.end);
    assert_true(
        counter.bytes <= SOK_TCP_RING_KEPT * sizeof(q.ring[0])); // no data, next to no memory
    append(&q, &mem, base, 10, false);
    sok_tcp_sendq_free(&q, &mem);
    assert_int_equal(counter.bytes, 0);
}

static void agrees_with_an_array(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    random_walk(1, 1000);
    random_walk(2, UINT32_MAX - 70000); // across the wrap
}

static void short_memory_takes_less(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc(), .bytes_limit = 100000};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_tcp_sendq q;
    sok_tcp_sendq_init(&q, 0);
    assert_int_equal(sok_tcp_sendq_append(&q, &mem, model, 200000), SOK_TCP_CHUNK_LARGE);
    assert_int_equal(sok_tcp_sendq_len(&q), SOK_TCP_CHUNK_LARGE);
    sok_tcp_sendq_free(&q, &mem);
    assert_int_equal(counter.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
        cmocka_unit_test(short_memory_takes_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
