// What a program writes, taken out of its pair and given to its connection.
#ifndef SOK_HOST_INTAKE_H
#define SOK_HOST_INTAKE_H

#include "base/buf.h"
#include "host/host.h"

struct sok_region;

// One byte always stays unread in the pair (bridge.c says why).
struct sok_intake {
    bool lag;                  // that byte was passed on already, or is filler
    struct sok_region *region; // the last one that was lent here
    struct sok_slice lent;     // a block of it that waits for room in the connection
};

// Bytes moved; 0: nothing there (*empty), or no room; negative: an error, the stream is broken.
int64_t sok_intake_move(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, int64_t now, bool *empty);
// The stream is over: what was lent and never taken goes back.
void sok_intake_end(struct sok_intake *in, struct sok_host *host, int fd);

#endif
