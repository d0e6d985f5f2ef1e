// What the unit tests of the core use of cmocka, for a build in 32 bit, of which Debian has no cmocka: assertions that end
// the test they are in, and a runner that says as cmocka does what passed. Included in place of the real one.
#ifndef SOK_UNIT32_CMOCKA_H
#define SOK_UNIT32_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
};

static jmp_buf unit32_end;

static inline _Noreturn void unit32_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    longjmp(unit32_end, 1);
}

#define unit32_must(truth, what) ((truth) ? (void)0 : unit32_fail(__FILE__, __LINE__, what))

#define assert_true(a)     unit32_must(a, "not true: " #a)
#define assert_false(a)    unit32_must(!(a), "not false: " #a)
#define assert_null(a)     unit32_must((a) == NULL, "not NULL: " #a)
#define assert_non_null(a) unit32_must((a) != NULL, "NULL: " #a)
#define assert_int_equal(a, b)                                                                     \
    unit32_must((uint64_t)(a) == (uint64_t)(b), "not equal: " #a " and " #b)
#define assert_int_not_equal(a, b)                                                                 \
    unit32_must((uint64_t)(a) != (uint64_t)(b), "equal: " #a " and " #b)
#define assert_ptr_equal(a, b)                                                                     \
    unit32_must((const void *)(a) == (const void *)(b), "not equal: " #a " and " #b)
#define assert_ptr_not_equal(a, b)                                                                 \
    unit32_must((const void *)(a) != (const void *)(b), "equal: " #a " and " #b)
#define assert_string_equal(a, b)        unit32_must(strcmp(a, b) == 0, "not equal: " #a " and " #b)
#define assert_string_not_equal(a, b)    unit32_must(strcmp(a, b) != 0, "equal: " #a " and " #b)
#define assert_memory_equal(a, b, n)     unit32_must(memcmp(a, b, n) == 0, "not equal: " #a " and " #b)
#define assert_memory_not_equal(a, b, n) unit32_must(memcmp(a, b, n) != 0, "equal: " #a " and " #b)
#define assert_in_range(a, least, most)                                                            \
    unit32_must((uint64_t)(a) >= (uint64_t)(least) && (uint64_t)(a) <= (uint64_t)(most),           \
        #a " is not from " #least " to " #most)
#define fail_msg(...) (fprintf(stderr, __VA_ARGS__), unit32_fail(__FILE__, __LINE__, ""))
#define fail()        unit32_fail(__FILE__, __LINE__, "failed")

#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
#f, f                                                                                      \
    }
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    unit32_run(tests, sizeof(tests) / sizeof(*(tests)), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    cmocka_run_group_tests(tests, setup, teardown)

static inline int unit32_run(const struct CMUnitTest *tests, size_t count,
    int (*setup)(void **state), int (*teardown)(void **state))
{
    volatile int failed = 0;
    void *group = NULL;
    if (setup && setup(&group) != 0)
        return 1;
    for (volatile size_t i = 0; i < count; i++) {
        void *state = group;
        _Bool ok = setjmp(unit32_end) == 0;
        if (ok)
            tests[i].test(&state);
        printf("[  %s ] %s\n", ok ? "    OK" : "FAILED", tests[i].name);
        failed += !ok;
    }
    if (teardown && teardown(&group) != 0)
        failed++;
    printf("[  %s  ] %zu test(s), %d failed.\n", failed ? "FAILED" : "PASSED", count, failed);
    return failed;
}

#endif
