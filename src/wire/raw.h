// Bytes that no protocol is known for, and bytes behind the end that the headers speak of.
#ifndef SOK_WIRE_RAW_H
#define SOK_WIRE_RAW_H

#include "wire/field.h"

extern const struct sok_proto sok_proto_raw;
extern const struct sok_proto sok_proto_padding; // lengths and checksums do not cover it

#endif
