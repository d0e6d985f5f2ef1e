// The interpreter of rows: what the expansions of field.h do, for a field that is known at run time only.
#include "wire/field.h"

#include "base/str.h"
#include "wire/parts.h"

#define PARTS_FIXED_MAX 64 // of a protocol whose parts are sized here

uint64_t sok_field_get(const struct sok_field *f, const uint8_t *header)
{
    return sok_bits_get(header, f->bit, f->bits);
}

void sok_field_set(const struct sok_field *f, uint8_t *header, uint64_t value)
{
    unsigned first = f->bit / 8, last = (f->bit + f->bits - 1) / 8;
    unsigned below = 7 - (f->bit + f->bits - 1) % 8;
    uint64_t mask = sok_bits_mask(f->bits) << below;
    uint64_t around = sok_bits_load(header + first, last - first + 1) & ~mask;
    sok_bits_store(header + first, last - first + 1, around | (value << below & mask));
}

const char *sok_value_text(const struct sok_value *values, uint64_t value)
{
    for (; values && values->text; values++) {
        if (values->value == value)
            return values->text;
    }
    return NULL;
}

const struct sok_field *sok_proto_field(const struct sok_proto *proto, const char *name)
{
    for (unsigned i = 0; i < proto->field_count; i++) {
        if (sok_str_eq(proto->fields[i].name, name))
            return &proto->fields[i];
    }
    return NULL;
}

const struct sok_part *sok_proto_part(const struct sok_proto *proto, const char *name)
{
    for (unsigned i = 0; i < proto->part_count; i++) {
        if (sok_str_eq(proto->parts[i].name, name))
            return &proto->parts[i];
    }
    return NULL;
}

const struct sok_field *sok_proto_rows(
    const struct sok_proto *proto, const uint8_t *header, size_t len, unsigned *count)
{
    *count = proto->field_count;
    return proto->view && len >= proto->hdr_len ? proto->view(header, len, count) : proto->fields;
}

size_t sok_proto_fixed(const struct sok_proto *proto, const uint8_t *header, size_t len)
{
    unsigned count;
    const struct sok_field *rows = sok_proto_rows(proto, header, len, &count);
    size_t end = proto->view && count > 0 ? sok_field_end(&rows[count - 1]) : 0;
    return end > proto->hdr_len ? end : proto->hdr_len;
}

// The bytes of a part, of which `there` are there at p.
static size_t part_size(
    const struct sok_part *part, const uint8_t *fixed, const uint8_t *p, size_t there)
{
    size_t zero;
    uint64_t said;
    switch (part->sized) {
    case SOK_PART_BY_ROW:
        said = sok_field_get(part->size, fixed);
        said = said > part->minus ? said - part->minus : 0;
        if (part->unit == 0)
            return sok_packets_size((const struct sok_packets *)part->more, p, there, said);
        return said <= SIZE_MAX / part->unit ? (size_t)said * part->unit : SIZE_MAX;
    case SOK_PART_TO_ZERO:
        zero = sok_zero_find(p, there);
        return zero < there ? zero + 1 : SIZE_MAX;
    default:
        return part->measure ? part->measure(fixed, p, there) : there;
    }
}

bool sok_parts_measure(const struct sok_proto *proto, const uint8_t *p, size_t len, size_t *header)
{
    struct sok_span spans[SOK_PARTS_MAX];
    uint8_t fixed[PARTS_FIXED_MAX];
    bool whole = true;
    size_t end = proto->hdr_len;
    if (proto->hdr_len > sizeof fixed)
        return false;
    sok_parts_find(proto, p, len, fixed, spans);
    for (unsigned i = 0; i < proto->part_count; i++) {
        size_t left = spans[i].off < len ? len - spans[i].off : 0;
        whole = whole && part_size(&proto->parts[i], fixed, p + spans[i].off, left) <= left;
        end += spans[i].len;
    }
    *header = end < len ? end : len;
    return whole && end <= len;
}

void sok_parts_find(const struct sok_proto *proto, const uint8_t *p, size_t len, uint8_t *fixed,
    struct sok_span spans[SOK_PARTS_MAX])
{
    size_t size = sok_proto_fixed(proto, p, len), done = 0, at = 0;
    memset(fixed, 0, size);
    for (unsigned i = 0; i <= proto->part_count; i++) {
        size_t upto =
            i < proto->part_count && proto->parts[i].at < size ? proto->parts[i].at : size;
        size_t run = upto - done < len - at ? upto - done : len - at;
        memcpy(fixed + done, p + at, run);
        done = upto;
        at += run;
        if (i == proto->part_count)
            break;
        size_t there = len - at, own = part_size(&proto->parts[i], fixed, p + at, there);
        own = own < there ? own : there;
        spans[i] = (struct sok_span){
            .header = p, .header_len = len, .off = at, .len = own, .fixed = fixed};
        at += own;
    }
}
