// Reads pcapng: both byte orders, several sections, bounded whatever the file says. Blocks it has no use for are
// skipped. A file that ends in the middle of a block (a recording that was cut off) gives what was whole, then
// an error.
//
//   sok_pcapng_reader_init(&r, mem, source);
//   while ((n = sok_pcapng_next(&r, &record)) > 0) ...    record is valid until the next call
//   if (n < 0) ... r.why says what is wrong
//   sok_pcapng_reader_free(&r);
#ifndef SOK_PCAPNG_READER_H
#define SOK_PCAPNG_READER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"

struct sok_pcapng_source {
    // Up to len bytes: the number read, 0 at the end, or a negative errno.
    int64_t (*read)(void *ctx, void *data, size_t len);
    void *ctx;
};
struct sok_pcapng_source sok_pcapng_source_fd(int fd);

// A file in memory: `ctx` of its source is this struct.
struct sok_pcapng_bytes {
    const uint8_t *at;
    size_t left;
};
struct sok_pcapng_source sok_pcapng_source_bytes(struct sok_pcapng_bytes *bytes);

#define SOK_PCAPNG_BLOCK_MAX      (16 << 20)
#define SOK_PCAPNG_INTERFACES_MAX 1024 // in one section
#define SOK_PCAPNG_TEXT_MAX       64   // of an interface's name, with NUL; longer ones are cut

struct sok_pcapng_if {
    uint16_t linktype;
    uint32_t snaplen; // 0: no limit
    uint8_t tsresol;  // as in the file: 10^-n, or 2^-n with the high bit; 6 unless said
    int64_t tsoffset; // seconds
    bool has_mac;
    uint8_t mac[6];
    char name[SOK_PCAPNG_TEXT_MAX];
};

enum sok_pcapng_kind {
    SOK_PCAPNG_IS_SECTION,
    SOK_PCAPNG_IS_INTERFACE,
    SOK_PCAPNG_IS_PACKET,
    SOK_PCAPNG_IS_STATS,
};

struct sok_pcapng_record {
    uint8_t kind; // enum sok_pcapng_kind
    uint32_t interface;
    const struct sok_pcapng_if *info; // of the interface; NULL for a section
    // A packet.
    int64_t time; // nanoseconds since 1970; 0 in a simple packet
    const uint8_t *data;
    uint32_t len, orig_len;
    uint8_t direction; // enum sok_pcapng_direction
    // Statistics.
    uint64_t received, dropped;
    bool has_received, has_dropped;
    // The first comment of the block: not NUL-terminated, NULL: none.
    const char *comment;
    uint32_t comment_len;
};

struct sok_pcapng_reader {
    const struct sok_mem *mem;
    struct sok_pcapng_source source;
    uint8_t *buf; // the current block
    size_t cap;
    struct sok_pcapng_if *interfaces; // of the current section
    uint32_t interface_count, interface_cap;
    bool in_section, big_endian;
    uint64_t offset; // in the file, of the current block
    const char *why; // after an error: what is wrong
};

void sok_pcapng_reader_init(
    struct sok_pcapng_reader *r, const struct sok_mem *mem, struct sok_pcapng_source source);
void sok_pcapng_reader_free(struct sok_pcapng_reader *r);
// 1: *out is the next record; 0: the end; SOK_EPROTO: not a sound pcapng file; SOK_ENOMEM; SOK_EIO.
int sok_pcapng_next(struct sok_pcapng_reader *r, struct sok_pcapng_record *out);

#endif
