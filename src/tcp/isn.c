// Numbers an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323
// section 7.1), ephemeral ports (RFC 6056, algorithm 3: simple hash-based selection).
#include <string.h>
#include "base/siphash.h"
#include "tcp/internal.h"

enum purpose { PURPOSE_ISN, PURPOSE_TIMESTAMP, PURPOSE_PORT };

// F() of RFC 6528: keyed by the secret, over the connection's four-tuple.
static uint64_t keyed(const struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, enum purpose purpose)
{
    uint8_t in[16 + 16 + 2 + 2 + 1];
    memcpy(in, local->addr.b, 16);
    memcpy(in + 16, remote->addr.b, 16);
    memcpy(in + 32, &local->port, 2);
    memcpy(in + 34, &remote->port, 2);
    in[36] = (uint8_t)purpose;
    return sok_siphash(t->env.secret, in, sizeof(in));
}

uint32_t sok_tcp_isn(const struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, int64_t now)
{
    uint32_t m = (uint32_t)(now / 4000); // a tick every 4 microseconds (MUST-8)
    return m + (uint32_t)keyed(t, local, remote, PURPOSE_ISN);
}

uint32_t sok_tcp_ts_offset(
    const struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    return (uint32_t)keyed(t, local, remote, PURPOSE_TIMESTAMP);
}

int sok_tcp_pick_port(struct sok_tcp *t, struct sok_endpoint *local,
    const struct sok_endpoint *remote, unsigned flags)
{
    struct sok_endpoint tuple = *local;
    tuple.port = 0;
    uint32_t offset = (uint32_t)keyed(t, &tuple, remote, PURPOSE_PORT);
    uint32_t first = (uint32_t)t->config.port_first, count = (uint32_t)t->config.port_count;
    if (count > 65536 - first)
        count = 65536 - first;
    for (uint32_t i = 0; i < count; i++) {
        tuple.port = (uint16_t)(first + (offset + t->port_hint++) % count);
        if (!sok_tcp_find(t, &tuple, remote) && !sok_tcp_listener_in_way(t, &tuple, flags)) {
            local->port = tuple.port;
            return 0;
        }
    }
    return SOK_EADDRNOTAVAIL;
}
