// A hash map of nodes that are members of what is looked up. The caller compares keys: first and next give
// every node with just this hash. Hashes of what the network chooses come from base/siphash.h; any others
// may be plain numbers (they are spread inside). When memory is short, chains grow longer; adding never fails.
#ifndef SOK_BASE_MAP_H
#define SOK_BASE_MAP_H

#include <stdint.h>
#include "base/mem.h"

struct sok_map_node {
    struct sok_map_node *next; // in the chain
    uint64_t hash;
};

struct sok_map {
    const struct sok_mem *mem;
    struct sok_map_node **chains; // 1 << bits of them; NULL: only `single`
    struct sok_map_node *single;  // the one chain of a small map, which takes no memory
    uint32_t bits;
    uint32_t count;
};

void sok_map_init(struct sok_map *m, const struct sok_mem *mem);
void sok_map_free(struct sok_map *m); // nodes are the caller's; those still inside are forgotten
void sok_map_add(struct sok_map *m, struct sok_map_node *node, uint64_t hash);
void sok_map_remove(struct sok_map *m, struct sok_map_node *node);          // must be inside
struct sok_map_node *sok_map_first(const struct sok_map *m, uint64_t hash); // NULL: none
struct sok_map_node *sok_map_next(const struct sok_map_node *node);         // NULL: no more

static inline uint32_t sok_map_count(const struct sok_map *m)
{
    return m->count;
}

// Visits every node once. The node last given may be removed (and freed) on the way; nothing else may
// change. for (n = sok_map_begin(m, &it); n; n = sok_map_step(m, &it))
struct sok_map_iter {
    uint32_t chain;
    struct sok_map_node *next;
};
struct sok_map_node *sok_map_begin(const struct sok_map *m, struct sok_map_iter *it);
struct sok_map_node *sok_map_step(const struct sok_map *m, struct sok_map_iter *it);

#endif
