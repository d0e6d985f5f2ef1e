// Values by chance: RandShort(), Rand{80, 443}. As a field's value each is drawn anew whenever the packet is sent, or
// gone through with each(); anywhere else (in a list of options) it is drawn there and then. The numbers are those of
// math.random, so math.randomseed(N) makes them come again.
#include <string.h>
#include "lua/packet.h"

#define RANDOM_META "sockeye.random"

bool sok_lua_is_random(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
        return false;
    bool same = luaL_getmetatable(L, RANDOM_META) == LUA_TTABLE && lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

// All 64 bits.
uint64_t sok_lua_random_bits(lua_State *L)
{
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "random");
    lua_pushinteger(L, 0);
    lua_call(L, 1, 1);
    uint64_t v = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return v;
}

// Pushes one of the values of the table at idx: itself, or one of a range of numbers.
void sok_lua_random_push(lua_State *L, int idx)
{
    size_t count = lua_rawlen(L, idx);
    lua_rawgeti(L, idx, (lua_Integer)(sok_lua_random_bits(L) % (count ? count : 1)) + 1);
    if (!lua_istable(L, -1))
        return;
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    if (!lua_isinteger(L, -1) || !lua_isinteger(L, -2))
        sok_lua_error(L, "of a range of text no value can be drawn here");
    uint64_t first = (uint64_t)lua_tointeger(L, -2), last = (uint64_t)lua_tointeger(L, -1);
    if (last < first)
        sok_lua_error(L, "a range ends before it begins");
    uint64_t span = last - first + 1;
    uint64_t v = first + (span ? sok_lua_random_bits(L) % span : sok_lua_random_bits(L));
    lua_pop(L, 3);
    lua_pushinteger(L, (lua_Integer)v);
}

// Rand{VALUES}, for words.lua: the table means one of them.
int sok_lua_random(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (lua_rawlen(L, 1) == 0)
        return sok_lua_error(L, "Rand{...}: values are wanted, and ranges {FIRST, LAST}");
    if (luaL_newmetatable(L, RANDOM_META)) {
        lua_pushliteral(L, "random value");
        lua_setfield(L, -2, "__name");
    }
    lua_setmetatable(L, 1);
    return 1;
}
