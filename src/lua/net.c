// The functions that talk to networks.
#include "lua/internal.h"

const struct sok_lua_function sok_lua_net_functions[] = {
    {NULL, NULL, NULL, NULL},
};

void sok_lua_open_net(lua_State *L)
{
    (void)L;
}
