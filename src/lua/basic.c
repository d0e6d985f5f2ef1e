// Functions that need no network: what there is, and what bytes look like.
#include <stdio.h>
#include <string.h>
#include "lua/internal.h"

static int lsc(lua_State *L)
{
    const struct sok_lua_function *f;
    for (unsigned i = 0; (f = sok_lua_function_at(i)); i++) {
        lua_pushfstring(L, "%s", f->usage);
        printf("%-44s %s\n", lua_tostring(L, -1), f->help);
        lua_pop(L, 1);
    }
    return 0;
}

const struct sok_lua_function sok_lua_basic_functions[] = {
    {"lsc", lsc, "lsc()", "the functions there are"},
    {NULL, NULL, NULL, NULL},
};
