// Packets as they were captured: from a device, through a ring that the kernel fills (live.c), or from a
// file, pcap or pcapng (file.c). What either gives is a record; a filter (filter.h) may choose among them;
// dump.h writes them.
#ifndef SOK_CAPTURE_CAPTURE_H
#define SOK_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"

#define SOK_CAPTURE_ERR_MAX     256
#define SOK_CAPTURE_SNAPLEN_MAX 262144

// What a record begins with, by its number in capture files.
#define SOK_CAPTURE_ETHERNET 1
#define SOK_CAPTURE_RAW      101 // an IP header of either version

struct sok_capture_record {
    int64_t time;        // nanoseconds since 1970
    const uint8_t *data; // valid until the next call
    uint32_t len, orig_len;
    uint32_t interface; // live: the kernel's index; pcapng: its number in the file
    uint16_t linktype;
    uint8_t direction;    // enum sok_pcapng_direction
    bool for_others;      // live: sent to another MAC than the interface's
    bool checksum_absent; // live: the device is to fill the transport's in, and has not yet
    const char *comment;  // pcapng: not NUL-terminated, NULL: none
    uint32_t comment_len;
    const char *interface_name; // pcapng: as the file says; NULL: it does not, or live
};

// ---- live ----

struct sok_capture_options {
    const char *interface;         // NULL: all of them, or:
    const char *const *interfaces; // these, in one ring and in the order of time
    unsigned interface_count;      // up to SOK_CAPTURE_INTERFACES_MAX; 0: none named here
    const char *filter;            // as tcpdump takes it; NULL: everything
    uint32_t snaplen;              // 0: whole packets
    uint32_t ring_bytes;           // 0: SOK_CAPTURE_RING_BYTES
    unsigned latency_ms;           // how long a packet may wait for others; 0: 20
    bool promiscuous;              // named interfaces alone
    bool incoming;                 // not what this machine sends
};

#define SOK_CAPTURE_INTERFACES_MAX 32
#define SOK_CAPTURE_RING_BYTES     (16 << 20)
#define SOK_CAPTURE_RING_BYTES_MAX (1u << 30)

struct sok_capture_stats {
    uint64_t seen;    // packets that the filter let through
    uint64_t dropped; // of these, found no room in the ring
    uint64_t
        taken; // of the others, have been read: what is missing comes yet, when its block is handed over
};

struct sok_capture;
// Hears from here on, and nothing from before. 0, or an error and a line in err (SOK_CAPTURE_ERR_MAX).
int sok_capture_open(const struct sok_mem *mem, const struct sok_capture_options *options,
    struct sok_capture **out, char *err);
void sok_capture_close(struct sok_capture *c);
int sok_capture_fd(const struct sok_capture *c); // readable when there may be packets
// 1: *out is the next packet; 0: none now; SOK_ELINKDOWN: an interface that was named went down, SOK_ENODEV: it is
// gone; it is no longer listened on, and out->interface is its place among the names.
int sok_capture_next(struct sok_capture *c, struct sok_capture_record *out);
unsigned sok_capture_left(
    const struct sok_capture *c); // named interfaces that are still listened on
void sok_capture_stats(struct sok_capture *c, struct sok_capture_stats *out);
uint64_t sok_capture_taken(const struct sok_capture *c);

#endif
