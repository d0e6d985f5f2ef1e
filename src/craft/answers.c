// Which packet is an answer to which (as Scapy's answers() and hashret() have it).
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"

// The values a packet and its answer share are looked for by these names.
static bool number_of(const struct sok_packet *p, unsigned layer, const char *name, uint64_t *out)
{
    struct sok_slot slot;
    return sok_packet_slot(p, layer, name, &slot) && sok_packet_number(p, layer, &slot, out);
}

bool sok_packet_answers(const struct sok_packet *reply, const struct sok_packet *sent)
{
    (void)reply;
    (void)sent;
    (void)number_of;
    return false;
}

uint64_t sok_packet_hashret(const struct sok_packet *p)
{
    (void)p;
    return 0;
}

static bool same_field(const struct sok_packet *a, const struct sok_packet *b, unsigned layer,
    const struct sok_slot *s)
{
    alignas(struct sok_item) uint8_t one[64], two[64];
    struct sok_items to_one = sok_items(one, sizeof one), to_two = sok_items(two, sizeof two);
    struct sok_item x, y;
    if (s->part) {
        const struct craft_piece *at = &craft_pieces(a, &a->layers[layer])[s->index - CRAFT_PARTS];
        const struct craft_piece *bt = &craft_pieces(b, &b->layers[layer])[s->index - CRAFT_PARTS];
        return at->len == bt->len &&
               (!at->len || memcmp(craft_at(a, at->at), craft_at(b, bt->at), at->len) == 0);
    }
    if (sok_packet_get(a, layer, s, &to_one, &x) || sok_packet_get(b, layer, s, &to_two, &y) ||
        x.type != y.type)
        return false;
    if (x.type == SOK_ITEM_NUMBER)
        return x.number == y.number;
    return x.count == y.count && (!x.count || memcmp(x.bytes, y.bytes, x.count) == 0);
}

bool sok_packet_equal(const struct sok_packet *a, const struct sok_packet *b)
{
    struct sok_slot slot;
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        if (a->layers[i].proto != b->layers[i].proto)
            return false;
        for (unsigned k = 0; sok_packet_slot_at(a, i, k, &slot); k++) {
            if (!same_field(a, b, i, &slot))
                return false;
        }
    }
    return true;
}
