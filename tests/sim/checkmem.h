// Memory for a stack under test: counts, checks that sizes given back are true, spoils what is freed,
// and refuses allocations now and then.
#ifndef TESTS_SIM_CHECKMEM_H
#define TESTS_SIM_CHECKMEM_H

#include "base/mem.h"
#include "tests/sim/rng.h"

struct checkmem {
    size_t bytes, blocks, bytes_max;
    uint64_t allocations, refused;
    uint64_t refuse_one_in; // 0: never
    uint64_t refuse_at;     // just this allocation by number; 0: none
    size_t bytes_limit;     // 0: none
    struct rng rng;
    const char *wrong; // what a caller did wrong; NULL: nothing
};

struct sok_mem checkmem_hook(struct checkmem *m);

#endif
