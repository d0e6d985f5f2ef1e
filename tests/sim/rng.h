// Random numbers from a seed, the same on every machine and compiler.
#ifndef TESTS_SIM_RNG_H
#define TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s;
};

// A counter run through a mixing function (splitmix64): every seed is a good seed.
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t rng_below(struct rng *r, uint64_t n) // 0 to n - 1
{
    return n ? rng_next(r) % n : 0;
}

static inline int64_t rng_range(struct rng *r, int64_t low, int64_t high) // both included
{
    return low + (int64_t)rng_below(r, (uint64_t)(high - low) + 1);
}

static inline double rng_unit(struct rng *r) // 0 to just under 1
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

static inline bool rng_chance(struct rng *r, double p)
{
    return rng_unit(r) < p;
}

static inline bool rng_one_in(struct rng *r, uint64_t n)
{
    return rng_below(r, n) == 0;
}

// 1 to high, each power of two as likely as any other: many small, some large.
static inline uint64_t rng_scale(struct rng *r, uint64_t high)
{
    unsigned bits = 0;
    while (bits < 63 && (high >> bits) > 1)
        bits++;
    uint64_t top = UINT64_C(1) << rng_below(r, bits + 1);
    uint64_t v = top + rng_below(r, top);
    return v > high ? high : v;
}

// A generator of its own, so that what one part draws does not shift another's numbers.
static inline struct rng rng_fork(struct rng *r)
{
    return (struct rng){rng_next(r)};
}

#endif
