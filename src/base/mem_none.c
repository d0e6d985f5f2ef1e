// The default memory hook where there is no C library, in mem_libc.c's place: it has nothing to give. The embedder puts
// its own into the configuration; who forgets hears SOK_ENOMEM.
#include "base/mem.h"

static void *nothing(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)ptr;
    (void)old_size;
    (void)new_size;
    return NULL;
}

struct sok_mem sok_mem_default(void)
{
    return (struct sok_mem){.resize = nothing};
}
