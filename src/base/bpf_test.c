// Filters: what is taken and what is refused, every kind of instruction, packets in pieces and with a piece cut out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/bpf.h"

#define COUNT(program) (sizeof(program) / sizeof((program)[0]))

static const uint8_t bytes[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0, 0, 7, 0x86, 0xdd, 0x45, 0xff};

static struct sok_bpf_packet whole(const struct sok_iov *iov, unsigned count)
{
    return (struct sok_bpf_packet){.iov = iov,
        .count = count,
        .len = sizeof(bytes),
        .cut = 12,
        .net = 14,
        .type = 0x86dd,
        .kind = 4,
        .index = 3,
        .hardware = 1};
}

// What `first` leaves in A, then `second`.
static uint32_t value(
    const struct sok_bpf_packet *p, struct sok_bpf_insn first, struct sok_bpf_insn second)
{
    const struct sok_bpf_insn program[] = {first, second, {0x16, 0, 0, 0}};
    assert_true(sok_bpf_check(program, COUNT(program)));
    return sok_bpf_run(program, p);
}

static const struct sok_bpf_insn nothing = {0x05, 0, 0, 0}; // ja 0
static const struct sok_bpf_insn hundred = {0x00, 0, 0, 100};
#define LOAD(k)                                                                                    \
    {                                                                                              \
        0x00, 0, 0, k                                                                              \
    }
#define INSN(...) ((struct sok_bpf_insn){__VA_ARGS__})

static void loads(void **state)
{
    (void)state;
    for (size_t at = 0; at <= sizeof(bytes); at++) {
        const struct sok_iov iov[] = {{bytes, at}, {bytes + at, sizeof(bytes) - at}};
        struct sok_bpf_packet p = whole(iov, 2);
        assert_int_equal(value(&p, INSN(0x20, 0, 0, 10), nothing), 0x0a0b8100);
        assert_int_equal(value(&p, INSN(0x28, 0, 0, 16), nothing), 0x86dd);
        assert_int_equal(value(&p, INSN(0x30, 0, 0, 19), nothing), 0xff);
        assert_int_equal(value(&p, INSN(0x30, 0, 0, 20), nothing), 0);
        assert_int_equal(value(&p, INSN(0x20, 0, 0, 17), nothing), 0);
        assert_int_equal(value(&p, INSN(0x01, 0, 0, 7), INSN(0x50, 0, 0, 2)), 9);
        assert_int_equal(value(&p, INSN(0xb1, 0, 0, 18), INSN(0x87, 0, 0, 0)), 20);
        assert_int_equal(value(&p, INSN(0x80, 0, 0, 0), nothing), sizeof(bytes));
        p.cut_len = 4;
        assert_int_equal(value(&p, INSN(0x20, 0, 0, 10), nothing), 0x0a0b86dd);
        assert_int_equal(value(&p, INSN(0x80, 0, 0, 0), nothing), sizeof(bytes) - 4);
        p.start = 14;
        assert_int_equal(value(&p, INSN(0x30, 0, 0, 0), nothing), 0x45);
        assert_int_equal(value(&p, INSN(0x30, 0, 0, 2), nothing), 0);
    }
}

static void loads_beside(void **state)
{
    const struct sok_iov iov = {bytes, sizeof(bytes)};
    struct sok_bpf_packet p = whole(&iov, 1);
    (void)state;
    p.start = 14;
    assert_int_equal(value(&p, INSN(0x28, 0, 0, 0xfffff000), nothing), 0x86dd);
    assert_int_equal(value(&p, INSN(0x28, 0, 0, 0xfffff004), nothing), 4);
    assert_int_equal(value(&p, INSN(0x20, 0, 0, 0xfffff008), nothing), 3);
    assert_int_equal(value(&p, INSN(0x20, 0, 0, 0xfffff01c), nothing), 1);
    assert_int_equal(value(&p, INSN(0x30, 0, 0, 0xfffff030), nothing), 0);
    assert_int_equal(value(&p, INSN(0x30, 0, 0, 0xfff00004), nothing), 0x45);
    assert_int_equal(value(&p, INSN(0x30, 0, 0, 0xffe00001), nothing), 1);
    assert_int_equal(value(&p, INSN(0x30, 0, 0, 0xfff00006), nothing), 0);
    assert_int_equal(value(&p, INSN(0x30, 0, 0, 0xfffffffc), nothing), 0);
    assert_int_equal(value(&p, INSN(0x30, 0, 0, 0x80000000), nothing), 0);
}

static void arithmetic(void **state)
{
    static const struct {
        uint16_t code;
        uint32_t k, result; // of 100
    } rows[] = {
        {0x04, 5, 105},
        {0x14, 101, UINT32_MAX},
        {0x24, 3, 300},
        {0x34, 7, 14},
        {0x44, 3, 103},
        {0x54, 0xc, 4},
        {0x64, 4, 1600},
        {0x74, 2, 25},
        {0x84, 0, (uint32_t)-100},
        {0x94, 7, 2},
        {0xa4, 1, 101},
    };
    struct sok_bpf_packet p = whole(NULL, 0);
    (void)state;
    p.len = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(value(&p, hundred, INSN(rows[i].code, 0, 0, rows[i].k)), rows[i].result);
        if (rows[i].code == 0x84)
            continue;
        const struct sok_bpf_insn by_x[] = {LOAD(100), {0x01, 0, 0, rows[i].k},
            {(uint16_t)(rows[i].code | 8), 0, 0, 0}, {0x16, 0, 0, 0}};
        assert_true(sok_bpf_check(by_x, COUNT(by_x)));
        assert_int_equal(sok_bpf_run(by_x, &p), rows[i].result);
    }
    const struct sok_bpf_insn by_zero[] = {LOAD(100), {0x3c, 0, 0, 0}, {0x06, 0, 0, 1}};
    assert_true(sok_bpf_check(by_zero, COUNT(by_zero)));
    assert_int_equal(sok_bpf_run(by_zero, &p), 0);
}

static void memory_and_jumps(void **state)
{
    static const struct {
        uint16_t code;
        uint32_t k;
        bool yes; // of 6
    } rows[] = {{0x15, 6, true}, {0x15, 7, false}, {0x25, 5, true}, {0x25, 6, false},
        {0x35, 6, true}, {0x35, 7, false}, {0x45, 2, true}, {0x45, 9, false}};
    static const struct sok_bpf_insn kept[] = {LOAD(9), {0x02, 0, 0, 15}, LOAD(0), {0x61, 0, 0, 15},
        {0x03, 0, 0, 0}, {0x60, 0, 0, 0}, {0x07, 0, 0, 0}, {0x0c, 0, 0, 0}, {0x16, 0, 0, 0}};
    struct sok_bpf_packet p = whole(NULL, 0);
    (void)state;
    p.len = 0;
    assert_true(sok_bpf_check(kept, COUNT(kept)));
    assert_int_equal(sok_bpf_run(kept, &p), 18);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sok_bpf_insn program[] = {
            LOAD(6), {rows[i].code, 1, 0, rows[i].k}, {0x06, 0, 0, 1}, {0x06, 0, 0, 2}};
        assert_true(sok_bpf_check(program, COUNT(program)));
        assert_int_equal(sok_bpf_run(program, &p), rows[i].yes ? 2 : 1);
    }
}

static void refused(void **state)
{
    static const struct sok_bpf_insn end = {0x06, 0, 0, 1};
    static const struct sok_bpf_insn wrong[] = {
        {0x34, 0, 0, 0}, {0x94, 0, 0, 0},                                       // divided by 0
        {0x64, 0, 0, 32}, {0x74, 0, 0, 32},                                     // shifted too far
        {0x60, 0, 0, 16}, {0x61, 0, 0, 16}, {0x02, 0, 0, 16}, {0x03, 0, 0, 16}, // no such memory
        {0x05, 0, 0, 1}, {0x05, 0, 0, UINT32_MAX}, {0x15, 1, 0, 0},
        {0x15, 0, 1, 0}, // out of the program
        {0x18, 0, 0, 0}, {0xc0, 0, 0, 0}, {0x0a, 0, 0, 0}, {0xb4, 0, 0, 0}, {0x55, 0, 0, 0},
        {0x0e, 0, 0, 0}, {0x97, 0, 0, 0}, {0x100, 0, 0, 0}, {0xffff, 0, 0, 0}, // no instructions
        {0x20, 0, 0, 0xfffff001}, {0x20, 0, 0, 0xfffff00c},
        {0x20, 0, 0, 0xfffff034}, // not answered
    };
    static struct sok_bpf_insn many[SOK_BPF_MOST + 1];
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(sok_bpf_check((struct sok_bpf_insn[]){wrong[i], end}, 2));
    assert_false(sok_bpf_check(&end, 0));
    assert_true(sok_bpf_check(&end, 1));
    assert_false(sok_bpf_check((struct sok_bpf_insn[]){LOAD(1)}, 1)); // without an end
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = end;
    assert_true(sok_bpf_check(many, SOK_BPF_MOST));
    assert_false(sok_bpf_check(many, SOK_BPF_MOST + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads),
        cmocka_unit_test(loads_beside),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(memory_and_jumps),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
