// What a person writes for a field, into its bits: numbers, names of values, flags, addresses.
#ifndef SOK_WIRE_VALUE_H
#define SOK_WIRE_VALUE_H

#include "wire/field.h"
#include "wire/item.h"

// A number; text that is a number ("80", "0x50"), the name of a value (in capitals or not), flags ("SA", "DF+MF"), an address; bytes for a
// run of bytes, which zeros fill up. False: `why` says what is wrong with it and what is allowed.
bool sok_value_put(
    const struct sok_field *f, uint8_t *header, const struct sok_item *value, struct sok_text *why);

// Texts as values. False: it is none.
bool sok_value_number(const struct sok_item *text, uint64_t *out); // 80, 0x50
bool sok_value_ip4(const struct sok_item *text, uint32_t *out);
bool sok_value_ip6(const struct sok_item *text, uint8_t out[16]); // not of IPv4
bool sok_value_mac(const struct sok_item *text, uint8_t out[6]);

// For error lines: the value as a person wrote it, cut short.
void sok_value_quote(struct sok_text *why, const struct sok_item *value);

#endif
