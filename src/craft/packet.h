// Packets by layers and fields, as a language wants them: what somebody gave is kept, wrong or not, and the rest
// follows from it when the packet is built (lengths, checksums, what comes next, our own addresses). All of it
// comes from the rows and parts of wire/ (field.h, item.h): there is no protocol's name in here.
//
// A packet is a list of layers. A layer is its fixed part as bytes, its parts as bytes, and a mask of what was
// given. A packet that was dissected has everything given: built again it is the same bytes.
//
// Read first: wire/field.h (rows, parts), wire/item.h (values), craft/book.h (which protocols there are).
#ifndef SOK_CRAFT_PACKET_H
#define SOK_CRAFT_PACKET_H

#include "base/addr.h"
#include "base/mem.h"
#include "craft/book.h"
#include "wire/field.h"
#include "wire/item.h"
#include "wire/text.h"

#define SOK_CRAFT_LAYERS_MAX 32
#define SOK_CRAFT_PACKET_MAX 65575 // the largest that is built: IPv6's header and 65,535 bytes
#define SOK_CRAFT_SETS_MAX   64    // fields of one packet that hold sets

struct sok_packet;

// One line that names the field, the value and what is allowed: "TCP.flags: 'X' is no flag; known: FSRPAUECN".
struct sok_craft_error {
    char text[240];
};

// What the machine knows around a packet. Any of them may be NULL, and none may know: then source addresses
// are 0.0.0.0 and ::, MACs broadcast (of the next hop) and 0 (ours).
struct sok_craft_world {
    void *ctx;
    bool (*source)(void *ctx, const struct sok_addr *dst, struct sok_addr *out);
    bool (*source_mac)(void *ctx, const struct sok_addr *dst, uint8_t out[6]);
    bool (*hop_mac)(
        void *ctx, const struct sok_addr *dst, uint8_t out[6]); // of the neighbour or router
};

// ---- packets ----

// NULL: no memory. The book must live longer.
struct sok_packet *sok_packet_new(const struct sok_book *book);
void sok_packet_free(struct sok_packet *p); // NULL: nothing
struct sok_packet *sok_packet_copy(const struct sok_packet *p);
// The same in as little memory as it needs, which p is no more: for many that are kept.
struct sok_packet *sok_packet_pack(struct sok_packet *p);
const struct sok_book *sok_packet_book(const struct sok_packet *p);

// A layer with nothing given, above the others: its index, or SOK_ENOMEM, SOK_EMSGSIZE (too many layers).
int sok_packet_push(struct sok_packet *p, const struct sok_proto *proto);
// A last layer Raw with these bytes.
int sok_packet_push_bytes(struct sok_packet *p, const void *data, size_t len);
// p / q: q's layers above p's, from q's layer `from` on. 0, SOK_ENOMEM, SOK_EMSGSIZE.
int sok_packet_join(struct sok_packet *p, const struct sok_packet *q, unsigned from);
// Removes the layers from this one on.
void sok_packet_cut(struct sok_packet *p, unsigned layer);

unsigned sok_packet_count(const struct sok_packet *p);
const struct sok_proto *sok_packet_layer(const struct sok_packet *p, unsigned i); // NULL: none
// The nth (from 1) layer of this protocol, or of one of its family; negative: none.
int sok_packet_find(const struct sok_packet *p, const struct sok_proto *proto, unsigned nth);

// ---- fields ----

// A field of a layer: a row or a part. Its index is the bit of what was given.
struct sok_slot {
    const struct sok_field *row; // or
    const struct sok_part *part;
    unsigned index;
};
// False: the layer has no such field. Where the protocol has no `view` (its layout does not depend on what it
// contains) the slot is good for all its layers, and may be kept. With a view, a field of another layout is found,
// too: reading it gives NONE, setting it an error that says what to give first.
bool sok_packet_slot(
    const struct sok_packet *p, unsigned layer, const char *name, struct sok_slot *out);
// The i-th field, rows and parts in the order of the wire; false: no more.
bool sok_packet_slot_at(
    const struct sok_packet *p, unsigned layer, unsigned i, struct sok_slot *out);
// "TCP has no field 'portt'; it has: sport, dport, ..."
void sok_packet_no_slot(
    const struct sok_packet *p, unsigned layer, const char *name, struct sok_craft_error *e);

// Numbers, text ("SA", "192.0.2.1", "http", "80"), bytes or lists, as the field wants it. A list for a row is a
// set of values: {80, 443, {1, 10}}, {"192.0.2.1", "198.51.100.0/30"}; sok_expand gives the packets. A NONE:
// not given any more. 0, SOK_EINVAL with `e`, SOK_ENOMEM.
int sok_packet_set(struct sok_packet *p, unsigned layer, const struct sok_slot *slot,
    const struct sok_item *value, struct sok_craft_error *e);
void sok_packet_unset(struct sok_packet *p, unsigned layer, const struct sok_slot *slot);
bool sok_packet_is_set(const struct sok_packet *p, unsigned layer, const struct sok_slot *slot);

// The value. Rows: a number, or the bytes as they are (addresses too: sok_craft_text makes text of them); parts:
// whatever its `get` gives, in `to`. What nobody gave: what follows from the layers around (IP's proto), the
// default, or NONE when it is known at build only. Of a set: the first. SOK_ENOMEM: `to` is full.
int sok_packet_get(const struct sok_packet *p, unsigned layer, const struct sok_slot *slot,
    struct sok_items *to, struct sok_item *out);
// The quick way for a row that is a number: false when it is not given and known at build only.
bool sok_packet_number(
    const struct sok_packet *p, unsigned layer, const struct sok_slot *slot, uint64_t *out);
// The fixed part of a layer all of whose fields are given (it was dissected), for who reads many of them:
// sok_field_get(row, it) of rows that end within `len`. NULL: there is none, or something in it is not given.
const uint8_t *sok_packet_fixed(const struct sok_packet *p, unsigned layer, size_t *len);
// What a person writes for a row's value: "192.0.2.1", "02:00:00:00:00:01", "SA", "DF+MF"; the name of a value
// when `names`. Its length in out (NUL ends it); 0: it is a plain number, or plain bytes.
size_t sok_craft_text(
    const struct sok_field *row, const struct sok_item *value, bool names, char out[64]);

// ---- bytes ----

// The length the packet has, or SOK_EMSGSIZE (also when a length that nobody gave has no room in its field); written to `out` as far as `size` goes only when all fits, so
// (NULL, 0) asks for the length. From layer `first` on; those below count for checksums. world NULL: the book's.
int sok_packet_build(const struct sok_packet *p, unsigned first,
    const struct sok_craft_world *world, uint8_t *out, size_t size);
// Why it could not be built: "IP.len: 70020 is too large (0 to 65535); ...".
void sok_packet_build_error(const struct sok_packet *p, int err, struct sok_craft_error *e);

// Takes bytes apart from `first` on. 0, SOK_ENOMEM. Whatever the bytes are there is a packet: what no protocol
// is known for is Raw, what no length covers is Padding.
int sok_packet_dissect(const struct sok_book *book, const struct sok_proto *first,
    const uint8_t *data, size_t len, struct sok_packet **out);

// The same in a packet that is there: what was in it is gone, its memory is used again.
int sok_packet_redissect(
    struct sok_packet *p, const struct sok_proto *first, const uint8_t *data, size_t len);

// ---- about packets ----

// The same layers with the same fields.
bool sok_packet_equal(const struct sok_packet *a, const struct sok_packet *b);
// Whether `reply` would be an answer to `sent`, an ICMP error about it included.
bool sok_packet_answers(const struct sok_packet *reply, const struct sok_packet *sent);
// Equal for a packet and all its answers: to look for them in a table. 0: only sok_packet_answers() can tell (a
// packet to a group, or of a protocol that says nothing twice), so a packet with 0 is compared with all.
uint64_t sok_packet_hashret(const struct sok_packet *p);
// The same, and in *finer (0: none) what both ends mostly, but not always, say alike: UDP's ports, who is asked for.
uint64_t sok_packet_keys(const struct sok_packet *p, uint64_t *finer);
// The same packet with the first message from layer `from` on that can be said in fewer bytes (names of DNS) said so.
// 0, SOK_EINVAL (there is none, or it is malformed), SOK_EMSGSIZE, SOK_ENOMEM.
int sok_packet_compress(const struct sok_packet *p, unsigned from, struct sok_packet **out);
// Fills what nobody gave and what does not follow from the rest, from a seed.
void sok_packet_fuzz(struct sok_packet *p, uint64_t seed);

// ---- sets ----

// Whether any field holds a set, and how many packets that makes (UINT64_MAX: that or more).
uint64_t sok_packet_expand_count(const struct sok_packet *p);
bool sok_packet_has_sets(const struct sok_packet *p); // of which one value is drawn, too
// Of the field's set one value is drawn, from a seed, for each packet that is expanded, and now: it makes one packet,
// not many. 0, SOK_ENOMEM.
int sok_packet_draw(
    struct sok_packet *p, unsigned layer, const struct sok_slot *slot, uint64_t seed);
// The i-th of them, a new packet without sets: the rightmost layer moves fastest, and in a layer the last
// field. NULL: no memory, or there is no such packet.
struct sok_packet *sok_packet_expand(const struct sok_packet *p, uint64_t i);

// ---- text ----

// All layers from `first` on with all fields; built: as it would be sent (show2 of Scapy).
void sok_packet_show(const struct sok_packet *p, unsigned first, bool built, struct sok_text *out);
// A field's value as it stands there.
void sok_craft_show_field(
    const struct sok_packet *p, unsigned layer, const struct sok_slot *slot, struct sok_text *out);
// An array of layers, without line ends (json.c says how values look).
void sok_packet_json(const struct sok_packet *p, unsigned first, bool built, struct sok_text *out);
// One line: "IP / TCP 192.0.2.1:20 > 192.0.2.2:80 S / Raw".
void sok_packet_summary(const struct sok_packet *p, unsigned first, struct sok_text *out);
// What makes it, in Lua: IP{dst="192.0.2.1"}/TCP{dport=80, flags="S"}/Raw{load="hello"}.
void sok_packet_command(const struct sok_packet *p, unsigned first, struct sok_text *out);
// Bytes as sixteen a line, with what can be read of them.
void sok_craft_hexdump(const uint8_t *data, size_t len, struct sok_text *out);
// A value as Lua writes it: 80, "text", {{"MSS",1460},{"NOP"}}.
void sok_craft_show_item(const struct sok_item *item, struct sok_text *out);

#endif
