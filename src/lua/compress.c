// p:compress(), dns_compress(p): a packet whose names are written short.
#include "base/err.h"
#include "lua/packet.h"

int sok_lua_view_compress(lua_State *L)
{
    unsigned first;
    const struct sok_packet *p = sok_lua_check_packet(L, 1, &first);
    struct sok_packet *q = NULL;
    unsigned layer = first;
    while (sok_packet_layer(p, layer) && !sok_packet_layer(p, layer)->compress)
        layer++;
    if (!sok_packet_layer(p, layer))
        return sok_lua_error(L, "compress: no layer of this packet is a message with names (DNS)");
    int err = sok_packet_compress(p, layer, &q);
    if (err == SOK_EINVAL)
        return sok_lua_error(L, "compress: this %s is malformed", sok_packet_layer(p, layer)->name);
    if (err)
        return sok_lua_error(L, "compress: %s", sok_strerror(err));
    sok_lua_push_packet(L, q, 0);
    if (first)
        sok_lua_push_layer(L, -1, first);
    return 1;
}

const struct sok_lua_function sok_lua_compress_functions[] = {
    {"dns_compress", sok_lua_view_compress, "dns_compress(P)",
        "P with the names in its DNS written short; p:compress() is the same"},
    {NULL, NULL, NULL, NULL},
};
