// Bytes into layers, all of whose fields are given. Nothing is trusted; nothing is refused.
#include <string.h>
#include "base/err.h"
#include "craft/internal.h"

#define OVERHEAD 96 // bytes of pieces and alignment a layer, roughly

// The layer's bytes at p: `len` of them are its header.
static int take_header(struct sok_packet *packet, const struct sok_proto *proto, const uint8_t *p,
    size_t len, uint8_t note)
{
    struct sok_span spans[SOK_PARTS_MAX];
    int err;
    struct craft_layer *l = sok_craft_layer_add(packet, proto, &err);
    if (!l)
        return err;
    size_t fixed = sok_proto_fixed(proto, p, len), parts = proto->part_count;
    size_t head = (parts + 1) * sizeof(struct craft_piece);
    uint32_t at = sok_craft_take(packet, head + fixed + len);
    if (at == UINT32_MAX)
        return SOK_ENOMEM;
    l->parts = at;
    l->at = at + (uint32_t)head;
    l->fixed = l->room = (uint32_t)fixed;
    l->header = l->at + (uint32_t)fixed;
    l->set = CRAFT_ALL;
    l->note = note;
    uint8_t *copy = craft_at(packet, l->header);
    memcpy(copy, p, len);
    struct craft_piece *piece = craft_pieces(packet, l);
    size_t covered = fixed;
    if (parts) {
        sok_parts_find(proto, copy, len, craft_fixed(packet, l), spans);
        l->header_len = (uint32_t)len;
    } else {
        memset(craft_fixed(packet, l), 0, fixed);
        memcpy(craft_fixed(packet, l), copy, len < fixed ? len : fixed);
    }
    for (unsigned i = 0; i < parts; i++) {
        piece[i] = (struct craft_piece){l->header + (uint32_t)spans[i].off, (uint32_t)spans[i].len};
        covered += spans[i].len;
    }
    size_t rest = covered < len ? len - covered : 0;
    if (covered > len) // a layout that is longer than the header: of that, what is there
        l->fixed -= (uint32_t)(covered - len < fixed ? covered - len : fixed);
    piece[parts] = (struct craft_piece){l->header + (uint32_t)(len - rest), (uint32_t)rest};
    packet->count++;
    return 0;
}

static int take_rest(struct sok_packet *packet, const struct sok_proto *proto, const uint8_t *p,
    size_t len, const struct sok_proto *meant)
{
    int err = take_header(packet, proto, p, len, meant ? CRAFT_SHORT : 0);
    if (!err)
        packet->layers[packet->count - 1].meant = meant;
    return err;
}

struct walk {
    struct sok_packet *packet;
    const uint8_t *p;
    size_t off, end; // of what is left of the innermost payload
    const struct sok_proto *proto;
    const struct sok_proto *again; // may stand again behind what it said is its payload; NULL: none
    size_t again_at, again_end;
};

// One header; false: no more.
static bool step(struct walk *w, int *err)
{
    struct sok_packet *packet = w->packet;
    const struct sok_proto *raw = sok_craft_raw(packet->book);
    const uint8_t *p = w->p + w->off;
    size_t len = w->end - w->off;
    struct sok_layer l;
    bool last = packet->count >= SOK_CRAFT_LAYERS_MAX - 2;
    if (!w->proto || w->proto == raw || last) {
        *err = take_rest(packet, raw, p, len, NULL);
        w->off = w->end;
        return false;
    }
    bool more = sok_layer_measure(w->proto, p, len, &l);
    if (l.truncated) {
        *err = take_rest(packet, raw, p, len, w->proto);
        w->off = w->end;
        return false;
    }
    uint8_t note = (uint8_t)((l.malformed ? CRAFT_MALFORMED : 0) | (l.cut ? CRAFT_CUT : 0));
    *err = take_header(packet, w->proto, p, l.header, note);
    const struct sok_proto *next =
        more ? sok_book_next(packet->book, w->proto, p, l.header, l.header + l.payload) : NULL;
    w->off += l.header;
    if (w->proto->repeats) {
        w->again = w->proto;
        w->again_at = w->off + l.payload;
        w->again_end = w->end;
    }
    w->end = w->off + l.payload;
    // A header of no bytes that is followed by itself would never end.
    w->proto = l.header == 0 ? NULL : next;
    return !*err && w->end > w->off;
}

// What is read is over. False: nothing stands behind it in the same place.
static bool is_there_again(struct walk *w)
{
    bool room = w->packet->count < SOK_CRAFT_LAYERS_MAX - 2;
    if (!w->again || !room || w->off != w->again_at || w->off >= w->again_end)
        return false;
    w->end = w->again_end;
    w->proto = w->again->variant(w->p + w->off, w->end - w->off);
    w->again = NULL;
    return true;
}

static int take_all(
    struct sok_packet *packet, const struct sok_proto *first, const uint8_t *data, size_t len)
{
    size_t room = len < SOK_CRAFT_PACKET_MAX ? len : SOK_CRAFT_PACKET_MAX;
    int err = 0;
    struct walk w = {
        .packet = packet, .p = data, .end = room, .proto = sok_proto_first(first, data, room)};
    if (room > 0)
        do {
            while (step(&w, &err))
                ;
        } while (!err && is_there_again(&w));
    if (!err && w.end < room)
        err = take_rest(packet, sok_craft_padding(packet->book), data + w.end, room - w.end, NULL);
    return err;
}

int sok_packet_dissect(const struct sok_book *book, const struct sok_proto *first,
    const uint8_t *data, size_t len, struct sok_packet **out)
{
    size_t room = len < SOK_CRAFT_PACKET_MAX ? len : SOK_CRAFT_PACKET_MAX;
    struct sok_packet *packet = sok_craft_new(book, CRAFT_OWN_LAYERS, 2 * room + 4 * OVERHEAD);
    *out = NULL;
    int err = packet ? take_all(packet, first, data, len) : SOK_ENOMEM;
    if (err) {
        sok_packet_free(packet);
        return err;
    }
    *out = packet;
    return 0;
}

int sok_packet_redissect(
    struct sok_packet *p, const struct sok_proto *first, const uint8_t *data, size_t len)
{
    sok_packet_cut(p, 0);
    int err = take_all(p, first, data, len);
    if (err)
        sok_packet_cut(p, 0);
    return err;
}
