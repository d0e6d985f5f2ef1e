// Parts that several protocols have: lists of addresses, lists of headers.
#ifndef SOK_WIRE_PARTS_H
#define SOK_WIRE_PARTS_H

#include "wire/field.h"
#include "wire/item.h"

// Addresses as text, in their number. Bytes past the last whole one: malformed.
bool sok_ip4s_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_ip4s_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why);
bool sok_ip6s_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_ip6s_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why);

// 0, 8 or 16 bytes of an address, as far as its end is not 0 (RFC 4191 section 2.3).
bool sok_ip6_prefix_get(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out);
bool sok_ip6_prefix_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why);

// Names as labels (name.h), with zeros up to a multiple of 8 bytes; `more`: of so many (uint8_t).
bool sok_names_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_names_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why);

// Numbers of so many bytes each: `more` is a struct sok_numbers.
struct sok_numbers {
    uint8_t bytes;
    const struct sok_value *names;
};
bool sok_numbers_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_numbers_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why);

// Headers, one after the other: `more` is a struct sok_packets. A header's length is what its `measure` says.
struct sok_packets {
    const struct sok_proto *(*which)(const uint8_t *p, size_t len); // never NULL for len above 0
    const char *what;                                               // "records": for an error
    const struct sok_proto *one;                                    // where there is no `which`
};
bool sok_packets_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_packets_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why);
// One header alone, with all that follows it; where `which` knows none, the bytes.
bool sok_packet_get_one(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out);
bool sok_packet_put_one(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why);
// How many there are in a part's bytes; what is malformed ends it.
unsigned sok_packets_count(const struct sok_packets *kinds, const uint8_t *p, size_t len);
// The bytes of so many; SIZE_MAX: they are not all there.
size_t sok_packets_size(
    const struct sok_packets *kinds, const uint8_t *p, size_t len, uint64_t count);

// Text that a zero ends; where that is, or `len`.
size_t sok_zero_find(const uint8_t *p, size_t len);
bool sok_zero_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_zero_put(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
    struct sok_text *why);

#endif
