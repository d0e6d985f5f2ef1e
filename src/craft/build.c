// Layers into bytes: what was given, what follows from the layers around, from the machine, and at last lengths
// and checksums, from the last layer to the first.
#include <string.h>
#include "base/err.h"
#include "craft/internal.h"

// ---- what follows from the layer above ----

// A value for a row that is an address stands for the group ff02::value.
static void follow_bind(const struct sok_field *row, uint64_t value, uint8_t *fixed)
{
    uint8_t *at = fixed + row->bit / 8;
    if (!row->bytes) {
        sok_field_set(row, fixed, value);
    } else if (row->bits == 128) {
        memset(at, 0, 16);
        sok_put16(at, 0xff02);
        sok_put16(at + 14, (uint16_t)value);
    }
}

static uint64_t follow_binds(const struct craft_layer *l, const struct sok_bind *binds,
    unsigned count, uint64_t done, uint8_t *fixed)
{
    for (unsigned k = 0; k < count; k++) {
        const struct sok_bind *b = &binds[k];
        unsigned field = sok_bind_field(b);
        if (b->under != l->proto || b->field & SOK_BIND_READ || done >> field & 1)
            continue;
        follow_bind(&l->proto->fields[field], b->value, fixed);
        done |= (uint64_t)1 << field;
    }
    return done;
}

// By what was bound by hand, by the binds of the protocol above, then by those of the family whose place it takes.
static void follow_above(const struct sok_packet *p, unsigned i, uint8_t *fixed)
{
    const struct craft_layer *l = &p->layers[i];
    if (i + 1 >= p->count || !l->entry->named)
        return;
    const struct sok_proto *above = p->layers[i + 1].proto;
    const struct sok_bind *bound = sok_craft_bound(p->book, l->proto, above);
    uint64_t done = follow_binds(l, bound, bound != NULL, l->set, fixed);
    done = follow_binds(l, above->binds, above->bind_count, done, fixed);
    if (above->family)
        follow_binds(l, above->family->binds, above->family->bind_count, done, fixed);
}

// ---- what follows from the machine ----

#define DESTINATION_MAX 64 // bytes of a header that says where a packet goes

static struct sok_addr row_address(const struct sok_field *row, const uint8_t *fixed)
{
    struct sok_addr a;
    if (!row->bytes)
        return sok_addr_v4((uint32_t)sok_field_get(row, fixed));
    memcpy(a.b, fixed + row->bit / 8, sizeof a.b);
    return a;
}

// Where the packet goes, by the first header from layer i on that says it; NULL: none does.
static const struct sok_field *destination(
    const struct sok_packet *p, unsigned i, struct sok_addr *out)
{
    uint8_t copy[DESTINATION_MAX];
    while (i < p->count && !p->layers[i].entry->dst)
        i++;
    if (i == p->count || p->layers[i].fixed > sizeof copy)
        return NULL;
    const struct craft_layer *l = &p->layers[i];
    memcpy(copy, craft_fixed(p, l), l->fixed);
    follow_above(p, i, copy);
    *out = row_address(l->entry->dst, copy);
    return l->entry->dst;
}

static void find_source(
    const struct sok_craft_world *world, const struct sok_addr *dst, struct sok_addr *out)
{
    if (world && world->source && world->source(world->ctx, dst, out) &&
        sok_addr_is_v4(*out) == sok_addr_is_v4(*dst))
        return;
    *out = sok_addr_is_v4(*dst) ? sok_addr_v4(0) : (struct sok_addr){{0}};
    if (sok_addr_is_loopback(*dst))
        *out = sok_addr_is_v4(*dst) ? sok_addr_v4(0x7f000001) : *dst;
}

// Groups have MACs that follow from their addresses (RFC 1112 section 6.4, RFC 2464 section 7).
static bool group_mac(const struct sok_addr *dst, uint8_t out[6])
{
    if (!sok_addr_is_multicast(*dst))
        return false;
    if (sok_addr_is_v4(*dst)) {
        sok_put24(out, 0x01005e);
        sok_put24(out + 3, sok_addr_to_v4(*dst) & 0x7fffff);
    } else {
        sok_put16(out, 0x3333);
        memcpy(out + 2, dst->b + 12, 4);
    }
    return true;
}

static void find_hop(const struct sok_craft_world *world, const struct sok_field *row,
    const struct sok_addr *dst, uint8_t out[6])
{
    memset(out, 0xff, 6);
    if (!row || row->how == SOK_FIELD_ASKED || group_mac(dst, out))
        return;
    if (sok_addr_is_v4(*dst) && sok_addr_to_v4(*dst) == 0xffffffff)
        return;
    if (!world || !world->hop_mac || !world->hop_mac(world->ctx, dst, out))
        memset(out, 0xff, 6);
}

static void follow_row(const struct sok_packet *p, unsigned i, const struct sok_craft_world *world,
    const struct sok_field *row, uint8_t *fixed)
{
    struct sok_addr dst = {{0}}, src;
    uint8_t mac[6] = {0};
    const struct sok_field *dst_row = destination(p, i, &dst);
    if (row->as == SOK_AS_MAC && row->how == SOK_FIELD_HOP) {
        find_hop(world, dst_row, &dst, mac);
        memcpy(fixed + row->bit / 8, mac, 6);
    } else if (row->as == SOK_AS_MAC) {
        if (!world || !world->source_mac || !world->source_mac(world->ctx, &dst, mac))
            memset(mac, 0, 6);
        memcpy(fixed + row->bit / 8, mac, 6);
    } else if (dst_row) {
        find_source(world, &dst, &src);
        if (row->bytes && row->bits == 128)
            memcpy(fixed + row->bit / 8, src.b, 16);
        else if (!row->bytes && sok_addr_is_v4(src))
            sok_field_set(row, fixed, sok_addr_to_v4(src));
    }
}

void sok_craft_follow(
    const struct sok_packet *p, unsigned i, const struct sok_craft_world *world, uint8_t *fixed)
{
    const struct craft_layer *l = &p->layers[i];
    uint64_t open = (l->entry->source | l->entry->hop) & ~l->set;
    follow_above(p, i, fixed);
    world = world ? world : sok_book_world(p->book);
    for (; open; open &= open - 1) {
        unsigned row = (unsigned)__builtin_ctzll(open);
        follow_row(p, i, world, &l->proto->fields[row], fixed);
    }
}

// ---- bytes ----

static size_t layer_len(const struct sok_packet *p, const struct craft_layer *l)
{
    const struct craft_piece *piece = craft_pieces(p, l);
    size_t len = l->fixed;
    for (unsigned i = 0; i <= l->proto->part_count; i++)
        len += piece[i].len;
    return len;
}

// The fixed part, and the parts where they belong in it.
static void write_layer(
    const struct sok_packet *p, const struct craft_layer *l, const uint8_t *fixed, uint8_t *out)
{
    const struct craft_piece *piece = craft_pieces(p, l);
    const struct sok_proto *proto = l->proto;
    size_t done = 0;
    for (unsigned i = 0; i <= proto->part_count; i++) {
        size_t upto =
            i < proto->part_count && proto->parts[i].at < l->fixed ? proto->parts[i].at : l->fixed;
        memcpy(out, fixed + done, upto - done);
        out += upto - done;
        done = upto;
        if (piece[i].len)
            memcpy(out, craft_at(p, piece[i].at), piece[i].len);
        out += piece[i].len;
    }
}

// The mask as `finish` wants it: parts behind the rows.
static uint64_t given(const struct sok_packet *p, const struct craft_layer *l)
{
    unsigned count;
    uint64_t rows = l->set & (((uint64_t)1 << CRAFT_PARTS) - 1);
    if (l->set == rows)
        return rows;
    sok_proto_rows(l->proto, craft_fixed(p, l), l->room, &count);
    return rows | l->set >> CRAFT_PARTS << count;
}

static void write_all(const struct sok_packet *p, const struct sok_built *layers,
    const struct sok_craft_world *world, uint8_t *out)
{
    uint8_t copy[CRAFT_FIXED_MAX];
    for (unsigned i = 0; i < p->count; i++) {
        const struct craft_layer *l = &p->layers[i];
        const struct craft_entry *e = l->entry;
        const uint8_t *fixed = craft_fixed(p, l);
        if (((e->named | e->source | e->hop) & ~l->set) && l->fixed <= sizeof copy) {
            memcpy(copy, fixed, l->fixed);
            sok_craft_follow(p, i, world, copy);
            fixed = copy;
        }
        write_layer(p, l, fixed, out + layers[i].off);
    }
}

// Lengths and checksums do not know of padding.
static void finish_all(const struct sok_packet *p, const struct sok_built *layers, size_t len,
    uint8_t *out, struct sok_over *over)
{
    struct sok_finish f = {
        .packet = out, .len = len, .layers = layers, .count = p->count, .over = over};
    while (f.count > 0 && layers[f.count - 1].proto == sok_craft_padding(p->book)) {
        f.count--;
        f.len = layers[f.count].off;
    }
    for (f.at = f.count; f.at-- > 0;) {
        const struct craft_layer *l = &p->layers[f.at];
        // A header that was cut off in its fixed part has no place for what would be written.
        if (l->proto->finish && l->fixed >= l->proto->hdr_len &&
            (l->proto->view || l->entry->late & ~l->set))
            l->proto->finish(&f);
    }
}

// The packet with all its layers in `out`, which has room for SOK_CRAFT_PACKET_MAX bytes or for `len`.
static int build_whole(const struct sok_packet *p, const struct sok_craft_world *world,
    const struct sok_built *layers, size_t len, uint8_t *out, struct sok_over *over)
{
    write_all(p, layers, world, out);
    finish_all(p, layers, len, out, over);
    return over->row ? SOK_EMSGSIZE : 0;
}

// Where the layers will be; the packet's length.
static size_t lay_out(const struct sok_packet *p, struct sok_built layers[SOK_CRAFT_LAYERS_MAX])
{
    size_t len = 0;
    for (unsigned i = 0; i < p->count; i++) {
        const struct craft_layer *l = &p->layers[i];
        size_t header = layer_len(p, l);
        layers[i] =
            (struct sok_built){.proto = l->proto, .off = len, .header = header, .set = given(p, l)};
        for (unsigned k = 0; k < l->proto->part_count; k++)
            layers[i].part[k] = craft_pieces(p, l)[k].len;
        len += header;
    }
    return len;
}

static int build(const struct sok_packet *p, unsigned first, const struct sok_craft_world *world,
    uint8_t *out, size_t size, struct sok_over *over)
{
    struct sok_built layers[SOK_CRAFT_LAYERS_MAX];
    size_t len = lay_out(p, layers);
    if (len > SOK_CRAFT_PACKET_MAX)
        return SOK_EMSGSIZE;
    size_t below = first < p->count ? layers[first].off : len;
    int err = 0;
    if (len == below || len - below > size)
        return (int)(len - below);
    if (below == 0) {
        err = build_whole(p, world, layers, len, out, over);
    } else {
        uint8_t *whole = sok_mem_alloc(sok_book_mem(p->book), len);
        if (!whole)
            return SOK_ENOMEM;
        err = build_whole(p, world, layers, len, whole, over);
        memcpy(out, whole + below, len - below);
        sok_mem_free(sok_book_mem(p->book), whole, len);
    }
    return err ? err : (int)(len - below);
}

int sok_packet_build(const struct sok_packet *p, unsigned first,
    const struct sok_craft_world *world, uint8_t *out, size_t size)
{
    struct sok_over over = {0};
    return build(p, first, world, out, size, &over);
}

void sok_packet_build_error(const struct sok_packet *p, int err, struct sok_craft_error *e)
{
    struct sok_text t = sok_text(e->text, sizeof e->text);
    struct sok_built layers[SOK_CRAFT_LAYERS_MAX];
    struct sok_over over = {0};
    uint8_t *out = NULL;
    size_t len = lay_out(p, layers);
    if (err == SOK_EMSGSIZE && len > SOK_CRAFT_PACKET_MAX) {
        sok_text_add(&t, "a packet of %zu bytes: more than %u", len, SOK_CRAFT_PACKET_MAX);
        return;
    }
    if (err == SOK_EMSGSIZE)
        out = sok_mem_alloc(sok_book_mem(p->book), len + 1);
    if (!out) {
        sok_text_add_str(&t, sok_strerror(err));
        return;
    }
    (void)build(p, 0, NULL, out, len, &over);
    if (over.row)
        sok_text_add(&t,
            "%s.%s: %llu is too large (0 to %llu): shorten what it counts, or give it a value",
            over.proto->name, over.row->name, (unsigned long long)over.value,
            (unsigned long long)sok_bits_mask(over.row->bits));
    sok_mem_free(sok_book_mem(p->book), out, len + 1);
}
