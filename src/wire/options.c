// Options as values: {{"MSS", 1460}, {"NOP"}, {"Timestamp", {1, 0}}}, for the parts that are options.
#include "wire/options.h"

#include "base/str.h"
#include "wire/field.h"
#include "wire/text.h"
#include "wire/value.h"

#define VALUE_MAX 253 // of an option that is written
#define ROW_BYTES 32  // the fields of an option together

static struct sok_options walk_of(const struct sok_option_table *t, const uint8_t *p, size_t len)
{
    return t->walk ? t->walk(p, len) : sok_options(p, len);
}

static const struct sok_option_kind *kind_of(const struct sok_option_table *t, uint8_t kind)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (t->kinds[i].kind == kind)
            return &t->kinds[i];
    }
    return NULL;
}

static size_t width_of(const struct sok_option_kind *k)
{
    return k && k->field_count ? sok_field_end(&k->fields[k->field_count - 1]) : 0;
}

// ---- bytes into values ----

// Items are filled where they lie, member by member: one that is put together first and then copied whole costs more
// than all the rest (the copy waits for the small writes before it), and packets have many options.
static void fill_number(struct sok_item *out, uint64_t v)
{
    out->type = SOK_ITEM_NUMBER;
    out->number = v;
}

static void fill_bytes(struct sok_item *out, const void *p, size_t len)
{
    out->type = SOK_ITEM_BYTES;
    out->count = (uint32_t)len;
    out->bytes = p;
}

static void fill_list(struct sok_item *out, const struct sok_item *list, unsigned count)
{
    out->type = SOK_ITEM_LIST;
    out->count = count;
    out->list = list;
}

static void get_field(
    const struct sok_field *f, const uint8_t *p, struct sok_items *to, struct sok_item *out)
{
    if (f->as == SOK_AS_IP4)
        *out = sok_items_ip4(to, (uint32_t)sok_field_get(f, p));
    else if (f->as == SOK_AS_IP6 && f->bits == 128)
        *out = sok_items_ip6(to, p + f->bit / 8);
    else if (f->bytes)
        fill_bytes(out, p + f->bit / 8, f->bits / 8);
    else
        fill_number(out, sok_field_get(f, p));
}

// Its values, one after the other, by the rows; the count of them, 0 when the length does not fit the rows.
static unsigned fields_in(const struct sok_option_kind *k, const struct sok_option *opt)
{
    size_t width = width_of(k);
    if (opt->len == 0 || width == 0)
        return 0;
    if (!k->repeats)
        return opt->len == width ? k->field_count : 0;
    return opt->len % width ? 0 : (unsigned)(opt->len / width) * k->field_count;
}

static bool get_fields(const struct sok_option_kind *k, const struct sok_option *opt,
    struct sok_items *to, struct sok_item *out, unsigned count)
{
    size_t width = width_of(k);
    const uint8_t *p = opt->data;
    for (unsigned i = 0; i < count; p += width) {
        for (unsigned field = 0; field < k->field_count; field++)
            get_field(&k->fields[field], p, to, &out[i++]);
    }
    return !to->full;
}

// {name or number}, {name, value}, {name, value, value...} or {name, {value, value...}}.
static bool get_option(const struct sok_option_table *t, const struct sok_option *opt,
    struct sok_items *to, struct sok_item *out)
{
    const struct sok_option_kind *k = kind_of(t, opt->kind);
    unsigned count = k ? fields_in(k, opt) : 0;
    bool apart = count > 1 && !k->flat;
    bool alone = count == 0 && opt->data == opt->start + 1;
    unsigned size = alone ? 1 : count == 0 || apart ? 2 : 1 + count;
    struct sok_item *list = sok_items_list(to, size);
    if (!list)
        return false;
    if (k)
        fill_bytes(&list[0], k->name, sok_str_len(k->name));
    else
        fill_number(&list[0], opt->kind);
    fill_list(out, list, size);
    if (alone)
        return true;
    if (count == 0) {
        fill_bytes(&list[1], opt->data, opt->len);
        return true;
    }
    struct sok_item *values = apart ? sok_items_list(to, count) : list + 1;
    if (!values)
        return false;
    if (apart)
        fill_list(&list[1], values, count);
    return get_fields(k, opt, to, values, count);
}

// Where options are headers, what follows the end of the list is read on: those are headers, too.
static bool next_of(const struct sok_option_table *t, struct sok_options *options,
    struct sok_option *opt, const uint8_t *end)
{
    bool found = sok_option_next(options, opt);
    if (found && t->protos)
        options->left = (size_t)(end - options->at);
    return found;
}

bool sok_options_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    const struct sok_option_table *t = (const struct sok_option_table *)part->more;
    const uint8_t *p = span->header + span->off;
    struct sok_options options = walk_of(t, p, span->len);
    struct sok_option opt;
    unsigned count = 0;
    while (next_of(t, &options, &opt, p + span->len))
        count++;
    if (options.malformed)
        return false;
    struct sok_item *list = sok_items_list(to, count);
    if (!list)
        return false;
    options = walk_of(t, p, span->len);
    for (unsigned i = 0; next_of(t, &options, &opt, p + span->len); i++) {
        if (t->protos)
            list[i] =
                sok_item_packet(t->protos(opt.kind), opt.start, (size_t)(options.at - opt.start));
        else if (!get_option(t, &opt, to, &list[i]))
            return false;
    }
    *out = sok_item_list(list, count);
    return true;
}

// ---- values into bytes ----

static bool find_kind(const struct sok_option_table *t, const struct sok_item *name, uint8_t *kind,
    const struct sok_option_kind **k, struct sok_text *why)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (sok_item_is(name, t->kinds[i].name)) {
            *k = &t->kinds[i];
            *kind = (*k)->kind;
            return true;
        }
    }
    if (name->type == SOK_ITEM_NUMBER && name->number <= UINT8_MAX) {
        *kind = (uint8_t)name->number;
        *k = kind_of(t, *kind);
        return true;
    }
    sok_value_quote(why, name);
    sok_text_add_str(why, " is no option; known: ");
    for (unsigned i = 0; i < t->count; i++)
        sok_text_add(why, "%s%s", i ? ", " : "", t->kinds[i].name);
    return false;
}

// The values of one option, by its rows, behind each other.
static bool put_fields(const struct sok_option_kind *k, const struct sok_item *values,
    uint32_t count, struct sok_sink *out, struct sok_text *why)
{
    uint8_t row[ROW_BYTES] = {0};
    size_t width = width_of(k);
    if (count % k->field_count || (!k->repeats && count != k->field_count)) {
        sok_text_add(why, "%s takes %s%u values, not %u", k->name, k->repeats ? "times " : "",
            k->field_count, count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!sok_value_put(&k->fields[i % k->field_count], row, &values[i], why))
            return false;
        if ((i + 1) % k->field_count == 0)
            sok_sink_put(out, row, width);
    }
    return true;
}

static bool put_value(const struct sok_option_kind *k, const struct sok_item *values,
    uint32_t count, struct sok_sink *out, struct sok_text *why)
{
    if (count == 1 && values[0].type == SOK_ITEM_LIST)
        return put_value(k, values[0].list, values[0].count, out, why);
    if (count == 0 || values[0].type == SOK_ITEM_NONE)
        return true;
    bool raw = count == 1 && values[0].type == SOK_ITEM_BYTES;
    struct sok_text ignored = sok_text(NULL, 0);
    size_t before = out->used;
    if (k && k->field_count && put_fields(k, values, count, out, raw ? &ignored : why))
        return true;
    if (raw) { // as it goes on the wire
        out->used = before;
        sok_sink_put(out, values[0].bytes, values[0].count);
        return true;
    }
    if (!k || !k->field_count) {
        sok_value_quote(why, &values[0]);
        sok_text_add(why, " where bytes belong: option %s", k ? k->name : "of this number");
    }
    return false;
}

static bool put_option(const struct sok_option_table *t, const struct sok_item *name,
    const struct sok_item *values, uint32_t count, struct sok_sink *out, struct sok_text *why)
{
    const struct sok_option_kind *k = NULL;
    uint8_t kind;
    struct sok_options form = walk_of(t, NULL, 0);
    if (!find_kind(t, name, &kind, &k, why))
        return false;
    sok_sink_number(out, kind, 1);
    if (!form.unit && (kind == form.end || kind == form.nop))
        return true;
    size_t at = out->used;
    sok_sink_zeros(out, 1);
    if (!put_value(k, values, count, out, why))
        return false;
    size_t len = out->used - at - 1;
    if (len > (size_t)VALUE_MAX + form.beside) {
        sok_text_add(why, "an option of %zu bytes is too long (at most %u)", len, VALUE_MAX);
        return false;
    }
    sok_sink_number_at(out, at, len + 2 - form.beside, 1);
    return true;
}

static bool put_entry(const struct sok_option_table *t, const struct sok_item *entry,
    struct sok_sink *out, struct sok_text *why)
{
    if (entry->type == SOK_ITEM_PACKET) {
        sok_sink_put(out, entry->bytes, entry->count);
        return true;
    }
    if (entry->type == SOK_ITEM_LIST && entry->count > 0)
        return put_option(t, &entry->list[0], entry->list + 1, entry->count - 1, out, why);
    return put_option(t, entry, NULL, 0, out, why);
}

bool sok_options_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    const struct sok_option_table *t = (const struct sok_option_table *)part->more;
    size_t before = out->used;
    if (value->type == SOK_ITEM_LIST) {
        for (uint32_t i = 0; i < value->count; i++) {
            if (!put_entry(t, &value->list[i], out, why))
                return false;
        }
    } else if (value->type == SOK_ITEM_BYTES || value->type == SOK_ITEM_PACKET) {
        sok_sink_put(out, value->bytes, value->count);
    } else if (value->type != SOK_ITEM_NONE) {
        sok_value_quote(why, value);
        sok_text_add_str(why, " where a list of options belongs");
        return false;
    }
    if (t->pad)
        sok_sink_zeros(out, (t->pad - (out->used - before) % t->pad) % t->pad);
    return true;
}

// ---- any ----

#define ANY_COUNT  8  // options that are made, at most
#define ANY_ROOM   40 // bytes of them, TCP's room
#define ANY_BYTES  8  // of a value without rows
#define ANY_REPEAT 3

static size_t any_length(const struct sok_option_kind *k, uint64_t number)
{
    size_t width = width_of(k);
    if (width == 0)
        return (size_t)(number % (ANY_BYTES + 1));
    return k->repeats ? width * (size_t)(1 + number % ANY_REPEAT) : width;
}

void sok_options_fuzz(
    const struct sok_part *part, uint64_t (*next)(void *ctx), void *ctx, struct sok_sink *out)
{
    const struct sok_option_table *t = (const struct sok_option_table *)part->more;
    struct sok_options form = walk_of(t, NULL, 0);
    size_t start = out->used;
    for (uint64_t count = next(ctx) % (ANY_COUNT + 1); count > 0; count--) {
        const struct sok_option_kind *k = &t->kinds[next(ctx) % t->count];
        bool alone = !form.unit && (k->kind == form.end || k->kind == form.nop);
        size_t len = alone ? 0 : any_length(k, next(ctx));
        if (k->kind == form.end || out->used - start + 2 + len > ANY_ROOM)
            continue;
        sok_sink_number(out, k->kind, 1);
        if (!alone)
            sok_sink_number(out, len + 2 - form.beside, 1);
        for (; len > 0; len--)
            sok_sink_number(out, next(ctx) & UINT8_MAX, 1);
    }
    if (form.end)
        sok_sink_number(out, form.end, 1);
    if (t->pad)
        sok_sink_zeros(out, (t->pad - (out->used - start) % t->pad) % t->pad);
}
