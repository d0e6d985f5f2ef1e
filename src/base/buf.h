// Counted buffers and slices of them. A frame received from a link sits in one buffer; what the stack
// keeps of it (a queued payload) is a slice that holds a reference, so data is handed on without a copy.
// Not thread-safe: a buffer belongs to one stack and its host.
#ifndef SOK_BASE_BUF_H
#define SOK_BASE_BUF_H

#include <stdint.h>
#include "base/mem.h"

// Whose memory a buffer's bytes are, when they are not its own.
struct sok_buf_lender {
    void (*give_back)(struct sok_buf_lender *lender, uint8_t *data);
};

struct sok_buf {
    const struct sok_mem *mem;
    uint8_t *data;                 // behind this head, or lent
    struct sok_buf_lender *lender; // NULL: behind this head
    uint32_t refs;
    uint32_t cap; // bytes in data
};

// One reference, contents undefined; NULL when out of memory. mem must outlive the buffer.
struct sok_buf *sok_buf_new(const struct sok_mem *mem, uint32_t cap);
// The same with lent bytes, which go back with the last reference; NULL: they stay the caller's.
struct sok_buf *sok_buf_lent(
    const struct sok_mem *mem, struct sok_buf_lender *lender, uint8_t *data, uint32_t cap);
struct sok_buf *sok_buf_ref(struct sok_buf *buf);
void sok_buf_unref(struct sok_buf *buf); // NULL is allowed

struct sok_slice {
    struct sok_buf *buf; // NULL: empty slice
    uint32_t off;
    uint32_t len;
};

static inline const uint8_t *sok_slice_data(struct sok_slice s)
{
    return s.buf->data + s.off;
}

// A gather element, for data going out. Same shape as struct iovec, without its header.
struct sok_iov {
    const uint8_t *base;
    size_t len;
};

#endif
