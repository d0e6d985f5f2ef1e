// Writes a recording in pcapng (draft-ietf-opsawg-pcapng): one section, its interfaces, packets with
// nanoseconds, direction and comment, statistics at the end. Always little-endian, so that the same run
// gives the same file everywhere. What is written is gathered in a buffer and goes out through one hook.
//
//   sok_pcapng_writer_init(&w, mem, sink, "program 1.0");
//   id = sok_pcapng_add_interface(&w, &interface);
//   sok_pcapng_add_packet(&w, &packet); ...
//   sok_pcapng_add_stats(&w, &stats);
//   err = sok_pcapng_writer_close(&w);
//
// The first error of the hook stays (w.err); from then on nothing more is written and every call gives it.
#ifndef SOK_PCAPNG_WRITER_H
#define SOK_PCAPNG_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/frame.h"
#include "base/mem.h"

struct sok_pcapng_sink {
    // Takes some of the bytes, at least one: the number taken, or a negative errno. 0 counts as -EIO.
    int64_t (*write)(void *ctx, const void *data, size_t len);
    void *ctx;
};
struct sok_pcapng_sink sok_pcapng_sink_fd(int fd); // stays the caller's
struct sok_pcapng_sink sok_pcapng_sink_file(FILE *file);

#define SOK_PCAPNG_WRITER_BUFFER 65536  // grows to the largest block
#define SOK_PCAPNG_SNAPLEN_MAX   262144 // what Wireshark takes
#define SOK_PCAPNG_COMMENT_MAX   4096   // longer ones are cut, between characters

struct sok_pcapng_writer {
    const struct sok_mem *mem;
    struct sok_pcapng_sink sink;
    uint8_t *buf;
    size_t cap, used;
    uint32_t interfaces;
    uint64_t bytes; // handed to the sink
    int err;        // 0, or the first error: a negative errno
};

// Nothing is written yet; a sink that fails shows at the first flush. 0 or -ENOMEM.
int sok_pcapng_writer_init(struct sok_pcapng_writer *w, const struct sok_mem *mem,
    struct sok_pcapng_sink sink, const char *application);
int sok_pcapng_flush(struct sok_pcapng_writer *w);
// Flushes and frees. 0, or the first error.
int sok_pcapng_writer_close(struct sok_pcapng_writer *w);

struct sok_pcapng_interface {
    const char *name, *description; // NULL: none
    const uint8_t *mac;             // NULL: none
    uint16_t linktype;              // SOK_PCAPNG_LINKTYPE_ETHERNET or _RAW
    uint32_t snaplen;               // 0: SOK_PCAPNG_SNAPLEN_MAX
};
int64_t sok_pcapng_add_interface(struct sok_pcapng_writer *w, const struct sok_pcapng_interface *i);

enum sok_pcapng_direction {
    SOK_PCAPNG_UNKNOWN,
    SOK_PCAPNG_IN,
    SOK_PCAPNG_OUT,
};

struct sok_pcapng_packet {
    uint32_t interface;
    int64_t time; // nanoseconds since 1970
    const struct sok_iov *iov;
    unsigned iov_count;
    uint32_t len;                      // sum of the iov lengths
    uint32_t orig_len;                 // on the wire; 0: len
    const struct sok_frame_meta *meta; // NULL: none. A checksum left to the device is completed
    uint8_t direction;                 // enum sok_pcapng_direction
    const char *comment;               // NULL or "": none
};
int sok_pcapng_add_packet(struct sok_pcapng_writer *w, const struct sok_pcapng_packet *p);

struct sok_pcapng_stats {
    uint32_t interface;
    int64_t time, start, end; // nanoseconds since 1970
    uint64_t received, dropped;
};
int sok_pcapng_add_stats(struct sok_pcapng_writer *w, const struct sok_pcapng_stats *s);

// A TLS key log (the lines of SSLKEYLOGFILE), which readers want before the packets. `place` (at least
// len) bytes are taken, line ends after the text: so that keys can be put in later. Where in the file the
// text is, or an error.
int64_t sok_pcapng_add_keys(
    struct sok_pcapng_writer *w, const char *text, size_t len, size_t place);

#endif
