// Sends packets through the kernel's raw sockets (layer 3) or a packet socket (frames), many per system call.
//
// A raw socket writes an IPv4 packet's total length and checksum itself, and its source and identification
// where they are 0. A packet that has other values there, wrong ones, goes past it: through a packet socket to the
// MAC of the next hop. Only to this machine's own addresses there is no such way.
//
// The kernel throws away, and tells nobody, what finds the queue of the receiving processor full or waits with too many
// others for a neighbour's MAC. Where no packet may get lost like that it is to hold few of them (`paced`).
#ifndef SOK_PROBE_SENDER_H
#define SOK_PROBE_SENDER_H

#include "probe/ways.h"

#define SOK_SENDER_BATCH   128         // packets of one system call
#define SOK_SENDER_BYTES   (256 << 10) // of them together
#define SOK_SENDER_WAIT_MS 10000       // for a device that takes no more

struct sok_sender_options {
    const char *interface; // NULL: by route; frames need one
    bool frames;
    bool
        paced; // not faster than this machine hands packets on and, where the receiver is on it, takes them
    unsigned neighbour_ms; // how long a neighbour may take to say its MAC; 0: 1000
};

struct sok_sender;
// `ways` must live longer, and be of the same interface. 0, or an error and a line in err (SOK_PROBE_ERR_MAX).
int sok_sender_open(const struct sok_mem *mem, struct sok_ways *ways,
    const struct sok_sender_options *options, struct sok_sender **out, char *err);
void sok_sender_close(struct sok_sender *s); // what was not flushed is lost
// Copies the packet; sends when enough have come together. An error is of this or an earlier packet, and is
// not repeated.
int sok_sender_put(struct sok_sender *s, const uint8_t *data, size_t len, char *err);
int sok_sender_flush(struct sok_sender *s, char *err);
uint64_t sok_sender_sent(const struct sok_sender *s);

#endif
