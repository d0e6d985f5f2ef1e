// The scoreboard against an array with one flag byte for each sequence number.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tcp/internal.h"

#define SPAN 4096

static struct sok_mem_counter counter;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check(const struct sok_tcp_scoreboard *b, const uint8_t *flags, uint32_t base,
    uint32_t una, uint32_t nxt)
{
    uint32_t sacked = 0, lost = 0, at = una;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
        assert_int_equal(r->start, at);
        assert_true(sok_seq_lt(r->start, r->end));
        for (; at != r->end; at++) {
            assert_int_equal(r->flags, flags[at - base]);
        }
    }
    assert_int_equal(at, nxt);
    for (uint32_t s = una; s != nxt; s++) {
        sacked += (flags[s - base] & SOK_SENT_SACKED) != 0;
        lost += (flags[s - base] & SOK_SENT_LOST) != 0;
        uint32_t i = sok_tcp_sent_find(b, s);
        assert_true(i < b->count && sok_seq_ge(s, sok_tcp_sent_at(b, i)->start) &&
                    sok_seq_lt(s, sok_tcp_sent_at(b, i)->end));
    }
    int64_t before = INT64_MIN;
    uint32_t linked = 0, on_its_way = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        on_its_way += !(sok_tcp_sent_at(b, i)->flags & (SOK_SENT_SACKED | SOK_SENT_LOST));
    }
    for (const struct sok_tcp_sent *r = sok_tcp_sent_oldest(b); r; r = sok_tcp_sent_newer(b, r)) {
        assert_true(r->at >= before && !(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST)));
        before = r->at;
        linked++;
    }
    assert_int_equal(linked, on_its_way);
    assert_int_equal(b->sacked, sacked);
    assert_int_equal(b->lost, lost);
}

// Cuts so that a record boundary lies at seq.
static void cut_at(struct sok_tcp_scoreboard *b, const struct sok_mem *mem, uint32_t seq)
{
    uint32_t i = sok_tcp_sent_find(b, seq);
    if (i < b->count && sok_tcp_sent_at(b, i)->start != seq) {
        assert_true(sok_tcp_sent_split(b, mem, i, seq));
    }
}

static void mark_range(struct sok_tcp_scoreboard *b, const struct sok_mem *mem, uint8_t *flags,
    uint32_t base, uint32_t start, uint32_t end, uint8_t flag, bool on)
{
    cut_at(b, mem, start);
    cut_at(b, mem, end);
    for (uint32_t i = sok_tcp_sent_find(b, start); i < b->count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
        if (!sok_seq_lt(r->start, end)) {
            break;
        }
        (on ? sok_tcp_sent_mark : sok_tcp_sent_unmark)(b, r, flag);
    }
    for (uint32_t s = start; s != end; s++) {
        flags[s - base] = (uint8_t)(on ? flags[s - base] | flag : flags[s - base] & ~flag);
    }
}

static void acknowledge(struct sok_tcp_scoreboard *b, uint32_t upto)
{
    while (b->count > 0 && sok_seq_le(sok_tcp_sent_at(b, 0)->end, upto)) {
        sok_tcp_sent_pop(b);
    }
    if (b->count > 0 && sok_seq_gt(upto, sok_tcp_sent_at(b, 0)->start)) {
        sok_tcp_sent_trim(b, upto);
    }
}

// One record is sent again: the newest, and not lost any more.
static void again(
    struct sok_tcp_scoreboard *b, uint8_t *flags, uint32_t base, uint32_t i, int64_t now)
{
    struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
    if (r->flags & SOK_SENT_SACKED) {
        return;
    }
    sok_tcp_sent_again(b, r, now);
    assert_true(b->newest == r - b->pool && r->at == now && r->first <= now);
    for (uint32_t s = r->start; s != r->end; s++) {
        flags[s - base] = (uint8_t)((flags[s - base] & ~SOK_SENT_LOST) | SOK_SENT_AGAIN);
    }
}

static void random_walk(uint32_t seed, uint32_t base)
{
    static uint8_t flags[SPAN];
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_tcp_scoreboard b = {0};
    int64_t clock = 0;
    uint32_t state = seed, una = base, nxt = base;
    memset(flags, 0, sizeof(flags));
    while (nxt - base < SPAN - 200) {
        uint32_t len = 1 + next_random(&state) % 150;
        assert_true(sok_tcp_sent_room(&b, &mem));
        sok_tcp_sent_push(&b, nxt, nxt + len, clock++);
        nxt += len;
        uint32_t start = una + next_random(&state) % (nxt - una);
        uint32_t end = start + 1 + next_random(&state) % (nxt - start);
        uint8_t flag = (uint8_t)(1u << next_random(&state) % 3);
        mark_range(&b, &mem, flags, base, start, end, flag, next_random(&state) % 4 != 0);
        if (next_random(&state) % 3 == 0) {
            una += next_random(&state) % (nxt - una);
            acknowledge(&b, una);
        }
        if (next_random(&state) % 4 == 0 && b.count > 0) {
            again(&b, flags, base, next_random(&state) % b.count, clock++);
        }
        check(&b, flags, base, una, nxt);
    }
    sok_tcp_sent_free(&b, &mem);
    assert_int_equal(counter.bytes, 0);
}

static void agrees_with_an_array(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    for (uint32_t seed = 0; seed < 20; seed++) {
        random_walk(seed, seed % 2 ? UINT32_MAX - 1000 : 7);
    }
}

static void is_bounded(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_tcp_scoreboard b = {0};
    uint32_t n = 0;
    for (; sok_tcp_sent_room(&b, &mem); n++) {
        sok_tcp_sent_push(&b, n, n + 1, 0);
    }
    assert_int_equal(n, SOK_TCP_SENT_MAX);
    sok_tcp_sent_free(&b, &mem);
    assert_int_equal(counter.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
