// A link carries frames between a stack and the outside. Opening is a link's own business; from then on
// every link is this small table of calls. Links know nothing of the stack they serve; the host moves the
// frames. Here are the openers of most; packet.h and user.h have theirs.
#ifndef SOK_LINK_LINK_H
#define SOK_LINK_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/frame.h"

struct sok_link;

struct sok_link_ops {
    // Takes one frame. SOK_EAGAIN: full now (nothing was taken); offer it again when fd is writable, or
    // has been readable: the fd of a lan is an epoll set, which is never writable and becomes readable
    // instead. Another error: the frame is lost and was counted (an interface that is down may come
    // up again); SOK_ELINKDOWN: the link is over.
    int (*send)(struct sok_link *link, const struct sok_frame_out *frame, int64_t now);
    // Gives one frame; frame->buf is a reference that the caller now owns. SOK_EAGAIN: none now.
    // SOK_ELINKDOWN: the link is over. A frame with csum_partial never was on a wire: csum_valid is set too.
    int (*recv)(struct sok_link *link, struct sok_frame *frame, int64_t now);
    // When recv is to be called at the latest, whatever fd says (impairment, rate, a hub to look for);
    // INT64_MAX: fd alone tells.
    int64_t (*deadline)(const struct sok_link *link);
    void (*close)(struct sok_link *link); // frees it
};

struct sok_link {
    const struct sok_link_ops *ops;
    struct sok_link_info info;
    const struct sok_mem *mem;
    unsigned interface; // the kernel's number of the interface it stands on; 0: none
    int fd;             // readable when recv has frames; -1: none (mem)
    bool busy;          // holds what it took and has yet to deliver
    bool wants_out;     // the last send said SOK_EAGAIN: wait for fd to be writable
    uint64_t lost;      // frames it took, or should have, and did not deliver
};

// Each opener gives 0 and *out, or a negative error and one line in err (ERR_MAX bytes) that says what to do.
#define SOK_LINK_ERR_MAX 256

struct sok_tap_options {
    const char *name; // NULL or "": the kernel chooses
    uint16_t mtu;     // 0: 1500
    uint8_t mac[6];   // all zero: a random, locally administered one
    bool offload;     // segmentation and checksum offload in both directions
};
int sok_link_tap(
    const struct sok_mem *mem, const struct sok_tap_options *o, struct sok_link **out, char *err);
// The same without Ethernet (SOK_LINK_IP); mac all zero.
int sok_link_tun(
    const struct sok_mem *mem, const struct sok_tap_options *o, struct sok_link **out, char *err);

// Two ends of a wire in memory; each holds at most `frames` frames.
int sok_link_mem_pair(const struct sok_mem *mem, uint16_t mtu, uint32_t caps, unsigned frames,
    struct sok_link **a, struct sok_link **b);

// An Ethernet hub between processes of one user. The first to come becomes the hub; when it goes, another
// takes over. name: letters, digits, - and _.
struct sok_lan_options {
    const char *name;
    uint16_t mtu;   // 0: 1500
    uint8_t mac[6]; // all zero: random
    bool offload;   // members hand each other super-frames
};
int sok_link_lan(
    const struct sok_mem *mem, const struct sok_lan_options *o, struct sok_link **out, char *err);

// Wraps a link (and owns it then): loss, delay, jitter, duplicates, reordering, corruption, rate, all from
// a seed, in both directions. Super-frames are cut first, so it sees what a wire would see.
struct sok_impair {
    double loss, duplicate, reorder, corrupt; // probabilities, 0 to 1
    int64_t delay, jitter;                    // ns; jitter is uniform in +-jitter
    uint64_t rate;                            // bits per second; 0: no limit
    uint32_t queue; // frames that may wait per direction; over it they are dropped
    uint64_t seed;
    uint64_t drop_out[8], drop_in[8]; // frames to lose by number (1: the first), 0: end of list
};
// "loss=1%,delay=20ms,jitter=2ms,dup=0.1%,reorder=1%,corrupt=0.1%,rate=10mbit,queue=1000,seed=7,drop-out=3/9"
int sok_impair_parse(const char *text, struct sok_impair *out, char *err);
int sok_link_impair(struct sok_link *under, const struct sok_impair *what, struct sok_link **out);
struct sok_impair_counts {
    uint64_t in, out, lost, duplicated, reordered, corrupted, overflowed;
};
void sok_impair_counts(const struct sok_link *link, struct sok_impair_counts *out);
// The same for each direction. frames: all that came, cut if they were super-frames; passed: went on.
struct sok_impair_way {
    uint64_t frames, passed, lost, duplicated, reordered, corrupted, overflowed;
};
void sok_impair_ways(
    const struct sok_link *link, struct sok_impair_way *out, struct sok_impair_way *in);

#endif
