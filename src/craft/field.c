// Fields of a layer: found by name, read, given.
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"

static const struct sok_field *rows_of(
    const struct sok_packet *p, const struct craft_layer *l, unsigned *count)
{
    return sok_proto_rows(l->proto, craft_fixed(p, l), l->room, count);
}

static bool row_named(
    const struct sok_field *rows, unsigned count, const char *name, struct sok_slot *out)
{
    for (unsigned i = 0; i < count && i < CRAFT_ROWS_MAX; i++) {
        if (sok_str_eq(rows[i].name, name)) {
            *out = (struct sok_slot){.row = &rows[i], .index = i};
            return true;
        }
    }
    return false;
}

// The layout depends on the first byte: which of them has this field? So that an error can say what is missing.
static bool other_view(
    const struct sok_packet *p, const struct craft_layer *l, const char *name, struct sok_slot *out)
{
    uint8_t fixed[CRAFT_FIXED_MAX];
    unsigned count;
    memcpy(fixed, craft_fixed(p, l), l->fixed);
    for (unsigned type = 0; type < 256; type++) {
        fixed[0] = (uint8_t)type;
        const struct sok_field *rows = sok_proto_rows(l->proto, fixed, l->fixed, &count);
        if (row_named(rows, count, name, out))
            return true;
    }
    return false;
}

// The field in the first byte that brings such a layout, if one alone does: else the first.
static const char *telling(
    const struct sok_packet *p, const struct craft_layer *l, const char *name)
{
    uint8_t fixed[CRAFT_FIXED_MAX];
    struct sok_slot unused;
    unsigned count, n;
    const struct sok_field *own = rows_of(p, l, &n);
    for (unsigned i = 0; i < n && sok_field_end(&own[i]) <= 1; i++) {
        for (uint64_t v = 0; v <= sok_bits_mask(own[i].bits); v++) {
            memcpy(fixed, craft_fixed(p, l), l->fixed);
            sok_field_set(&own[i], fixed, v);
            const struct sok_field *rows = sok_proto_rows(l->proto, fixed, l->fixed, &count);
            if (row_named(rows, count, name, &unused))
                return own[i].name;
        }
    }
    return l->proto->fields[0].name;
}

// A row that `other_view` found: in this packet something else lies there.
static bool is_foreign(
    const struct sok_packet *p, const struct craft_layer *l, const struct sok_slot *slot)
{
    if (!l->proto->view || !slot->row)
        return false;
    unsigned count;
    const struct sok_field *rows = rows_of(p, l, &count);
    return slot->index >= count || rows[slot->index].bit != slot->row->bit ||
           rows[slot->index].bits != slot->row->bits ||
           !sok_str_eq(rows[slot->index].name, slot->row->name);
}

bool sok_packet_slot(
    const struct sok_packet *p, unsigned layer, const char *name, struct sok_slot *out)
{
    if (layer >= p->count)
        return false;
    const struct craft_layer *l = &p->layers[layer];
    unsigned count;
    const struct sok_field *rows = rows_of(p, l, &count);
    if (row_named(rows, count, name, out))
        return true;
    for (unsigned i = 0; i < l->proto->part_count; i++) {
        if (sok_str_eq(l->proto->parts[i].name, name)) {
            *out = (struct sok_slot){.part = &l->proto->parts[i], .index = CRAFT_PARTS + i};
            return true;
        }
    }
    return l->proto->view && other_view(p, l, name, out);
}

// Parts come before the first row that lies behind them.
static bool slot_among(const struct sok_proto *proto, const struct sok_field *rows, unsigned count,
    unsigned i, struct sok_slot *out)
{
    unsigned row = 0, part = 0;
    // Most have their parts behind all rows: nothing to count then.
    if (count > 0 && (!proto->part_count || proto->parts[0].at * 8u > rows[count - 1].bit)) {
        row = i < count ? i : count;
        i -= row;
    }
    for (;; i--) {
        bool has_row = row < count;
        bool is_part =
            part < proto->part_count && (!has_row || proto->parts[part].at * 8u <= rows[row].bit);
        if (!is_part && !has_row)
            return false;
        if (i == 0) {
            *out = is_part
                       ? (struct sok_slot){.part = &proto->parts[part], .index = CRAFT_PARTS + part}
                       : (struct sok_slot){.row = &rows[row], .index = row};
            return true;
        }
        part += is_part;
        row += !is_part;
    }
}

bool sok_packet_slot_at(
    const struct sok_packet *p, unsigned layer, unsigned i, struct sok_slot *out)
{
    unsigned count;
    if (layer >= p->count)
        return false;
    const struct craft_layer *l = &p->layers[layer];
    const struct sok_field *rows = rows_of(p, l, &count);
    return slot_among(l->proto, rows, count, i, out);
}

void sok_packet_no_slot(
    const struct sok_packet *p, unsigned layer, const char *name, struct sok_craft_error *e)
{
    struct sok_text t = sok_text(e->text, sizeof e->text);
    struct sok_slot slot;
    sok_text_add(&t, "%s has no field '%s'; it has: ", sok_packet_layer(p, layer)->name, name);
    for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++)
        sok_text_add(&t, i ? ", %s" : "%s", slot.row ? slot.row->name : slot.part->name);
}

// ---- giving ----

bool sok_packet_is_set(const struct sok_packet *p, unsigned layer, const struct sok_slot *slot)
{
    return layer < p->count && craft_given(&p->layers[layer], slot);
}

// A row's default; what all layouts of a header have in common has that of the header.
static uint64_t initial_of(const struct craft_layer *l, const struct sok_slot *slot)
{
    const struct sok_field *row = slot->row;
    if (slot->index >= l->proto->field_count)
        return row->initial;
    const struct sok_field *own = &l->proto->fields[slot->index];
    return own->bit == row->bit && own->bits == row->bits ? own->initial : row->initial;
}

void sok_packet_unset(struct sok_packet *p, unsigned layer, const struct sok_slot *slot)
{
    if (layer >= p->count)
        return;
    struct craft_layer *l = &p->layers[layer];
    const struct craft_entry *e = l->entry;
    l->set &= ~((uint64_t)1 << slot->index);
    sok_craft_set_drop(p, layer, slot->index);
    if (slot->part) {
        unsigned i = slot->index - CRAFT_PARTS;
        // Never more than it once had room for, but for a dissected header.
        (void)sok_craft_part_put(p, layer, i, e->initial + e->parts[i].at, e->parts[i].len);
    } else if (sok_field_end(slot->row) > l->room || is_foreign(p, l, slot)) {
        return;
    } else if (slot->row->bytes) {
        size_t at = slot->row->bit / 8, len = slot->row->bits / 8;
        memset(craft_fixed(p, l) + at, 0, len);
        if (at + len <= e->fixed)
            memcpy(craft_fixed(p, l) + at, e->initial + at, len);
    } else {
        unsigned count;
        const struct sok_field *before = rows_of(p, l, &count);
        sok_field_set(slot->row, craft_fixed(p, l), initial_of(l, slot));
        (void)sok_craft_refit_from(p, layer, before, count);
    }
}

void sok_craft_row_put(const struct sok_field *row, uint8_t *fixed, const uint8_t *value)
{
    if (row->bytes)
        memcpy(fixed + row->bit / 8, value, row->bits / 8);
    else
        sok_field_set(row, fixed, sok_get64(value));
}

// {80, 443, {1, 10}}: a list in it is a first and a last value.
static int parse_one(const struct craft_where *w, const struct sok_item *item, uint8_t *first,
    uint8_t *last, size_t width)
{
    if (item->type != SOK_ITEM_LIST)
        return sok_craft_parse(w, item, first, last, width);
    uint8_t unused[CRAFT_FIXED_MAX];
    if (item->count != 2 || item->list[0].type == SOK_ITEM_LIST ||
        item->list[1].type == SOK_ITEM_LIST)
        return sok_craft_fail(w, "a list in a set is a range of two values, {first, last}");
    int err = sok_craft_parse(w, &item->list[0], first, unused, width);
    err = err ? err : sok_craft_parse(w, &item->list[1], unused, last, width);
    if (!err && memcmp(first, last, width) > 0)
        return sok_craft_fail(w, "a range ends before it begins");
    return err;
}

static int set_of_rows(
    struct sok_packet *p, const struct craft_where *w, const struct sok_item *value, size_t width)
{
    unsigned count = value->type == SOK_ITEM_LIST ? value->count : 1;
    if (count == 0)
        return sok_craft_fail(w, "a set without values");
    sok_craft_set_drop(p, w->layer, w->slot->index);
    struct craft_set *s = sok_craft_set_add(p, w->layer, w->slot->index, (unsigned)width, count);
    if (!s)
        return sok_craft_fail(w, "too many sets");
    uint8_t *at = craft_at(p, s->at);
    for (unsigned i = 0; i < count; i++, at += 2 * width) {
        const struct sok_item *item = value->type == SOK_ITEM_LIST ? &value->list[i] : value;
        int err = parse_one(w, item, at, at + width, width);
        if (err) {
            sok_craft_set_drop(p, w->layer, w->slot->index);
            return err;
        }
    }
    sok_craft_set_count(p, s);
    return 0;
}

static int no_such_field(const struct sok_packet *p, const struct craft_where *w)
{
    const char *by = telling(p, &p->layers[w->layer], w->slot->row->name);
    return sok_craft_fail(w, "no such field with this %s: give %s first", by, by);
}

static int set_row(struct sok_packet *p, const struct craft_where *w, const struct sok_item *value)
{
    const struct sok_field *row = w->slot->row;
    struct craft_layer *l = &p->layers[w->layer];
    uint8_t first[CRAFT_FIXED_MAX], last[CRAFT_FIXED_MAX];
    size_t width = craft_width(row);
    int err = 0;
    if (width > sizeof first)
        return SOK_EINVAL;
    if (is_foreign(p, l, w->slot) || sok_field_end(row) > l->room)
        return no_such_field(p, w);
    bool is_set = value->type == SOK_ITEM_LIST;
    if (!is_set) {
        err = sok_craft_parse(w, value, first, last, width);
        if (err)
            return err;
        is_set = memcmp(first, last, width) != 0;
    }
    if (is_set) {
        err = set_of_rows(p, w, value, width);
        if (err)
            return err;
        memcpy(first, craft_at(p, sok_craft_set_find(p, w->layer, w->slot->index)->at), width);
    } else if (p->set_count) {
        sok_craft_set_drop(p, w->layer, w->slot->index);
    }
    unsigned count;
    const struct sok_field *before = rows_of(p, l, &count);
    sok_craft_row_put(row, craft_fixed(p, l), first);
    l->set |= (uint64_t)1 << w->slot->index;
    return sok_craft_refit_from(p, w->layer, before, count);
}

// ---- parts ----

#define PART_MAX   SOK_CRAFT_PACKET_MAX
#define PART_FIRST 512
#define ITEMS_MAX  (1u << 20)

static int write_part(
    const struct craft_where *w, const struct sok_item *value, struct sok_sink *out)
{
    char why[160];
    struct sok_text text = sok_text(why, sizeof why);
    const struct sok_part *part = w->slot->part;
    if (part->put && value->type != SOK_ITEM_BYTES) {
        if (!part->put(part, value, out, &text))
            return sok_craft_fail(w, "%s", why);
    } else if (part->put) { // bytes may be a text it understands
        if (!part->put(part, value, out, &text))
            return sok_craft_fail(w, "%s", why);
    } else if (value->type == SOK_ITEM_BYTES || value->type == SOK_ITEM_PACKET) {
        sok_sink_put(out, value->bytes, value->count);
    } else {
        return sok_craft_fail(w, "bytes are wanted");
    }
    return out->used > PART_MAX ? sok_craft_fail(w, "too long (%zu bytes)", out->used) : 0;
}

// The other parts of a dissected header, read and written again: names that refer to others are whole then.
static int rewrite_others(struct sok_packet *p, unsigned layer, unsigned but);

int sok_craft_settle(struct sok_packet *p, unsigned layer)
{
    return rewrite_others(p, layer, SOK_PARTS_MAX);
}

static int put_part(struct sok_packet *p, const struct craft_where *w, const struct sok_item *value)
{
    uint8_t small[PART_FIRST];
    struct sok_sink out = sok_sink(small, sizeof small);
    out.fixed = craft_fixed(p, &p->layers[w->layer]);
    const struct sok_mem *mem = sok_book_mem(p->book);
    uint8_t *large = NULL;
    int err = write_part(w, value, &out);
    size_t size = out.used;
    if (!err && size > sizeof small) {
        large = sok_mem_alloc(mem, size);
        if (!large)
            return SOK_ENOMEM;
        out = sok_sink(large, size);
        out.fixed = craft_fixed(p, &p->layers[w->layer]);
        err = write_part(w, value, &out);
    }
    if (!err)
        err = sok_craft_part_put(p, w->layer, w->slot->index - CRAFT_PARTS, out.out, out.used);
    sok_mem_free(mem, large, size);
    return err;
}

// The bytes of a set's values; pieces of them lie at `at`.
static int keep_values(struct sok_packet *p, const struct sok_item *value, uint32_t at)
{
    for (unsigned i = 0; i < value->count; i++) {
        struct craft_piece piece = {sok_craft_take(p, value->list[i].count), value->list[i].count};
        if (piece.at == UINT32_MAX)
            return SOK_ENOMEM;
        if (piece.len)
            memcpy(craft_at(p, piece.at), value->list[i].bytes, piece.len);
        memcpy(craft_at(p, at) + i * sizeof piece, &piece, sizeof piece);
    }
    return 0;
}

// A list for a part that is bytes is a set of them.
static int set_of_parts(
    struct sok_packet *p, const struct craft_where *w, const struct sok_item *value)
{
    for (unsigned i = 0; i < value->count; i++) {
        if (value->list[i].type != SOK_ITEM_BYTES)
            return sok_craft_fail(w, "a set of bytes is wanted");
    }
    if (value->count == 0)
        return sok_craft_fail(w, "a set without values");
    struct craft_set *s = sok_craft_set_add(p, w->layer, w->slot->index, 0, value->count);
    if (!s)
        return sok_craft_fail(w, "too many sets");
    int err = keep_values(p, value, s->at);
    s->values = value->count;
    err = err ? err : put_part(p, w, &value->list[0]);
    if (err)
        sok_craft_set_drop(p, w->layer, w->slot->index);
    return err;
}

static int set_part(struct sok_packet *p, const struct craft_where *w, const struct sok_item *value)
{
    unsigned i = w->slot->index - CRAFT_PARTS;
    int err = 0;
    sok_craft_set_drop(p, w->layer, w->slot->index);
    if (p->layers[w->layer].header_len && p->layers[w->layer].proto->part_count > 1)
        err = rewrite_others(p, w->layer, i);
    if (err)
        return err;
    err = !w->slot->part->put && value->type == SOK_ITEM_LIST ? set_of_parts(p, w, value)
                                                              : put_part(p, w, value);
    if (!err)
        p->layers[w->layer].set |= (uint64_t)1 << w->slot->index;
    return err;
}

int sok_packet_set(struct sok_packet *p, unsigned layer, const struct sok_slot *slot,
    const struct sok_item *value, struct sok_craft_error *e)
{
    struct sok_craft_error unused;
    struct craft_where w = {p, layer, slot, e ? e : &unused};
    if (layer >= p->count)
        return SOK_EINVAL;
    w.e->text[0] = 0;
    sok_craft_tidy(p);
    if (value->type == SOK_ITEM_NONE) {
        sok_packet_unset(p, layer, slot);
        return 0;
    }
    int err = slot->row ? set_row(p, &w, value) : set_part(p, &w, value);
    if (err == SOK_ENOMEM)
        (void)sok_craft_fail(&w, "no memory");
    return err;
}

// ---- reading ----

static int get_part(const struct sok_packet *p, const struct craft_layer *l,
    const struct sok_slot *slot, struct sok_items *to, struct sok_item *out)
{
    const struct craft_piece *piece = &craft_pieces(p, l)[slot->index - CRAFT_PARTS];
    *out = sok_item_bytes(craft_at(p, piece->at), piece->len);
    if (!slot->part->get)
        return 0;
    struct sok_span span = {craft_at(p, piece->at), piece->len, 0, piece->len, craft_fixed(p, l)};
    if (l->header_len && piece->at >= l->header) {
        span.header = craft_at(p, l->header);
        span.off = piece->at - l->header;
        span.header_len = l->header_len;
        if (span.header_len < span.off + span.len)
            span.header_len = span.off + span.len;
    }
    struct sok_item item = {0};
    bool ok = slot->part->get(slot->part, &span, to, &item);
    if (!ok)
        return to->full ? SOK_ENOMEM : 0;
    *out = item;
    return 0;
}

// What is in the layer, after what follows from the others.
static const uint8_t *effective(const struct sok_packet *p, unsigned layer,
    const struct sok_slot *slot, uint8_t copy[CRAFT_FIXED_MAX])
{
    const struct craft_layer *l = &p->layers[layer];
    const struct craft_entry *e = l->entry;
    const uint8_t *fixed = craft_fixed(p, l);
    uint64_t bit = (uint64_t)1 << slot->index;
    bool follows = (e->named | e->source | e->hop) & bit && !(l->set & bit);
    if (!follows || l->fixed > CRAFT_FIXED_MAX)
        return fixed;
    memcpy(copy, fixed, l->fixed);
    sok_craft_follow(p, layer, NULL, copy);
    return copy;
}

static bool known_late(const struct craft_layer *l, const struct sok_slot *slot)
{
    return slot->row->how == SOK_FIELD_DERIVED && !craft_given(l, slot) &&
           !(l->entry->named >> slot->index & 1);
}

int sok_packet_get(const struct sok_packet *p, unsigned layer, const struct sok_slot *slot,
    struct sok_items *to, struct sok_item *out)
{
    uint8_t copy[CRAFT_FIXED_MAX];
    const struct craft_layer *l = &p->layers[layer];
    *out = (struct sok_item){0};
    if (layer >= p->count)
        return SOK_EINVAL;
    if (slot->part)
        return get_part(p, l, slot, to, out);
    const struct sok_field *row = slot->row;
    if (known_late(l, slot) || sok_field_end(row) > l->fixed || is_foreign(p, l, slot))
        return 0;
    const uint8_t *fixed = effective(p, layer, slot, copy);
    if (!row->bytes) {
        *out = sok_item_number(sok_field_get(row, fixed));
        return 0;
    }
    const uint8_t *at = fixed + row->bit / 8;
    if (fixed == copy) {
        uint8_t *kept = sok_items_bytes(to, row->bits / 8);
        if (!kept)
            return SOK_ENOMEM;
        memcpy(kept, at, row->bits / 8);
        at = kept;
    }
    *out = sok_item_bytes(at, row->bits / 8);
    return 0;
}

bool sok_packet_number(
    const struct sok_packet *p, unsigned layer, const struct sok_slot *slot, uint64_t *out)
{
    uint8_t copy[CRAFT_FIXED_MAX];
    const struct craft_layer *l = &p->layers[layer];
    if (layer >= p->count || !slot->row || slot->row->bytes || known_late(l, slot) ||
        sok_field_end(slot->row) > l->fixed || is_foreign(p, l, slot))
        return false;
    *out = sok_field_get(slot->row, effective(p, layer, slot, copy));
    return true;
}

const uint8_t *sok_packet_fixed(const struct sok_packet *p, unsigned layer, size_t *len)
{
    if (layer >= p->count || p->layers[layer].set != CRAFT_ALL)
        return NULL;
    *len = p->layers[layer].fixed;
    return craft_fixed(p, &p->layers[layer]);
}

// ---- a dissected header whose parts are about to move ----

static int rewrite(struct sok_packet *p, unsigned layer, unsigned i, uint8_t *memory, size_t size)
{
    struct craft_layer *l = &p->layers[layer];
    struct sok_slot slot = {.part = &l->proto->parts[i], .index = CRAFT_PARTS + i};
    struct craft_where w = {p, layer, &slot, &(struct sok_craft_error){{0}}};
    struct sok_items items = sok_items(memory, size);
    struct sok_item value;
    int err = get_part(p, l, &slot, &items, &value);
    // What cannot be read or written stays as it is.
    if (!err && value.type != SOK_ITEM_BYTES)
        err = put_part(p, &w, &value);
    return err == SOK_EINVAL ? 0 : err;
}

static int rewrite_others(struct sok_packet *p, unsigned layer, unsigned but)
{
    const struct sok_mem *mem = sok_book_mem(p->book);
    uint8_t *memory = sok_mem_alloc(mem, ITEMS_MAX);
    if (!memory)
        return SOK_ENOMEM;
    int err = 0;
    for (unsigned i = 0; !err && i < p->layers[layer].proto->part_count; i++) {
        if (i != but && p->layers[layer].proto->parts[i].refers)
            err = rewrite(p, layer, i, memory, ITEMS_MAX);
    }
    // From now on no part refers to the header it came with.
    if (!err)
        p->layers[layer].header_len = 0;
    sok_mem_free(mem, memory, ITEMS_MAX);
    return err;
}
