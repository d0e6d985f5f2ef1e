// Reading and writing a bounded run of bytes. Going over the end sets `bad`, which stays: reads then give
// zeros, writes do nothing, so code checks once, at its end. Numbers are big-endian.
#ifndef SOK_BASE_CURSOR_H
#define SOK_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/bytes.h"

struct sok_reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static inline struct sok_reader sok_reader(const void *data, size_t len)
{
    return (struct sok_reader){.at = data, .left = len};
}

static inline size_t sok_reader_left(const struct sok_reader *r)
{
    return r->left;
}

// The next n bytes in place, or NULL. n 0 is never NULL on a good reader that has data.
static inline const uint8_t *sok_read_view(struct sok_reader *r, size_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        r->left = 0;
        return NULL;
    }
    const uint8_t *at = r->at;
    if (n > 0)
        r->at += n;
    r->left -= n;
    return at;
}

static inline bool sok_read_skip(struct sok_reader *r, size_t n)
{
    sok_read_view(r, n);
    return !r->bad;
}

static inline bool sok_read_bytes(struct sok_reader *r, void *dst, size_t n)
{
    const uint8_t *p = sok_read_view(r, n);
    if (r->bad)
        memset(dst, 0, n);
    else if (n > 0)
        memcpy(dst, p, n);
    return !r->bad;
}

static inline uint8_t sok_read8(struct sok_reader *r)
{
    const uint8_t *p = sok_read_view(r, 1);
    return p ? *p : 0;
}

static inline uint16_t sok_read16(struct sok_reader *r)
{
    const uint8_t *p = sok_read_view(r, 2);
    return p ? sok_get16(p) : 0;
}

static inline uint32_t sok_read24(struct sok_reader *r)
{
    const uint8_t *p = sok_read_view(r, 3);
    return p ? sok_get24(p) : 0;
}

static inline uint32_t sok_read32(struct sok_reader *r)
{
    const uint8_t *p = sok_read_view(r, 4);
    return p ? sok_get32(p) : 0;
}

static inline uint64_t sok_read64(struct sok_reader *r)
{
    const uint8_t *p = sok_read_view(r, 8);
    return p ? sok_get64(p) : 0;
}

struct sok_writer {
    uint8_t *start, *at;
    size_t left;
    bool bad;
};

static inline struct sok_writer sok_writer(void *data, size_t len)
{
    return (struct sok_writer){.start = data, .at = data, .left = len};
}

static inline size_t sok_writer_left(const struct sok_writer *w)
{
    return w->left;
}

// Bytes written so far.
static inline size_t sok_writer_len(const struct sok_writer *w)
{
    return w->start ? (size_t)(w->at - w->start) : 0;
}

// Room for n bytes that the caller fills, or NULL.
static inline uint8_t *sok_write_room(struct sok_writer *w, size_t n)
{
    if (w->bad || n > w->left) {
        w->bad = true;
        w->left = 0;
        return NULL;
    }
    uint8_t *at = w->at;
    if (n > 0)
        w->at += n;
    w->left -= n;
    return at;
}

static inline void sok_write_bytes(struct sok_writer *w, const void *src, size_t n)
{
    uint8_t *p = sok_write_room(w, n);
    if (p && n > 0)
        memcpy(p, src, n);
}

static inline void sok_write_zeros(struct sok_writer *w, size_t n)
{
    uint8_t *p = sok_write_room(w, n);
    if (p && n > 0)
        memset(p, 0, n);
}

static inline void sok_write8(struct sok_writer *w, uint8_t v)
{
    uint8_t *p = sok_write_room(w, 1);
    if (p)
        *p = v;
}

static inline void sok_write16(struct sok_writer *w, uint16_t v)
{
    uint8_t *p = sok_write_room(w, 2);
    if (p)
        sok_put16(p, v);
}

static inline void sok_write24(struct sok_writer *w, uint32_t v)
{
    uint8_t *p = sok_write_room(w, 3);
    if (p)
        sok_put24(p, v);
}

static inline void sok_write32(struct sok_writer *w, uint32_t v)
{
    uint8_t *p = sok_write_room(w, 4);
    if (p)
        sok_put32(p, v);
}

static inline void sok_write64(struct sok_writer *w, uint64_t v)
{
    uint8_t *p = sok_write_room(w, 8);
    if (p)
        sok_put64(p, v);
}

#endif
