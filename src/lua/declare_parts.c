// What has no fixed place in a declared protocol: {"data", size="len"}, {"name", zero=true}, {"text", rest=true}, and
// lists of numbers, addresses or headers: {"hops", list="ip4", count="n"}.
#include <string.h>
#include "lua/declare.h"
#include "wire/parts.h"

#define LEAST_MAX 255 // what `minus` may be

// ---- when it is built ----

size_t sok_declare_before(const struct sok_built *b, const struct sok_field *row)
{
    size_t before = 0;
    for (unsigned i = 0; i < b->proto->part_count && b->proto->parts[i].at * 8u <= row->bit; i++)
        before += b->part[i];
    return before;
}

void sok_declare_sizes(const struct sok_finish *f, const struct sok_declared *d)
{
    const struct sok_built *b = &f->layers[f->at];
    size_t off = 0;
    for (unsigned i = 0; i < d->proto.part_count; off += b->part[i++]) {
        const struct sok_part *part = &d->parts[i];
        const uint8_t *p = sok_finish_header(f) + part->at + off;
        if (part->sized != SOK_PART_BY_ROW)
            continue;
        size_t size =
            part->unit ? b->part[i] / part->unit : sok_packets_count(part->more, p, b->part[i]);
        sok_finish_number(f, (unsigned)(part->size - d->fields), sok_declare_before(b, part->size),
            size + part->minus);
    }
}

// ---- reading it ----

static const struct sok_field *size_field(
    lua_State *L, int idx, struct sok_declared *d, const char *name, uint32_t bit)
{
    const char *wanted = lua_tostring(L, idx);
    for (unsigned i = 0; wanted && i < d->proto.field_count; i++) {
        struct sok_field *f = &d->fields[i];
        if (strcmp(f->name, wanted) != 0)
            continue;
        if (f->bytes || d->computed[i] || f->bit + f->bits > bit)
            break;
        f->how = SOK_FIELD_DERIVED;
        d->computed[i] = SOK_COMPUTED_SIZE;
        return f;
    }
    sok_lua_error(L, "protocol: %s: size=\"%s\" is no number in front of it that nothing else uses",
        name, wanted ? wanted : "");
    return NULL;
}

// list=16, list="ip4", list=PROTOCOL; bytes of an entry, 0: they differ.
static unsigned read_list(lua_State *L, int idx, struct sok_part *part)
{
    const char *word = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";
    const struct sok_proto *proto = sok_lua_to_proto(L, idx);
    if (proto) {
        struct sok_packets *kinds = sok_declare_memory(L, sizeof(*kinds));
        *kinds = (struct sok_packets){.one = proto, .what = proto->name};
        part->get = sok_packets_get;
        part->put = sok_packets_put;
        part->more = kinds;
        return 0;
    }
    if (strcmp(word, "ip4") == 0 || strcmp(word, "ip6") == 0) {
        bool v4 = word[2] == '4';
        part->get = v4 ? sok_ip4s_get : sok_ip6s_get;
        part->put = v4 ? sok_ip4s_put : sok_ip6s_put;
        return v4 ? 4 : 16;
    }
    lua_Integer bits = lua_isinteger(L, idx) ? lua_tointeger(L, idx) : 0;
    if (bits < 8 || bits > 64 || bits % 8)
        sok_lua_error(L,
            "protocol: %s: list= is bits (8, 16, ... 64), \"ip4\", \"ip6\" or a protocol",
            part->name);
    struct sok_numbers *numbers = sok_declare_memory(L, sizeof(*numbers));
    numbers->bytes = (uint8_t)(bits / 8);
    part->get = sok_numbers_get;
    part->put = sok_numbers_put;
    part->more = numbers;
    return numbers->bytes;
}

// Which of size=, count=, zero= and rest= it has.
static enum sok_part_sized read_sized(lua_State *L, int idx, struct sok_part *part)
{
    static const char *const words[] = {"size", "count", "zero", "rest", NULL};
    static const uint8_t kinds[] = {
        SOK_PART_BY_ROW, SOK_PART_BY_ROW, SOK_PART_TO_ZERO, SOK_PART_REST};
    for (unsigned i = 0; words[i]; i++) {
        if (lua_getfield(L, idx, words[i]) != LUA_TNIL) {
            part->counts = i == 1;
            return (enum sok_part_sized)kinds[i]; // what it is lies on the stack
        }
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    return SOK_PART_MEASURED;
}

static void read_default(lua_State *L, int idx, struct sok_part *part)
{
    static const struct sok_item empty = {.type = SOK_ITEM_BYTES};
    if (part->sized == SOK_PART_TO_ZERO)
        part->initial = &empty;
    if (lua_getfield(L, idx, "default") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING || part->get == sok_packets_get ||
            part->get == sok_numbers_get)
            sok_lua_error(L, "protocol: %s: default= is a text, of what is no list", part->name);
        struct sok_item *item = sok_declare_memory(L, sizeof(*item));
        size_t len;
        (void)sok_declare_text(L, lua_gettop(L));
        const char *text = lua_tolstring(L, -1, &len);
        *item = sok_item_bytes(text, len);
        part->initial = item;
    }
    lua_settop(L, idx);
}

bool sok_declare_part(lua_State *L, int idx, struct sok_declared *d, const char *name, uint32_t bit)
{
    struct sok_part part = {.name = name, .at = (uint16_t)(bit / 8), .unit = 1};
    lua_settop(L, idx);
    part.sized = (uint8_t)read_sized(L, idx, &part);
    int which = lua_gettop(L);
    unsigned entry = 1;
    if (part.sized == SOK_PART_MEASURED) {
        lua_settop(L, idx);
        return false;
    }
    if (bit % 8)
        sok_lua_error(
            L, "protocol: %s begins at bit %d: bytes begin on a byte", name, (int)bit % 8);
    if (d->proto.part_count == SOK_PARTS_MAX)
        sok_lua_error(L, "protocol: %s: more than %d fields of any length", name, SOK_PARTS_MAX);
    if (d->proto.part_count && d->parts[d->proto.part_count - 1].sized == SOK_PART_REST)
        sok_lua_error(L, "protocol: %s: nothing comes behind the rest", name);
    if (part.sized == SOK_PART_BY_ROW)
        part.size = size_field(L, which, d, name, bit);
    if (lua_getfield(L, idx, "list") != LUA_TNIL)
        entry = read_list(L, lua_gettop(L), &part);
    else if (part.sized == SOK_PART_TO_ZERO)
        part.get = sok_zero_get, part.put = sok_zero_put;
    else if (part.counts)
        sok_lua_error(L, "protocol: %s: count= is for lists; size= counts bytes", name);
    if (part.sized == SOK_PART_TO_ZERO && part.get != sok_zero_get)
        sok_lua_error(L, "protocol: %s: a list does not end with a zero", name);
    part.unit = (uint8_t)(part.counts ? entry : 1);
    if (lua_getfield(L, idx, "minus") != LUA_TNIL) {
        lua_Integer minus = lua_tointeger(L, -1);
        if (!lua_isinteger(L, -1) || minus < 0 || minus > LEAST_MAX ||
            part.sized != SOK_PART_BY_ROW)
            sok_lua_error(L,
                "protocol: %s: minus= is a number of 0 to %d, with size= or count=", name,
                LEAST_MAX);
        part.minus = (uint8_t)minus;
    }
    read_default(L, idx, &part);
    d->parts[d->proto.part_count++] = part;
    return true;
}
