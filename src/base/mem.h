// Memory: everything the core holds is taken through one resize hook, so that an embedder can place,
// bound, count or fail every allocation. Sizes are given back on free, so the hook needs no header.
#ifndef SOK_BASE_MEM_H
#define SOK_BASE_MEM_H

#include <stddef.h>

struct sok_mem {
    // ptr NULL: allocate new_size bytes. new_size 0: free, returns NULL. Else: resize, keeping contents.
    // NULL for a new_size above 0 means out of memory; ptr is then still valid.
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
};

// A hook on the C library's realloc and free (mem_libc.c; not in the freestanding archive).
struct sok_mem sok_mem_libc(void);
// What a configuration begins with: the C library's, or in the freestanding archive one that has none to give.
struct sok_mem sok_mem_default(void);

void *sok_mem_alloc(const struct sok_mem *mem, size_t size); // contents undefined
void *sok_mem_zalloc(const struct sok_mem *mem, size_t size);
void *sok_mem_resize(const struct sok_mem *mem, void *ptr, size_t old_size, size_t new_size);
void sok_mem_free(const struct sok_mem *mem, void *ptr, size_t size); // ptr may be NULL

// A hook that counts what is held and can refuse: for tests and for limits. Wraps another hook.
struct sok_mem_counter {
    struct sok_mem under;
    size_t bytes;       // held now
    size_t bytes_max;   // the most ever held
    size_t blocks;      // held now
    size_t bytes_limit; // refuse what would go over; 0: no limit
    size_t fail_after;  // refuse every allocation after this many more; 0: never
};
struct sok_mem sok_mem_counting(struct sok_mem_counter *counter);

#endif
