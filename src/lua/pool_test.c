// The pool: blocks do not overlap, keep what is in them, and are used again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lua/pool.h"

#define BLOCKS 600
#define ROUNDS 40000

struct block {
    uint8_t *p;
    size_t size;
    uint8_t mark;
};

static void check(const struct block *b)
{
    assert_int_equal((uintptr_t)b->p % SOK_POOL_STEP, 0);
    for (size_t i = 0; i < b->size; i++)
        assert_int_equal(b->p[i], b->mark);
}

// Sizes about the borders of classes and of the pool, too.
static size_t any_size(uint64_t *seed)
{
    static const size_t borders[] = {0, 1, 15, 16, 17, 2047, 2048, 2049, 2064, 5000};
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t r = *seed >> 33;
    return r % 4 ? r % 300 : borders[r / 4 % (sizeof(borders) / sizeof(borders[0]))];
}

static void any_order(void **state)
{
    static struct block blocks[BLOCKS];
    struct sok_pool pool = {0};
    const struct sok_mem mem = sok_pool_mem(&pool);
    uint64_t seed = 1;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct block *b = &blocks[(seed >> 40) % BLOCKS];
        size_t size = any_size(&seed), kept = size < b->size ? size : b->size;
        if (b->p)
            check(b);
        b->p = sok_mem_resize(&mem, b->p, b->size, size);
        assert_true(size == 0 || b->p);
        for (size_t k = 0; k < kept; k++)
            assert_int_equal(b->p[k], b->mark);
        *b = (struct block){.p = size ? b->p : NULL, .size = size, .mark = (uint8_t)i};
        if (size)
            memset(b->p, b->mark, size);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        sok_mem_free(&mem, blocks[i].p, blocks[i].size);
    sok_pool_end(&pool);
}

static size_t chunks_of(const struct sok_pool *pool)
{
    size_t count = 0;
    for (void *c = pool->chunks; c; c = *(void **)c)
        count++;
    return count;
}

// What is given back is what comes next: making and dropping for ever takes one chunk.
static void used_again(void **state)
{
    struct sok_pool pool = {0};
    const struct sok_mem mem = sok_pool_mem(&pool);
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        void *a = sok_mem_alloc(&mem, 40), *b = sok_mem_alloc(&mem, 1000);
        assert_non_null(a);
        assert_non_null(b);
        sok_mem_free(&mem, a, 40);
        sok_mem_free(&mem, b, 1000);
    }
    assert_in_range(chunks_of(&pool), 0, 1);
    sok_pool_end(&pool);
    assert_null(pool.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_order), cmocka_unit_test(used_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
