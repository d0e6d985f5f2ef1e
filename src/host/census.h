// A host's sockets as rows (calls/rows.h): all of them, connections of every state, listeners and what sends
// datagrams, also those that no program holds any more. Takes no memory: it answers when there is none left.
#ifndef SOK_HOST_CENSUS_H
#define SOK_HOST_CENSUS_H

#include <sockeye/socket.h>
#include "calls/rows.h"

struct sok_host;

// Whose it is: fills what the holder of a socket knows of its program. socket NULL is never asked for.
typedef void (*sok_census_owner_fn)(
    void *ctx, const struct sok_socket *socket, struct sok_row *row);

// Up to max rows, newest first, of sockets with a smaller number than that of the row given last; after_id 0:
// from the newest on. How many; 0: that was all. owner may be NULL.
unsigned sok_host_census(struct sok_host *host, uint32_t after_id, struct sok_row *rows,
    unsigned max, sok_census_owner_fn owner, void *ctx);

// Ends one, by its number: a connection is reset, a listener closed, a datagram socket told so. Its holder reads
// SOK_EABORTED, or SOK_EINVAL from accept. SOK_EINVAL: no such number; SOK_EOPNOTSUPP: not of this kind.
int sok_host_kill(struct sok_host *host, uint32_t id);

#endif
