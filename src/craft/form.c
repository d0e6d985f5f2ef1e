// A header that looks otherwise behind some protocol (DNS over TCP has its length in front) takes that form when it comes
// there: what was given of fields of the same names stays.
#include <string.h>
#include "base/err.h"
#include "craft/internal.h"

// The form that a protocol has behind another; several of them may follow each other.
static const struct sok_proto *form_behind(
    const struct sok_proto *proto, const struct sok_proto *under)
{
    const struct sok_proto *plain =
        proto->family && proto->family->form == proto ? proto->family : proto;
    bool other = plain->form && (plain->behind == under || plain->form == under);
    return other ? plain->form : plain;
}

static int row_named(const struct sok_proto *proto, const char *name)
{
    const struct sok_field *row = sok_proto_field(proto, name);
    return row ? (int)(row - proto->fields) : -1;
}

static int part_named(const struct sok_proto *proto, const char *name)
{
    const struct sok_part *part = sok_proto_part(proto, name);
    return part ? CRAFT_PARTS + (int)(part - proto->parts) : -1;
}

// The same field in the other form, by the index that is the bit of what was given; below 0: it has none.
static int index_in(const struct sok_proto *to, const struct sok_proto *from, unsigned index)
{
    if (index < from->field_count)
        return row_named(to, from->fields[index].name);
    if (index >= CRAFT_PARTS && index - CRAFT_PARTS < from->part_count)
        return part_named(to, from->parts[index - CRAFT_PARTS].name);
    return -1;
}

static void copy_row(const struct sok_field *to, uint8_t *out, const struct sok_field *from,
    const uint8_t *in, size_t there)
{
    if (sok_field_end(from) > there || from->bits != to->bits)
        return;
    if (from->bytes)
        memcpy(out + to->bit / 8, in + from->bit / 8, from->bits / 8);
    else
        sok_field_set(to, out, sok_field_get(from, in));
}

// Fields of the same names, and the bytes that no part covers.
static void copy_fields(
    struct sok_packet *p, struct craft_layer *to, const struct craft_layer *from)
{
    struct craft_piece *piece = craft_pieces(p, to);
    const struct craft_piece *had = craft_pieces(p, from);
    for (unsigned i = 0; i < from->proto->field_count; i++) {
        int row = row_named(to->proto, from->proto->fields[i].name);
        if (row >= 0)
            copy_row(&to->proto->fields[row], craft_fixed(p, to), &from->proto->fields[i],
                craft_fixed(p, from), from->fixed);
    }
    for (unsigned i = 0; i < from->proto->part_count; i++) {
        int part = part_named(to->proto, from->proto->parts[i].name);
        if (part >= 0)
            piece[part - CRAFT_PARTS] = had[i];
    }
    piece[to->proto->part_count] = had[from->proto->part_count];
    to->set = 0;
    for (unsigned i = 0; i < 64; i++) {
        int index = from->set >> i & 1 ? index_in(to->proto, from->proto, i) : -1;
        if (index >= 0)
            to->set |= (uint64_t)1 << index;
    }
}

static void move_sets(
    struct sok_packet *p, unsigned layer, const struct sok_proto *to, const struct sok_proto *from)
{
    for (unsigned i = p->set_count; i-- > 0;) {
        if (p->sets[i].layer != layer)
            continue;
        int index = index_in(to, from, p->sets[i].index);
        if (index >= 0)
            p->sets[i].index = (uint16_t)index;
        else
            sok_craft_set_drop(p, layer, p->sets[i].index);
    }
}

static int change(struct sok_packet *p, unsigned layer, const struct sok_proto *proto)
{
    // What refers to other bytes of the header would find others there.
    int err = p->layers[layer].header_len ? sok_craft_settle(p, layer) : 0;
    const struct craft_entry *e = sok_craft_entry(p->book, proto);
    if (err || !e)
        return err;
    size_t pieces = (proto->part_count + 1) * sizeof(struct craft_piece);
    uint32_t at = sok_craft_take(p, pieces + e->initial_len);
    if (at == UINT32_MAX)
        return SOK_ENOMEM;
    const struct craft_layer from = p->layers[layer];
    struct craft_layer *l = &p->layers[layer];
    l->proto = proto;
    l->entry = e;
    l->parts = at;
    l->at = at + (uint32_t)pieces;
    l->fixed = l->room = e->fixed;
    l->header_len = 0;
    memcpy(craft_at(p, l->at), e->initial, e->initial_len);
    for (unsigned i = 0; i < proto->part_count; i++)
        craft_pieces(p, l)[i] = (struct craft_piece){l->at + e->parts[i].at, e->parts[i].len};
    copy_fields(p, l, &from);
    move_sets(p, layer, proto, from.proto);
    return 0;
}

int sok_craft_fit_forms(struct sok_packet *p, unsigned from)
{
    for (unsigned i = from > 0 ? from : 1; i < p->count; i++) {
        const struct sok_proto *form = form_behind(p->layers[i].proto, p->layers[i - 1].proto);
        int err = form != p->layers[i].proto ? change(p, i, form) : 0;
        if (err)
            return err;
    }
    return 0;
}
