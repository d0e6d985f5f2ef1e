// Big-endian numbers at any address, without alignment. Bounds are the caller's.
#ifndef SOK_BASE_BYTES_H
#define SOK_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t sok_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t sok_get24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t sok_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t sok_get64(const uint8_t *p)
{
    return (uint64_t)sok_get32(p) << 32 | sok_get32(p + 4);
}

static inline void sok_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void sok_put24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

static inline void sok_put32(uint8_t *p, uint32_t v)
{
    sok_put16(p, (uint16_t)(v >> 16));
    sok_put16(p + 2, (uint16_t)v);
}

static inline void sok_put64(uint8_t *p, uint64_t v)
{
    sok_put32(p, (uint32_t)(v >> 32));
    sok_put32(p + 4, (uint32_t)v);
}

#endif
