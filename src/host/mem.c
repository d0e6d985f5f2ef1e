#include "host/mem.h"
#include <stdlib.h>
#include <string.h>

// A block in the store; its memory is its own link.
struct sok_store_block {
    struct sok_store_block *next;
};

static size_t rounded(size_t size)
{
    return (size + SOK_STORE_STEP - 1) / SOK_STORE_STEP * SOK_STORE_STEP;
}

// The list for a size, or NULL for sizes that are not kept. Only rounded sizes are ever allocated here,
// so a block fits every request of its list.
static struct sok_store_block **list_for(struct sok_store *store, size_t size)
{
    if (size < SOK_STORE_LEAST)
        return NULL;
    size_t index = rounded(size) / SOK_STORE_STEP - 1;
    return index < SOK_STORE_SIZES ? &store->free[index] : NULL;
}

static void *take(struct sok_store *store, size_t size)
{
    struct sok_store_block **list = list_for(store, size);
    if (!list)
        return malloc(size);
    struct sok_store_block *block = *list;
    if (!block)
        return malloc(rounded(size));
    *list = block->next;
    store->bytes -= rounded(size);
    return block;
}

static void give(struct sok_store *store, void *ptr, size_t size)
{
    struct sok_store_block **list = ptr ? list_for(store, size) : NULL;
    if (!list || store->bytes + rounded(size) > SOK_STORE_BYTES) {
        free(ptr);
        return;
    }
    struct sok_store_block *block = ptr;
    block->next = *list;
    *list = block;
    store->bytes += rounded(size);
}

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct sok_store *store = ctx;
    if (new_size == 0) {
        give(store, ptr, old_size);
        return NULL;
    }
    if (ptr && !list_for(store, old_size) && !list_for(store, new_size))
        return realloc(ptr, new_size);
    void *block = take(store, new_size);
    if (block && ptr) {
        memcpy(block, ptr, old_size < new_size ? old_size : new_size);
        give(store, ptr, old_size);
    }
    return block;
}

struct sok_mem sok_mem_store(struct sok_store *store)
{
    return (struct sok_mem){resize, store};
}

void sok_store_free(struct sok_store *store)
{
    for (unsigned i = 0; i < SOK_STORE_SIZES; i++) {
        while (store->free[i]) {
            struct sok_store_block *block = store->free[i];
            store->free[i] = block->next;
            free(block);
        }
    }
    store->bytes = 0;
}
