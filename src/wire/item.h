// Values of any shape, for the parts of a header that have no fixed place (field.h: sok_part): a number, bytes,
// a list of values, the bytes of a header that has rows of its own. TCP's options are a list of lists:
// {{"MSS", 1460}, {"NOP"}, {"Timestamp", {1, 0}}}. Nothing here allocates: items lie in memory that the reader
// brings, and refer to the packet's own bytes where they can.
#ifndef SOK_WIRE_ITEM_H
#define SOK_WIRE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sok_proto;

enum sok_item_type {
    SOK_ITEM_NONE,
    SOK_ITEM_NUMBER,
    SOK_ITEM_BYTES, // names and addresses as text, too
    SOK_ITEM_LIST,
    SOK_ITEM_PACKET, // bytes that begin with a header of `proto`
};

struct sok_item {
    uint8_t type;   // enum sok_item_type
    uint32_t count; // bytes, or items of the list
    union {
        uint64_t number;
        const uint8_t *bytes;
        const struct sok_item *list;
    };
    const struct sok_proto *proto; // of a PACKET
};

static inline struct sok_item sok_item_number(uint64_t v)
{
    return (struct sok_item){.type = SOK_ITEM_NUMBER, .number = v};
}
static inline struct sok_item sok_item_bytes(const void *p, size_t len)
{
    return (struct sok_item){
        .type = SOK_ITEM_BYTES, .count = (uint32_t)len, .bytes = (const uint8_t *)p};
}
struct sok_item sok_item_text(const char *text); // which stays where it is
static inline struct sok_item sok_item_list(const struct sok_item *list, size_t count)
{
    return (struct sok_item){.type = SOK_ITEM_LIST, .count = (uint32_t)count, .list = list};
}
static inline struct sok_item sok_item_packet(
    const struct sok_proto *proto, const uint8_t *p, size_t len)
{
    return (struct sok_item){
        .type = SOK_ITEM_PACKET, .count = (uint32_t)len, .bytes = p, .proto = proto};
}
// Bytes that are this text.
bool sok_item_is(const struct sok_item *item, const char *text);

// ---- memory for what is read: filled from both ends, lists from below, bytes from above ----

struct sok_items {
    uint8_t *at; // aligned as a struct sok_item
    size_t left;
    bool full; // something did not fit: again, with more
};

static inline struct sok_items sok_items(void *memory, size_t size)
{
    return (struct sok_items){.at = (uint8_t *)memory, .left = size};
}
// NULL: full.
struct sok_item *sok_items_list(struct sok_items *s, size_t count);
uint8_t *sok_items_bytes(struct sok_items *s, size_t len);
struct sok_item sok_items_ip4(struct sok_items *s, uint32_t ip); // as text; NONE: full
struct sok_item sok_items_ip6(struct sok_items *s, const uint8_t ip[16]);

// ---- where bytes are written: `used` goes on past the end, as snprintf counts ----

struct sok_sink {
    uint8_t *out;
    size_t size;
    size_t used;
    const uint8_t *fixed; // of the header that a part is written for; NULL: not known
};

static inline struct sok_sink sok_sink(uint8_t *out, size_t size)
{
    return (struct sok_sink){.out = out, .size = size};
}
void sok_sink_put(struct sok_sink *s, const void *p, size_t len);
void sok_sink_number(struct sok_sink *s, uint64_t v, unsigned bytes); // big-endian
void sok_sink_zeros(struct sok_sink *s, size_t count);
// Overwrites bytes that were written before, where they fitted.
void sok_sink_number_at(struct sok_sink *s, size_t at, uint64_t v, unsigned bytes);

#endif
