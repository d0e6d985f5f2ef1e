// The interpreter of rows: what the expansions of field.h do, for a field that is known at run time only.
#include "wire/field.h"

#include "base/str.h"

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
