// Oracle: a plain array of due times, searched for its least at every step.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/timers.h"

#define TIMERS 200
#define STEPS  40000

static uint32_t rng(uint64_t *s)
{
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*s >> 33);
}

static int64_t least(const struct sok_timer *t)
{
    int64_t due = INT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (t[i].slot && t[i].due < due)
            due = t[i].due;
    return due;
}

static void against_search(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_timers heap;
    struct sok_timer timers[TIMERS] = {0};
    uint64_t seed = 1;
    sok_timers_init(&heap, &mem);
    assert_int_equal(sok_timers_reserve(&heap, TIMERS), 0);
    unsigned armed = 0, most = 0;
    for (int step = 0; step < STEPS; step++) {
        struct sok_timer *t = &timers[rng(&seed) % TIMERS];
        unsigned what = rng(&seed) % 8;
        armed -= t->slot != 0;
        if (what < 5) {
            int64_t due = rng(&seed) % 1000;
            sok_timer_set(&heap, t, due);
            assert_true(t->slot != 0 && t->due == due);
            armed++;
        } else if (what < 7) {
            sok_timer_cancel(&heap, t);
            assert_int_equal(t->slot, 0);
        } else {
            armed += t->slot != 0;
            struct sok_timer *first = sok_timers_first(&heap);
            if (first) {
                assert_true(first->due == least(timers));
                sok_timer_cancel(&heap, first);
                armed--;
            }
        }
        assert_int_equal(heap.count, armed);
        assert_true(sok_timers_deadline(&heap) == least(timers));
        most = armed > most ? armed : most;
    }
    assert_true(most > TIMERS / 2);
    sok_timers_free(&heap);
    for (int i = 0; i < TIMERS; i++)
        assert_int_equal(timers[i].slot, 0);
    assert_int_equal(counter.bytes, 0);
}

static void room_is_reserved(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc(), .bytes_limit = 1024};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_timers heap;
    struct sok_timer timer = {0};
    sok_timers_init(&heap, &mem);
    assert_null(sok_timers_first(&heap));
    assert_true(sok_timers_deadline(&heap) == INT64_MAX);
    assert_int_equal(sok_timers_reserve(&heap, 1), 0);
    sok_timer_set(&heap, &timer, 5);
    assert_int_equal(sok_timers_reserve(&heap, 100000), SOK_ENOMEM);
    assert_ptr_equal(sok_timers_first(&heap), &timer);
    sok_timers_free(&heap);
    assert_int_equal(counter.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_search),
        cmocka_unit_test(room_is_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
