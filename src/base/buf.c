// Counted buffers.
#include "base/buf.h"

#include <assert.h>

struct sok_buf *sok_buf_new(const struct sok_mem *mem, uint32_t cap)
{
    struct sok_buf *buf = sok_mem_alloc(mem, sizeof(*buf) + cap);
    if (!buf)
        return NULL;
    buf->mem = mem;
    buf->refs = 1;
    buf->cap = cap;
    return buf;
}

struct sok_buf *sok_buf_ref(struct sok_buf *buf)
{
    assert(buf->refs > 0 && buf->refs < UINT32_MAX);
    buf->refs++;
    return buf;
}

void sok_buf_unref(struct sok_buf *buf)
{
    if (!buf)
        return;
    assert(buf->refs > 0);
    if (--buf->refs == 0)
        sok_mem_free(buf->mem, buf, sizeof(*buf) + buf->cap);
}
