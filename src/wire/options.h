// The options of IPv4 (RFC 791) and TCP (RFC 9293 section 3.1) share one form: kind 0 ends the list, kind 1
// is one byte, all others are kind, length (of all of it), value. Those of DHCP are alike (RFC 2132 section
// 2), with other numbers; those of neighbour discovery count units of 8 bytes (RFC 4861 section 4.6). This walks them: bounded, and never past the end, whatever the lengths say.
#ifndef SOK_WIRE_OPTIONS_H
#define SOK_WIRE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOK_OPTION_END 0
#define SOK_OPTION_NOP 1

struct sok_options {
    const uint8_t *at;
    size_t left;
    uint8_t end, nop; // the kinds of one byte
    uint8_t beside;   // bytes of an option that its length does not count
    uint8_t unit; // 0: lengths count bytes; else so many bytes each, and no kind is one byte alone
    bool malformed; // a length too small, or past the end; the walk stopped there
};

struct sok_option {
    uint8_t kind;
    uint16_t len;         // of the value
    const uint8_t *data;  // the value
    const uint8_t *start; // where the option begins
};

static inline struct sok_options sok_options(const uint8_t *p, size_t len)
{
    return (struct sok_options){.at = p, .left = len, .end = SOK_OPTION_END, .nop = SOK_OPTION_NOP};
}

// The next option; NOP and END are given too. False after END, at the end, or when malformed.
static inline bool sok_option_next(struct sok_options *o, struct sok_option *out)
{
    if (o->left == 0)
        return false;
    uint8_t kind = o->at[0];
    size_t len = 1;
    bool alone = !o->unit && (kind == o->end || kind == o->nop);
    if (!alone) {
        size_t unit = o->unit ? o->unit : 1;
        len = o->left > 1 ? o->at[1] * unit + o->beside : 0;
        if (len < 2 || len > o->left) {
            o->malformed = true;
            return false;
        }
    }
    size_t head = len > 1 ? 2 : 1;
    *out = (struct sok_option){
        .kind = kind, .len = (uint16_t)(len - head), .data = o->at + head, .start = o->at};
    o->at += len;
    o->left = alone && kind == o->end ? 0 : o->left - len;
    return true;
}

// ---- as values (wire/item.h): what a part that is options has in `more`, and its get and put ----

struct sok_option_kind;
struct sok_part;
struct sok_proto;
struct sok_span;
struct sok_sink;
struct sok_item;
struct sok_items;
struct sok_text;

struct sok_option_table {
    const struct sok_option_kind *kinds;
    unsigned count;
    struct sok_options (*walk)(const uint8_t *p, size_t len); // NULL: sok_options()
    uint8_t pad; // zeros fill up a multiple of so many bytes; 0: not
    // Options that are headers of their own (IPOption_RR): which. NULL: they are lists, {"MSS", 1460}.
    const struct sok_proto *(*protos)(uint8_t kind);
};
bool sok_options_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out);
bool sok_options_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why);
// A few of those that have names, with any values.
void sok_options_fuzz(
    const struct sok_part *part, uint64_t (*next)(void *ctx), void *ctx, struct sok_sink *out);

#endif
