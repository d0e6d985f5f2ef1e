// Fields with several values: the packets they make.
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"

#define WIDTH_MAX 16 // of a counted range: an address

// last - first, of big-endian numbers; UINT64_MAX: that or more.
static uint64_t distance(const uint8_t *first, const uint8_t *last, unsigned width)
{
    uint8_t diff[WIDTH_MAX] = {0};
    unsigned borrow = 0;
    if (width > WIDTH_MAX)
        return 0;
    for (unsigned i = width; i-- > 0;) {
        unsigned take = first[i] + borrow;
        borrow = last[i] < take;
        diff[i] = (uint8_t)(last[i] - take);
    }
    uint64_t v = 0;
    for (unsigned i = 0; i < width; i++) {
        if (v >> 56)
            return UINT64_MAX;
        v = v << 8 | diff[i];
    }
    return v;
}

static void add_to(uint8_t *value, unsigned width, uint64_t v)
{
    for (unsigned i = width; i-- > 0 && v;) {
        v += value[i];
        value[i] = (uint8_t)v;
        v >>= 8;
    }
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

// How many values alternative n stands for.
static uint64_t values_of(const struct sok_packet *p, const struct craft_set *s, unsigned n)
{
    const uint8_t *at = craft_at(p, s->at) + 2u * s->width * n;
    return s->width ? plus(distance(at, at + s->width, s->width), 1) : 1;
}

void sok_craft_set_count(const struct sok_packet *p, struct craft_set *s)
{
    s->values = 0;
    for (unsigned n = 0; n < s->count; n++)
        s->values = plus(s->values, values_of(p, s, n));
}

uint64_t sok_packet_expand_count(const struct sok_packet *p)
{
    uint64_t product = 1;
    for (unsigned i = 0; i < p->set_count; i++)
        product = times(product, p->sets[i].drawn ? 1 : p->sets[i].values);
    return product;
}

// Of a network with more than 2^64 addresses, one by chance: what stands above these bits moves, too.
static void spread(uint8_t *value, const uint8_t *last, uint64_t i)
{
    uint64_t seed = i, span = sok_get64(last) - sok_get64(value), n = craft_random(&seed);
    if (sok_get64(value + 8) == 0 && sok_get64(last + 8) == UINT64_MAX)
        sok_put64(value, sok_get64(value) + (span == UINT64_MAX ? n : n % (span + 1)));
}

// Where the set's field is in `out`: another that was chosen before may have moved it. Past the last: it is not there.
static unsigned row_of(
    const struct sok_packet *out, const struct sok_packet *p, const struct craft_set *s)
{
    const struct craft_layer *to = &out->layers[s->layer], *from = &p->layers[s->layer];
    unsigned count, had, i = 0;
    const struct sok_field *rows =
        sok_proto_rows(to->proto, craft_fixed(out, to), to->room, &count);
    const struct sok_field *old =
        sok_proto_rows(from->proto, craft_fixed(p, from), from->room, &had);
    while (s->index < had && i < count && !sok_str_eq(rows[i].name, old[s->index].name))
        i++;
    return i;
}

// Field `s` of `out` gets value i of the set.
static int choose(
    struct sok_packet *out, const struct sok_packet *p, const struct craft_set *s, uint64_t i)
{
    unsigned n = 0;
    if (s->values == s->count) { // each stands for one
        n = (unsigned)i;
        i = 0;
    }
    for (uint64_t here; i >= (here = values_of(p, s, n)); n++)
        i -= here;
    if (!s->width) {
        struct craft_piece piece;
        memcpy(&piece, craft_at(p, s->at) + n * sizeof piece, sizeof piece);
        return sok_craft_part_put(
            out, s->layer, s->index - CRAFT_PARTS, craft_at(p, piece.at), piece.len);
    }
    struct craft_layer *l = &out->layers[s->layer];
    uint8_t value[CRAFT_FIXED_MAX];
    unsigned count;
    const uint8_t *ends = craft_at(p, s->at) + 2u * s->width * n;
    memcpy(value, ends, s->width);
    if (s->drawn && s->width == WIDTH_MAX && values_of(p, s, n) == UINT64_MAX)
        spread(value, ends + s->width, i);
    add_to(value, s->width, i);
    const struct sok_field *rows = sok_proto_rows(l->proto, craft_fixed(out, l), l->room, &count);
    unsigned row = l->proto->view ? row_of(out, p, s) : s->index;
    if (row < count)
        sok_craft_row_put(&rows[row], craft_fixed(out, l), value);
    return sok_craft_refit_from(out, s->layer, rows, count);
}

// The set that moves next: the last layer's first, and in a layer the first field's.
static struct craft_set *next_set(const struct sok_packet *p, const struct craft_set *after)
{
    struct craft_set *best = NULL;
#define BEFORE(a, b) ((a)->layer != (b)->layer ? (a)->layer > (b)->layer : (a)->index < (b)->index)
    for (unsigned i = 0; i < p->set_count; i++) {
        struct craft_set *s = &p->sets[i];
        if ((!after || BEFORE(after, s)) && (!best || BEFORE(s, best)))
            best = s;
    }
#undef BEFORE
    return best;
}

struct sok_packet *sok_packet_expand(const struct sok_packet *p, uint64_t i)
{
    size_t room = p->used + 64u;
    for (unsigned k = 0; k < p->set_count; k++)
        room -= craft_set_bytes(&p->sets[k]);
    struct sok_packet *out = sok_craft_new(p->book, p->count, room);
    int err = 0;
    if (!out || i >= sok_packet_expand_count(p))
        err = SOK_EINVAL;
    err = err ? err : sok_craft_join_plain(out, p);
    for (struct craft_set *s = NULL; !err && (s = next_set(p, s));) {
        err = choose(out, p, s, (s->drawn ? craft_random(&s->seed) : i) % s->values);
        i /= s->drawn ? 1 : s->values;
    }
    if (err) {
        sok_packet_free(out);
        return NULL;
    }
    return out;
}

bool sok_packet_has_sets(const struct sok_packet *p)
{
    return p->set_count > 0;
}

int sok_packet_draw(
    struct sok_packet *p, unsigned layer, const struct sok_slot *slot, uint64_t seed)
{
    struct craft_set *s = sok_craft_set_find(p, layer, slot->index);
    if (!s)
        return 0;
    s->drawn = true;
    s->seed = seed;
    const struct craft_set set = *s;
    return choose(p, p, &set, craft_random(&s->seed) % set.values);
}

unsigned sok_craft_set_ends(const struct sok_packet *p, const struct craft_set *s,
    const struct sok_field *row, unsigned n, struct sok_item ends[2])
{
    if (!s->width) { // of a part: bytes
        struct craft_piece piece;
        memcpy(&piece, craft_at(p, s->at) + n * sizeof piece, sizeof piece);
        ends[0] = sok_item_bytes(craft_at(p, piece.at), piece.len);
        return 1;
    }
    const uint8_t *at = craft_at(p, s->at) + 2u * s->width * n;
    for (unsigned end = 0; end < 2; end++, at += s->width)
        ends[end] = row->bytes ? sok_item_bytes(at, s->width) : sok_item_number(sok_get64(at));
    return memcmp(at - s->width, at - 2u * s->width, s->width) != 0 ? 2 : 1;
}
