// The addresses of a host that may be somebody else's. Inside a host; the calls of programs are in
// sockeye/host.h.
#ifndef SOK_HOST_ADDRESS_H
#define SOK_HOST_ADDRESS_H

#include "stack/stack.h"

struct sok_host;

struct sok_host_claim {
    struct sok_addr addr;
    uint8_t link;
};

struct sok_host_claims {
    struct sok_host_claim list[SOK_STACK_ADDRS_MAX];
    unsigned count;
    void (*lost)(void *ctx, const char *line); // NULL: nobody wants to know
    void *lost_ctx;
    bool told;
    int64_t next_look;
};

// Claims an address that somebody gave by hand.
int sok_host_claim(struct sok_host *host, int link, struct sok_addr addr, unsigned prefix_len);
// Tells whoever wants to know when one is lost.
void sok_host_claims_look(struct sok_host *host, int64_t now);

// An IPv4 address of 169.254.0.0/16 that nobody else has (RFC 3927).
int sok_host_link_local_start(struct sok_host *host, int link, char *err);

#endif
