// One direction of a bad wire: frames wait here until they are due. What a real Ethernet's checksum
// would catch is not done to a frame: corruption flips bits that IP, TCP, UDP or ICMP must notice.
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include "base/frame.h"
#include "tests/sim/rng.h"

enum path_says {
    PATH_TELLS,  // "fragmentation needed", with the MTU
    PATH_OLD,    // without it, as before RFC 1191
    PATH_SILENT, // a black hole
};

// What the way takes, from a time on.
struct path_step {
    int64_t at;   // since the start of the run
    uint16_t mtu; // 0: any size
    enum path_says says;
};
#define PATH_STEPS_MAX 6

struct wire_spec {
    double loss, duplicate, reorder, corrupt; // probabilities
    double mark;                              // of CE, on what is ECN-capable
    int64_t delay, jitter;                    // ns; jitter is added, 0 to jitter
    bool jitter_reorders;
    uint64_t rate;     // bits per second; 0: no limit
    unsigned queue;    // frames that may wait for a wire with a rate
    bool backpressure; // a full queue stops the sender; else the frame is lost
    bool cut;          // super-frames are cut before the wire
    unsigned path_count;
    struct path_step path[PATH_STEPS_MAX]; // of a wire that cuts
};

struct wire_frame {
    int64_t due;
    uint64_t order; // of two due at the same time the first goes first
    struct sok_frame_meta meta;
    uint32_t len;
    uint8_t data[];
};

struct wire {
    struct wire_spec spec;
    struct rng rng;
    struct wire *back; // where a router's answers travel
    int64_t start;     // of the run
    struct wire_frame **heap;
    size_t count, cap;
    uint64_t orders;
    int64_t free_at;  // when the last frame has left the sender
    int64_t last_due; // keeps frames in order
    unsigned waiting; // frames that have not left the sender
    int64_t *leaving; // ring of their times
    unsigned leave_head;
    uint64_t frames, bytes, lost, duplicated, reordered, corrupted, overflowed, marked, too_large;
};

void wire_init(struct wire *w, const struct wire_spec *spec, struct rng rng);
void wire_free(struct wire *w);
bool wire_full(struct wire *w, int64_t now); // offer the frame again at wire_deadline()
void wire_send(struct wire *w, const struct sok_frame_out *out, int64_t now);
struct wire_frame *wire_take(
    struct wire *w, int64_t now);            // NULL: none is due; to be freed with free()
int64_t wire_deadline(const struct wire *w); // INT64_MAX: empty

#endif
