// Memory that a program lends: a large write is copied once, into a region that program and host share, and
// what goes through the stream's pair is a note of where it lies. So order, readiness, dup and fork stay the
// pair's, who writes without knowing of this (sendfile, a static child) goes on through the pair, and the host
// hands the bytes to its link from where they lie.
//
// The region is a memfd that cannot shrink: a head with a bit for each block that is taken, then the blocks.
// The program takes a bit before it writes a block; the host gives it back when the peer has acknowledged the
// bytes. Several processes may share one (fork).
//
// A note comes with the region's descriptor attached, which is how it is told from a program's bytes. The kernel
// ends a read after such a message, but not before it, and may cut it: so each byte of a note says in its
// upper half which one it is, and its last byte that was read says where it began.
#ifndef SOK_CALLS_REGION_H
#define SOK_CALLS_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOK_REGION_BLOCK (128U << 10)
#define SOK_REGION_BLOCKS                                                                          \
    128U // 16 MiB: a few round trips of eight streams; pages are taken when written
#define SOK_REGION_HEAD 4096U
#define SOK_REGION_SIZE (SOK_REGION_HEAD + (size_t)SOK_REGION_BLOCKS * SOK_REGION_BLOCK)
#define SOK_REGION_NOTE 16U

struct sok_region_head {
    _Atomic uint64_t taken[SOK_REGION_BLOCKS / 64];
};

static inline uint8_t *sok_region_block(void *region, unsigned block)
{
    return (uint8_t *)region + SOK_REGION_HEAD + (size_t)block * SOK_REGION_BLOCK;
}

// The first block that is free, taken; -1: none.
static inline int sok_region_take(struct sok_region_head *h)
{
    for (unsigned i = 0; i < SOK_REGION_BLOCKS / 64; i++) {
        uint64_t taken = atomic_load_explicit(&h->taken[i], memory_order_relaxed);
        while (~taken) {
            unsigned bit = (unsigned)__builtin_ctzll(~taken);
            if (atomic_compare_exchange_weak_explicit(&h->taken[i], &taken,
                    taken | UINT64_C(1) << bit, memory_order_acquire, memory_order_relaxed))
                return (int)(i * 64 + bit);
        }
    }
    return -1;
}

static inline void sok_region_give_back(struct sok_region_head *h, unsigned block)
{
    atomic_fetch_and_explicit(
        &h->taken[block / 64], ~(UINT64_C(1) << block % 64), memory_order_release);
}

static inline void sok_region_note_put(uint8_t note[SOK_REGION_NOTE], unsigned block, uint32_t len)
{
    uint64_t bits = (uint64_t)block << 32 | len;
    for (unsigned i = 0; i < SOK_REGION_NOTE; i++)
        note[i] = (uint8_t)(i << 4 | (bits >> 4 * i & 0xf));
}

// How many bytes of a note end with this one.
static inline size_t sok_region_note_part(uint8_t last)
{
    return (size_t)(last >> 4) + 1;
}

// False: not a note of anything.
static inline bool sok_region_note_get(
    const uint8_t note[SOK_REGION_NOTE], unsigned *block, uint32_t *len)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < SOK_REGION_NOTE; i++) {
        if (note[i] >> 4 != i)
            return false;
        bits |= (uint64_t)(note[i] & 0xf) << 4 * i;
    }
    *block = (unsigned)(bits >> 32);
    *len = (uint32_t)bits;
    return *block<SOK_REGION_BLOCKS && * len> 0 && *len <= SOK_REGION_BLOCK;
}

#endif
