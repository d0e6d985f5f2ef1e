// One Lua state: made, filled, run, with errors told in one line.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lua/internal.h"
#include "lua/lua.h"
#include "lua/packet.h"
#include "lua/pool.h"

struct sok_lua {
    lua_State *lua;
    struct sok_lua_state state;
    struct sok_pool pool; // Lua's, and the packets'
    struct sok_mem mem;
    bool warnings; // warn("@on") was said
    bool warning;  // within one
};

struct lua_State *sok_lua_lua(struct sok_lua *l)
{
    return l->lua;
}

static int open_all(lua_State *L)
{
    luaL_openlibs(L);
    sok_lua_open_values(L);
    sok_lua_open_packets(L);
    sok_lua_open_functions(L);
    sok_lua_open_lists(L);
    sok_lua_open_net(L);
    sok_lua_open_habits(L);
    return 0;
}

// Of a new block Lua says what it is for where another's size would be.
static void *lua_memory(void *pool, void *ptr, size_t old_size, size_t new_size)
{
    return sok_pool_resize(pool, ptr, ptr ? old_size : 0, new_size);
}

// What Lua calls with an error that nobody catches, before it aborts.
static int at_panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "sockeye: Lua: %s\n", text ? text : "an error that is no text");
    return 0;
}

// warn("@on"), warn("text"): as the standalone interpreter does.
static void on_warning(void *ctx, const char *text, int more)
{
    struct sok_lua *l = ctx;
    if (!l->warning && !more && text[0] == '@') {
        l->warnings = strcmp(text, "@on") == 0 || (l->warnings && strcmp(text, "@off") != 0);
        return;
    }
    if (l->warnings)
        fprintf(stderr, "%s%s%s", l->warning ? "" : "Lua warning: ", text, more ? "" : "\n");
    l->warning = more;
}

struct sok_lua *sok_lua_new(const struct sok_lua_options *options)
{
    struct sok_lua *l = calloc(1, sizeof(*l));
    lua_State *L = l ? lua_newstate(lua_memory, &l->pool) : NULL;
    if (!L) {
        free(l);
        return NULL;
    }
    l->lua = L;
    lua_atpanic(L, at_panic);
    lua_setwarnf(L, on_warning, l);
    l->state = (struct sok_lua_state){.colour = options->colour, .verbose = options->verbose};
    *(struct sok_lua_state **)lua_getextraspace(L) = &l->state;
    l->mem = sok_pool_mem(&l->pool);
    l->state.book = sok_book_new(&l->mem);
    lua_pushcfunction(L, open_all);
    if (!l->state.book || lua_pcall(L, 0, 0, 0) != LUA_OK) {
        sok_lua_free(l);
        return NULL;
    }
    lua_gc(L, LUA_GCGEN, 0, 0); // packets are many and short-lived
    return l;
}

void sok_lua_free(struct sok_lua *l)
{
    if (!l)
        return;
    lua_close(l->lua);
    sok_book_free(l->state.book);
    free(l->state.built);
    sok_pool_end(&l->pool);
    free(l);
}

void sok_lua_arguments(struct sok_lua *l, const char *name, char **words, int count)
{
    lua_State *L = l->lua;
    lua_createtable(L, count, 1);
    lua_pushstring(L, name);
    lua_rawseti(L, -2, 0);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, words[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setglobal(L, "arg");
}

// ---- errors ----

int sok_lua_error(lua_State *L, const char *format, ...)
{
    lua_Debug at;
    bool found = false;
    for (int level = 0; !found && lua_getstack(L, level, &at); level++)
        found = lua_getinfo(L, "Sl", &at) && at.currentline > 0;
    if (found)
        lua_pushfstring(L, "%s:%d: ", at.short_src, at.currentline);
    else
        lua_pushliteral(L, "");
    va_list args;
    va_start(args, format);
    lua_pushvfstring(L, format, args);
    va_end(args);
    lua_concat(L, 2);
    return lua_error(L);
}

// What Lua raises within words.lua and net.lua has no line: the script's that called, on the stack then.
static const char *with_line(lua_State *L, const char *text)
{
    static const char none[] = "?:-1: ";
    lua_Debug at;
    if (strncmp(text, none, sizeof(none) - 1) != 0)
        return text;
    for (int level = 0; lua_getstack(L, level, &at); level++)
        if (lua_getinfo(L, "Sl", &at) && at.currentline > 0)
            return lua_pushfstring(
                L, "%s:%d: %s", at.short_src, at.currentline, text + sizeof(none) - 1);
    return text + sizeof(none) - 1;
}

// Makes a message of whatever was raised; with the traceback when it is wanted.
static int make_message(lua_State *L)
{
    const char *text = lua_tostring(L, 1);
    if (!text && luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
        text = lua_tostring(L, -1);
    if (!text)
        text = lua_pushfstring(L, "an error that is a %s", luaL_typename(L, 1));
    text = sok_lua_habit_run(L, with_line(L, text));
    if (sok_lua_state(L)->verbose)
        luaL_traceback(L, L, text, 1);
    else
        lua_pushstring(L, text);
    return 1;
}

// In the shell the first line is where the person is: nothing to say about it.
static const char *without_place(lua_State *L, const char *text)
{
    static const char place[] = "shell:1: ";
    bool here = sok_lua_state(L)->shell && strncmp(text, place, sizeof(place) - 1) == 0;
    return here ? text + sizeof(place) - 1 : text;
}

int sok_lua_tell(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fflush(stdout);
    bool ended = sok_lua_interrupt_ended(text);
    if (sok_lua_state(L)->shell) {
        const char *red = sok_lua_state(L)->colour ? "\033[31m" : "",
                   *plain = *red ? "\033[0m" : "";
        fprintf(stderr, "%s%s%s\n", red, without_place(L, text), plain);
    } else {
        fprintf(stderr, "sockeye: %s\n", text);
    }
    lua_pop(L, 1);
    return ended ? 130 : 1;
}

int sok_lua_protected(lua_State *L, int args, int results)
{
    int base = lua_gettop(L) - args;
    lua_pushcfunction(L, make_message);
    lua_insert(L, base);
    sok_lua_interrupt_begin(L);
    int status = lua_pcall(L, args, results, base);
    sok_lua_interrupt_end();
    lua_remove(L, base);
    return status == LUA_OK ? 0 : sok_lua_tell(L);
}

// ---- running ----

int sok_lua_file(struct sok_lua *l, const char *path)
{
    lua_State *L = l->lua;
    errno = 0;
    int status = luaL_loadfile(L, strcmp(path, "-") == 0 ? NULL : path);
    if (status == LUA_ERRFILE) {
        fprintf(stderr, "sockeye: %s: %s\n", path, strerror(errno ? errno : EIO));
        lua_pop(L, 1);
        return 1;
    }
    if (status == LUA_OK)
        return sok_lua_protected(L, 0, 0);
    sok_lua_habit_file(L, path);
    return sok_lua_tell(L);
}

// Loads `text` as expressions if it is some, else as statements.
int sok_lua_load(lua_State *L, const char *text, const char *name)
{
    const char *chunk = lua_pushfstring(L, "=%s", name);
    const char *expressions = lua_pushfstring(L, "return %s", text);
    int status = luaL_loadbuffer(L, expressions, strlen(expressions), chunk);
    if (status != LUA_OK) {
        lua_pop(L, 1);
        status = luaL_loadbuffer(L, text, strlen(text), chunk);
        if (status == LUA_ERRSYNTAX)
            sok_lua_habit_syntax(L, text);
    }
    lua_insert(L, -3);
    lua_pop(L, 2);
    return status;
}

static int print_values(lua_State *L)
{
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++)
        if (!lua_isnil(L, i) || count > 1)
            sok_lua_print_value(L, i);
    if (sok_lua_state(L)->shell && count > 0 && !lua_isnil(L, 1)) {
        lua_pushvalue(L, 1);
        lua_setglobal(L, "_");
    }
    return 0;
}

int sok_lua_text(struct sok_lua *l, const char *text, const char *name, bool print)
{
    lua_State *L = l->lua;
    int base = lua_gettop(L);
    if (sok_lua_load(L, text, name) != LUA_OK)
        return sok_lua_tell(L);
    int rc = sok_lua_protected(L, 0, LUA_MULTRET);
    if (rc == 0 && print && lua_gettop(L) > base) {
        lua_pushcfunction(L, print_values);
        lua_insert(L, base + 1);
        rc = sok_lua_protected(L, lua_gettop(L) - base - 1, 0);
    }
    lua_settop(L, base);
    return rc;
}
