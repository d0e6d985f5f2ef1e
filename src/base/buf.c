// Counted buffers.
#include "base/buf.h"

#include <assert.h>

static struct sok_buf *buf_new(const struct sok_mem *mem, size_t size, uint32_t cap)
{
    struct sok_buf *buf = sok_mem_alloc(mem, size);
    if (!buf)
        return NULL;
    *buf = (struct sok_buf){.mem = mem, .data = (uint8_t *)(buf + 1), .refs = 1, .cap = cap};
    return buf;
}

struct sok_buf *sok_buf_new(const struct sok_mem *mem, uint32_t cap)
{
    return buf_new(mem, sizeof(struct sok_buf) + cap, cap);
}

struct sok_buf *sok_buf_lent(
    const struct sok_mem *mem, struct sok_buf_lender *lender, uint8_t *data, uint32_t cap)
{
    struct sok_buf *buf = buf_new(mem, sizeof(struct sok_buf), cap);
    if (!buf)
        return NULL;
    buf->data = data;
    buf->lender = lender;
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
    if (--buf->refs > 0)
        return;
    if (buf->lender)
        buf->lender->give_back(buf->lender, buf->data);
    sok_mem_free(buf->mem, buf, sizeof(*buf) + (buf->lender ? 0 : buf->cap));
}
