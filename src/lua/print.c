// Results as the shell shows them: text quoted, tables opened, packets as the words that make them.
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "lua/internal.h"

#define PRINT_DEPTH_MAX 6
#define PRINT_ROWS_MAX  200

#define TEXT_COLOUR "32"
#define NAME_COLOUR "36"
#define ELSE_COLOUR "33"

void sok_lua_write(const char *text, size_t len)
{
    fwrite(text, 1, len, stdout);
}

static void write_text(const char *text)
{
    sok_lua_write(text, strlen(text));
}

static void coloured(lua_State *L, const char *colour, const char *text)
{
    if (!sok_lua_state(L)->colour) {
        write_text(text);
        return;
    }
    printf("\033[%sm%s\033[0m", colour, text);
}

// As Lua would read it back: what is not ASCII that can be seen as \xNN.
static void write_quoted(lua_State *L, const char *s, size_t len)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addchar(&b, '"');
    for (size_t i = 0; i < len; i++) {
        char hex[8];
        unsigned char c = (unsigned char)s[i];
        const char *known = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
        snprintf(hex, sizeof(hex), "\\x%02x", c);
        if (c == '"' || c == '\\')
            luaL_addchar(&b, '\\');
        if (known || !isprint(c))
            luaL_addstring(&b, known ? known : hex);
        else
            luaL_addchar(&b, (char)c);
    }
    luaL_addchar(&b, '"');
    luaL_pushresult(&b);
    coloured(L, TEXT_COLOUR, lua_tostring(L, -1));
    lua_pop(L, 1);
}

static void write_value(lua_State *L, int idx, unsigned depth);

static bool is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return *s == 0;
}

static void write_key(lua_State *L, int idx, unsigned depth)
{
    if (lua_type(L, idx) == LUA_TSTRING && is_name(lua_tostring(L, idx))) {
        coloured(L, NAME_COLOUR, lua_tostring(L, idx));
    } else {
        write_text("[");
        write_value(L, idx, depth);
        write_text("]");
    }
    write_text("=");
}

// {1, 2, name="x"}: what is by place first.
static void write_table(lua_State *L, int idx, unsigned depth)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, idx);
    unsigned rows = 0;
    bool more = count > PRINT_ROWS_MAX;
    write_text("{");
    for (lua_Integer i = 1; i <= count && rows < PRINT_ROWS_MAX; i++, rows++) {
        if (rows)
            write_text(", ");
        lua_rawgeti(L, idx, i);
        write_value(L, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= count)
            continue;
        if (rows == PRINT_ROWS_MAX) {
            more = true;
            continue;
        }
        if (rows++ > 0)
            write_text(", ");
        int top = lua_gettop(L);
        write_key(L, top - 1, depth + 1);
        write_value(L, top, depth + 1);
    }
    write_text(more ? ", ...}" : "}");
}

static void write_value(lua_State *L, int idx, unsigned depth)
{
    size_t len;
    int top = lua_gettop(L);
    luaL_checkstack(L, 16, NULL);
    bool own = luaL_getmetafield(L, idx, "__tostring") != LUA_TNIL;
    if (own)
        lua_pop(L, 1);
    if (lua_type(L, idx) == LUA_TSTRING) {
        const char *s = lua_tolstring(L, idx, &len);
        write_quoted(L, s, len);
    } else if (lua_type(L, idx) == LUA_TTABLE && !own && depth < PRINT_DEPTH_MAX) {
        write_table(L, idx, depth);
    } else {
        const struct sok_lua_function *f = sok_lua_function_of(L, idx);
        coloured(L, ELSE_COLOUR, f ? f->usage : luaL_tolstring(L, idx, NULL));
        lua_settop(L, top);
    }
}

void sok_lua_print_inline(lua_State *L, int idx)
{
    write_value(L, lua_absindex(L, idx), 0);
}

void sok_lua_print_value(lua_State *L, int idx)
{
    sok_lua_print_inline(L, idx);
    write_text("\n");
}
