// Sequence numbers: 32 bits, compared modulo 2^32 (RFC 9293 section 3.4). The order is meaningful for
// numbers less than 2^31 apart.
#ifndef SOK_BASE_SEQ_H
#define SOK_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

static inline int32_t sok_seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool sok_seq_lt(uint32_t a, uint32_t b)
{
    return sok_seq_diff(a, b) < 0;
}

static inline bool sok_seq_le(uint32_t a, uint32_t b)
{
    return sok_seq_diff(a, b) <= 0;
}

static inline bool sok_seq_gt(uint32_t a, uint32_t b)
{
    return sok_seq_diff(a, b) > 0;
}

static inline bool sok_seq_ge(uint32_t a, uint32_t b)
{
    return sok_seq_diff(a, b) >= 0;
}

#endif
