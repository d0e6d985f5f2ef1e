// The memory hook on the C library's heap: the one place of the core that knows it, left out where there is none.
#include "base/mem.h"

#include <stdlib.h>

static void *libc_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

struct sok_mem sok_mem_libc(void)
{
    return (struct sok_mem){.resize = libc_resize};
}

struct sok_mem sok_mem_default(void)
{
    return sok_mem_libc();
}
