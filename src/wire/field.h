// Each header is described once: a field list (an X-macro) that expands to the struct in host byte order,
// to _get and _put that compile to what one would write by hand, and to a table of rows that everything
// else interprets (show, filters, Lua). A list looks like this:
//
//   #define SOK_UDP_FIELDS(N, B, P)
//       N(P, sport, 16, DEC, SET, 53, NULL)      number: name, bits, shown as, SET or DERIVED, default, names
//       B(P, hwsrc, 6, MAC, SET)                 bytes:  name, count, shown as, SET or DERIVED
//   SOK_HEADER(udp, SOK_UDP_FIELDS, SOK_UDP_HDR_LEN)          in the header file
//   SOK_HEADER_ROWS(udp, SOK_UDP_FIELDS)                      in the .c: `udp_rows`, for its sok_proto
//
// Fields follow each other as on the wire, most significant bit first, any width from 1 to 64 bits (a
// number may touch 8 bytes at most); byte runs start on a byte. Names are Scapy's.
#ifndef SOK_WIRE_FIELD_H
#define SOK_WIRE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/bytes.h"
#include "wire/item.h"

// ---- rows ----

enum sok_field_as {
    SOK_AS_DEC,
    SOK_AS_HEX,
    SOK_AS_NAME,  // a number that has names (values); a number without a name is shown as one
    SOK_AS_FLAGS, // each bit has a letter or word (values, by bit number)
    SOK_AS_MAC,   // bytes
    SOK_AS_IP4,   // a 32-bit number
    SOK_AS_IP6,   // 16 bytes
    SOK_AS_BYTES, // bytes, as hex
    SOK_AS_TEXT,  // bytes, as text that zeros fill up
    SOK_AS_FIXED, // a number with half of its bits behind the point
};

enum sok_field_how {
    SOK_FIELD_SET,     // somebody chooses it
    SOK_FIELD_DERIVED, // follows from the rest of the packet unless somebody insists
    SOK_FIELD_SOURCE,  // our own address towards the destination, unless somebody insists
    SOK_FIELD_HOP,     // the MAC of the next hop towards it
    SOK_FIELD_TARGET,  // where the packet goes: this machine itself, unless somebody says
    SOK_FIELD_ASKED,   // a TARGET that all on the link are asked for: its frame goes to all
};

// Names of values, or of bits; the list ends with text NULL.
struct sok_value {
    uint64_t value;
    const char *text;
};

struct sok_field {
    const char *name;
    const struct sok_value *values; // NULL: none
    uint64_t initial;               // the default; of bytes the first eight
    uint32_t bit;                   // from the start of the header
    uint32_t bits;
    uint8_t as;      // enum sok_field_as
    uint8_t how;     // enum sok_field_how
    bool bytes;      // a run of bytes rather than a number
    uint16_t member; // where it is in the struct
    uint16_t size;   // and its bytes there
};

// One number of a header by its row. The header has at least (bit + bits + 7) / 8 bytes.
uint64_t sok_field_get(const struct sok_field *f, const uint8_t *header);
void sok_field_set(const struct sok_field *f, uint8_t *header, uint64_t value);
// A field is usable when this many bytes of the header are there.
static inline size_t sok_field_end(const struct sok_field *f)
{
    return (f->bit + f->bits + 7) / 8;
}
// The name of a value, or NULL.
const char *sok_value_text(const struct sok_value *values, uint64_t value);

// ---- protocols ----

struct sok_proto;
struct sok_show;
struct sok_options;
struct sok_text;

// Where a header found in `len` bytes ends, and what it says about the end of its payload.
struct sok_extent {
    size_t header;  // with options; at most len
    size_t payload; // at most len - header; less when a length field says so (padding)
    bool malformed; // the lengths in it contradict each other
    bool cut;       // it speaks of more bytes than are there
    bool opaque;    // the payload does not begin with a header (a later fragment)
};

// A kind of option: how the bytes after kind and length are read.
struct sok_option_kind {
    uint8_t kind;
    const char *name;
    const struct sok_field *fields; // NULL: bytes
    uint8_t field_count;
    bool repeats; // the fields come again until the option ends (SACK)
    bool flat;    // as a value: {name, a, b}, not {name, {a, b}}
};

// "Comes where `under` has `value` in its row `field`": SOK_AT_ip4_proto. When a packet is built, `under` gets
// the values of all its binds, on the fields nobody set; of several on one field, the first.
struct sok_bind {
    const struct sok_proto *under;
    unsigned field; // or'ed with one of these:
    uint64_t value;
};
#define SOK_BIND_READ  0x10000u // found so, but not built so
#define SOK_BIND_WRITE 0x20000u // built so, but not looked for

static inline unsigned sok_bind_field(const struct sok_bind *b)
{
    return b->field & 0xffff;
}

// ---- parts: what has no fixed place in a header ----
//
// On the wire a header is its fixed part (hdr_len bytes, which the rows describe as if nothing lay between) and,
// after `at` bytes of it, each part: TCP's options at 20; of DNSQR the name at 0, then type and class.

#define SOK_PARTS_MAX 8

// The bytes of a part where they lie: header + off, len of them. DNS names refer to others of the message.
struct sok_span {
    const uint8_t *header;
    size_t header_len;
    size_t off, len;
    const uint8_t *fixed; // the header's fixed part
};

// How many bytes are a part's own.
enum sok_part_sized {
    SOK_PART_MEASURED, // as its `measure` says
    SOK_PART_BY_ROW,   // a row says it, in units, and counts `minus` more
    SOK_PART_TO_ZERO,  // up to and with the first zero
    SOK_PART_REST,     // all that is there
};

struct sok_part {
    const char *name;
    uint16_t at;
    uint8_t
        sized;    // enum sok_part_sized; but for MEASURED, a protocol needs no `measure` of its own
    uint8_t unit; // bytes; 0: headers (`more` is a struct sok_packets)
    uint8_t minus;
    bool counts;                    // the row counts entries of a list
    const struct sok_field *size;   // BY_ROW: a number, in front of the part
    const struct sok_item *initial; // the default; NULL: no bytes
    // How many of the `there` bytes at p are its own, after the fixed part up to `at`. NULL: all that the header has.
    size_t (*measure)(const uint8_t *fixed, const uint8_t *p, size_t there);
    // Bytes into a value. False: malformed, or `to` is full; then the bytes themselves are the value.
    bool (*get)(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
        struct sok_item *out);
    // A value into bytes. False: `why` says what is wrong ("'MMS' is no option; known: EOL, NOP, MSS").
    // NULL of either: the value is the bytes.
    bool (*put)(const struct sok_part *part, const struct sok_item *value, struct sok_sink *out,
        struct sok_text *why);
    const void *more; // for get and put: a table of options
    // Its value refers to other bytes of the header (names of DNS): written out before those change.
    bool refers;
    // Bytes that are random in a way that its `get` reads, from next(ctx). NULL: where there is no `get`, any bytes.
    void (*fuzz)(
        const struct sok_part *part, uint64_t (*next)(void *ctx), void *ctx, struct sok_sink *out);
};

// A packet that is being built: all its layers' bytes are there, those of the parts too.
struct sok_built {
    const struct sok_proto *proto;
    size_t off;    // of its header in the packet
    size_t header; // bytes, with its parts
    uint64_t
        set; // rows (bit i: fields[i], or the view's), parts behind them: given, and to be kept
    uint32_t part[SOK_PARTS_MAX]; // bytes of each part
};
// A row that follows from the rest and has no room for it.
struct sok_over {
    const struct sok_proto *proto;
    const struct sok_field *row; // NULL: all had room
    uint64_t value;
};
struct sok_finish {
    uint8_t *packet;
    size_t len; // of the packet
    const struct sok_built *layers;
    unsigned count;
    unsigned at; // the layer whose turn it is
    struct sok_over *over;
};

struct sok_proto {
    const char *name;  // Scapy's: "IP"
    const char *title; // for a tree: "Internet Protocol version 4"
    const struct sok_field *fields;
    unsigned field_count;
    uint16_t hdr_len; // the fixed part
    // The rows of just this header where its layout depends on its contents (ICMP); NULL: `fields`.
    const struct sok_field *(*view)(const uint8_t *p, size_t len, unsigned *count);
    // Called with at least hdr_len bytes. NULL: the fixed part is all, with the parts that are not MEASURED.
    void (*measure)(const uint8_t *p, size_t len, struct sok_extent *out);
    // Options between hdr_len and the header's end: kind, length, value (RFC 791, RFC 9293).
    const struct sok_option_kind *options;
    unsigned option_count;
    struct sok_options (*walk)(const uint8_t *p, size_t len); // NULL: sok_options (options.h)
    const struct sok_bind *binds;
    unsigned bind_count;
    // What has no fixed place, in the order of the wire.
    const struct sok_part *parts;
    unsigned part_count;
    // One of several headers that are found in one place (ICMPv6's messages): that place is the family's, with
    // its binds. `variant` of the family says which; NULL from it: this is no such header at all.
    const struct sok_proto *family;
    // Behind `behind` it has another form, of its family, with fields of the same names: DNS over TCP.
    const struct sok_proto *behind, *form;
    const struct sok_proto *(*variant)(const uint8_t *p, size_t len);
    // What comes after it, where a bind cannot say: `header` of the `len` bytes at p are its own. Asked before the
    // binds; NULL from it: they are asked, too.
    const struct sok_proto *(*next)(const uint8_t *p, size_t header, size_t len);
    // Behind its payload, in the same place, another of it may stand (TLS's records), if `variant` takes it for one.
    bool repeats;
    // Derived fields that nobody set: lengths, checksums. Called from the last layer to the first; what names the
    // next header is done before, by the binds.
    void (*finish)(const struct sok_finish *f);
    // The header of `len` bytes at p in fewer: what it says twice is said once (names of DNS). False: it is malformed.
    bool (*compress)(const uint8_t *p, size_t len, struct sok_sink *out);
    // What it says in a line about a packet that is made by hand (craft/summary.c has the signs in it); NULL: its name.
    const char *summary;
    // The numbers that files of packets have for links whose frames begin with it; the first is written.
    const uint16_t *linktypes;
    unsigned linktype_count;
    const char *quoted; // its name in that line where an ICMP error quotes it
    // Its part of a packet's line (show.h). NULL: name and fields.
    void (*line)(const struct sok_show *l);
};

const struct sok_field *sok_proto_field(
    const struct sok_proto *proto, const char *name); // NULL: none
const struct sok_part *sok_proto_part(const struct sok_proto *proto, const char *name);
// The rows of a header with these contents (the view, where there is one) and the bytes they cover.
const struct sok_field *sok_proto_rows(
    const struct sok_proto *proto, const uint8_t *header, size_t len, unsigned *count);
size_t sok_proto_fixed(const struct sok_proto *proto, const uint8_t *header, size_t len);

// Finds the parts of a header of `len` bytes and gathers its fixed part into `fixed` (room: what
// sok_proto_fixed says of p, 64 bytes at most unless the protocol has no parts). Bytes that are not there are 0.
void sok_parts_find(const struct sok_proto *proto, const uint8_t *p, size_t len, uint8_t *fixed,
    struct sok_span spans[SOK_PARTS_MAX]);

// The header's end where all parts are sized by rows, zeros or the rest; false: it speaks of more than `len` bytes.
bool sok_parts_measure(const struct sok_proto *proto, const uint8_t *p, size_t len, size_t *header);

// ---- for `finish` ----

static inline uint8_t *sok_finish_header(const struct sok_finish *f)
{
    return f->packet + f->layers[f->at].off;
}
// Of the header and all that comes after it.
static inline size_t sok_finish_len(const struct sok_finish *f)
{
    return f->len - f->layers[f->at].off;
}
// Of one that repeats: up to the next of it.
static inline size_t sok_finish_one(const struct sok_finish *f)
{
    const struct sok_built *here = &f->layers[f->at];
    for (const struct sok_built *b = here + 1; b < f->layers + f->count; b++) {
        if (b->proto == here->proto)
            return b->off - here->off;
    }
    return sok_finish_len(f);
}
// Whether row `field` may be computed.
static inline bool sok_finish_free(const struct sok_finish *f, unsigned field)
{
    return !(f->layers[f->at].set >> field & 1);
}
// Row `field` gets what follows, unless somebody gave it; where it has no room, that is noted in f->over. `before`:
// bytes of parts that stand in front of it.
void sok_finish_number(const struct sok_finish *f, unsigned field, size_t before, uint64_t value);
// The checksum over this layer and what comes after it, with the pseudo header of the nearest IP or IPv6 below,
// stored at the header's byte `at`. False: there is none below, and nothing was done.
bool sok_finish_checksum(const struct sok_finish *f, uint8_t proto, size_t at);
// The same without a pseudo header.
void sok_finish_sum(const struct sok_finish *f, size_t at);

// ---- bits of big-endian words; everything folds when bit and bits are constants ----

#define SOK_ALWAYS_INLINE static inline __attribute__((always_inline))

SOK_ALWAYS_INLINE uint64_t sok_bits_mask(unsigned bits)
{
    return bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX;
}

SOK_ALWAYS_INLINE uint64_t sok_bits_load(const uint8_t *p, unsigned count)
{
    switch (count) {
    case 1:
        return p[0];
    case 2:
        return sok_get16(p);
    case 3:
        return sok_get24(p);
    case 4:
        return sok_get32(p);
    case 5:
        return (uint64_t)sok_get32(p) << 8 | p[4];
    case 6:
        return (uint64_t)sok_get32(p) << 16 | sok_get16(p + 4);
    case 7:
        return (uint64_t)sok_get32(p) << 24 | sok_get24(p + 4);
    default:
        return sok_get64(p);
    }
}

SOK_ALWAYS_INLINE void sok_bits_store(uint8_t *p, unsigned count, uint64_t v)
{
    switch (count) {
    case 0:
        break;
    case 1:
        p[0] = (uint8_t)v;
        break;
    case 2:
        sok_put16(p, (uint16_t)v);
        break;
    case 3:
        sok_put24(p, (uint32_t)v);
        break;
    case 4:
        sok_put32(p, (uint32_t)v);
        break;
    case 5:
        sok_put32(p, (uint32_t)(v >> 8));
        p[4] = (uint8_t)v;
        break;
    case 6:
        sok_put32(p, (uint32_t)(v >> 16));
        sok_put16(p + 4, (uint16_t)v);
        break;
    case 7:
        sok_put32(p, (uint32_t)(v >> 24));
        sok_put24(p + 4, (uint32_t)v);
        break;
    default:
        sok_put64(p, v);
        break;
    }
}

SOK_ALWAYS_INLINE uint64_t sok_bits_get(const uint8_t *p, unsigned bit, unsigned bits)
{
    unsigned first = bit / 8, last = (bit + bits - 1) / 8;
    unsigned below = 7 - (bit + bits - 1) % 8;
    return sok_bits_load(p + first, last - first + 1) >> below & sok_bits_mask(bits);
}

// Puts fields in their order: a byte that starts with this field is overwritten, one that an earlier field
// started keeps that field's bits.
SOK_ALWAYS_INLINE void sok_bits_put(uint8_t *p, unsigned bit, unsigned bits, uint64_t v)
{
    unsigned first = bit / 8, last = (bit + bits - 1) / 8;
    unsigned below = 7 - (bit + bits - 1) % 8;
    uint64_t shifted = (v & sok_bits_mask(bits)) << below;
    if (bit % 8 == 0) {
        sok_bits_store(p + first, last - first + 1, shifted);
    } else {
        p[first] = (uint8_t)(p[first] | shifted >> 8 * (last - first));
        sok_bits_store(p + first + 1, last - first, shifted);
    }
}

// ---- expansions ----

// The smallest unsigned type for a number of bits.
#define SOK_FIELD_TYPE(bits)                                                                       \
    __typeof__(__builtin_choose_expr((bits) <= 8, (uint8_t)0,                                      \
        __builtin_choose_expr((bits) <= 16, (uint16_t)0,                                           \
            __builtin_choose_expr((bits) <= 32, (uint32_t)0, (uint64_t)0))))

#define SOK_N_MEMBER(P, name, bits, as, how, initial, values) SOK_FIELD_TYPE(bits) name;
#define SOK_B_MEMBER(P, name, count, as, how)                 uint8_t name[count];

// A struct whose byte offsets are the header's bit offsets.
#define SOK_N_LAYOUT(P, name, bits, as, how, initial, values) uint8_t name[bits];
#define SOK_B_LAYOUT(P, name, count, as, how)                 uint8_t name[(count)*8];
#define SOK_BIT_OF(P, name)                                   ((unsigned)offsetof(struct sok_##P##_layout, name))

// The index of a field's row.
#define SOK_N_AT(P, name, bits, as, how, initial, values) SOK_AT_##P##_##name,
#define SOK_B_AT(P, name, count, as, how)                 SOK_AT_##P##_##name,

#define SOK_N_CHECK(P, name, bits, as, how, initial, values)                                       \
    _Static_assert((bits) >= 1 && SOK_BIT_OF(P, name) % 8 + (bits) <= 64, #name ": too wide");
#define SOK_B_CHECK(P, name, count, as, how)                                                       \
    _Static_assert(SOK_BIT_OF(P, name) % 8 == 0, #name ": bytes start on a byte");

#define SOK_N_GET(P, name, bits, as, how, initial, values)                                         \
    h->name = (SOK_FIELD_TYPE(bits))sok_bits_get(p, SOK_BIT_OF(P, name), bits);
#define SOK_B_GET(P, name, count, as, how) memcpy(h->name, p + SOK_BIT_OF(P, name) / 8, count);

#define SOK_N_PUT(P, name, bits, as, how, initial, values)                                         \
    sok_bits_put(p, SOK_BIT_OF(P, name), bits, h->name);
#define SOK_B_PUT(P, name, count, as, how) memcpy(p + SOK_BIT_OF(P, name) / 8, h->name, count);

#define SOK_N_DEFAULT(P, name, bits, as, how, initial, values) .name = (initial),
#define SOK_B_DEFAULT(P, name, count, as, how)                 .name = {0},

#define SOK_N_ROW(P, name_, bits_, as_, how_, initial_, values_)                                   \
    {.name = #name_,                                                                               \
        .values = (values_),                                                                       \
        .initial = (initial_),                                                                     \
        .bit = SOK_BIT_OF(P, name_),                                                               \
        .bits = (bits_),                                                                           \
        .as = SOK_AS_##as_,                                                                        \
        .how = SOK_FIELD_##how_,                                                                   \
        .member = offsetof(struct sok_##P##_hdr, name_),                                           \
        .size = sizeof((struct sok_##P##_hdr *)0)->name_},
#define SOK_B_ROW(P, name_, count_, as_, how_)                                                     \
    {.name = #name_,                                                                               \
        .bit = SOK_BIT_OF(P, name_),                                                               \
        .bits = (count_)*8,                                                                        \
        .as = SOK_AS_##as_,                                                                        \
        .how = SOK_FIELD_##how_,                                                                   \
        .bytes = true,                                                                             \
        .member = offsetof(struct sok_##P##_hdr, name_),                                           \
        .size = (count_)},

// struct sok_P_hdr alone, for rows whose values nobody wants as a struct's functions.
#define SOK_HEADER_STRUCT(P, FIELDS, LEN)                                                          \
    struct sok_##P##_hdr {                                                                         \
        FIELDS(SOK_N_MEMBER, SOK_B_MEMBER, P)                                                      \
    };                                                                                             \
    struct sok_##P##_layout {                                                                      \
        FIELDS(SOK_N_LAYOUT, SOK_B_LAYOUT, P)                                                      \
    };                                                                                             \
    _Static_assert(sizeof(struct sok_##P##_layout) == 8 * (LEN), #P ": fields cover the header");  \
    FIELDS(SOK_N_CHECK, SOK_B_CHECK, P)

// struct sok_P_hdr, sok_P_hdr_get(p, h), sok_P_hdr_put(p, h), sok_P_hdr_default(), sok_P_get(p, len, h).
#define SOK_HEADER(P, FIELDS, LEN)                                                                 \
    SOK_HEADER_STRUCT(P, FIELDS, LEN)                                                              \
    enum { FIELDS(SOK_N_AT, SOK_B_AT, P) };                                                        \
    static inline void sok_##P##_hdr_get(                                                          \
        const uint8_t *restrict p, struct sok_##P##_hdr *restrict h)                               \
    {                                                                                              \
        FIELDS(SOK_N_GET, SOK_B_GET, P)                                                            \
    }                                                                                              \
    static inline void sok_##P##_hdr_put(                                                          \
        uint8_t *restrict p, const struct sok_##P##_hdr *restrict h)                               \
    {                                                                                              \
        FIELDS(SOK_N_PUT, SOK_B_PUT, P)                                                            \
    }                                                                                              \
    static inline struct sok_##P##_hdr sok_##P##_hdr_default(void)                                 \
    {                                                                                              \
        return (struct sok_##P##_hdr){FIELDS(SOK_N_DEFAULT, SOK_B_DEFAULT, P)};                    \
    }                                                                                              \
    /* With bounds: false when the fixed part is not all there. */                                 \
    static inline bool sok_##P##_get(const uint8_t *p, size_t len, struct sok_##P##_hdr *h)        \
    {                                                                                              \
        if (len < (LEN))                                                                           \
            return false;                                                                          \
        sok_##P##_hdr_get(p, h);                                                                   \
        return true;                                                                               \
    }

#define SOK_HEADER_ROWS(P, FIELDS)                                                                 \
    static const struct sok_field P##_rows[] = {FIELDS(SOK_N_ROW, SOK_B_ROW, P)};

#define SOK_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
