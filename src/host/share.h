// The link `share`: what it takes from the machine it is on.
#ifndef SOK_HOST_SHARE_H
#define SOK_HOST_SHARE_H

#include "host/host.h"

#define SOK_HOST_SHARE_ROUTES_MAX 64

// Texts that a struct sok_host_link points to.
struct sok_host_share {
    const char *addrs[3];
    const char *routes[SOK_HOST_SHARE_ROUTES_MAX + 1];
    char addr[SOK_ADDR_TEXT_MAX + 4], addr6[SOK_ADDR_TEXT_MAX + 4]; // addr6 "": none
    char gateway[2 * SOK_ADDR_TEXT_MAX];
    char route_texts[SOK_HOST_SHARE_ROUTES_MAX][2 * SOK_ADDR_TEXT_MAX + 8];
};

bool sok_host_is_share(const char *spec);
// Opens "share[:IF[:PORT[-PORT]]]" and puts into l (address, gateway, routes) what the kernel has there;
// l points into sh then. The host's ports are those of the link from now on.
int sok_host_share_open(struct sok_host *host, struct sok_host_link *l, struct sok_host_share *sh,
    struct sok_link **out, char *err);

// Whether this process has what it needs: CAP_NET_ADMIN and CAP_NET_RAW.
bool sok_host_share_allowed(void);

#endif
