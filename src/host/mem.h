// A host's memory: the C library's, with a small store of large blocks in front. Every frame received and
// every chunk of a send buffer is a block of some 64 KB that lives for microseconds; the C library would
// give each back to the kernel and fault it in again, which costs ten times the copying.
#ifndef SOK_HOST_MEM_H
#define SOK_HOST_MEM_H

#include "base/mem.h"

#define SOK_STORE_STEP  16384       // blocks are rounded up to this
#define SOK_STORE_SIZES 32          // sizes that are kept: up to 512 KB
#define SOK_STORE_LEAST 32768       // smaller blocks are the C library's alone
#define SOK_STORE_BYTES (16u << 20) // kept in all, most; over it blocks go back

struct sok_store {
    struct sok_store_block *free[SOK_STORE_SIZES];
    size_t bytes; // in the store now
};

// A hook on the store; the store must stay where it is and outlive every block.
struct sok_mem sok_mem_store(struct sok_store *store);
void sok_store_free(
    struct sok_store *store); // what is kept goes back; blocks in use are not touched

#endif
