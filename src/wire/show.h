// Packets as text for people, from the rows alone (a protocol declared anywhere is shown the same way).
// Nothing is trusted: any bytes give some text, cut off to fit.
#ifndef SOK_WIRE_SHOW_H
#define SOK_WIRE_SHOW_H

#include <stddef.h>
#include <stdint.h>
#include "wire/field.h"
#include "wire/registry.h"
#include "wire/text.h"

// One line, as tcpdump would: "192.0.2.1.1234 > 192.0.2.2.80: Flags [S], seq 1, win 64240, ...". Like snprintf it
// gives the length the text has or would have had; it always ends `out` if size is above 0.
size_t sok_show_line(char *out, size_t size, const uint8_t *frame, size_t len);

// A tree: each layer, each field with its value, options, payload as hex. Many lines.
size_t sok_show_tree(char *out, size_t size, const uint8_t *frame, size_t len);

// One field's value: "80", "0x1f2e", "192.0.2.1", "SYN,ACK". `header` has sok_field_end(f) bytes.
size_t sok_show_field(char *out, size_t size, const struct sok_field *f, const uint8_t *header);

// ---- for the `line` of a protocol ----

struct sok_show {
    struct sok_text *text;
    const uint8_t *frame;
    const struct sok_layer *layers;
    unsigned count; // layers
    unsigned at;    // the layer whose turn it is
};

void sok_text_field(struct sok_text *t, const struct sok_field *f, const uint8_t *header);
// The layer whose turn it is, and the bytes of its header.
const struct sok_layer *sok_show_layer(const struct sok_show *l);
const uint8_t *sok_show_header(const struct sok_show *l);
// Lets the next layer speak; false when there is none with a protocol.
bool sok_show_next(const struct sok_show *l);
// The addresses of the layer below, then "SRC > DST: "; with the ports when has_ports.
void sok_show_ends(const struct sok_show *l, bool has_ports, uint16_t sport, uint16_t dport);

#endif
