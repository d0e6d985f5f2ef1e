// All functions of the language, by lists; and what a function needs for its option table.
#include <string.h>
#include "lua/internal.h"

static const struct sok_lua_function *const lists[] = {
    sok_lua_basic_functions,
    sok_lua_compress_functions,
    sok_lua_declare_functions,
    sok_lua_words_functions,
    sok_lua_net_functions,
    sok_lua_reader_functions,
};

const struct sok_lua_function *sok_lua_function_at(unsigned i)
{
    for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
        for (const struct sok_lua_function *f = lists[k]; f->name; f++)
            if (i-- == 0)
                return f;
    return NULL;
}

void sok_lua_open_functions(lua_State *L)
{
    sok_lua_open_words(L);
    lua_pushglobaltable(L);
    for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
        sok_lua_add_rows(L, lists[k], "functions", NULL);
    lua_pop(L, 1);
}

// ---- options ----

static bool among(const char *known, const char *word, size_t len)
{
    for (const char *p = known; *p;) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, word, n) == 0)
            return true;
        p += n + strspn(p + n, " ");
    }
    return false;
}

void sok_lua_options_check(lua_State *L, int idx, const char *known)
{
    if (lua_isnoneornil(L, idx))
        return;
    if (lua_type(L, idx) != LUA_TTABLE)
        sok_lua_error(L, "options are a table, {name=value}, not a %s", luaL_typename(L, idx));
    idx = lua_absindex(L, idx);
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        size_t len;
        if (lua_type(L, -2) != LUA_TSTRING)
            continue; // by place: the function's own business
        const char *word = lua_tolstring(L, -2, &len);
        if (!among(known, word, len))
            sok_lua_error(L, "unknown option: %s (known: %s)", word, known);
    }
}

// Pushes the option; false, and nothing pushed: not given.
static bool push_option(lua_State *L, int idx, const char *name)
{
    if (lua_type(L, idx) != LUA_TTABLE)
        return false;
    if (lua_getfield(L, idx, name) != LUA_TNIL)
        return true;
    lua_pop(L, 1);
    return false;
}

static int wrong_kind(lua_State *L, const char *name, const char *wanted)
{
    return sok_lua_error(L, "%s: %s wanted, not a %s", name, wanted, luaL_typename(L, -1));
}

lua_Integer sok_lua_option_integer(lua_State *L, int idx, const char *name, lua_Integer initial,
    lua_Integer least, lua_Integer most)
{
    if (!push_option(L, idx, name))
        return initial;
    int whole;
    lua_Integer v = lua_tointegerx(L, -1, &whole);
    if (!whole && lua_type(L, -1) != LUA_TNUMBER)
        wrong_kind(L, name, "a whole number");
    if (!whole || v < least || v > most)
        sok_lua_error(
            L, "%s: %s is not from %I to %I", name, luaL_tolstring(L, -1, NULL), least, most);
    lua_pop(L, 1);
    return v;
}

double sok_lua_option_number(lua_State *L, int idx, const char *name, double initial, double least)
{
    if (!push_option(L, idx, name))
        return initial;
    int number;
    double v = lua_tonumberx(L, -1, &number);
    if (!number)
        wrong_kind(L, name, "a number");
    if (!(v >= least && v <= 1e9))
        sok_lua_error(L, "%s: %s is not from %f to 1e9", name, luaL_tolstring(L, -1, NULL), least);
    lua_pop(L, 1);
    return v;
}

int64_t sok_lua_check_seconds(lua_State *L, int idx)
{
    double v = luaL_optnumber(L, idx, 0);
    if (!(v <= 1e9))
        sok_lua_error(L, "%f seconds are more than 1e9", v);
    return v > 0 ? (int64_t)(v * 1e9) : 0;
}

// The text stays valid as long as the option table is.
const char *sok_lua_option_text(lua_State *L, int idx, const char *name, const char *initial)
{
    if (!push_option(L, idx, name))
        return initial;
    if (lua_type(L, -1) != LUA_TSTRING)
        wrong_kind(L, name, "text");
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

bool sok_lua_option_true(lua_State *L, int idx, const char *name, bool initial)
{
    if (!push_option(L, idx, name))
        return initial;
    // 0 as in Scapy's verbose=0; in Lua alone it would be true.
    bool v = lua_toboolean(L, -1) && !(lua_isinteger(L, -1) && lua_tointeger(L, -1) == 0);
    lua_pop(L, 1);
    return v;
}

bool sok_lua_option_function(lua_State *L, int idx, const char *name)
{
    if (!push_option(L, idx, name))
        return false;
    if (lua_type(L, -1) != LUA_TFUNCTION)
        wrong_kind(L, name, "a function");
    return true;
}
