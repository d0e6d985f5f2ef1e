// Lists of domain names as DNSSL (RFC 8106) and DHCPv6 (RFC 8415 section 10) have them: labels, no compression.
#ifndef SOK_WIRE_NAME_H
#define SOK_WIRE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOK_NAME_MAX 254 // with its NUL

// The next name at *at, as text without the last dot; begin with 0. False: no more, or malformed. A name goes
// where names are looked up and into what people read: one with other bytes than a name has is passed over.
bool sok_name_next(const uint8_t *list, size_t len, size_t *at, char out[SOK_NAME_MAX]);

// A name as text, with or without its last dot, into labels (RFC 1035 section 3.1). False: `why` says what is wrong.
struct sok_item;
struct sok_sink;
struct sok_text;
bool sok_name_put(const struct sok_item *name, struct sok_sink *out, struct sok_text *why);

#endif
