// What nobody gave, from a seed.
#include <string.h>
#include "craft/internal.h"

#define LOAD_MAX 64  // bytes of a part that is bytes
#define PART_MAX 256 // of one that knows better

static void fuzz_row(const struct sok_field *row, uint8_t *fixed, uint64_t *seed)
{
    if (!row->bytes) {
        sok_field_set(row, fixed, craft_random(seed) & sok_bits_mask(row->bits));
        return;
    }
    for (unsigned i = 0; i < row->bits / 8; i++)
        fixed[row->bit / 8 + i] = (uint8_t)craft_random(seed);
}

static uint64_t next_of(void *ctx)
{
    return craft_random((uint64_t *)ctx);
}

// Below 0: nothing is known of this part.
static int fuzz_part(
    struct sok_packet *p, unsigned layer, const struct sok_slot *slot, uint64_t *seed)
{
    uint8_t bytes[PART_MAX];
    struct sok_sink out = sok_sink(bytes, sizeof bytes);
    out.fixed = craft_fixed(p, &p->layers[layer]);
    if (slot->part->fuzz) {
        slot->part->fuzz(slot->part, next_of, seed, &out);
    } else if (!slot->part->get && !slot->part->put) {
        for (uint64_t len = craft_random(seed) % (LOAD_MAX + 1); len > 0; len--)
            sok_sink_number(&out, craft_random(seed) & UINT8_MAX, 1);
    } else {
        return -1;
    }
    return out.used > out.size
               ? -1
               : sok_craft_part_put(p, layer, slot->index - CRAFT_PARTS, bytes, out.used);
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
        } else if (slot.part && fuzz_part(p, layer, &slot, seed) == 0) {
            l = &p->layers[layer];
            l->set |= bit;
        }
    }
    (void)sok_craft_refit(p, layer);
}

void sok_packet_fuzz(struct sok_packet *p, uint64_t seed)
{
    for (unsigned i = 0; i < p->count; i++)
        fuzz_layer(p, i, &seed);
}
