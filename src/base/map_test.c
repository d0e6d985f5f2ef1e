// Oracle: a plain array of (inside, hash), searched from end to end.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/container.h"
#include "base/map.h"

#define ITEMS 600
#define STEPS 30000

struct item {
    int before;
    bool inside, seen;
    uint64_t hash;
    struct sok_map_node node;
};

static uint32_t rng(uint64_t *s)
{
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*s >> 33);
}

static unsigned found_with_hash(const struct sok_map *m, uint64_t hash)
{
    unsigned n = 0;
    for (struct sok_map_node *p = sok_map_first(m, hash); p; p = sok_map_next(p)) {
        struct item *it = SOK_CONTAINER_OF(p, struct item, node);
        assert_true(it->inside && it->hash == hash);
        n++;
    }
    return n;
}

static unsigned expected_with_hash(const struct item *items, uint64_t hash)
{
    unsigned n = 0;
    for (int i = 0; i < ITEMS; i++)
        n += items[i].inside && items[i].hash == hash;
    return n;
}

static void visit_and_remove_some(struct sok_map *m, struct item *items, uint64_t *seed)
{
    unsigned count = sok_map_count(m), visited = 0;
    for (int i = 0; i < ITEMS; i++)
        items[i].seen = false;
    struct sok_map_iter iter;
    for (struct sok_map_node *p = sok_map_begin(m, &iter); p; p = sok_map_step(m, &iter)) {
        struct item *it = SOK_CONTAINER_OF(p, struct item, node);
        assert_true(it->inside && !it->seen);
        it->seen = true;
        visited++;
        if (rng(seed) % 4 == 0) {
            sok_map_remove(m, p);
            it->inside = false;
        }
    }
    assert_int_equal(visited, count);
}

static void run(size_t bytes_limit, uint64_t seed)
{
    static struct item items[ITEMS];
    struct sok_mem_counter counter = {.under = sok_mem_libc(), .bytes_limit = bytes_limit};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_map m;
    sok_map_init(&m, &mem);
    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct item){0};
    unsigned count = 0;
    for (int step = 0; step < STEPS; step++) {
        struct item *it = &items[rng(&seed) % ITEMS];
        if (it->inside) {
            sok_map_remove(&m, &it->node);
            count--;
        } else {
            it->hash = rng(&seed) % 200; // several with the same hash
            sok_map_add(&m, &it->node, it->hash);
            count++;
        }
        it->inside = !it->inside;
        assert_int_equal(sok_map_count(&m), count);
        uint64_t hash = rng(&seed) % 220;
        assert_int_equal(found_with_hash(&m, hash), expected_with_hash(items, hash));
        if (step % 1000 == 0) {
            visit_and_remove_some(&m, items, &seed);
            count = sok_map_count(&m);
        }
    }
    for (int i = 0; i < ITEMS; i++)
        if (items[i].inside)
            sok_map_remove(&m, &items[i].node);
    assert_int_equal(sok_map_count(&m), 0);
    assert_int_equal(counter.bytes, 0); // an empty map holds nothing
    sok_map_free(&m);
}

static void against_list(void **state)
{
    (void)state;
    run(0, 1);
}

static void short_of_memory(void **state)
{
    (void)state;
    run(200, 2);
    run(1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_list),
        cmocka_unit_test(short_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
