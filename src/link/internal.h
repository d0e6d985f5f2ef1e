// What the links share: making and freeing the object, frames into buffers, cutting, text of errors.
#ifndef SOK_LINK_INTERNAL_H
#define SOK_LINK_INTERNAL_H

#include "link/link.h"

#define SOK_LINK_SUPER_MAX (65535 + 14 + 4) // an IP packet, Ethernet, one VLAN tag

// A link object of `size` bytes (struct sok_link first), zeroed, with fd -1 and a name. NULL: no memory.
struct sok_link *sok_link_new(
    const struct sok_mem *mem, size_t size, const struct sok_link_ops *ops);

// Writes one line into err and returns code.
int sok_link_fail(char *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A MAC address of one station, locally administered: the given one, or random when it is all zero.
void sok_link_mac(uint8_t out[6], const uint8_t given[6]);

// A device of /dev/net/tun, with Ethernet (TAP) or IP alone (TUN). In tap.c.
int sok_link_tun_device(const struct sok_mem *mem, const struct sok_tap_options *o, bool ip,
    struct sok_link **out, char *err);

// Waits (not for long) until the kernel has an interface's carrier noticed: until then it drops what it
// would send there. s: any socket.
void sok_link_wait_running(int s, const char *name);

// Makes a frame of the first len bytes of *rx, a large buffer that was read into. A small frame gets a buffer
// of its own size, so that what holds on to it does not hold 64 KB; a large one takes *rx over (NULL then).
// 0 or SOK_ENOMEM.
int sok_link_give(
    const struct sok_mem *mem, struct sok_buf **rx, uint32_t len, struct sok_frame *frame);

// Copies a gathered frame into one new buffer. 0 or SOK_ENOMEM.
int sok_link_gather(
    const struct sok_mem *mem, const struct sok_frame_out *in, struct sok_frame *out);

// The same frame as a gather list of one piece, valid as long as the buffer.
struct sok_frame_out sok_link_scatter(const struct sok_frame *frame);

// Whether metadata from outside can be believed: all offsets inside the frame.
bool sok_link_meta_ok(const struct sok_frame_meta *meta, const uint8_t *data, uint32_t len);

// A first-in-first-out queue of frames that grows up to a limit.
struct sok_link_queue {
    struct sok_frame *ring;
    unsigned cap, head, count;
};
// Takes the reference over. False: over the limit or no memory; the frame is the caller's still.
bool sok_link_queue_put(struct sok_link_queue *q, const struct sok_mem *mem, unsigned limit,
    const struct sok_frame *frame);
bool sok_link_queue_take(struct sok_link_queue *q, struct sok_frame *out); // false: empty
void sok_link_queue_free(struct sok_link_queue *q, const struct sok_mem *mem);

// Cuts a frame for a receiver of these caps and queues the pieces; the frame's reference stays the
// caller's. How many pieces were lost for want of room.
unsigned sok_link_cut(const struct sok_mem *mem, const struct sok_frame_out *frame, uint32_t caps,
    struct sok_link_queue *q, unsigned limit);

#endif
