// Memory of a Lua state and its packets. They are small, many, and soon free again; the C library's allocator
// takes more time over them than Lua over what is in them. So blocks up to SOK_POOL_BLOCK_MAX come from chunks,
// and what is given back waits in a list of its size class for the next of that size; larger ones are the C
// library's. Chunks are given back when the pool ends, not before.
//
// Where the address sanitizer watches, every block is the C library's: it has to see them all.
#ifndef SOK_LUA_POOL_H
#define SOK_LUA_POOL_H

#include "base/mem.h"

#define SOK_POOL_STEP      16 // bytes between size classes
#define SOK_POOL_BLOCK_MAX 2048

struct sok_pool {
    void *freed[SOK_POOL_BLOCK_MAX / SOK_POOL_STEP]; // by size class, linked by their first word
    char *next;                                      // what is left of the newest chunk
    size_t left;
    void *chunks; // linked by their first word
};

// A pool of zeros is an empty one. As sok_mem's hook (ctx: the pool): a block is given back with its size.
void *sok_pool_resize(void *pool, void *ptr, size_t old_size, size_t new_size);
static inline struct sok_mem sok_pool_mem(struct sok_pool *pool)
{
    return (struct sok_mem){sok_pool_resize, pool};
}
// Gives all chunks back; blocks above SOK_POOL_BLOCK_MAX have to be given back before.
void sok_pool_end(struct sok_pool *pool);

#endif
