// Chained hashing; the table doubles when chains get longer than two on average.
#include "base/map.h"

#include <assert.h>

#define CHAIN_MEAN 2 // nodes per chain that make the map grow
#define BITS_FIRST 4
#define BITS_MAX   28
#define SINGLE_MAX 4 // nodes in a map without a table

void sok_map_init(struct sok_map *m, const struct sok_mem *mem)
{
    *m = (struct sok_map){.mem = mem};
}

static size_t table_size(uint32_t bits)
{
    return sizeof(struct sok_map_node *) << bits;
}

void sok_map_free(struct sok_map *m)
{
    if (m->chains)
        sok_mem_free(m->mem, m->chains, table_size(m->bits));
    sok_map_init(m, m->mem);
}

// Which chain: the high bits of the hash times 2^64 over the golden ratio (Knuth 6.4), so that small
// numbers spread too.
static uint32_t chain_of(uint64_t hash, uint32_t bits)
{
    return bits ? (uint32_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - bits)) : 0;
}

static struct sok_map_node **chain_at(struct sok_map *m, uint64_t hash)
{
    return m->chains ? &m->chains[chain_of(hash, m->bits)] : &m->single;
}

static struct sok_map_node *chain_first(const struct sok_map *m, uint32_t chain)
{
    return m->chains ? m->chains[chain] : m->single;
}

static uint32_t chain_count(const struct sok_map *m)
{
    return m->chains ? UINT32_C(1) << m->bits : 1;
}

static void grow(struct sok_map *m)
{
    uint32_t bits = m->chains ? m->bits + 1 : BITS_FIRST;
    if (bits > BITS_MAX)
        return;
    struct sok_map_node **chains = sok_mem_zalloc(m->mem, table_size(bits));
    if (!chains)
        return;
    for (uint32_t i = 0; i < chain_count(m); i++) {
        struct sok_map_node *next;
        for (struct sok_map_node *n = chain_first(m, i); n; n = next) {
            next = n->next;
            struct sok_map_node **to = &chains[chain_of(n->hash, bits)];
            n->next = *to;
            *to = n;
        }
    }
    if (m->chains)
        sok_mem_free(m->mem, m->chains, table_size(m->bits));
    m->chains = chains;
    m->bits = bits;
    m->single = NULL;
}

void sok_map_add(struct sok_map *m, struct sok_map_node *node, uint64_t hash)
{
    if (m->chains ? m->count >= (uint64_t)CHAIN_MEAN << m->bits : m->count >= SINGLE_MAX)
        grow(m);
    struct sok_map_node **to = chain_at(m, hash);
    node->hash = hash;
    node->next = *to;
    *to = node;
    m->count++;
}

void sok_map_remove(struct sok_map *m, struct sok_map_node *node)
{
    struct sok_map_node **at = chain_at(m, node->hash);
    while (*at && *at != node)
        at = &(*at)->next;
    assert(*at == node);
    *at = node->next;
    node->next = NULL;
    m->count--;
    if (m->count == 0)
        sok_map_free(m);
}

static struct sok_map_node *with_hash(struct sok_map_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct sok_map_node *sok_map_first(const struct sok_map *m, uint64_t hash)
{
    return with_hash(chain_first(m, chain_of(hash, m->chains ? m->bits : 0)), hash);
}

struct sok_map_node *sok_map_next(const struct sok_map_node *node)
{
    return with_hash(node->next, node->hash);
}

struct sok_map_node *sok_map_begin(const struct sok_map *m, struct sok_map_iter *it)
{
    *it = (struct sok_map_iter){.next = chain_first(m, 0)};
    return sok_map_step(m, it);
}

struct sok_map_node *sok_map_step(const struct sok_map *m, struct sok_map_iter *it)
{
    while (!it->next && it->chain + 1 < chain_count(m))
        it->next = chain_first(m, ++it->chain);
    struct sok_map_node *node = it->next;
    it->next = node ? node->next : NULL;
    return node;
}
