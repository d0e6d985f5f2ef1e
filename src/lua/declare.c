// protocol{...}: a protocol of the user's own, by the same rows as those of wire/.
//
// What has any length is in declare_parts.c.
//
//   protocol{name="Beep", title="Beep over UDP",
//       fields={{"version", 4, 1}, {"kind", 4, 0, names={ask=0, tell=1}}, {"len", 16, computed="length"},
//               {"who", "ip4", "192.0.2.1"}, {"flags", 8, flags={"A", "B"}}, {"key", bytes=6, as="hex"}},
//       bind={{UDP, dport=4242}, {UDP, sport=4242}}}
//
// It is a global then, in ls(), and found where its binds say; of several binds on one protocol the first is what
// building writes. What follows the fields is its payload.
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "lua/declare.h"
#include "wire/csum.h"
#include "wire/value.h"

// ---- when it is built ----

static void declared_finish(const struct sok_finish *f)
{
    const struct sok_declared *d = (const void *)f->layers[f->at].proto; // its first member
    uint8_t *header = sok_finish_header(f);
    size_t len = sok_finish_len(f);
    const struct sok_field *sum = NULL;
    const struct sok_built *b = &f->layers[f->at];
    sok_declare_sizes(f, d);
    for (unsigned i = 0; i < d->proto.field_count; i++) {
        const struct sok_field *row = &d->fields[i];
        bool all = d->computed[i] == SOK_COMPUTED_LENGTH;
        if (!d->computed[i] || d->computed[i] == SOK_COMPUTED_SIZE || !sok_finish_free(f, i))
            continue;
        if (d->computed[i] == SOK_COMPUTED_CHECKSUM)
            sum = row;
        else
            sok_finish_number(f, i, sok_declare_before(b, row), all ? len : len - b->header);
    }
    if (!sum)
        return;
    struct sok_csum c;
    sok_csum_init(&c);
    sok_field_set(sum, header, 0);
    sok_csum_add(&c, header, len);
    sok_field_set(sum, header, sok_csum_final(&c));
}

// ---- reading the table: at 1 the table, at 2 a table that keeps texts alive ----

const char *sok_declare_text(lua_State *L, int idx)
{
    lua_pushvalue(L, idx);
    const char *text = lua_tostring(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, 2);
    return text;
}

static const char *text_of(lua_State *L, const char *name, const char *initial)
{
    if (lua_getfield(L, 1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return initial;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        sok_lua_error(L, "protocol: %s is a text", name);
    const char *text = sok_declare_text(L, lua_gettop(L));
    lua_pop(L, 1);
    return text;
}

void *sok_declare_memory(lua_State *L, size_t size)
{
    void *p = lua_newuserdatauv(L, size, 0);
    memset(p, 0, size);
    lua_rawsetp(L, 2, p);
    return p;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = ((const struct sok_value *)a)->value, y = ((const struct sok_value *)b)->value;
    return (x > y) - (x < y);
}

// {ask=0, tell=1}, at the top of the stack.
static const struct sok_value *read_names(lua_State *L, const char *field)
{
    unsigned count = 0, i = 0;
    int idx = lua_gettop(L);
    if (!lua_istable(L, idx))
        sok_lua_error(L, "protocol: %s: names are a table, {NAME=NUMBER}", field);
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
        count++;
    struct sok_value *values = sok_declare_memory(L, (count + 1) * sizeof(*values));
    for (lua_pushnil(L); lua_next(L, idx) && i < count; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_isinteger(L, -1))
            sok_lua_error(L, "protocol: %s: names are a table, {NAME=NUMBER}", field);
        values[i++] = (struct sok_value){
            (uint64_t)lua_tointeger(L, -1), sok_declare_text(L, lua_gettop(L) - 1)};
    }
    qsort(values, i, sizeof(*values), by_value); // a table has no order
    return values;
}

// {"A", "B"}: from the lowest bit on.
static const struct sok_value *read_flags(lua_State *L, const char *field, unsigned bits)
{
    int idx = lua_gettop(L);
    lua_Integer count = lua_istable(L, idx) ? (lua_Integer)lua_rawlen(L, idx) : 0;
    if (count < 1 || count > bits)
        sok_lua_error(
            L, "protocol: %s: flags are 1 to %d texts, the lowest bit first", field, (int)bits);
    struct sok_value *values = sok_declare_memory(L, (size_t)(count + 1) * sizeof(*values));
    for (lua_Integer i = 0; i < count; i++, lua_pop(L, 1)) {
        if (lua_rawgeti(L, idx, i + 1) != LUA_TSTRING)
            sok_lua_error(L, "protocol: %s: a flag is a text", field);
        values[i] = (struct sok_value){(uint64_t)i, sok_declare_text(L, lua_gettop(L))};
    }
    return values;
}

static unsigned word_index(
    lua_State *L, const char *field, const char *what, const char *const *words)
{
    const char *word = lua_tostring(L, -1);
    luaL_Buffer b;
    for (unsigned i = 0; words[i] && word; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    luaL_buffinit(L, &b);
    for (unsigned i = 0; words[i]; i++) {
        luaL_addstring(&b, i ? ", " : "");
        luaL_addstring(&b, words[i]);
    }
    luaL_pushresult(&b);
    return (unsigned)sok_lua_error(
        L, "protocol: %s: %s is one of %s", field, what, lua_tostring(L, -1));
}

// The second of a field's words: bits, or the name of an address; or bytes=N.
static void read_size(lua_State *L, int idx, struct sok_field *f)
{
    static const char *const kinds[] = {"ip4", "ip6", "mac", NULL};
    if (lua_getfield(L, idx, "bytes") != LUA_TNIL) {
        lua_Integer n = lua_tointeger(L, -1);
        if (n < 1 || n > SOK_DECLARE_HEADER_MAX)
            sok_lua_error(L, "protocol: %s: bytes from 1 to %d", f->name, SOK_DECLARE_HEADER_MAX);
        f->bytes = true;
        f->bits = (uint32_t)n * 8;
        f->as = SOK_AS_BYTES;
    } else if (lua_rawgeti(L, idx, 2) == LUA_TSTRING) {
        unsigned kind = word_index(L, f->name, "a field's size, or its kind,", kinds);
        static const uint8_t as[] = {SOK_AS_IP4, SOK_AS_IP6, SOK_AS_MAC};
        static const uint8_t bytes[] = {4, 16, 6};
        f->as = as[kind];
        f->bytes = kind != 0;
        f->bits = bytes[kind] * 8u;
    } else {
        lua_Integer n = lua_tointeger(L, -1);
        if (n < 1 || n > 64)
            sok_lua_error(L, "protocol: %s: a number of 1 to 64 bits", f->name);
        f->bits = (uint32_t)n;
    }
    lua_settop(L, idx);
}

static void read_manner(lua_State *L, int idx, struct sok_field *f)
{
    static const char *const as[] = {"dec", "hex", "text", NULL};
    if (lua_getfield(L, idx, "names") != LUA_TNIL) {
        f->values = read_names(L, f->name);
        f->as = SOK_AS_NAME;
    } else if (lua_getfield(L, idx, "flags") != LUA_TNIL) {
        f->values = read_flags(L, f->name, f->bits);
        f->as = SOK_AS_FLAGS;
    } else if (lua_getfield(L, idx, "as") != LUA_TNIL) {
        unsigned k = word_index(L, f->name, "as", as);
        f->as =
            f->bytes ? (k == 2 ? SOK_AS_TEXT : SOK_AS_BYTES) : (k == 1 ? SOK_AS_HEX : SOK_AS_DEC);
    }
    lua_settop(L, idx);
}

static enum sok_computed read_computed(lua_State *L, int idx, struct sok_field *f)
{
    static const char *const words[] = {"length", "payload", "checksum", NULL};
    enum sok_computed c = SOK_COMPUTED_NOT;
    if (lua_getfield(L, idx, "computed") != LUA_TNIL) {
        c = (enum sok_computed)(word_index(L, f->name, "computed", words) + 1);
        f->how = SOK_FIELD_DERIVED;
        if (f->bytes || (c == SOK_COMPUTED_CHECKSUM && (f->bits != 16 || f->bit % 16)))
            sok_lua_error(L, "protocol: %s: a %s is a number%s", f->name, words[c - 1],
                c == SOK_COMPUTED_CHECKSUM ? " of 16 bits at an even place" : "");
    }
    lua_settop(L, idx);
    return c;
}

static void check_name(lua_State *L, const struct sok_declared *d, const char *name)
{
    if (sok_proto_field(&d->proto, name) || sok_proto_part(&d->proto, name))
        sok_lua_error(L, "protocol: two fields are named %s", name);
}

static void read_row(lua_State *L, struct sok_declared *d, int idx, const char *name, uint32_t *bit)
{
    unsigned i = d->proto.field_count;
    struct sok_field *f = &d->fields[i];
    f->name = name;
    f->bit = *bit;
    read_size(L, idx, f);
    read_manner(L, idx, f);
    d->computed[i] = (uint8_t)read_computed(L, idx, f);
    *bit += f->bits;
    if ((f->bytes && f->bit % 8) || (!f->bytes && f->bit % 8 + f->bits > 64))
        sok_lua_error(L, "protocol: %s begins at bit %d: %s", f->name, (int)f->bit % 8,
            f->bytes ? "bytes begin on a byte" : "a number may touch 8 bytes at most");
    if (d->computed[i] == SOK_COMPUTED_CHECKSUM && d->proto.part_count)
        sok_lua_error(
            L, "protocol: %s: a checksum stands in front of what has any length", f->name);
    d->proto.field_count++;
}

// A row, or what has no fixed place.
static void read_field(lua_State *L, struct sok_declared *d, unsigned i, uint32_t *bit)
{
    int idx = lua_gettop(L);
    if (!lua_istable(L, idx) || lua_rawgeti(L, idx, 1) != LUA_TSTRING)
        sok_lua_error(L, "protocol: field %d is no {NAME, BITS, ...}", (int)i + 1);
    const char *name = sok_declare_text(L, idx + 1);
    check_name(L, d, name);
    if (sok_declare_part(L, idx, d, name, *bit))
        return;
    if (d->proto.part_count && d->parts[d->proto.part_count - 1].sized == SOK_PART_REST)
        sok_lua_error(L, "protocol: %s: nothing comes behind the rest", name);
    read_row(L, d, idx, name, bit);
}

static void read_fields(lua_State *L, struct sok_declared *d)
{
    uint32_t bit = 0;
    d->proto.fields = d->fields;
    d->proto.parts = d->parts;
    if (lua_getfield(L, 1, "fields") != LUA_TTABLE)
        sok_lua_error(L, "protocol: fields={{NAME, BITS [, DEFAULT]}, ...} are missing");
    int idx = lua_gettop(L);
    size_t count = lua_rawlen(L, idx);
    if (count < 1 || count > SOK_DECLARE_FIELDS_MAX)
        sok_lua_error(L, "protocol: 1 to %d fields", SOK_DECLARE_FIELDS_MAX);
    for (unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, idx, (lua_Integer)i + 1);
        read_field(L, d, i, &bit);
        lua_settop(L, idx);
    }
    if (bit % 8 || bit > SOK_DECLARE_HEADER_MAX * 8)
        sok_lua_error(L, "protocol: the fields are %d bits, not whole bytes up to %d", (int)bit,
            SOK_DECLARE_HEADER_MAX);
    d->proto.hdr_len = (uint16_t)(bit / 8);
    lua_settop(L, 2);
}

// The defaults, once the rows are whole: text and names are allowed as everywhere. Only numbers have one.
static void read_defaults(lua_State *L, struct sok_declared *d)
{
    uint8_t header[SOK_DECLARE_HEADER_MAX + 8] = {0};
    lua_getfield(L, 1, "fields");
    for (unsigned i = 0, k = 0; i < d->proto.field_count; k++) {
        struct sok_field *f = &d->fields[i];
        char why_text[200];
        struct sok_text why = sok_text(why_text, sizeof(why_text));
        struct sok_item item;
        lua_rawgeti(L, 3, (lua_Integer)k + 1);
        lua_rawgeti(L, 4, 1);
        bool is_part = strcmp(lua_tostring(L, 5), f->name) != 0;
        lua_settop(L, 4);
        if (!is_part && lua_rawgeti(L, 4, 3) != LUA_TNIL) {
            if (f->bytes)
                sok_lua_error(L, "protocol: %s: only numbers have a default", f->name);
            sok_lua_to_item(L, 5, f->name, &item);
            if (!sok_value_put(f, header, &item, &why))
                sok_lua_error(L, "protocol: %s: %s", f->name, why_text);
            f->initial = sok_field_get(f, header);
        }
        i += !is_part;
        lua_settop(L, 3);
    }
    lua_settop(L, 2);
}

static void add_bind(lua_State *L, struct sok_declared *d, const struct sok_proto *under,
    const struct sok_field *row, bool read_only)
{
    uint8_t header[16] = {0};
    char why_text[160];
    struct sok_text why = sok_text(why_text, sizeof(why_text));
    struct sok_field alone = *row;
    struct sok_item item;
    alone.bit %= 8;
    sok_lua_to_item(L, lua_gettop(L), row->name, &item);
    if (!sok_value_put(&alone, header, &item, &why))
        sok_lua_error(L, "protocol: bind: %s.%s: %s", under->name, row->name, why_text);
    if (d->proto.bind_count == SOK_DECLARE_BINDS_MAX)
        sok_lua_error(L, "protocol: more than %d binds", SOK_DECLARE_BINDS_MAX);
    d->binds[d->proto.bind_count++] = (struct sok_bind){.under = under,
        .field = (unsigned)(row - under->fields) | (read_only ? SOK_BIND_READ : 0),
        .value = sok_field_get(&alone, header)};
}

// dport=4242, dport="http", dport={4242, 4243}: the first is what building writes.
static void bind_values(lua_State *L, struct sok_declared *d, const struct sok_proto *under,
    const struct sok_field *row, bool read_only)
{
    int idx = lua_gettop(L);
    if (!lua_istable(L, idx)) {
        add_bind(L, d, under, row, read_only);
        return;
    }
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, idx); i++) {
        lua_rawgeti(L, idx, i);
        add_bind(L, d, under, row, read_only || i > 1);
        lua_settop(L, idx);
    }
}

// {UDP, dport=4242}, at the top of the stack.
static void read_bind(lua_State *L, struct sok_declared *d)
{
    int idx = lua_gettop(L);
    if (!lua_istable(L, idx) || lua_rawgeti(L, idx, 1) == LUA_TNIL)
        sok_lua_error(L, "protocol: bind={{PROTOCOL, FIELD=NUMBER}, ...}");
    const struct sok_proto *under = sok_lua_check_proto(L, idx + 1);
    bool again = false;
    for (unsigned i = 0; i < d->proto.bind_count; i++)
        again = again || d->binds[i].under == under;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        const struct sok_field *row = sok_proto_field(under, lua_tostring(L, -2));
        if (!row || row->bytes)
            sok_lua_error(
                L, "protocol: bind: %s has no number '%s'", under->name, lua_tostring(L, -2));
        bind_values(L, d, under, row, again);
        again = true;
    }
}

static void read_binds(lua_State *L, struct sok_declared *d)
{
    d->proto.binds = d->binds;
    if (lua_getfield(L, 1, "bind") == LUA_TNIL) {
        lua_settop(L, 2);
        return;
    }
    if (!lua_istable(L, 3))
        sok_lua_error(L, "protocol: bind={{PROTOCOL, FIELD=NUMBER}, ...}");
    lua_rawgeti(L, 3, 1);
    bool one = sok_lua_to_proto(L, 4) || lua_type(L, 4) == LUA_TSTRING;
    lua_settop(L, 3);
    if (one)
        read_bind(L, d);
    for (size_t i = 1; !one && i <= lua_rawlen(L, 3); i++) {
        lua_settop(L, 3);
        lua_rawgeti(L, 3, (lua_Integer)i);
        read_bind(L, d);
    }
    lua_settop(L, 2);
}

// bind_layers(TCP, HTTP, {dport=8080})
static int bind_layers(lua_State *L)
{
    uint8_t header[16] = {0};
    char why_text[160];
    struct sok_text why = sok_text(why_text, sizeof(why_text));
    const struct sok_proto *under = sok_lua_check_proto(L, 1), *above = sok_lua_check_proto(L, 2);
    struct sok_item item;
    lua_settop(L, 3);
    lua_pushnil(L);
    if (!lua_istable(L, 3) || !lua_next(L, 3) || lua_type(L, 4) != LUA_TSTRING)
        return sok_lua_error(L, "bind_layers(PROTOCOL, PROTOCOL, {FIELD=NUMBER})");
    const struct sok_field *row = sok_proto_field(under, lua_tostring(L, 4));
    if (!row || row->bytes)
        return sok_lua_error(
            L, "bind_layers: %s has no number '%s'", under->name, lua_tostring(L, 4));
    struct sok_field alone = *row;
    alone.bit %= 8;
    sok_lua_to_item(L, 5, row->name, &item);
    if (!sok_value_put(&alone, header, &item, &why))
        return sok_lua_error(L, "bind_layers: %s.%s: %s", under->name, row->name, why_text);
    lua_pushvalue(L, 4);
    if (lua_next(L, 3))
        return sok_lua_error(L, "bind_layers: one field at a time (call it for each)");
    if (sok_book_bind(sok_lua_book(L), under, above, (unsigned)(row - under->fields),
            sok_field_get(&alone, header)) < 0)
        return sok_lua_error(L, "bind_layers: more than %d", SOK_BOOK_BOUND_MAX);
    return 0;
}

static bool is_identifier(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return n > 0 && n < 64 && s[n] == 0 && (*s < '0' || *s > '9');
}

static int protocol(lua_State *L)
{
    sok_lua_options_check(L, 1, "name title fields bind");
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newtable(L);
    struct sok_declared *d = sok_declare_memory(L, sizeof(*d));
    d->proto.name = text_of(L, "name", NULL);
    if (!d->proto.name || !is_identifier(d->proto.name))
        return sok_lua_error(L, "protocol: name=\"Name\", letters and digits, is missing");
    d->proto.title = text_of(L, "title", d->proto.name);
    d->proto.finish = declared_finish;
    read_fields(L, d);
    read_defaults(L, d);
    read_binds(L, d);
    int rc = sok_book_add(sok_lua_book(L), &d->proto);
    if (rc != 0)
        return sok_lua_error(L,
            rc == SOK_EINVAL ? "protocol: there is a %s already" : "protocol: no room for %s",
            d->proto.name);
    lua_rawsetp(L, LUA_REGISTRYINDEX, d->fields); // the table of what is kept, as long as the book
    sok_lua_add_protocol(L, &d->proto);
    lua_getglobal(L, d->proto.name);
    return 1;
}

const struct sok_lua_function sok_lua_declare_functions[] = {
    {"bind_layers", bind_layers, "bind_layers(UNDER, ABOVE, {FIELD=VALUE})",
        "ABOVE is found behind UNDER where its field has this value"},
    {"protocol", protocol, "protocol{name=, fields=, bind=}",
        "a protocol of your own, by its rows"},
    {NULL, NULL, NULL, NULL},
};
