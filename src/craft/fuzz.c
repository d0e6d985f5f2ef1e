// What nobody gave, from a seed.
#include <string.h>
#include "craft/internal.h"

#define LOAD_MAX 64 // bytes of a part that is bytes

// splitmix64: the next of a seed's numbers.
static uint64_t next_number(uint64_t *seed)
{
    uint64_t v = *seed += 0x9e3779b97f4a7c15u;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

static void fuzz_row(const struct sok_field *row, uint8_t *fixed, uint64_t *seed)
{
    if (!row->bytes) {
        sok_field_set(row, fixed, next_number(seed) & sok_bits_mask(row->bits));
        return;
    }
    for (unsigned i = 0; i < row->bits / 8; i++)
        fixed[row->bit / 8 + i] = (uint8_t)next_number(seed);
}

static void fuzz_layer(struct sok_packet *p, unsigned layer, uint64_t *seed)
{
    struct craft_layer *l = &p->layers[layer];
    struct sok_slot slot;
    // What names the layers above stays true.
    uint64_t keep = l->set | l->entry->named;
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
        uint64_t bit = (uint64_t)1 << slot.index;
        if (keep & bit)
            continue;
        if (slot.row && slot.row->how == SOK_FIELD_SET && sok_field_end(slot.row) <= l->fixed) {
            fuzz_row(slot.row, craft_fixed(p, l), seed);
            l->set |= bit;
        } else if (slot.part && !slot.part->get && !slot.part->put) {
            uint8_t bytes[LOAD_MAX];
            size_t len = next_number(seed) % (sizeof bytes + 1);
            for (size_t k = 0; k < len; k++)
                bytes[k] = (uint8_t)next_number(seed);
            if (sok_craft_part_put(p, layer, slot.index - CRAFT_PARTS, bytes, len) == 0)
                p->layers[layer].set |= bit;
            l = &p->layers[layer];
        }
    }
    (void)sok_craft_refit(p, layer);
}

void sok_packet_fuzz(struct sok_packet *p, uint64_t seed)
{
    for (unsigned i = 0; i < p->count; i++)
        fuzz_layer(p, i, &seed);
}
