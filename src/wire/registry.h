// All protocols, and which one follows which. A new protocol is its own file, a line in meson.build and a line
// in registry.c; its `binds` say where it is found, so no other protocol's file changes.
#ifndef SOK_WIRE_REGISTRY_H
#define SOK_WIRE_REGISTRY_H

#include "wire/field.h"

// The i-th protocol, in the order of the registry; NULL after the last.
const struct sok_proto *sok_proto_at(unsigned i);
const struct sok_proto *sok_proto_find(const char *name);         // Scapy's name; NULL: none
const struct sok_proto *sok_proto_of_linktype(uint16_t linktype); // NULL: none

// What comes after a header of `proto`; NULL: nobody knows. `header` of the `len` bytes at p are its own.
const struct sok_proto *sok_proto_next(
    const struct sok_proto *proto, const uint8_t *p, size_t header, size_t len);

// What bytes are that are said to begin with a header of `proto`: that, or one of those found in the same place.
const struct sok_proto *sok_proto_first(
    const struct sok_proto *proto, const uint8_t *p, size_t len);

#define SOK_LAYERS_MAX 16

struct sok_layer {
    const struct sok_proto *proto; // NULL: payload that is no header
    uint32_t off;                  // from the start of the frame
    uint32_t header;               // bytes of the header with options; of payload: all of it
    uint32_t payload;              // bytes that belong to it after the header
    bool malformed;                // its lengths contradict each other; what follows is payload
    bool truncated;                // fewer bytes than the fixed header: header is what there is
    bool cut;                      // it speaks of more bytes than are there
    bool opaque;                   // what follows does not begin with a header (a later fragment)
};

// Fills the layer (but for `off`) of a header of `proto` looked for at p. False: nothing comes after it that is known
// to begin with a header.
bool sok_layer_measure(
    const struct sok_proto *proto, const uint8_t *p, size_t len, struct sok_layer *layer);
// The same, and gives what comes after it, or NULL.
const struct sok_proto *sok_layer_read(
    const struct sok_proto *proto, const uint8_t *p, size_t len, struct sok_layer *layer);

// Takes a frame apart from `first` on; gives the number of layers. Never reads outside; whatever is in
// the frame, the work is bounded by SOK_LAYERS_MAX. Trailing bytes (padding) are not a layer.
unsigned sok_dissect(const struct sok_proto *first, const uint8_t *frame, size_t len,
    struct sok_layer layers[SOK_LAYERS_MAX]);

#endif
