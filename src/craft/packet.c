// A packet's memory: layers, their bytes, the sets.
#include "craft/packet.h"

#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"

#define DATA_MAX (16u << 20)
#define TIDY_MIN (64u << 10)

static struct craft_layer *own_layers(struct sok_packet *p)
{
    return (struct craft_layer *)(void *)(p + 1);
}

static uint8_t *own_data(struct sok_packet *p)
{
    return (uint8_t *)(own_layers(p) + p->own);
}

struct sok_packet *sok_craft_new(const struct sok_book *book, unsigned layers, size_t data)
{
    size_t own = (data + 15) / 16 * 16,
           block = sizeof(struct sok_packet) + layers * sizeof(struct craft_layer) + own;
    if (own > DATA_MAX)
        return NULL;
    struct sok_packet *p = sok_mem_alloc(sok_book_mem(book), block);
    if (!p)
        return NULL;
    *p = (struct sok_packet){.book = book,
        .block = block,
        .size = (uint32_t)own,
        .own = (uint16_t)layers,
        .room = (uint16_t)layers};
    p->data = own_data(p);
    p->layers = own_layers(p);
    return p;
}

struct sok_packet *sok_packet_new(const struct sok_book *book)
{
    return sok_craft_new(book, CRAFT_OWN_LAYERS, CRAFT_DATA_MIN);
}

void sok_packet_free(struct sok_packet *p)
{
    if (!p)
        return;
    const struct sok_mem *mem = sok_book_mem(p->book);
    if (p->data != own_data(p))
        sok_mem_free(mem, p->data, p->size);
    if (p->layers != own_layers(p))
        sok_mem_free(mem, p->layers, p->room * sizeof *p->layers);
    sok_mem_free(mem, p->sets, p->set_room * sizeof *p->sets);
    sok_mem_free(mem, p, p->block);
}

struct sok_packet *sok_packet_pack(struct sok_packet *p)
{
    if (p->set_room > 0)
        return p;
    struct sok_packet *q = sok_craft_new(p->book, p->count, p->used);
    if (!q)
        return p;
    memcpy(q->layers, p->layers, p->count * sizeof *p->layers);
    memcpy(q->data, p->data, p->used);
    q->count = p->count;
    q->used = p->used;
    sok_packet_free(p);
    return q;
}

const struct sok_book *sok_packet_book(const struct sok_packet *p)
{
    return p->book;
}

uint32_t sok_craft_take(struct sok_packet *p, size_t len)
{
    uint32_t at = (p->used + 7) & ~7u;
    if (len > DATA_MAX || at + len > DATA_MAX)
        return UINT32_MAX;
    if (at + len > p->size) {
        const struct sok_mem *mem = sok_book_mem(p->book);
        bool own = p->data == own_data(p);
        size_t size = 2 * (at + len);
        uint8_t *data =
            own ? sok_mem_alloc(mem, size) : sok_mem_resize(mem, p->data, p->size, size);
        if (!data)
            return UINT32_MAX;
        if (own)
            memcpy(data, p->data, p->used);
        p->data = data;
        p->size = (uint32_t)size;
    }
    p->used = at + (uint32_t)len;
    return at;
}

static bool more_layers(struct sok_packet *p)
{
    const struct sok_mem *mem = sok_book_mem(p->book);
    size_t room = p->room < CRAFT_OWN_LAYERS ? 2 * CRAFT_OWN_LAYERS : SOK_CRAFT_LAYERS_MAX;
    struct craft_layer *layers = sok_mem_alloc(mem, room * sizeof *layers);
    if (!layers)
        return false;
    memcpy(layers, p->layers, p->count * sizeof *layers);
    if (p->layers != own_layers(p))
        sok_mem_free(mem, p->layers, p->room * sizeof *layers);
    p->layers = layers;
    p->room = (uint16_t)room;
    return true;
}

struct craft_layer *sok_craft_layer_add(
    struct sok_packet *p, const struct sok_proto *proto, int *err)
{
    const struct craft_entry *entry = sok_craft_entry(p->book, proto);
    *err = SOK_EINVAL;
    if (!entry)
        return NULL;
    *err = SOK_EMSGSIZE;
    if (p->count == SOK_CRAFT_LAYERS_MAX)
        return NULL;
    *err = SOK_ENOMEM;
    if (p->count == p->room && !more_layers(p))
        return NULL;
    struct craft_layer *l = &p->layers[p->count];
    *l = (struct craft_layer){.proto = proto, .entry = entry};
    *err = 0;
    return l;
}

int sok_packet_push(struct sok_packet *p, const struct sok_proto *proto)
{
    int err;
    const struct sok_proto *under = p->count ? p->layers[p->count - 1].proto : NULL;
    if (proto->form && under && (under == proto->behind || under == proto->form))
        proto = proto->form;
    struct craft_layer *l = sok_craft_layer_add(p, proto, &err);
    if (!l)
        return err;
    const struct craft_entry *e = l->entry;
    size_t pieces = (proto->part_count + 1) * sizeof(struct craft_piece);
    uint32_t at = sok_craft_take(p, pieces + e->initial_len);
    if (at == UINT32_MAX)
        return SOK_ENOMEM;
    l->parts = at;
    l->at = at + (uint32_t)pieces;
    l->fixed = l->room = e->fixed;
    memcpy(craft_at(p, l->at), e->initial, e->initial_len);
    struct craft_piece *piece = craft_pieces(p, l);
    for (unsigned i = 0; i < proto->part_count; i++)
        piece[i] = (struct craft_piece){l->at + e->parts[i].at, e->parts[i].len};
    piece[proto->part_count] = (struct craft_piece){0, 0};
    return p->count++;
}

int sok_packet_push_bytes(struct sok_packet *p, const void *data, size_t len)
{
    int layer = sok_packet_push(p, sok_craft_raw(p->book));
    if (layer < 0)
        return layer;
    int err = sok_craft_part_put(p, (unsigned)layer, 0, data, len);
    p->layers[layer].set = (uint64_t)1 << CRAFT_PARTS;
    if (err)
        sok_packet_cut(p, (unsigned)layer);
    return err ? err : layer;
}

int sok_craft_part_put(
    struct sok_packet *p, unsigned layer, unsigned part, const void *bytes, size_t len)
{
    struct craft_layer *l = &p->layers[layer];
    struct craft_piece *piece = &craft_pieces(p, l)[part];
    // What other parts may refer to stays as it is.
    bool dissected =
        l->header_len && piece->at >= l->header && piece->at < l->header + l->header_len;
    if (len > piece->len || (dissected && len)) {
        // The bytes may be the packet's own: a value of a set.
        uintptr_t off = (uintptr_t)bytes - (uintptr_t)p->data;
        bool own = off < p->used;
        uint32_t at = sok_craft_take(p, len);
        if (at == UINT32_MAX)
            return SOK_ENOMEM;
        bytes = own ? craft_at(p, (uint32_t)off) : bytes;
        piece = &craft_pieces(p, l)[part];
        piece->at = at;
    }
    if (len)
        memmove(craft_at(p, piece->at), bytes, len);
    piece->len = (uint32_t)len;
    return 0;
}

static int row_at(const struct sok_field *rows, unsigned count, const struct sok_field *like)
{
    for (unsigned i = 0; i < count; i++) {
        if (rows[i].bits == like->bits && sok_str_eq(rows[i].name, like->name))
            return (int)i;
    }
    return -1;
}

// Whether one of `a` has a default and is not in `b`.
static bool has_more(
    const struct sok_field *a, unsigned a_count, const struct sok_field *b, unsigned b_count)
{
    for (unsigned i = 0; i < a_count; i++) {
        if (a[i].initial && row_at(b, b_count, &a[i]) < 0)
            return true;
    }
    return false;
}

// Whether a field that both layouts have lies elsewhere in the other, or one that only one has would leave its default,
// or miss it.
static bool moves(
    const struct sok_field *rows, unsigned count, const struct sok_field *old, unsigned old_count)
{
    if (rows == old)
        return false;
    for (unsigned i = 0; i < count; i++) {
        int from = row_at(old, old_count, &rows[i]);
        if (from >= 0 && ((unsigned)from != i || old[from].bit != rows[i].bit))
            return true;
    }
    return has_more(rows, count, old, old_count) || has_more(old, old_count, rows, count);
}

static void move_sets(struct sok_packet *p, unsigned layer, const struct sok_field *rows,
    unsigned count, const struct sok_field *old)
{
    for (unsigned i = p->set_count; i-- > 0;) {
        if (p->sets[i].layer != layer || p->sets[i].index >= CRAFT_PARTS)
            continue;
        int to = row_at(rows, count, &old[p->sets[i].index]);
        if (to >= 0)
            p->sets[i].index = (uint16_t)to;
        else
            sok_craft_set_drop(p, layer, p->sets[i].index);
    }
}

// A field before others came or went (a flag says that it is there): those behind it take their values along.
static int move_rows(struct sok_packet *p, unsigned layer, const struct sok_field *rows,
    unsigned count, const struct sok_field *old, unsigned old_count)
{
    struct craft_layer *l = &p->layers[layer];
    uint8_t whole[CRAFT_FIXED_MAX] = {0};
    size_t fixed = sok_field_end(&rows[count - 1]);
    uint64_t set = l->set >> CRAFT_PARTS << CRAFT_PARTS;
    for (unsigned i = 0; i < count; i++) {
        int from = row_at(old, old_count, &rows[i]);
        bool there = from >= 0 && sok_field_end(&old[from]) <= l->room;
        if (there && rows[i].bytes)
            memcpy(
                whole + rows[i].bit / 8, craft_fixed(p, l) + old[from].bit / 8, rows[i].bits / 8);
        else if (!rows[i].bytes)
            sok_field_set(&rows[i], whole,
                there ? sok_field_get(&old[from], craft_fixed(p, l)) : rows[i].initial);
        if (there && l->set >> from & 1)
            set |= (uint64_t)1 << i;
    }
    uint32_t at = sok_craft_take(p, fixed);
    if (at == UINT32_MAX)
        return SOK_ENOMEM;
    memcpy(craft_at(p, at), whole, fixed);
    l->at = at;
    l->room = l->fixed = (uint32_t)fixed;
    l->set = set;
    move_sets(p, layer, rows, count, old);
    return 0;
}

int sok_craft_refit_from(
    struct sok_packet *p, unsigned layer, const struct sok_field *old, unsigned old_count)
{
    const struct craft_layer *l = &p->layers[layer];
    unsigned count;
    const struct sok_field *rows = sok_proto_rows(l->proto, craft_fixed(p, l), l->room, &count);
    if (l->proto->view && moves(rows, count, old, old_count))
        return move_rows(p, layer, rows, count, old, old_count);
    return sok_craft_refit(p, layer);
}

int sok_craft_refit(struct sok_packet *p, unsigned layer)
{
    struct craft_layer *l = &p->layers[layer];
    if (!l->proto->view)
        return 0;
    // A layout may be longer than what is there: with zeros behind it, its length is asked for.
    uint8_t whole[CRAFT_FIXED_MAX] = {0};
    memcpy(whole, craft_fixed(p, l), l->room < sizeof whole ? l->room : sizeof whole);
    size_t fixed = sok_proto_fixed(l->proto, whole, sizeof whole);
    if (fixed > l->room) {
        uint32_t at = sok_craft_take(p, fixed);
        if (at == UINT32_MAX)
            return SOK_ENOMEM;
        memset(craft_at(p, at), 0, fixed);
        memcpy(craft_at(p, at), craft_fixed(p, l), l->fixed);
        l->at = at;
        l->room = (uint32_t)fixed;
    }
    l->fixed = (uint32_t)fixed;
    return 0;
}

// ---- from one packet to another ----

// q's layer i becomes p's last one. What it has in data is copied piece by piece.
static int copy_layer(struct sok_packet *p, const struct sok_packet *q, unsigned i)
{
    int err;
    struct craft_layer *l = sok_craft_layer_add(p, q->layers[i].proto, &err);
    if (!l)
        return err;
    const struct craft_layer *from = &q->layers[i]; // p and q may be one
    const struct craft_piece *have = craft_pieces(q, from);
    unsigned pieces = from->proto->part_count + 1;
    size_t head = pieces * sizeof *have, len = head + from->room + from->header_len;
    for (unsigned k = 0; k < pieces; k++)
        len += have[k].len;
    uint32_t at = sok_craft_take(p, len);
    if (at == UINT32_MAX)
        return SOK_ENOMEM;
    have = craft_pieces(q, from); // data has moved, too
    *l = *from;
    l->parts = at;
    l->at = at + (uint32_t)head;
    memcpy(craft_at(p, l->at), craft_fixed(q, from), from->fixed);
    memset(craft_at(p, l->at) + from->fixed, 0, from->room - from->fixed);
    l->header = l->at + from->room;
    memcpy(craft_at(p, l->header), craft_at(q, from->header), from->header_len);
    uint32_t end = l->header + from->header_len;
    struct craft_piece *piece = craft_pieces(p, l);
    for (unsigned k = 0; k < pieces; k++) {
        // A part that still lies in the dissected header stays in it: names in it refer to others.
        bool inside = have[k].at >= from->header &&
                      have[k].at + have[k].len <= from->header + from->header_len;
        if (inside && from->header_len) {
            piece[k] = (struct craft_piece){have[k].at - from->header + l->header, have[k].len};
            continue;
        }
        piece[k] = (struct craft_piece){end, have[k].len};
        if (have[k].len)
            memcpy(craft_at(p, end), craft_at(q, have[k].at), have[k].len);
        end += have[k].len;
    }
    p->count++;
    return 0;
}

// The sets of q's layer i are now p's, on its last layer.
static int copy_sets(struct sok_packet *p, const struct sok_packet *q, unsigned i)
{
    for (unsigned k = 0; k < q->set_count; k++) {
        const struct craft_set from = q->sets[k]; // p and q may be one
        if (from.layer != i)
            continue;
        struct craft_set *s =
            sok_craft_set_add(p, p->count - 1u, from.index, from.width, from.count);
        if (!s)
            return SOK_ENOMEM;
        memcpy(craft_at(p, s->at), craft_at(q, from.at), craft_set_bytes(&from));
        s->values = from.values;
        s->drawn = from.drawn;
        s->seed = from.seed;
        for (unsigned n = 0; !from.width && n < from.count; n++) {
            struct craft_piece piece;
            memcpy(&piece, craft_at(q, from.at) + n * sizeof piece, sizeof piece);
            uint32_t at = sok_craft_take(p, piece.len);
            if (at == UINT32_MAX)
                return SOK_ENOMEM;
            memcpy(craft_at(p, at), craft_at(q, piece.at), piece.len);
            piece.at = at;
            memcpy(craft_at(p, s->at) + n * sizeof piece, &piece, sizeof piece);
        }
    }
    return 0;
}

int sok_packet_join(struct sok_packet *p, const struct sok_packet *q, unsigned from)
{
    sok_craft_tidy(p);
    unsigned before = p->count, until = q->count;
    for (unsigned i = from; i < until; i++) {
        int err = copy_layer(p, q, i);
        err = err ? err : copy_sets(p, q, i);
        if (err) {
            sok_packet_cut(p, before);
            return err;
        }
    }
    return sok_craft_fit_forms(p, before);
}

int sok_craft_join_plain(struct sok_packet *p, const struct sok_packet *q)
{
    int err = 0;
    for (unsigned i = 0; !err && i < q->count; i++)
        err = copy_layer(p, q, i);
    return err;
}

struct sok_packet *sok_packet_copy(const struct sok_packet *q)
{
    struct sok_packet *p = sok_craft_new(q->book, CRAFT_OWN_LAYERS, q->used + 64u);
    if (p && sok_packet_join(p, q, 0) != 0) {
        sok_packet_free(p);
        return NULL;
    }
    return p;
}

// A copy has only what is needed, and everything in a packet is found by offsets.
void sok_craft_tidy(struct sok_packet *p)
{
    if (p->used < TIDY_MIN || p->used / 2 < p->tidy)
        return;
    p->tidy = p->used;
    struct sok_packet *q = sok_packet_copy(p);
    if (q && q->used < p->used) {
        memcpy(p->data, q->data, q->used);
        memcpy(p->layers, q->layers, q->count * sizeof *q->layers);
        if (q->set_count)
            memcpy(p->sets, q->sets, q->set_count * sizeof *q->sets);
        p->used = p->tidy = q->used;
    }
    sok_packet_free(q);
}

void sok_packet_cut(struct sok_packet *p, unsigned layer)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < p->set_count; i++) {
        if (p->sets[i].layer < layer)
            p->sets[kept++] = p->sets[i];
    }
    p->set_count = (uint16_t)kept;
    if (layer < p->count)
        p->count = (uint16_t)layer;
    if (p->count == 0)
        p->used = 0;
}

unsigned sok_packet_count(const struct sok_packet *p)
{
    return p->count;
}

const struct sok_proto *sok_packet_layer(const struct sok_packet *p, unsigned i)
{
    return i < p->count ? p->layers[i].proto : NULL;
}

int sok_packet_find(const struct sok_packet *p, const struct sok_proto *proto, unsigned nth)
{
    for (unsigned i = 0; i < p->count; i++) {
        bool is = p->layers[i].proto == proto || p->layers[i].proto->family == proto;
        if (is && --nth == 0)
            return (int)i;
    }
    return SOK_EINVAL;
}

// ---- sets ----

struct craft_set *sok_craft_set_find(const struct sok_packet *p, unsigned layer, unsigned index)
{
    for (unsigned i = 0; i < p->set_count; i++) {
        if (p->sets[i].layer == layer && p->sets[i].index == index)
            return &p->sets[i];
    }
    return NULL;
}

void sok_craft_set_drop(struct sok_packet *p, unsigned layer, unsigned index)
{
    struct craft_set *s = sok_craft_set_find(p, layer, index);
    if (!s)
        return;
    *s = p->sets[--p->set_count];
}

struct craft_set *sok_craft_set_add(
    struct sok_packet *p, unsigned layer, unsigned index, unsigned width, unsigned count)
{
    if (p->set_count == SOK_CRAFT_SETS_MAX)
        return NULL;
    if (p->set_count == p->set_room) {
        size_t room = p->set_room ? 4u * p->set_room : 4;
        struct craft_set *sets = sok_mem_resize(
            sok_book_mem(p->book), p->sets, p->set_room * sizeof *sets, room * sizeof *sets);
        if (!sets)
            return NULL;
        p->sets = sets;
        p->set_room = (uint16_t)room;
    }
    struct craft_set s = {.layer = (uint16_t)layer,
        .index = (uint16_t)index,
        .width = (uint16_t)width,
        .count = count};
    s.at = sok_craft_take(p, craft_set_bytes(&s));
    if (s.at == UINT32_MAX)
        return NULL;
    p->sets[p->set_count] = s;
    return &p->sets[p->set_count++];
}
