// What a program writes, taken out of its pair and given to its connection.
#ifndef SOK_HOST_INTAKE_H
#define SOK_HOST_INTAKE_H

#include "base/buf.h"
#include "host/host.h"

struct sok_region;

// One byte always stays unread in the pair (bridge.c says why).
struct sok_intake {
    uint32_t passed; // bytes at the head of the pair that were passed on already, or are filler
    bool looks;      // small writes are looked at where they lie, and taken out a few at a time
    uint8_t small;   // of these in a row
    uint8_t pieces;  // looked at since bytes were taken out
    bool reset;      // the kernel said, once, that the program left bytes unread
    struct sok_region *region; // the last one that was lent here
    struct sok_slice lent;     // a block of it that waits for room in the connection
};

// Bytes moved; 0: no room, or nothing there; negative: an error, the stream is broken. *empty: nothing is
// left there.
int64_t sok_intake_move(struct sok_intake *in, struct sok_host *host, int fd,
    struct sok_tcp_conn *c, int64_t now, bool *empty);
// The stream is over: what was lent and never taken goes back.
void sok_intake_end(struct sok_intake *in, struct sok_host *host, int fd);

#endif
