// The receive side of a byte stream: bytes in order, ready to be read, and runs of bytes that came early.
// Each byte is known by its 32-bit sequence number. The first copy of a byte to arrive wins.
//
// Bytes are held as pieces: slices of the buffers they came in, without a copy. A payload that would keep
// a buffer more than four times its size alive is copied into a small buffer of the stream's own, which
// later payloads fill up, so memory held stays in proportion to data held. An empty stream holds none.
//
// Invariants: runs are sorted, not empty, not adjacent, and begin after `next`.
#ifndef SOK_BASE_STREAM_H
#define SOK_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/mem.h"

struct sok_stream_piece {
    struct sok_stream_piece *next;
    struct sok_slice slice;
    uint32_t room; // bytes free behind the slice, in a buffer of the stream's own; else 0
    bool own;      // the buffer is one of the stream's own
};

struct sok_stream_run {
    uint32_t start, end; // sequence numbers; end is one past the last
    struct sok_stream_piece *first, *last;
};

struct sok_stream {
    const struct sok_mem *mem;
    uint32_t next;                         // sequence number expected next
    uint32_t ready;                        // bytes that can be read
    uint32_t early;                        // bytes held out of order
    size_t charged;                        // bytes of memory held, overhead included
    struct sok_stream_piece *first, *last; // ready
    struct sok_stream_run *runs;
    uint32_t run_count, run_cap;
    struct sok_stream_piece spare; // saves an allocation while the reader keeps up
    bool spare_used;
};

void sok_stream_init(struct sok_stream *s, const struct sok_mem *mem, uint32_t next_seq);
void sok_stream_free(
    struct sok_stream *s); // drops everything; the stream may not move in memory before

// Takes data in that begins at seq (data.len below 2^30, and so is its distance from next), with a
// reference of its own. Returns by how much `next` moved, SOK_ENOBUFS when this would make more than
// runs_max runs, or SOK_ENOMEM; on failure nothing was taken.
int64_t sok_stream_add(
    struct sok_stream *s, uint32_t seq, struct sok_slice data, unsigned runs_max);

// The bytes at the front in at most *count pieces (*count: how many were written). Valid until consumed.
size_t sok_stream_peek(const struct sok_stream *s, struct sok_iov *iov, unsigned *count);
// Copies from `skip` bytes behind the front on, and leaves all where it is; how many.
size_t sok_stream_copy(const struct sok_stream *s, size_t skip, void *dst, size_t len);
size_t sok_stream_read(struct sok_stream *s, void *dst, size_t len); // peek, copy, consume
void sok_stream_consume(struct sok_stream *s, size_t len);           // at most s->ready

// The runs that came early, ascending.
static inline unsigned sok_stream_runs(const struct sok_stream *s)
{
    return s->run_count;
}
bool sok_stream_run(const struct sok_stream *s, unsigned i, uint32_t *start, uint32_t *end);
// The run that holds this byte; false: none does.
bool sok_stream_find(const struct sok_stream *s, uint32_t seq, uint32_t *start, uint32_t *end);

#endif
