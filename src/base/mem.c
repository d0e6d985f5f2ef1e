// The memory hook, and the hook that counts and refuses.
#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

void *sok_mem_alloc(const struct sok_mem *mem, size_t size)
{
    return mem->resize(mem->ctx, NULL, 0, size);
}

void *sok_mem_zalloc(const struct sok_mem *mem, size_t size)
{
    void *p = sok_mem_alloc(mem, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *sok_mem_resize(const struct sok_mem *mem, void *ptr, size_t old_size, size_t new_size)
{
    return mem->resize(mem->ctx, ptr, old_size, new_size);
}

void sok_mem_free(const struct sok_mem *mem, void *ptr, size_t size)
{
    if (ptr)
        mem->resize(mem->ctx, ptr, size, 0);
}

// Whether the counter refuses to hold `more` bytes more. Only growing can be refused.
static bool refuses(struct sok_mem_counter *c, size_t more)
{
    if (c->bytes_limit &&
        more > c->bytes_limit - (c->bytes < c->bytes_limit ? c->bytes : c->bytes_limit))
        return true;
    if (c->fail_after == 0)
        return false;
    if (c->fail_after == 1)
        return true;
    c->fail_after--;
    return false;
}

static void *counting_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct sok_mem_counter *c = ctx;
    if (!ptr)
        old_size = 0;
    if (new_size > old_size && refuses(c, new_size - old_size))
        return NULL;
    void *p = c->under.resize(c->under.ctx, ptr, old_size, new_size);
    if (!p && new_size > 0)
        return NULL;
    c->bytes = c->bytes - old_size + new_size;
    c->blocks = c->blocks - (ptr != NULL) + (new_size > 0);
    if (c->bytes > c->bytes_max)
        c->bytes_max = c->bytes;
    return p;
}

struct sok_mem sok_mem_counting(struct sok_mem_counter *counter)
{
    return (struct sok_mem){.resize = counting_resize, .ctx = counter};
}
