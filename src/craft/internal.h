// What the files of craft share: how a packet lies in memory.
//
// A layer's bytes lie in `data` of its packet, at offsets (data moves when it grows): the fixed part, and for each
// part of the protocol where its bytes are. Behind the parts one more piece: bytes of a dissected header that
// no part covers.
#ifndef SOK_CRAFT_INTERNAL_H
#define SOK_CRAFT_INTERNAL_H

#include <stdalign.h>
#include "craft/packet.h"
#include "wire/registry.h"

// Bits of a layer's mask: rows from 0 on, parts from CRAFT_PARTS on.
#define CRAFT_ROWS_MAX 48
#define CRAFT_PARTS    48
#define CRAFT_ALL      UINT64_MAX

#define CRAFT_OWN_LAYERS 6
#define CRAFT_DATA_MIN   384
#define CRAFT_FIXED_MAX  1024 // of a fixed part: DHCP's is the largest

struct craft_piece {
    uint32_t at, len; // in data
};

// What was wrong with a layer when it was dissected.
enum craft_note {
    CRAFT_MALFORMED = 1, // its lengths contradict each other
    CRAFT_CUT = 2,       // it speaks of more bytes than are there
    CRAFT_SHORT = 4,     // Raw: it was to be a header of `meant`, and is shorter
};

struct craft_layer {
    const struct sok_proto *proto;
    const struct craft_entry *entry;
    const struct sok_proto *meant;
    uint64_t set;
    uint32_t at;                 // the fixed part
    uint32_t room;               // bytes kept for it
    uint32_t fixed;              // bytes of it
    uint32_t parts;              // part_count + 1 craft_pieces
    uint32_t header, header_len; // as dissected; parts refer to it
    uint8_t note;
};

// A field with a set: alternatives from `at` on, each a first and a last value of `width` bytes, big-endian; width
// 0: a craft_piece each.
struct craft_set {
    uint16_t layer;
    uint16_t index;
    uint16_t width;
    uint32_t count;
    uint32_t at;
    uint64_t values; // that the alternatives stand for together (UINT64_MAX: that or more)
    uint64_t seed;   // where one is drawn
    bool drawn;      // one of them by chance, instead of all
};

struct sok_packet {
    const struct sok_book *book;
    size_t block; // bytes of this allocation
    uint8_t *data;
    uint32_t used, size;
    uint32_t tidy; // of `used`: what was there when it was last looked through
    uint16_t count, room;
    struct craft_layer *layers;
    struct craft_set *sets;
    uint16_t set_count, set_room;
    uint16_t
        own; // layers in this allocation, right here; behind them is data, until one of them has moved
};

// ---- book.c ----

// What is the same for all layers of a protocol.
struct craft_entry {
    const struct sok_proto *proto;
    const uint8_t *initial; // the fixed part with its defaults, then the parts' default bytes
    uint32_t fixed, initial_len;
    struct craft_piece parts[SOK_PARTS_MAX]; // in `initial`
    uint64_t named;                          // rows that the header above gives a value
    uint64_t keys;                           // rows that tell the header above
    uint64_t late;               // derived rows that nothing is known of before a packet is built
    uint64_t source, hop;        // rows that follow from the machine
    const struct sok_field *dst; // where the packet goes, if this header says it
};

const struct craft_entry *sok_craft_entry(
    const struct sok_book *book, const struct sok_proto *proto);
// What was bound last by hand; NULL: nothing.
const struct sok_bind *sok_craft_bound(
    const struct sok_book *book, const struct sok_proto *under, const struct sok_proto *above);
const struct sok_proto *sok_craft_raw(const struct sok_book *book);
const struct sok_proto *sok_craft_padding(const struct sok_book *book);

// ---- packet.c ----

// A packet with room for so many layers and bytes, as yet.
struct sok_packet *sok_craft_new(const struct sok_book *book, unsigned layers, size_t data);
// `len` bytes of data, aligned for craft_pieces; UINT32_MAX: no memory. Pointers into data are stale then.
uint32_t sok_craft_take(struct sok_packet *p, size_t len);
// Gives up bytes in data that nothing refers to any more, once they are most of it. Offsets change.
void sok_craft_tidy(struct sok_packet *p);
// A layer without bytes; NULL: SOK_ENOMEM or SOK_EMSGSIZE in *err.
struct craft_layer *sok_craft_layer_add(
    struct sok_packet *p, const struct sok_proto *proto, int *err);
static inline uint8_t *craft_at(const struct sok_packet *p, uint32_t at)
{
    return p->data + at;
}
static inline uint8_t *craft_fixed(const struct sok_packet *p, const struct craft_layer *l)
{
    return p->data + l->at;
}
static inline struct craft_piece *craft_pieces(
    const struct sok_packet *p, const struct craft_layer *l)
{
    return (struct craft_piece *)(void *)(p->data + l->parts);
}
static inline bool craft_given(const struct craft_layer *l, const struct sok_slot *slot)
{
    return l->set >> slot->index & 1;
}
// splitmix64: the next of a seed's numbers.
static inline uint64_t craft_random(uint64_t *seed)
{
    uint64_t v = *seed += 0x9e3779b97f4a7c15u;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}
struct craft_set *sok_craft_set_find(const struct sok_packet *p, unsigned layer, unsigned index);
// The n-th alternative, as it is given: one value, or the two ends of a range; how many.
unsigned sok_craft_set_ends(const struct sok_packet *p, const struct craft_set *s,
    const struct sok_field *row, unsigned n, struct sok_item ends[2]);
void sok_craft_set_drop(struct sok_packet *p, unsigned layer, unsigned index);
// A new set of `count` alternatives, whose bytes the caller fills; NULL: no memory, or too many.
struct craft_set *sok_craft_set_add(
    struct sok_packet *p, unsigned layer, unsigned index, unsigned width, unsigned count);
// Counts a new set's values, once they are there.
void sok_craft_set_count(const struct sok_packet *p, struct craft_set *s);
static inline size_t craft_set_bytes(const struct craft_set *s)
{
    return s->width ? (size_t)2 * s->width * s->count : s->count * sizeof(struct craft_piece);
}
// sok_packet_join() without the sets.
int sok_craft_join_plain(struct sok_packet *p, const struct sok_packet *q);
// The layer's fixed part has the length its contents ask for (views).
int sok_craft_refit(struct sok_packet *p, unsigned layer);
// The same where the layout was that of `old` before: fields that both have take their values along.
int sok_craft_refit_from(
    struct sok_packet *p, unsigned layer, const struct sok_field *old, unsigned old_count);
// form.c: headers from layer `from` on have the form that belongs behind the one below.
int sok_craft_fit_forms(struct sok_packet *p, unsigned from);
// Parts of a dissected header that refer to other bytes of it are written out.
int sok_craft_settle(struct sok_packet *p, unsigned layer);
// A part's bytes.
int sok_craft_part_put(
    struct sok_packet *p, unsigned layer, unsigned part, const void *bytes, size_t len);

// ---- value.c ----

struct craft_where {
    const struct sok_packet *p;
    unsigned layer;
    const struct sok_slot *slot;
    struct sok_craft_error *e;
};
// "PROTO.FIELD: " and the rest; SOK_EINVAL.
int sok_craft_fail(const struct craft_where *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// One value for a row, as big-endian bytes: first and last, of one width (8 for numbers). Text may name several
// (a network). 0 or SOK_EINVAL.
int sok_craft_parse(const struct craft_where *w, const struct sok_item *item, uint8_t *first,
    uint8_t *last, size_t width);
static inline size_t craft_width(const struct sok_field *row)
{
    return row->bytes ? row->bits / 8 : 8;
}
void sok_craft_row_put(const struct sok_field *row, uint8_t *fixed, const uint8_t *value);

// ---- text.c ----

// One field's value, with the memory it lies in.
struct craft_value {
    const struct sok_mem *mem;
    uint8_t *memory;
    struct sok_item item;
    alignas(struct sok_item) uint8_t small[64];
};
void sok_craft_value_get(
    const struct sok_packet *p, unsigned layer, const struct sok_slot *slot, struct craft_value *v);
void sok_craft_value_free(struct craft_value *v);
// The packet as the other side would see it; NULL: no memory.
struct sok_packet *sok_craft_as_sent(const struct sok_packet *p);

// ---- answers.c ----

// Where a network header's ICMP error quotes a packet: the quote's layer, or 0.
unsigned sok_craft_quote(const struct sok_packet *p, unsigned net);

// ---- build.c ----

// Rows of layer i that follow from the layer above or the machine are put into `fixed`, which is its copy.
void sok_craft_follow(
    const struct sok_packet *p, unsigned i, const struct sok_craft_world *world, uint8_t *fixed);

#endif
