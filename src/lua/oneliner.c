// One expression, one function: what `sockeye show`, `send`, `sr` and their like do.
#include <stdio.h>
#include <string.h>
#include "lua/lua.h"
#include "lua/packet.h"

static void push_options(lua_State *L, const struct sok_lua_option *options, unsigned count)
{
    lua_createtable(L, 0, (int)count);
    for (unsigned i = 0; i < count; i++) {
        if (options[i].kind == SOK_LUA_OPTION_NUMBER)
            lua_pushnumber(L, options[i].number);
        else if (options[i].kind == SOK_LUA_OPTION_TEXT)
            lua_pushstring(L, options[i].text);
        else
            lua_pushboolean(L, true);
        lua_setfield(L, -2, options[i].name);
    }
}

// The value of the expression, on the stack; 0 or an exit code.
static int push_expression(lua_State *L, const char *expression)
{
    if (sok_lua_load(L, expression, "EXPR") != LUA_OK)
        return sok_lua_tell(L);
    return sok_lua_protected(L, 0, 1);
}

static void call_method(lua_State *L, int idx, const char *name, int results)
{
    lua_getfield(L, idx, name);
    lua_pushvalue(L, idx);
    lua_call(L, 1, results);
}

// What a function gave: answered and unanswered packets, a list, a packet, a value.
static int print_results(lua_State *L)
{
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        bool list = lua_istable(L, i) && luaL_getmetafield(L, i, "methods") != LUA_TNIL;
        if (list && i == 2 && luaL_len(L, i) > 0)
            printf("unanswered:\n");
        if (list)
            call_method(L, i, "summary", 0);
        else if (sok_lua_to_view(L, i))
            call_method(L, i, "show", 0);
        else if (!lua_isnil(L, i))
            sok_lua_print_value(L, i);
        lua_settop(L, count);
    }
    return 0;
}

int sok_lua_call(struct sok_lua *l, const char *function, const char *expression,
    const struct sok_lua_option *options, unsigned count)
{
    lua_State *L = sok_lua_lua(l);
    int base = lua_gettop(L);
    lua_getglobal(L, function);
    int rc = push_expression(L, expression);
    if (rc == 0) {
        push_options(L, options, count);
        rc = sok_lua_protected(L, 2, LUA_MULTRET);
    }
    if (rc == 0 && lua_gettop(L) > base) {
        lua_pushcfunction(L, print_results);
        lua_insert(L, base + 1);
        rc = sok_lua_protected(L, lua_gettop(L) - base - 1, 0);
    }
    lua_settop(L, base);
    return rc;
}

// A value, and a method's name.
static int show_all(lua_State *L)
{
    const char *method = lua_tostring(L, 2);
    bool bytes = strcmp(method, "bytes") == 0;
    struct sok_lua_each each;
    lua_Integer n = 0;
    for (sok_lua_each_begin(L, 1, &each); sok_lua_each_next(L, &each); lua_settop(L, 2), n++) {
        size_t len;
        call_method(L, 3, bytes ? "build" : method, 1);
        if (lua_type(L, 4) != LUA_TSTRING)
            continue;
        const char *text = lua_tolstring(L, 4, &len);
        sok_lua_write(text, len);
        if (!bytes)
            sok_lua_write("\n", 1);
    }
    return n ? 0 : sok_lua_error(L, "no packet in this");
}

int sok_lua_show(struct sok_lua *l, const char *expression, const char *method)
{
    lua_State *L = sok_lua_lua(l);
    int base = lua_gettop(L);
    lua_pushcfunction(L, show_all);
    int rc = push_expression(L, expression);
    if (rc == 0) {
        lua_pushstring(L, method);
        rc = sok_lua_protected(L, 2, 0);
    }
    lua_settop(L, base);
    return rc;
}
