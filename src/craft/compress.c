// A packet whose message says the same in fewer bytes, as its protocol knows to.
#include <string.h>
#include "base/err.h"
#include "craft/internal.h"

// The layer as it would be sent, compressed and read again; alone in *out.
static int shorter(const struct sok_packet *p, unsigned layer, struct sok_packet **out)
{
    const struct sok_mem *mem = sok_book_mem(p->book);
    const struct sok_proto *proto = p->layers[layer].proto;
    uint8_t *bytes = sok_mem_alloc(mem, 2 * SOK_CRAFT_PACKET_MAX);
    if (!bytes)
        return SOK_ENOMEM;
    struct sok_sink sink = sok_sink(bytes + SOK_CRAFT_PACKET_MAX, SOK_CRAFT_PACKET_MAX);
    int len = sok_packet_build(p, layer, NULL, bytes, SOK_CRAFT_PACKET_MAX);
    int above = layer + 1 < p->count ? sok_packet_build(p, layer + 1, NULL, NULL, 0) : 0;
    int err = len < 0 ? len : 0;
    if (!err && !proto->compress(bytes, (size_t)(len - above), &sink))
        err = SOK_EINVAL;
    if (!err)
        err = sok_packet_dissect(p->book, proto, sink.out, sink.used, out);
    sok_mem_free(mem, bytes, 2 * SOK_CRAFT_PACKET_MAX);
    return err;
}

// What nobody gave follows from the rest, as before.
static void unset_same(struct sok_packet *p, const struct sok_packet *like, unsigned layer)
{
    struct sok_slot slot;
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
        if (slot.row && slot.row->how == SOK_FIELD_DERIVED &&
            !sok_packet_is_set(like, layer, &slot))
            sok_packet_unset(p, layer, &slot);
    }
}

int sok_packet_compress(const struct sok_packet *p, unsigned from, struct sok_packet **out)
{
    struct sok_packet *q = NULL, *r = NULL;
    *out = NULL;
    while (from < p->count && !p->layers[from].proto->compress)
        from++;
    if (from >= p->count)
        return SOK_EINVAL;
    int err = shorter(p, from, &q);
    if (!err && !(r = sok_packet_copy(p)))
        err = SOK_ENOMEM;
    if (!err) {
        sok_packet_cut(r, from);
        sok_packet_cut(q, 1);
        err = sok_packet_join(r, q, 0);
        err = err ? err : sok_packet_join(r, p, from + 1);
        unset_same(r, p, from);
    }
    sok_packet_free(q);
    if (err)
        sok_packet_free(r);
    else
        *out = r;
    return err;
}
