#include "lua/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE (256u << 10)
#define CHUNK_HEAD 16 // the link, and blocks stay aligned

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WATCHED)
#define WATCHED true
#endif
#ifndef WATCHED
#define WATCHED false
#endif

static bool pooled(size_t size)
{
    return size <= SOK_POOL_BLOCK_MAX && !WATCHED;
}

static size_t class_of(size_t size)
{
    return (size - 1) / SOK_POOL_STEP;
}

static void put_back(struct sok_pool *pool, void *block, size_t class)
{
    *(void **)block = pool->freed[class];
    pool->freed[class] = block;
}

// What is left of a chunk, less than what is wanted, is of use for smaller ones.
static void leave_chunk(struct sok_pool *pool)
{
    if (pool->left >= SOK_POOL_STEP)
        put_back(pool, pool->next, class_of(pool->left));
    pool->left = 0;
}

static void *take_new(struct sok_pool *pool, size_t class)
{
    size_t size = (class + 1) * SOK_POOL_STEP;
    if (size > pool->left) {
        char *chunk = malloc(CHUNK_SIZE);
        if (!chunk)
            return NULL;
        leave_chunk(pool);
        *(void **)(void *)chunk = pool->chunks;
        pool->chunks = chunk;
        pool->next = chunk + CHUNK_HEAD;
        pool->left = CHUNK_SIZE - CHUNK_HEAD;
    }
    void *block = pool->next;
    pool->next += size;
    pool->left -= size;
    return block;
}

static void *take(struct sok_pool *pool, size_t size)
{
    if (!pooled(size))
        return malloc(size);
    size_t class = class_of(size);
    void *block = pool->freed[class];
    if (!block)
        return take_new(pool, class);
    pool->freed[class] = *(void **)block;
    return block;
}

static void give(struct sok_pool *pool, void *block, size_t size)
{
    if (pooled(size))
        put_back(pool, block, class_of(size));
    else
        free(block);
}

void *sok_pool_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct sok_pool *pool = ctx;
    if (!ptr || old_size == 0)
        return new_size ? take(pool, new_size) : NULL;
    if (new_size == 0) {
        give(pool, ptr, old_size);
        return NULL;
    }
    if (!pooled(old_size) && !pooled(new_size))
        return realloc(ptr, new_size);
    if (pooled(old_size) && pooled(new_size) && class_of(old_size) == class_of(new_size))
        return ptr;
    void *block = take(pool, new_size);
    if (!block)
        return NULL;
    memcpy(block, ptr, old_size < new_size ? old_size : new_size);
    give(pool, ptr, old_size);
    return block;
}

void sok_pool_end(struct sok_pool *pool)
{
    while (pool->chunks) {
        void *chunk = pool->chunks;
        pool->chunks = *(void **)chunk;
        free(chunk);
    }
    *pool = (struct sok_pool){0};
}
