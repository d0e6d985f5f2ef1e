// The ring of events: nothing without a listener, order, what does not fit is counted; and its texts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/event.h"

static void nobody_listens(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_events ev;
    struct sok_event e;
    sok_events_init(&ev, &mem, false);
    assert_null(sok_events_push(&ev, SOK_EVENT_CALL, 1, 1));
    assert_false(sok_events_pop(&ev, &e));
    assert_int_equal(counter.bytes, 0);
    sok_events_free(&ev);
}

// Pushes and pops in uneven bursts; every event comes out once and in order.
static void in_order(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_events ev;
    struct sok_event e;
    sok_events_init(&ev, &mem, true);
    uint32_t pushed = 0, popped = 0;
    for (uint32_t burst = 0; burst < 200; burst++) {
        for (uint32_t i = 0; i < burst % 37; i++) {
            struct sok_event *p = sok_events_push(&ev, SOK_EVENT_IN, pushed * 10, pushed);
            assert_true(p && p->packet.len == 0 && p->packet.snap[0] == 0);
            assert_ptr_equal(sok_events_at(&ev, sok_events_next(&ev) - 1), p);
            p->packet.len = pushed;
            p->packet.snap[0] = 1;
            pushed++;
        }
        assert_null(sok_events_at(&ev, sok_events_next(&ev)));
        for (uint32_t i = 0; i < burst % 31 && sok_events_pop(&ev, &e); i++) {
            assert_true(e.kind == SOK_EVENT_IN && e.conn == popped && e.packet.len == popped);
            assert_true(e.now == popped * 10);
            popped++;
        }
        if (popped > 0)
            assert_null(sok_events_at(&ev, popped - 1));
    }
    while (sok_events_pop(&ev, &e))
        assert_int_equal(e.conn, popped++);
    assert_int_equal(popped, pushed);
    sok_events_free(&ev);
    assert_int_equal(counter.blocks, 0);
}

static void over_the_limit(void **state)
{
    (void)state;
    struct sok_mem mem = sok_mem_libc();
    struct sok_events ev;
    struct sok_event e;
    sok_events_init(&ev, &mem, true);
    for (uint32_t i = 0; i < SOK_EVENTS_MAX; i++)
        assert_ptr_not_equal(sok_events_push(&ev, SOK_EVENT_RTT, 0, i), &ev.spare);
    for (uint32_t i = 0; i < 10; i++)
        assert_ptr_equal(sok_events_push(&ev, SOK_EVENT_RTT, 0, i), &ev.spare);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(sok_events_pop(&ev, &e) && e.conn == i);
    sok_events_push(&ev, SOK_EVENT_RTT, 0, 77); // after the gap
    for (uint32_t i = 2; i < SOK_EVENTS_MAX; i++)
        assert_true(sok_events_pop(&ev, &e) && e.conn == i);
    assert_true(sok_events_pop(&ev, &e) && e.kind == SOK_EVENT_LOST && e.lost.count == 10);
    assert_true(sok_events_pop(&ev, &e) && e.conn == 77);
    assert_false(sok_events_pop(&ev, &e));
    sok_events_free(&ev);
}

static void without_memory(void **state)
{
    (void)state;
    struct sok_mem_counter counter = {.under = sok_mem_libc(), .bytes_limit = 1};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_events ev;
    struct sok_event e;
    sok_events_init(&ev, &mem, true);
    assert_ptr_equal(sok_events_push(&ev, SOK_EVENT_CALL, 0, 0), &ev.spare);
    assert_true(sok_events_pop(&ev, &e) && e.kind == SOK_EVENT_LOST && e.lost.count == 1);
    assert_false(sok_events_pop(&ev, &e));
    sok_events_free(&ev);
}

static void texts(void **state)
{
    (void)state;
    assert_string_equal(sok_reason_text(SOK_REASON_NONE), "");
    assert_string_equal(sok_reason_text(SOK_REASON_ICMP_PROTO), "no such protocol");
    assert_string_equal(sok_reason_text(SOK_REASON_COUNT), "?");
    assert_string_equal(sok_drop_text(SOK_DROP_RATE), "rate limited");
    assert_string_equal(sok_effect_text(SOK_EFFECT_BIT_OPENED), "opens");
    assert_string_equal(sok_hold_text(SOK_HOLD_NAGLE), "Nagle");
    assert_string_equal(sok_call_text(SOK_CALL_PING), "ping");
    assert_string_equal(sok_tcp_state_text(SOK_TCP_TIME_WAIT), "TIME-WAIT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(in_order),
        cmocka_unit_test(over_the_limit),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
