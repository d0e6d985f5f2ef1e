// The store of large blocks: contents survive, blocks come back, and it keeps no more than its limit.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "host/mem.h"

static void a_freed_block_is_used_again(void **state)
{
    (void)state;
    struct sok_store store = {0};
    struct sok_mem mem = sok_mem_store(&store);
    void *a = sok_mem_alloc(&mem, 65552);
    sok_mem_free(&mem, a, 65552);
    assert_int_equal(store.bytes, 81920);
    void *b = sok_mem_alloc(&mem, 70000); // of the same rounded size
    assert_ptr_equal(a, b);
    assert_int_equal(store.bytes, 0);
    sok_mem_free(&mem, b, 70000);
    sok_store_free(&store);
}

static void resizing_keeps_the_contents(void **state)
{
    (void)state;
    struct sok_store store = {0};
    struct sok_mem mem = sok_mem_store(&store);
    size_t size = 1;
    uint8_t *p = sok_mem_alloc(&mem, size);
    p[0] = 7;
    while (size < 1000000) { // through small, kept and too large sizes
        size_t larger = size * 3 + 11;
        p = sok_mem_resize(&mem, p, size, larger);
        memset(p + size, (int)(size % 251), larger - size);
        size = larger;
        assert_int_equal(p[0], 7);
        assert_int_equal(p[1], 1);
    }
    p = sok_mem_resize(&mem, p, size, 40000);
    assert_int_equal(p[1], 1);
    sok_mem_free(&mem, p, 40000);
    sok_store_free(&store);
    assert_int_equal(store.bytes, 0);
}

static void the_store_is_bounded(void **state)
{
    (void)state;
    struct sok_store store = {0};
    struct sok_mem mem = sok_mem_store(&store);
    void *blocks[400];
    for (unsigned i = 0; i < 400; i++)
        blocks[i] = sok_mem_alloc(&mem, 65536);
    for (unsigned i = 0; i < 400; i++)
        sok_mem_free(&mem, blocks[i], 65536);
    assert_true(store.bytes > 0 && store.bytes <= SOK_STORE_BYTES);
    sok_store_free(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_block_is_used_again),
        cmocka_unit_test(resizing_keeps_the_contents),
        cmocka_unit_test(the_store_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
