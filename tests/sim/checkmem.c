#include "tests/sim/checkmem.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC UINT64_C(0x50c4e7e5ea1b10c5)

// In front of every block, as large as malloc's alignment.
struct head {
    uint64_t size, magic;
};

static bool refuse(struct checkmem *m, size_t old_size, size_t new_size)
{
    m->allocations++;
    bool no = (m->refuse_one_in && rng_one_in(&m->rng, m->refuse_one_in)) ||
              (m->refuse_at && m->allocations == m->refuse_at) ||
              (m->bytes_limit && m->bytes - old_size + new_size > m->bytes_limit);
    m->refused += no;
    return no;
}

static void release(struct checkmem *m, struct head *h)
{
    m->bytes -= h->size;
    m->blocks--;
    h->magic = 0;
    memset(h + 1, 0xdd, h->size);
    free(h);
}

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct checkmem *m = ctx;
    struct head *h = ptr ? (struct head *)ptr - 1 : NULL;
    if (h && (h->magic != MAGIC || h->size != old_size)) {
        m->wrong = h->magic != MAGIC ? "freed what is not allocated" : "gave back a wrong size";
        abort();
    }
    if (new_size == 0) {
        if (h)
            release(m, h);
        return NULL;
    }
    if (new_size > old_size && refuse(m, old_size, new_size))
        return NULL;
    struct head *n = malloc(sizeof(*n) + new_size);
    if (!n)
        abort();
    *n = (struct head){new_size, MAGIC};
    memset(n + 1, 0xaa, new_size);
    m->bytes += new_size;
    m->blocks++;
    if (h) {
        memcpy(n + 1, h + 1, old_size < new_size ? old_size : new_size);
        release(m, h);
    }
    if (m->bytes > m->bytes_max)
        m->bytes_max = m->bytes;
    return n + 1;
}

struct sok_mem checkmem_hook(struct checkmem *m)
{
    return (struct sok_mem){resize, m};
}
